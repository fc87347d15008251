"""Cases of playbooks whose services nothing performs here: given outputs stand for them, events end waits and runs."""

import pytest

from engine.language.documents import test_file
from engine.testing.cases.coverage import Tracks
from engine.testing.cases.suite import play
from engine.testing.cases.workspace import CompiledFolder
from tests.golden.test_compile import files_of
from tests.unit.language.trees import CONFIG, STARTER, MemoryTree, compiled
from tests.unit.testing.workspaces import failures

CONTRACT = """\
playbook: case
cases:
  - name: nothing is charged without a signature
    inputs: { client: { name: A Customer, email: customer@example.com }, fee: 3000 EUR }
    given: { paper: { file: fixtures/a.pdf }, send: { envelope: e1 } }
    then: [ { approve: agreement }, { advance: 11d } ]
    expect: { sent: [send], never: [deposit], status: cancelled }
  - name: rejected by me
    inputs: { client: { name: A Customer, email: customer@example.com }, fee: 3000 EUR }
    given: { paper: { file: fixtures/a.pdf } }
    then: [ { reject: agreement } ]
    expect: { sent: [turned-down], never: [send], status: cancelled }
  - name: declined by them
    inputs: { client: { name: A Customer, email: customer@example.com }, fee: 3000 EUR }
    given: { paper: { file: fixtures/a.pdf }, send: { envelope: e1 } }
    then:
      - approve: agreement
      - event: { type: documents/signed, envelope: another }
      - event: { type: documents/declined, envelope: e1 }
    expect: { sent: [send], never: [deposit], status: cancelled }
  - name: signed and paid
    inputs: { client: { name: A Customer, email: customer@example.com }, fee: 3000 EUR }
    given: { paper: { file: fixtures/a.pdf }, send: { envelope: e1 }, deposit: { id: in_1 }, begin: { folder: a } }
    then:
      - approve: agreement
      - event: { type: documents/signed, envelope: e1 }
      - approve: deposit
      - event: { type: stripe/invoice.paid, invoice: in_1 }
    expect: { sent: [send, deposit], status: succeeded, outputs: { folder: a } }
"""

DUNNING = """\
playbook: case
cases:
  - name: pays after the second letter
    event: { customer: cus_1, customer_email: customer@example.com, invoice: in_1 }
    given: { link: { url: "https://pay.example.com" }, first: {}, second: {} }
    then:
      - approve: first
      - advance: 5d
      - approve: second
      - advance: 1d
      - event: { type: stripe/invoice.paid, invoice: in_1 }
      - advance: 30d
    expect: { sent: [first, second], never: [free], status: succeeded, stopped-by: stripe/invoice.paid }
  - name: never pays
    event: { customer: cus_1, customer_email: customer@example.com, invoice: in_1 }
    given: { link: { url: "https://pay.example.com" }, first: {}, second: {}, free: {} }
    then:
      - approve: first
      - advance: 5d
      - approve: second
      - event: { type: stripe/invoice.paid, invoice: in_2 }
      - advance: 1w
      - approve: free
    expect: { sent: [first, second, free], status: succeeded }
"""


@pytest.mark.parametrize(("golden", "text"), [("like-contract", CONTRACT), ("like-dunning", DUNNING)])
def test_each_case_is_as_expected(golden, text):
    files = files_of(golden)
    found = compiled(files)
    made, diagnostics = test_file.parse("playbooks/tests/case.test.yaml", text.encode(), found.plans)
    assert diagnostics == ()
    assert made is not None
    folder = CompiledFolder(
        tree=MemoryTree({**STARTER, **files}), config=CONFIG, plans=found.plans, broken=found.broken
    )

    results = [play(folder, made.path, found.plans["case"], case, tracks=Tracks()) for case in made.cases]

    assert {one.case: (failures(one), one.story) for one in results if not one.passed} == {}
