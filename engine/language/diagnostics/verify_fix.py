"""A fix is offered only where it is one: applied as printed, its diagnostic is gone and no other has come."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from engine.language.diagnostics.codes.yaml import READING
from engine.language.text.source import decoded
from engine.model.definitions.diagnostics import Diagnostic, Fix

_MAX = 15
"""Fixes of one file that are tried; a file with more mistakes is repaired in rounds."""

_KNOWN_BEFORE = frozenset({"SW307"})
"""What a file that could not be read had all the time: a warning about a connector is no mistake that the fix made."""


_HIDDEN = {"SW127": frozenset({"SW111"})}
"""What could not be seen before: while a type is unknown, nothing of it may be missing."""


def applied(data: bytes, fix: Fix) -> bytes:
    """The file with the text of the fix's place replaced."""
    lines = decoded(data).split("\n")
    span = fix.span
    last = lines[span.end_line - 1] if span.end_line <= len(lines) else ""
    middle = lines[span.line - 1][: span.column - 1] + fix.text + last[span.end_column - 1 :]
    return "\n".join([*lines[: span.line - 1], middle, *lines[span.end_line :]]).encode(
        "utf-8", "surrogatepass"
    )


def proven(
    data: bytes, diagnostics: Sequence[Diagnostic], again: Callable[[bytes], Sequence[Diagnostic]]
) -> tuple[Diagnostic, ...]:
    """The diagnostics, each with its fix only if `again`, reading the repaired file, finds less and nothing else."""
    before = Counter(map(_what, diagnostics))
    kept: list[Diagnostic] = []
    tries = 0
    for one in diagnostics:
        if one.fix is None:
            kept.append(one)
            continue
        tries += 1
        after = Counter(map(_what, again(applied(data, one.fix)))) if tries <= _MAX else before
        come = {code for code, _ in after - before}
        come -= _HIDDEN.get(one.code, frozenset())
        if one.code in READING:
            come -= _KNOWN_BEFORE
        good = not come and after[_what(one)] < before[_what(one)]
        kept.append(one if good else replace(one, fix=None))
    return tuple(kept)


def _what(diagnostic: Diagnostic) -> tuple[str, str]:
    return diagnostic.code, diagnostic.message
