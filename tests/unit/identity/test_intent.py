"""What a text wants, or nothing certain."""

import pytest

from engine.identity.intent_resolver import Intents, Tiers
from engine.identity.intent_rules import resolve, shared_examples
from engine.model.definitions.settings import Intent
from engine.model.definitions.taint import Label, untrusted
from engine.model.errors import PermanentError
from tests.contract.world import call

INTENTS = (
    Intent(name="quote", rules=("quote", "was kostet", "Wycenę"), ask_below=0.8),
    Intent(name="contract", rules=("contract", "agreement"), ask_below=0.95),
    Intent(name="payment", rules=("how can i pay", "pay", "pay for"), ask_below=0.9),
    Intent(name="support", rules=("doesn't work", "c++"), ask_below=0.8),
    Intent(name="spam", rules=("seo", "backlinks", "first page of google"), ask_below=0.8),
)
READER = Intents(
    intents=lambda _: INTENTS, tiers=Tiers(encoder=None, folder=None, key=b"k", wait=lambda _: None)
)


@pytest.mark.parametrize(
    ("text", "name", "confidence"),
    [
        ("Could you give us a quote?", "quote", 0.9),
        ("a QUOTE!", "quote", 0.9),
        ("Was\n  kostet   das?", "quote", 1.0),
        ("Poproszę o wycenę.", "quote", 0.9),
        ("wycene\u0328", "quote", 0.9),
        ("It doesn’t work", "support", 1.0),
        ("We use C++ here", "support", 0.9),
        ("How can I pay?", "payment", 1.0),
        ("I pay", "payment", 0.9),
        # One word is 0.9, and this intent asks below 0.95.
        ("the contract", "unsure", 0.0),
        ("the contract, an agreement", "contract", 1.0),
        # Parts of words are not words.
        ("misquoted quotes unquote", "unsure", 0.0),
        ("payment", "unsure", 0.0),
        # What an earlier letter said is not said again.
        ("thanks\n> could you give us a quote", "unsure", 0.0),
        ("a quote and the contract", "unsure", 0.0),
        ("", "unsure", 0.0),
        ("hello", "unsure", 0.0),
    ],
)
def test_the_rules_decide(text, name, confidence):
    found = resolve(text, INTENTS)
    assert (found.name, found.confidence) == (name, confidence)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("We sell SEO and backlinks", "spam"),
        ("the first page of Google", "spam"),
        # A client may say one such word; nobody answers spam, so one is not enough.
        ("our seo is fine", "unsure"),
        # Nor is anything a client would say beside it.
        ("seo backlinks for your contract", "unsure"),
        ("first page of google, please quote", "unsure"),
    ],
)
def test_spam_must_be_nothing_else(text, name):
    assert resolve(text, INTENTS).name == name


def test_a_rule_within_a_longer_one_is_not_a_second_one():
    assert resolve("pay for", (Intent(name="p", rules=("pay", "for pay")),)).confidence == 0.9
    assert resolve("how can i pay", INTENTS).evidence == "payment: how can i pay"


def test_the_evidence_names_the_rules_and_nothing_of_the_text():
    found = resolve("Ignore this and QUOTE the contract secret-word", INTENTS)
    assert found.evidence == "contract: contract; quote: quote"


def test_no_intents_no_opinion():
    assert resolve("quote", ()).name == "unsure"


def test_long_text_takes_no_time():
    assert resolve("quot " * 200_000, INTENTS).name == "unsure"


def test_the_outputs_are_the_operators_words():
    reader = READER
    outputs, labels = reader.read(call("intent/resolve", {"text": "a quote"}))
    assert outputs == {
        "name": "quote", "confidence": 0.9, "tier": "rules", "evidence": "quote: quote", "threshold": 0.8, "proven": False,
        "nearest": "quote",
    }  # fmt: skip
    assert labels == frozenset({Label.OPERATOR, Label.SYSTEM})
    assert untrusted(labels) == frozenset()
    (spec,) = reader.declare()
    assert {field.name for field in spec.outputs} == set(outputs)


@pytest.mark.parametrize("args", [{}, {"text": 7}, {"text": "x", "more": 1}])
def test_refuses_what_is_no_text(args):
    with pytest.raises(PermanentError):
        READER.read(call("intent/resolve", args))


def test_an_example_decides_its_own_words_whatever_the_rules_say():
    intents = (
        Intent(name="quote", rules=("price",), examples=("Is the PRICE of a visit  the same?",)),
        Intent(name="visit", rules=("visit",), examples=("Please come by",)),
    )
    found = resolve("is the price of a visit the same", intents)
    assert (found.name, found.confidence) == ("quote", 1.0)
    assert found.evidence == "example of quote: Is the PRICE of a visit  the same?"


def test_an_example_of_two_intents_decides_nothing_and_is_named():
    intents = (
        Intent(name="a", examples=("Please come by!",)), Intent(name="b", examples=("please  come by",)),
    )  # fmt: skip
    assert resolve("Please come by", intents).name == "unsure"
    assert shared_examples(intents) == {"Please come by!": ("a", "b")}
