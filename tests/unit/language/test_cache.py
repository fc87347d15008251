import json
import os
import subprocess
import sys

import pytest

from engine.language.build import check_cache
from engine.model.definitions.diagnostics import Diagnostic, Fix, Severity, Span

PLACE = Span(path="playbooks/ä.yaml", line=2, column=3, end_line=2, end_column=9)
FOUND = (
    Diagnostic(
        code="SW001", span=PLACE, message="odd", hint="so", fix=Fix(span=PLACE, text="x\n"), source="a: b"
    ),
    Diagnostic(code="SW002", span=PLACE, message="odder", severity=Severity.WARNING),
)
KEY = check_cache.tree_key([("a.yaml", "11"), ("b.md", "22")], version="1", actions="aa")


def test_what_was_stored_comes_back(tmp_path):
    file = tmp_path / "new" / "folder" / "check.json"

    assert check_cache.store(file, KEY, FOUND) is True
    assert check_cache.answer(file, KEY) == FOUND
    assert list(file.parent.iterdir()) == [file]


def test_a_clean_tree_is_an_answer_too(tmp_path):
    check_cache.store(tmp_path / "check.json", KEY, ())

    assert check_cache.answer(tmp_path / "check.json", KEY) == ()


@pytest.mark.parametrize(
    ("paths", "version", "actions"),
    [
        ([("a.yaml", "11"), ("b.md", "23")], "1", "aa"),
        ([("a.yaml", "11")], "1", "aa"),
        ([("a.yaml", "11"), ("b.md", "22")], "2", "aa"),
        ([("a.yaml", "11"), ("b.md", "22")], "1", "bb"),
    ],
    ids=["another blob", "a file less", "another version", "other actions"],
)
def test_anything_the_diagnostics_depend_on_asks_again(tmp_path, paths, version, actions):
    check_cache.store(tmp_path / "check.json", KEY, FOUND)

    assert (
        check_cache.answer(
            tmp_path / "check.json", check_cache.tree_key(paths, version=version, actions=actions)
        )
        is None
    )


def test_the_order_of_the_paths_does_not_matter():
    assert check_cache.tree_key([("b.md", "22"), ("a.yaml", "11")], version="1", actions="aa") == KEY


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"key": 1}', b" " * 4_000_001],
    ids=["empty", "cut", "list", "null", "not text", "deep", "half", "huge"],
)
def test_a_corrupt_file_has_no_answer(tmp_path, content):
    (tmp_path / "check.json").write_bytes(content)

    assert check_cache.answer(tmp_path / "check.json", KEY) is None


@pytest.mark.parametrize("change", [{"diagnostics": []}, {"diagnostics": [{}]}, {"check": "00"}])
def test_a_file_somebody_changed_has_no_answer(tmp_path, change):
    file = tmp_path / "check.json"
    check_cache.store(file, KEY, FOUND)
    file.write_text(json.dumps(json.loads(file.read_bytes()) | change), encoding="utf-8")

    assert check_cache.answer(file, KEY) is None


def test_a_missing_file_has_no_answer(tmp_path):
    assert check_cache.answer(tmp_path / "check.json", KEY) is None


def test_a_place_that_takes_no_file_is_no_error(tmp_path):
    (tmp_path / "wall").write_bytes(b"")

    assert check_cache.store(tmp_path / "wall" / "check.json", KEY, FOUND) is False


def test_it_imports_nothing_heavy():
    code = "import sys, engine.language.build.check_cache; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )

    assert not {"yaml", "jsonschema", "networkx", "engine.language.yaml.reader"} & set(done.stdout.split())
