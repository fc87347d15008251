"""Letters nobody wrote for a test: each becomes a run, or is put aside for one of the closed reasons, and none stops the others."""

import json
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from engine.connectors.email.mailboxes import Mailboxes
from engine.ledger import Keys
from engine.model.definitions.triggers import IGNORED_REASONS
from engine.model.events import events as e
from engine.testing.scenario import Scenario
from tests.campaigns.invariants import judge
from tests.counterparts import need

ODD = Path(__file__).parent / "odd"
SEED, DRAWN, AT_LEAST = 20, 200, 60


def drawn(folder: Path) -> list[Path]:
    """Letters from every folder of the corpus, the same ones each time."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md")
    folders = sorted({path.parent for path in files})
    chance = random.Random(SEED)
    first = [chance.choice([path for path in files if path.parent == one]) for one in folders]
    rest = [path for path in files if path not in first]
    return first + chance.sample(rest, min(DRAWN - len(first), len(rest)))


def outcomes(company: Scenario) -> dict[str, str]:
    """File name → ``started`` or the reason why not."""
    workspace = company.workspace()
    keys = Keys.open(workspace.state)
    boxes = Mailboxes(root=str(workspace.root), folders=None, index_key=keys.index_key(workspace.id))
    keys.close()
    received = {
        event.body.mark: event.body for event in company.events() if isinstance(event.body, e.TriggerReceived)
    }
    return {
        place.name: received[place.mark].reason or received[place.mark].outcome
        if place.mark in received
        else "never read"
        for place in boxes.places()
        # A file without bytes is waited for.
        if place.size
    }


def passed(folder: Path, letters: list[Path]) -> Scenario:
    company = Scenario.make(folder / "company")
    for number, path in enumerate(letters):
        company.drop(f"{number:03}-{path.stem}", path.read_bytes())
    company.run()
    return company


def bugs(company: Scenario) -> list[str]:
    kinds = (e.StepFailed, e.StepRetried, e.EffectFailed, e.EffectUnknown)
    codes = [event.body.code for event in company.events() if isinstance(event.body, kinds)]
    return [code for code in codes if code.startswith("bug")]


def test_odd_letters_of_our_own(tmp_path):
    letters = [path for path in sorted(ODD.glob("*.eml")) if path.stat().st_size]
    assert len(letters) >= 30
    company = passed(tmp_path, letters)
    found = outcomes(company)
    print(json.dumps(Counter(found.values())))
    assert len(found) == len(letters)
    assert set(found.values()) <= {"started", *IGNORED_REASONS}
    assert bugs(company) == []
    assert all(run.waiting or run.terminal for run in company.runs())
    assert judge(company.folder).violations == ()


@pytest.mark.slow
def test_letters_from_a_corpus(tmp_path, capsys):
    """By hand, with a folder of real letters: STEWARD_MAIL_CORPUS names it."""
    folder = os.environ.get("STEWARD_MAIL_CORPUS", "")
    need(folder, "STEWARD_MAIL_CORPUS; the committed odd letters run instead", by_hand=True)
    letters = drawn(Path(folder))
    company = passed(tmp_path, letters)
    found = outcomes(company)
    counts = Counter(found.values())
    with capsys.disabled():
        print(
            f"\n{len(letters)} letters from {len({path.parent for path in letters})} folders: {json.dumps(counts)}"
        )
    assert len(found) == len(letters)
    assert set(counts) <= {"started", *IGNORED_REASONS}
    assert bugs(company) == []
    assert all(run.waiting or run.terminal for run in company.runs())
    assert counts["started"] >= AT_LEAST
    assert judge(company.folder).violations == ()
