"""What the kernel decides to do next. The loop carries it out and appends what happened."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """Evaluate the step and start its attempt: read, ask, wait, or freeze a proposal."""

    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """Do not run it: it reads what is not there."""

    step: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Do not run it, or withdraw what waits."""

    step: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCard:
    """Ask a person about these frozen proposals."""

    gate: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseCard:
    """The question is moot."""

    card: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireCard:
    """The question expired without an answer: that is a no."""

    card: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Cleared, and kept back until `until` so that it can be withdrawn."""

    step: str
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Check once more, write the intent, call."""

    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """It waits for its connector and has waited long enough."""

    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recover:
    """An intent without outcome: find out by the action's class."""

    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FireTimer:
    """The wait's time is over: it got nothing."""

    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireAsk:
    """The person did not answer in time."""

    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """An item began or left: the next one's turn is at `until`."""

    step: str
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gather:
    """Every item of a `foreach` is settled: the step takes their outputs together."""

    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoStep:
    """The run failed and undoes what it did, newest first."""

    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Every step is settled. `by` is the `run/end` that ends the run, if one does."""

    status: str
    reason: str
    by: str = ""


Command: TypeAlias = (
    Begin
    | Skip
    | Cancel
    | OpenCard
    | CloseCard
    | ExpireCard
    | Hold
    | Release
    | GiveUp
    | Recover
    | FireTimer
    | ExpireAsk
    | Pace
    | Gather
    | UndoStep
    | End
)
