"""The gateway to models, against a provider on a real socket that misbehaves."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from engine.model.definitions.settings import Config, ModelConfig, Person, SecretRef
from engine.model.effects import Call
from engine.model.errors import EngineError, PermanentError, TransientError
from engine.model.events.events import Event
from engine.model.events.readers import ModelAnswered, ModelReserved
from engine.model.ports import ModelRequest
from engine.model.rate_limited import RateLimited
from engine.model.state.budgets import Cost, Costs
from engine.model.values.ids import RunId
from engine.model.values.timestamps import stamp
from engine.runtime.model_gateway import Gateway
from engine.testing.model_server import ModelServer, ScriptedReply, answering

NOW = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)
CALL = Call(action="agent/x", args={}, run=RunId("r1"), step="draft", subject=None, trigger={}, at=NOW)
ASK = ModelRequest(model="default", messages=(("system", "Be brief."), ("user", "Hello")), max_tokens=100)
KEY = "sk-canary-7731"


@dataclass
class Book:
    """Records events as the ledger would, and adds costs up."""

    events: list[ModelReserved | ModelAnswered] = field(default_factory=list)
    sealed: list[dict[str, object]] = field(default_factory=list)
    costs: Costs = field(default_factory=Costs)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def record(self, body, *, call, sealed=None):
        with self.lock:
            self.events.append(body)
            self.sealed.append(dict(sealed or {}))
            aside = Decimal(getattr(body, "aside", "0"))
            cost = Cost(at=stamp(NOW), run=call.run, model=body.model, usd=Decimal(body.usd), aside=aside)
            self.costs.put(body.call, cost)
            return Event(seq=len(self.events), ts=stamp(NOW), body=body)


class Keys:
    def secret(self, name: str) -> str:
        return KEY


def gateway(base: str, book: Book, *, timeout: float = 5.0, **config: Any) -> Gateway:
    model = ModelConfig(
        name="default", uses="openai", model="stub-1", key=SecretRef(name="K"), base_url=base, timeout=timeout,
        usd_per_million_in=Decimal(1), usd_per_million_out=Decimal(10),
    )  # fmt: skip
    return Gateway(
        config=Config(operator=Person(id="operator", name="O"), models=(model,), **config),
        secrets=Keys(), recorder=book, costs=lambda: book.costs, now=lambda: NOW, commitment=lambda text, call: f"hmac {len(text)}",
    )  # fmt: skip


def test_a_call_is_two_events_and_its_tokens_are_priced():
    book = Book()
    with ModelServer.saying([answering("Good day")]) as server:
        reply = gateway(server.base, book).complete(ASK, call=CALL, budget=Decimal(1))
    assert (reply.text, reply.served, reply.usd) == ("Good day", "stub-1", Decimal("0.000300"))
    reserved, answered = book.events
    assert isinstance(reserved, ModelReserved)
    assert isinstance(answered, ModelAnswered)
    assert Decimal(reserved.usd) >= Decimal(answered.usd) > 0
    assert book.sealed[1]["prompt"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
    ]
    headers, body = server.asked[0]
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body["model"] == "stub-1"


def test_the_reservation_is_durable_before_anything_leaves():
    book = Book()
    seen = []

    def script(_):
        seen.append(len(book.events))
        return answering("x")

    with ModelServer(script=script) as server:
        gateway(server.base, book).complete(ASK, call=CALL, budget=None)
    assert seen == [1]


@pytest.mark.parametrize(
    ("said", "kind", "code"),
    [
        (ScriptedReply(pieces=(b"<html>",)), TransientError, "model-garbage"),
        (ScriptedReply(pieces=(b"[" * 100_000,)), TransientError, "model-garbage"),
        (ScriptedReply(pieces=(b"\xff\xfe",)), TransientError, "model-garbage"),
        (ScriptedReply(pieces=(b"{}",)), TransientError, "model-garbage"),
        (ScriptedReply(pieces=(b'{"choices": []}',)), TransientError, "model-garbage"),
        (ScriptedReply(pieces=(b'{"choices": [7]}',)), TransientError, "model-garbage"),
        (answering(" "), TransientError, "model-empty"),
        (answering("", refusal="I can't help with that"), TransientError, "model-refused"),
        (ScriptedReply(pieces=None), TransientError, "lost"),
        (ScriptedReply(status=429, pieces=(b"slow down",)), TransientError, "rate-limited"),
        (ScriptedReply(status=503, pieces=(b"busy",)), TransientError, "model-down"),
        (ScriptedReply(status=401, pieces=(f"bad key {KEY}".encode(),)), PermanentError, "model-key"),
        (ScriptedReply(status=404, pieces=(b"no such model",)), PermanentError, "model-missing"),
        (ScriptedReply(status=400, pieces=(f"no {KEY}".encode(),)), PermanentError, "model-request"),
        (ScriptedReply(status=302, pieces=(b"elsewhere",)), PermanentError, "model-request"),
        (ScriptedReply(pieces=(b"x" * 1_100_000,)), PermanentError, "too-big"),
        (ScriptedReply(pieces=(b"{",) * 50, pause=0.1), TransientError, "timeout"),
    ],
)  # fmt: skip
def test_whatever_a_provider_says_ends_typed_written_down_and_without_the_key(said, kind, code):
    book = Book()
    with ModelServer.saying([said]) as server, pytest.raises(kind) as caught:
        gateway(server.base, book, timeout=0.7).complete(ASK, call=CALL, budget=None)
    assert caught.value.code == code
    assert isinstance(book.events[-1], ModelAnswered)
    assert book.events[-1].code == code
    assert KEY not in json.dumps([caught.value.message, book.sealed, [repr(one) for one in book.events]])


@pytest.mark.parametrize(
    ("status", "said", "after"),
    [
        (429, "30", 30.0),
        (429, f"{NOW + timedelta(seconds=90):%a, %d %b %Y %H:%M:%S} GMT", 90.0),
        (429, f"{NOW - timedelta(seconds=90):%a, %d %b %Y %H:%M:%S} GMT", 0.0),
        (429, "soon", 0.0),
        (429, "9" * 40, 86_400.0),
        (429, "", 0.0),
        (503, "5", 5.0),
    ],
)
def test_how_long_a_provider_asks_to_wait_is_heard(status, said, after):
    answer = ScriptedReply(status=status, pieces=(b"later",), retry_after=said)
    with ModelServer.saying([answer]) as server, pytest.raises(RateLimited) as caught:
        gateway(server.base, Book()).complete(ASK, call=CALL, budget=None)
    assert caught.value.seconds == pytest.approx(after)


@pytest.mark.parametrize(
    "said", [answering("x", tokens=None), answering(" ", tokens=None), ScriptedReply(pieces=(b"<html>",))]
)
def test_what_nobody_counted_is_not_booked_and_stays_set_aside(said):
    book = Book()
    with ModelServer.saying([said]) as server:
        try:
            assert gateway(server.base, book).complete(ASK, call=CALL, budget=None).usd > 0
        except TransientError:
            pass
    reserved, answered = book.events
    assert isinstance(answered, ModelAnswered)
    assert (answered.usd, Decimal(answered.aside)) == ("0.000000", Decimal(reserved.usd))
    assert book.costs.run_total(CALL.run) == Decimal(reserved.usd) > 0


def test_an_error_inside_a_200_costs_what_it_counted_and_else_nothing():
    for usage, usd in (
        ({}, "0.000000"),
        ({"usage": {"prompt_tokens": 100, "completion_tokens": 0}}, "0.000100"),
    ):
        book = Book()
        body = {"error": {"message": "Insufficient credits", "code": 402}, **usage}
        said = ScriptedReply(pieces=(json.dumps(body).encode(),))
        with (
            ModelServer.saying([said]) as server,
            pytest.raises(PermanentError, match="no money left"),
        ):
            gateway(server.base, book).complete(ASK, call=CALL, budget=None)
        answered = book.events[1]
        assert isinstance(answered, ModelAnswered)
        assert (answered.usd, answered.aside) == (usd, "0")


@pytest.mark.parametrize("tokens", [(10**12, 20), (100, 10**12), (-5, 20)])
def test_a_count_beyond_all_that_was_asked_is_not_believed(tokens):
    """Believed, one answer would use up the month."""
    book = Book()
    with ModelServer.saying([answering("x", tokens=tokens)]) as server:
        reply = gateway(server.base, book).complete(ASK, call=CALL, budget=None)
    assert (reply.tokens_in, reply.tokens_out) == (0, 0)
    assert reply.usd == Decimal(book.events[0].usd)


@pytest.mark.parametrize("where", ["agent", "run", "day", "month"])
def test_a_reservation_over_any_budget_asks_nobody(where):
    book = Book()
    tight = Decimal("0.0001")
    config: dict[str, Any] = {f"budget_usd_per_{where}": tight} if where in {"day", "month"} else {}
    call = replace(CALL, budget=tight) if where == "run" else CALL
    with ModelServer.saying([answering("x")]) as server:
        with pytest.raises(PermanentError) as caught:
            gateway(server.base, book, **config).complete(
                ASK, call=call, budget=tight if where == "agent" else None
            )
        assert caught.value.code == "budget"
        assert not server.asked
    assert not book.events


def test_what_an_agent_may_spend_is_counted_once_in_every_call_of_an_attempt():
    """The one who asks says what is left after its own calls; the gateway takes nothing off that again."""
    book = Book()
    with ModelServer.saying([answering("x", tokens=None)]) as server:
        asked = gateway(server.base, book)
        most = asked.complete(ASK, call=CALL, budget=None).usd
        for _ in range(3):
            asked.complete(ASK, call=CALL, budget=most)
        with pytest.raises(PermanentError) as caught:
            asked.complete(ASK, call=CALL, budget=most - Decimal("0.000001"))
    assert caught.value.code == "budget"
    assert len(book.costs) == 4


def test_what_a_run_may_spend_counts_every_call_of_the_run_once():
    book = Book()
    with ModelServer.saying([answering("x", tokens=None)]) as server:
        asked = gateway(server.base, book)
        most = asked.complete(ASK, call=CALL, budget=None).usd
        twice = replace(CALL, budget=2 * most)
        asked.complete(ASK, call=twice, budget=None)
        with pytest.raises(PermanentError) as caught:
            asked.complete(ASK, call=twice, budget=None)
    assert caught.value.message.endswith("and 0.000000 USD are left for this run")


def test_the_day_ends_at_midnight_of_the_workspace():
    book = Book()
    old = Cost(at=stamp(NOW - timedelta(hours=2)), run="r0", model="default", usd=Decimal(5))
    book.costs.put("r0/draft/1", old)
    with ModelServer.saying([answering("x")]) as server:
        there = gateway(server.base, book, budget_usd_per_day=Decimal(5), time_zone="Europe/Warsaw")
        there.complete(ASK, call=CALL, budget=None)  # 21:30 UTC was the day before in Warsaw
        here = gateway(server.base, book, budget_usd_per_day=Decimal(5), time_zone="UTC")
        with pytest.raises(PermanentError):
            here.complete(ASK, call=CALL, budget=None)


def test_many_calls_at_once_never_spend_more_than_the_budget():
    book = Book()
    with ModelServer.saying([answering("x", tokens=None)]) as server:
        asked = gateway(server.base, book, budget_usd_per_day=Decimal("0.005"))
        with ThreadPoolExecutor(8) as pool:
            futures = [pool.submit(asked.complete, ASK, call=CALL, budget=None) for _ in range(24)]
        failed = [one.exception() for one in futures if one.exception()]
    assert failed
    assert {one.code for one in failed if isinstance(one, EngineError)} == {"budget"}
    assert sum((one.usd for one in book.costs.values()), Decimal(0)) <= Decimal("0.005")
    assert len(server.asked) == 24 - len(failed)


@pytest.mark.parametrize(
    "base", ["http://models.example.com/v1", "ftp://x/v1", "https://user:pw@x/v1", "nonsense"]
)
def test_an_address_that_would_tell_others_is_refused(base):
    book = Book()
    with pytest.raises(PermanentError) as caught:
        gateway(base, book).complete(ASK, call=CALL, budget=None)
    assert caught.value.code == "address"
    assert "steward.yaml" in caught.value.way_out


def test_a_model_without_prices_is_asked_on_this_machine_only():
    book = Book()
    with ModelServer.saying([answering("x")]) as server:
        local = gateway(server.base, book)
        model = replace(local.config.models[0], usd_per_million_in=None, usd_per_million_out=None)
        free = replace(local, config=replace(local.config, models=(model,)))
        assert free.complete(ASK, call=CALL, budget=Decimal(0)).usd == 0
        far = replace(free, config=replace(local.config, models=(replace(model, base_url="https://x/v1"),)))
        with pytest.raises(PermanentError) as caught:
            far.complete(ASK, call=CALL, budget=None)
    assert caught.value.code == "no-price"


def test_a_model_nobody_named_is_not_there():
    book = Book()
    asked = gateway("https://x/v1", book)
    assert asked.available("default")
    assert not asked.available("none")
    with pytest.raises(PermanentError) as caught:
        asked.complete(replace(ASK, model="none"), call=CALL, budget=None)
    assert caught.value.code == "no-model"
    assert {f.name for f in fields(ModelReserved)} == {"call", "model", "usd", "isolation"}
