"""What the events of connectors add up to, and that nobody is forgotten in a line."""

from engine.kernel.core.decide import decide, next_due
from engine.model import commands as c
from engine.model.events import connectors as k
from engine.model.events import events as e
from engine.model.events.owner import OwnerTaken
from tests.unit.kernel.plans import History, at, node, plan

CALL = plan(node("a"))


def delayed() -> History:
    """A step that is ready while its connector's breaker is open."""
    history = History().add(k.BreakerOpened(connector="w", until=at(30), code="down", times=1))
    return history.add(k.StepDelayed(connector="w", because="breaker"), "a")


def test_a_delayed_step_does_nothing_and_its_run_says_why() -> None:
    """However late it is; its turn is an event."""
    history = delayed()
    assert decide(CALL, history.run, now=at(10**6)) == []
    assert (history.run.waiting, next_due(history.run, now=at(0))) == ("breaker", "")
    assert list(history.book.delayed.values()) == ["w"]
    history.add(k.BreakerClosed(connector="w", by="me", because="reset"))
    assert history.run.waiting == "limit"
    history.add(k.StepAdmitted(connector="w", next=at(31)), "a")
    assert decide(CALL, history.run, now=at(31)) == [c.Begin(step="a")]
    assert history.book.delayed == {}


def test_a_step_that_is_cancelled_leaves_the_line() -> None:
    """Its turn never comes."""
    history = delayed().add(e.StepCancelled(because="x"), "a")
    assert history.book.delayed == {}
    assert not history.run.step("a").wait


def test_a_turn_is_used_by_what_follows_from_it() -> None:
    """A retry stands in line again."""
    history = delayed().add(k.StepAdmitted(connector="w", next=at(31)), "a")
    history.add(e.StepStarted(attempt=1), "a")
    assert history.run.step("a").admitted
    history.add(e.StepRetried(attempt=1, due=at(40), code="x"), "a")
    assert not history.run.step("a").admitted


def test_a_probe_that_is_a_step_is_over_when_the_step_became_something_else() -> None:
    """Denied, skipped or withdrawn: somebody else may be the probe."""
    history = delayed().add(k.BreakerProbed(connector="w", how="read"), "a")
    assert (history.run.step("a").admitted, history.book.connectors["w"].probing) == (True, "read")
    history.add(e.StepStarted(attempt=1), "a")
    assert history.book.connectors["w"].probing == "read"
    history.add(e.StepSkipped(because="if false"), "a")
    assert history.book.connectors["w"].probing == ""


def test_a_new_owner_begins_a_probe_anew() -> None:
    """The call died with the process that made it."""
    history = delayed().add(k.BreakerProbed(connector="w", how="alive"), "a")
    history.add(OwnerTaken(epoch=2, host="h", pid=1))
    assert history.book.connectors["w"].probing == ""
    assert history.book.connectors["w"].open


def test_who_answers_again_is_counted_anew() -> None:
    """Failures, requests to wait and openings."""
    history = History().add(k.ConnectorFailed(connector="w", code="x", times=4), "a")
    history.add(k.LimitReached(connector="w", until=at(5), code="rate-limited", times=3), "a")
    history.add(k.ConnectorAnswered(connector="w"), "a")
    state = history.book.connectors["w"]
    assert (state.failures, state.asked, state.opened, state.proved) == (0, 0, 0, True)


def test_failures_of_one_step_are_told_apart_from_those_of_several() -> None:
    """What one letter, address or wording meets says little of its connector."""
    history = History()
    for times, step in enumerate(["a", "a", "a"], 1):
        history.add(k.ConnectorFailed(connector="w", code="x", times=times), step)
    assert history.book.connectors["w"].alone == (history.run.id, "a")
    history.add(k.ConnectorFailed(connector="w", code="x", times=4), "b")
    history.add(k.ConnectorFailed(connector="w", code="x", times=5), "b")
    assert history.book.connectors["w"].alone == ("", "")
    history.add(k.ConnectorFailed(connector="w", code="x", times=1), "b")
    assert history.book.connectors["w"].alone == (history.run.id, "b")
