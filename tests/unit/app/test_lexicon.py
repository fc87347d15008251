"""`steward explain WORD`: every word of the language and the glossary has a page, and what stands there as an example is right."""

import pytest

from engine.app.reference import glossary, vocabulary
from engine.cli.main import main
from engine.language.documents.playbook import KEYS, STEP_KEYS
from engine.language.expressions.functions import FUNCTIONS
from engine.language.passes.builtin_steps import KINDS
from engine.language.types.type_syntax import MEANINGS, SIMPLE
from engine.model.definitions.triggers import TRIGGERS
from tests.unit.language.trees import compiled

SKELETON = """\
name: Case
{top}
steps:
  - id: open
    uses: stripe/invoices
    with: {{ status: open }}
  - id: case
    uses: notify/me
    with: {{ text: x }}
"""


def test_every_word_has_a_page():
    assert [word for word in vocabulary.words() if not vocabulary.page(word)] == []
    assert {*glossary.GLOSSARY, *SIMPLE, *FUNCTIONS, *TRIGGERS, *KEYS, *STEP_KEYS} <= {*vocabulary.words()}
    assert set(KINDS) - {"playbook/"} <= set(vocabulary.STEPS)
    assert set(SIMPLE) == set(MEANINGS)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("email", ["a type", "a trigger", "a key of steward.yaml"]),
        ("foreach", ["a key of a step", "takes text or list", "foreach: ${{ "]),
        ("money", ["49.00 EUR", "functions that take it: plus"]),
        ("at", ["`at(date, text)`, giving time"]),
        ("human/ask", ["choices: words to choose from", "gives `choice`"]),
        ("playbook/bill", ["run another playbook"]),
        ("person", ["its fields", "email: email"]),
        ("cron", ["under `on` › `schedule`"]),
        ("Money", ["an amount"]),
        ("size()", ["a function"]),
        ("card", ["a word of the glossary", "the exact bytes that would leave"]),
        ("Cards", ["card: a word of the glossary"]),
        ("state-folder", ["state folder: a word of the glossary"]),
        ("sop", ["SOP: a word of the glossary"]),
        ("dmarc", ["DMARC: a word of the glossary"]),
        ("effect.deferred", ["an event of the ledger"]),
        ("auto-submitted", ["why something that came in starts nothing"]),
        ("gate", ["a word of the glossary", "a key of a step"]),
    ],
)
def test_a_page_says_what_the_word_is_wherever_it_may_stand(word, says):
    page = vocabulary.page(word)
    assert page is not None
    for words in says:
        assert words in page


def test_the_glossary_is_short_and_in_order():
    words = list(glossary.GLOSSARY)
    assert len(words) <= glossary.MAX_WORDS
    assert words == sorted(words, key=str.casefold)
    assert [
        word for word, text in glossary.GLOSSARY.items() if not 20 < len(text) <= 160 or text[-1] != "."
    ] == []


@pytest.mark.parametrize("name", sorted(vocabulary.TRIGGER_EXAMPLES))
def test_the_example_of_a_trigger_compiles(name):
    line = vocabulary.TRIGGER_EXAMPLES[name].partition("   (")[0]
    found = compiled({
        "playbooks/case.yaml": SKELETON.format(top=line).encode(),
        "vault/intents/i.yaml": b"refund:\n  means: wants money back\n  examples: [a, b, c]\n",
    })  # fmt: skip
    assert [
        one for one in found.diagnostics if one.code in {"SW402", "SW403", "SW404", "SW407", "SW408"}
    ] == []


@pytest.mark.parametrize("name", [one for one in vocabulary.STEPS if "NAME" not in one])
def test_the_example_of_a_step_compiles(name):
    top = "on: { email: { mailbox: leads } }\nsubject: ${{ event.from }}"
    text = SKELETON.format(top=top) + f"  - {vocabulary.STEPS[name][3]}\n"
    found = compiled(
        {
            "playbooks/case.yaml": text.encode(),
            "playbooks/month-end.yaml": SKELETON.format(top="on: { manual: {} }").encode(),
        }
    )
    assert [one for one in found.diagnostics if one.span.line > 9] == []


def test_at_the_door(capsys):
    assert main(["explain", "foreach"]) == 0
    assert "a key of a step" in capsys.readouterr().out
    assert main(["explain", "email/reply"]) == 0
    assert "an action" in capsys.readouterr().out
    assert main(["explain", "state", "folder"]) == 0
    assert "a word of the glossary" in capsys.readouterr().out
    assert main(["explain", "undo"]) == 0
    page = capsys.readouterr().out
    assert "undo: a command" in page
    assert "undo: a word of the glossary" in page
    assert "undo: a key of a step" in page
    assert main(["explain", "aprove"]) == 2
    assert "steward explain approve" in capsys.readouterr().err
    assert main(["explain", "carrd"]) == 2
    assert "steward explain card" in capsys.readouterr().err
    assert main(["explain", "foreech"]) == 2
    assert "steward explain foreach" in capsys.readouterr().err
