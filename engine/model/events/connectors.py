"""How connectors fare: breakers, limits, and the steps that wait for them. The events are members of the union in :mod:`engine.model.events.events`.

A connector is named by an action's part before the slash. `until` is a stamp.
"""

from dataclasses import dataclass
from typing import TypeAlias

ENGINE = "engine"
"""Who closes a breaker when no person does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorFailed:
    """A call of a connector got no proper answer, for the `times`-th time in a row. Run and step say whose call it was."""

    connector: str
    code: str
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorAnswered:
    """A call was answered properly after trouble: failures are counted anew, and what waits may follow."""

    connector: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitReached:
    """The provider asked to wait, for the `times`-th time in a row: nothing is called before `until`, and then one at a time."""

    connector: str
    until: str
    code: str
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerOpened:
    """Too many calls in a row failed: nothing is called before `until`, and then one probe. `times`: opened so often in a row."""

    connector: str
    until: str
    code: str
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorHurried:
    """A person wants to know now whether a connector answers again: its probe is due. Nothing else is let through."""

    connector: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerProbed:
    """One call is let through to see whether the connector answers. `how`: alive, look-up, read, or effect (of reach internal or low)."""

    connector: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerClosed:
    """The connector is called again: a probe was answered, or a person (`by`) reset what held it back, limits too."""

    connector: str
    by: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDelayed:
    """The step was ready and its connector is held back. `because` is breaker or limit; or health, and then no connector is named:
    no effect leaves at all. `until`: an effect is waited for so long.
    """

    connector: str
    because: str
    until: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAdmitted:
    """A delayed step's turn came; `next` is when the next one's may. Without a connector: effects may leave again."""

    connector: str
    next: str


Connection: TypeAlias = (
    ConnectorFailed | ConnectorAnswered | ConnectorHurried | LimitReached | BreakerOpened | BreakerProbed | BreakerClosed
    | StepDelayed | StepAdmitted
)  # fmt: skip
"""Everything that can happen to a connector and to the line before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorState:
    """How a connector fares; there is one only where there was trouble once. Places are (run, step), times are stamps.

    `failures`: calls in a row without a proper answer, the last of them with `code`; `alone` is the step that all of them were of, if they
    were of one. `open`: the breaker is, and nothing is called before
    `until`; `opened`: so often in a row. `probing` is how it is being tried since `probed`, on behalf of `probe`; `tried`
    is whose probe the last one was.
    `asked`: so often in a row it asked to wait; nothing is called before `resting`. What waits then leaves one by one: the next not before
    `next`, `admitted_count` steps were let through since, the last of them `last_admitted`; `proved`: one was answered.
    """

    name: str
    failures: int = 0
    alone: tuple[str, str] = ("", "")
    code: str = ""
    open: bool = False
    opened: int = 0
    until: str = ""
    probing: str = ""
    probed: str = ""
    probe: tuple[str, str] = ("", "")
    tried: tuple[str, str] = ("", "")
    asked: int = 0
    resting: str = ""
    next: str = ""
    admitted_count: int = 0
    last_admitted: tuple[str, str] = ("", "")
    proved: bool = True
