"""What follows from what happened: order, skips, gates, holds, recovery, endings."""

from dataclasses import replace
from datetime import timedelta

from engine.kernel.core.decide import decide, next_due, next_try
from engine.model import commands as c
from engine.model.definitions.plan import Fixed
from engine.model.events import connectors as k
from engine.model.events import events as e
from engine.model.events import outages as o
from tests.unit.kernel.plans import History, at, gate, node, plan


def test_steps_whose_predecessors_are_settled_begin_and_others_wait() -> None:
    """Order is `needs` and reads; nothing else."""
    two = plan(node("a"), node("b", needs=("a",)), node("c"))
    assert decide(two, History().run, now=at(0)) == [c.Begin(step="a"), c.Begin(step="c")]
    assert c.Begin(step="b") in decide(two, History().done("a").run, now=at(0))


def test_a_queued_run_does_nothing() -> None:
    """Its concurrency group is busy."""
    history = History()
    history.book.runs.clear()
    history.add(
        e.RunCreated(playbook="p", plan="d", commit="", stage="approval", trigger="manual", source="s")
    )
    assert decide(plan(node("a")), history.run, now=at(0)) == []


def test_a_reader_of_a_skipped_step_is_skipped_and_one_that_only_needs_it_is_not() -> None:
    """So nobody answers spam by accident."""
    three = plan(node("a"), node("b", reads=("a",)), node("c", needs=("a",)))
    history = History().add(e.StepSkipped(because="if false"), "a")
    assert decide(three, history.run, now=at(0)) == [
        c.Skip(step="b", because="`a` was skipped"),
        c.Begin(step="c"),
    ]


def test_a_failure_stops_what_comes_after_it_and_no_step_beside_it() -> None:
    """However far behind; what handles failures runs, and what is beside goes on to its own end."""
    six = plan(
        node("a"), node("b"), node("w", "wait"), node("c", needs=("a",)), node("d", reads=("c",)),
        node("h", needs=("d",), handles_failure=True), node("e", needs=("h",)),
    )  # fmt: skip
    history = History()
    history.add(e.WaitStarted(until="", names=(), kinds=(), matches=()), "w")
    history.add(e.StepStarted(attempt=1), "b")
    history.add(e.StepFailed(attempt=1, code="broken"), "a")
    lost = [c.Cancel(step=one, because="`a` failed") for one in ("c", "d", "e")]
    assert decide(six, history.run, now=at(0)) == [c.Begin(step="b"), *lost]
    history.add(e.StepSucceeded(attempt=1), "b")
    for one in lost:
        history.add(e.StepCancelled(because=one.because), one.step)
    assert decide(six, history.run, now=at(0)) == [c.Begin(step="h")]
    history.done("h")
    assert decide(six, history.run, now=at(0)) == []
    assert history.run.waiting == "event"
    history.add(e.WaitEnded(got="reply"), "w")
    assert decide(six, history.run, now=at(0)) == [c.End(status="failed", reason="a: broken")]


def test_an_item_that_fails_stops_no_other_item() -> None:
    """None of them reads another."""
    one = plan(node("a", "effect", foreach=Fixed(value=["x", "y"])))
    history = History().add(e.StepFanned(keys=("x", "y"), items="v"), "a")
    history.proposed("a#x", answer="allow").add(e.EffectIntended(key="ka#x1", revision=1, attempt=1), "a#x")
    history.add(e.EffectFailed(key="ka#x1", code="refused"), "a#x")
    assert decide(one, history.run, now=at(0)) == [c.Begin(step="a#y")]


def test_what_comes_after_an_acknowledgement_that_can_not_leave_goes_on_unless_it_reads_it() -> None:
    """It is worth something soon or not at all."""
    three = plan(node("a", "effect"), node("b", needs=("a",)), node("c", reads=("a",)))
    history = History().proposed("a", answer="allow", action="email/acknowledge")
    assert c.Begin(step="b") not in decide(three, history.run, now=at(0))
    history.add(o.EffectDeferred(key="ka1", code="smtp-unreachable", due=at(5), until=at(3600), tries=1), "a")
    assert decide(three, history.run, now=at(0)) == [c.Begin(step="b")]
    history.add(o.EffectSkipped(code="smtp-unreachable"), "a").done("b")
    assert decide(three, history.run, now=at(0)) == [c.Skip(step="c", because="`a` was skipped")]


def test_run_end_cancels_the_rest_and_ends_as_told() -> None:
    """Spam: no effect, no card, no wait."""
    spam = plan(node("not-for-us", "end", end_as="succeeded"), node("reply", "effect", needs=("not-for-us",)))
    history = History().done("not-for-us")
    assert decide(spam, history.run, now=at(0)) == [
        c.Cancel(step="reply", because="`not-for-us` ended the run")
    ]
    history.add(e.StepCancelled(because="`not-for-us` ended the run"), "reply")
    assert decide(spam, history.run, now=at(0)) == [
        c.End(status="succeeded", reason="ended by not-for-us", by="not-for-us")
    ]


