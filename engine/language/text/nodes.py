"""Authored YAML after reading: scalars keep the characters as written, everything keeps its span."""

from dataclasses import dataclass
from typing import TypeAlias

from engine.model.definitions.diagnostics import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """One scalar. `text` is the characters as written (plain) or the unescaped content (quoted, block)."""

    text: str
    plain: bool
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """A list."""

    items: tuple["Node", ...]
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One key of a mapping with its value."""

    key: str
    key_span: Span
    value: "Node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """A map; keys are unique, in the order written."""

    entries: tuple[Entry, ...]
    span: Span

    def get(self, key: str) -> "Node | None":
        """The value under `key`."""
        return next((entry.value for entry in self.entries if entry.key == key), None)


Node: TypeAlias = Scalar | Sequence | Mapping
