"""What expressions give: as CEL did, which ran them once and wrote down the answers; and never more than a bounded amount of work."""

import dataclasses
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.language.expressions import evaluator
from engine.language.expressions.expressions import Expressions
from engine.language.passes import plan_codec
from engine.model.definitions.plan import Expr
from engine.model.errors import PermanentError
from tests.unit.language.expressing import NOW, attempt, compiled, value

CLOCK = {"now_": "2026-03-28T23:30:00.000000Z", "zone_": "Europe/Warsaw"}
VALUES = {
    "a.any": {
        "i": 3, "f": 2.5, "s": "x", "n": None, "b": True, "l": [1, 2.0, "z", None], "m": {"q": 1, "p": 2},
        "big": 2**62, "neg": -7, "fi": 1.0, "one": 1, "zero": 0, "fz": 0.0,
    },
    "a.l": [1, 2, 3], "a.t": "txt", "a.i": 7, "a.n": 1.5, "a.none": None, "a.wl": list(range(1000)),
}  # fmt: skip
ANSWERS = [
    json.loads(line)
    for line in Path(__file__).with_name("answers_of_cel.jsonl").read_text().strip().split("\n")
]
PLAN = Path(__file__).with_name("plan_run_by_cel.json")


def run(text: str, values: dict | None = None) -> tuple[str, object]:
    try:
        return "ok", evaluator.evaluate(text, {**(VALUES if values is None else values), **CLOCK})
    except PermanentError as error:
        return error.code, error.message


