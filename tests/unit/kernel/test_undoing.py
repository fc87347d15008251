"""Taking back by a step of its own: begun whoever asks, also after the end, one decision by itself, tried anew under another revision."""

from dataclasses import replace
from typing import Any

from engine.kernel.core.decide import decide
from engine.model import commands as c
from engine.model.definitions.plan import Node, undo_of, undone_by
from engine.model.events import connectors as k
from engine.model.events import events as e
from tests.unit.kernel.plans import RUN, History, at, node, plan


def taken_back(**more: Any) -> Node:
    """A step with an undo of its own."""
    return node("a", "effect", undo=replace(node("a~undo", "effect"), **more))


def done_and_ended(*, status: str = "succeeded") -> History:
    """Step `a` acted, and the run is over."""
    history = History().proposed("a", answer="allow")
    history.add(e.EffectIntended(key="ka1", revision=1, attempt=1), "a")
    history.add(e.EffectSucceeded(key="ka1", outputs="v"), "a")
    return history.add(e.RunEnded(status=status))


def test_an_ended_run_begins_its_undo_when_a_person_asks_for_it_and_closes_again() -> None:
    """It stays ended; only what is to be taken back goes on."""
    one = plan(taken_back())
    history = done_and_ended()
    assert decide(one, history.run, now=at(0)) == []
    history.add(e.UndoAsked(by="me", channel="terminal"), "a")
    assert RUN in history.book.open_runs
    assert decide(one, history.run, now=at(0)) == [c.Begin(step="a~undo")]
    history.add(k.StepDelayed(connector="x", because="breaker"), "a~undo")
    assert decide(one, history.run, now=at(0)) == []
    history.proposed("a~undo", answer="allow")
    assert decide(one, history.run, now=at(0)) == [c.Release(step="a~undo")]
    history.add(e.EffectIntended(key="u", revision=1, attempt=1), "a~undo")
    assert decide(one, history.run, now=at(0)) == [c.Recover(step="a~undo")]
    history.add(e.EffectSucceeded(key="u", outputs="v"), "a~undo")
    assert decide(one, history.run, now=at(0)) == [c.UndoStep(step="a")]
    history.add(e.EffectUndone(key="ka1", by="me"), "a")
    assert decide(one, history.run, now=at(0)) == []
    assert RUN not in history.book.open_runs
    assert history.run.status == "succeeded"


def test_an_undo_that_is_asked_about_waits_for_its_own_card() -> None:
    """Refused, the step stays done; the run is not cancelled for it."""
    one = plan(taken_back())
    history = done_and_ended().add(e.UndoAsked(by="me", channel="terminal"), "a")
    history.proposed("a~undo", gate="a~undo")
    assert decide(one, history.run, now=at(0)) == [c.OpenCard(gate="a~undo", steps=("a~undo",))]
    history.card("C1", "a~undo", "a~undo")
    assert decide(one, history.run, now=at(0)) == []
    history.add(e.CardRejected(card="C1", by="me", channel="terminal"))
    assert decide(one, history.run, now=at(0)) == [c.UndoStep(step="a")]


def test_an_undo_that_reads_a_skipped_step_is_skipped() -> None:
    """There is nothing to compute it from."""
    one = plan(node("look"), taken_back(reads=("look",)))
    history = History().add(e.StepSkipped(because="if"), "look").proposed("a", answer="allow")
    history.add(e.EffectIntended(key="ka1", revision=1, attempt=1), "a")
    history.add(e.EffectSucceeded(key="ka1", outputs="v"), "a")
    history.add(e.UndoAsked(by="me", channel="terminal"), "a")
    assert decide(one, history.run, now=at(0))[0] == c.Skip(step="a~undo", because="`look` was skipped")


def test_an_undo_that_reads_what_nobody_knows_is_skipped() -> None:
    """A person saw that it happened; what it gave was lost with the answer."""
    one = plan(taken_back(reads=("a",)))
    history = History().proposed("a", answer="allow")
    history.add(e.EffectIntended(key="ka1", revision=1, attempt=1), "a")
    history.add(e.EffectUnknown(key="ka1", code="crashed"), "a")
    history.add(e.EffectResolved(key="ka1", happened=True, by="me"), "a")
    history.add(e.UndoAsked(by="me", channel="terminal"), "a")
    assert decide(one, history.run, now=at(0))[0] == c.Skip(
        step="a~undo", because="what `a` gave is not known"
    )


def test_asked_again_an_undo_takes_the_next_revision() -> None:
    """So that it has another key than the one that was refused."""
    history = done_and_ended().add(e.UndoAsked(by="me", channel="terminal"), "a")
    history.proposed("a~undo", answer="allow")
    history.add(e.StepFailed(attempt=1, code="x"), "a~undo")
    history.add(e.EffectKept(key="ka1", code="x"), "a")
    assert history.run.step("a").undo_failed
    history.add(e.UndoAsked(by="me", channel="terminal"), "a")
    assert (history.run.step("a").undo_failed, history.run.step("a~undo").status) == (False, "pending")
    assert history.run.step("a~undo").revision == 1


def test_the_names_of_steps_that_take_back() -> None:
    """Of one item among others, too; no authored step can have such a name."""
    assert (undo_of("pay"), undo_of("pay#k")) == ("pay~undo", "pay~undo#k")
    assert (undone_by("pay~undo"), undone_by("pay~undo#k")) == ("pay", "pay#k")
    assert (undone_by("pay"), undone_by("pay#k")) == ("", "")
    one = plan(taken_back())
    assert (one.node("a~undo").id, one.node("a~undo#k").id, one.node("a#k").id) == ("a~undo", "a~undo", "a")


def test_an_undo_reads_what_is_known_whatever_became_of_the_step() -> None:
    """The effect happened and gave something else than was expected; another one was only seen by a person, and nothing of it is read."""
    one = plan(node("look"), taken_back(reads=("a",)))
    history = History().done("look").proposed("a", answer="allow")
    history.add(e.EffectIntended(key="ka1", revision=1, attempt=1), "a")
    history.add(e.EffectSucceeded(key="ka1", outputs="v"), "a").add(
        e.StepFailed(attempt=1, code="expect"), "a"
    )
    history.add(e.UndoAsked(by="me", channel="terminal"), "a")
    assert decide(one, history.run, now=at(0))[0] == c.Begin(step="a~undo")
    seen = History().done("look").proposed("a", answer="allow")
    seen.add(e.EffectIntended(key="ka1", revision=1, attempt=1), "a").add(
        e.EffectUnknown(key="ka1", code="x"), "a"
    )
    seen.add(e.EffectResolved(key="ka1", happened=True, by="me"), "a")
    seen.add(e.UndoAsked(by="me", channel="terminal"), "a")
    assert decide(plan(node("look"), taken_back(reads=("look",))), seen.run, now=at(0))[0] == c.Begin(
        step="a~undo"
    )
