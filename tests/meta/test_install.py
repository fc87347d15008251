"""The installation's own data: locks, sizes, and a bootstrap that older Pythons can at least read."""

import ast
import json
import re
import tomllib

import pytest

from tests.meta.sources import ROOT, text_of

LOCKS = ("install", "core", "heavy", "dev")
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
def test_no_lock_can_bring_torch_or_cuda(lock):
    unwanted = ("torch", "nvidia-", "triton", "cuda-", "sentence-transformers")
    assert [name for name in pins(lock) if name.startswith(unwanted)] == []


def test_locks_agree():
    seen: dict[str, set[str]] = {}
    for lock in LOCKS:
        for name, versions in pins(lock).items():
            assert seen.setdefault(name, versions) == versions, f"{name} in {lock}"


def test_the_wheel_depends_on_what_core_locks():
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    assert names("\n".join(project["dependencies"])) == names(text_of("requirements/core.in"))


def test_the_heavy_extra_is_in_the_heavy_lock_but_for_torch():
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    extra = names("\n".join(project["optional-dependencies"]["all"]))
    assert extra - names(text_of("requirements/heavy.in")) == {"torch"}


def test_sizes_are_those_of_these_locks():
    """Packages for another system are in a lock and not in the count, so the count may be a few below."""
    sizes = json.loads(text_of("requirements/sizes.json"))
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
