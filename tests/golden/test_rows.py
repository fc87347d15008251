import re
from pathlib import Path

import pytest

from engine.language.diagnostics.codes import CODES
from tests.golden.rows import CASES, PAGE, ROWS, compiling, page, refused
from tests.golden.rules import RULES

TESTS = Path(__file__).parents[1]
UNREFUSED = {("type", "any")}
"""Words for which the language states no refusal: everything fits them."""
LARGE = {"SW002", "SW003", "SW004", "SW015", "SW094"}
"""Codes whose source is large or no file; the rules about them name the tests that show them."""
AROUND = {"SW412", "SW413"}
"""Codes about what lies around the files, such as the folders of the inbox; likewise."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.number} {row.of} {row.name}")
def test_a_row_of_the_language_has_a_case_that_compiles_and_one_that_is_refused(row):
    assert compiling(row) != ""
    assert (refused(row) != "") == ((row.of, row.name) not in UNREFUSED)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.number} {rule.says}")
def test_a_rule_of_the_language_is_shown(rule):
    """By a case that compiles, cases that are refused with the code it names, or a test that is there."""
    assert rule.compiles or rule.refused or rule.shown
    if rule.compiles:
        assert (CASES / rule.compiles / "plan.json").exists()
    for code, case in rule.refused:
        assert f"  {code}  " in (CASES / case / "diagnostics.txt").read_text()
    if rule.shown:
        file, _, name = rule.shown.partition("::")
        assert re.search(rf"(?m)^def {name}\(", (TESTS / file).read_text())


def test_every_code_stands_in_a_row():
    assert set(CODES) - {code for rule in RULES for code, _ in rule.refused} == LARGE | AROUND


def test_the_page_of_rows_is_that_of_the_cases():
    assert PAGE.read_text() == page(), "run: python -m tests.golden.rows"
