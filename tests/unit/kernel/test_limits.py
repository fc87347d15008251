"""What holds a connector back: which ends of a call are news, how long it rests, and who may call next."""

from datetime import timedelta

import pytest

from engine.kernel.resilience import circuit_breaker
from engine.model.errors import PermanentError, TransientError, UnknownOutcome
from engine.model.events.connectors import ConnectorState
from engine.model.rate_limited import RateLimited, retry_after
from engine.model.state.state import StepState
from tests.unit.kernel.plans import at

ME, OTHER = ("r1", "a"), ("r2", "a")


def because_of(error, cause):
    try:
        raise error from cause
    except type(error) as raised:
        return raised


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (None, "answered"),
        (PermanentError("no", code="http-400"), "answered"),
        (PermanentError("no", code="no-connector"), ""),
        (TransientError("down", code="unreachable"), "down"),
        (UnknownOutcome("lost", code="no-answer"), "down"),
        (UnknownOutcome("died", code="crashed"), ""),
        (RateLimited("wait", seconds=3), "busy"),
        (TransientError("wait", code="rate-limited"), "busy"),
        (because_of(UnknownOutcome("again", code="rate-limited"), RateLimited("wait", seconds=3)), "busy"),
        (ValueError("ours"), ""),
    ],
)
def test_what_the_end_of_a_call_says(error, said):
    """A refusal is an answer; a fault of ours says nothing about the world."""
    assert circuit_breaker.classify_result(error) == said


def test_how_long_to_wait_is_found_behind_what_was_made_of_it():
    """Of a repeated call nobody knows whether the first one went through; how long to wait is known all the same."""
    error = because_of(UnknownOutcome("again", code="rate-limited"), RateLimited("wait", seconds=30))
    # Its own code says that it was asked to wait, its cause for how long.
    assert retry_after(error) == 30


@pytest.mark.parametrize("chance", [0.0, 0.3, 0.999])
def test_a_rest_is_never_shorter_than_was_said_and_never_endless(chance):
    """Full jitter above what the provider said."""
    for times in range(1, 40):
        assert timedelta(seconds=60) <= circuit_breaker.rest(times, 60, chance) <= timedelta(minutes=5)
        assert timedelta(0) < circuit_breaker.rest(times, 0, chance) <= timedelta(minutes=5)
    assert circuit_breaker.rest(1, 10**12, chance) <= timedelta(days=1.1)


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_pauses_double_and_end(chance):
    """Half of each is certain."""
    lengths = [circuit_breaker.pause(times, chance) for times in range(1, 12)]
    assert lengths == sorted(lengths)
    assert timedelta(seconds=15) <= lengths[0] <= timedelta(seconds=30)
    assert timedelta(minutes=7.5) <= lengths[-1] <= timedelta(minutes=15)


def test_a_thousand_that_waited_leave_within_two_minutes_and_none_beside_another():
    """Slow at first, faster the longer all goes well."""
    gaps = [circuit_breaker.spacing(let, 0.5) for let in range(1000)]
    assert gaps[0] == timedelta(seconds=1)
    assert min(gaps) >= timedelta(milliseconds=50)
    assert sum(gaps, timedelta()) < timedelta(minutes=2)


@pytest.mark.parametrize(
    ("state", "step", "queue", "why"),
    [
        ({"open": True, "until": at(0)}, {}, False, "breaker"),
        ({"open": True, "probe": ME}, {"admitted": True}, False, ""),
        ({"open": True, "probe": OTHER}, {"admitted": True}, False, "breaker"),
        ({"resting": at(60)}, {"admitted": True}, False, "limit"),
        ({"resting": at(-60), "next": at(-30)}, {}, False, "limit"),
        ({"resting": at(-60), "next": at(-30)}, {"admitted": True}, True, ""),
        ({"resting": at(-600), "next": at(-300)}, {}, False, ""),
        ({"resting": at(-600), "next": at(-300)}, {}, True, "limit"),
    ],
)
def test_who_may_call(state, step, queue, why):
    """Nobody while it rests or its breaker is open, then those whose turn it is, then everybody again."""
    found = circuit_breaker.blocked_reason(
        ConnectorState(name="w", **state), ME, StepState(**step), queue=queue, now=at(0)
    )
    assert found == why
