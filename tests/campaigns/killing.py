"""Deaths at every point of every story: a forked process ends itself with SIGKILL, the next one goes on, and three witnesses are compared.

python -m tests.campaigns.killing STORY [NAME]    die at each point of a story (whose name contains NAME), and say what was violated
python -m tests.campaigns.killing --list FILE     write down every point of every story
python -m tests.campaigns.killing --once          die once, right after the provider did what it was asked, and say what was violated
"""

import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from engine.testing.provider import Provider
from engine.testing.scenario import PROVIDER_FILE, Scenario
from tests.campaigns.invariants import judge
from tests.campaigns.standin import DIED, FAILED, FINISHED, ending, forked
from tests.campaigns.stories import STORIES


@dataclass(frozen=True, order=True)
class Point:
    """One place to die: the `number`-th point of a story, what it is called, and the events that are being appended there."""

    story: str
    number: int
    name: str
    events: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.story} {self.number} {self.name} {','.join(self.events) or '-'}"


@dataclass
class Tally:
    """What a range of deaths showed."""

    points: int = 0
    deaths: int = 0
    violations: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    recovery_ms: list[int] = field(default_factory=list)

    def result(self) -> dict[str, object]:
        """As it is kept in the evidence."""
        times = sorted(self.recovery_ms)
        slow = {"recovery_ms_p95": times[int(len(times) * 0.95) - 1]} if times else {}
        duplicates = sum("duplicate:" in one for one in self.violations)
        lost = sum("lost:" in one for one in self.violations)
        unknown = {
            name.split()[1]: times for name, times in self.counts.items() if name.startswith("unknown ")
        }
        return {
            "points": self.points, "deaths": self.deaths, "violations": len(self.violations), "duplicates": duplicates,
            "lost": lost, "unknown": self.counts["unknown"], "unknown_of": unknown, "effects": self.counts["effects"],
            "repeated": self.counts["repeated"], **slow,
        }  # fmt: skip


class Theatre:
    """A folder with the scene every story begins in."""

    scenery = "set"
    """The job that makes the scene."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scene = folder / "scene"
        if forked(self.scenery, folder=str(folder), scene=str(self.scene)) != FINISHED:
            raise RuntimeError("the scene could not be set")
        # Compiling is pure: done once, no child does it, or imports what it needs, again.
        if forked("learn", scene=str(self.scene)) != FINISHED:
            raise RuntimeError("playbooks of the scene don't compile")

    @contextmanager
    def stage(self) -> Iterator[Path]:
        """A copy of the scene, gone afterwards."""
        place = Path(tempfile.mkdtemp(dir=self.folder)) / "s"
        shutil.copytree(self.scene, place, symlinks=True)
        try:
            yield place
        finally:
            shutil.rmtree(place.parent)

    def rehearse(self, story: str, *, judged: bool = True) -> list[Point]:
        """Tell a story undisturbed and list its points. Raises RuntimeError when even that goes wrong."""
        with self.stage() as place:
            with Provider.start(place / PROVIDER_FILE) as provider:
                if forked("rehearse", folder=str(place), story=story, provider=provider.address) != FINISHED:
                    raise RuntimeError(f"the story {story} fails without any death")
            if judged and (problems := judge(place).violations):
                raise RuntimeError(f"the story {story} without any death: {problems}")
            rows = json.loads((place / "points.json").read_text())
            return [Point(story, number, name, tuple(types)) for number, (name, types) in enumerate(rows, 1)]

    def perform(self, story: str, deaths: Sequence[int], tally: Tally) -> list[str]:
        """Tell a story in which the processes die at these points, one after another, then let it end. Returns what was violated."""
        tally.points += 1
        with self.stage() as place:
            for number in deaths:
                with Provider.start(place / PROVIDER_FILE) as provider:
                    ended = told(place, story, provider, number)
                if ended == FAILED:
                    return ["a process failed by itself"]
                tally.deaths += ended == DIED
            with Provider.start(place / PROVIDER_FILE) as provider:
                ended = told(place, story, provider)
            if ended != FINISHED:
                return ["it could not go on"]
            if (place / "recovered").exists():
                tally.recovery_ms.append(int((place / "recovered").read_text()))
            verdict = judge(place)
            tally.counts += verdict.counts
            return list(verdict.violations)


def once(theatre: Theatre) -> list[str]:
    """Die right after a provider that knows keys did what it was asked; what was violated in the end.

    The playbook's steps go one after another, so it is the same call each time: with a key drawn anew the provider does it twice.
    """
    with theatre.stage() as place, Provider.start(place / PROVIDER_FILE) as provider:
        company = Scenario.at(place, provider=provider.address)
        if ending(company, "start", "held", point="call:after", nth=2) != DIED:
            return ["nobody died"]
        if forked("settle", folder=str(place), provider=provider.address) != FINISHED:
            return ["it could not go on"]
        return list(judge(place).violations)


def told(place: Path, story: str, provider: Provider, number: int = 0) -> str:
    """Tell a story in another process, which dies at the `number`-th point; how it ended."""
    return forked("tell", folder=str(place), story=story, provider=provider.address, number=number)


@cache
def all_points(theatre: Theatre) -> tuple[Point, ...]:
    """Every point of every story, in an order that spreads over stories and kinds: any first part is a fair sample."""
    by_story = [theatre.rehearse(story) for story in STORIES]
    points = [point for one in by_story for point in one]
    random.Random(1).shuffle(points)
    return tuple(points)


def unit(theatre: Theatre, index: int, tally: Tally) -> None:
    """The `index`-th death. Behind the enumerated ones: two to five deaths in a row at points a seed draws."""
    points = all_points(theatre)
    if index < len(points):
        story, deaths = points[index].story, [points[index].number]
    else:
        chance = random.Random(index)
        story = chance.choice(sorted(STORIES))
        most = sum(point.story == story for point in points)
        deaths = [
            chance.randint(1, most),
            *(chance.randint(1, max(2, most // 4)) for _ in range(chance.randint(1, 4))),
        ]
    where = " then ".join(map(str, deaths))
    tally.violations += [f"{story} at {where}: {one}" for one in theatre.perform(story, deaths, tally)]


def _list(points: Sequence[Point]) -> str:
    """A line for each kind of point of a story: its name, the events that are being appended there, and its numbers."""
    kinds: dict[tuple[str, str, str], list[int]] = {}
    for point in sorted(points):
        kinds.setdefault((point.story, point.name, ",".join(point.events) or "-"), []).append(point.number)
    rows = [f"{' '.join(kind)}  {' '.join(map(str, numbers))}\n" for kind, numbers in kinds.items()]
    return f"# {len(points)} points: story, point, events being appended, numbers\n{''.join(rows)}"


def main(argv: list[str]) -> int:
    """One story by hand, or the list of all points."""
    with tempfile.TemporaryDirectory(prefix="steward-killing-") as folder:
        theatre = Theatre(Path(folder))
        if argv[0] == "--list":
            points = all_points(theatre)
            Path(argv[1]).write_text(_list(points), encoding="utf-8")
            print(f"{len(points)} points")
            return 0
        if argv[0] == "--once":
            violations = once(theatre)
            print("\n".join(violations))
            return 1 if violations else 0
        tally, name = Tally(), argv[1] if len(argv) > 1 else ""
        for point in theatre.rehearse(argv[0], judged=False):
            if name in point.name:
                found = theatre.perform(point.story, [point.number], tally)
                tally.violations += [f"{point}: {one}" for one in found]
        print("\n".join(tally.violations))
        print(json.dumps(tally.result()))
        return 1 if tally.violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
