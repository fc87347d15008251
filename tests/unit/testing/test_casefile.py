"""Every code of a test file: its place, and that its fix mends it."""

import pytest

from engine.app.workspace import check
from engine.language.diagnostics.codes.test_files import TESTS
from engine.language.diagnostics.verify_fix import apply_fix
from engine.language.documents import test_file
from engine.vault import FolderTree
from tests.meta.sources import ROOT

PATH = "playbooks/tests/case.test.yaml"
PLANS = check.compile_tree(FolderTree(ROOT)).plans

GOOD = """\
playbook: lead-capture
cases:
  - name: one
    event: { from: ada@example.com, text: hello }
    given: { intent: { confidence: 0.9 } }
    then: [ { approve: offer }, { advance: 3d } ]
    expect: { sent: [reply], waiting: nudge }
"""
SOP = """\
playbook: answer-a-lead
cases:
  - name: one
    inputs: {}
    then: [ { answer: { choose: { choice: decline } } } ]
    expect: { sent: [note] }
"""

WRONG = [
    ("SW501", GOOD, "lead-capture", "lead-captur", (1, 11), True),
    ("SW502", GOOD, "sent: [reply]", "sent: [replly]", (7, 22), True),
    ("SW502", GOOD, "given: { intent:", "given: { intnt:", (5, 14), True),
    ("SW502", GOOD, "approve: offer", "approve: ofer", (6, 24), True),
    ("SW502", GOOD, "waiting: nudge", "waiting: nudg", (7, 39), True),
    ("SW502", SOP, "{ choose:", "{ chose:", (5, 25), True),
    ("SW503", GOOD, "{ from:", "{ form:", (4, 14), True),
    ("SW503", GOOD, "{ confidence:", "{ confidnce:", (5, 24), True),
    ("SW503", SOP, "choice:", "choise:", (5, 35), True),
    ("SW503", SOP, "inputs: {}", "inputs: { words: hi }", (4, 15), False),
    ("SW504", GOOD, "{ approve:", "{ aprove:", (6, 15), True),
    ("SW505", GOOD, "intent: { confidence: 0.9 }", "answer: { got: nothing }", (5, 14), False),
    ("SW505", GOOD, "intent: { confidence: 0.9 }", "not-for-us: {}", (5, 14), False),
    ("SW506", GOOD, "0.9", "high", (5, 36), False),
    ("SW506", GOOD, "advance: 3d", "advance: 3 days", (6, 44), False),
    ("SW506", GOOD, "advance: 3d", "advance: 9999w", (6, 44), False),
    ("SW506", SOP, "decline", "declin", (5, 43), True),
    ("SW507", GOOD, "    event: { from: ada@example.com, text: hello }\n", "", (3, 5), False),
    ("SW507", GOOD, "event: { from: ada@example.com, text: hello }", "inputs: {}", (4, 5), False),
    ("SW507", GOOD, "    given", "    inputs: {}\n    given", (5, 5), False),
    ("SW507", SOP, "inputs: {}", "event: {}", (4, 5), False),
    ("SW508", GOOD, "approve: offer", "approve: who", (6, 24), False),
    ("SW508", GOOD, "advance: 3d", "fail: answer", (6, 41), False),
    ("SW508", GOOD, "sent: [reply]", "sent: [who]", (7, 22), False),
    ("SW508", SOP, "{ choose: { choice: decline } }", "{ note: {} }", (5, 25), False),
    (
        "SW509",
        GOOD,
        "  - name: one",
        "  - name: one\n    event: {}\n    expect: { sent: [] }\n  - name: one",
        (6, 11),
        False,
    ),
    ("SW510", GOOD, "{ sent: [reply], waiting: nudge }", "{}", (7, 5), False),
    ("SW511", GOOD, "offer }, { advance", "offer, advance", (6, 13), False),
    ("SW050", GOOD, "given:", "givn:", (5, 5), True),
    ("SW050", GOOD, "waiting:", "waitng:", (7, 30), True),
    ("SW053", GOOD, "waiting: nudge", "status: suceeded", (7, 38), True),
]


def found(text):
    return test_file.parse(PATH, text.encode(), PLANS)[1]


@pytest.mark.parametrize("good", [GOOD, SOP])
def test_a_good_file_has_no_diagnostics(good):
    made, diagnostics = test_file.parse(PATH, good.encode(), PLANS)

    assert diagnostics == ()
    assert made is not None
    assert [case.name for case in made.cases] == ["one"]


@pytest.mark.parametrize(("code", "good", "before", "after", "place", "mends"), WRONG)
def test_each_mistake_is_named_at_its_place(code, good, before, after, place, mends):
    text = good.replace(before, after, 1)
    assert text != good

    (one,) = found(text)

    assert (one.code, (one.span.line, one.span.column)) == (code, place)
    assert one.source == text.split("\n")[one.span.line - 1]
    assert (one.fix is not None) == mends
    if one.fix is not None:
        assert found(apply_fix(text.encode(), one.fix).decode()) == ()


def test_every_code_is_shown_here():
    assert {code for code, *_ in WRONG} | {"SW512"} >= set(TESTS)


def test_a_file_without_cases_tests_nothing():
    assert [one.code for one in found("playbook: lead-capture\ncases: []\n")] == ["SW510"]
    assert [one.code for one in found("playbook: lead-capture\n")] == ["SW051"]


def test_check_reads_tests_and_names_files_that_are_none(tmp_path):
    for path, text in (
        ("steward.yaml", "operator: { name: Robin Park, email: robin@example.com }\n"),
        (
            "playbooks/tell.yaml",
            "name: Tell\non: { manual: {} }\nsteps:\n  - { id: a, uses: notify/me, with: { text: hi } }\n",
        ),
        (
            "playbooks/tests/tell.test.yaml",
            "playbook: tel\ncases: [ { name: a, inputs: {}, expect: { sent: [] } } ]\n",
        ),
        ("playbooks/tests/other.yaml", "{}\n"),
        ("playbooks/tests/fixtures/data.yaml", "{}\n"),
    ):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    compiled = check.compile_folder(tmp_path)

    assert [(one.code, one.span.path) for one in compiled.diagnostics] == [
        ("SW512", "playbooks/tests/other.yaml"),
        ("SW501", "playbooks/tests/tell.test.yaml"),
    ]
    assert set(compiled.plans) == {"tell"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "playbook: [a]\ncases: {}\n",
        "playbook: a\ncases: [1, {}]\n",
        "playbook: lead-capture\ncases: [1, {}, {then: [1, {}], given: 3, expect: [1]}]\n",
    ],
)
def test_odd_files_are_refused_and_break_nothing(text):
    assert any(one.severity.value == "error" for one in found(text))
