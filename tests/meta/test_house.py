"""The house rules, held against the project's own files."""

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import pytest

from tests.conftest import LONGEST, SLOW
from tests.meta import detectors as d
from tests.meta.sources import ROOT, files, python_files, text_of

ENGINE = python_files("engine")

# Where time, ids and chance are made rather than given, and why.
MAKES_TIME_OR_CHANCE = {
    "engine/app/": "wires the real clock and the real ids",
    "engine/ledger/keys.py": "makes keys and nonces: chance is their whole point",
}
# YAML is read in one place, because every authored value keeps its span.
READS_YAML = ("engine/language/yaml/reader",)


Rule = Callable[[str, str], Iterable[str]]
"""What a file breaks of one rule, as `line: what`; it gets the path and the text."""


def open_ends(text: str) -> Iterator[str]:
    """What is not done yet, however it says so."""
    yield from d.matches(d.OPEN_END, text)
    yield from d.matches(re.compile(d.NOT_DONE), text)


RULES: Mapping[str, tuple[Sequence[str], Rule]] = {
    "is not two things": (
        python_files("engine", "tests", "requirements", "bootstrap.py"),
        lambda path, text: d.oversize(text, inside=not path.startswith("tests/")),
    ),
    "has a name that says something": (
        python_files("engine", "tests", "requirements", "notebooks", "evals"),
        lambda path, text: d.empty_name(path),
    ),
    "says what it is": (ENGINE, lambda path, text: d.undocumented(text)),
    "calls nothing banned": (ENGINE, lambda path, text: d.banned(text)),
    "is given time, ids and chance": (
        [path for path in ENGINE if not path.startswith(tuple(MAKES_TIME_OR_CHANCE))],
        lambda path, text: d.clock_and_chance(text),
    ),
    "leaves YAML to the reader": (
        [path for path in ENGINE if not path.startswith(READS_YAML)],
        lambda path, text: d.yaml_imported(text),
    ),
    "leaves heavy libraries at home": (ENGINE, lambda path, text: d.heavy(text, path)),
    "has no open ends": (ENGINE, lambda path, text: open_ends(text)),
    # tests/counterparts.py says NOT RUN, and fails where STEWARD_REQUIRE_REAL asks for everything.
    "leaves nothing out but in the one way": (
        [path for path in python_files("tests") if path != "tests/counterparts.py"],
        lambda path, text: d.skipped(text),
    ),
}


@functools.cache
def broken() -> Mapping[str, Sequence[str]]:
    """By rule, every `path:line: what` that breaks it; each file is read and parsed once for all of them."""
    places: dict[str, list[str]] = {rule: [] for rule in RULES}
    members = {rule: frozenset(paths) for rule, (paths, _) in RULES.items()}
    for path in sorted(frozenset().union(*members.values())):
        text = text_of(path)
        for rule, (_, findings) in RULES.items():
            if path in members[rule]:
                places[rule] += [f"{path}:{finding}" for finding in findings(path, text)]
    return places


@pytest.mark.parametrize("rule", RULES)
def test_every_file(rule):
    assert RULES[rule][0]
    assert broken()[rule] == [], f"not every file {rule}"


@pytest.mark.parametrize("name", ["decide", "fold"])
def test_the_pure_kernel_knows_only_the_model(name):
    own = f"engine/kernel/core/{name}"
    paths = [path for path in ENGINE if path == f"{own}.py" or path.startswith(f"{own}/")]
    found = {path: list(d.foreign(text_of(path), ("engine.model", own.replace("/", ".")))) for path in paths}
    assert {path: lines for path, lines in found.items() if lines} == {}
    assert paths


def test_no_file_names_a_package_registry():
    found = {path: list(d.matches(d.REGISTRY, text_of(path))) for path in files()}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_no_file_names_a_place_on_somebodys_machine():
    found = {path: list(d.matches(d.MACHINE, text_of(path))) for path in files()}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_nothing_but_a_test_names_the_temporary_folder():
    """Its place differs per system; `tempfile` knows."""
    found = {
        path: list(d.matches(d.TEMPORARY, text_of(path))) for path in files() if not path.startswith("tests/")
    }
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_files_that_are_called_slow_or_long_are_there():
    """A file that was renamed would quietly be neither."""
    assert [name for name in (*SLOW, *LONGEST) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(
    "name",
    [
        "LICENSE",
        "SECURITY.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "README.md",
        "CODE_OF_CONDUCT.md",
        "AGENTS.md",
    ],
)
def test_the_papers_are_there(name):
    assert (ROOT / name).stat().st_size > 300


def test_the_exceptions_are_still_needed():
    """An allowed place that no longer needs it would allow whatever comes there next; `engine/app` is the rule itself."""
    chance = [place for place in MAKES_TIME_OR_CHANCE if place != "engine/app/"]
    needed = {place: list(found_in(place, d.clock_and_chance)) for place in chance}
    needed |= {place: list(found_in(place, d.yaml_imported)) for place in READS_YAML}
    assert [place for place, found in needed.items() if not found] == []


def found_in(place: str, detector) -> list[str]:
    return [found for path in ENGINE if path.startswith(place) for found in detector(text_of(path))]
