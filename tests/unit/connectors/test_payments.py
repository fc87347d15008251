"""Payment requests without a provider."""

import json

import pytest

from engine.connectors.payments import pay_url_of, reference_of
from engine.model.errors import PermanentError
from tests.contract.world import World, call, effect

ITEMS = [{"what": "Website check", "amount": "490 EUR"}, {"what": "Care\nplan", "amount": "120.00 EUR"}]


@pytest.fixture
def world(tmp_path):
    return World(
        tmp_path,
        payments={
            "pay-url": "https://pay.example.com/{reference}?sum={amount}%20{currency}",
            "pay-to": "IBAN X",
        },
    )


def payments(world):
    return world.wired().connectors["payments"]


def request(world, items, step="pay"):
    asked = call("payments/request", {"items": items}, step=step)
    return effect(asked, payments(world).preview(asked))


def folder(world):
    path = world.root / "outbox" / "payments"
    return {one.name: one.read_text() for one in path.iterdir()} if path.is_dir() else {}


def test_a_request_names_what_how_much_and_where(world):
    one = request(world, ITEMS)
    done = payments(world).perform(one)
    reference = reference_of(one.key)
    assert done.outputs == {
        "url": f"https://pay.example.com/{reference}?sum=610.00%20EUR",
        "reference": reference,
        "total": "610.00 EUR",
    }
    assert dict(one.preview.facts) == {
        "Website check": "490.00 EUR",
        "Care plan": "120.00 EUR",
        "Total": "610.00 EUR",
        "Reference": reference,
        "Link": done.outputs["url"],
    }
    held = folder(world)
    assert json.loads(held[f"{reference}.json"])["total"] == "610.00 EUR"
    assert "610.00 EUR  total" in held[f"{reference}.txt"]
    assert held[f"{reference}.txt"].endswith("IBAN X\n")


def test_without_a_place_to_pay_there_is_a_reference_and_a_warning(tmp_path):
    world = World(tmp_path)
    one = request(world, ITEMS)
    assert one.preview.outputs["url"] == f"urn:steward:payment:{reference_of(one.key)}"
    assert one.preview.warnings == ("no pay-url is configured: a letter can only name the reference",)


def test_nothing_to_pay_is_no_request_and_says_so(world):
    one = request(world, [None])
    assert one.preview.warnings == ("nothing to pay for was found: no request is made and there is no link",)
    done = payments(world).perform(one)
    assert done.outputs == {"url": None, "reference": None, "total": None}
    assert folder(world) == {}
    assert payments(world).undo(one, done.outputs).outputs == {"reference": None}


@pytest.mark.parametrize(
    "items",
    [
        [{"what": "x", "amount": "0 EUR"}],
        [{"what": "x", "amount": "-5 EUR"}],
        [{"what": "x", "amount": "5"}],
        [{"what": "x", "amount": 5}],
        [{"what": "x"}],
        [{"amount": "5 EUR"}],
        ["5 EUR"],
        [{"what": "x", "amount": "1.005 EUR"}],
        [{"what": "x", "amount": "1 EUR"}, {"what": "y", "amount": "1 USD"}],
        [{"what": "x", "amount": "1 EUR"}] * 101,
    ],
)
def test_amounts_that_make_no_sense_are_refused(world, items):
    with pytest.raises(PermanentError):
        request(world, items)


def test_an_amount_may_be_data_as_expressions_give_it(world):
    one = request(world, [{"what": "x", "amount": {"minor": 4900, "currency": "EUR"}}])
    assert one.preview.outputs["total"] == "49.00 EUR"


def test_undo_declares_the_request_void_once(world):
    one = request(world, ITEMS)
    done = payments(world).perform(one)
    first = payments(world).undo(one, done.outputs)
    assert (first.outputs["reference"], first.repeated) == (done.outputs["reference"], False)
    assert payments(world).undo(one, done.outputs).repeated
    assert f"{done.outputs['reference']}.void.json" in folder(world)


def test_a_request_nobody_made_cannot_be_void(world):
    asked = call("payments/void", {"reference": "0000-0000-0000"})
    with pytest.raises(PermanentError, match="no request"):
        payments(world).perform(effect(asked, payments(world).preview(asked)))


@pytest.mark.parametrize("reference", ["../../x", "0000", "OOOO-OOOO-OOOO", "0000-0000-0000\n"])
def test_a_reference_is_a_reference(world, reference):
    with pytest.raises(PermanentError):
        payments(world).preview(call("payments/void", {"reference": reference}))


def test_another_key_is_another_reference():
    found = {reference_of(f"{number:064x}") for number in range(2000)}
    assert len(found) == 2000


@pytest.mark.parametrize(
    "url",
    [
        "http://pay.example.com/{reference}",
        "https://pay.example.com/",
        7,
        "javascript:{reference}",
        "https://ä/{reference}",
    ],
)
def test_a_place_to_pay_is_an_https_address_with_the_reference_in_it(url):
    with pytest.raises(PermanentError):
        pay_url_of({"pay-url": url})


def test_no_place_to_pay_is_a_setting_too():
    assert pay_url_of({}) == pay_url_of({"pay-url": ""}) == ""
