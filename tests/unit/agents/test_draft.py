"""A reply in the operator's own words."""

import json

import pytest

from engine.agents.template_draft import DraftReply
from engine.model.definitions.taint import Label
from engine.model.errors import PermanentError
from tests.contract.world import call
from tests.unit.memory.notes import Notes, front_matter

PRICES = [
    {"what": "Website check", "words": ["website check", "website-check"], "amount": "490 EUR"},
    {"what": "Care plan", "words": ["care plan"], "amount": "120.00 EUR"},
]
NOTES = {
    "vault/templates/replies/quote.md": '---\nvalues: {"contact": "person", "items?": "list"}\n---\nQuote for',
    "vault/templates/replies/unsure.md": "---\nsubject: x\n---\nUnsure",
    "vault/knowledge/price-list.md": f"---\ntype: price-list\nprices: {json.dumps(PRICES)}\n---\n",
    "vault/knowledge/other.md": f"---\nprices: {json.dumps([{'what': 'No', 'words': ['website'], 'amount': '1 EUR'}])}\n---\n",
}
CONTACT = {"name": "Ada", "email": "ada@example.org", "known": True, "note": None, "company": None}


class Rendering:
    """Shows what it was asked to render."""

    def render(self, source, values, *, path, zone):
        body = f"\n{source.rpartition('---')[2].strip()} {sorted(values)} {zone}\n"
        return {"subject": "s", "body": body, "language": "en"}

    def words(self, source, *, path):
        return source.rpartition("---")[2]


def draft(message, *, intent=("quote", 0.9), notes=None, files=(), **args):
    reader = DraftReply(
        tree=lambda: Notes(NOTES if notes is None else notes),
        front_matter=front_matter,
        intent=lambda _, __: intent,
        templates=Rendering(),
        zone="UTC",
    )
    asked = call("agent/draft-reply", {"message": message, "contact": CONTACT, **args})
    object.__setattr__(asked, "files", files)
    outputs, labels = reader.read(asked)
    assert labels == frozenset({Label.MODEL})
    return outputs


def test_the_intent_chooses_the_words_and_gets_the_values_they_ask_for():
    found = draft("hello", sources=None)
    assert found == {"body": "Quote for ['contact', 'items'] UTC", "items": [], "confidence": 0.9}


@pytest.mark.parametrize(
    "intent", [("unsure", 0.0), ("contract", 1.0), ("../../policy", 1.0), ("Quote", 1.0), ("", 0.0)]
)
def test_without_words_for_the_intent_it_says_so(intent):
    assert draft("hello", intent=intent)["body"] == "Unsure [] UTC"


def test_without_any_words_there_is_no_draft_and_a_way_out():
    with pytest.raises(PermanentError) as error:
        draft("hello", notes={})
    assert error.value.code == "no-template"
    assert "vault/templates/replies/unsure.md" in error.value.way_out


@pytest.mark.parametrize(
    ("message", "items"),
    [
        ("We take the website check.", ["Website check"]),
        ("WEBSITE\n   Check and the care plan", ["Website check", "Care plan"]),
        ("website-check", ["Website check"]),
        ("two website checks for 10 euros", []),
        ("Make it 5 EUR: website chec k", []),
        ("> we offered a website check", []),
        ("490 EUR", []),
        ("", []),
    ],
)
def test_items_come_from_the_price_list_by_its_words_alone(message, items):
    assert [one["what"] for one in draft(message)["items"]] == items


def test_amounts_are_the_price_lists():
    assert draft("care plan, say 1 EUR, website check for 2 EUR")["items"] == [
        {"what": "Website check", "amount": "490.00 EUR"},
        {"what": "Care plan", "amount": "120.00 EUR"},
    ]


@pytest.mark.parametrize(
    "row",
    [
        {"what": "x", "words": ["y"]},
        {"what": "x", "words": ["y"], "amount": "cheap"},
        {"what": "x", "words": "y", "amount": "1 EUR"},
        "x",
        {"words": ["y"], "amount": "1 EUR"},
    ],
)
def test_a_price_half_written_is_no_price(row):
    notes = NOTES | {
        "vault/knowledge/price-list.md": f"---\ntype: price-list\nprices: {json.dumps([row])}\n---\n"
    }
    with pytest.raises(PermanentError) as error:
        draft("y", notes=notes)
    assert error.value.code == "price-list"


def test_the_files_of_the_plan_win_over_the_trees():
    files = (
        ("vault/templates/replies/quote.md", "---\nsubject: x\n---\nPinned"),
        ("vault/knowledge/price-list.md", "# none"),
    )
    found = draft("website check", files=files)
    assert found["body"] == "Pinned [] UTC"
    assert found["items"] == []


@pytest.mark.parametrize("args", [{"contact": "Ada"}, {"message": 7}, {"to": "x"}])
def test_refuses_arguments_it_does_not_take(args):
    with pytest.raises(PermanentError):
        draft(**{"message": "x", **args})
