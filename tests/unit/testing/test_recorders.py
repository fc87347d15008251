"""An action that nothing performs yet needs its outputs from the case; nothing of a real connector's perform is ever called."""

import pytest

from engine.model.definitions.actions import ActionSpec, EffectClass
from engine.model.definitions.types import BOOL, EMAIL, FILE, INTEGER, MONEY, TEXT, TIME, URL, Field, Type
from engine.model.effects import Call, Effect, Preview
from engine.model.errors import PermanentError, TransientError
from engine.model.state.state import RunState, StepState
from engine.model.values.ids import EffectKey, RunId
from engine.testing.cases.fakes import Script, Switch, neutral
from engine.testing.clock import START, VirtualClock

SPEC = ActionSpec(
    name="post/send",
    summary="",
    kind=EffectClass.OPAQUE,
    outputs=(
        Field(name="id", type=TEXT),
        Field(name="to", type=EMAIL),
        Field(name="file", type=FILE),
        Field(name="link", type=URL, optional=True),
        Field(name="shown", type=TEXT),
    ),
)


class Shelf:
    def __init__(self):
        self.kept = []

    def put(self, data, subject):
        self.kept.append(data)
        return f"h{len(self.kept)}"

    keep = put

    def get(self, handle):
        return self.kept[int(handle[1:]) - 1]


class Post:
    """A connector whose perform must never be called."""

    def declare(self):
        return (SPEC,)

    def preview(self, call):
        return Preview(body=b"%PDF", media="application/pdf", facts=(), outputs={"shown": "on the card"})

    def perform(self, effect):
        raise AssertionError("something was really done")

    find = undo = perform


def switch(script, *, connectors=None, readers=None):
    return Switch(
        connectors=connectors or {},
        readers=readers or {},
        specs={SPEC.name: SPEC},
        script=script,
        blobs=Shelf(),
        clock=VirtualClock(),
    )


def script(given=None, **more):
    steps = {step: StepState(keys=("k1", "k2")) for step in given or {}}
    state = RunState(
        id="r", order=1, playbook="p", plan="", commit="", stage="", trigger="", source="", created="", steps=steps
    )  # fmt: skip
    return Script(made_up={"p": given or {}}, run_state=lambda run: state, tested="p", run="r", **more)


def call(step="post"):
    return Call(
        action="post/send", args={"to": "a@b.c"}, run=RunId("r"), step=step, subject=None, trigger={}, at=START,
        key=EffectKey("key"),
    )  # fmt: skip


def effect(preview, step="post", run="r"):
    return Effect(
        action="post/send", key=EffectKey("key"), revision=1, run=RunId(run), step=step, subject=None,
        kind=EffectClass.OPAQUE, reach=SPEC.reach, args={}, preview=preview, digest="", labels={},
    )  # fmt: skip


def test_what_is_performed_is_only_written_down_and_its_outputs_stand_in():
    played = script()
    recorder = switch(played, connectors={"post": Post()}).connector("post/send")
    outputs = recorder.perform(effect(recorder.preview(call()))).outputs

    assert played.sent == ["post"]
    assert outputs["shown"] == "on the card"
    assert outputs["to"] == "somebody@example.org"
    assert outputs["link"] is None
    assert (outputs["file"]["name"], outputs["file"]["size"]) == ("post.pdf", 4)
    assert recorder.find(effect(recorder.preview(call()))) is None
    assert recorder.undo(effect(recorder.preview(call())), {}).outputs == {}
    assert played.undone == ["post"]


def test_what_takes_a_step_back_is_no_sent_step_and_needs_no_adapter():
    played = script()
    recorder = switch(played).connector("post/send")
    shown = recorder.preview(call("post~undo#k1"))

    recorder.perform(effect(shown, "post~undo#k1"))

    assert (played.sent, played.undone) == ([], ["post"])


def test_an_action_without_an_adapter_needs_what_it_gives():
    for connectors in ({}, {"post": Post()}):
        played = script()
        nobody = switch(played, connectors=connectors).connector("post/other")
        assert nobody.preview(call()).facts == (("to", "a@b.c"),)
        with pytest.raises(PermanentError, match="say what it gives under `given`"):
            nobody.perform(effect(nobody.preview(call())))
        assert played.sent == []
        with pytest.raises(PermanentError, match="say what it gives under `given`"):
            switch(script()).reader("post/other").read(call())

    played = script({"post": {"id": "1"}})
    given = switch(played).connector("post/send")
    preview = given.preview(call())
    assert preview.facts == (("to", "a@b.c"),)
    assert given.perform(effect(preview)).outputs["id"] == "1"
    assert switch(played).reader("post/send").read(call())[0] == {"id": "1"}
    with pytest.raises(PermanentError, match="no words"):
        given.edited(call(), preview, "other")


class Lost(Post):
    """A connector that can't make this card."""

    def preview(self, call):
        raise PermanentError("there is no letter to answer", code="no-letter")


def test_a_step_with_given_outputs_needs_nothing_the_test_does_not_have():
    with pytest.raises(PermanentError, match="no letter"):
        switch(script(), connectors={"post": Lost()}).connector("post/send").preview(call())

    given = switch(script({"post": {"id": "1"}}), connectors={"post": Lost()}).connector("post/send")
    assert given.preview(call()).facts == (("to", "a@b.c"),)


def test_given_outputs_of_items_go_by_their_order_and_belong_to_the_tested_run():
    played = script({"post": [{"id": "1"}, {"id": "2"}]})

    assert [played.outputs("r", f"post#{key}") for key in ("k1", "k2")] == [{"id": "1"}, {"id": "2"}]
    assert played.outputs("another", "post#k1") is None


def test_an_attempt_that_is_made_to_fail_fails_once():
    played = script(failing=["post"])
    with pytest.raises(TransientError):
        played.attempt("r", "post")
    played.attempt("r", "post")
    assert played.failing == []


def test_a_stand_in_of_each_type():
    kinds = [TEXT, BOOL, INTEGER, MONEY, TIME, Type(kind="date"), Type(kind="length"), Type(kind="list"),
             Type(kind="choice", options=("a", "b")), Type(kind="person"), Type(kind="note"),
             Type(kind="map", fields=(Field(name="x", type=TEXT),))]  # fmt: skip
    now = "2026-03-02T09:00:00.000000Z"

    assert [neutral(one, now=now, name="n") for one in kinds] == [
        "n", True, 0, None, now, "2026-03-02", "1d", [], "a",
        {"name": "Somebody", "email": "somebody@example.org", "known": False}, None, {"x": "x"},
    ]  # fmt: skip
