"""The installation's own data: locks, sizes, and a bootstrap that older Pythons can at least read."""

import ast
import json
import re
import tomllib

import pytest
from packaging.requirements import Requirement

from tests.meta.sources import ROOT, files, text_of

LOCKS = ("uv", "install", "runtime", "dev")
PIN = re.compile(r"^([a-z0-9-]+)==([^\s;]+)", re.MULTILINE)


def names(text: str) -> set[str]:
    """Distribution names of requirement lines, comments aside."""
    rows = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
    return {re.split(r"[=<>~;\s\[]", row)[0].lower().replace("_", "-") for row in rows}


def pins(lock: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in PIN.findall(text_of(f"requirements/{lock}.txt")):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_what_is_asked_for_is_locked(lock):
    assert names(text_of(f"requirements/{lock}.in")) - set(pins(lock)) == set()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash_and_names_no_place(lock):
    text = text_of(f"requirements/{lock}.txt")
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in text
    assert " @ " not in text


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_can_bring_a_machine_learning_framework(lock):
    unwanted = (
        "torch",
        "nvidia-",
        "triton",
        "cuda-",
        "transformers",
        "sentence-transformers",
        "faiss",
        "tensorflow",
        "jax",
    )
    assert [name for name in pins(lock) if name.startswith(unwanted)] == []


def test_locks_agree():
    seen: dict[str, set[str]] = {}
    for lock in LOCKS:
        for name, versions in pins(lock).items():
            assert seen.setdefault(name, versions) == versions, f"{name} in {lock}"


def test_the_wheel_depends_on_what_is_locked_at_versions_it_allows():
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    needs = {need.name: need for need in map(Requirement, project["dependencies"])}
    assert needs.keys() == names(text_of("requirements/runtime.in"))
    assert "optional-dependencies" not in project
    locked = pins("runtime")
    assert [name for name, need in needs.items() if not all(map(need.specifier.contains, locked[name]))] == []


def test_no_text_names_a_framework_or_the_old_distribution():
    """What was true once stays in the evidence and in decisions' reasons; nobody is told to install any of it."""
    past = (
        "docs/evidence/",
        "docs/decisions/",
        "CHANGELOG.md",
        "requirements/",
        "tests/meta/test_install.py",
        "tests/golden/",
    )
    words = re.compile(r"\b(torch|faiss|sentence[-_]transformers|steward[-_]cli)\b", re.IGNORECASE)
    assert words.search("pip install " + "steward" + "-cli")
    named = [path for path in files() if not path.startswith(past) and words.search(text_of(path))]
    assert named == []


def test_sizes_are_those_of_these_locks():
    """Packages for another system are in a lock and not in the count, so the count may be a few below."""
    sizes = json.loads(text_of("requirements/sizes.json"))
    assert sizes.keys() == {*LOCKS, "weights"}
    for lock in LOCKS:
        locked = len(pins(lock))
        assert locked * 0.85 <= sizes[lock]["packages"] <= locked
        assert sizes[lock]["load"] < sizes[lock]["disk"]


def test_an_old_python_can_read_bootstrap_and_be_told():
    ast.parse(text_of("bootstrap.py"), feature_version=(3, 7))


def test_bootstrap_needs_only_the_standard_library():
    import sys

    tree = ast.parse(text_of("bootstrap.py"))
    imports = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imports - set(sys.stdlib_module_names) == set()


def test_the_version_is_said_once():
    assert "version" in tomllib.loads(text_of("pyproject.toml"))["project"]["dynamic"]
    assert (ROOT / "engine" / "__init__.py").read_text().count("__version__") == 1
