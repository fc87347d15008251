"""What still happens while a run closes, what it takes back, and which of several reasons it ends with."""

from dataclasses import replace
from typing import Any

import pytest

from engine.kernel.core.decide import decide
from engine.model import commands as c
from engine.model.definitions.plan import Node, Plan
from engine.model.events import connectors as k
from engine.model.events import events as e
from tests.unit.kernel.plans import History, at, gate, node, plan


def acted(history: History, step: str) -> History:
    """An effect that happened."""
    history.proposed(step, answer="allow")
    history.add(e.EffectIntended(key=f"k{step}1", revision=1, attempt=1), step)
    return history.add(e.EffectSucceeded(key=f"k{step}1", outputs="v"), step)


def withdrawn(history: History, step: str) -> History:
    """An effect that was held and taken out of it."""
    history.proposed(step, answer="allow").add(e.EffectHeld(revision=1, until=at(20)), step)
    return history.add(e.EffectWithdrawn(revision=1, by="me", because="withdrawn by you"), step)


def test_what_handles_failures_begins_while_the_run_closes_also_behind_a_no() -> None:
    """A stop and a refusal are what it is there for."""
    two = plan(
        node("a", "effect", gate="g"), node("h", needs=("a",), handles_failure=True), gates=(gate("g", "a"),)
    )
    history = History().proposed("a", gate="g").card("C1", "g", "a")
    history.add(e.CardRejected(card="C1", by="me", channel="terminal")).add(e.RunStopped(by="reply"))
    assert decide(two, history.run, now=at(0)) == [c.Begin(step="h")]


def test_nobody_is_asked_about_what_a_closing_run_withdraws() -> None:
    """The proposal is frozen, and its card was not opened yet."""
    one = plan(node("a", "effect", gate="g"), gates=(gate("g", "a"),))
    history = History().proposed("a", gate="g").add(e.RunStopped(by="reply"))
    assert decide(one, history.run, now=at(0)) == [c.Cancel(step="a", because="stopped by reply")]


def test_an_end_that_was_not_reached_ends_nothing() -> None:
    """Its `if` was false."""
    two = plan(node("spam", "end", end_as="succeeded"), node("b", needs=("spam",)))
    history = History().add(e.StepSkipped(because="if false"), "spam")
    assert decide(two, history.run, now=at(0)) == [c.Begin(step="b")]


def test_a_failure_loses_what_comes_after_it_and_not_what_comes_after_others() -> None:
    """A step beside it has a life of its own, and so has what stands behind that."""
    four = plan(node("a"), node("b"), node("c", needs=("b",)), node("d", needs=("a",)))
    history = History().done("b").add(e.StepFailed(attempt=1, code="x"), "a")
    assert decide(four, history.run, now=at(0)) == [
        c.Begin(step="c"),
        c.Cancel(step="d", because="`a` failed"),
    ]


def test_a_failure_that_was_allowed_loses_and_ends_nothing() -> None:
    """`continue-on-error`."""
    two = plan(node("a", continue_on_error=True), node("b", needs=("a",)))
    history = History().add(e.StepFailed(attempt=1, code="x"), "a")
    assert decide(two, history.run, now=at(0)) == [c.Begin(step="b")]
    assert decide(two, history.done("b").run, now=at(0)) == [c.End(status="succeeded", reason="")]


def answered(history: History) -> History:
    """Two noes: to one a person wrote a letter of their own."""
    history.proposed("a", gate="g").card("C1", "g", "a").proposed("b", gate="b").card("C2", "b", "b")
    history.add(e.CardRejected(card="C1", by="me", channel="terminal"))
    return history.add(e.CardRejected(card="C2", by="me", channel="terminal", answered=True))


TWO_CARDS = plan(node("a", "effect", gate="g"), node("b", "effect"), gates=(gate("g", "a"),))
ENDING = plan(node("a", "effect", gate="g"), node("e", "end", end_as="cancelled"), gates=(gate("g", "a"),))


