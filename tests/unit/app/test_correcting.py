"""A correction: one more line in one file, in the operator's own way of writing it."""

import pytest

from engine.app.commands import intent_corrections
from engine.language.documents import intents
from engine.model.errors import UsageError
from engine.testing.scenario import Scenario, letter
from tests.unit.memory.notes import Notes

BLOCK = """\
# Mine.
quote:
  means: Wants a price   # kept
  examples:
    - Could you give us a quote?
    - >-
      What would it
      cost?
  rules: [quote]

support: { means: Broken }
"""
FLOW = 'refund:\n  examples: ["My money back", please]  # two\n  ask-below: 0.9\n'
BARE = "thanks:\n    means: Says thank you\n    rules: [thank you]\n"
FILES = {"vault/intents/a.yaml": BLOCK, "vault/intents/b.yaml": FLOW, "vault/intents/c.yaml": BARE}


@pytest.mark.parametrize(
    ("intent", "added"),
    [
        ("quote", ['    - "A price, please: what is it?"']),
        ("thanks", ["    examples:", '      - "A price, please: what is it?"']),
    ],
)
def test_a_line_is_added_and_nothing_else_changes(intent, added):
    change = intent_corrections.correction(Notes(FILES), intent, "A price, please: what is it?")
    before, after = change.old_text.split("\n"), change.new_text.split("\n")
    assert [one for one in after if one not in before] == added
    assert [one for one in after if one in before] == before


def test_in_a_list_on_one_line_it_comes_last():
    change = intent_corrections.correction(Notes(FILES), "refund", 'He said "no"')
    assert change.new_text.split("\n")[1] == '  examples: ["My money back", please, \'He said "no"\']  # two'


@pytest.mark.parametrize(
    "words",
    ['say "yes" \\ or', "it's: #1 - {a}", "- a\ttab", "Grüße 犬 🙂", "null", "'"],
)
def test_whatever_the_words_are_the_file_says_exactly_them(words):
    change = intent_corrections.correction(Notes(FILES), "quote", words)
    found, diagnostics = intents.parse([("vault/intents/a.yaml", change.new_text.encode())])
    assert found[0].examples[-1] == words
    assert diagnostics == ()


@pytest.mark.parametrize(
    ("intent", "words", "code"),
    [
        ("refnud", "x", "no-intent"),
        ("quote", "could you give us a QUOTE", "known-example"),
        ("support", "my money back!", "known-example"),
        ("support", "x", "no-room"),
    ],
)
def test_what_a_line_can_not_do_is_refused_with_a_way_out(intent, words, code):
    with pytest.raises(UsageError) as refused:
        intent_corrections.correction(Notes(FILES), intent, words)
    assert refused.value.code == code


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path):
    change = intent_corrections.correction(Notes(FILES), "quote", "x y")
    file = tmp_path / change.path
    file.parent.mkdir(parents=True)
    file.write_text(BLOCK)
    intent_corrections.apply(tmp_path, change)
    assert file.read_text() == change.new_text
    with pytest.raises(UsageError):
        intent_corrections.apply(tmp_path, change)
    assert file.read_text() == change.new_text


def test_after_a_commit_the_same_letter_has_the_intent_it_was_corrected_to(tmp_path):
    company = Scenario.make(tmp_path / "company")
    said = "Hello Robin,\n\ncould we have the blue one instead?\n\nAda Byron\nada@example.org\n+49 170 1234567\n\nOn Monday Robin wrote:\n> a quote?\n"
    company.drop("one", letter("Blue", said))
    company.run()
    (run,) = company.runs("lead-capture")
    assert company.value(run.steps["intent"].outputs)["name"] == "unsure"
    with company.reading() as reading:
        words = intent_corrections.words_of(reading, run)
    assert words == "Hello Robin, could we have the blue one instead?"
    change = intent_corrections.correction(company.workspace().tree, "support", words)
    company.commit({change.path: change.new_text})
    company.drop("two", letter("Blue again", said, id="again@example.org"))
    company.run()
    outputs = company.value(company.runs("lead-capture")[-1].steps["intent"].outputs)
    assert (outputs["name"], outputs["confidence"]) == ("support", 1.0)


def test_a_run_without_a_letter_has_no_words(tmp_path):
    company = Scenario.make(
        tmp_path / "company",
        files={
            "playbooks/by-hand.yaml": "name: By hand\nstage: approval\non: { manual: {} }\nsteps:\n  - { id: say, uses: notify/me, with: { text: hello } }\n"
        },
    )
    company.start("by-hand")
    (run,) = company.runs("by-hand")
    with company.reading() as reading, pytest.raises(UsageError):
        intent_corrections.words_of(reading, run)
