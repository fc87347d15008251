"""What runs has one name: `run`, `status` and `doctor` say the same commit, also when the tip can't be used or one stands beside it."""

import os
import subprocess

import pytest

from engine.app.setup import new_workspace
from engine.cli.main import main

pytestmark = pytest.mark.slow

BROKEN = {
    "an action that isn't": ("playbooks/lead-capture.yaml", "uses: email/reply", "uses: email/replay"),
    "no YAML": ("playbooks/support.yaml", "name: ", "name: ["),
    "a step that isn't": ("playbooks/lead-capture.yaml", "needs: [not-for-us]", "needs: [nobody]"),
    "a broken SOP": ("vault/sops/answer-a-lead.md", "type: sop", "type: sop\nstage: fearless"),
    "a stage that is not built": ("playbooks/support.yaml", "stage: approval", "stage: canary"),
}


@pytest.fixture
def home(tmp_path, monkeypatch, capsys):
    """A workspace that ran once, and the ids of commits in eight digits."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    new_workspace.make(tmp_path / "w", name="Uma", email="uma@example.org")
    monkeypatch.chdir(tmp_path / "w")
    assert main(["status"]) == 0
    assert "nothing has run yet" in capsys.readouterr().out
    assert main(["run"]) == 0
    return tmp_path / "w"


def git(*words):
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *words], env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def tip():
    return git("rev-parse", "HEAD")[:8]


def told(capsys):
    """What each of the three says about what runs."""
    capsys.readouterr()
    found = {}
    for verb, word in (("run", ""), ("status", " deployed "), ("doctor", " deployed ")):
        main([verb])
        said = capsys.readouterr()
        found[verb] = (
            "\n".join(line for line in (said.out + said.err).splitlines() if word in line) or said.err
        )
    return found


@pytest.mark.parametrize("name", BROKEN)
def test_a_tip_that_does_not_compile_runs_nowhere(name, home, capsys):
    before, (path, old, new) = tip(), BROKEN[name]
    file = home / path
    file.write_text(file.read_text().replace(old, new, 1))
    git("commit", "-qam", "broken")
    bad = tip()
    said = told(capsys)
    assert f"commit {bad} does not compile; {before} stays deployed: steward check" in said["run"]
    for verb in ("status", "doctor"):
        assert f"{before} of main" in said[verb]
        assert f"commit {bad} does not compile" in said[verb]
    git("revert", "--no-edit", "HEAD")
    said = told(capsys)
    assert f"{tip()} of main" in said["status"]
    assert f"{tip()} of main" in said["doctor"]
    assert "does not compile" not in "".join(said.values())


def test_commits_that_the_deployed_branch_does_not_hold_are_mentioned(home, capsys):
    before = tip()
    git("switch", "-qc", "work")
    for count, words in ((1, "1 commit on work is not in main"), (2, "2 commits on work are not in main")):
        git("commit", "-q", "--allow-empty", "-m", f"number {count}")
        said = told(capsys)
        assert words in said["run"]
        assert words in said["status"]
        assert f"{before} of main" in said["status"]
        main(["doctor"])
        doctor = capsys.readouterr().out
        assert words in doctor
        assert "git switch main && git merge work" in doctor
    git("switch", "-q", "main")
    assert "not in main" not in told(capsys)["status"]  # a branch nobody is on is somebody's work in progress
    git("merge", "-q", "work")
    git("checkout", "-q", "--detach")
    git("commit", "-q", "--allow-empty", "-m", "on no branch")
    assert "1 commit on no branch is not in main" in told(capsys)["status"]
