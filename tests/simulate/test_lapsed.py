"""What a clock that was ahead had ended goes on when it is back: waits, questions, and the calls they stand in."""

from datetime import timedelta

import pytest

from engine.app.commands import notebook_decisions
from engine.model.events.events import EffectSucceeded
from engine.model.health import StepReopened
from engine.testing.scenario import Scenario, letter

WAITS = {
    "playbooks/waits.yaml": """\
name: Waits
stage: approval
on: { email: { mailbox: waits } }
subject: ${{ event.from }}
concurrency: ${{ event.thread }}
gates:
  nudge: { title: Reminder, expires-after: 2d }
steps:
  - id: answer
    uses: wait/for
    with: { any: { reply: { email: { thread: "${{ event.thread }}" } } }, time: 3d }
  - id: told
    uses: notify/me
    if: ${{ steps.answer.outputs.got == 'nothing' }}
    with: { text: no answer came }
  - id: follow-up
    if: ${{ steps.answer.outputs.got == 'nothing' }}
    needs: [told]
    uses: email/reply
    with: { body: "Did you get my letter?" }
    gate: nudge
""",
    "playbooks/asks.yaml": """\
name: Asks
stage: approval
on: { email: { mailbox: asks } }
steps:
  - id: which
    uses: human/ask
    with: { title: Which one?, choices: [this, that] }
    timeout: 5d
  - id: after
    needs: [which]
    uses: notify/me
    with: { text: "it was ${{ steps.which.outputs.choice }}" }
""",
    "playbooks/calls.yaml": """\
name: Calls
stage: approval
on: { email: { mailbox: calls } }
steps:
  - id: below
    uses: playbook/below
  - id: after
    needs: [below]
    uses: notify/me
    with: { text: done below }
""",
    "playbooks/below.yaml": """\
name: Below
stage: approval
on: { call: {} }
steps:
  - id: which
    uses: human/ask
    with: { title: Below?, choices: [this, that] }
    timeout: 5d
""",
    "playbooks/early.yaml": """\
name: Early
stage: approval
on: { email: { mailbox: early } }
subject: ${{ event.from }}
steps:
  - id: answer
    uses: wait/for
    with: { any: { reply: { email: { thread: "${{ event.thread }}" } } }, time: 3d }
  - id: thanks
    uses: email/acknowledge
    if: ${{ steps.answer.outputs.got == 'nothing' }}
    with: { template: got-it }
""",
}


@pytest.fixture
def waiting(tmp_path):
    """Four letters, each of whose runs waits: for an answer twice, for the operator, and for a called run that asks the operator."""
    made = Scenario.make(tmp_path / "waiting", files=WAITS, bare=True)
    made.clock.machine = "desk"
    for box in ("waits", "asks", "calls", "early"):
        made.drop(
            box,
            letter(f"About {box}", "Please.", sender="Ann <ann@example.org>", id=f"{box}@example.org"),
            mailbox=box,
        )
    made.run()
    return made


def leapt(company, days):
    """The clock leaps, a person calls it right, and everything that is due by it is done."""
    company.clock.leap(timedelta(days=days))
    company.run()
    company.ask("answer", target="clock")
    company.run()


def standing(company):
    """What each run waits for, by playbook."""
    return {run.playbook: run.waiting or run.status for run in company.runs()}


def test_what_a_leap_ended_goes_on_when_the_clock_is_back(waiting):
    """Waits, questions and the calls they stand in: nothing that came of it is left over, and each is answered as ever."""
    before = standing(waiting)
    asked = {row.id for row in waiting.queue() if row.kind == "question"}
    assert len(asked) == 2
    leapt(waiting, 40)
    assert {name: standing(waiting)[name] for name in ("asks", "calls", "below")} == dict.fromkeys(
        ("asks", "calls", "below"), "failed"
    )
    assert [one.card.gate for one in waiting.cards()] == ["nudge"]
    letters = len(waiting.outbox())
    assert letters == 1, "what left because nobody answered in time has left"

    waiting.clock.leap(-timedelta(days=40))
    waiting.run()
    if waiting.book().doubted:
        waiting.ask("answer", target="clock")

    assert standing(waiting) == before | {"early": "succeeded"}
    assert not waiting.cards()
    rows = [row for row in waiting.queue() if row.kind == "question"]
    assert len(rows) == 2
    assert not asked & {row.id for row in rows}, "under ids of their own"
    page = notebook_decisions.day(waiting.workspace(), waiting.clock.now())
    assert {row.id for row in page.rows if row.state == "waits"} == {row.id for row in rows}
    assert not [row for row in page.rows if row.state == "failed"]
    for row in rows:
        assert waiting.ask("answer", target=row.id, body={"choice": "this"}).verdict == "accepted"
    waiting.drop(
        "reply",
        letter(
            "Re: About waits",
            "Yes.",
            id="reply@example.org",
            answers="waits@example.org",
            sender="Ann <ann@example.org>",
        ),
        mailbox="waits",
    )
    waiting.run()
    assert set(standing(waiting).values()) == {"succeeded"}
    assert len(waiting.outbox()) == letters
    waiting.later(timedelta(days=60))
    assert set(standing(waiting).values()) == {"succeeded"}


def test_what_goes_on_ends_at_its_own_time(waiting):
    leapt(waiting, 40)
    waiting.clock.leap(-timedelta(days=40))
    waiting.run()
    if waiting.book().doubted:
        waiting.ask("answer", target="clock")
    reopened = sum(isinstance(one.body, StepReopened) for one in waiting.events())
    waiting.later(timedelta(days=2))
    assert standing(waiting)["asks"] == "person"
    waiting.later(timedelta(days=4))
    assert standing(waiting) | {"waits": ""} == {
        "asks": "failed",
        "calls": "failed",
        "below": "failed",
        "early": "succeeded",
        "waits": "",
    }
    assert [one.card.gate for one in waiting.cards()] == ["nudge"]
    assert sum(isinstance(one.body, StepReopened) for one in waiting.events()) == reopened
    assert (
        len([one for one in waiting.events() if isinstance(one.body, EffectSucceeded) and one.step == "told"])
        == 2
    )
