"""What the memory process answers once it is warm."""

import time
from contextlib import nullcontext

import pytest

from engine.memory.service import MemoryService
from engine.model.errors import PermanentError, TransientError
from engine.testing.encoder import HashEncoder
from tests.unit.memory.notes import front_matter

pytestmark = pytest.mark.slow

NOTES = {f"vault/sops/{name}.md": f"# {name}\n\n{name} words and more\n" for name in ("ada", "bert", "carl")}


class Repository:
    """Trees by commit."""

    def __init__(self, at):
        self.at, self.trees = at, {}

    def commit(self, notes):
        tree = self.at(notes)
        self.trees[tree.commit] = tree
        return tree.commit

    def open(self, commit):
        if commit not in self.trees:
            raise PermanentError("there is no such commit", code="no-commit")
        return nullcontext(self.trees[commit])


@pytest.fixture
def repository(at):
    return Repository(at)


@pytest.fixture
def keeper(tmp_path, engine, repository):
    made = MemoryService(
        folder=tmp_path / "memory", encoder=HashEncoder(), tree=repository.open, reading=front_matter
    )  # fmt: skip
    made.warm()
    return made


def asked(keeper, op, **fields):
    until = time.monotonic() + 20
    while True:
        try:
            return keeper.answer(op, fields)
        except TransientError:
            assert time.monotonic() < until


def paths(keeper, query, commit, kind=""):
    return [
        one["path"]
        for one in asked(keeper, "recall", query=query, kind=kind, limit=5, commit=commit)["notes"]
    ]


def test_recall_brings_the_index_to_the_commit_asked_for(keeper, repository):
    one = repository.commit(NOTES)
    assert paths(keeper, "bert", one)[0] == "vault/sops/bert.md"
    two = repository.commit({name: text for name, text in NOTES.items() if "bert" not in name})
    assert "vault/sops/bert.md" not in paths(keeper, "bert", two)
    assert asked(keeper, "status")["commit"] == two
    assert paths(keeper, "bert", one)[0] == "vault/sops/bert.md"


def test_a_commit_that_is_not_there_is_refused_and_the_next_one_works(keeper, repository):
    with pytest.raises(PermanentError, match="no such commit"):
        asked(keeper, "recall", query="a", kind="", limit=5, commit="0" * 40)
    assert asked(keeper, "sync", commit=repository.commit(NOTES))["passages"] == 3


def test_a_fault_while_indexing_is_said_and_not_for_ever(keeper, repository):
    commit = repository.commit(NOTES)
    read, repository.trees[commit].read = repository.trees[commit].read, lambda path: 1 / 0
    with pytest.raises(PermanentError, match="ZeroDivisionError"):
        asked(keeper, "sync", commit=commit)
    repository.trees[commit].read = read
    assert asked(keeper, "sync", commit=commit)["notes"] == 3


def test_texts_that_are_kept_are_not_encoded_again_by_the_next_process(keeper, repository, tmp_path):
    one = keeper.answer("encode", {"texts": ["a", "b"], "keep": True})
    keeper.answer("encode", {"texts": ["c"], "keep": False})
    encoder = HashEncoder()
    again = MemoryService(
        folder=tmp_path / "memory",
        encoder=encoder,
        tree=repository.open,
        reading=front_matter,
    )
    again.warm()
    assert again.answer("encode", {"texts": ["a", "b"], "keep": True}) == one
    assert encoder.encoded == []
    again.answer("encode", {"texts": ["c"], "keep": True})
    assert encoder.encoded == ["c"]


def test_a_rebuild_encodes_nothing_and_leaves_nothing_of_what_is_gone(keeper, repository, tmp_path):
    asked(keeper, "sync", commit=repository.commit(NOTES | {"vault/sops/gone.md": "# Gone\n\nxylophone\n"}))
    keeper.answer("encode", {"texts": ["a letter"], "keep": True})
    commit = repository.commit(NOTES)
    made = asked(keeper, "rebuild", commit=commit)
    assert (made["encoded"], made["passages"]) == (0, 3)
    assert len(keeper._cache.get(keeper._index.hashes())) == 3
    index = tmp_path / "memory" / "index"
    assert len([one for one in index.iterdir() if one.name.startswith("gen")]) == 1
    left = b"".join(one.read_bytes() for one in (tmp_path / "memory").rglob("*") if one.is_file())
    assert b"xylophone" not in left
    assert b"a letter" not in left


def test_a_check_finds_nothing_until_something_is_wrong(keeper, repository, tmp_path):
    commit = repository.commit(NOTES)
    found = asked(keeper, "check", commit=commit)
    assert [found[name] for name in ("missing", "stale", "different", "ranks", "vectors")] == [0] * 5
    assert (found["passages"], found["encoded-again"]) == (3, 3)
    assert not (tmp_path / "memory" / "check").exists()
    keeper._index._hybrid.delete(["vault/sops/bert.md#0"])
    other = keeper._encoder.encode(["something else"])[0]
    keeper._cache.put({next(iter(sorted(keeper._index.hashes()))): other})
    found = asked(keeper, "check", commit=commit)
    assert found["missing"] == 1
    assert found["vectors"] == 1


def test_the_status_says_what_is_not_remembered(keeper, repository):
    asked(keeper, "sync", commit=repository.commit(NOTES | {"vault/sops/binary.md": b"\0"}))
    status = keeper.answer("status", {})
    assert status["lost"] == {"vault/sops/binary.md": "binary"}
    assert (status["notes"], status["passages"], status["trouble"]) == (4, 3, "")
