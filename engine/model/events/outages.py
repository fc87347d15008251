"""Events of what could not happen yet, and of runs that failed. Members of the closed union in :mod:`engine.model.events.events`.

What certainly did nothing is not a failure but a wait: the effect keeps its key and is tried again. Times are stamps.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

FLEETING: dict[str, timedelta] = {"email/acknowledge": timedelta(hours=1)}
"""Actions that are worth something soon or not at all, with how long that is: then they are skipped, and nothing waits for them meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectDeferred:
    """It could not leave, certainly nothing was done, and it waits under the same key. `code` says why; the `tries`-th time.

    Tried again at `due`. At `until` it is given up, skipped, or asked about again. `message` is a sealed value.
    """

    key: str
    code: str
    due: str
    until: str
    tries: int
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectHurried:
    """A person wants what waits tried now."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectSkipped:
    """It could not leave while it was worth something: nothing was done, and the run goes on. `message` is a sealed value."""

    code: str
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectCarried:
    """The run is tried again, and this effect happened before: it is not repeated. `differs` names arguments that are others today."""

    key: str
    differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRetried:
    """A failed run begins again with its own event, as the plan `plan` of today says.

    `kept` are the steps that are not done again: what left, what a person answered, what was waited for and came.
    """

    by: str
    channel: str
    plan: str
    commit: str
    stage: str
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDismissed:
    """A person has seen that the run failed and leaves it so."""

    by: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecalled:
    """A dismissed run is to be seen again."""

    by: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRedrafted:
    """A person wants what a card shows made again of today's files: the run goes on with `plan` of `commit`, and `steps` begin anew.

    The card is closed in the same transaction. What had happened stays happened.
    """

    by: str
    card: str
    plan: str
    commit: str
    steps: tuple[str, ...]


StepOutage: TypeAlias = EffectDeferred | EffectHurried | EffectSkipped | EffectCarried
RunOutage: TypeAlias = RunRetried | RunDismissed | RunRecalled
Outage: TypeAlias = StepOutage | RunOutage
"""All of them."""
