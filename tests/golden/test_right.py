"""Beside what is wrong stands what is right, written by hand: `right/` holds the workspace's files once they are repaired.

Printed fixes have to lead there: applied as printed, one after the other, they give the plan of the right file.
"""

import functools
from pathlib import Path

import pytest

from engine.language.diagnostics.codes import CODES
from engine.language.passes import plan_codec
from engine.model.definitions.diagnostics import Diagnostic
from tests.golden.test_compile import CASES, ELSEWHERE, HERE, files_of
from tests.golden.whole import whole
from tests.unit.language.mending import mended

RIGHT = [case for case in CASES if (HERE / case / "right").exists()]
MAX = 150
"""Fixes applied to one case; SW035's alone has a hundred and more mistakes."""


def right_of(case: str) -> dict[str, bytes]:
    top = HERE / case / "right"
    return {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def repaired(files: dict[str, bytes]) -> dict[str, bytes]:
    """Every printed fix applied as printed, the first one first, until none is printed."""
    files = dict(files)
    for _ in range(MAX):
        fixable = [one for one in whole(files).diagnostics if one.fix is not None]
        if not fixable:
            return files
        assert fixable[0].fix is not None
        path = fixable[0].fix.span.path
        files[path] = mended(files[path], fixable[0])
    raise AssertionError("fixes that never end")


def plans(files: dict[str, bytes]) -> dict[str, str]:
    """Playbook or SOP → its plan's digest; nothing while anything is wrong."""
    found = whole(files)
    return {} if found.diagnostics else {id_: plan_codec.digest(plan) for id_, plan in found.plans.items()}


@functools.cache
def diagnostics_of(case: str) -> tuple[Diagnostic, ...]:
    """What is said about the wrong files; each case once, however many tests ask."""
    return tuple(whole(files_of(case)).diagnostics)


@functools.cache
def plans_led_to(case: str) -> dict[str, str]:
    """The plans that the printed fixes of a case give."""
    return plans(repaired(files_of(case)))


@pytest.mark.parametrize("case", RIGHT)
def test_what_is_right_compiles_without_a_word(case):
    found = whole(right_of(case))

    assert found.diagnostics == ()
    assert found.plans.keys() >= {Path(path).stem for path in files_of(case) if Path(path).stem == "case"}


@pytest.mark.parametrize("case", RIGHT)
def test_what_is_right_is_wrong_beside_it(case):
    assert diagnostics_of(case) != ()


@pytest.mark.parametrize("case", RIGHT)
def test_printed_fixes_give_the_plan_of_the_right_file(case):
    """Where they mend everything; where a person has to choose, none is printed and there is no plan."""
    found = plans_led_to(case)

    assert found in ({}, plans(right_of(case)))


def test_every_code_that_prints_a_fix_leads_to_a_plan_somewhere():
    printed = {one.code for case in CASES for one in diagnostics_of(case) if one.fix}
    led = {one.code for case in RIGHT if plans_led_to(case) for one in diagnostics_of(case)}

    assert printed - led == set()


def test_every_code_has_a_right_file():
    shown = {one.code for case in RIGHT for one in diagnostics_of(case)}

    assert set(CODES) - ELSEWHERE - shown == set()
