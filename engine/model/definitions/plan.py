"""The compiled form of a playbook or SOP: immutable, named by its digest, readable without its sources.

An *expression* is kept as the text, in CEL's syntax, that the front end lowered it to, with every path it reads.
An *argument* is a tree whose leaves are literals, expressions or rendered texts.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal, TypeAlias

from engine.model.defaults import ATTEMPT_TIMEOUT, DECISION_TIMEOUT
from engine.model.definitions.actions import ActionSpec, Reach
from engine.model.definitions.diagnostics import Span
from engine.model.definitions.taint import Labels
from engine.model.definitions.triggers import TriggerKind
from engine.model.definitions.types import TEXT, Type
from engine.model.values.canonical_json import Json


class Stage(StrEnum):
    """How far a playbook may go: the file's word is the ceiling. `canary` stands in old ledgers only and judges like `approval`."""

    SHADOW = "shadow"
    APPROVAL = "approval"
    CANARY = "canary"
    AUTO = "auto"

    @property
    def rank(self) -> int:
        """0 for shadow … 3 for auto."""
        return _STAGES[self]


_STAGES = {stage: rank for rank, stage in enumerate(Stage)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One path an expression reads. `through_default`: read as ``default(path, other)``, so a skipped step does not skip the reader.

    `path` is as the operator wrote it (``steps.payment-link.outputs.url``), `variable` its lowered name.
    """

    path: str
    variable: str
    type: Type
    through_default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Expr:
    """One typed expression. `cel` is what is evaluated, in CEL's syntax, `written` what the operator wrote, `type` its result."""

    cel: str
    written: str
    type: Type
    reads: tuple[Read, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """A fixed value."""

    value: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Text with expressions inside: parts are concatenated, each expression rendered as text."""

    parts: tuple["str | Expr", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListArg:
    """A list; items that evaluate to null stay null."""

    items: tuple["Arg", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapArg:
    """A map with fixed keys."""

    entries: tuple[tuple[str, "Arg"], ...]


Arg: TypeAlias = Fixed | Expr | Text | ListArg | MapArg

Ending = Literal["succeeded", "cancelled", "failed"]
"""How a `run/end` ends its run."""

NodeKind = Literal["call", "effect", "wait", "human", "end", "playbook", "find"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Attempts in all, and the back-off between them (full jitter)."""

    attempts: int = 1
    backoff: Literal["exponential", "constant"] = "exponential"
    base: timedelta = timedelta(seconds=1)
    max: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """A step is done again, `pause` after it was done, until a condition over its own outputs holds; at most so often in all."""

    until: Expr
    at_most: int
    pause: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitFor:
    """One named thing a wait listens for: a trigger kind and the argument that must match (its field → value)."""

    name: str
    trigger: TriggerKind
    match: tuple[tuple[str, Arg], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A question to a person. `choices` empty, and no `offers` that compute them (each `offered`): the question is only to be done. `fields` are typed answers.

    `least` and `most` are the limits of some fields, by name; `defaults` what counts where nothing is given.
    """

    title: Arg
    who: str | None = None
    choices: tuple[str, ...] = ()
    offers: Arg | None = None
    offered: Type = TEXT
    fields: tuple[tuple[str, Type], ...] = ()
    least: tuple[tuple[str, Arg], ...] = ()
    most: tuple[tuple[str, Arg], ...] = ()
    defaults: tuple[tuple[str, Arg], ...] = ()
    context: tuple[str, ...] = ()


_UNDO = "~undo"


def undo_of(step: str) -> str:
    """The step that takes `step` back: ``pay~undo``, of one item ``pay~undo#key``."""
    base, mark, key = step.partition("#")
    return f"{base}{_UNDO}{mark}{key}"


def undone_by(step: str) -> str:
    """The step that `step` takes back; empty when it takes none back."""
    base, mark, key = step.partition("#")
    return f"{base.removesuffix(_UNDO)}{mark}{key}" if base.endswith(_UNDO) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One step, ready to run.

    `needs` orders; `reads` are the steps whose outputs this one reads strictly (a skipped one skips it), `soft_reads` those read
    through `default` or as status. All three name earlier nodes. `verdicts` are the gates whose answer it reads: it outlives their
    refusal. `handles_failure`: its `if` calls failure() or always().

    `undo` takes a finished effect back; it runs as the step ``id~undo`` (of one item: ``id~undo#key``) and reads the outputs of `id`.

    With `foreach` the node runs once per item as the steps ``id#key``; conditions, arguments, key, once and subject may read `item`.
    `pause`: so long after one item begins the next; after one leaves, where the step acts. With `repeat` it runs in rounds, as the steps
    ``id#1``, ``id#2``, and its outputs are those of the last one.
    `once`: the text that claims it, for ever, with its first intent. `expect`: outputs read back, field → what it must equal.
    """

    id: str
    name: str
    kind: NodeKind
    uses: str
    span: Span
    args: tuple[tuple[str, Arg], ...] = ()
    action: ActionSpec | None = None
    condition: Expr | None = None
    needs: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    soft_reads: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    handles_failure: bool = False
    stage: Stage | None = None
    reach: Reach | None = None
    highest_reach: Reach = Reach.INTERNAL
    gate: str | None = None
    undo_within: timedelta | None = None
    timeout: timedelta = ATTEMPT_TIMEOUT
    retry: Retry = Retry()
    continue_on_error: bool = False
    waits: tuple[WaitFor, ...] = ()
    until: Arg | None = None
    ask: Ask | None = None
    foreach: Arg | None = None
    key: Arg | None = None
    max_parallel: int = 4
    pause: timedelta | None = None
    repeat: Repeat | None = None
    once: Arg | None = None
    subject: Arg | None = None
    expect: tuple[tuple[str, Arg], ...] = ()
    end_as: Ending | None = None
    undo: "Node | None" = None
    cite: str = ""

    @property
    def before(self) -> tuple[str, ...]:
        """Every node that must be settled first, in file order, each once."""
        return tuple(dict.fromkeys((*self.needs, *self.reads, *self.soft_reads)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One decision that may cover several steps. `own`: made by the stage for a single step without `gate:`."""

    id: str
    title: Arg
    expires_after: timedelta = DECISION_TIMEOUT
    members: tuple[str, ...] = ()
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One entry under `on:` with its literal parameters."""

    kind: TriggerKind
    params: tuple[tuple[str, Json], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A typed input; `default` counts when `required` is false, `least` and `most` are its limits."""

    name: str
    type: Type
    required: bool = True
    default: Json = None
    least: Json = None
    most: Json = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A compiled playbook or SOP.

    `id` is the file's stem. `files` maps each file the run may read (templates, SOPs, agents, intents, policy) to the SHA-256 of its
    bytes; a run reads only those bytes. `labels` are the origins of the paths `event` and `inputs`.
    """

    id: str
    name: str
    description: str
    path: str
    source: Literal["playbook", "sop"]
    stage: Stage
    triggers: tuple[Trigger, ...]
    nodes: tuple[Node, ...]
    gates: tuple[Gate, ...] = ()
    inputs: tuple[Input, ...] = ()
    subject: Arg | None = None
    concurrency: Arg | None = None
    if_running: Literal["wait", "drop", "replace"] = "wait"
    once: Arg | None = None
    stop_on: tuple[WaitFor, ...] = ()
    outputs: tuple[tuple[str, Arg], ...] = ()
    if_failed: Literal["stop", "undo"] = "stop"
    budget_usd: float | None = None
    event_labels: Labels = frozenset()
    files: tuple[tuple[str, str], ...] = ()
    time_zone: str = "UTC"
    currency: str = "EUR"

    def node(self, id_: str) -> Node:
        """The node of a step, also of one item of it (``id#key``) and of what takes it back. Raises KeyError."""
        base = (undone_by(id_) or id_).partition("#")[0]
        for node in self.nodes:
            if node.id == base and base == id_.partition("#")[0]:
                return node
            if node.id == base and node.undo is not None:
                return node.undo
        raise KeyError(id_)

    def every(self) -> tuple[Node, ...]:
        """Every node, and after it what takes it back."""
        return tuple(
            step_node for node in self.nodes for step_node in (node, node.undo) if step_node is not None
        )

    def gate(self, id_: str) -> Gate:
        """The gate called `id_`. Raises KeyError."""
        for gate in self.gates:
            if gate.id == id_:
                return gate
        raise KeyError(id_)
