"""A diagnostic as a person reads it, and as a program does.

Columns count characters; carets are placed by what a terminal shows, so wide and invisible characters stay aligned.
"""

import unicodedata
from collections.abc import Mapping

from engine.model.definitions.diagnostics import Diagnostic, Fix, Severity, Span
from engine.model.text.safe_text import masked
from engine.model.values.canonical_json import Json

_WIDTH = 100
"""Columns of an authored line that are shown; longer lines are cut around the place."""

_EXPLAIN_AT = 46
"""Column at which `steward explain` stands after a short hint."""

_RED, _YELLOW, _BLUE, _BOLD, _PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[34m", "\x1b[1m", "\x1b[0m"


def wants_color(environ: Mapping[str, str], *, terminal: bool) -> bool:
    """Whether to colour: only on a terminal that can, and never when NO_COLOR is set to anything (no-color.org)."""
    return terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def _columns(text: str) -> int:
    """How many terminal columns `text` takes."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in {"W", "F"} else 1
        for c in text
    )


def _window(source: str, span: Span) -> tuple[str, int, int]:
    """The part of the line that is shown, and the columns and width of the carets under it."""
    line = masked(source)
    start = min(max(span.column - 1, 0), len(line))
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    end = max(min(end, len(line)), start)
    left_ellipsis, right_ellipsis = "", ""
    if len(line) > _WIDTH:
        first = max(0, min(start - _WIDTH // 3, len(line) - _WIDTH))
        left_ellipsis, right_ellipsis = ("…" if first else ""), ("…" if first + _WIDTH < len(line) else "")
        line, start, end = line[first : first + _WIDTH], start - first, min(end - first, _WIDTH)
    shown = left_ellipsis + line.rstrip() + right_ellipsis
    return shown, len(left_ellipsis) + _columns(line[:start]), max(1, _columns(line[start:end]))


def _fix_line(diagnostic: Diagnostic, fix: Fix) -> str:
    """What to write where, unless the hint says it already."""
    text = masked(fix.text.strip("\n"))
    if text and text in masked(diagnostic.hint):
        return ""
    place = "" if fix.span.line == diagnostic.span.line else f" in line {fix.span.line}"
    if not text:
        return "" if "take it out" in diagnostic.hint else f"take it out{place}"
    empty = (fix.span.line, fix.span.column) == (fix.span.end_line, fix.span.end_column)
    return f"{'add' if empty else 'write'}{place}: {text}"


def text(diagnostic: Diagnostic, *, color: bool = False) -> str:
    """The lines of one diagnostic, without a newline at the end."""
    span = diagnostic.span
    tint = _RED if diagnostic.severity is Severity.ERROR else _YELLOW

    def paint(words: str, style: str) -> str:
        return f"{style}{words}{_PLAIN}" if color else words

    kind = "" if diagnostic.severity is Severity.ERROR else "warning: "
    place = f"{masked(span.path)}:{span.line}:{span.column}"
    lines = [f"{paint(place, _BOLD)}  {paint(diagnostic.code, tint)}  {kind}{masked(diagnostic.message)}"]
    lines += excerpt(diagnostic.source, span, tint=tint, color=color)
    notes = [masked(line) for line in diagnostic.hint.splitlines()]
    if diagnostic.fix is not None and (fix := _fix_line(diagnostic, diagnostic.fix)):
        notes.append(fix)
    explain = f"steward explain {diagnostic.code}"
    lines += [f"   = {note}" for note in notes[:-1]]
    lines.append(f"   = {notes[-1]}".ljust(_EXPLAIN_AT - 2) + f"  {explain}" if notes else f"   = {explain}")
    return "\n".join(lines)


def excerpt(source: str, span: Span, *, tint: str = _RED, color: bool = False) -> list[str]:
    """The authored line with carets under the place; nothing for an empty line."""
    if not source.strip():
        return []
    shown, at, width = _window(source, span)
    bar, carets = "│", "^" * width
    if color:
        bar, carets = f"{_BLUE}{bar}{_PLAIN}", f"{tint}{carets}{_PLAIN}"
    return [f"{span.line:>5} {bar} {shown}", f"      {bar} {' ' * at}{carets}"]


def _span_json(span: Span) -> dict[str, Json]:
    return {
        "line": span.line,
        "column": span.column,
        "end-line": span.end_line,
        "end-column": span.end_column,
    }


def to_json(diagnostic: Diagnostic) -> dict[str, Json]:
    """The same as data. Lines and columns count from 1, `end-column` is exclusive; `fix` is null or a replacement."""
    fix = diagnostic.fix
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "path": diagnostic.span.path,
        **_span_json(diagnostic.span),
        "message": diagnostic.message,
        "hint": diagnostic.hint,
        "fix": None if fix is None else {"path": fix.span.path, **_span_json(fix.span), "text": fix.text},
        "source": diagnostic.source,
    }
