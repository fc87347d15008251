"""Items of one step: places, turns with a pause, and what goes on before an item has its turn."""

from datetime import timedelta
from typing import Any

import pytest

from engine.kernel.core.decide import decide, next_due
from engine.model import commands as c
from engine.model.definitions.plan import Fixed, Plan, Repeat
from engine.model.events import connectors as k
from engine.model.events import events as e
from engine.model.events import outages as o
from tests.unit.kernel.plans import History, at, gate, node, plan, truth

MINUTE = timedelta(minutes=1)


def each(kind: str = "call", **more: Any) -> Plan:
    """A step for the items x and y."""
    return plan(node("a", kind, foreach=Fixed(value=["x", "y"]), **more))


def fanned(*keys: str) -> History:
    """It fanned out."""
    return History().add(e.StepFanned(keys=keys or ("x", "y"), items="v"), "a")


def left(history: History, step: str) -> History:
    """An item that acted."""
    history.proposed(step, answer="allow").add(e.EffectIntended(key=step, revision=1, attempt=1), step)
    return history.add(e.EffectSucceeded(key=step, outputs="v"), step)


def test_no_more_items_are_at_work_than_there_are_places() -> None:
    """One that ended makes room for the next."""
    one = each(max_parallel=1)
    history = fanned().add(e.StepStarted(attempt=1), "a#x")
    assert decide(one, history.run, now=at(0)) == [c.Begin(step="a#x")]
    history.add(e.StepSucceeded(attempt=1), "a#x")
    assert decide(one, history.run, now=at(0)) == [c.Begin(step="a#y")]


def test_an_item_that_waits_for_its_connector_takes_no_place() -> None:
    """Its turn is an event."""
    history = fanned().add(k.StepDelayed(connector="x", because="breaker"), "a#x")
    assert decide(each(max_parallel=1), history.run, now=at(0)) == [c.Begin(step="a#y")]


def test_with_a_pause_the_next_item_begins_so_long_after_the_last_one_began() -> None:
    """And nobody looks again before; after the last item nothing is waited for."""
    one = each(pause=MINUTE)
    history = fanned().done("a#x")
    assert decide(one, history.run, now=at(0)) == [c.Pace(step="a", until=at(60))]
    history.add(e.StepPaced(until=at(60)), "a")
    assert (decide(one, history.run, now=at(59)), next_due(history.run, now=at(59))) == ([], at(60))
    assert decide(one, history.run, now=at(60)) == [c.Begin(step="a#y")]
    history.add(e.StepStarted(attempt=1), "a#y", seconds=60).add(
        e.StepSucceeded(attempt=1), "a#y", seconds=61
    )
    assert decide(one, history.run, now=at(61)) == [c.Gather(step="a")]


def test_items_of_a_closing_run_wait_for_no_turn() -> None:
    """What has not begun never will, unless it is there for failures."""
    history = fanned().done("a#x").add(e.RunStopped(by="reply"))
    gone = c.Cancel(step="a#y", because="stopped by reply")
    assert decide(each(pause=MINUTE), history.run, now=at(0)) == [gone]
    assert decide(each(handles_failure=True), history.run, now=at(0)) == [c.Begin(step="a#y")]
    history.add(e.StepPaced(until=at(60)), "a")
    assert decide(each(pause=MINUTE), history.run, now=at(1)) == [gone]


def test_items_without_a_gate_share_one_card() -> None:
    """It opens when all of them are frozen."""
    history = fanned().proposed("a#x", gate="a").add(e.StepStarted(attempt=1), "a#y")
    assert decide(each("effect"), history.run, now=at(0)) == [c.Begin(step="a#y")]
    history.proposed("a#y", gate="a")
    assert decide(each("effect"), history.run, now=at(0)) == [c.OpenCard(gate="a", steps=("a#x", "a#y"))]


def test_a_turn_that_has_come_is_waited_for_no_more() -> None:
    """The item waits for a person then, not for the time."""
    history = (
        fanned()
        .add(e.StepPaced(until=at(60)), "a")
        .proposed("a#x", gate="a")
        .card("C1", "a", "a#x", expires=90)
    )
    assert next_due(history.run, now=at(30)) == at(60)
    assert next_due(history.run, now=at(60)) == at(90)
    gone = left(left(fanned(), "a#x"), "a#y").add(e.StepPaced(until=at(60)), "a")
    assert next_due(gone.run, now=at(30)) == ""


