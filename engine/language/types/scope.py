"""What an expression at one place may read: every path with its type."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.model.definitions.diagnostics import Diagnostic
from engine.model.definitions.types import RECORDS, TEXT, Field, Type, choice

STATUSES = ("succeeded", "skipped", "failed", "cancelled")
VERDICTS = ("approved", "rejected", "expired")
ROOTS = ("event", "inputs", "item", "steps", "gates", "run")

STATUS = choice(*STATUSES)
VERDICT = choice(*VERDICTS)
GATE = {"verdict": VERDICT, "who": TEXT}
"""What can be read of a gate: how it was decided, and by whom; empty where a card expired."""
RUN = Type(
    kind="map",
    fields=(
        Field(name="failed-step", type=TEXT, description="the first step that failed; empty while none has"),
        Field(name="error", type=TEXT, description="its message"),
    ),
)


_NO_INPUTS = Type(kind="map")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepScope:
    """A step as other steps see it. `condition` is its `if` as written; empty where it always runs. `may_fail`: the run goes on without it."""

    outputs: Type
    line: int
    order: int
    condition: str = ""
    may_fail: bool = False


@dataclass(slots=True, kw_only=True)
class Undeclared:
    """What is read of a call whose fields are not declared: path → the type it has to have. `wrong` are the ones that are not plain text.

    `stand_in` is noted wherever one of these is read; in the end one diagnostic takes the place of all.
    """

    stand_in: Diagnostic
    reads: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, None] = field(default_factory=dict)


_FIELD = re.compile(r"event(?:\.[A-Za-z][A-Za-z0-9_-]*)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeScope:
    """The readable world of one place. Steps with `order` below `here` may be read; all are known, for better messages.

    `now_only` is set where no run exists yet (`subject`, `concurrency`): only event and inputs can be read there.
    `language` is that of the letter whose words these are; empty where there is none.
    `item` is the type of one entry where a step has `foreach`, `condition` the `if` of the step that reads; `handles_failure`: what reads
    here also runs after a failure; `for_people`: words a person reads, in which a time is one of the workspace's clock.
    """

    event: Type | None = None
    inputs: Type = _NO_INPUTS
    item: Type | None = None
    steps: Mapping[str, StepScope] = field(default_factory=dict)
    gates: Mapping[str, int] = field(default_factory=dict)
    here: int = 0
    currency: str = "EUR"
    now_only: bool = False
    condition: str = ""
    handles_failure: bool = False
    language: str = ""
    for_people: bool = False
    undeclared: Undeclared | None = None

    def open_field(self, path: str, type_: str = "") -> Diagnostic | None:
        """The diagnostic that replaces the one of a path which is an undeclared field of a call. `type_`: the type it needs; empty if only read."""
        account = self.undeclared
        if account is None or self.event is None or _FIELD.fullmatch(path) is None:
            return None
        if any(field.name == path.split(".")[1] for field in self.event.fields):
            return None
        if account.reads.get(path, "text") == "text":
            account.reads[path] = type_ or "text"
        if type_:
            account.wrong[path] = None
        return account.stand_in if type_ else None

    def roots(self) -> tuple[str, ...]:
        """The roots that can be read here."""
        if self.now_only:
            return ("event", "inputs")
        return tuple(root for root in ROOTS if root != "item" or self.item is not None)

    def earlier(self) -> dict[str, int]:
        """The steps above, with their lines."""
        return {id_: step.line for id_, step in self.steps.items() if step.order < self.here}


def fields_of(type_: Type) -> tuple[Field, ...]:
    """The declared fields of a map or record."""
    return type_.fields if type_.kind == "map" else RECORDS.get(type_.kind, ())
