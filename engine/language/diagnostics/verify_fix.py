"""A fix is offered only where it is one: applied as printed, its diagnostic is gone and no other has appeared."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from engine.language.diagnostics.codes.yaml import READING
from engine.language.text.source import decoded
from engine.model.definitions.diagnostics import Diagnostic, Fix

_MAX = 15
"""Fixes of one file that are tried; a file with more mistakes is repaired in rounds."""

_KNOWN_BEFORE = frozenset({"SW307"})
"""What a file that could not be read had all the time: a warning about a connector was not introduced by the fix."""


_HIDDEN = {"SW127": frozenset({"SW111"})}
"""What could not be seen before: while a type is unknown, nothing of it may be missing."""


def apply_fix(raw: bytes, fix: Fix) -> bytes:
    """The file with the text of the fix's place replaced."""
    lines = decoded(raw).split("\n")
    span = fix.span
    last = lines[span.end_line - 1] if span.end_line <= len(lines) else ""
    middle = lines[span.line - 1][: span.column - 1] + fix.text + last[span.end_column - 1 :]
    return "\n".join([*lines[: span.line - 1], middle, *lines[span.end_line :]]).encode(
        "utf-8", "surrogatepass"
    )


def with_verified_fixes(
    raw: bytes, diagnostics: Sequence[Diagnostic], recheck: Callable[[bytes], Sequence[Diagnostic]]
) -> tuple[Diagnostic, ...]:
    """The diagnostics, each with its fix only if `recheck`, reading the repaired file, finds less and nothing else."""
    old_counts = Counter(map(_identity, diagnostics))
    verified: list[Diagnostic] = []
    tries = 0
    for diagnostic in diagnostics:
        if diagnostic.fix is None:
            verified.append(diagnostic)
            continue
        tries += 1
        new_counts = (
            Counter(map(_identity, recheck(apply_fix(raw, diagnostic.fix)))) if tries <= _MAX else old_counts
        )
        introduced = {code for code, _ in new_counts - old_counts}
        introduced -= _HIDDEN.get(diagnostic.code, frozenset())
        if diagnostic.code in READING:
            introduced -= _KNOWN_BEFORE
        is_verified = not introduced and new_counts[_identity(diagnostic)] < old_counts[_identity(diagnostic)]
        verified.append(diagnostic if is_verified else replace(diagnostic, fix=None))
    return tuple(verified)


def _identity(diagnostic: Diagnostic) -> tuple[str, str]:
    return diagnostic.code, diagnostic.message
