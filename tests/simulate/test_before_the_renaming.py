"""A workspace written by the last version before the modules were renamed opens unchanged: ledger, keys, request, outbox, plan cache.

The archive is a demo: twelve letters were handled, cards wait, and one request (`stop`) was asked for and not yet decided.
"""

import json
import shutil
import tarfile
from pathlib import Path

import pytest

from engine.app.workspace.workspace import open_workspace
from tests.warm import run

ARCHIVE = Path(__file__).parents[1] / "fixtures" / "before-renaming.tar.xz"
STATE = Path("home/.local/state/steward")


@pytest.fixture
def company(tmp_path):
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="tar")
    root, home = tmp_path / "ws", tmp_path / "home"
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    new = open_workspace(root, env).state.path
    for folder in sorted((tmp_path / STATE).iterdir()):
        # The state of a workspace without an id is called by the folder's path.
        prefix, _, rest = folder.name.partition("-")
        suffix = rest.partition(".")[2]
        shutil.move(
            folder,
            folder.with_name(f"{prefix}-{new.name.partition('-')[2]}" + (f".{suffix}" if suffix else "")),
        )
    (root / "outbox").unlink()
    (root / "outbox").symlink_to(new.with_name(f"{new.name}.letters") / "outbox")

    def steward(*words):
        return run(words, cwd=root, env=env)

    return steward


def test_it_verifies_shows_its_cards_and_decides_the_request(company):
    verified = company("verify")
    assert verified.returncode == 0, verified.stderr
    cards = [row for row in json.loads(company("queue", "--json").stdout)["data"] if row["kind"] == "card"]
    assert len(cards) >= 3
    shown = company("show", cards[0]["short"])
    assert cards[0]["about"].split(" · ")[1] in shown.stdout + shown.stderr
    assert "steward resume" not in "".join(_said(company("status")))
    # Whoever owns the ledger next decides what was asked before.
    company("run", "--no-wait")
    assert "steward resume" in "".join(_said(company("status")))
    assert company("verify").returncode == 0


def test_its_history_and_its_plans_are_read(company):
    log = company("log")
    assert log.returncode == 0
    assert "lead-capture" in log.stdout
    checked = company("check")
    assert "Traceback" not in checked.stderr
    assert "0 errors" in "".join(_said(checked))


def _said(command):
    return command.stdout, command.stderr
