"""The house rules, held against the project's own files."""

import pytest

from tests.meta import detectors as d
from tests.meta.sources import ROOT, files, python_files, text_of

ENGINE = python_files("engine")

# Where time, ids and chance are made rather than given, and why.
MAKES_TIME_OR_CHANCE = {
    "engine/app/": "wires the real clock and the real ids",
    "engine/ledger/keys.py": "makes keys and nonces: chance is their whole point",
}
# YAML is read in one place, because every authored value keeps its span.
READS_YAML = ("engine/language/reader",)


@pytest.mark.parametrize("path", python_files("engine", "tests", "requirements", "bootstrap.py"))
def test_is_one_thing(path):
    assert list(d.oversize(text_of(path), inside=not path.startswith("tests/"))) == []


@pytest.mark.parametrize("path", python_files("engine", "tests", "requirements", "notebooks", "evals"))
def test_has_a_name_that_says_something(path):
    assert list(d.empty_name(path)) == []


@pytest.mark.parametrize("path", ENGINE)
def test_says_what_it_is(path):
    assert list(d.undocumented(text_of(path))) == []


@pytest.mark.parametrize("path", ENGINE)
def test_calls_nothing_banned(path):
    assert list(d.banned(text_of(path))) == []


@pytest.mark.parametrize("path", ENGINE)
def test_is_given_time_ids_and_chance(path):
    if path.startswith(tuple(MAKES_TIME_OR_CHANCE)):
        return
    assert list(d.clock_and_chance(text_of(path))) == []


@pytest.mark.parametrize("path", ENGINE)
def test_leaves_yaml_to_the_reader(path):
    if path.startswith(READS_YAML):
        return
    assert list(d.yaml_imported(text_of(path))) == []


@pytest.mark.parametrize("path", ENGINE)
def test_heavy_libraries_stay_at_home(path):
    assert list(d.heavy(text_of(path), path)) == []


@pytest.mark.parametrize("path", ENGINE)
def test_has_no_open_ends(path):
    text = text_of(path)
    assert list(d.matches(d.OPEN_END, text)) == []
    assert d.NOT_DONE not in text


@pytest.mark.parametrize("name", ["decide", "fold"])
def test_the_pure_kernel_knows_only_the_model(name):
    own = f"engine/kernel/{name}"
    paths = [path for path in ENGINE if path == f"{own}.py" or path.startswith(f"{own}/")]
    found = {path: list(d.foreign(text_of(path), ("engine.model", own.replace("/", ".")))) for path in paths}
    assert {path: lines for path, lines in found.items() if lines} == {}
    assert paths


@pytest.mark.parametrize("path", [p for p in python_files("tests") if p != "tests/counterparts.py"])
def test_leaves_nothing_out_but_in_the_one_way(path):
    """tests/counterparts.py says NOT RUN, and fails where STEWARD_REQUIRE_REAL asks for everything."""
    assert list(d.skipped(text_of(path))) == []


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