def test_a_gate_opens_one_card_when_every_member_is_frozen_or_settled() -> None:
    """One decision may cover several steps."""
    two = plan(
        node("a", "effect", gate="g"), node("b", "effect", gate="g"), node("c", "effect", gate="g"),
        gates=(gate("g", "a", "b", "c"),),
    )  # fmt: skip
    history = History().proposed("a", gate="g")
    assert not any(isinstance(one, c.OpenCard) for one in decide(two, history.run, now=at(0)))
    history.proposed("b", gate="g").add(e.StepSkipped(because="if false"), "c")
    assert decide(two, history.run, now=at(0)) == [c.OpenCard(gate="g", steps=("a", "b"))]


def test_an_unanswered_card_expires_and_expiry_is_no() -> None:
    """What stands behind it is cancelled, and so is the run."""
    two = plan(node("a", "effect", gate="g"), node("b", needs=("a",)), gates=(gate("g", "a"),))
    history = History().proposed("a", gate="g").card("C1", "g", "a", expires=60)
    assert decide(two, history.run, now=at(59)) == []
    assert decide(two, history.run, now=at(60)) == [c.ExpireCard(card="C1")]
    history.add(e.CardExpired(card="C1"))
    [cancel] = decide(two, history.run, now=at(61))
    assert cancel == c.Cancel(step="b", because="behind `a`, which was refused")
    history.add(e.StepCancelled(because=cancel.because), "b")
    assert decide(two, history.run, now=at(61)) == [c.End(status="cancelled", reason="g: expired")]


def test_a_step_that_reads_the_verdict_waits_for_it_and_runs_after_a_no() -> None:
    """It is not cancelled by the gate whose verdict it reads."""
    two = plan(
        node("a", "effect", gate="g"), node("paper"), node("sorry", needs=("paper",), verdicts=("g",)),
        gates=(gate("g", "a"),),
    )  # fmt: skip
    history = History().done("paper").proposed("a", gate="g").card("C1", "g", "a")
    assert decide(two, history.run, now=at(0)) == []
    history.add(e.CardRejected(card="C1", by="me", channel="terminal"))
    assert decide(two, history.run, now=at(0)) == [c.Begin(step="sorry")]


def test_a_step_that_reads_the_verdict_on_one_without_a_gate_runs_after_a_no() -> None:
    """The card that the stage asked for is the step's own; and one that has a gate is read by the gate's name."""
    for own in (None, "g"):
        name = own or "a"
        two = plan(node("a", "effect", gate=own), node("sorry", needs=("a",), verdicts=(name,)))
        history = History().proposed("a", gate=name).card("C1", name, "a")
        history.add(e.CardRejected(card="C1", by="me", channel="terminal"))
        assert decide(two, history.run, now=at(0)) == [c.Begin(step="sorry")]


def test_the_verdict_is_known_before_what_was_approved_has_left() -> None:
    """Who reads it does not wait for the letter."""
    two = plan(node("a", "effect", gate="g"), node("b", verdicts=("g",)), gates=(gate("g", "a"),))
    history = History().proposed("a", gate="g").card("C1", "g", "a")
    assert c.Begin(step="b") not in decide(two, history.run, now=at(0))
    history.add(e.CardApproved(card="C1", by="me", channel="terminal", strength=1, digest="d"))
    assert c.Begin(step="b") in decide(two, history.run, now=at(0))
    nobody_asked = History().add(e.StepSkipped(because="if false"), "a")
    assert decide(two, nobody_asked.run, now=at(0)) == [c.Begin(step="b")]


def test_a_card_of_its_own_waits_for_no_other_step() -> None:
    """Each asks as soon as it is frozen."""
    two = plan(node("a", "effect"), node("b", "effect"))
    history = History().proposed("a", gate="a").add(e.StepStarted(attempt=1), "b")
    assert c.OpenCard(gate="a", steps=("a",)) in decide(two, history.run, now=at(0))


def test_an_approved_effect_is_held_then_released_once() -> None:
    """undo-within comes before the intent."""
    one = plan(node("a", "effect", gate="g", undo_within=timedelta(seconds=20)), gates=(gate("g", "a"),))
    history = History().proposed("a", gate="g").card("C1", "g", "a")
    history.add(e.CardApproved(card="C1", by="me", channel="terminal", strength=1, digest="d"))
    assert decide(one, history.run, now=at(0)) == [c.Hold(step="a", until=at(20))]
    history.add(e.EffectHeld(revision=1, until=at(20)), "a")
    assert decide(one, history.run, now=at(19)) == []
    assert next_due(history.run, now=at(0)) == at(20)
    assert decide(one, history.run, now=at(20)) == [c.Release(step="a")]


