"""Names that lead elsewhere are no names: of files, playbooks, templates, agents, notes, actions, cards, runs, branches and kept files."""

import os
from contextlib import nullcontext
from email.message import EmailMessage
from pathlib import Path

import pytest

from engine.cli.main import main
from engine.connectors.email.mailboxes import Mailboxes
from engine.language.text.identifiers import is_field, is_id
from engine.ledger import Keys
from engine.ledger.blobs import SealedBlobs
from engine.ledger.state_dir import StateDir
from engine.model.errors import EngineError, PermanentError, UsageError
from engine.testing.scenario import Scenario
from engine.vault import FolderTree, GitTree, checked
from tests.corpus.payloads import TRAVERSALS
from tests.unit.language.trees import STARTER, compiled


@pytest.mark.parametrize("name", TRAVERSALS)
def test_an_id_is_none_of_them(name):
    assert not is_id(name)
    assert not is_field(name)


@pytest.mark.parametrize("name", TRAVERSALS)
def test_a_path_that_is_read_never_leads_out(name, tmp_path):
    try:
        path = checked(name)
    except UsageError:
        return
    joined = os.path.realpath(os.path.join(tmp_path, path))
    assert joined.startswith(f"{os.path.realpath(tmp_path)}{os.sep}")


PLACES = {
    "a template": "uses: email/reply\n    with: { template: %s }",
    "a playbook": "uses: %s",
    "a called playbook": "uses: run/find\n    with: { playbook: %s }",
    "a gate": "uses: notify/me\n    with: { text: a }\n    gate: %s",
    "a step": "uses: notify/me\n    with: { text: a }\n    needs: [%s]",
    "an id": "uses: notify/me\n    with: { text: a }\n    name: a\n    key: a",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", TRAVERSALS)
def test_a_playbook_that_names_one_has_no_plan(place, name):
    quoted = '"' + "".join(f"\\u{ord(one):04x}" if ord(one) < 0x10000 else one for one in name) + '"'
    named = quoted.replace('"', '"playbook/', 1) if place == "a playbook" else quoted
    step = PLACES[place] % named if "%s" in PLACES[place] else PLACES[place]
    id_ = quoted if place == "an id" else "a"
    text = f"name: Case\nstage: approval\non: {{ email: {{ mailbox: leads }} }}\nsubject: someone\nsteps:\n  - id: {id_}\n    {step}\n"

    found = compiled({"playbooks/case.yaml": text.encode()})

    assert found.broken == {"case"}
    assert found.diagnostics


@pytest.mark.parametrize(
    "name", [one for one in TRAVERSALS if one.isprintable() and "]" not in one and one.strip()]
)
def test_a_note_that_links_to_one_is_given_nothing(name):
    sop = f"---\ntype: sop\n---\n- [ ] Read [[{name}]] and [this]({name.replace(' ', '')}.md) ^read\n"
    found = compiled({"vault/sops/case.md": sop.encode()})

    for plan in found.plans.values():
        assert {path for path, _ in plan.files} <= {*STARTER, "vault/sops/case.md"}


@pytest.mark.parametrize("name", TRAVERSALS)
def test_a_kept_file_is_found_by_no_such_handle(name, tmp_path):
    state = StateDir.of(
        "traversal", env={"XDG_STATE_HOME": os.fspath(tmp_path), "HOME": os.fspath(tmp_path)}
    ).make()
    keys = Keys.open(state)
    try:
        blobs = SealedBlobs(state, keys)
        for handle in (name, f"sealed:{name}:{'a' * 64}", f"sealed::{name}", f"sealed:{name}"):
            with pytest.raises(PermanentError) as caught:
                blobs.get(handle)
            assert caught.value.code in {"handle", "gone", "erased", "no-key"}
    finally:
        keys.close()


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    made = Scenario.make(tmp_path_factory.mktemp("company"))
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "pat@example.org", "robin@example.com", "Files"
    letter["Date"], letter["Message-ID"] = "Mon, 02 Mar 2026 08:30:00 +0000", "<files@example.org>"
    letter.set_content("How much is a quote?\n")
    for name in TRAVERSALS:
        safe = name.encode("utf-8", "replace").decode().replace("\n", " ").replace("\0", " ")
        letter.add_attachment(b"x", maintype="text", subtype="plain", filename=safe[:120] or "x")
    made.drop("01", letter.as_bytes())
    made.run()
    return made


def everything_below(folder: Path) -> set[str]:
    """Files and folders; git's own may grow by the anchor of the ledger."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    return {path for path in found if not path.startswith(".git/")}


def test_names_of_attached_files_are_labels_and_no_paths(company):
    (run,) = company.runs("lead-capture")
    event = company.value(run.event)
    assert len(event["attachments"]) == len(TRAVERSALS)
    for one in event["attachments"]:
        assert "/" not in one["name"]
        assert "\\" not in one["name"]
        assert one["name"] not in {"", ".", ".."}
        assert one["name"].isprintable()


VERBS = (
    ["plan"], ["run"], ["show"], ["approve"], ["reject"], ["answer"], ["undo"], ["log"], ["test"], ["explain"], ["schema"],
    ["plan", "--diff"], ["snooze"],
)  # fmt: skip
WHOLE = (["plan"], ["show"], ["explain"], ["plan", "--diff"])
"""One verb for each kind of name (a playbook, a card, a code, a commit) tries all; the others, which look up the same way, a third each."""


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_no_command_takes_one_for_a_name(company, verb, monkeypatch, capsys):
    for name, value in company.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(company.root)
    before = everything_below(company.root)
    for name in TRAVERSALS if verb in WHOLE else TRAVERSALS[VERBS.index(verb) % 3 :: 3]:
        if not name.strip() or "\0" in name:
            continue
        with pytest.raises(SystemExit) if name.startswith("-") else nullcontext():
            code = main([*verb, name])
            assert code not in {0, None} or verb == ["log"], name
        said = capsys.readouterr()
        assert "Traceback" not in said.err + said.out
        assert "fault in steward" not in said.err, (verb, name)
    assert everything_below(company.root) == before


@pytest.mark.parametrize("name", [one for one in TRAVERSALS if one.strip()])
def test_a_mailbox_stays_below_the_workspace(name, tmp_path):
    keys_dir = tmp_path / "work"
    keys_dir.mkdir()
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.eml").write_text("From: a@example.com\n\nx")
    try:
        boxes = Mailboxes(root=os.fspath(keys_dir), folders={"leads": name}, index_key=b"k" * 32)
        found = list(boxes.places())
    except EngineError:
        return
    assert found == []


@pytest.mark.parametrize("name", TRAVERSALS)
def test_a_branch_or_commit_is_none_of_them(name, company):
    for look in (GitTree.at, GitTree.named):
        with pytest.raises(EngineError):
            look(company.root, name)


def test_what_is_read_of_the_folder_lies_in_it(company):
    assert all(checked(path) == path for path, _ in FolderTree(company.root).paths())
