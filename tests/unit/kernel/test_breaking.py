"""What the end of a call changes for its connector, and what a person's word does."""

from datetime import timedelta

import pytest

from engine.kernel.resilience import call_guard, circuit_breaker
from engine.model.errors import PermanentError, TransientError
from engine.model.events import connectors as k
from engine.model.events import events as e
from engine.model.rate_limited import RateLimited
from tests.unit.kernel.journals import Books
from tests.unit.kernel.plans import RUN, at, node, plan

THREE = plan(node("a"), node("b"), node("c"))
DOWN = TransientError("nobody is there", code="unreachable")


def hear(books: Books, error: BaseException | None, step: str = "a", *, probe: bool = False) -> list[type]:
    """A call of connector x ended so; what was written down of it."""
    call_guard.record_call_result(books.at(step), "x", error, probe=probe)
    return [type(body) for body in books.news()]


def opened(step: str = "a") -> Books:
    """The breaker is open, and nobody asks yet."""
    books = Books(THREE)
    books.add(k.BreakerOpened(connector="x", until=at(30), code="unreachable", times=1), step)
    return books


def test_five_failures_open_it_but_not_those_of_one_step() -> None:
    """What only one step meets says more of that step."""
    books = Books(THREE)
    for _ in range(6):
        assert hear(books, DOWN) == [k.ConnectorFailed]
    assert hear(books, DOWN, "b") == [k.ConnectorFailed, k.BreakerOpened]
    books = Books(THREE)
    for step in "abab":
        assert hear(books, DOWN, step) == [k.ConnectorFailed]
    assert hear(books, DOWN) == [k.ConnectorFailed, k.BreakerOpened]


def test_while_it_is_open_only_a_probe_is_news() -> None:
    """What had left before fails as well and doubles no pause; a step that is the probe does."""
    books = opened()
    assert hear(books, DOWN, "b") == []
    assert hear(books, DOWN, probe=True) == [k.ConnectorFailed, k.BreakerOpened]
    assert books.book.connectors["x"].opened == 2
    books.add(k.BreakerProbed(connector="x", how="effect"), "c")
    assert hear(books, DOWN, "b") == []
    assert hear(books, DOWN, "c") == [k.ConnectorFailed, k.BreakerOpened]
    assert hear(books, None, "b") == [k.BreakerClosed]


def test_a_no_is_no_sign_of_life_where_nothing_else_was_asked() -> None:
    """To be asked to wait is one."""
    no, wait = PermanentError("no", code="http-400"), RateLimited("wait", seconds=3)
    assert hear(opened(), no, probe=True) == [k.ConnectorFailed, k.BreakerOpened]
    assert hear(opened(), no) == [k.BreakerClosed]
    assert hear(opened(), wait, probe=True) == [k.BreakerClosed, k.LimitReached]
    assert hear(opened(), None, probe=True) == [k.BreakerClosed]
    books = opened()
    assert hear(books, ValueError("the answer was none"), probe=True) == [k.ConnectorFailed, k.BreakerOpened]
    assert books.book.connectors["x"].code == "ValueError"


def test_a_connector_that_was_closed_on_a_word_opens_at_the_first_failure_until_it_answered() -> None:
    """One that only asked to wait, and one that was never open, has five."""
    books = opened()
    books.add(k.BreakerClosed(connector="x", by="me", because="reset"))
    assert hear(books, DOWN) == [k.ConnectorFailed, k.BreakerOpened]
    books.add(k.BreakerClosed(connector="x", by="me", because="reset"))
    assert hear(books, None) == [k.ConnectorAnswered]
    assert hear(books, None) == []
    assert hear(books, DOWN) == [k.ConnectorFailed]
    books = Books(THREE)
    books.add(k.LimitReached(connector="x", until=at(5), code="rate-limited", times=1), "a")
    assert hear(books, DOWN) == [k.ConnectorFailed]


