"""`steward test` and pytest in a fresh workspace."""

import json
import os
import subprocess
import sys

import pytest

from engine.cli.main import main
from tests.meta.sources import ROOT

pytestmark = pytest.mark.slow

FAILING = "playbook: answer-a-lead\ncases:\n  - name: wrong\n    inputs: {}\n    expect: { sent: [note] }\n"


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", os.fspath(tmp_path / "state"))
    monkeypatch.setenv("HOME", os.fspath(tmp_path / "home"))
    work = tmp_path / "work"
    assert main(["init", os.fspath(work), "--name", "Robin", "--email", "robin@example.com"]) == 0
    monkeypatch.chdir(work)
    return work


def test_a_fresh_workspace_checks_and_passes(fresh, capsys):
    assert main(["check"]) == 0
    assert main(["test"]) == 0

    out, err = capsys.readouterr()
    assert "✓ lead-capture: spam gets no answer at all" in out
    assert "lead-capture: 13 of 13 steps, 20 of 20 branches" in out
    assert " passed, 0 failed" in err


def test_one_playbook_as_data(fresh, capsys):
    capsys.readouterr()
    assert main(["test", "answer-a-lead", "--json"]) == 0

    data = json.loads(capsys.readouterr().out)["data"]
    assert {one["playbook"] for one in data["cases"]} == {"answer-a-lead"}
    assert [one["missing"] for one in data["coverage"]] == [[]]


def test_a_failing_case_and_an_unread_file_exit_1(fresh, capsys):
    file = fresh / "playbooks" / "tests" / "more.test.yaml"
    file.write_text(FAILING)
    assert main(["test", "more"]) == 1
    assert "playbooks/tests/more.test.yaml:5:21  sent: this is not so" in capsys.readouterr().out

    file.write_text(FAILING.replace("[note]", "[nte]"))
    assert main(["test", "more"]) == 1
    assert main(["check"]) == 3
    assert "SW502" in capsys.readouterr().out


def test_an_unknown_name_is_a_usage_error(fresh, capsys):
    assert main(["test", "nothing"]) == 2
    assert "lead-capture" in capsys.readouterr().err


def test_pytest_collects_the_same_cases(fresh):
    (fresh / "playbooks" / "tests" / "more.test.yaml").write_text(FAILING)
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "engine.testing.plugin",
        "-p",
        "no:cacheprovider",
        "playbooks/tests",
    ]
    env = {**os.environ, "PYTHONPATH": os.fspath(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run([*argv, "-v"], cwd=fresh, env=env, capture_output=True, text=True, check=False)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "playbooks/tests/lead-capture.test.yaml::spam gets no answer at all PASSED" in done.stdout
    assert "playbooks/tests/more.test.yaml::wrong FAILED" in done.stdout
    assert "= expected [note]" in done.stdout
    assert "Traceback" not in done.stdout
