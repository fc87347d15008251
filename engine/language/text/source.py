"""The characters of a file as lines, and places in it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.language.text.nodes import Scalar
from engine.model.definitions.diagnostics import Diagnostic, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceText:
    """One file's text without BOM, split at line feeds."""

    path: str
    lines: tuple[str, ...]

    @classmethod
    def from_bytes(cls, path: str, raw: bytes) -> "SourceText":
        """From bytes; what isn't UTF-8 is replaced, since a source is for showing."""
        return cls(path=path, lines=tuple(decoded(raw).split("\n")))

    def line(self, number: int) -> str:
        """Line `number`, counted from 1; empty past the end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


def decoded(raw: bytes) -> str:
    """The text of a file: BOM dropped, CRLF as LF, undecodable bytes replaced."""
    return raw.decode("utf-8-sig", "replace").replace("\r\n", "\n")


KEPT_BACK = " "
"""The line of a diagnostic that is not to be shown: it holds a secret."""


def with_source_lines(source: SourceText, diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The diagnostics with the text of their line, for display. A line that one of them keeps back with a blank shows for none."""
    diagnostics = tuple(diagnostics)
    hidden_lines = {
        diagnostic.span.line
        for diagnostic in diagnostics
        if diagnostic.source == KEPT_BACK and diagnostic.span.path == source.path
    }

    def line(diagnostic: Diagnostic) -> str:
        return KEPT_BACK if diagnostic.span.line in hidden_lines else source.line(diagnostic.span.line)

    return tuple(
        diagnostic
        if diagnostic.source or diagnostic.span.path != source.path
        else replace(diagnostic, source=line(diagnostic))
        for diagnostic in diagnostics
    )


MAX_SHOWN = 100
"""How many diagnostics of one file are looked for; the rest appears once these are mended."""


def escaped(source: SourceText, scalar: Scalar, text: str) -> str:
    """A replacement inside a scalar as its quotes want it written."""
    mark = "" if scalar.plain else source.line(scalar.span.line)[scalar.span.column - 1 : scalar.span.column]
    if mark == "'":
        return text.replace("'", "''")
    if mark == '"':
        return text.replace("\\", "\\\\").replace('"', '\\"')
    return text


def part(source: SourceText, scalar: Scalar, start: int, end: int) -> Span:
    """The place of `scalar.text[start:end]` in the file, as exactly as escapes and folding leave it.

    Plain and quoted scalars of one line without escapes are exact. In others the expression the piece belongs to is looked for:
    the third `${{` of the text is the third one in the file. Where that fails, the whole scalar is named.
    """
    span, text = scalar.span, scalar.text
    at = span.column - 1 + (0 if scalar.plain else 1)
    if span.line == span.end_line and source.line(span.line)[at : at + len(text)] == text:
        return _at(span, span.line, at + start, max(end, start + 1) - start)
    return _searched(source, scalar, start, end) or span


def _at(span: Span, line: int, index: int, width: int) -> Span:
    return Span(path=span.path, line=line, column=index + 1, end_line=line, end_column=index + 1 + width)


def _searched(source: SourceText, scalar: Scalar, start: int, end: int) -> Span | None:
    span, text = scalar.span, scalar.text
    opening = text.rfind("${{", 0, start + 3)
    if opening < 0:
        return None
    place = _opening(source, span, text.count("${{", 0, opening))
    if place is None:
        return None
    number, index = place
    lead = escaped(source, scalar, text[opening:start])
    piece = escaped(source, scalar, text[start:end]).split("\n", 1)[0]
    if source.line(number).startswith(lead + piece, index):
        return _at(span, number, index + len(lead), max(len(piece), 1))
    # An expression over several lines: its own line, if the piece is on one that is written alike.
    for later in range(number, min(span.end_line, len(source.lines)) + 1):
        position = source.line(later).find(piece, index if later == number else 0)
        if piece and position >= 0:
            return _at(span, later, position, len(piece))
    return _at(span, number, index, 3)


def _opening(source: SourceText, span: Span, which: int) -> tuple[int, int] | None:
    """Line and index of one of the `${{` between the places of a span."""
    for number in range(span.line, min(span.end_line, len(source.lines)) + 1):
        line = source.line(number)
        index = line.find("${{", span.column - 1 if number == span.line else 0)
        while index >= 0:
            if which == 0:
                return number, index
            which -= 1
            index = line.find("${{", index + 3)
    return None