def alike(a: object, b: object) -> bool:
    """Equal as JSON writes them: 1 and 1.0 are two answers, and so are 0.0 and -0.0."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def test_it_answers_as_cel_did():
    otherwise = [
        (text, answer, run(text, values))
        for text, values, code, answer in ANSWERS
        if run(text, values)[0] != code or not alike(run(text, values)[1], answer)
    ]

    assert otherwise == []
    assert len(ANSWERS) > 400


def test_the_comparison_would_notice_another_answer():
    assert not alike(1, 1.0)
    assert not alike(0.0, -0.0)
    assert run("1 + 1") == ("ok", 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Where CEL was wrong, or said what only it could understand.
        ("9007199254740993 == 9007199254740992.0", ("ok", False)),
        ("dyn(9007199254740993) > dyn(9007199254740992.0)", ("ok", True)),
        ("text({'b': 1, 'a': 2})", ("ok", "b: 1, a: 2")),
        ("{'b': 1, 'a': 2}.map(k, k)", ("ok", ["b", "a"])),
        ("size(a.any['s'] + a.any['s'])", ("ok", 2)),
        ("a.any['s'][0]", ("expression", "a value of another type than expected")),
        ("a.any['m'][null]", ("expression", "a value of another type than expected")),
        ("times('1 EUR', 1.0e300)", ("expression", "a number or a day out of range")),
        ("week('9999-12-31', 0, zone_)", ("expression", "a number or a day out of range")),
        ("double('0x10')", ("expression", "not a number: '0x10'")),
        ("plus('90000000000000 EUR', times('900000000000000 EUR', 1000))", ("expression", "a number too large")),
        ("nosuch(1)", ("expression", "`nosuch` is no function of 1 values")),
        ("a.any.__class__", ("expression", "a value that isn't there")),
        ("'x'.upper", ("expression", "only a variable has dots")),
        ("a.l.map(1, 2)", ("expression", "`map` takes a name and a value")),
        ("{'a': 1, 'a': 2}", ("expression", "the key 'a' stands here twice")),
        ("size(", ("expression", "it ends where a value should stand")),
    ],
)  # fmt: skip
def test_it_answers_where_cel_did_not(text, expected):
    code, answer = run(text)

    assert (code, alike(answer, expected[1])) == (expected[0], True), answer


def test_a_loop_gives_back_the_name_it_took():
    assert run("[1].map(t, t)[0] + t", {"t": 5}) == ("ok", 6)
    assert run("([1].map(t, 1 / 0) == [1] || true) && t == 5", {"t": 5}) == ("ok", True)


BIG = {"t": "y" * 1_000_000, "l": list(range(1000)), "rows": [{"a": n, "b": [n] * 20} for n in range(1000)]}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("l.map(x, l.map(y, 1))", "10,000 rounds"),
        ("l.exists(x, l.exists(y, false)) || true", "10,000 rounds"),
        ("l.map(x, t + t)", "too much to compute"),
        ("l.map(x, t.lower())", "too much to compute"),
        ("l.map(x, t.replace('y', 'z'))", "too much to compute"),
        ("l.map(x, [t, t].join(t))", "1,000,000 characters"),
        pytest.param(
            "l.exists(x, t.contains('yyyyyyyyyyz')) || true", "too much to compute", marks=pytest.mark.slow
        ),
        ("l.map(x, l + l)", "too"),
        ("l.map(x, t)", "the result is too large"),
        ("l.map(x, rows)", "the result is too large"),
        ("rows.filter(r, rows.map(q, q) == rows)", "10,000 rounds"),
        ("l.all(x, rows == rows.filter(r, true) && true)", "10,000 rounds"),
        pytest.param("l.all(x, rows == rows)", "too much to compute", marks=pytest.mark.slow),
        ("(" * 120 + "1" + ")" * 120, "nested more than 100 deep"),
        ("!" * 120 + "true", "nested more than 100 deep"),
        ("1" * 5000, "more than 19 digits"),
    ],
)
def test_no_text_takes_long_or_fills_the_memory(text, problem):
    began = time.process_time()

    code, answer = run(text, BIG)

    assert (code, problem in str(answer)) == ("expression", True), answer
    assert time.process_time() - began < 4


def test_a_spent_budget_is_not_made_up_for():
    assert run("true || l.exists(x, l.exists(y, false))", BIG) == ("ok", True)
    assert run("l.exists(x, l.exists(y, false)) || true", BIG)[0] == "expression"


def test_values_nested_without_end_are_an_error_of_the_expression():
    deep: object = []
    for _ in range(100_000):
        deep = [deep]

    assert run("a == [a]", {"a": deep})[0] in {"ok", "expression"}
    assert run("[a] == [[a][0]]", {"a": deep}) == ("expression", "nested too deep")


@pytest.mark.parametrize("kind", ["inputs.count", "inputs.share", "inputs.rush", "inputs.words"])
@pytest.mark.parametrize("wrong", ["a", {"a": 1}, 10**400])
def test_a_value_of_another_type_is_never_taken_for_its_own(kind, wrong):
    with pytest.raises(PermanentError, match=f"{kind}[: ]") as caught:
        value(f"[{kind}]", **{kind.replace(".", "__"): wrong})

    assert caught.value.code == "expression"


def test_numbers_of_every_length_are_read():
    assert value("inputs.share * 2", inputs__share=10**30) == 2e30
    assert value("inputs.count", inputs__count=-(2**63)) == -(2**63)
    assert value("inputs.count == 1", inputs__count=-(2**63)) is False
    assert math.isclose(value("inputs.share / 3", inputs__share=1), 1 / 3)


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [("steps.answer.outputs.event.a % 2", {"a": 7}, 1), ("7 % steps.answer.outputs.event.a", {"a": 4}, 3)],
)
def test_the_remainder_of_what_may_be_anything(text, given, expected):
    assert value(text, steps__answer__outputs__event=given) == expected
    with pytest.raises(PermanentError, match="another type"):
        value(text, steps__answer__outputs__event={"a": 1.5})


def test_a_key_that_stands_twice_and_a_number_past_all_bounds_are_mistakes_of_the_text():
    for text, problem in (
        ("{'a': 1, 'a': 2}", "the key 'a' stands here twice"),
        ("1e999", "a number too large"),
    ):
        _, (diagnostic,) = attempt(text)
        assert (diagnostic.code, problem in diagnostic.message) == ("SW112", True)


def _expressions(value: object) -> Iterator[Expr]:
    if isinstance(value, Expr):
        yield value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _expressions(getattr(value, field.name))
    elif isinstance(value, tuple):
        for part in value:
            yield from _expressions(part)


def test_a_plan_of_the_version_that_ran_cel_opens_and_runs():
    plan = plan_codec.from_bytes(PLAN.read_bytes())
    texts = {expr.cel: expr for expr in _expressions(plan)}
    first = "(dyn(steps.a.outputs.path) != null ? dyn(steps.a.outputs.path) : dyn((dyn(steps.b.outputs.path) != null "

    for expr in texts.values():
        evaluator.compiled(expr.cel)
    (either,) = (expr for text, expr in texts.items() if text.startswith(first))
    go = Expressions().evaluate
    a, b = "steps.a.outputs.path", "steps.b.outputs.path"
    assert go(either, {a: "x", b: "y"}, now=NOW, zone="UTC") == "x"
    assert go(either, {a: None, b: "y"}, now=NOW, zone="UTC") == "y"
    with pytest.raises(PermanentError, match="nothing stands at") as caught:
        go(either, {a: None, b: None}, now=NOW, zone="UTC")
    assert caught.value.code == "absent"


def test_what_is_kept_in_a_plan_says_nothing_for_the_old_evaluator():
    assert compiled("default(steps.who.outputs.company, '-') in inputs.words").expr.cel == (
        "((steps.who.outputs.company != null ? steps.who.outputs.company : '-') in inputs.words)"
    )