def test_who_is_asked_to_wait_by_several_at_once_waits_once_and_for_the_longest() -> None:
    """What left before the first answer says the same thing again."""
    books = Books(THREE)
    for seconds, news, times in ((20, True, 1), (5, False, 1), (60, True, 1)):
        assert hear(books, RateLimited("wait", seconds=seconds)) == [k.LimitReached] * news
        assert books.book.connectors["x"].asked == times
    assert books.book.connectors["x"].resting >= at(60)
    books.clock.advance(timedelta(minutes=2))
    assert hear(books, RateLimited("wait", seconds=5)) == [k.LimitReached]
    assert books.book.connectors["x"].asked == 2


def test_without_trouble_nothing_is_written() -> None:
    """An answer is no news then."""
    assert hear(Books(THREE), None) == []
    assert hear(Books(THREE), ValueError("ours")) == []


LIMIT = k.LimitReached(connector="x", until=at(30), code="rate-limited", times=1)
OPEN = k.BreakerOpened(connector="x", until=at(30), code="down", times=1)


@pytest.mark.parametrize(
    ("trouble", "later", "waits", "lifted", "closed"),
    [
        (None, 0, False, False, False),
        (LIMIT, 0, False, True, True),
        (LIMIT, 31, False, False, False),
        (LIMIT, 31, True, True, False),
        (OPEN, 31, False, True, True),
    ],
    ids=["unknown", "rests", "rested", "others-wait", "open"],
)
def test_a_person_lifts_whatever_holds_it_back(
    trouble: object, later: int, waits: bool, lifted: bool, closed: bool
) -> None:
    """And where nothing does, nothing is said to be lifted; what a person asks for is refused while it is closed to them."""
    books = Books(THREE)
    if trouble is not None:
        books.add(trouble, "a")
    if waits:
        books.add(k.StepDelayed(connector="x", because="limit"), "b")
    books.clock.advance(timedelta(seconds=later))
    assert (call_guard.reset(books, "x", "me") is not None) is lifted
    assert bool(call_guard.closed_to(books, "x/y")) is closed


def test_a_step_calls_unless_its_connector_is_crowded_held_back_or_not_its_own_yet() -> None:
    """It is delayed in the ledger, but for a crowd, which is over with the next call that ends."""
    books = Books(THREE)
    assert call_guard.may_call(books.at("a"), "x/y")
    books.add(OPEN, "c")
    assert not call_guard.may_call(books.at("a"), "x/y", until=at(60))
    assert books.news() == [k.StepDelayed(connector="x", because="breaker", until=at(60))]
    assert not call_guard.may_call(books.at("a"), "x/y")
    assert books.news() == []
    books.add(k.BreakerClosed(connector="x", by="me", because="reset"))
    assert not call_guard.may_call(books.at("b"), "x/y")
    books.add(k.StepAdmitted(connector="x", next=at(1)), "a")
    books.add(e.StepStarted(attempt=1), "a")
    assert call_guard.may_call(books.at("a"), "x/y")


def test_a_crowd_lets_as_many_in_as_there_is_room_for() -> None:
    """In the order in which they came."""
    books = Books(THREE)
    books.calling["x"] = circuit_breaker.AT_ONCE
    assert [call_guard.may_call(books.at(step), "x/y") for step in "ab"] == [False, False]
    assert (
        books.news(),
        call_guard.is_over_capacity(books, RUN, "a"),
        call_guard.is_over_capacity(books, RUN, "c"),
    ) == (
        [],
        True,
        False,
    )
    assert not call_guard.release_slots(books)
    books.calling["x"] -= 1
    assert call_guard.release_slots(books)
    assert (
        call_guard.is_over_capacity(books, RUN, "a"),
        call_guard.is_over_capacity(books, RUN, "b"),
    ) == (False, True)
    books.calling["x"] -= 1
    assert call_guard.release_slots(books)
    assert books.crowded == {}
