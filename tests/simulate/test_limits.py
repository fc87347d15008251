"""A question's limits: what is outside of them is not taken, and the question stays open."""

import pytest

pytestmark = pytest.mark.slow

ASKS = """\
name: Asks
stage: approval
on: { manual: {} }
inputs: { most: integer, total: money }
steps:
  - id: decide
    uses: human/ask
    with:
      title: How much
      fields: { days: { type: integer, min: 1, max: "${{ inputs.most }}" }, amount: { type: money, max: "${{ inputs.total }}" } }
outputs: { days: "${{ steps.decide.outputs.days }}" }
"""


def test_an_answer_outside_its_limits_is_refused_and_the_question_stays_open(supplied):
    """The limits are computed once, when the person is asked."""
    made = supplied(asks=ASKS)
    made.start("asks", most=5, total={"minor": 10_000, "currency": "EUR"})
    (asked,) = made.queue()

    for days, amount, said in (
        (6, "10.00 EUR", "days: at most 5"),
        (0, "10.00 EUR", "days: at least 1"),
        (5, "100.01 EUR", "amount: at most 100.00 EUR"),
        (5, "1.00 USD", "amount: an amount like 100.00 EUR"),
    ):
        refused = made.ask("answer", target=asked.id, body={"days": days, "amount": amount})
        assert said in refused.message
        assert [one.id for one in made.queue()] == [asked.id]

    made.ask("answer", target=asked.id, body={"days": 5, "amount": "100.00 EUR"})
    (run,) = made.runs()
    assert run.status == "succeeded"
    assert made.value(run.outputs) == {"days": 5}


CALLED = """\
name: Called
stage: approval
on: { manual: {}, call: {} }
inputs: { days: { type: integer, min: 1, max: 3, default: 2 } }
steps:
  - { id: tell, uses: notify/me, with: { text: "${{ text(inputs.days) }}" } }
"""
CALLS = """\
name: Calls
stage: approval
on: { manual: {} }
inputs: { days: integer }
steps:
  - { id: call, uses: playbook/called, with: { days: "${{ inputs.days }}" } }
"""


def test_an_input_outside_its_limits_starts_nothing(supplied):
    """By hand it is refused, from a playbook it fails the step that calls."""
    made = supplied(called=CALLED, calls=CALLS)

    assert "days: at most 3" in made.start("called", days=4).message
    assert made.runs() == []

    made.start("calls", days=0)
    assert [(run.playbook, run.status) for run in made.runs()] == [("calls", "failed")]
    made.start("called")
    assert made.runs()[-1].status == "succeeded"
