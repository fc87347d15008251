"""Sixteen playbooks of real jobs, written with README and docs alone: each compiles with nothing but what no connector does yet, and its
cases are as they say. `jobs/` is their workspace.
"""

from pathlib import Path

import pytest

from engine.app.workspace import check
from engine.testing.cases import report
from engine.testing.cases.suite import Tests
from engine.vault import FolderTree

pytestmark = pytest.mark.slow

JOBS = Path(__file__).parent / "jobs"
LATER = {"SW307", "SW413"}
"""What is declared, and nothing does or hears yet."""


def test_the_jobs_compile():
    found = check.compile_tree(FolderTree(JOBS))
    assert len(found.plans) >= 16
    assert [one for one in found.diagnostics if one.code not in LATER] == []


def test_every_case_is_as_expected():
    tests = Tests(JOBS)
    files = tests.files()
    assert [file.diagnostics for file in files] == [()] * len(files)
    results = [(file, tests.run(file, case)) for file in files for case in file.runnable]
    assert len(results) >= 25
    assert [report.text(one, file.source) for file, one in results if not one.passed] == []


def test_every_job_has_a_case():
    """But for one that is only called, which is gone through with its caller."""
    named = {path.name.partition(".")[0] for path in (JOBS / "playbooks" / "tests").iterdir()}
    assert {path.stem for path in (JOBS / "playbooks").glob("*.yaml")} - named == {"month-sum"}
