"""What a child of the stand-in can be asked to do."""

import importlib
import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from engine.app.workspace import deployment
from engine.app.workspace.action_catalog import declared
from engine.app.workspace.workspace import Workspace
from engine.kernel.core.services import Deployment
from engine.model.definitions.actions import ActionSpec
from engine.model.events.events import Event
from engine.model.ports import Tree
from engine.model.values.canonical_json import Json, sha256
from engine.testing.clock import VirtualClock
from engine.testing.connector import ACTIONS
from engine.testing.provider import Provider
from engine.testing.scenario import Counting, Scenario
from tests.campaigns.aftermath import set_again
from tests.campaigns.invariants import ACKNOWLEDGED
from tests.campaigns.stories import PROVIDER, QUOTE, STORIES, VAGUE, Teller, settle

_PAUSE = "    undo-within: 20s\n"
_compile = deployment._compiled
_compiled: dict[str, Deployment] = {}


def _compile_once(
    tree: Tree, workspace: Workspace, specs: Mapping[str, ActionSpec], *, remember: bool
) -> Deployment:
    if tree.commit not in _compiled:
        _compiled[tree.commit] = _compile(tree, workspace, specs, remember=remember)
    return _compiled[tree.commit]


def die(_point: str, /) -> None:
    """As hard as it gets."""
    os.kill(os.getpid(), signal.SIGKILL)


def _noting(scenario: Scenario) -> Callable[[Event], None]:
    """Write down what this process was told is durable, as a person would who was shown it."""
    file = os.open(scenario.folder / ACKNOWLEDGED, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

    def hear(event: Event) -> None:
        # What was listened to last may still be buffered; a request's verdict never is.
        if event.type == "request.decided":
            line = f"event {event.seq} {event.hash}\nanswer {event.body.request} {event.body.verdict}\n"  # type: ignore[union-attr]
            os.write(file, line.encode())

    return hear


def tell(*, folder: str, story: str, provider: str, number: int) -> None:
    """Tell a story from the beginning, or go on with it, and let it settle; or die at its `number`-th point."""
    place = Path(folder)
    scenario = Scenario.at(place, provider=provider, probe=Counting(number, die) if number else None)
    scenario.listen = _noting(scenario)
    set_again(scenario)
    begun = time.monotonic()
    if (place / "begun").exists():
        # Somebody died here: whatever can go on by itself does so before anything else is asked.
        scenario.run(quietly=True)
        (place / "recovered").write_text(str(int((time.monotonic() - begun) * 1000)))
    (place / "begun").touch()
    STORIES[story](Teller(story, scenario))
    settle(scenario)


def warm() -> None:
    """Load in this process what each of its children would load for itself."""
    for name in (
        "duckdb",
        "jsonschema",
        "networkx",
        "fpdf",
        "markdown_it",
        "engine.memory.note_tables",
    ):
        importlib.import_module(name)


def rehearse(*, folder: str, story: str, provider: str) -> None:
    """Tell a story undisturbed and leave a list of its points there."""
    place, probe = Path(folder), Counting()
    rows: list[tuple[str, list[str]]] = []
    scenario = Scenario.at(place, provider=provider, probe=probe)
    marks: list[tuple[int, str]] = []
    scenario.listen = lambda event: marks.append((len(probe.points), event.type))
    STORIES[story](Teller(story, scenario))
    settle(scenario)
    # The events of an append are heard right after its last point; the points before it, back to the last `before`, are its own.
    types: dict[int, list[str]] = {}
    for at, type_ in marks:
        types.setdefault(at, []).append(type_)
    for index, name in enumerate(probe.points):
        own = name.startswith("append:") and not name.endswith(":flush")
        ahead = next((at for at in sorted(types) if at > index), 0) if own else 0
        rows.append((name, types.get(ahead, [])))
    (place / "points.json").write_text(json.dumps(rows))


def learn(*, scene: str) -> None:
    """Compile the scene's playbooks, for all children from now on. Raises RuntimeError when one doesn't compile."""
    deployment._compiled = _compile_once
    specs = {**declared(), **{one.name: one for one in ACTIONS}}
    if broken := deployment.deploy(Scenario.at(Path(scene)).workspace(), specs).broken:
        raise RuntimeError(f"playbooks of the scene don't compile: {', '.join(sorted(broken))}")


def set_scene(*, folder: str, scene: str) -> None:
    """The scene every story begins in."""
    with Provider.start(Path(folder) / "nobody.jsonl") as provider:
        Scenario.make(Path(scene), files=PROVIDER, provider=provider.address).enrol()


def set_shop(*, folder: str, scene: str) -> None:
    """A scene without pauses, which a real clock would wait out, and with letters waiting to be read."""
    with Provider.start(Path(folder) / "nobody.jsonl") as provider:
        made = Scenario.make(Path(scene), files=PROVIDER, provider=provider.address)
        playbook = (made.root / "playbooks/lead-capture.yaml").read_text(encoding="utf-8")
        held = PROVIDER["playbooks/held.yaml"].replace("20s", "1s")
        made.commit(
            {"playbooks/lead-capture.yaml": playbook.replace(_PAUSE, ""), "playbooks/held.yaml": held}
        )
        made.enrol()
        made.drop("quote", QUOTE)
        made.drop("vague", VAGUE)


def settled(*, folder: str, provider: str) -> None:
    """Let everything that is under way come to rest."""
    settle(Scenario.at(Path(folder), provider=provider))


class After:
    """Dies when a point is reached for the nth time."""

    def __init__(self, name: str, nth: int) -> None:
        self.name, self.left = name, nth

    def __call__(self, point: str, /) -> None:
        self.left -= point == self.name
        if not self.left:
            die(point)


def act(
    *, folder: str, provider: str, now: str, env: dict[str, str], doing: str, what: str, given: Json, point: str, nth: int
) -> None:  # fmt: skip
    """One thing that is done in a company, perhaps until its death. `env` may have changed since the stand-in began."""
    os.environ.update(env)
    company = Scenario.at(Path(folder), provider=provider, probe=After(point, nth) if point else None)
    company.clock = VirtualClock(datetime.fromisoformat(now))
    if doing == "run":
        company.run()
    elif doing == "start":
        company.start(what)
    elif doing == "answer":
        company.ask("answer", target=what, body=given)
    elif doing == "accept":
        text = str(given)
        company.ask("accept", target=what, digest=sha256(text.encode()), body={"text": text})
    else:
        company.approve(next(one for one in company.cards() if one.card.id == what))


JOBS: Mapping[str, Callable[..., None]] = {
    "act": act, "rehearse": rehearse, "set": set_scene, "set-shop": set_shop, "settle": settled, "tell": tell,
}  # fmt: skip
