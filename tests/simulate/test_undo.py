"""`undo: {uses, with}`: taking back is an effect of its own, with its own step, key, intent and card, whoever asks for it and whenever."""

import contextlib

import pytest

from engine.model.errors import PermanentError
from engine.runtime.broker import Broker
from engine.testing.scenario import Counting, Scenario

pytestmark = pytest.mark.slow

FAILS = """\
name: Fails
stage: approval
on: { manual: {} }
if-failed: undo
steps:
  - id: book
    uses: provider/queryable
    with: { text: the room }
    undo: { uses: provider/take-back, with: { text: "free ${{ steps.book.outputs.id }} on ${{ inputs.day }}" } }
  - { id: tell, uses: provider/idempotent, with: { text: hello } }
  - { id: last, uses: provider/opaque, with: { text: refuse }, expect: { repeated: true } }
inputs: { day: text }
"""
BOOKED = """\
name: Booked
stage: approval
on: { manual: {} }
steps:
  - id: book
    uses: provider/queryable
    with: { text: the room }
    undo: { uses: provider/USES, with: { text: "free ${{ steps.book.outputs.id }}" } }
"""


def told(made: Scenario) -> list[str]:
    """What the provider was told, in order of the steps."""
    steps = [step for run in made.runs() for step in run.steps.values() if step.proposal and step.done]
    return [made.value(step.proposal)["args"]["text"] for step in steps]


def of_step(made: Scenario, step: str) -> list[str]:
    """The types of a step's events."""
    return [event.type for event in made.events() if event.step == step]


def test_a_run_that_fails_takes_back_with_an_effect_of_its_own(supplied, provider):
    """Newest first; its own key, its own durable intent, and the step's outputs in its words."""
    made = supplied(fails=FAILS)
    made.start("fails", day="Monday")
    (run,) = made.runs()
    assert run.status == "failed"
    assert run.step("book").undone
    assert run.step("tell").undone
    undo, book = run.step("book~undo"), run.step("book")
    assert undo.key != book.key
    assert undo.intents == 1
    assert f"free {made.value(book.outputs)['id']} on Monday" in told(made)
    kinds = of_step(made, "book~undo")
    assert kinds.index("effect.intended") < kinds.index("effect.succeeded")
    taken = [event.step for event in made.events() if event.type in {"effect.undone", "effect.kept"}]
    assert taken == ["last", "tell", "book"]


def test_a_finished_run_is_taken_back_when_a_person_asks_for_it(supplied, provider):
    """Once: asked again, there is nothing left."""
    made = supplied(booked=BOOKED.replace("USES", "idempotent"))
    made.start("booked")
    (run,) = made.runs()
    assert run.status == "succeeded"
    said = made.ask("undo", target=run.id)
    assert said.verdict == "accepted"
    (run,) = made.runs()
    assert run.status == "succeeded"
    assert run.step("book").undone
    assert sum(provider.effects().values()) == 2
    again = made.ask("undo", target=run.id)
    assert (again.verdict, again.message) == ("refused", "it was taken back already: book")
    assert sum(provider.effects().values()) == 2
    assert run.id not in made.book().open_runs


def test_what_reaches_a_customer_asks_before_it_is_taken_back(supplied, provider):
    """The card shows the bytes; nothing leaves before the yes, nothing more after a no, and a no can be thought better of."""
    made = supplied(booked=BOOKED.replace("USES", "customer"))
    made.start("booked")
    (run,) = made.runs()
    made.ask("undo", target=run.id)
    (shown,) = made.cards()
    assert shown.card.steps == ("book~undo",)
    assert shown.content["members"][0]["action"] == "provider/customer"
    assert made.ask("undo", target=run.id).verdict == "noop"
    made.ask("reject", target=shown.card.id)
    (run,) = made.runs()
    assert run.step("book").undo_failed
    assert not run.step("book").undone
    assert sum(provider.effects().values()) == 1
    made.ask("undo", target=run.id)
    (again,) = made.cards()
    made.approve(again)
    (run,) = made.runs()
    assert run.step("book").undone
    assert run.status == "succeeded"
    assert sum(provider.effects().values()) == 2


def test_a_failed_run_ends_when_its_undo_was_decided(supplied, provider):
    """Until then it waits for the person, like for any card."""
    made = supplied(fails=FAILS.replace("provider/take-back", "provider/customer"))
    made.start("fails", day="Monday")
    (run,) = made.runs()
    assert (run.status, run.waiting) == ("running", "approval")
    (shown,) = made.cards()
    made.approve(shown)
    (run,) = made.runs()
    assert run.status == "failed"
    assert run.step("book").undone
    assert made.cards() == []


def test_a_legal_undo_needs_the_passphrase(supplied):
    """As strong as any effect of that reach."""
    made = supplied(booked=BOOKED.replace("USES", "legal"))
    made.start("booked")
    made.ask("undo", target=made.runs()[0].id)
    (shown,) = made.cards()
    assert shown.card.strength == 2


def test_nothing_is_taken_back_while_everything_is_stopped(supplied, provider):
    """Neither begun, nor finished with a yes to its card."""
    made = supplied(booked=BOOKED.replace("USES", "customer"))
    made.start("booked")
    (run,) = made.runs()
    made.ask("undo", target=run.id)
    (shown,) = made.cards()
    made.ask("stop")
    assert made.approve(shown).verdict == "refused"
    assert made.ask("undo", target=run.id).verdict in {"refused", "noop"}
    assert sum(provider.effects().values()) == 1
    assert not made.runs()[0].step("book").undone


