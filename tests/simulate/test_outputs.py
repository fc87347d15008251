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
