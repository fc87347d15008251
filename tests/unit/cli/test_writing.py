"""The verbs that look at what is written, as a person or a program types them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.app.setup import starter_files
from engine.cli.main import main
from engine.vault import commit_all, init_repository

LEAD = "playbooks/lead-capture.yaml"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "w"
    starter_files.write(root, id="012345678901")
    init_repository(root, "R", "r@example.com")
    commit_all(root, "one")
    monkeypatch.chdir(root)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("NO_COLOR", "1")
    return root


def swap(root: Path, old: str, new: str, path: str = LEAD) -> None:
    text = (root / path).read_text(encoding="utf-8")
    assert old in text
    (root / path).write_text(text.replace(old, new), encoding="utf-8")


def out(capsys: pytest.CaptureFixture[str], *args: str, code: int = 0) -> str:
    capsys.readouterr()
    assert main(list(args)) == code
    return capsys.readouterr().out


def test_plan_shows_one_playbook_with_signs(workspace, capsys):
    text = out(capsys, "plan", "lead-capture")

    assert text.startswith("Lead capture  (playbooks/lead-capture.yaml)\n")
    assert "  ~ reply " in text
    assert "after not-for-us (file order), intent (reads it)" in text
    assert "could start sooner with `needs: [not-for-us]`" in text
    assert "Answer a lead" not in text


def test_plan_json_is_versioned_and_by_name(workspace, capsys):
    found = json.loads(out(capsys, "plan", "--json"))

    assert (found["steward"], found["version"]) == ("plan", 1)
    assert {"lead-capture", "answer-a-lead"} < set(found["data"])
    assert len(found["data"]["lead-capture"]["digest"]) == 64


def test_plan_mermaid_is_one_chart(workspace, capsys):
    plans = json.loads(out(capsys, "plan", "--json"))["data"]
    text = out(capsys, "plan", "--mermaid")

    assert text.count("flowchart TD") == 1
    assert text.count("  subgraph ") == len(plans)


def test_plan_leaves_out_what_does_not_compile_and_says_so(workspace, capsys):
    swap(workspace, "steps.who.outputs", "steps.whom.outputs")

    assert main(["plan"]) == 0
    found = capsys.readouterr()
    assert "Lead capture" not in found.out
    assert "lead-capture (steward check)" in found.err


def test_plan_diff_with_one_commit_is_against_the_working_folder(workspace, capsys):
    swap(workspace, "stage: approval", "stage: auto")
    text = out(capsys, "plan", "--diff", "main")

    assert text.splitlines()[1] == "  1 change raises authority"
    assert "  ▲ stage approval → auto" in text


def test_plan_diff_of_two_commits_ignores_the_folder(workspace, capsys):
    swap(workspace, "stage: approval", "stage: shadow")
    commit_all(workspace, "two")
    (workspace / LEAD).unlink()
    found = json.loads(out(capsys, "plan", "--diff", "main~1", "main", "--json"))

    assert (found["steward"], found["version"]) == ("plan-diff", 1)
    (one,) = found["data"]["playbooks"]
    assert (one["status"], one["changes"][0]["raises"]) == ("changed", False)
    assert found["data"]["raises-authority"] is False


@pytest.mark.parametrize(
    "args",
    [
        ["--diff", "nowhere"], ["--diff", "--output=x"], ["--diff", "main", "main", "main"], ["lead-capture", "--diff", "main"],
        ["--diff", "main", "--mermaid"], ["--diff", "main:playbooks"], ["--diff", "@{-1}"], ["--diff", ""],
    ],
)  # fmt: skip
def test_a_comparison_that_makes_no_sense_is_usage(workspace, capsys, args):
    try:
        code = main(["plan", *args])
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    assert code == 2
    assert capsys.readouterr().out == ""


def test_hostile_words_of_a_workspace_cannot_move_the_cursor(workspace, capsys):
    swap(workspace, "name: Lead capture", 'name: "Lead \\e[2J capture"')

    assert "\x1b" not in out(capsys, "plan", code=0)
    assert "\x1b" not in out(capsys, "plan", "--diff", "main")


def test_check_json_is_versioned_with_places_and_fixes(workspace, capsys):
    swap(workspace, 'steps.who.outputs }}", sources', 'steps.whom.outputs }}", sources')
    found = json.loads(out(capsys, "check", "--json", code=3))

    assert (found["steward"], found["version"]) == ("check", 1)
    one, *_ = (each for each in found["data"] if each["severity"] == "error")
    assert one.keys() == {
        "code", "severity", "path", "line", "column", "end-line", "end-column", "message", "hint", "fix", "source",
    }  # fmt: skip
    assert (one["code"], one["fix"]["text"]) == ("SW102", "who")


def test_check_of_places_tells_of_those_alone(workspace, capsys, monkeypatch):
    """Files and folders, from wherever one stands; the exit code is theirs."""
    swap(workspace, "uses: agent/draft", "uses: agent/drift")
    (workspace / "playbooks" / "other.yaml").write_text("name: Other\n", encoding="utf-8")

    def told(*args, code=3):
        return {one["path"] for one in json.loads(out(capsys, "check", *args, "--json", code=code))["data"]}

    assert told(LEAD) == {LEAD}
    assert told(str(workspace / LEAD)) == {LEAD}
    assert told(f"./vault/../{LEAD}") == {LEAD}
    assert {LEAD, "playbooks/other.yaml"} <= told("playbooks/")
    assert not {LEAD, "playbooks/other.yaml"} & told("vault", "steward.yaml", code=0)
    assert told(".") == told()
    monkeypatch.chdir(workspace / "playbooks")
    assert told("other.yaml") == {"playbooks/other.yaml"}
    assert told("other.yaml", "lead-capture.yaml") == {LEAD, "playbooks/other.yaml"}
    monkeypatch.chdir(workspace.parent)
    assert told("w/playbooks/other.yaml") == {"playbooks/other.yaml"}
    main(["check", "w/vault/sops"])
    said = capsys.readouterr().err
    assert "errors elsewhere:  steward check" in said


@pytest.mark.parametrize(
    ("given", "why", "type_"),
    [
        ("playbooks/lead-captur.yaml", "is not there", "steward check playbooks/lead-capture.yaml"),
        ("lead-capture", "is not there", "steward check playbooks/lead-capture.yaml"),
        ("nowhere.txt", "is not there", "steward check"),
        ("../elsewhere", "is not in", "steward check"),
        ("/", "is not in", "steward check"),
        ("AGENTS.md", "nothing that is checked", "steward check playbooks"),
    ],
)
def test_check_of_a_place_that_is_none_says_what_to_type(workspace, capsys, given, why, type_):
    assert main(["check", given]) == 2
    said = capsys.readouterr().err
    assert why in said
    assert type_ in said


def test_check_of_a_link_tells_of_the_link(workspace, capsys):
    (workspace / "playbooks" / "linked.yaml").symlink_to(workspace / LEAD)
    found = json.loads(out(capsys, "check", "playbooks/linked.yaml", "--json", code=3))["data"]
    assert [(one["path"], one["code"]) for one in found] == [("playbooks/linked.yaml", "SW015")]


def test_check_sarif_is_sarif_and_keeps_the_exit_code(workspace, capsys):
    warned = json.loads(out(capsys, "check", "--sarif"))["runs"][0]["results"]
    assert {(one["ruleId"], one["level"]) for one in warned} == {("SW307", "warning")}
    swap(workspace, "steps.who.outputs", "steps.whom.outputs")
    found = json.loads(out(capsys, "check", "--sarif", code=3))

    assert {one["ruleId"] for one in found["runs"][0]["results"]} == {"SW102", "SW307"}


def test_schema_lists_kinds_shows_keys_and_prints_json(workspace, capsys):
    assert "  playbook  " in out(capsys, "schema")
    assert "  steps*" in out(capsys, "schema", "playbook")
    assert json.loads(out(capsys, "schema", "policy", "--json"))["$schema"].endswith("draft-07/schema#")
    assert json.loads(out(capsys, "schema", "--json"))["data"]["playbook"] == "Steward playbook"
    assert main(["schema", "nonsense"]) == 2


def test_schema_and_explain_need_no_workspace(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert "  steps*" in out(capsys, "schema", "playbook")
    assert "SW102" in out(capsys, "explain")


def test_an_unchanged_check_loads_neither_plans_nor_the_ledger(workspace):
    code = "import sys; from engine.cli.main import main; main(['check']); print(*sys.modules)"
    root = str(Path(starter_files.__file__).parents[3])
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": root},
            capture_output=True,
            text=True,
            check=True,
        )

    assert "engine.language.build.check_cache" in done.stdout.split()
    assert {"engine.ledger", "engine.model.definitions.plan", "engine.language.build.compile", "yaml"} & set(
        done.stdout.split()
    ) == set()
