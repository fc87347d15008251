"""A stranger guesses the file from the change: names say something, and no package is a flat list."""

import ast
from pathlib import PurePosixPath

import pytest

from tests.meta import naming
from tests.meta.sources import ROOT, python_files, text_of

ENGINE = python_files("engine")
CEILINGS = {"engine": 0.005, "tests": 0.145}
"""Share of vague names among all bindings. It only falls: whoever gets below it lowers it."""


@pytest.mark.parametrize("place", CEILINGS)
def test_few_names_are_vague(place):
    share = naming.vague_share(text_of(path) for path in python_files(place))
    assert share <= CEILINGS[place], f"{share:.2%} of the bindings in {place}/ are on the list of vague names"


def test_the_counter_sees_every_kind_of_binding():
    text = (
        "def f(given, *, item=1):\n"
        "    for one in given:\n"
        "        found = [x for x in one]\n"
        "    try:\n        pass\n    except OSError as it:\n        pass\n"
        "    match found:\n        case [held, *rest]:\n            pass\n"
        "    return lambda thing: thing\n"
    )
    names = [name for _, name in naming.bindings(ast.parse(text))]
    assert sorted(names) == sorted(["given", "item", "one", "found", "x", "it", "held", "rest", "thing"])
    assert naming.vague_share([text]) == 1
    assert naming.vague_share(["card = 1\none = 2\n"]) == 0.5


def test_a_class_name_is_there_once():
    twice = {name: count for name, count in naming.class_names(map(text_of, ENGINE)).items() if count > 1}
    assert twice == {}
    assert naming.class_names(["class A: ...", "class A: ..."])["A"] == 2


def test_no_package_is_crowded():
    assert naming.crowded(ENGINE) == {}
    assert naming.crowded(f"engine/a/m{number}.py" for number in range(21)) == {"engine/a": 21}


def test_every_package_says_in_a_sentence_what_it_is_for():
    packages = {str(PurePosixPath(path).parent) for path in ENGINE}
    silent = [p for p in sorted(packages) if not ast.get_docstring(ast.parse(text_of(f"{p}/__init__.py")))]
    assert silent in ([], ["engine"])


def test_limits_are_called_max_and_min():
    for path in ENGINE:
        for line, name in naming.bindings(ast.parse(text_of(path))):
            bare = name.lstrip("_")
            assert not (bare.isupper() and bare.startswith(("MOST", "LEAST"))), f"{path}:{line}: {name}"


def test_the_architecture_names_every_package():
    packages = {
        str(PurePosixPath(path).parent).removeprefix("engine").removeprefix("/") for path in ENGINE
    } - {""}
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    assert [package for package in sorted(packages) if f"`{package}`" not in text] == []
