"""The starter's own tests pass, and go through every step and branch."""

import pytest

from engine.testing.cases import telling
from engine.testing.cases.run import Tests
from tests.meta.sources import ROOT

TESTS = Tests(ROOT)
FILES = TESTS.files()
CASES = [(file, case) for file in FILES for case in file.cases]


@pytest.fixture(scope="module")
def results():
    return [(file, TESTS.run(file, case)) for file, case in CASES]


def test_every_case_is_as_expected(results):
    assert [telling.text(one, file.source) for file, one in results if not one.passed] == []


def test_every_playbook_and_sop_of_the_starter_has_tests():
    assert {file.playbook for file in FILES} == set(TESTS.folder.plans)
    assert [one for file in FILES for one in file.diagnostics] == []


def test_every_step_and_branch_is_gone_through(results):
    missing = [line for one in TESTS.coverage(FILES) if not one.complete for line in telling.covered(one)]
    assert missing == []
