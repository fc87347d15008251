"""Values of which one is there: `default` of several, tests that show it, branches that read what may not have run."""

import pytest

from tests.unit.language.trees import playbook

HEAD = """\
name: Case
on: { manual: {} }
inputs: { go: bool, "note?": text, "count?": number, "price?": money }
steps:
  - { id: a, if: "${{ inputs.go }}", uses: files/write, with: { path: a.txt, text: a } }
  - { id: b, needs: [], if: "${{ !inputs.go }}", uses: files/write, with: { path: b.txt, text: b } }
  - { id: c, needs: [], uses: files/write, with: { path: c.txt, text: c } }
"""
A, B, C = (f"steps.{id_}.outputs.path" for id_ in "abc")


def told(text: str, *, test: str = "") -> list[str]:
    """The codes for a step below that reads this."""
    condition = f'if: "${{{{ {test} }}}}", ' if test else ""
    step = f'  - {{ id: tell, {condition}uses: notify/me, with: {{ text: "${{{{ {text} }}}}" }} }}\n'
    return [one.code for one in playbook(HEAD + step).diagnostics]


@pytest.mark.parametrize(
    "text",
    [
        f"default({A}, {B})",
        f"default({A}, {B}, 'none')",
        f"default({A}, default({B}, 'none'))",
        f"default(inputs.note, {A}, {B}, {C})",
        "inputs.note != null ? inputs.note : 'none'",
        "null == inputs.note ? 'none' : inputs.note",
        "!(inputs.note == null) ? inputs.note : 'none'",
        "inputs.go && inputs.note != null ? inputs.note : 'none'",
        "inputs.price != null ? text(inputs.price) : 'none'",
        f"inputs.go ? {C} : 'none'",
        f"{A} + (inputs.go ? {A} : 'none')",
        f"inputs.go ? default({A}, 'none') : 'none'",
    ],
)
def test_what_is_there_is_read_without_a_word(text):
    assert told(text) == []


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (f"inputs.go ? {A} : {B}", ["SW119"]),
        (f"inputs.go ? {A} : 'none'", ["SW119"]),
        (f"inputs.go ? 'a' + {A} : 'b' + {B}", ["SW119", "SW119"]),
        (f"steps.a.status == 'succeeded' ? {A} : 'none'", ["SW119"]),
        (f"inputs.go ? (inputs.note == null ? {A} : 'x') : 'none'", ["SW119"]),
        ("inputs.note == null ? inputs.note : 'none'", ["SW111"]),
        ("inputs.note != null || inputs.go ? inputs.note : 'none'", ["SW111"]),
        ("inputs.count != null ? inputs.note : 'none'", ["SW111"]),
        (f"default({A})", ["SW108"]),
        (f"default({A}, 'x', {B})", ["SW116"]),
        (f"default({A}, inputs.go, 'x')", ["SW108"]),
    ],
)
def test_what_may_not_be_there_is_told(text, codes):
    assert told(text) == codes


@pytest.mark.parametrize(
    "test", ["inputs.count != null && inputs.count > 3", "inputs.count == null || inputs.count > 3"]
)
def test_a_test_shows_it_to_what_stands_behind_it(test):
    assert told("'x'", test=test) == []


def test_a_reader_with_the_same_if_needs_no_default():
    assert told(f"inputs.note == null ? {A} : 'none'", test="inputs.go") == []


def test_a_question_with_such_a_branch_is_asked_all_the_same():
    """A warning keeps no plan from being made."""
    step = f'  - {{ id: q, uses: human/ask, with: {{ title: "${{{{ inputs.go ? {A} : {B} }}}}", choices: [ok] }} }}\n'
    found = playbook(HEAD + step)
    assert [one.code for one in found.diagnostics] == ["SW119"]
    assert found.plans["case"].node("q").kind == "human"
