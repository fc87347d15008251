"""Whether what is kept may be trusted so far that effects leave: facts in, a verdict out. Pure; gathered by :mod:`engine.app.workspace.state_check`.

A *check* is a look at what is stored, with what it found last. A *mark* is what two clocks showed at one moment: the machine's own, and
the one that only counts since it was started. Two marks tell a clock that was set from time that passed.
"""

from collections.abc import Container
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from engine.model.values.canonical_json import name_of
from engine.model.values.durations import rough
from engine.model.values.timestamps import moment

UNWELL = "health"
"""Why a step waits that may not leave because of this."""

SLACK = timedelta(minutes=5)
"""So far the two clocks may part: what a time server corrects in passing."""
LONGEST_OFF = timedelta(days=30)
"""A machine that was switched off for longer may have a wrong clock: a person is asked."""

CheckName = Literal["verify", "quick-check", "sample"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthWaived:
    """A person lets effects leave in spite of exactly this problem, and proved to be the operator. Another problem holds them again."""

    problem: str
    by: str
    channel: str
    proof: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockDoubted:
    """The machine's clock leapt by so many seconds (negative: back), more than time that passed explains. Nothing expires or fires meanwhile."""

    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockTrusted:
    """The machine's clock counts again: a person says that it is right, or (`by` engine) it was set back to where it should be.

    `boot` and `up` are as in `OwnerTaken`.
    """

    by: str
    channel: str = ""
    boot: str = ""
    up: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class CardReopened:
    """The card `replaces` expired by a clock that was ahead, and is asked again as `card`: the same bytes, the same expiry.

    What follows `content` is as in `CardOpened`; the state takes it from the card that is replaced.
    """

    card: str
    replaces: str
    content: str
    gate: str = ""
    steps: tuple[str, ...] = ()
    revisions: tuple[int, ...] = ()
    expires: str = ""
    strength: int = 1
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReopened:
    """What ended by a clock that was ahead goes on: a wait, a question (as `ask`; it was `replaces`), or the call of the run it stands in.

    It ends at `until`, as before. `steps` came after it, have done nothing outside, and begin anew.
    """

    until: str = ""
    ask: str = ""
    replaces: str = ""
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A moment on two clocks: `at` is a stamp, `up` the seconds since the start of the machine named `boot`, those asleep included.

    `up` is negative where the machine has no clock that only counts; `boot` is empty where nothing is known of the machine.
    """

    at: str
    boot: str = ""
    up: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a look at the stored bytes found last, and when (a stamp). `problem` is empty when nothing was wrong."""

    name: CheckName
    at: str
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthFacts:
    """Everything the verdict rests on. `trouble`: why nothing may be appended, as opening found it; `leap`: how far the clock is off."""

    trouble: str = ""
    checks: tuple[Check, ...] = ()
    leap: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ill:
    """Why no effect leaves. `name` names the problem for a waiver (empty: none is possible), `way_out` is what to type."""

    kind: Literal["ledger", "check", "clock"]
    problem: str
    way_out: str
    since: str = ""
    name: str = ""

    @property
    def sentence(self) -> str:
        """One line for a person who is refused or waits."""
        return f"effects are held: {self.problem}"


def judge(facts: HealthFacts, *, waived: Container[str]) -> Ill | None:
    """None when effects may leave. What can't be appended to comes first, then what was found in the stored bytes, then the clock."""
    if facts.trouble:
        way_out = "restore the state directory from a backup, then: steward verify"
        return Ill(kind="ledger", problem=facts.trouble, way_out=way_out)
    for check in facts.checks:
        if check.problem and (name := name_of(["health", check.problem])) not in waived:
            return Ill(
                kind="check",
                problem=f"{_SAID[check.name]} found: {check.problem}",
                way_out="restore the state directory from a backup, then: steward verify   (or, as it is: steward resume --damaged)",
                since=check.at,
                name=name,
            )
    if facts.leap:
        return Ill(
            kind="clock",
            problem=f"this machine's clock leapt {rough(abs(facts.leap))} {'forward' if facts.leap > timedelta(0) else 'back'}",
            way_out="set it right, or, when it is right now: steward answer clock right",
        )
    return None


_SAID = {"verify": "steward verify", "quick-check": "the daily check", "sample": "a sample at the start"}


def leap(mark: Mark | None, seen: str, now: Mark) -> timedelta:
    """How far the machine's clock went beyond the time that passed since a mark; nothing when all is explained.

    `seen` is the stamp of the last event: across a restart of the machine it is all there is, and only a clock behind it, or more
    than `LONGEST_OFF` ahead, is not explained by it.
    """
    if mark is None or not mark.boot or not now.boot:
        return timedelta(0)
    if mark.boot == now.boot and mark.up >= 0 and now.up >= 0:
        off = moment(now.at) - moment(mark.at) - timedelta(seconds=now.up - mark.up)
        return off if abs(off) > SLACK else timedelta(0)
    off = moment(now.at) - moment(seen or mark.at)
    return off if off < -SLACK or off > LONGEST_OFF else timedelta(0)
