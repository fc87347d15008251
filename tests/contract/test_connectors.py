"""What every connector owes the broker, held against all of them."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from engine.connectors import declare_all, safe_paths
from engine.model.definitions.actions import EffectClass, Sink
from engine.model.definitions.settings import Config, ConnectorConfig, Person
from engine.model.errors import PermanentError, TransientError
from engine.model.ports import Connector
from tests.contract.world import CASES, World, effect

# Storing sealed bytes changes nothing anybody can see: there is nothing to find.
LEAVES_NOTHING = {"documents/render"}
SPECS = {spec.name: spec for spec in declare_all()}


class Died(BaseException):
    """The process ended here."""


class MortalOs:
    """The `os` of a process that dies at its n-th write to the disk."""

    TOUCHES = ("mkdir", "write", "fsync", "rename", "unlink")

    def __init__(self, die_at=10**6, **instead):
        self.left = die_at
        self.instead = instead

    def __getattr__(self, name):
        real = self.instead.get(name) or getattr(os, name)
        if name not in self.TOUCHES:
            return real

        def touch(*args, **kwargs):
            self.left -= 1
            if self.left < 0:
                raise Died
            return real(*args, **kwargs)

        return touch


@pytest.fixture
def world(tmp_path):
    return World(tmp_path, payments={"pay-url": "https://pay.example.com/{reference}?sum={amount}"})


@pytest.fixture(params=sorted(CASES))
def asked(request, world):
    return CASES[request.param](world)


def connector(world, asked) -> Connector:
    """A fresh one, as after a restart."""
    return world.wired().connectors[asked.action.partition("/")[0]]


def frozen(world, asked):
    return effect(asked, connector(world, asked).preview(asked))


def test_every_action_has_a_case():
    assert sorted(CASES) == sorted(SPECS)


def test_declaring_imports_no_more_than_the_model():
    code = "import sys; from engine.connectors import declare_all; declare_all(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert loaded & {"email", "smtplib", "ssl", "fpdf", "authres", "markdown_it", "zoneinfo"} == set()


def test_declares_the_same_without_touching_the_world(world, asked):
    before = world.snapshot()
    here = connector(world, asked)
    assert here.declare() == here.declare()
    assert set(here.declare()) <= set(declare_all())
    assert world.snapshot() == before
    assert world.secrets.asked == []


def test_letters_are_opaque_through_a_server():
    config = Config(
        operator=Person(id="operator", name="R"),
        connectors=(ConnectorConfig(name="email", settings={"host": "mail.example.com"}),),
    )
    kinds = {spec.name: spec.kind for spec in declare_all(config)}
    assert kinds["email/reply"] is kinds["email/acknowledge"] is EffectClass.OPAQUE
    assert SPECS["email/reply"].kind is EffectClass.IDEMPOTENT


def test_every_undo_names_an_action_or_a_reason():
    for spec in SPECS.values():
        assert bool(spec.undo.action) != bool(spec.undo.none), spec.name
        assert spec.undo.action is None or spec.undo.action in SPECS


def test_everything_is_described():
    for spec in SPECS.values():
        assert spec.summary
        assert all(param.description for param in spec.params), spec.name
        assert all(field.description for field in spec.outputs), spec.name


def test_what_steers_money_places_and_people_is_a_sink():
    found = {
        (name, param.name): param.sink for name, spec in SPECS.items() for param in spec.params if param.sink
    }
    assert found == {
        ("email/reply", "thread"): Sink.RECIPIENT,
        ("email/reply", "link"): Sink.URL,
        ("files/write", "path"): Sink.PATH,
        ("files/restore", "path"): Sink.PATH,
        ("payments/request", "items"): Sink.AMOUNT,
        ("payments/void", "reference"): Sink.ACCOUNT,
    }


def test_no_reply_takes_a_recipient():
    for name in ("email/reply", "email/acknowledge"):
        assert {param.name for param in SPECS[name].params} & {"to", "cc", "bcc", "from", "subject"} == set()


def test_previews_the_same_bytes_and_writes_nothing(world, asked):
    before = world.snapshot()
    blobs = dict(world.blobs.held)
    first = connector(world, asked).preview(asked)
    assert first == connector(world, asked).preview(asked)
    assert world.snapshot() == before
    assert world.blobs.held == blobs
    assert world.secrets.asked == []
    assert first.body
    assert first.facts


def test_another_revision_is_another_body_unless_nothing_of_the_key_is_in_it(world, asked):
    other = replace(asked, revision=2, key="f" * 64)
    same = connector(world, asked).preview(asked).body == connector(world, asked).preview(other).body
    assert same == asked.action.startswith(("files/", "documents/", "payments/void"))


def test_performs_once_however_often_it_is_called(world, asked):
    one = frozen(world, asked)
    first = connector(world, asked).perform(one)
    after = world.snapshot()
    second = connector(world, asked).perform(one)
    assert world.snapshot() == after
    if asked.action not in LEAVES_NOTHING:
        assert second.outputs == first.outputs
        assert second.repeated


def test_finds_what_was_performed_and_nothing_before(world, asked):
    one = frozen(world, asked)
    assert connector(world, asked).find(one) is None
    done = connector(world, asked).perform(one)
    found = connector(world, asked).find(one)
    if asked.action in LEAVES_NOTHING:
        assert found is None
    else:
        assert found is not None
        assert found.outputs == done.outputs


def test_gives_the_outputs_it_declares(world, asked):
    done = connector(world, asked).perform(frozen(world, asked))
    assert set(done.outputs) == {field.name for field in SPECS[asked.action].outputs}


def test_what_may_be_read_early_is_what_comes_out(world, asked):
    one = frozen(world, asked)
    early = one.preview.outputs or {}
    assert set(early) == set(SPECS[asked.action].previewed)
    done = connector(world, asked).perform(one)
    assert {name: done.outputs[name] for name in early} == early


def test_needs_nothing_but_the_frozen_bytes_and_the_key(world, asked):
    one = frozen(world, asked)
    routed = {name: value for name, value in asked.args.items() if asked.action == "documents/render"}
    connector(world, asked).perform(replace(one, args=routed))
    after = world.snapshot()
    connector(world, asked).perform(one)
    assert world.snapshot() == after


@pytest.mark.parametrize("die_at", range(0, 12, 1))
def test_dying_at_any_write_and_starting_again_ends_as_if_nothing_had_happened(
    die_at, world, asked, monkeypatch, tmp_path_factory
):
    one = frozen(world, asked)
    with monkeypatch.context() as mortal:
        mortal.setattr(safe_paths, "os", MortalOs(die_at))
        try:
            connector(world, asked).perform(one)
        except Died:
            pass
    done = connector(world, asked).perform(one)

    twin = World(tmp_path_factory.mktemp("twin"), **world.settings)
    again = CASES[asked.action](twin)
    clean = connector(twin, again).perform(effect(again, connector(twin, again).preview(again)))
    assert without_handles(done.outputs) == without_handles(clean.outputs)
    assert visible(world) == visible(twin)


def without_handles(value):
    if isinstance(value, dict):
        return {name: without_handles(one) for name, one in value.items() if name != "handle"}
    return value


def visible(world):
    """Files a person sees: hidden temporary ones and the notes on what was there before are left out."""
    return {
        name: content
        for name, content in world.snapshot().items()
        if not name.rpartition("/")[2].startswith(".") and not name.startswith("outbox/before")
    }


def test_a_full_disk_is_tried_again_and_nothing_was_changed(world, asked, monkeypatch):
    if asked.action in LEAVES_NOTHING:
        return  # the engine's blobs have their own disk
    one = frozen(world, asked)
    before = visible(world)

    def full(*_args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(safe_paths, "os", MortalOs(write=full))
        with pytest.raises(TransientError) as error:
            connector(world, asked).perform(one)
    assert error.value.code == "disk-full"
    assert {name for name in visible(world) if name not in before} <= {
        "outbox",
        "outbox/payments",
        "outbox/notices.log",
    }
    connector(world, asked).perform(one)


def test_refuses_what_it_was_not_declared_to_take(world, asked):
    stranger = replace(asked, args={**asked.args, "to": "thief@example.net"})
    with pytest.raises(PermanentError) as error:
        connector(world, asked).preview(stranger)
    assert error.value.code == "unknown-argument"


def test_refuses_an_action_it_does_not_have(world, asked):
    with pytest.raises(PermanentError) as error:
        connector(world, asked).preview(replace(asked, action="email/forward"))
    assert error.value.code == "no-action"


def test_refuses_a_call_without_what_it_needs(world, asked):
    for param in SPECS[asked.action].params:
        if param.required:
            args = {name: value for name, value in asked.args.items() if name != param.name}
            with pytest.raises(PermanentError) as error:
                connector(world, asked).preview(replace(asked, args=args))
            assert error.value.code == "missing-argument"


@pytest.mark.parametrize(
    "value", [7, True, ["x"], {"x": "y"}, "\ud800", "a\r\nBcc: b@c.example\r\n\r\nx", "x" * 6_000_000]
)
def test_survives_any_argument(value, world, asked):
    """It refuses, or it freezes bytes that mean one thing; it never breaks."""
    for name in asked.args:
        try:
            preview = connector(world, asked).preview(replace(asked, args={**asked.args, name: value}))
        except PermanentError:
            continue
        assert preview.body
        if preview.media == "message/rfc822":
            assert b"\r\nBcc:" not in preview.body.partition(b"\r\n\r\n")[0]
