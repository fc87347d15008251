"""The provider that counts must count right, or nothing it is used for means anything."""

import json
import os
import signal

import pytest

from engine.model.definitions.actions import EffectClass, Reach
from engine.model.effects import Call
from engine.model.errors import PermanentError, TransientError, UnknownOutcome
from engine.model.values.ids import EffectKey, RunId
from engine.runtime.broker import Broker
from engine.testing.clock import START, VirtualClock
from engine.testing.connector import ACTIONS, ProviderConnector
from engine.testing.provider import Provider, ask, records


@pytest.fixture
def provider(tmp_path):
    with Provider.start(tmp_path / "provider.jsonl") as one:
        yield one


class Wired:
    def __init__(self, connector):
        self._connector = connector

    def connector(self, action):
        return self._connector

    def reader(self, action):
        raise AssertionError(action)

    def spec(self, action):
        return next((one for one in ACTIONS if one.name == action), None)


def frozen(provider, action, *, key="k1", text="hello"):
    connector = ProviderConnector(provider.address)
    call = Call(
        action=f"provider/{action}", args={"text": text}, run=RunId("r"), step="s", subject=None, trigger={}, at=START,
        key=EffectKey(key),
    )  # fmt: skip
    broker = Broker(connectors=Wired(connector), heads=(), durable=lambda seq: True)
    return connector, broker.propose(call, floor=None, labels={})


def test_a_key_the_provider_knows_is_a_call_and_no_effect(provider):
    connector, effect = frozen(provider, "idempotent")
    first, second = connector.perform(effect), connector.perform(effect)
    assert (first.provider_id, first.repeated, second.repeated) == (second.provider_id, False, True)
    assert (provider.calls()["k1"], provider.effects()["k1"]) == (2, 1)


@pytest.mark.parametrize("action", ["queryable", "opaque"])
def test_a_provider_without_keys_does_it_again_every_time(provider, action):
    connector, effect = frozen(provider, action)
    connector.perform(effect)
    connector.perform(effect)
    assert provider.effects()["k1"] == 2


def test_one_key_with_two_bodies_is_refused(provider):
    _, first = frozen(provider, "idempotent", text="one")
    connector, second = frozen(provider, "idempotent", text="two")
    connector.perform(first)
    with pytest.raises(PermanentError, match="refuses"):
        connector.perform(second)
    assert provider.effects()["k1"] == 1


def test_only_the_queryable_class_can_be_looked_up(provider):
    connector, effect = frozen(provider, "queryable")
    assert connector.find(effect) is None
    done = connector.perform(effect)
    found = connector.find(effect)
    assert found is not None
    assert found.provider_id == done.provider_id
    for action in ("idempotent", "opaque"):
        connector, effect = frozen(provider, action)
        with pytest.raises(UnknownOutcome):
            connector.find(effect)


def test_a_forgotten_key_is_done_again(provider):
    connector, effect = frozen(provider, "idempotent")
    connector.perform(effect)
    assert provider.repeated() == {}
    provider.prune()
    connector.perform(effect)
    assert provider.effects()["k1"] == 2
    assert list(provider.repeated().values()) == [2]


@pytest.mark.parametrize(
    ("how", "raises", "effects"),
    [
        ("429", TransientError, 0),
        ("400", PermanentError, 0),
        ("500-before", UnknownOutcome, 0),
        ("500-after", UnknownOutcome, 1),
        ("drop-before", UnknownOutcome, 0),
        ("drop-after", UnknownOutcome, 1),
    ],
)
def test_each_way_to_go_wrong_is_told_apart(provider, how, raises, effects):
    connector, effect = frozen(provider, "idempotent")
    provider.behave(how)
    with pytest.raises(raises):
        connector.perform(effect)
    assert provider.effects()["k1"] == effects
    connector.perform(effect)
    assert provider.effects()["k1"] == 1


@pytest.mark.parametrize(("how", "effects"), [("kill-before", 0), ("kill-after", 1)])
def test_it_can_end_its_caller_around_the_effect(provider, how, effects):
    connector, effect = frozen(provider, "opaque")
    provider.behave(how)
    child = os.fork()
    if child == 0:
        connector.perform(effect)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert provider.effects()["k1"] == effects


def test_nobody_there_means_certainly_not_done(provider):
    connector, effect = frozen(provider, "opaque")
    provider.close()
    with pytest.raises(TransientError):
        connector.perform(effect)


def test_the_file_is_all_it_needs_to_go_on(tmp_path):
    file = tmp_path / "provider.jsonl"
    with Provider.start(file) as one:
        connector, effect = frozen(one, "idempotent")
        before = connector.perform(effect)
    with file.open("ab") as torn:
        torn.write(b'{"what":"eff')
    assert records(file)[-1] == {
        "what": "effect",
        "key": "k1",
        "body": one.bodies()["k1"],
        "id": before.provider_id,
    }
    file.write_bytes(b"".join(json.dumps(o).encode() + b"\n" for o in records(file)))
    with Provider.start(file) as two:
        after = ProviderConnector(two.address).perform(effect)
        assert (after.provider_id, after.repeated) == (before.provider_id, True)
        assert two.effects()["k1"] == 1


def test_a_question_it_does_not_know_is_said_so(provider):
    assert ask(provider.address, {"do": "dance"}) == {"status": 404}


def test_the_actions_cover_the_classes_and_one_asks():
    assert {one.kind for one in ACTIONS} == {
        EffectClass.IDEMPOTENT,
        EffectClass.QUERYABLE,
        EffectClass.OPAQUE,
    }
    assert {one.reach for one in ACTIONS} == {Reach.LOW, Reach.CUSTOMER, Reach.LEGAL}


def test_it_keeps_the_contract_of_every_connector(provider):
    """What tests/contract asks of the built-in ones: pure data, an undo that exists or a reason, frozen bytes, no repeated effect."""
    names = {one.name for one in ACTIONS}
    assert ProviderConnector("nowhere:1").declare() is ACTIONS
    for one in ACTIONS:
        assert bool(one.undo.action) != bool(one.undo.none), one.name
        assert one.undo.action is None or one.undo.action in names
        assert one.summary
        assert all(param.description for param in one.params), one.name
        assert all(field.description for field in one.outputs), one.name
        _, first = frozen(provider, one.name.partition("/")[2], key=one.name)
        _, again = frozen(provider, one.name.partition("/")[2], key=one.name)
        assert (first.preview, first.digest) == (again.preview, again.digest)
    assert provider.calls() == {}
    for one in ACTIONS:
        connector, effect = frozen(provider, one.name.partition("/")[2], key=one.name)
        before = connector.perform(effect)
        assert set(before.outputs) == {field.name for field in one.outputs}
        if one.kind is EffectClass.IDEMPOTENT:
            assert connector.perform(effect).repeated
    assert set(provider.effects().values()) == {1}


def test_virtual_time_passes_only_by_waiting():
    clock = VirtualClock()
    assert clock.now() == START
    clock.wait(20)
    assert (clock.now() - START).total_seconds() == 20
    clock.wait(0)
    assert clock.now() > START
