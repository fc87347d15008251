"""What a verb ends with: how that ended which it let go on."""

import json
import os
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
CALLS = """\
name: Calls
stage: auto
on: { manual: {} }
steps:
  - { id: below, uses: playbook/below }
"""
BELOW = BROKEN.replace("Broken", "Below").replace("manual", "call")
ASKS = """\
name: Asks
stage: auto
on: { manual: {} }
steps:
  - { id: which, uses: human/ask, with: { title: Which?, choices: [this, that] } }
  - { id: tell, if: "${{ steps.which.outputs.choice == 'this' }}", uses: email/reply, with: { thread: nobody-wrote, body: Hello } }
"""
LISTS = BROKEN.replace("Broken", "Lists").replace("manual: {}", "email: { mailbox: lists }")
ENDS = """\
name: Ends
stage: auto
on: { manual: {} }
steps:
  - { id: over, uses: run/end, with: { as: cancelled, because: not today } }
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A workspace in which much fails."""
    folder = tmp_path_factory.mktemp("exits")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_STATE_HOME", str(folder / "state"))
        root = folder / "w"
        new_workspace.make(root, name="R", email="r@example.org")
        books = {"broken": BROKEN, "ends": ENDS, "calls": CALLS, "below": BELOW, "asks": ASKS, "lists": LISTS}
        for path in (root / "playbooks").glob("*.yaml"):
            path.unlink()
        for path in (root / "playbooks/tests").glob("*.yaml"):
            path.unlink()
        for name, text in books.items():
            (root / "playbooks" / f"{name}.yaml").write_text(text)
        (root / "vault/inbox/lists").mkdir()
        subprocess.run(["git", "add", "-A"], cwd=root, check=True)
        subprocess.run(["git", "commit", "-qm", "books"], cwd=root, check=True)
        patched.chdir(root)
        patched.setattr("engine.cli.context.need_person", lambda _verb: None)
        yield root


def shown(capsys, *words):
    """Exit code, and what both streams say."""
    capsys.readouterr()
    code = main(list(words))
    return code, "".join(capsys.readouterr())


def row_of(capsys, kind):
    code, text = shown(capsys, "queue", "--json")
    assert code == 4
    return next(row for row in json.loads(text)["data"] if row["kind"] == kind)["id"]


@pytest.mark.slow
def test_every_verb_that_lets_something_go_on_says_how_that_ended(desk, capsys):
    """1 where a run failed, also one that was called, answered, taken up or begun again; 4 where something waits; 0 where nothing is left."""
    assert shown(capsys, "run", "calls")[0] == 1
    assert shown(capsys, "run", "asks")[0] == 4
    code, text = shown(capsys, "answer", row_of(capsys, "question"), "this")
    assert (code, "failed" in text, "steward retry" in text) == (1, True, True)
    assert shown(capsys, "run", "asks", "--no-wait")[0] == 4
    assert shown(capsys, "answer", row_of(capsys, "question"), "that")[0] == 0

    letter = desk / "vault/inbox/lists/one.eml"
    letter.write_text(
        "From: Ann <ann@example.com>\nTo: r@example.org\nSubject: Hello\nMessage-ID: <1@example.com>\n\nHello.\n"
    )
    os.utime(letter, (1, 1))
    assert shown(capsys, "run")[0] == 1
    failed = row_of(capsys, "failed")
    assert shown(capsys, "run")[0] == 4, "it waits to be worked off"
    assert shown(capsys, "retry", failed)[0] == 1
    assert shown(capsys, "dismiss", failed)[0] == 0

    aside = desk / "vault/inbox/lists/two.eml"
    aside.write_text(
        "From: Ann <ann@example.com>, Bob <bob@example.com>\nTo: r@example.org\nSubject: Two\nMessage-ID: <2@example.com>\n\nHello.\n"
    )
    os.utime(aside, (1, 1))
    assert shown(capsys, "run")[0] == 4
    assert shown(capsys, "take", row_of(capsys, "put-aside"), "lists")[0] == 1
    assert shown(capsys, "dismiss", row_of(capsys, "failed"))[0] == 0
    assert shown(capsys, "queue")[0] == 0
    assert shown(capsys, "run")[0] == 0


@pytest.mark.slow
def test_a_stage_that_is_not_built_is_refused_and_the_commit_before_it_runs(desk, capsys):
    book = desk / "playbooks/ends.yaml"
    book.write_text(ENDS.replace("stage: auto", "stage: canary"))
    try:
        code, text = shown(capsys, "check")
        assert (code, "canary" in text) == (3, True)
        code, text = shown(capsys, "plan", "ends")
        assert (code != 0, "steward check" in text) == (True, True)
        subprocess.run(["git", "commit", "-qam", "canary"], cwd=desk, check=True)
        code, text = shown(capsys, "run", "ends")
        assert "does not compile" in text, "the commit before stays deployed, and it is said"
    finally:
        book.write_text(ENDS)
        subprocess.run(["git", "commit", "-qam", "back"], cwd=desk, check=False)
