"""Notices to the operator."""

import json

import pytest

from tests.contract.world import World, call, effect


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def notice(world, text, step="step"):
    asked = call("notify/me", {"text": text}, step=step)
    notify = world.wired().connectors["notify"]
    return notify, effect(asked, notify.preview(asked))


def lines(world):
    return (world.root / "outbox" / "notices.log").read_text().splitlines()


def test_a_notice_is_a_line_and_shown_once(world):
    notify, one = notice(world, "two\nlines \x1b[31mred")
    assert notify.perform(one).outputs == {"noted": True, "by": None, "not-by": []}
    assert notify.perform(one).repeated
    (line,) = lines(world)
    assert json.loads(line) == {
        "at": "2026-03-02T12:00:00.000000Z",
        "key": one.key,
        "text": "two\nlines [31mred",
    }
    assert world.shown == ["two lines [31mred"]


def test_a_key_in_somebodys_words_is_not_the_key(world):
    notify, one = notice(world, "x")
    other, quoting = notice(world, f'"key":"{one.key}"}}', step="other")
    other.perform(quoting)
    assert notify.find(one) is None
    notify.perform(one)
    assert len(lines(world)) == 2


def test_a_torn_line_does_not_count(world):
    notify, one = notice(world, "x" * 100)
    log = world.drop("notices.log", one.preview.body[:-20], folder="outbox")
    assert notify.find(one) is None
    notify.perform(one)
    assert log.read_bytes().split(b"\n")[1] == one.preview.body


def test_long_words_are_cut(world):
    _, one = notice(world, "x" * 10_000)
    assert len(json.loads(one.preview.body)["text"]) == 4000
