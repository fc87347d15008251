"""A template's file: front matter, words, blanks, and blocks on lines of their own."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from engine.language.diagnostics.codes import config_files as code
from engine.language.diagnostics.verify_fix import with_verified_fixes
from engine.language.documents.config_fields import Checked
from engine.language.expressions.expressions import pieces
from engine.language.expressions.paths import Locate
from engine.language.templates import foreign_syntax
from engine.language.templates.placeholders import ANYTHING, Blanks
from engine.language.text.nodes import Mapping, Node, Scalar
from engine.language.text.source import MAX_SHOWN, SourceText, part, with_source_lines
from engine.language.types import type_syntax
from engine.language.yaml import reader
from engine.model.definitions.diagnostics import Diagnostic, Fix, Severity, Span
from engine.model.definitions.plan import Expr
from engine.model.definitions.types import ANY, Field, Type

TEMPLATES = "vault/templates/"
MAX_NESTED = 2
KEYS = ("subject", "values", "language", "purpose", "tags", "aliases", "cssclasses", "created", "updated")
"""The keys of a template's front matter; from `tags` on they belong to note programs."""

_BLOCK = re.compile(r"(for|if)\b|end$")
_FOR = re.compile(r"for\s+([A-Za-z][A-Za-z0-9_]*)\s+in\s+(.+)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*")
_RESERVED = {"end": "the end of a block", "for": "a block that repeats", "if": "a block with a condition"}
_PURPOSE = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blank:
    """A value inside the words."""

    value: Expr
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ForBlock:
    """Words for each entry of a list."""

    name: str
    items: Expr
    line: int
    body: tuple["Part", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IfBlock:
    """Words under a condition."""

    condition: Expr
    line: int
    body: tuple["Part", ...]


Part: TypeAlias = str | Blank | ForBlock | IfBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template that can be filled. `values` are the ones it may read; an optional one may be left out. `purpose` is what policy.yaml asks."""

    path: str
    values: tuple[Field, ...] = ()
    subject: tuple[Part, ...] = ()
    body: tuple[Part, ...] = ()
    language: str = ""
    purpose: str = ""
    values_line: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Takes:
    """What a template takes from the steps that use it, known even where it is `broken`. `values` is None where its file doesn't declare them readably."""

    path: str
    values: tuple[Field, ...] | None = None
    broken: bool = True


Parsed: TypeAlias = tuple[Template | None, tuple[Diagnostic, ...]]


def parse(path: str, content: bytes) -> Parsed:
    """The template, or None when an error keeps it from being used."""
    template, diagnostics = _read(path, content)
    if not diagnostics:
        return template, ()
    return template, with_verified_fixes(content, diagnostics, lambda mended: _read(path, mended)[1])


def takes(template: Template | None, path: str, content: bytes) -> Takes:
    """What a template takes; for one that can't be used, what its front matter declares, whatever is wrong with its words."""
    if template is not None:
        return Takes(path=path, values=template.values, broken=False)
    node, _, _, unread = reader.front_matter(path, content)
    if unread:
        return Takes(path=path)
    front = Checked(path, content)
    values = front.entries(node, known=KEYS).get("values")
    # Beside a key that doesn't exist, the one that is missing may be what was meant.
    if values is None and front.diagnostics():
        return Takes(path=path)
    return Takes(path=path, values=type_syntax.declared_fields(values.value if values is not None else None))


def _read(path: str, content: bytes) -> Parsed:
    node, body, lines_above, unread = reader.front_matter(path, content)
    if unread:
        return None, unread
    source = SourceText.from_bytes(path, content)
    checked = Checked(path, content)
    entries = checked.entries(node, known=KEYS)
    front = {key: entry.value for key, entry in entries.items()}
    values = _values(checked, front.get("values"))
    purpose = checked.matching(front.get("purpose"), _PURPOSE, "a word, like marketing")
    language = checked.matching(front.get("language"), _LANGUAGE, "a language, like en or pt-BR")
    blocks = _Blocks(path=path, source=source, note=checked.note, values=values, language=language or "")
    template = Template(
        path=path,
        values=values,
        subject=_subject(checked, blocks, source, front.get("subject")),
        body=blocks.parts(
            list(enumerate(body.strip("\n").split("\n"), lines_above + 1 + _leading_newlines(body)))
        ),
        language=language or "",
        purpose=purpose or "",
        values_line=entries["values"].key_span.line if "values" in entries else 1,
    )
    diagnostics = with_source_lines(source, checked.diagnostics())
    return (
        None if any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics) else template
    ), diagnostics


