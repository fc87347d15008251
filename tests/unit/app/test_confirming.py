"""A second look at who somebody is and what something costs."""

import pytest

from engine.app.adapters.cross_check import ConfirmedPerson, ConfirmedPrices
from engine.identity.person_resolver import CurrentAddressBook, Identity
from engine.memory import note_tables
from engine.memory.note_tables import Symbolic
from engine.model.definitions.taint import Label
from tests.contract.world import call
from tests.counterparts import need_module
from tests.unit.memory.notes import Notes, front_matter

need_module("duckdb")

CONTACTS = "vault/knowledge/contacts/"
ADA = '---\nname: Ada\nemail: ada@example.org\nbought: ["Website check"]\n---\n'
LIST = '---\ntype: price-list\nprices: [{"what": "Website check", "words": ["check"], "amount": "490 EUR"}]\n---\n'
NOTES = {f"{CONTACTS}ada.md": ADA, "vault/knowledge/prices.md": LIST}


class Says:
    """A reader that says what it is told."""

    def __init__(self, **outputs):
        self.outputs = outputs

    def declare(self):
        return ()

    def read(self, asked):
        return self.outputs, frozenset({Label.MODEL})


def person(notes, *, seen=None, email="ada@example.org"):
    """What `seen` (or the same notes) says of an address, and the tables of `notes`."""
    first, second = Notes(seen or notes), Notes(notes)
    reader = ConfirmedPerson(
        reader=Identity(known=CurrentAddressBook(lambda: first, front_matter)),
        tables=Symbolic(lambda: second, front_matter),
    )
    trigger = {"from": email, "auth": {"aligned": True}}
    return reader.read(call("identity/resolve", {"email": email}, trigger=trigger))


def test_two_that_agree_leave_no_doubt_and_say_what_was_bought():
    outputs, labels = person(NOTES)
    assert (outputs["level"], outputs["bought"], outputs["doubts"]) == ("customer", ["Website check"], [])
    assert labels == frozenset({Label.CUSTOMER})


@pytest.mark.parametrize(
    ("tables", "seen", "doubt"),
    [
        ({**NOTES, f"{CONTACTS}eve.md": ADA}, NOTES, f"2 contact notes have this address: {CONTACTS}ada.md, {CONTACTS}eve.md"),
        ({**NOTES, f"{CONTACTS}ada.md": ""}, NOTES, f"taken for {CONTACTS}ada.md, but that note does not have this address"),
        (NOTES, {"x.md": ""}, f"taken for a stranger, but {CONTACTS}ada.md has this address"),
    ],
)  # fmt: skip
def test_a_disagreement_is_a_doubt_and_nobody_is_the_customer(tables, seen, doubt):
    outputs, labels = person(tables, seen=seen)
    assert outputs["doubts"] == [doubt]
    assert outputs["level"] in {"unproven", "stranger"}
    assert labels == frozenset({Label.UNTRUSTED})


def test_without_duckdb_the_reason_says_that_nothing_was_looked_up(monkeypatch):
    monkeypatch.setattr(note_tables, "available", lambda: False)
    outputs, labels = person(NOTES)
    assert outputs["reason"].endswith("DuckDB is not installed")
    assert (outputs["doubts"], labels) == ([], frozenset({Label.CUSTOMER}))


def prices(items, notes=None, **more):
    tree = Notes(notes or NOTES)
    reader = ConfirmedPrices(
        reader=Says(items=items, body="words", **more), tables=Symbolic(lambda: tree, front_matter)
    )
    return reader.read(call("agent/draft-reply", {}))[0].get("doubts")


@pytest.mark.parametrize(
    ("amount", "doubts"),
    [
        ("490.00 EUR", []),
        ({"minor": 49000, "currency": "EUR"}, []),
        ("49.00 EUR", ["`website  CHECK` is 490.00 EUR in vault/knowledge/prices.md, not 49.00 EUR"]),
        ("490.00 USD", ["`website  CHECK` is 490.00 EUR in vault/knowledge/prices.md, not 490.00 USD"]),
        ("cheap", ["`website  CHECK` has no amount that can be read"]),
    ],
)
def test_a_price_that_the_lists_do_not_have_is_a_doubt(amount, doubts):
    assert prices([{"what": "website  CHECK", "amount": amount}]) == doubts


def test_what_no_list_has_and_what_two_lists_have_differently():
    assert prices([{"what": "Moon", "amount": "1 EUR"}]) == [
        "no price list has `Moon`: 1.00 EUR is nobody's price"
    ]
    two = {**NOTES, "vault/knowledge/older.md": LIST.replace("490", "450")}
    assert prices([{"what": "Website check", "amount": "490 EUR"}], two) == [
        "`Website check` has several prices: 450.00 EUR in vault/knowledge/older.md, 490.00 EUR in vault/knowledge/prices.md"
    ]


def test_doubts_that_were_there_stay_and_drafts_without_items_are_left_as_they_are():
    assert prices([{"what": "Moon", "amount": "1 EUR"}], doubts=["before"])[0] == "before"
    assert prices([]) is None
    assert prices("nonsense") is None
