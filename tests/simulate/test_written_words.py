"""What the words of the language that came last do in a run: one company with a playbook for each, through the public door."""

from datetime import timedelta

import pytest

from engine.testing.provider import Provider
from engine.testing.scenario import PROVIDER_FILE, Scenario, letter

pytestmark = pytest.mark.slow

PLAYBOOKS = {}

PLAYBOOKS["refuses"] = """\
name: Refuses
stage: auto
on: { manual: {}, email: { mailbox: leads } }
if-failed: undo
steps:
  - { id: try, uses: provider/idempotent, with: { text: tried } }
  - { id: no, uses: run/end, with: { as: failed, because: "the shop is shut" } }
  - id: say
    if: ${{ failure() }}
    uses: provider/idempotent
    with: { text: "${{ run.failed-step }}: ${{ run.error }}" }
"""
PLAYBOOKS["calls-refuses"] = """\
name: Calls one that refuses
stage: auto
on: { manual: {} }
steps:
  - { id: sub, uses: playbook/refused, with: {} }
"""
PLAYBOOKS["refused"] = """\
name: Refused
stage: auto
on: { call: {} }
steps:
  - { id: no, uses: run/end, with: { as: failed } }
"""


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """One workspace with all of them, and a provider."""
    folder = tmp_path_factory.mktemp("company")
    (folder / "supplied").mkdir()
    with Provider.start(folder / "supplied" / PROVIDER_FILE) as provider:
        files = {f"playbooks/{name}.yaml": text for name, text in PLAYBOOKS.items()}
        yield Scenario.make(folder / "supplied", files=files, provider=provider.address, bare=True)


def told(made, playbook):
    """What the provider was told by the runs of a playbook, in order."""
    steps = [step for run in made.runs(playbook) for step in run.steps.values() if step.proposal and step.done]
    return [made.value(step.proposal)["args"]["text"] for step in steps]


# ---------------------------------------------------------------- run/end as failed


def test_a_run_its_author_ends_as_failed_has_failed_and_waits_for_nobody(company):
    """`failure()` steps run with the reason, what was done is taken back where the file says so, and no line stands in the queue."""
    company.drop("shut", letter("Order", "Two, please.", id="shut@example.org"))
    company.run()
    (run,) = company.runs("refuses")
    assert (run.status, run.reason, run.ended_by) == ("failed", "ended by no", "no")
    assert told(company, "refuses") == ["tried", "no: the shop is shut"]
    assert run.step("try").undone
    assert [row for row in company.queue() if row.run == run.id] == []
    assert company.ask("dismiss", target=run.id).exit == 0
    assert not company.runs("refuses")[0].dismissed


def test_what_calls_it_fails_where_it_called(company):
    """The caller's own author did not end it so."""
    company.start("calls-refuses")
    (run,) = company.runs("calls-refuses")
    assert (run.status, run.reason) == ("failed", "sub: refused: failed")
