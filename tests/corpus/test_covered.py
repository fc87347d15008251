"""The page that says which test covers which fault names tests that are there."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "evidence" / "hostile.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_is_named_is_there(file, name):
    assert re.search(rf"(?m)^def {name}\(", (TESTS / file).read_text())


def test_every_fault_and_requirement_has_a_row():
    assert {"F26", "F41", "F42", "F43", "R08", "R09", "R10"} <= set(re.findall(r"\b[FR]\d\d\b", PAGE))
