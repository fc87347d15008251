"""`steward run NAME`: its exit code is that of the run."""

import subprocess

import pytest

from engine.app.setup import new_workspace
from engine.cli.main import main

BROKEN = """\
name: Broken
stage: auto
on: { manual: {} }
steps:
  - { id: tell, uses: email/reply, with: { thread: nobody-wrote, body: Hello } }
"""
ENDS = """\
name: Ends
stage: auto
on: { manual: {} }
steps:
  - { id: over, uses: run/end, with: { as: cancelled, because: not today } }
"""


@pytest.mark.slow
def test_a_run_that_failed_is_exit_one_and_one_that_ended_is_not(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    root = tmp_path / "w"
    new_workspace.make(root, name="R", email="r@example.org")
    (root / "playbooks" / "broken.yaml").write_text(BROKEN)
    (root / "playbooks" / "ends.yaml").write_text(ENDS)
    refuses = (
        ENDS.replace("over", "no").replace("cancelled", "failed").replace("not today", "the shop is shut")
    )
    (root / "playbooks" / "refuses.yaml").write_text(refuses)
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    subprocess.run(["git", "commit", "-qm", "two"], cwd=root, check=True)
    monkeypatch.chdir(root)
    assert main(["run", "broken"]) == 1
    assert "broken" in capsys.readouterr().out
    assert main(["run", "broken", "--json"]) == 1
    assert '"status": "failed"' in capsys.readouterr().out
    assert main(["run", "ends"]) != 1
    capsys.readouterr()
    assert main(["run", "refuses"]) == 1
    assert "ended as failed at `no`: the shop is shut" in capsys.readouterr().err
