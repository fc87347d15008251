"""What counts against a budget: calls that failed after they may have been worked on, and every earlier day of the month."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from engine.model.errors import EngineError
from engine.model.state.budgets import Cost
from engine.model.values.timestamps import stamp
from engine.testing.model_server import ModelServer, ScriptedReply, answering
from tests.unit.runtime.test_gateway import ASK, CALL, NOW, Book, gateway

PAID = {
    "an error of the server": ScriptedReply(status=500, pieces=(b"{}",)),
    "no JSON": ScriptedReply(pieces=(b"<html>",)),
    "half an answer": ScriptedReply(pieces=(b'{"choices": [{"mess',)),
    "nothing said, and nothing counted": answering("", tokens=None),
    "hung up": ScriptedReply(pieces=None),
    "a good answer that counts nothing": answering("x", tokens=None),
}
UNPAID = {
    "a wrong key": ScriptedReply(status=401, pieces=(b"{}",)),
    "too many questions": ScriptedReply(status=429, pieces=(b"{}",), retry_after="60"),
    "no such model": ScriptedReply(status=404, pieces=(b"{}",)),
}


def asked(server: ModelServer, book: Book, where: str, limit: Decimal) -> str:
    """Ask under a budget for the run, the day or the month; how it ended."""
    config: dict[str, Any] = {} if where == "run" else {f"budget_usd_per_{where}": limit}
    call = replace(CALL, budget=limit) if where == "run" else CALL
    try:
        gateway(server.base, book, timeout=2.0, **config).complete(ASK, call=call, budget=None)
    except EngineError as error:
        return error.code
    return "answered"


def most() -> Decimal:
    """The most that one call may cost."""
    book = Book()
    with ModelServer.saying([answering("x")]) as server:
        gateway(server.base, book).complete(ASK, call=CALL, budget=None)
    return Decimal(book.events[0].usd)


@pytest.mark.parametrize("where", ["run", "day", "month"])
@pytest.mark.parametrize("said", PAID.values(), ids=PAID)
def test_a_call_that_may_have_been_worked_on_counts_whatever_came_back(said, where):
    book, limit = Book(), most() * Decimal("1.5")
    with ModelServer.saying([said, answering("x")]) as server:
        asked(server, book, where, limit)

        assert asked(server, book, where, limit) == "budget"
        assert len(server.asked) == 1


@pytest.mark.parametrize("said", UNPAID.values(), ids=UNPAID)
def test_a_call_that_was_turned_away_counts_nothing(said):
    book, limit = Book(), most() * Decimal("1.5")
    with ModelServer.saying([said, answering("x")]) as server:
        asked(server, book, "day", limit)

        assert asked(server, book, "day", limit) == "answered"


def put(book: Book, ago: timedelta, usd: str) -> None:
    cost = Cost(at=stamp(NOW - ago), run="r0", model="default", usd=Decimal(usd))
    book.costs.put(f"r0/draft/{len(book.costs) + 1}", cost)


@pytest.mark.parametrize("days", [1, 2, 15, 29, 30])
def test_every_day_of_the_month_counts_against_it(days):
    """It is the last evening of March."""
    book = Book()
    put(book, timedelta(days=days), "5")
    with ModelServer.saying([answering("x")]) as server:
        assert asked(server, book, "month", Decimal(5)) == "budget"


@pytest.mark.parametrize("days", [31, 40, 365])
def test_no_day_of_another_month_counts_against_it(days):
    book = Book()
    put(book, timedelta(days=days), "5")
    with ModelServer.saying([answering("x")]) as server:
        assert asked(server, book, "month", Decimal(5)) == "answered"


def test_days_of_one_month_are_added_up():
    book = Book()
    for days in range(1, 11):
        put(book, timedelta(days=days), "0.5")
    with ModelServer.saying([answering("x")]) as server:
        assert asked(server, book, "month", Decimal(5)) == "budget"
