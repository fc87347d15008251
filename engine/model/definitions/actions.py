"""What connectors can do, declared as data: the compiler, the broker and `explain` read the same table."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from engine.model.definitions.taint import Label, Labels
from engine.model.definitions.types import Field, Type
from engine.model.values.canonical_json import Json


class Reach(StrEnum):
    """How far an effect goes, from nearest to farthest."""

    INTERNAL = "internal"
    LOW = "low"
    CUSTOMER = "customer"
    PAYMENT = "payment"
    LEGAL = "legal"

    @property
    def rank(self) -> int:
        """0 for internal … 4 for legal."""
        return _RANKS[self]


class EffectClass(StrEnum):
    """What a repeated call does, which decides recovery after a crash between intent and outcome."""

    PURE = "pure"
    READ = "read"
    IDEMPOTENT = "idempotent"
    QUERYABLE = "queryable"
    OPAQUE = "opaque"

    @property
    def acts(self) -> bool:
        """Whether a call touches the world."""
        return self not in {EffectClass.PURE, EffectClass.READ}


_RANKS = {reach: rank for rank, reach in enumerate(Reach)}


class Sink(StrEnum):
    """Arguments that untrusted text must not reach unseen."""

    RECIPIENT = "recipient"
    AMOUNT = "amount"
    ACCOUNT = "account"
    URL = "url"
    COMMAND = "command"
    PATH = "path"


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One argument of an action. `raises` is the reach of a call in which it is not null (or a list of nothing but nulls)."""

    name: str
    type: Type
    required: bool = False
    default: Json = None
    sink: Sink | None = None
    raises: Reach | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoSpec:
    """How the action is taken back: another action of the same connector given the effect's outputs, or why it can't be."""

    action: str | None = None
    none: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """One action. `outputs` are a map's fields. `prepares`: reach internal or low, and binding only once another step sends what it made.

    `labels` is the origin of its outputs, joined with those of its arguments when `passes_labels`.
    `window`: how long the provider honours a key (None: for ever); read after a crash.
    """

    name: str
    summary: str
    kind: EffectClass
    params: tuple[Param, ...] = ()
    outputs: tuple[Field, ...] = ()
    reach: Reach = Reach.INTERNAL
    prepares: bool = False
    previewed: tuple[str, ...] = ()
    undo: UndoSpec = UndoSpec()
    window: timedelta | None = None
    labels: Labels = frozenset({Label.SYSTEM})
    passes_labels: bool = True

    def param(self, name: str) -> Param | None:
        """The argument called `name`."""
        return next((param for param in self.params if param.name == name), None)


def present(value: Json) -> bool:
    """Whether an argument counts for reach: not null, not empty, not a list of nulls."""
    if isinstance(value, list):
        return any(present(element) for element in value)
    return value is not None and value != ""


def reach_of(spec: ActionSpec, args: dict[str, Json], *, floor: Reach | None = None) -> Reach:
    """The reach of a call with these arguments; `floor` (the step's `reach:`) may only raise it."""
    reaches = [spec.reach, *([floor] if floor else [])]
    reaches += [
        param.raises for param in spec.params if param.raises is not None and present(args.get(param.name))
    ]
    return max(reaches, key=lambda reach: reach.rank)
