"""The diagnostics of a tree, remembered, so that an unchanged `check` reads one small file and compiles nothing.

A cache: it may be deleted, corrupt or of another version at any time, and then it simply has no answer.
"""

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from engine.model.definitions.diagnostics import Diagnostic, Fix, Severity, Span
from engine.model.values import canonical_json
from engine.model.values.canonical_json import Json

_FORMAT = 1
_LARGEST = 4_000_000


def tree_key(paths: Iterable[tuple[str, str]], *, version: str, actions: str) -> str:
    """Names everything the diagnostics depend on: (path, blob id) of each file, the engine's version, the digest of its actions."""
    return canonical_json.name_of(
        {"files": sorted(map(list, paths)), "version": version, "actions": actions, "format": _FORMAT}
    )


def _span(span: Span) -> list[Json]:
    return [span.path, span.line, span.column, span.end_line, span.end_column]


def _read_span(encoded: Json) -> Span:
    path, line, column, end_line, end_column = encoded
    if not isinstance(path, str) or not all(type(n) is int for n in (line, column, end_line, end_column)):
        raise TypeError("not a place")
    return Span(path=path, line=line, column=column, end_line=end_line, end_column=end_column)


def _encode(diagnostic: Diagnostic) -> dict[str, Json]:
    return {
        "code": diagnostic.code, "span": _span(diagnostic.span), "message": diagnostic.message, "hint": diagnostic.hint,
        "severity": diagnostic.severity.value, "source": diagnostic.source,
        "fix": None if diagnostic.fix is None else [_span(diagnostic.fix.span), diagnostic.fix.text],
    }  # fmt: skip


def _decode(encoded: Json) -> Diagnostic:
    words = {name: encoded[name] for name in ("code", "message", "hint", "source")}
    if not all(isinstance(word, str) for word in words.values()):
        raise TypeError("not a diagnostic")
    fix = encoded["fix"]
    return Diagnostic(
        **words,
        span=_read_span(encoded["span"]),
        severity=Severity(encoded["severity"]),
        fix=None if fix is None else Fix(span=_read_span(fix[0]), text=str(fix[1])),
    )


def answer(cache_file: Path, key: str) -> tuple[Diagnostic, ...] | None:
    """The diagnostics stored under `key`; None when there are none or the file can't be read."""
    try:
        with cache_file.open("rb") as file:
            raw = file.read(_LARGEST + 1)
        if len(raw) > _LARGEST:
            return None
        stored = json.loads(raw)
        if stored["key"] != key or stored["check"] != canonical_json.name_of(stored["diagnostics"]):
            return None
        return tuple(map(_decode, stored["diagnostics"]))
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return None


def store(cache_file: Path, key: str, diagnostics: Iterable[Diagnostic]) -> bool:
    """Remember them for `key` in place of what was there. False when the disk is full or read-only, which is no error."""
    encoded = [_encode(diagnostic) for diagnostic in diagnostics]
    part = cache_file.with_name(f"{cache_file.name}.{os.getpid()}")
    try:
        cache_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.write_bytes(
            canonical_json.encode(
                {"key": key, "check": canonical_json.name_of(encoded), "diagnostics": encoded}
            )
        )
        part.replace(cache_file)
    except (OSError, ValueError):
        with contextlib.suppress(OSError):
            part.unlink()
        return False
    return True
