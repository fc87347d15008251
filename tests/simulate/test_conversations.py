"""A second letter of a conversation finds what the first one brought to mind."""

import pytest

from engine.cli import context
from engine.cli.commands import status
from engine.model.values.timestamps import stamp
from engine.testing.scenario import letter
from tests.simulate.terminal import environment, plainly

BOOK = """\
name: Look
stage: approval
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
steps:
  - { id: intent, uses: intent/resolve, with: { text: "${{ event.text }}" } }
  - { id: notes, uses: memory/recall, with: { query: "${{ event.text }}", limit: 2 } }
"""
NOTES = {
    "vault/sops/windows.md": "# Windows\n\nWashing windows takes a ladder and a bucket.\n",
    "vault/sops/roofs.md": "# Roofs\n\nMending roofs takes slate, nails and dry weather.\n",
}


@pytest.fixture
def talk(company):
    def make(name, text, *, answers="", sender="Ada Byron <ada@example.org>"):
        company.drop(name, letter("Windows", text, id=f"{name}@example.org", answers=answers, sender=sender))
        company.run()
        run = company.runs("look")[-1]
        return (
            run,
            company.value(run.steps["intent"].outputs),
            company.value(run.steps["notes"].outputs)["notes"],
        )

    for file in company.root.glob("playbooks/*.yaml"):
        file.unlink()
    company.commit({"playbooks/look.yaml": BOOK, **NOTES})
    return make


def paths(notes):
    return [(one["path"], one["found-by"]) for one in notes]


def test_passages_and_what_was_wanted_come_to_mind_again(company, talk):
    first, wanted, notes = talk("one", "could you give us a quote for washing windows with a ladder?")
    assert wanted["name"] == "quote"
    assert paths(notes)[0] == ("vault/sops/windows.md", "full-text")
    _, wanted, notes = talk("two", "and roofs of slate?", answers="one@example.org")
    assert (wanted["name"], wanted["nearest"]) == ("unsure", "quote")
    assert "earlier in this conversation: quote" in wanted["evidence"]
    assert paths(notes) == [
        ("vault/sops/roofs.md", "full-text"),
        ("vault/sops/windows.md", "this conversation"),
    ]
    shown = plainly(["show", first.id[:8]], cwd=company.root, env=environment(company.env))
    # The scenario's clock stands in the past, so that by the real one it is over and not shown.
    assert "in mind" not in shown.text


def test_another_person_another_conversation_and_a_changed_note_bring_nothing(company, talk):
    talk("one", "could you give us a quote for washing windows with a ladder?")
    for name, given in (
        ("two", {"answers": "one@example.org", "sender": "Eve <eve@example.net>"}),
        ("three", {}),
    ):
        _, wanted, notes = talk(name, "and roofs of slate?", **given)
        assert wanted["nearest"] is None
        assert "this conversation" not in dict(paths(notes)).values()
    company.commit({"vault/sops/windows.md": "# Windows\n\nWe no longer wash windows.\n"})
    _, _, notes = talk("four", "and roofs of slate?", answers="one@example.org")
    assert ("vault/sops/windows.md", "this conversation") not in paths(notes)


def test_it_is_visible_while_it_lives(company, talk, monkeypatch, capsys):
    run, _, _ = talk("one", "could you give us a quote for washing windows with a ladder?")
    monkeypatch.chdir(company.root)
    for name, value in company.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(context, "now", lambda: stamp(company.clock.now()))
    with company.reading() as reading:
        assert status.show_run(reading, run, as_json=False) == 0
    said = capsys.readouterr().out
    assert "in mind  wanted    until 2026-03-05 " in said
    assert "vault/sops/windows.md: Windows" in said


def test_the_log_says_who_decided_what_was_wanted(company, talk):
    talk("one", "could you give us a quote?")
    said = plainly(["log"], cwd=company.root, env=environment(company.env))
    assert "`intent` resolved to quote by rules, score 0.9000" in said.text
