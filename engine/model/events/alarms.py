"""Events of what should happen and of what should have happened and did not. Members of the closed union in :mod:`engine.model.events.events`."""

from dataclasses import dataclass
from datetime import timedelta

NOTICE = "notify/me"
"""The action that tells the operator something: when it could not, that is an alarm of its own."""

HISTORY = timedelta(days=1)
"""What failed longer than this before the first notice is not reported: no channel existed then."""

REGULAR = frozenset({"email", "file", "webhook", "event", "intent"})
"""Kinds of triggers that come by themselves, so that their silence may mean something."""

REMEMBERED = 20
"""Of how many arrivals the usual gap between two is made; those of one hour count as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerExpected:
    """A schedule fires next at `due`, reckoned in the time zone `zone`: written as soon as that is fixed, and again when it changes.

    Without `due` it never fires again; without `zone` the playbook has no such schedule any more.
    """

    playbook: str
    schedule: str
    zone: str = ""
    due: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorNotified:
    """The event's run tells the operator of what began to wait or failed: the ids of cards, questions, effects, letters and runs.

    Each is told once, whatever becomes of that run: it is tried again until a channel took it, and an alarm says when none did.
    """

    about: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRaised:
    """What was expected did not come. `kind` is absent (a firing), silent (a trigger that used to come) or untold (a notice to the operator).

    `alarm` is made from what was expected, so that each is raised once. `due` is when it should have been there at the latest, `last`
    when one came last, `usual` its usual gap in seconds, `count` how many firings were due by the time of this event. `code` says why a
    notice went nowhere.
    """

    alarm: str
    kind: str
    playbook: str = ""
    trigger: str = ""
    schedule: str = ""
    due: str = ""
    last: str = ""
    usual: int = 0
    count: int = 1
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmCleared:
    """An alarm is over: `because` is came (it came after all), gone (nothing expects it any more) or seen (a person said so)."""

    alarm: str
    by: str
    because: str
