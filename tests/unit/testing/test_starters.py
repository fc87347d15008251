"""The tests of the flagship and of the first SOP pass, and go through every step and branch."""

import pytest

from engine.testing.cases import report
from engine.testing.cases.suite import Tests
from tests.meta.sources import ROOT

TESTS = Tests(ROOT)
FILES = [file for file in TESTS.files() if file.playbook in {"lead-capture", "answer-a-lead"}]
CASES = [(file, case) for file in FILES for case in file.runnable]


@pytest.fixture(scope="module")
def results():
    return [(file, TESTS.run(file, case)) for file, case in CASES]


def test_every_case_is_as_expected(results):
    assert [report.text(one, file.source) for file, one in results if not one.passed] == []


def test_both_are_read_without_a_diagnostic():
    assert [(file.playbook, file.diagnostics) for file in FILES] == [
        ("answer-a-lead", ()),
        ("lead-capture", ()),
    ]


def test_every_step_and_branch_is_gone_through(results):
    missing = [line for one in TESTS.coverage(FILES) if not one.complete for line in report.covered(one)]
    assert missing == []
