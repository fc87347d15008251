"""`default` of a question's field: computed when it is asked, kept with it, shown whole, and counting where nothing is given."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from engine.app.queries import queue
from engine.cli.screen import card_view
from engine.testing.scenario import Scenario, letter

pytestmark = pytest.mark.slow

ASKS = """\
name: Asks
stage: approval
on: { manual: {} }
inputs: { due: money, "words?": text }
steps:
  - id: ask
    uses: human/ask
    with:
      title: How much
      choices: [give, keep]
      fields:
        amount: { type: money, default: "${{ inputs.due }}", max: 100 EUR }
        day: { type: date, default: "${{ today() }}" }
        words: { type: text, default: "${{ default(inputs.words, 'none') }}" }
        who: text
        note?: text
  - { id: tell, uses: provider/idempotent, with: { text: "${{ text(steps.ask.outputs.amount) }} ${{ steps.ask.outputs.words }}" } }
"""
DUE = {"minor": 4900, "currency": "EUR"}


@dataclass(frozen=True)
class Asked:
    """An open question."""

    made: Scenario

    @property
    def value(self):
        """What is sealed of it."""
        (run,) = self.made.runs()
        return self.made.value(run.step("ask").question)

    @property
    def id(self):
        """What an answer names."""
        (run,) = self.made.runs()
        return run.step("ask").ask

    def answer(self, **given):
        """Answer it."""
        return self.made.ask("answer", target=self.id, body=given)

    def outputs(self):
        """What the step gave."""
        (run,) = self.made.runs()
        return self.made.value(run.step("ask").outputs)


@pytest.fixture
def asked(supplied):
    made = supplied(asks=ASKS)
    made.start("asks", due=DUE)
    return Asked(made)


def test_what_is_left_out_takes_its_default_and_the_ledger_says_so(asked):
    assert asked.answer(choice="give", who="me").exit == 0
    found = asked.outputs()
    assert (found["amount"], found["words"], found["who"]) == (DUE, "none", "me")
    assert found["day"] == "2026-03-02"
    (event,) = [one for one in asked.made.events() if one.type == "human.answered"]
    assert set(event.body.defaults) == {"amount", "day", "words"}


def test_what_is_given_counts_instead(asked):
    amount = {"minor": 100, "currency": "EUR"}
    asked.answer(choice="keep", who="me", amount=amount, words="mine")
    assert asked.outputs()["amount"] == amount
    (event,) = [one for one in asked.made.events() if one.type == "human.answered"]
    assert event.body.defaults == ("day",)


def test_only_a_field_without_a_default_that_may_not_be_empty_is_demanded(asked):
    said = asked.answer(choice="give")
    assert said.verdict == "refused"
    assert said.message == "still to fill: who"


def test_a_default_is_what_it_was_when_the_question_was_asked(asked):
    """Days later, in another process."""
    asked.made.later(timedelta(days=3))
    again = Scenario.at(asked.made.folder, provider=asked.made.provider)
    later = Asked(again)
    later.answer(choice="give", who="me")
    assert later.outputs()["day"] == "2026-03-02"


def test_a_default_outside_the_limits_has_to_be_replaced(supplied):
    made = supplied(asks=ASKS)
    made.start("asks", due={"minor": 10100, "currency": "EUR"})
    said = Asked(made).answer(choice="give", who="me")
    assert said.verdict == "refused"
    assert "at most 100.00 EUR" in said.message
    assert Asked(made).answer(choice="give", who="me", amount=DUE).exit == 0


def test_the_person_sees_every_default_and_how_to_answer(asked):
    lines = "\n".join(card_view.question(asked.value))
    assert "amount    [default 49.00 EUR]" in lines
    assert 'day       [default "2026-03-02"]' in lines
    assert "note      text, may stay empty" in lines
    (one,) = asked.made.queue()
    assert one.kind == "question"
    assert one.needs.endswith("give|keep who=… [amount=…] [day=…] [words=…] [note=…]")


LETTER = """\
name: Asks
stage: approval
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
steps:
  - id: ask
    uses: human/ask
    with: { title: Right?, fields: { words: { type: text, default: "${{ event.text }}" } } }
  - { id: tell, uses: provider/idempotent, with: { text: "${{ steps.ask.outputs.words }}" } }
"""


def arrived(supplied, text):
    made = supplied(asks=LETTER)
    made.drop("one", letter("Words", text))
    made.run()
    return Asked(made)


def test_a_strangers_default_is_shown_to_its_last_character_and_by_whom_it_is(supplied):
    """Nothing hides in it or moves: then a person's answer makes it theirs."""
    text = "one\u200b\u202etwo\n" + "x" * 1500 + "!\nlast"
    asked = arrived(supplied, text)
    lines = list(card_view.question(asked.value))
    shown = "".join(one.removeprefix("    │ ") for one in lines if one.startswith("    │ "))
    assert "\\u{200b}\\u{202e}two" in shown
    assert shown.count("x") == 1500
    assert shown.endswith("!last")
    assert any("written by a stranger" in one for one in lines)
    asked.answer()
    (run,) = asked.made.runs()
    assert run.step("ask").labels == ("operator",)
    assert asked.outputs()["words"].startswith("one")


def test_what_is_too_long_to_be_shown_whole_never_counts(supplied):
    asked = arrived(supplied, "y" * 3000)
    assert "y" * 100 not in "\n".join(card_view.question(asked.value))
    said = asked.answer()
    assert said.verdict == "refused"
    assert said.message == "still to fill: words"
    assert asked.answer(words="mine").exit == 0


def test_a_question_without_choices_or_fields_is_answered_with_done(supplied):
    made = supplied(asks=LETTER.replace(', fields: { words: { type: text, default: "${{ event.text }}" } }', "").replace(
        "steps.ask.outputs.words", "event.text"
    ))  # fmt: skip
    made.drop("one", letter("Words", "Hello"))
    made.run()
    with made.reading() as reading:
        (one,) = queue.rows(reading, now="2026-03-02T09:00:00.000000Z")
    assert one.needs.endswith("done")


SOP = """\
---
type: sop
---
- [ ] Pay **all** or **part**, how much: `amount: money` ^ask
  ```yaml step
  with: { fields: { amount: { default: 49.00 EUR, max: 50.00 EUR } } }
  ```
"""


def test_an_item_of_a_procedure_has_defaults_too(tmp_path):
    made = Scenario.make(tmp_path / "company", files={"vault/sops/asks.md": SOP}, bare=True)
    assert made.start("asks").exit == 0
    asked = Asked(made)
    assert "[default 49.00 EUR]" in "\n".join(card_view.question(asked.value))
    assert asked.answer(choice="all").exit == 0
    assert asked.outputs() == {"choice": "all", "amount": DUE}
