"""Applies a printed fix verbatim, as an operator would."""

from engine.model.definitions.diagnostics import Diagnostic


def mended(data: bytes, diagnostic: Diagnostic) -> bytes:
    """The file with the diagnostic's fix in it."""
    assert diagnostic.fix is not None, diagnostic
    lines = data.decode().split("\n")
    span = diagnostic.fix.span
    first, last = lines[span.line - 1], (lines[span.end_line - 1] if span.end_line <= len(lines) else "")
    middle = first[: span.column - 1] + diagnostic.fix.text + last[span.end_column - 1 :]
    return "\n".join([*lines[: span.line - 1], middle, *lines[span.end_line :]]).encode()


def codes(diagnostics: tuple[Diagnostic, ...]) -> list[str]:
    """Their codes, in order."""
    return [one.code for one in diagnostics]