def _leading_newlines(body: str) -> int:
    return len(body) - len(body.lstrip("\n"))


def _values(checked: Checked, node: Node | None) -> tuple[Field, ...]:
    if not isinstance(node, Mapping):
        checked.mapping(node)
        return ()
    declared, diagnostics = type_syntax.declared(node)
    for diagnostic in diagnostics:
        checked.note(diagnostic)
    for entry in node.entries:
        name = entry.key.removesuffix("?")
        if name in _RESERVED:
            checked.note(code.reserved_name(entry.key_span, name=name, means=_RESERVED[name]))
        elif not _NAME.fullmatch(name):
            checked.note(code.value_name(entry.key_span, name=name))
    for value in declared:
        if value.default is not None:
            checked.note(
                code.unknown_key(
                    type_syntax.place(value.default), key="default", known=("type", "description")
                )
            )
    return tuple(value.field for value in declared)


def _subject(checked: Checked, blocks: "_Blocks", source: SourceText, node: Node | None) -> tuple[Part, ...]:
    if node is None:
        return ()
    if not isinstance(node, Scalar) or not node.text.strip():
        checked.text(node)
        return ()
    text = node.text.strip("\n")
    return tuple(blocks.words(text, node.span.line, lambda start, end: part(source, node, start, end)))


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLine:
    """A line of the body: a block when `block` holds its text, else words."""

    number: int
    text: str
    block: str = ""
    start: int = 0


@dataclass(slots=True, kw_only=True)
class OpenBlock:
    """A block under construction; the first is the whole body. `part` is None when the block can't be read."""

    line: BodyLine = BodyLine(number=0, text="")
    part: ForBlock | IfBlock | None = None
    inner: list[Part] = field(default_factory=list)


