"""The schema decides what shape a file has: it refuses what the reader refuses, and what it refuses is said with a place."""

import copy
import random
from pathlib import Path

import pytest
import yaml

from engine.language.documents import playbook
from engine.language.schemas import schema_check
from engine.language.text.source import SourceText
from engine.language.yaml import reader
from engine.model.definitions.diagnostics import Severity
from tests.unit.language.trees import compiled

ROOT = Path(__file__).parents[3]
STARTERS = [
    yaml.safe_load(path.read_text(encoding="utf-8").replace("\non:", '\n"on":'))
    for path in sorted(ROOT.glob("playbooks/*.yaml"))
]
VALUES: tuple[object, ...] = (
    None, True, 7, -1, 2.5, "word", "Bad Name", "5m", "5 m", "99w", "0s", "", "no", "10", [], ["a"], [1], [[]], {}, {"a": "b"},
    "${{ event.from }}", "49.00 EUR", "shadow", "one of a, b",
)  # fmt: skip
KEYS = (
    *playbook.KEYS, *playbook.STEP_KEYS, "none", "uses", "usd", "group", "if-running", "title", "expires-after", "attempts", "backoff",
    "base", "max", "nonsense",
)  # fmt: skip
SHAPES = {"SW020", "SW021", "SW022", "SW023", "SW024", "SW025", "SW027", "SW028"}
"""What the reader of playbooks says of a shape."""


def spots(data, path=()):
    """Every place of a tree of JSON."""
    if path:
        yield path
    if isinstance(data, dict):
        for key, value in data.items():
            yield from spots(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from spots(value, (*path, index))


def mutated(rnd, data):
    """A starter with one or two values replaced, taken out or added."""
    data = copy.deepcopy(data)
    for _ in range(rnd.choice([1, 1, 1, 2])):
        path = rnd.choice(list(spots(data)))
        above = data
        for one in path[:-1]:
            above = above[one]
        chance = rnd.random()
        if chance < 0.5:
            above[path[-1]] = copy.deepcopy(rnd.choice(VALUES))
        elif chance < 0.65:
            del above[path[-1]]
        elif isinstance(above, dict):
            above[rnd.choice(KEYS)] = copy.deepcopy(rnd.choice(VALUES))
    return yaml.dump(data, sort_keys=False, allow_unicode=True).encode()


def whole(path, data):
    root, _ = reader.read(path, data)
    assert root is not None
    return root


@pytest.mark.parametrize("seed", range(4))
def test_the_reader_refuses_no_shape_that_the_schema_allows(seed):
    rnd = random.Random(seed)
    for _ in range(250):
        data = mutated(rnd, rnd.choice(STARTERS))
        root = whole("case", data)
        said = {
            one.code for one in playbook.read(SourceText.from_bytes("case", data), "case", root)[1]
        } & SHAPES
        assert not said or schema_check.violations("playbook", root), (said, data.decode())


@pytest.mark.parametrize("seed", range(2))
def test_what_the_schema_refuses_never_compiles_and_is_said_once(seed):
    rnd = random.Random(100 + seed)
    for _ in range(60):
        data = mutated(rnd, rnd.choice(STARTERS))
        root = whole("case", data)
        if not schema_check.violations("playbook", root):
            continue
        found = compiled({"playbooks/case.yaml": data})
        errors = [one for one in found.diagnostics if one.severity is Severity.ERROR]
        mine = [one for one in errors if one.span.path == "playbooks/case.yaml"]
        assert mine, data.decode()
        assert "case" in found.broken
        shapes = [(one.span, one.code, one.message) for one in mine if one.code in SHAPES]
        assert len(set(shapes)) == len(shapes)


def said(text, kind="policy"):
    data = text.encode()
    root = whole("f.yaml", data)
    return [
        (one.code, one.span.line, one.span.column, one.message, one.hint)
        for one in schema_check.diagnose_tree(kind, SourceText.from_bytes("f.yaml", data), root, ())
    ]


def test_an_unknown_key_names_the_nearest():
    assert said("denny: [payments/*]\n") == [
        ("SW050", 1, 1, "unknown key `denny`", "did you mean `deny`?"),
    ]


def test_a_missing_key_says_where_and_what():
    assert said("caps:\n  - { each: 49.00 EUR, count-per-day: 3 }\n") == [
        ("SW051", 2, 5, "`action` is missing", "add `action: …`"),
    ]


def test_another_kind_says_what_is_wanted_and_what_is_there():
    assert said("deny: payments/*\n") == [
        ("SW052", 1, 7, "a list is wanted here, not `payments/*`", "write a list"),
    ]


def test_a_word_that_is_none_of_the_options_names_the_nearest():
    assert said("always-ask: [custmer]\n") == [
        ("SW053", 1, 14, "`custmer` is not allowed here", "did you mean `customer`?"),
    ]


def test_a_range_is_told_in_words():
    text = "name: A\non: { manual: {} }\nsteps:\n  - { id: a, uses: notify/me, undo-within: 11m, max-parallel: 200 }\n"

    assert [(one[0], one[3]) for one in said(text, "playbook")] == [
        ("SW027", "a length of 1s to 10m is wanted here, this is `11m`"),
        ("SW027", "a whole number from 1 to 100 is wanted here, this is `200`"),
    ]


def test_the_errors_of_a_choice_are_those_of_the_branch_that_was_meant():
    text = "name: A\non: { manual: {} }\nconcurrency: { grup: a }\nsteps:\n  - { id: a, uses: notify/me }\n"

    assert sorted((one[0], one[1], one[3]) for one in said(text, "playbook")) == [
        ("SW020", 3, "`concurrency` has no key `grup`"),
        ("SW021", 3, "`concurrency` needs `group`"),
    ]


def test_nothing_is_said_twice_of_one_place():
    text = b"name: A\non: { manual: {} }\nsteps:\n  - { id: a, uses: notify/me, wiht: {}, timeout: soon }\n"

    found = [one.code for one in compiled({"playbooks/case.yaml": text}).diagnostics]

    assert sorted(found) == sorted(set(found))
