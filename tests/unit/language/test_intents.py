from pathlib import Path

import pytest

from engine.language.documents import intents
from engine.model.definitions.diagnostics import Severity
from engine.model.definitions.settings import Intent
from tests.unit.language.mending import codes, mended

FOLDER = Path(__file__).parents[3] / "vault" / "intents"


def parse(*texts: str):
    return intents.parse((f"vault/intents/{at}.yaml", text.encode()) for at, text in enumerate(texts))


def test_the_starter_is_read():
    found, diagnostics = intents.parse(
        (path.name, path.read_bytes()) for path in sorted(FOLDER.glob("*.yaml"))
    )

    assert diagnostics == ()
    assert {one.name for one in found} == {"contract", "payment", "quote", "refund", "spam", "support"}
    assert all(one.rules and one.examples and one.means for one in found)


def test_an_intent_as_written():
    found, diagnostics = parse(
        'refund:\n  means: Wants money back\n  examples: ["Please  refund me"]\n  rules: [Refund, "Money  BACK", refund]\n'
        "  ask-below: 0.9\n"
    )

    assert diagnostics == ()
    assert found == (
        Intent(
            name="refund",
            means="Wants money back",
            examples=("Please  refund me",),
            rules=("refund", "money back"),
            ask_below=0.9,
        ),
    )


def test_what_is_left_out_has_a_default():
    found, _ = parse("refund: { rules: [refund] }\n")

    assert found == (Intent(name="refund", rules=("refund",)),)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("refund: { mean: a }\n", "SW050"),
        ("refund: { rules: refund }\n", "SW052"),
        ("refund: { examples: please refund me }\n", "SW052"),
        ('refund: { ask-below: "0.9" }\n', "SW052"),
    ],
)
def test_the_printed_fix_removes_the_diagnostic(text, code):
    _, diagnostics = parse(text)
    assert codes(diagnostics) == [code]

    _, after = parse(mended(text.encode(), diagnostics[0]).decode())

    assert after == ()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("- refund\n", "SW052"),
        ("refund: money back\n", "SW052"),
        ("refund: { rules: [[a]] }\n", "SW052"),
        ("refund: { means: [a] }\n", "SW052"),
        ("refund: { ask-below: 90 }\n", "SW053"),
        ("refund: { ask-below: high }\n", "SW052"),
        ("Refund me: { rules: [a] }\n", "SW053"),
        ("unsure: { rules: [a] }\n", "SW060"),
        ('refund: { rules: ["!!!"] }\n', "SW063"),
        ('refund: { rules: ["${{ event.text }}"] }\n', "SW054"),
    ],
)
def test_what_is_refused(text, code):
    _, diagnostics = parse(text)

    assert codes(diagnostics) == [code]


def test_an_intent_in_two_files_is_refused_and_the_first_place_named():
    found, diagnostics = parse("refund: { rules: [a] }\n", "refund: { rules: [b] }\n")

    assert [one.rules for one in found] == [("a",)]
    assert codes(diagnostics) == ["SW061"]
    assert "vault/intents/0.yaml:1" in diagnostics[0].hint


def test_a_rule_of_two_intents_is_warned_about():
    found, diagnostics = parse("payment: { rules: [deposit] }\n", "refund: { rules: [Deposit] }\n")

    assert len(found) == 2
    assert [(one.code, one.severity, one.span.path) for one in diagnostics] == [
        ("SW062", Severity.WARNING, "vault/intents/1.yaml")
    ]


def test_an_example_of_two_intents_is_warned_about():
    found, diagnostics = parse(
        "a: { examples: [Call me!, Call me] }\n", "b: { examples: [write to me, call  ME] }\n"
    )

    assert [one.examples for one in found] == [("Call me!", "Call me"), ("write to me", "call  ME")]
    assert [(one.code, one.severity, one.span.column) for one in diagnostics] == [
        ("SW064", Severity.WARNING, 30)
    ]


def test_a_broken_file_does_not_hide_the_others():
    found, diagnostics = parse("a: [", "refund: { rules: [refund] }\n")

    assert [one.name for one in found] == ["refund"]
    assert codes(diagnostics) == ["SW007"]
