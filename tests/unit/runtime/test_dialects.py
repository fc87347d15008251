"""Endpoints of one protocol differ: what one refuses is learned once, kept, and asked for no more."""

import json
from decimal import Decimal

import pytest

from engine.model.definitions.settings import Config, ModelConfig, Person
from engine.model.errors import PermanentError
from engine.runtime.model_dialects import Dialect, Dialects
from engine.runtime.model_gateway import Gateway
from engine.testing.model_server import ModelServer, ScriptedReply, answering
from tests.unit.runtime.test_gateway import ASK, CALL, NOW, Book, Keys


def refused(status, body):
    return ScriptedReply(status=status, pieces=(json.dumps(body).encode(),))


def error(message, **more):
    return {"error": {"message": message, **more}}


PICKY = {
    "a temperature of one only": (
        lambda body: body.get("temperature", 1) == 1,
        refused(400, error("Unsupported value: 'temperature' does not support 0 with this model.", param="temperature")),
        Dialect(cold=False),
    ),
    "no temperature at all": (
        lambda body: "temperature" not in body,
        refused(400, error("Unsupported parameter: 'temperature' is not supported with this model.")),
        Dialect(cold=False),
    ),
    "unknown parameters (422)": (
        lambda body: "max_completion_tokens" not in body,
        refused(422, {"message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"], "msg": "Extra inputs are not permitted"}]}}),
        Dialect(length="max_tokens"),
    ),
    "the older name": (
        lambda body: "max_completion_tokens" not in body,
        refused(400, error("Unrecognized request argument supplied: max_completion_tokens")),
        Dialect(length="max_tokens"),
    ),
    "both in one sentence": (
        lambda body: "max_completion_tokens" not in body,
        refused(400, error("max_completion_tokens is not supported, use max_tokens instead")),
        Dialect(length="max_tokens"),
    ),
    "a refusal inside a 200": (
        lambda body: "temperature" not in body,
        refused(200, error("invalid request: temperature is deprecated for this model", code=400)),
        Dialect(cold=False),
    ),
    "no system role": (
        lambda body: body["messages"][0]["role"] == "user" and "Be brief." in body["messages"][0]["content"],
        refused(400, error("System role not supported")),
        Dialect(system=False),
    ),
    "neither of all": (
        lambda body: not {"temperature", "max_completion_tokens"} & body.keys(),
        refused(422, {"detail": [{"loc": ["body", "temperature"], "msg": "no"}]}),
        None,
    ),
}  # fmt: skip


def gateway(base, folder, book=None, **model):
    config = ModelConfig(
        name="default", uses="openai", model="stub-1", base_url=base, timeout=5.0, usd_per_million_in=Decimal(1),
        usd_per_million_out=Decimal(10), **model,
    )  # fmt: skip
    costs = book or Book()
    return Gateway(
        config=Config(operator=Person(id="operator", name="O"), models=(config,)), secrets=Keys(), recorder=costs,
        costs=lambda: costs.costs, now=lambda: NOW, commitment=lambda text, call: "hmac", dialects=Dialects(folder),
    )  # fmt: skip


@pytest.mark.parametrize("which", PICKY)
def test_what_an_endpoint_refuses_is_learned_once_and_kept(which, tmp_path):
    takes, no, learned = PICKY[which]

    def script(body):
        if takes(body):
            return answering("Good day")
        if which == "neither of all" and "temperature" not in body:
            return refused(422, {"detail": [{"loc": ["body", "max_completion_tokens"], "msg": "no"}]})
        return no

    book = Book()
    with ModelServer(script=script) as server:
        assert gateway(server.base, tmp_path, book).complete(ASK, call=CALL, budget=None).text == "Good day"
        # One reservation and one answer, however often it had to be put another way.
        assert len(book.events) == 2
        before = len(server.asked)
        # Another process, later: it knows.
        assert gateway(server.base, tmp_path).complete(ASK, call=CALL, budget=None).text == "Good day"
        assert len(server.asked) == before + 1
        found = Dialects(tmp_path).dialect_of(server.base, "stub-1")
        # Another model of the same endpoint may differ.
        assert Dialects(tmp_path).dialect_of(server.base, "stub-2") == Dialect()
    assert found == (learned or Dialect(cold=False, length="max_tokens"))
    assert found.differences


@pytest.mark.parametrize(
    "message",
    [
        "max_completion_tokens is too large: 100. This model supports at most 50 completion tokens",
        "Invalid 'messages': too long",
        "this model does not exist",
    ],
)
def test_a_refusal_of_something_else_is_told_and_teaches_nothing(message, tmp_path):
    with ModelServer.saying([refused(400, error(message))]) as server:
        with pytest.raises(PermanentError) as caught:
            gateway(server.base, tmp_path).complete(ASK, call=CALL, budget=None)
        assert len(server.asked) == 1
    assert caught.value.code == "model-request"
    assert message in caught.value.message


def test_an_endpoint_that_refuses_whatever_is_tried_is_asked_a_few_times_at_most(tmp_path):
    def script(body):
        return refused(400, error(f"not supported: {' '.join(body)}; System role not supported"))

    with ModelServer(script=script) as server, pytest.raises(PermanentError):
        gateway(server.base, tmp_path).complete(ASK, call=CALL, budget=None)
    assert len(server.asked) == 4


def test_the_operators_parameters_are_said_and_a_refused_one_is_named(tmp_path):
    wanted = (("reasoning_effort", "low"), ("top_p", 0.9))
    with ModelServer.saying([answering("Good day")]) as server:
        asked = gateway(server.base, tmp_path, parameters=wanted, temperature=None, max_tokens=4000)
        asked.complete(ASK, call=CALL, budget=None)
        body = server.asked[0][1]
    assert (body["reasoning_effort"], body["top_p"], body["max_completion_tokens"]) == ("low", 0.9, 4000)
    assert "temperature" not in body
    no = refused(400, error("Unrecognized request argument supplied: reasoning_effort"))
    with ModelServer.saying([no]) as server, pytest.raises(PermanentError) as caught:
        gateway(server.base, tmp_path, parameters=wanted).complete(ASK, call=CALL, budget=None)
    assert "does not take reasoning_effort, which steward.yaml sets" in caught.value.message
    assert "models.default.parameters" in caught.value.way_out


def test_what_was_learned_is_a_cache(tmp_path):
    (tmp_path / "dialects.json").write_text("no json")
    assert Dialects(tmp_path).dialect_of("b", "m") == Dialect()
    Dialects(tmp_path).keep("b", "m", Dialect(cold=False))
    assert Dialects(tmp_path).dialect_of("b", "m") == Dialect(cold=False)
    assert [path.name for path in tmp_path.iterdir()] == ["dialects.json"]
