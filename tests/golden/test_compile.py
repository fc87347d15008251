"""Each folder of compile/ holds one source and what it compiles to: a plan, or diagnostics as `steward check` prints them.

Further files of its workspace stand under `tree/`.
"""

import json
from collections import Counter
from pathlib import Path

import pytest

from engine.language.diagnostics.codes import CODES
from engine.language.diagnostics.render import text
from engine.language.passes import plan_codec
from engine.model.definitions.diagnostics import Severity
from engine.model.values import canonical_json
from tests.golden.whole import whole
from tests.unit.language.mending import mended

HERE = Path(__file__).parent / "compile"
CASES = sorted(path.name for path in HERE.iterdir() if path.is_dir())
PLACES = {"playbook.yaml": "playbooks/case.yaml", "sop.md": "vault/sops/case.md"}

ELSEWHERE = {"SW002", "SW003", "SW004", "SW015", "SW094", "SW412", "SW413"}
"""Codes whose source is large, no file, or right in another workspace: tests/unit/language, tests/corpus, tests/unit/app."""


def files_of(case):
    found = {PLACES[path.name]: path.read_bytes() for path in (HERE / case).iterdir() if path.name in PLACES}
    top = HERE / case / "tree"
    return found | {
        path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()
    }


def pretty(plan):
    return (
        json.dumps(
            canonical_json.decode(plan_codec.to_bytes(plan))["plan"],
            indent=1,
            sort_keys=True,
            ensure_ascii=False,
        )
        + "\n"
    )


def what(diagnostic):
    return diagnostic.code, diagnostic.message


@pytest.mark.parametrize("case", CASES)
def test_compiles_to_what_is_written_beside_it(case, update_golden):
    found = whole(files_of(case))

    happened = {}
    if found.diagnostics:
        happened["diagnostics.txt"] = "\n\n".join(map(text, found.diagnostics)) + "\n"
    if "case" in found.plans:
        happened["plan.json"] = pretty(found.plans["case"])
    for name in ("diagnostics.txt", "plan.json"):
        path = HERE / case / name
        if update_golden:
            path.unlink(missing_ok=True)
            if name in happened:
                path.write_text(happened[name])
        assert happened.get(name) == (path.read_text() if path.exists() else None)


@pytest.mark.parametrize("case", CASES)
def test_a_printed_fix_removes_its_diagnostic_and_brings_no_other(case):
    files = files_of(case)
    before = whole(files).diagnostics

    for diagnostic in before:
        if diagnostic.fix is None:
            continue
        path = diagnostic.fix.span.path
        after = Counter(map(what, whole(files | {path: mended(files[path], diagnostic)}).diagnostics))
        assert not after - Counter(map(what, before))
        assert after[what(diagnostic)] < Counter(map(what, before))[what(diagnostic)]


@pytest.mark.parametrize("case", CASES)
def test_a_file_with_an_error_has_no_plan_and_is_named_broken(case):
    found = whole(files_of(case))
    wrong = any(
        one.severity is Severity.ERROR and one.span.path in PLACES.values() for one in found.diagnostics
    )

    assert ("case" in found.broken) == wrong == ("case" not in found.plans)


def test_every_code_has_a_case():
    shown = {one.code for case in CASES for one in whole(files_of(case)).diagnostics}

    assert shown >= set(CODES) - ELSEWHERE
