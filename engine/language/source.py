"""The characters of a file as lines, and places in it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.language.tree import Scalar
from engine.model.span import Diagnostic, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file's text without BOM, split at line feeds."""

    path: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, path: str, data: bytes) -> "Source":
        """From bytes; what isn't UTF-8 is replaced, since a source is for showing."""
        return cls(path=path, lines=tuple(decoded(data).split("\n")))

    def line(self, number: int) -> str:
        """Line `number`, counted from 1; empty past the end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


def decoded(data: bytes) -> str:
    """The text of a file: BOM dropped, CRLF as LF, undecodable bytes replaced."""
    return data.decode("utf-8-sig", "replace").replace("\r\n", "\n")


def shown(source: Source, diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The diagnostics with the text of their line, for display."""
    return tuple(
        d if d.source or d.span.path != source.path else replace(d, source=source.line(d.span.line))
        for d in diagnostics
    )


def escaped(source: Source, scalar: Scalar, text: str) -> str:
    """A replacement inside a scalar as its quotes want it written."""
    mark = "" if scalar.plain else source.line(scalar.span.line)[scalar.span.column - 1 : scalar.span.column]
    if mark == "'":
        return text.replace("'", "''")
    if mark == '"':
        return text.replace("\\", "\\\\").replace('"', '\\"')
    return text


def part(source: Source, scalar: Scalar, start: int, end: int) -> Span:
    """The place of `scalar.text[start:end]` in the file, as exactly as escapes and folding leave it.

    Plain and quoted scalars of one line are exact. In others the piece is looked for as written; where it can't be found
    (escapes, folding) the whole scalar is named.
    """
    span, text = scalar.span, scalar.text
    first = source.line(span.line)
    quoted = 0 if scalar.plain else 1
    at = span.column - 1 + quoted
    if span.line == span.end_line and first[at : at + len(text)] == text:
        return Span(
            path=span.path,
            line=span.line,
            column=at + 1 + start,
            end_line=span.line,
            end_column=at + 1 + max(end, start + 1),
        )
    return _searched(source, scalar, start, end) or span


def _searched(source: Source, scalar: Scalar, start: int, end: int) -> Span | None:
    span, text = scalar.span, scalar.text
    piece = text[start:end].split("\n", 1)[0]
    line_begin = text.rfind("\n", 0, start) + 1
    # The characters before the piece on its line tell apart equal pieces on other lines.
    before = text[line_begin:start]
    for number in range(span.line, min(span.end_line, len(source.lines)) + 1):
        line = source.line(number)
        at = line.find(before + piece, span.column - 1 if number == span.line else 0)
        if at >= 0 and piece:
            column = at + len(before) + 1
            return Span(
                path=span.path, line=number, column=column, end_line=number, end_column=column + len(piece)
            )
    return None
