"""What a card says and what its digest binds."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from engine.kernel.steps import effects
from engine.model.commands import OpenCard
from engine.model.definitions.actions import EffectClass, Reach, UndoSpec
from engine.model.definitions.plan import Fixed, Node, Plan
from engine.model.effects import Effect, Preview, dump
from engine.model.events import events as e
from engine.model.values.ids import EffectKey, RunId
from tests.unit.kernel.journals import Books
from tests.unit.kernel.plans import RUN, node, plan


def effect(step: str, body: str) -> Effect:
    """A frozen proposal."""
    return Effect(
        action="x/y", key=EffectKey(f"k{step}"), revision=1, run=RunId(RUN), step=step, subject=None,
        kind=EffectClass.IDEMPOTENT, reach=Reach.CUSTOMER, args={}, labels={}, digest=f"digest of {body}",
        preview=Preview(body=body.encode(), media="text/plain", facts=(("to", "Ada"),), text=body),
    )  # fmt: skip


def asked(of: Plan, **bodies: str) -> Books:
    """A run whose proposals are frozen."""
    books = Books(of)
    for step, body in bodies.items():
        books.add(e.StepStarted(attempt=1), step)
        proposal = books.seal(dump(effect(step, body)), "")
        books.add(
            e.EffectProposed(
                action="x/y", key=f"k{step}", revision=1, kind="idempotent", reach="customer", proposal=proposal, digest="d"
            ),
            step,
        )  # fmt: skip
        books.add(e.EffectGated(revision=1, answer="ask", rule="r", because="b", gate="g"), step)
    return books


def card(books: Books, *steps: str, of_plan: str = "") -> dict[str, Any]:
    """The content of the card that asks about these steps."""
    run = replace(books.run, plan=of_plan) if of_plan else books.run
    (draft,) = effects.open_card(books, books.plan(books.run), run, OpenCard(gate="g", steps=steps))
    content: dict[str, Any] = books.value(draft.body.content)  # type: ignore[union-attr]  # it is a CardOpened
    return content


TWO = plan(node("a", "effect"), node("b", "effect"))


def test_a_card_s_digest_binds_its_members_their_plan_and_its_expiry() -> None:
    """Each of them alone makes another card; the same again is the same."""
    books = asked(TWO, a="hello", b="bye")
    digests = [
        card(books, "a", "b")["digest"],
        card(books, "b", "a")["digest"],
        card(books, "a")["digest"],
        card(books, "a", "b", of_plan="another")["digest"],
        card(asked(TWO, a="hello", b="good-bye"), "a", "b")["digest"],
    ]
    assert card(books, "a", "b")["digest"] == digests[0]
    books.clock.advance(timedelta(seconds=1))
    assert len({*digests, card(books, "a", "b")["digest"]}) == 6


@pytest.mark.parametrize(
    ("undo", "more", "words", "final"),
    [
        (UndoSpec(none="letters stay sent"), {}, "letters stay sent", True),
        (UndoSpec(action="x/back"), {}, "undo by x/back", False),
        (UndoSpec(none="no"), {"undo_within": timedelta(seconds=20)}, "no", False),
        (UndoSpec(none="no"), {"undo": node("a~undo", "effect")}, "no", False),
    ],
)
def test_a_card_says_whether_and_how_it_can_be_taken_back(
    undo: UndoSpec, more: dict[str, Any], words: str, final: bool
) -> None:
    """By its action, in a short time, by a step of the playbook, or not at all."""
    step: Node = node("a", "effect", **more)
    assert step.action is not None
    books = asked(plan(replace(step, action=replace(step.action, undo=undo))), a="hello")
    (member,) = card(books, "a")["members"]
    assert (member["undo"], member["final"]) == (words, final)


def test_a_card_shows_the_letter_and_what_was_read_of_it() -> None:
    """Only readers that succeeded, and an event only where it is a letter."""
    books = asked(plan(node("who"), node("what"), node("a", "effect", foreach=Fixed(value=[]))), a="hello")
    books.add(e.StepSucceeded(attempt=1, outputs=books.seal({"name": "Ada"}, "")), "who")
    books.add(e.StepFailed(attempt=1, code="x"), "what")
    content = card(books, "a")
    assert [one["step"] for one in content["findings"]] == ["who"]
    assert content["letter"] is None
