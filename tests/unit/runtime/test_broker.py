"""The choke point: nothing is called without a durable intent for exactly these bytes, and recovery goes by class."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.model.definitions.actions import ActionSpec, EffectClass, Param, Reach
from engine.model.definitions.types import TEXT, Field
from engine.model.effects import Call, Effect, Outcome, Preview
from engine.model.errors import PermanentError, UnknownOutcome
from engine.model.events.events import EffectIntended, Event
from engine.model.events.owner import StopSet
from engine.model.values.canonical_json import Json
from engine.model.values.ids import EffectKey, RunId
from engine.runtime.broker import Broker, NotIntended

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


class World:
    """A connector with a memory, and the table that names it."""

    def __init__(self, kind: EffectClass) -> None:
        self.performed: list[str] = []
        self.found: Outcome | None = None
        self.version = "v1"
        self.outputs: dict[str, Json] = {}
        self.action = ActionSpec(
            name="w/do",
            summary="",
            kind=kind,
            params=(Param(name="body", type=TEXT, raises=Reach.CUSTOMER),),
            reach=Reach.LOW,
        )

    def declare(self) -> tuple[ActionSpec, ...]:
        """One action."""
        return (self.action,)

    def preview(self, call: Call) -> Preview:
        """The argument as bytes."""
        return Preview(
            body=str(call.args.get("body")).encode(),
            media="text/plain",
            facts=(),
            heads=(("thread:x", self.version),),
        )

    def perform(self, effect: Effect) -> Outcome:
        """Remember it."""
        self.performed.append(effect.key)
        return Outcome(outputs=self.outputs)

    def find(self, effect: Effect) -> Outcome | None:
        """What was planted."""
        return self.found

    def connector(self, action: str) -> Any:
        """Itself."""
        return self

    def reader(self, action: str) -> Any:
        """Nobody reads here."""
        raise PermanentError(action)

    def spec(self, action: str) -> ActionSpec:
        """Its one action."""
        return self.action

    def poll(self, seen: Any) -> list[Any]:
        """Nothing arrives."""
        return []

    def head(self, name: str) -> str:
        """The present version."""
        return self.version


def made(kind: EffectClass = EffectClass.IDEMPOTENT, *, durable: bool = True) -> tuple[World, Broker]:
    """A world and its broker."""
    world = World(kind)
    return world, Broker(connectors=world, heads=(world,), durable=lambda seq: durable)


def proposal(broker: Broker, **args: Json) -> Effect:
    """A frozen effect."""
    call = Call(
        action="w/do",
        args=args,
        run=RunId("r"),
        step="s",
        subject=None,
        trigger={},
        at=NOW,
        key=EffectKey("k"),
    )
    return broker.propose(call, floor=None, labels={})


def intent(key: str = "k", **more: Any) -> Event:
    """A durable intent."""
    return Event(seq=7, ts="", body=EffectIntended(key=key, revision=1, attempt=1, **more))


def test_proposing_never_performs_and_reach_follows_the_arguments() -> None:
    """A null argument doesn't raise it."""
    world, broker = made()
    assert proposal(broker, body=None).reach is Reach.LOW
    assert proposal(broker, body="x").reach is Reach.CUSTOMER
    assert world.performed == []


def test_a_call_needs_a_durable_intent_for_its_key() -> None:
    """Anything else is a bug of ours and stops here."""
    world, broker = made()
    effect = proposal(broker, body="x")
    for wrong in (intent("other"), Event(seq=7, ts="", body=StopSet(by="", channel=""))):
        with pytest.raises(NotIntended):
            broker.perform(effect, wrong)
    _, unsynced = made(durable=False)
    with pytest.raises(NotIntended):
        unsynced.perform(effect, intent())
    assert world.performed == []


def test_bytes_that_are_not_the_frozen_ones_never_leave() -> None:
    """The digest is recomputed before the call."""
    world, broker = made()
    effect = proposal(broker, body="x")
    changed = replace(effect, preview=replace(effect.preview, body=b"y"))
    with pytest.raises(NotIntended):
        broker.perform(changed, intent())
    assert world.performed == []


@pytest.mark.parametrize(
    ("outputs", "kept"), [({}, False), ({"id": 17}, False), ({"id": None}, False), ({"id": "17"}, True)]
)
def test_an_answer_of_another_shape_than_was_promised_is_none(outputs: dict[str, Json], kept: bool) -> None:
    """Nobody knows what the world did; the class decides what follows."""
    world, broker = made()
    effect = proposal(broker, body="x")
    world.action = replace(world.action, outputs=(Field(name="id", type=TEXT),))
    world.outputs = outputs
    if kept:
        assert broker.perform(effect, intent()).outputs == outputs
        return
    with pytest.raises(UnknownOutcome) as caught:
        broker.perform(effect, intent())
    assert caught.value.code == "contract"


def test_the_digest_binds_body_key_reach_and_what_was_read() -> None:
    """Each of them alone changes it."""
    world, broker = made()
    first = proposal(broker, body="x").digest
    world.version = "v2"
    assert len({first, proposal(broker, body="x").digest, proposal(broker, body="y").digest}) == 3


def test_drift_is_what_reads_differently_now() -> None:
    """By name."""
    world, broker = made()
    effect = proposal(broker, body="x")
    assert broker.drift(effect) == ()
    world.version = "v2"
    assert broker.drift(effect) == ("thread:x",)


def test_recovery_of_an_idempotent_effect_repeats_under_the_same_key() -> None:
    """Inside the provider's window only."""
    world, broker = made()
    effect = proposal(broker, body="x")
    assert broker.recover(effect, intent(), now=NOW).repeated
    assert world.performed == ["k"]
    with pytest.raises(UnknownOutcome):
        broker.recover(effect, intent(window="2026-03-01T00:00:00.000000Z"), now=NOW)
    assert world.performed == ["k"]


def test_recovery_of_a_queryable_effect_looks_first() -> None:
    """Found: nothing is called. Certainly not done: called once."""
    world, broker = made(EffectClass.QUERYABLE)
    effect = proposal(broker, body="x")
    world.found = Outcome(outputs={"id": "1"})
    assert broker.recover(effect, intent(), now=NOW).outputs == {"id": "1"}
    assert world.performed == []
    world.found = None
    broker.recover(effect, intent(), now=NOW)
    assert world.performed == ["k"]


def test_recovery_of_an_opaque_effect_is_a_persons() -> None:
    """Never called again."""
    world, broker = made(EffectClass.OPAQUE)
    with pytest.raises(UnknownOutcome):
        broker.recover(proposal(broker, body="x"), intent(), now=NOW)
    assert world.performed == []


def test_what_declares_no_undo_says_why() -> None:
    """The declared reason is the message."""
    world, broker = made()
    with pytest.raises(PermanentError) as caught:
        broker.undo(proposal(broker, body="x"), {})
    assert caught.value.code == "no-undo"
    assert world.performed == []
