"""A playbook or SOP in its shape: what both kinds of source are read into, before anything is resolved. Places are kept."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from engine.language import tree
from engine.language.source import Source
from engine.language.typeexpr import Declared
from engine.model.actions import Reach
from engine.model.durations import DECISION_TIMEOUT
from engine.model.plan import Retry, Stage
from engine.model.span import Span
from engine.model.types import Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word with its place: an id, a name, a key's value."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Where a fix may put one more key of a map. `before` is what separates it from the key it follows."""

    span: Span
    before: str

    def key(self, text: str) -> str:
        """The text to insert there."""
        return self.before + text


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """A step's own `undo`: why it can't be taken back, or the action that does it, with its arguments."""

    none: str = ""
    uses: Word | None = None
    args: tree.Mapping | None = None
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a SOP's item asks a person. `title` are the item's words."""

    title: tree.Scalar
    who: Word | None = None
    choices: tuple[str, ...] = ()
    fields: tuple[tuple[str, Type], ...] = ()
    context: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A step's `repeat`. What is None is missing or wrong, and was said."""

    until: tree.Scalar | None
    at_most: int | None
    pause: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One authored step. `needs` is None for the step above. `question` is set for a SOP's human item."""

    id: Word
    name: str
    uses: Word
    args: tree.Mapping | None = None
    condition: tree.Scalar | None = None
    needs: tuple[Word, ...] | None = None
    gate: Word | None = None
    reach: Reach | None = None
    reach_span: Span | None = None
    stage: Stage | None = None
    stage_span: Span | None = None
    undo: Undo | None = None
    undo_within: timedelta | None = None
    timeout: timedelta | None = None
    retry: Retry | None = None
    continue_on_error: bool = False
    foreach: tree.Node | None = None
    item_key: tree.Scalar | None = None
    max_parallel: int | None = None
    pause: timedelta | None = None
    again: Again | None = None
    once: tree.Scalar | None = None
    subject: tree.Scalar | None = None
    expect: tree.Mapping | None = None
    question: Question | None = None
    cite: str = ""
    keys: tuple[tuple[str, Span], ...] = ()
    room: Room | None = None

    def key(self, name: str) -> Span:
        """Where a key of this step stands; the step's id when it doesn't."""
        return next((span for key, span in self.keys if key == name), self.id.span)

    def has(self, name: str) -> bool:
        """Whether the key was written."""
        return any(key == name for key, _ in self.keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One entry of `gates:`."""

    id: Word
    title: tree.Scalar | None
    expires_after: timedelta = DECISION_TIMEOUT


@dataclass(frozen=True, slots=True, kw_only=True)
class On:
    """One entry of `on:`."""

    kind: Word
    params: tree.Mapping | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authored:
    """One playbook or SOP."""

    id: str
    source: Source
    kind: str
    name: str
    description: str = ""
    stage: Stage = Stage.SHADOW
    on: tuple[On, ...] = ()
    on_span: Span | None = None
    inputs: tuple[Declared, ...] = ()
    subject: tree.Scalar | None = None
    concurrency: tree.Scalar | None = None
    if_running: Literal["wait", "drop", "replace"] = "wait"
    once: tree.Scalar | None = None
    stop_on: tuple[tree.Entry, ...] = ()
    outputs: tree.Mapping | None = None
    if_failed: Literal["stop", "undo"] = "stop"
    budget_usd: float | None = None
    gates: tuple[Gate, ...] = ()
    steps: tuple[Step, ...] = ()
    room: Room | None = None

    @property
    def path(self) -> str:
        """The file."""
        return self.source.path

    @property
    def start(self) -> Span:
        """The file's first line."""
        return Span(path=self.path, end_column=max(len(self.source.line(1)), 1) + 1)
