"""recall and rebuild as typed."""

import json
import subprocess

import pytest

from engine.app.adapters.memory_process import OFF
from engine.app.setup import new_workspace
from engine.cli import context
from engine.cli.commands import doctor
from engine.cli.main import main
from engine.cli.screen import card_view
from engine.memory.client import MemoryClient


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    new_workspace.make(tmp_path / "w", name="Ada", email="ada@example.com")
    monkeypatch.chdir(tmp_path / "w")
    return tmp_path / "w"


def test_passages_are_cited_with_path_heading_and_commit(workspace, capsys):
    assert main(["recall", "discount", "quote"]) == 0
    said = capsys.readouterr()
    first = said.out.splitlines()[0]
    assert first.startswith("vault/sops/quoting.md#How we quote@")
    assert "found by full-text" in said.err


def test_what_is_found_can_be_read_by_programs(workspace, capsys):
    assert main(["recall", "discount", "--kind", "sop", "--limit", "2", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)["data"]
    assert data["found-by"] == "full-text"
    assert data["because"]
    assert all(one["path"].startswith("vault/sops/") and len(one["commit"]) == 40 for one in data["notes"])


def test_nothing_found_is_an_answer(workspace, capsys):
    assert main(["recall", "zzzzzz"]) == 0
    assert "0 found" in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["0", "21", "-1"])
def test_a_limit_that_makes_no_sense_exits_2(workspace, limit):
    assert main(["recall", "a", "--limit", limit]) == 2


def test_without_an_index_there_is_nothing_to_rebuild_and_it_says_why(workspace, capsys):
    assert main(["rebuild"]) == 1
    assert OFF in capsys.readouterr().err


def test_doctor_says_how_a_model_that_is_not_there_is_loaded_unless_none_is_wanted(workspace, monkeypatch):
    monkeypatch.setattr("engine.memory.model.packaged", lambda: None)
    assert doctor._memory(context.workspace()) == {}, f"{OFF} is off in tests"
    monkeypatch.delenv(OFF)
    told = doctor._memory(context.workspace())
    assert told["way-out"] == "steward memory install"
    assert "all-MiniLM-L6-v2" in str(told["because"])
    settings = workspace / "steward.yaml"
    settings.write_text(settings.read_text() + "\nmemory: { model: none }\n")
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run([*git, "commit", "-qam", "Words alone"], cwd=workspace, check=True)
    assert doctor._memory(context.workspace()) == {}


class Client:
    """A memory process that finds `faults`."""

    def __init__(self, **faults):
        fine = {"missing": 0, "stale": 0, "different": 0, "ranks": 0, "vectors": 0}
        self.found = {**fine, **faults, "passages": 7, "queries": 5, "encoded-again": 4, "commit": "c"}
        self.asked = []

    def forgive(self):
        self.asked.append("forgive")

    def wake(self):
        self.asked.append("wake")

    def check(self, commit, *, seconds):
        return self.found

    def rebuild(self, commit, *, seconds):
        self.asked.append("rebuild")
        return {"passages": 7, "notes": 3, "encoded": 0, "commit": commit}

    def status(self):
        return {"lost": {"vault/sops/photo.md": "binary"}, "version": "m c"}


@pytest.fixture
def process(workspace, monkeypatch):
    def given(client: Client) -> Client:
        monkeypatch.setattr("engine.app.adapters.memory_process.client", lambda workspace, env: client)
        return client

    return given


def test_a_rebuild_says_what_is_not_remembered(process, capsys):
    client = process(Client())
    assert main(["rebuild"]) == 0
    assert client.asked == ["forgive", "wake", "rebuild"]
    said = capsys.readouterr().out
    assert "7 passages of 3 notes" in said
    assert "vault/sops/photo.md: binary" in said


def test_a_check_exits_1_when_the_index_differs(process, capsys):
    process(Client())
    assert main(["rebuild", "--check"]) == 0
    assert "equals one made afresh" in capsys.readouterr().out
    process(Client(missing=2, ranks=1))
    assert main(["rebuild", "--check"]) == 1
    said = capsys.readouterr().err
    assert "2 passages are not in the index" in said
    assert "1 of the questions" in said
    process(Client(vectors=1))
    assert main(["rebuild", "--check", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["data"]["ok"] is False


def test_the_stand_in_has_the_methods_of_the_real_one():
    assert all(hasattr(MemoryClient, name) for name in ("forgive", "wake", "check", "rebuild", "status"))


def test_a_card_cites_what_was_recalled_and_says_what_found_it():
    note = {"path": "vault/sops/q.md", "title": "Q", "heading": "Discounts", "commit": "1a2b3c4d5e", "text": "t", "score": 1, "found-by": "meaning and words"}  # fmt: skip
    found = [{"step": "sops", "outputs": {"notes": [note, {**note, "heading": "", "found-by": "full-text"}]}}]
    assert [one.strip() for one in card_view._findings(found) if one] == [
        "sops      notes: 2",
        "vault/sops/q.md#Discounts@1a2b3c4d   found by meaning and words",
        "vault/sops/q.md@1a2b3c4d   found by full-text",
    ]


@pytest.mark.parametrize("outputs", [None, "text", 7, {}, {"notes": []}, {"notes": None}, {"items": [{"what": "a"}, 3]}, {"notes": [{"path": "\x1b[2Jx", "found-by": "\n"}]}])  # fmt: skip
def test_outputs_of_any_shape_are_shown_on_one_line_each(outputs):
    lines = list(card_view._findings([{"step": "s", "outputs": outputs}]))
    assert all("\n" not in one and "\x1b" not in one for one in lines)
