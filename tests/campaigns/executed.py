"""Deaths of real commands: `steward run`, `approve` and the rest as processes of their own, ended by SIGKILL from inside or outside.

Here the clock is the machine's and attempts run on threads, so a point is a number and not a place; what must hold afterwards is the same.
"""

import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from engine.testing.provider import Provider
from engine.testing.scenario import PROVIDER_FILE, Scenario
from tests.campaigns.invariants import judge
from tests.campaigns.killing import Tally, Theatre
from tests.campaigns.standin import FINISHED, forked
from tests.simulate.terminal import Typed, environment
from tests.warm import COLD

LAUNCH = "tests.campaigns.launch:launch"
"""For a command that is forked from a warm process."""
_LAUNCH = (sys.executable, "-m", "tests.campaigns.launch")

# What is typed, in order; `CARD` stands for the oldest card that one word decides.
SESSIONS: tuple[tuple[tuple[str, ...], ...], ...] = (
    (("run",), ("approve", "CARD", "--yes"), ("run",)),
    (("run", "classes"), ("approve", "CARD", "--yes")),
    (("run",), ("reject", "CARD"), ("run", "held")),
    (("run", "answer-a-lead"), ("run",), ("approve", "CARD", "--yes"), ("undo", "CARD")),
)


@dataclass
class Stage:
    """One copy of the scene, with what was told to a person there."""

    folder: Path
    provider: Provider
    told: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.folder / "work"

    def env(self, **more: str) -> dict[str, str]:
        state = {"XDG_STATE_HOME": str(self.folder / "state"), "HOME": str(self.folder / "home")}
        return environment(state, STEWARD_TEST_PROVIDER=self.provider.address, **more)

    def type(self, words: tuple[str, ...], *, die_at: int = 0, points: Path | None = None) -> int:
        """One command on a terminal, perhaps until its death; its exit code, negative for a signal."""
        card = self._card()
        if "CARD" in words and card is None:
            return 0
        given = [card or "" if word == "CARD" else word for word in words]
        more = {"STEWARD_TEST_DIE_AT": str(die_at)} | ({"STEWARD_TEST_POINTS": str(points)} if points else {})
        said = Typed(given, cwd=self.root, env=self.env(**more), program=LAUNCH).end()
        if card is not None and re.search(r"(?m)^✓ approved", said.text):
            self.told.append(card)
        return said.code

    def _card(self) -> str | None:
        open_ = [one.card.id for one in Scenario.at(self.folder).cards() if one.card.strength == 1]
        return open_[0] if open_ else None

    def violations(self) -> Iterator[str]:
        """What must hold, and that an approval somebody was told of is there."""
        yield from judge(self.folder).violations
        cards = Scenario.at(self.folder).book().cards
        yield from (
            f"acknowledged approval of {card[:6]} is not there"
            for card in self.told
            if cards[card].status != "approved"
        )


class Shop(Theatre):
    """A scene without pauses, which a real clock would wait out, and with letters waiting to be read."""

    scenery = "set-shop"

    @contextmanager
    def open(self) -> Iterator[Stage]:
        """A stage with a provider."""
        with self.stage() as place, Provider.start(place / PROVIDER_FILE) as provider:
            yield Stage(place, provider)


@cache
def lengths(shop: Shop) -> tuple[tuple[int, ...], ...]:
    """How many points each command of each session passes when nobody dies."""
    found = []
    for session in SESSIONS:
        with shop.open() as stage:
            counts = []
            for number, words in enumerate(session):
                file = stage.folder / f"points-{number}"
                stage.type(words, points=file)
                counts.append(len(file.read_text().splitlines()) if file.exists() else 0)
            if problems := list(stage.violations()):
                raise RuntimeError(f"a session without any death: {problems}")
            found.append(tuple(counts))
    return tuple(found)


def unit(shop: Shop, index: int, tally: Tally) -> None:
    """The `index`-th death: every third from outside, after a time a seed draws; the others from inside, at a point it draws."""
    chance = random.Random(index)
    session = index % len(SESSIONS)
    counts = lengths(shop)[session]
    place = chance.randrange(sum(counts))
    number = next(i for i in range(len(counts)) if place < sum(counts[: i + 1]))
    at = place - sum(counts[:number]) + 1
    words = SESSIONS[session][number]
    with shop.open() as stage:
        for before in SESSIONS[session][:number]:
            stage.type(before)
        if index % 3 == 0 and "CARD" not in words:
            where = _from_outside(stage, words, chance.uniform(0.05, 0.6), tally)
        else:
            code = stage.type(words, die_at=at)
            tally.deaths += code == -signal.SIGKILL
            where = f"{' '.join(words)} at {at}"
        for after in SESSIONS[session][number:]:
            stage.type(after)
        provider = stage.provider.address
        if forked("settle", folder=str(stage.folder), provider=provider) != FINISHED:
            tally.violations.append(f"{where}: it could not go on")
        tally.points += 1
        tally.violations += [f"{where}: {one}" for one in stage.violations()]
        tally.counts += judge(stage.folder).counts


def _from_outside(stage: Stage, words: tuple[str, ...], seconds: float, tally: Tally) -> str:
    """The command itself, with nothing in it that knows of its death."""
    argv = COLD if words == ("run",) else _LAUNCH
    with subprocess.Popen(
        [*argv, *words], cwd=stage.root, env=stage.env(), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            tally.deaths += 1
    return f"{' '.join(words)} after {seconds:.2f} s from outside"
