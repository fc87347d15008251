"""What a run gives when some of its steps did not run."""

import pytest

pytestmark = pytest.mark.slow

GIVES = """\
name: Gives
stage: approval
on: { call: {}, manual: {} }
inputs: { much: bool }
steps:
  - { id: first, uses: provider/idempotent, with: { text: one } }
  - { id: more, if: "${{ inputs.much }}", needs: [], uses: wait/for, with: { time: 1s } }
outputs:
  got: ${{ steps.more.outputs.got }}
  status: ${{ steps.more.status }}
"""
CALLS = """\
name: Calls
stage: approval
on: { manual: {} }
steps:
  - { id: call, uses: playbook/gives, with: { much: false } }
  - { id: tell, uses: provider/idempotent, with: { text: "${{ default(steps.call.outputs.got, 'nothing came') }}" } }
"""


def test_an_output_of_a_step_that_was_skipped_is_null(supplied):
    """The compiler says that it may be missing, so every reader has a word for it."""
    made = supplied(gives=GIVES, calls=CALLS)
    made.start("calls")

    gave = next(run for run in made.runs() if run.playbook == "gives")
    assert gave.status == "succeeded"
    assert made.value(gave.outputs) == {"got": None, "status": "skipped"}
    (calls,) = [run for run in made.runs() if run.playbook == "calls"]
    assert calls.status == "succeeded"
    assert made.value(calls.steps["tell"].proposal)["args"]["text"] == "nothing came"


ADDING = """\
name: Adding
stage: auto
on: { manual: {}, call: {} }
inputs: { price: money, rows: "[{ sum: money }]" }
steps:
  - { id: tell, uses: provider/idempotent, with: { text: hi } }
outputs:
  all: "${{ sum(inputs.rows.map(r, r.sum)) }}"
  total: "${{ plus(inputs.price, '1.00 EUR') }}"
"""
CALLING = """\
name: Calling
stage: auto
on: { manual: {} }
inputs: { price: money, rows: "[{ sum: money }]" }
steps:
  - { id: add, uses: playbook/adding, with: { price: "${{ inputs.price }}", rows: "${{ inputs.rows }}" } }
"""


def test_an_output_in_two_currencies_says_which_and_its_caller_hears_of_it(supplied, provider):
    """What was done stands; the reason names the output and the two, and holds no amount."""
    made = supplied(adding=ADDING, calling=CALLING)
    made.start("adding", price="5.00 USD", rows=[{"sum": "1.00 EUR"}])
    made.start("calling", price="5.00 EUR", rows=[{"sum": "1.00 EUR"}, {"sum": "2.00 CHF"}])

    alone, caller, called = made.runs()
    assert (alone.status, alone.reason) == ("failed", "output total: USD and EUR do not add up")
    assert (called.status, called.reason) == ("failed", "output all: EUR and CHF do not add up")
    assert (caller.status, caller.reason) == ("failed", "add: adding: failed")
    assert len(provider.effects()) == 2