def refused(history: History) -> History:
    """A no at the gate."""
    history.proposed("a", gate="g").card("C1", "g", "a")
    return history.add(e.CardRejected(card="C1", by="me", channel="terminal"))


@pytest.mark.parametrize(
    ("of", "history", "end"),
    [
        (plan(node("a")), History().done("a").add(e.RunStopped(by="reply")), ("succeeded", "stopped by reply", "")),
        (ENDING, refused(History()).done("e").add(e.RunStopped(by="reply")), ("succeeded", "stopped by reply", "")),
        (ENDING, refused(History()).done("e"), ("cancelled", "ended by e", "e")),
        (ENDING, refused(History()).add(e.StepSkipped(because="if"), "e"), ("cancelled", "g: rejected", "")),
        (TWO_CARDS, answered(History()), ("cancelled", "g: rejected", "")),
        (plan(node("a", "effect")), withdrawn(History(), "a"), ("cancelled", "a: withdrawn", "")),
        (
            plan(node("a"), node("e", "end", end_as="succeeded")),
            History().add(e.StepFailed(attempt=1, code="x"), "a").done("e"),
            ("failed", "a: x", ""),
        ),
    ],
    ids=["stopped", "stopped-before-ended", "ended-before-refused", "refused", "answered-elsewhere", "withdrawn", "failed-before-ended"],
)  # fmt: skip
def test_the_reason_a_run_ends_with(of: Plan, history: History, end: tuple[str, str, str]) -> None:
    """Of several that hold, the one that says most."""
    status, reason, by = end
    assert decide(of, history.run, now=at(0)) == [c.End(status=status, reason=reason, by=by)]


def undoing(*nodes: Node) -> Plan:
    """`if-failed: undo`."""
    return replace(plan(*nodes), if_failed="undo")


def test_what_happened_is_taken_back_once_and_what_did_not_happen_is_not() -> None:
    """Newest first; what stays in spite of it is not tried again by itself."""
    four = undoing(node("a", "effect"), node("b", "effect"), node("w", "effect"), node("z"))
    history = withdrawn(acted(acted(History(), "a"), "b"), "w").add(e.StepFailed(attempt=1, code="x"), "z")
    assert decide(four, history.run, now=at(0)) == [c.UndoStep(step="b")]
    history.add(e.EffectKept(key="kb1", code="x"), "b")
    assert decide(four, history.run, now=at(0)) == [c.UndoStep(step="a")]
    history.add(e.EffectUndone(key="ka1", by="engine"), "a")
    assert decide(four, history.run, now=at(0)) == [c.End(status="failed", reason="z: x")]


@pytest.mark.parametrize(("if_failed", "failed"), [("undo", False), ("stop", True)])
def test_nothing_is_taken_back_unasked(if_failed: Any, failed: bool) -> None:
    """A run that ends well keeps what it did, and so does one that was not told to undo."""
    two = replace(plan(node("a", "effect"), node("z")), if_failed=if_failed)
    history = acted(History(), "a").add(
        e.StepFailed(attempt=1, code="x") if failed else e.StepSucceeded(attempt=1), "z"
    )
    (command,) = decide(two, history.run, now=at(0))
    assert isinstance(command, c.End)


def test_what_waits_for_its_connector_to_be_taken_back_is_not_asked_for_in_vain() -> None:
    """Its turn is an event, for the step itself and for the one that takes it back."""
    one = undoing(node("a", "effect"), node("z"))
    history = acted(History(), "a").add(e.StepFailed(attempt=1, code="x"), "z")
    history.add(k.StepDelayed(connector="x", because="breaker"), "a")
    assert decide(one, history.run, now=at(10**6)) == []


@pytest.mark.parametrize(("end_as", "taken"), [("failed", True), ("succeeded", False)])
def test_an_end_that_says_failed_takes_back_and_another_does_not(end_as: Any, taken: bool) -> None:
    """What the playbook calls a failure is one."""
    two = undoing(node("a", "effect"), node("e", "end", end_as=end_as))
    (command,) = decide(two, acted(History(), "a").done("e").run, now=at(0))
    assert isinstance(command, c.UndoStep) is taken