EACH = """\
name: Each
stage: approval
on: { manual: {} }
inputs: { rooms: "[{ id: text }]" }
steps:
  - id: book
    foreach: ${{ inputs.rooms }}
    key: ${{ item.id }}
    uses: provider/queryable
    with: { text: "book ${{ item.id }}" }
    undo: { uses: provider/idempotent, with: { text: "free ${{ item.id }}: ${{ steps.book.outputs.id }}" } }
"""


def test_each_item_is_taken_back_by_itself(supplied, provider):
    """Under a key of its own, with its own outputs."""
    made = supplied(each=EACH)
    made.start("each", rooms=[{"id": "a"}, {"id": "b"}])
    (run,) = made.runs()
    made.ask("undo", target=run.id)
    (run,) = made.runs()
    items = [id_ for id_ in run.steps if id_.startswith("book#")]
    outputs = {
        made.value(run.step(id_).proposal)["args"]["text"][-1]: made.value(run.step(id_).outputs)
        for id_ in items
    }
    assert all(run.step(id_).undone for id_ in items)
    assert {one for one in told(made) if one.startswith("free")} == {
        f"free {name}: {outputs[name]['id']}" for name in ("a", "b")
    }
    assert len({run.step(id_).key for id_ in run.steps if run.step(id_).key}) == 4


READS = """\
name: Reads
stage: approval
on: { manual: {} }
inputs: { yes: bool }
steps:
  - { id: look, if: "${{ inputs.yes }}", uses: provider/idempotent, with: { text: look } }
  - id: book
    needs: []
    uses: provider/queryable
    with: { text: the room }
    undo: { uses: provider/idempotent, with: { text: "free ${{ steps.look.outputs.id }}" } }
"""


def test_an_undo_that_reads_a_skipped_step_keeps_what_was_done_and_says_so(supplied, provider):
    """The step itself acts: only its undo reads what is not there."""
    made = supplied(reads=READS)
    made.start("reads", yes=False)
    (run,) = made.runs()
    assert run.step("book").done
    made.ask("undo", target=run.id)
    (run,) = made.runs()
    assert run.step("book").undo_failed
    assert not run.step("book").undone
    assert sum(provider.effects().values()) == 1


def test_the_steps_own_reason_counts_more_than_the_undo_of_its_action(supplied, provider):
    """`undo: {none: why}` on an action that could be taken back."""
    text = BOOKED.replace("queryable", "idempotent")
    text = text[: text.index("    undo:")] + "    undo: { none: they have the key }\n"
    made = supplied(booked=text)
    made.start("booked")
    said = made.ask("undo", target=made.runs()[0].id)
    assert said.verdict == "refused"
    assert "they have the key" in said.message
    assert not [key for key in provider.effects() if key.startswith("undo ")]


def test_a_persons_undo_is_carried_out_beside_the_loop_and_a_failed_one_is_undoingand_tried_anew(
    supplied, provider, monkeypatch
):
    """By the action's own undo: the loop goes on meanwhile, what failed stays done, and asked again it is tried again."""
    text = BOOKED.replace("queryable", "idempotent")
    text = text[: text.index("    undo:")]
    made = supplied(booked=text)
    made.start("booked")
    (run,) = made.runs()
    real, asked = Broker.undo, []

    def failing(broker, effect, outputs):
        asked.append(effect.key)
        if len(asked) == 1:
            raise PermanentError("they are closed", code="closed")
        return real(broker, effect, outputs)

    monkeypatch.setattr(Broker, "undo", failing)
    assert made.ask("undo", target=run.id).verdict == "accepted"
    (run,) = made.runs()
    book = run.step("book")
    assert (book.undone, book.undo_failed, book.code) == (False, True, "closed")
    assert made.ask("undo", target=run.id).verdict == "accepted"
    assert made.runs()[0].step("book").undone
    assert [event.body.by for event in made.events() if event.type == "effect.undone"] == ["robin"]
    # Decided first, done after: by the loop, not by who decides.
    undoing = ("undo.asked", "effect.kept", "effect.undone")
    assert [event.type for event in made.events() if event.type in undoing] == [
        "undo.asked", "effect.kept", "undo.asked", "effect.undone",
    ]  # fmt: skip


class _DeathError(BaseException):
    """The process is gone."""


def _die(_point: str) -> None:
    raise _DeathError


@pytest.mark.parametrize("last", range(1, 23))
def test_whenever_the_process_dies_the_undo_happens_once(tmp_path, provider, last):
    """Killed at every point of asking for it; the next process goes on from the ledger."""
    folder = tmp_path / "company"
    text = BOOKED.replace("USES", "idempotent")
    made = Scenario.make(folder, files={"playbooks/booked.yaml": text}, provider=provider.address, bare=True)
    made.start("booked")
    (run,) = made.runs()
    dying = Scenario.at(folder, provider=provider.address, probe=Counting(last, _die))
    with contextlib.suppress(_DeathError):
        dying.ask("undo", target=run.id, id="the-same-request")
    after = Scenario.at(folder, provider=provider.address)
    after.ask("undo", target=run.id, id="the-same-request")
    (run,) = after.runs()
    assert run.step("book").undone
    counts = provider.effects()
    assert counts[run.step("book~undo").key] == 1
    assert sum(counts.values()) == 2