def test_what_acts_is_paced_by_what_left_and_not_by_what_was_frozen() -> None:
    """All are shown at once, one after another leaves."""
    one = each("effect", pause=MINUTE)
    history = fanned().proposed("a#x", answer="allow").proposed("a#y", answer="allow")
    assert decide(one, history.run, now=at(0)) == [c.Release(step="a#x"), c.Release(step="a#y")]
    history.add(e.EffectIntended(key="x", revision=1, attempt=1), "a#x")
    assert decide(one, history.run, now=at(1)) == [c.Pace(step="a", until=at(60))]


def paced() -> History:
    """The first item left at the start, and the next one has its turn after a minute."""
    return left(fanned(), "a#x").add(e.StepPaced(until=at(60)), "a")


def test_before_its_turn_an_item_is_frozen_held_and_given_up_and_does_not_leave() -> None:
    """A minute is its turn; what was to be held for 20 seconds has been by then."""
    plain, holding = (
        each("effect", pause=MINUTE),
        each("effect", pause=MINUTE, undo_within=timedelta(seconds=20)),
    )
    history = paced()
    assert decide(plain, history.run, now=at(1)) == [c.Begin(step="a#y")]
    history.proposed("a#y", answer="allow")
    assert decide(plain, history.run, now=at(1)) == []
    assert decide(plain, history.run, now=at(60)) == [c.Release(step="a#y")]
    assert decide(holding, history.run, now=at(1)) == [c.Hold(step="a#y", until=at(21))]
    history.add(e.EffectHeld(revision=1, until=at(21)), "a#y")
    assert decide(holding, history.run, now=at(30)) == []
    assert decide(holding, history.run, now=at(60)) == [c.Release(step="a#y")]
    history.add(k.StepDelayed(connector="x", because="breaker", until=at(50)), "a#y")
    assert decide(holding, history.run, now=at(50)) == [c.GiveUp(step="a#y")]


def test_before_its_turn_what_could_not_leave_stays_and_what_may_have_left_is_looked_after() -> None:
    """An intent without an outcome is nobody's turn."""
    one, history = each("effect", pause=MINUTE), paced().proposed("a#y", answer="allow")
    history.add(e.EffectIntended(key="y", revision=1, attempt=1), "a#y")
    assert decide(one, history.run, now=at(1)) == [c.Recover(step="a#y")]
    history.add(o.EffectDeferred(key="y", code="x", due=at(5), until=at(600), tries=1), "a#y")
    assert decide(one, history.run, now=at(30)) == []


@pytest.mark.parametrize("kind", ["call", "effect"])
def test_a_round_begins_when_its_pause_is_over(kind: str) -> None:
    """Also one that acts: nothing of it can be shown before, for it reads what the last one gave."""
    one = plan(node("a", kind, repeat=Repeat(until=truth(), at_most=3, pause=MINUTE)))
    history = fanned("1", "2").done("a#1").add(e.StepPaced(until=at(60)), "a")
    assert decide(one, history.run, now=at(59)) == []
    assert decide(one, history.run, now=at(60)) == [c.Begin(step="a#2")]


def test_a_member_is_frozen_beside_items_and_behind_a_member_that_will_not_be() -> None:
    """It waits for a fellow only as long as nobody knows what that proposes."""
    pair = (
        node("pay", "effect", gate="g", foreach=Fixed(value=["x"])),
        node("tell", "effect", gate="g", needs=("pay",)),
    )
    two = plan(*pair, gates=(gate("g", "pay", "tell"),))
    tell = c.Begin(step="tell")
    assert tell not in decide(two, History().run, now=at(0))
    assert tell not in decide(two, History().add(e.StepStarted(attempt=1), "pay").run, now=at(0))
    assert tell in decide(two, History().add(e.StepFanned(keys=("x",), items="v"), "pay").run, now=at(0))
    assert tell in decide(two, History().add(e.StepSkipped(because="if"), "pay").run, now=at(0))
