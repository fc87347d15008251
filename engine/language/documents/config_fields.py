"""Takes typed values out of an authored tree and keeps what is wrong with it.

Every method answers None (or less) after noting a diagnostic, so that one pass over a file finds everything.
"""

import re
from collections.abc import Collection, Iterable
from decimal import Decimal

from engine.language.diagnostics.codes import config_files as code
from engine.language.text.nodes import Entry, Mapping, Node, Scalar, Sequence
from engine.language.text.source import SourceText, with_source_lines
from engine.model.definitions.diagnostics import Diagnostic, Fix, Span
from engine.model.values.money import Money

_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,12})?")
_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,14})")
_SAFE_ITEM = re.compile(r"[\w./*-]+(?: [\w./*-]+)*")


class Checked:
    """One file under inspection."""

    def __init__(self, path: str, raw: bytes) -> None:
        self._source = SourceText.from_bytes(path, raw)
        self._diagnostics: list[Diagnostic] = []

    def note(self, diagnostic: Diagnostic) -> None:
        """Keep a diagnostic."""
        self._diagnostics.append(diagnostic)

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All of them, in the order of the file, with the line they are about."""
        return with_source_lines(
            self._source, sorted(self._diagnostics, key=lambda diagnostic: diagnostic.span)
        )

    def entries(self, node: Node | None, *, known: Collection[str]) -> dict[str, Entry]:
        """The known keys of a map; unknown ones are refused, with the nearest known one as the fix."""
        mapping = self.mapping(node)
        taken = [entry.key for entry in mapping]
        for entry in mapping:
            if entry.key not in known:
                self.note(code.unknown_key(entry.key_span, key=entry.key, known=known, taken=taken))
        return {entry.key: entry for entry in mapping if entry.key in known}

    def mapping(self, node: Node | None) -> tuple[Entry, ...]:
        """The entries of a map with keys of the operator's own."""
        if node is None:
            return ()
        if isinstance(node, Mapping):
            return node.entries
        self._wrong_kind(node, "a map")
        return ()

    def items(self, node: Node | None) -> tuple[Node, ...]:
        """The items of a list."""
        if node is None:
            return ()
        if isinstance(node, Sequence):
            return node.items
        fix = None
        if isinstance(node, Scalar) and _SAFE_ITEM.fullmatch(node.text):
            fix = Fix(span=node.span, text=f"[{node.text}]")
        self._wrong_kind(node, "a list", fix=fix)
        return ()

    def text(self, node: Node | None) -> str | None:
        """The characters of a scalar, which may not be empty."""
        if node is None:
            return None
        if isinstance(node, Scalar) and node.text.strip():
            if "${{" in node.text:
                self.note(code.secret_place(node.span, why="an expression can't stand here"))
                return None
            return node.text.strip()
        self._wrong_kind(node, "text")
        return None

    def texts(self, node: Node | None) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(text for child in self.items(node) if (text := self.text(child)) is not None)

    def matching(self, node: Node | None, pattern: re.Pattern[str], expected: str) -> str | None:
        """Text of one form."""
        text = self.text(node)
        if text is None or node is None or pattern.fullmatch(text):
            return text
        self.note(code.not_allowed(node.span, value=text, allowed=(), expected=expected))
        return None

    def choice(self, node: Node | None, allowed: Collection[str], expected: str) -> str | None:
        """One of some words."""
        text = self.text(node)
        if text is None or node is None or text in allowed:
            return text
        self.note(code.not_allowed(node.span, value=text, allowed=allowed, expected=expected))
        return None

    def number(self, node: Node | None, *, low: int, high: int | None, expected: str) -> Decimal | None:
        """A number between two others, both included."""
        return self._number(node, _NUMBER, low, high, expected)

    def integer(self, node: Node | None, *, low: int, expected: str) -> int | None:
        """A whole number."""
        number = self._number(node, _WHOLE, low, None, expected)
        return None if number is None else int(number)

    def money(self, node: Node | None) -> Money | None:
        """An amount that is not negative."""
        text = self.text(node)
        if text is None or node is None:
            return None
        try:
            amount = Money.parse(text)
        except ValueError:
            amount = None
        if amount is not None and amount.minor >= 0:
            return amount
        self.note(code.not_allowed(node.span, value=text, allowed=(), expected="an amount, like 49.00 EUR"))
        return None

    def required(self, entries: dict[str, Entry], keys: Iterable[tuple[str, str]], span: Span) -> None:
        """Note each (key, example) that is missing."""
        for key, example in keys:
            if key not in entries:
                self.note(code.missing_key(span, key=key, example=example))

    def _number(
        self, node: Node | None, pattern: re.Pattern[str], low: int, high: int | None, expected: str
    ) -> Decimal | None:
        if node is None:
            return None
        if not isinstance(node, Scalar) or not pattern.fullmatch(node.text) or not node.plain:
            fits = isinstance(node, Scalar) and pattern.fullmatch(node.text)
            self._wrong_kind(
                node,
                expected,
                fix=Fix(span=node.span, text=node.text) if isinstance(node, Scalar) and fits else None,
            )
            return None
        number = Decimal(node.text)
        if number < low or (high is not None and number > high):
            self.note(code.not_allowed(node.span, value=node.text, allowed=(), expected=expected))
            return None
        return number

    def _wrong_kind(self, node: Node, expected: str, *, fix: Fix | None = None) -> None:
        match node:
            case Scalar(text=""):
                actual = "nothing"
            case Scalar():
                actual = f"`{node.text}`" if len(node.text) < 40 and "\n" not in node.text else "text"
            case Sequence():
                actual = "a list"
            case Mapping():
                actual = "a map"
        self.note(code.wrong_kind(_first_line(node.span), expected=expected, actual=actual, fix=fix))


def _first_line(span: Span) -> Span:
    """A place that shows as one line."""
    if span.end_line == span.line:
        return span
    return Span(
        path=span.path, line=span.line, column=span.column, end_line=span.line, end_column=span.column + 1
    )
