"""Every row of docs/evidence is a command that exists, selects something, can fail, and is about today's code or says that it is old."""

import subprocess

import pytest

from tests.counterparts import need
from tests.meta.evidence_rows import Row, names_of_tests, outdated, problems, rows_of
from tests.meta.sources import ROOT, files, text_of

PAGES = [path for path in files() if path.startswith("docs/evidence/") and path.endswith(".md")]
ROWS = [row for path in PAGES for row in rows_of(text_of(path), path)]


def test_there_are_rows():
    assert len(ROWS) > 50
    assert [row for row in ROWS if isinstance(row, str)] == []


@pytest.mark.parametrize("row", [row for row in ROWS if isinstance(row, Row)], ids=lambda row: row.place)
def test_a_row_is_one_command_that_can_fail(row):
    assert list(problems(row)) == []


@pytest.mark.slow
def test_figures_are_of_todays_code_or_say_that_they_are_old():
    shallow = subprocess.run(
        ["git", "rev-parse", "--is-shallow-repository"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    need(shallow.stdout.strip() == "false", "the whole history of this repository")
    assert {row.place: why for row in ROWS if isinstance(row, Row) and (why := outdated(row))} == {}


# ---------------------------------------------------------------- each detector finds its planted positive

GOOD = Row(
    place="x.md:1", line="a row", command="`pytest tests/meta/test_evidence.py -k there_are_rows`", exit="0", figure="1",
    commit="a7d0afa",
)  # fmt: skip


def changed(**cells: str) -> Row:
    return Row(**{name: cells.get(name, getattr(GOOD, name)) for name in Row.__slots__})


def test_a_good_row_has_no_problem():
    assert list(problems(GOOD)) == []


@pytest.mark.parametrize(
    "cells",
    [
        {"command": "by hand"},
        {"command": "`steward demo`"},
        {"command": "`pytest tests/meta`, and by hand"},
        {"command": "`pytest tests/meta`; `pytest tests/unit`"},
        {"command": "`pytest tests/no_such_folder`"},
        {"command": "`pytest tests/meta/test_evidence.py -k nothing_is_called_so`"},
        {"command": "`pytest tests/meta/test_evidence.py::test_nothing`"},
        {"command": "`python -m benchmarks.nothing`"},
        {"command": "`python -m benchmarks.hostile_files`"},
        {"command": "the same"},
        {"exit": "–"},
        {"figure": ""},
        {"commit": "today"},
        {"commit": "old a7d0afa"},
    ],
    ids=lambda cells: ", ".join(f"{name} {text}" for name, text in cells.items()),
)
def test_each_way_of_proving_nothing_is_found(cells):
    assert list(problems(changed(**cells)))


def test_a_table_with_other_columns_is_found():
    text = "| line | command | figure |\n|---|---|---|\n| a | `pytest tests` | 1 |\n"
    assert [row for row in rows_of(text, "x.md") if isinstance(row, str)]


def test_a_figure_of_other_code_is_found_unless_it_says_so():
    bench = {"command": "`python -m benchmarks.agents`", "commit": "a7d0afa"}
    assert "changed since" in outdated(changed(**bench))
    assert outdated(changed(command=bench["command"], commit="old a7d0afa")) == ""
    assert "no commit" in outdated(changed(command=bench["command"], commit="0123456789ab"))
    assert names_of_tests("tests/meta/test_evidence.py::test_there_are_rows")
