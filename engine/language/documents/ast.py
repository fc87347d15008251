"""A playbook or SOP in its shape: what both kinds of source are read into, before anything is resolved. Places are kept."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from engine.language.text import nodes
from engine.language.text.source import SourceText
from engine.language.types.type_syntax import Declared
from engine.model.defaults import DECISION_TIMEOUT
from engine.model.definitions.actions import Reach
from engine.model.definitions.diagnostics import Span
from engine.model.definitions.plan import Retry, Stage
from engine.model.definitions.types import Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word with its place: an id, a name, a key's value."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySlot:
    """Where a fix may put one more key of a map. `separator` goes between it and the key it follows."""

    span: Span
    separator: str

    def key(self, text: str) -> str:
        """The text to insert there."""
        return self.separator + text


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoEntry:
    """A step's own `undo`: why it can't be taken back, or the action that does it, with its arguments."""

    none: str = ""
    uses: Word | None = None
    args: nodes.Mapping | None = None
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a SOP's item asks a person. `title` are the item's words."""

    title: nodes.Scalar
    person: Word | None = None
    choices: tuple[str, ...] = ()
    fields: tuple[tuple[str, Type], ...] = ()
    context: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A step's `repeat`. What is None is missing or wrong, and was said."""

    until: nodes.Scalar | None
    at_most: int | None
    pause: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthoredStep:
    """One authored step. `needs` is None for the step above. `question` is set for a SOP's human item."""

    id: Word
    name: str
    uses: Word
    args: nodes.Mapping | None = None
    condition: nodes.Scalar | None = None
    needs: tuple[Word, ...] | None = None
    gate: Word | None = None
    reach: Reach | None = None
    reach_span: Span | None = None
    stage: Stage | None = None
    stage_span: Span | None = None
    undo: UndoEntry | None = None
    undo_within: timedelta | None = None
    timeout: timedelta | None = None
    retry: Retry | None = None
    continue_on_error: bool = False
    foreach: nodes.Node | None = None
    item_key: nodes.Scalar | None = None
    max_parallel: int | None = None
    pause: timedelta | None = None
    again: Again | None = None
    once: nodes.Scalar | None = None
    subject: nodes.Scalar | None = None
    expect: nodes.Mapping | None = None
    question: Question | None = None
    cite: str = ""
    keys: tuple[tuple[str, Span], ...] = ()
    room: KeySlot | None = None

    def key(self, name: str) -> Span:
        """The place of a key of this step; of the step's id when the key is not written."""
        return next((span for key, span in self.keys if key == name), self.id.span)

    def has(self, name: str) -> bool:
        """Whether the key was written."""
        return any(key == name for key, _ in self.keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateEntry:
    """One entry of `gates:`."""

    id: Word
    title: nodes.Scalar | None
    expires_after: timedelta = DECISION_TIMEOUT


@dataclass(frozen=True, slots=True, kw_only=True)
class On:
    """One entry of `on:`."""

    kind: Word
    params: nodes.Mapping | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authored:
    """One playbook or SOP."""

    id: str
    source: SourceText
    kind: str
    name: str
    description: str = ""
    stage: Stage = Stage.SHADOW
    on: tuple[On, ...] = ()
    on_span: Span | None = None
    inputs: tuple[Declared, ...] = ()
    subject: nodes.Scalar | None = None
    concurrency: nodes.Scalar | None = None
    if_running: Literal["wait", "drop", "replace"] = "wait"
    once: nodes.Scalar | None = None
    stop_on: tuple[nodes.Entry, ...] = ()
    outputs: nodes.Mapping | None = None
    if_failed: Literal["stop", "undo"] = "stop"
    budget_usd: float | None = None
    gates: tuple[GateEntry, ...] = ()
    steps: tuple[AuthoredStep, ...] = ()
    room: KeySlot | None = None

    @property
    def path(self) -> str:
        """The file."""
        return self.source.path

    @property
    def start(self) -> Span:
        """The file's first line."""
        return Span(path=self.path, end_column=max(len(self.source.line(1)), 1) + 1)