def test_what_is_approved_anew_can_be_withdrawn_anew() -> None:
    """The first card died while it was held: other words get the same time as the first ones."""
    one = plan(node("a", "effect", gate="g", undo_within=timedelta(seconds=20)), gates=(gate("g", "a"),))
    history = History().proposed("a", gate="g").card("C1", "g", "a")
    history.add(e.CardApproved(card="C1", by="me", channel="terminal", strength=1, digest="d"))
    history.add(e.EffectHeld(revision=1, until=at(20)), "a").add(e.CardClosed(card="C1", because="drift"))
    history.proposed("a", gate="g", revision=2).card("C2", "g", "a")
    history.add(e.CardApproved(card="C2", by="me", channel="terminal", strength=1, digest="d"))
    assert decide(one, history.run, now=at(30)) == [c.Hold(step="a", until=at(50))]


def test_a_withdrawn_hold_counts_as_a_no() -> None:
    """Nothing was sent, so nothing is undone."""
    one = plan(node("a", "effect", gate="g", undo_within=timedelta(seconds=20)), gates=(gate("g", "a"),))
    history = History().proposed("a", gate="g").card("C1", "g", "a")
    history.add(e.CardApproved(card="C1", by="me", channel="terminal", strength=1, digest="d"))
    history.add(e.EffectHeld(revision=1, until=at(20)), "a")
    history.add(e.EffectWithdrawn(revision=1, by="me", because="withdrawn"), "a")
    assert decide(one, history.run, now=at(30)) == [c.End(status="cancelled", reason="g: rejected")]


def test_an_intent_without_outcome_is_recovered_never_begun_again() -> None:
    """Also when the run is closing: what may have left is followed to its end."""
    two = plan(node("a", "effect"), node("b"))
    history = (
        History().proposed("a", answer="allow").add(e.EffectIntended(key="ka1", revision=1, attempt=1), "a")
    )
    history.add(e.StepFailed(attempt=1, code="x"), "b")
    assert decide(two, history.run, now=at(0)) == [c.Recover(step="a")]


def test_a_failed_call_is_released_again_when_due_under_the_same_key() -> None:
    """The revision was frozen by the first intent."""
    one = plan(node("a", "effect"))
    history = (
        History().proposed("a", answer="allow").add(e.EffectIntended(key="ka1", revision=1, attempt=1), "a")
    )
    history.add(o.EffectDeferred(key="ka1", code="429", due=at(5), until=at(60), tries=1), "a")
    assert decide(one, history.run, now=at(4)) == []
    assert (next_due(history.run, now=at(0)), next_try(history.run)) == (at(5), at(5))
    history.add(e.WaitStarted(until=at(2), names=(), kinds=(), matches=()), "w")
    assert next_try(history.run) == at(5)
    assert decide(one, history.run, now=at(5)) == [c.Release(step="a")]
    assert (history.run.step("a").key, history.run.waiting) == ("ka1", "retry")
    history.add(k.StepDelayed(connector="x", because="breaker"), "a")
    assert next_try(history.run) == ""


def test_a_ledger_from_before_waits_were_events_is_read_as_if_they_had_been() -> None:
    """There a failed call carried the moment of the next try."""
    history = (
        History().proposed("a", answer="allow").add(e.EffectIntended(key="ka1", revision=1, attempt=1), "a")
    )
    history.add(e.EffectFailed(key="ka1", code="429", retry=at(5)), "a")
    assert decide(plan(node("a", "effect")), history.run, now=at(5)) == [c.Release(step="a")]


def test_what_waits_for_its_connector_is_given_up_when_its_time_is_over() -> None:
    """Also while the connector is held back."""
    history = History().proposed("a", answer="allow")
    history.add(k.StepDelayed(connector="x", because="breaker", until=at(60)), "a")
    history.add(k.StepDelayed(connector="x", because="breaker", until=at(600)), "a")
    one = plan(node("a", "effect"))
    assert (decide(one, history.run, now=at(59)), next_due(history.run, now=at(0))) == ([], at(60))
    assert decide(one, history.run, now=at(60)) == [c.GiveUp(step="a")]
    read = History().add(k.StepDelayed(connector="x", because="breaker", until=at(60)), "a")
    assert next_due(read.run, now=at(0)) == at(60)