class _Blocks:
    """Lines to parts. A stack of open blocks, no recursion on the author's text."""

    def __init__(
        self,
        *,
        path: str,
        source: SourceText,
        note: Callable[[Diagnostic], None],
        values: tuple[Field, ...],
        language: str,
    ) -> None:
        self._path = path
        self._source = source
        self._note = note
        self._values = {field.name: field for field in values}
        self._paired: dict[int, Fix | None] = {}
        self._foreign_count = 0
        self._language = language

    def _blanks(self, loops: dict[str, Type]) -> Blanks:
        return Blanks(values=self._values, loops=loops, note=self._note, language=self._language)

    def parts(self, lines: Sequence[tuple[int, str]]) -> tuple[Part, ...]:
        """The body."""
        stack = [OpenBlock()]
        loops: dict[str, Type] = {}
        self._paired = foreign_syntax.block_fixes(self._path, lines)
        for number, text in lines:
            line = self._line(number, text)
            if not line.block:
                stack[-1].inner.extend(self.words(text + "\n", number, self._locator(number), loops=loops))
            elif line.block != "end":
                stack.append(OpenBlock(line=line, part=self._open(line, loops, depth=len(stack))))
            elif len(stack) == 1:
                span = self._at(line)
                fix = Fix(span=span, text="")
                self._note(
                    code.unbalanced(span, message="this `end` closes nothing", hint="take it out", fix=fix)
                )
            else:
                done = stack.pop()
                if isinstance(done.part, ForBlock):
                    loops.pop(done.part.name, None)
                if done.part is not None:
                    stack[-1].inner.append(replace(done.part, body=tuple(_merged(done.inner))))
        for open_block in stack[1:]:
            number, text = lines[-1]
            end = Span(
                path=self._path, line=number, column=len(text) + 1, end_line=number, end_column=len(text) + 1
            )
            fix = Fix(span=end, text="\n${{ end }}")
            message = f"`{open_block.line.block}` has no `end`"
            hint = "write `${{ end }}` on a line of its own below"
            self._note(code.unbalanced(self._at(open_block.line), message=message, hint=hint, fix=fix))
        return tuple(_merged(stack[0].inner))

    def words(
        self, text: str, number: int, locate: Locate, *, loops: dict[str, Type] | None = None
    ) -> Iterator[Part]:
        """One line of words with its blanks."""
        blanks = self._blanks(loops or {})
        if self._foreign_count < MAX_SHOWN:
            for warning in foreign_syntax.diagnose_line(
                text, (*self._values, *(loops or {})), locate, self._paired, number
            ):
                self._note(warning)
                self._foreign_count += 1
        at = 0
        for piece in pieces(text):
            yield text[at : piece.start]
            at = piece.end
            if piece.inner_end < 0:
                self._note(code.open_expression(locate(piece.start, piece.start + 3)))
                continue
            written = text[piece.inner : piece.inner_end]
            if _BLOCK.match(written.strip()):
                # A block in a subject, or one that shares its line with words.
                self._note(
                    code.block_alone(locate(piece.start, piece.end), block=text[piece.start : piece.end])
                )
                continue
            value = blanks.text(written, _shifted(locate, piece.inner))
            if value is not None:
                yield Blank(value=value, line=number)
        yield text[at:]

    def _line(self, number: int, text: str) -> BodyLine:
        expressions = pieces(text)
        if (
            not expressions
            or expressions[0].inner_end < 0
            or text[: expressions[0].start].strip()
            or text[expressions[0].end :].strip()
        ):
            return BodyLine(number=number, text=text)
        inner = text[expressions[0].inner : expressions[0].inner_end]
        block = inner.strip() if _BLOCK.match(inner.strip()) else ""
        return BodyLine(
            number=number,
            text=text,
            block=block,
            start=expressions[0].inner + len(inner) - len(inner.lstrip()),
        )

    def _open(self, line: BodyLine, loops: dict[str, Type], *, depth: int) -> ForBlock | IfBlock | None:
        """A block that begins; what is inside an unreadable one is still read, so that all its mistakes are found."""
        if depth > MAX_NESTED:
            self._note(code.nested(self._at(line), limit=MAX_NESTED))
            return None
        locate = self._locator(line.number)
        blanks = self._blanks(loops)
        if line.block.startswith("if"):
            condition = blanks.condition(line.block[2:], _shifted(locate, line.start + 2))
            return None if condition is None else IfBlock(condition=condition, line=line.number, body=())
        match = _FOR.fullmatch(line.block)
        if match is None:
            self._note(code.bad_block(self._at(line), text=line.block))
            return None
        name, begin = match[1], line.start + match.start(2)
        if name in self._values or name in loops:
            place = line.start + match.start(1)
            self._note(code.name_taken(locate(place, place + len(name)), name=name))
            return None
        items = blanks.items(match[2], _shifted(locate, begin))
        loops[name] = ANY if items is None else (items.type.items or ANY)
        return ForBlock(name=name, items=items or ANYTHING, line=line.number, body=())

    def _locator(self, number: int) -> Locate:
        return lambda start, end: Span(
            path=self._path,
            line=number,
            column=start + 1,
            end_line=number,
            end_column=max(end, start + 1) + 1,
        )

    def _at(self, line: BodyLine) -> Span:
        text = line.text
        return self._locator(line.number)(len(text) - len(text.lstrip()), len(text.rstrip()))


def _shifted(locate: Locate, offset: int) -> Locate:
    return lambda start, end: locate(offset + start, offset + end)


def _merged(parts: Sequence[Part]) -> Iterator[Part]:
    """Neighbouring words as one."""
    words = ""
    for piece in parts:
        if isinstance(piece, str):
            words += piece
            continue
        if words:
            yield words
        words = ""
        yield piece
    if words:
        yield words