def test_an_unknown_outcome_waits_for_a_person() -> None:
    """Nobody repeats it."""
    one = plan(node("a", "effect"))
    history = (
        History().proposed("a", answer="allow").add(e.EffectIntended(key="ka1", revision=1, attempt=1), "a")
    )
    history.add(e.EffectUnknown(key="ka1", code="dropped"), "a")
    assert decide(one, history.run, now=at(10**9)) == []
    assert history.run.waiting == "unknown"
    history.add(e.EffectResolved(key="ka1", happened=True, by="me"), "a")
    assert decide(one, history.run, now=at(0)) == [c.End(status="succeeded", reason="")]


def test_a_wait_ends_by_its_time_with_nothing() -> None:
    """Once, however late the clock is looked at."""
    one = plan(node("w", "wait"))
    history = History().add(e.WaitStarted(until=at(60), names=("r",), kinds=("email",), matches=("m",)), "w")
    assert decide(one, history.run, now=at(59)) == []
    assert decide(one, history.run, now=at(10**6)) == [c.FireTimer(step="w")]
    doubted = replace(history.run, steps={"w": replace(history.run.step("w"), doubts=("n",))})
    assert decide(one, doubted, now=at(10**6)) == []


def test_a_question_is_open_until_its_time_is_over() -> None:
    """Then silence is an answer."""
    history = History().add(e.HumanAsked(ask="q", who="operator", question="v", until=at(60)), "a")
    assert decide(plan(node("a", "human")), history.run, now=at(59)) == []
    assert decide(plan(node("a", "human")), history.run, now=at(60)) == [c.ExpireAsk(step="a")]


def test_drift_kills_the_card_and_freezes_the_members_again() -> None:
    """The next revision asks again."""
    one = plan(node("a", "effect", gate="g"), gates=(gate("g", "a"),))
    history = History().proposed("a", gate="g").card("C1", "g", "a")
    history.add(e.CardApproved(card="C1", by="me", channel="terminal", strength=1, digest="d"))
    history.add(e.CardClosed(card="C1", because="drift")).add(e.StepStarted(attempt=1), "a")
    assert history.run.gates == {}
    assert decide(one, history.run, now=at(0)) == [c.Begin(step="a")]
    assert history.run.step("a").revision == 1


def test_shadow_ends_well_and_says_so() -> None:
    """What reads a preview is skipped."""
    two = plan(node("a", "effect"), node("b", reads=("a",)))
    history = History().proposed("a", answer="preview").add(e.EffectPreviewed(revision=1), "a")
    [skip] = decide(two, history.run, now=at(0))
    assert isinstance(skip, c.Skip)
    history.add(e.StepSkipped(because=skip.because), "b")
    assert decide(two, history.run, now=at(0)) == [c.End(status="succeeded", reason="shadow")]


def test_a_member_behind_another_is_frozen_beside_it_and_released_after_it() -> None:
    """Refund, then tell: one card, in order."""
    two = plan(
        node("pay", "effect", gate="g"),
        node("tell", "effect", gate="g", needs=("pay",)),
        gates=(gate("g", "pay", "tell"),),
    )
    history = History().proposed("pay", gate="g")
    assert decide(two, history.run, now=at(0)) == [c.Begin(step="tell")]
    history.proposed("tell", gate="g")
    assert decide(two, history.run, now=at(0)) == [c.OpenCard(gate="g", steps=("pay", "tell"))]
    history.card("C1", "g", "pay", "tell")
    history.add(e.CardApproved(card="C1", by="me", channel="terminal", strength=1, digest="d"))
    assert decide(two, history.run, now=at(0)) == [c.Release(step="pay")]
    history.add(e.EffectIntended(key="kpay1", revision=1, attempt=1), "pay")
    assert decide(two, history.run, now=at(0)) == [c.Recover(step="pay")]
    history.add(e.EffectSucceeded(key="kpay1", outputs="v"), "pay")
    assert decide(two, history.run, now=at(0)) == [c.Release(step="tell")]


def test_a_member_behind_one_that_did_not_happen_is_cancelled() -> None:
    """Nobody is told of a refund that was not paid."""
    two = plan(
        node("pay", "effect", gate="g", continue_on_error=True),
        node("tell", "effect", gate="g", needs=("pay",)),
        gates=(gate("g", "pay", "tell"),),
    )
    history = History().proposed("pay", gate="g").proposed("tell", gate="g").card("C1", "g", "pay", "tell")
    history.add(e.CardApproved(card="C1", by="me", channel="terminal", strength=1, digest="d"))
    history.add(e.EffectIntended(key="kpay1", revision=1, attempt=1), "pay")
    history.add(e.EffectFailed(key="kpay1", code="declined"), "pay")
    [cancel] = decide(two, history.run, now=at(0))
    assert isinstance(cancel, c.Cancel)
    assert cancel.step == "tell"
