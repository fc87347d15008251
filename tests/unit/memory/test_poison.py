"""Copies of the index and caches that were altered, planted or left by others: never run, never believed, made again."""

import hashlib
import json
import os
import pickle
import sqlite3

import pytest

from engine.memory.index_versions import Generations
from engine.memory.vector_cache import VectorCache

pytestmark = pytest.mark.slow

NOTES = {f"vault/sops/{name}.md": f"# {name}\n\n{name} words and more\n" for name in ("ada", "bert", "carl")}


class Canary:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture
def canary(tmp_path):
    path = tmp_path / "sang"
    yield pickle.dumps(Canary(str(path)))
    assert not path.exists()


def made(shelf, at):
    index = shelf.open()
    index.sync(at(NOTES))
    contents = index.contents()
    index.close()
    return contents, shelf.folder / "memory" / "index" / os.readlink(
        shelf.folder / "memory" / "index" / "current"
    )


def sign(folder):
    """Give the manifest the digests that files have now: as somebody who may write there would."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_bytes().partition(b"\n")[2])
    manifest["digests"] = {
        one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in folder.iterdir() if one.name != "manifest.json"
    }  # fmt: skip
    write(path, json.dumps(manifest))


def write(path, body):
    path.write_text(f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}")


def thrown_away(shelf, at, contents):
    index = shelf.open()
    assert index.trouble.startswith("the index was thrown away: ")
    assert (index.commit, index.contents()) == ("", {})
    shelf.encoded()
    index.sync(at(NOTES))
    assert (index.contents(), shelf.encoded()) == (contents, [])
    index.close()
    assert shelf.open().trouble == ""


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("name", ["config.json", "documents", "embeddings", "scoring", "scoring.terms"])
def test_a_planted_pickle_is_never_unpickled(shelf, at, canary, name, signed):
    contents, folder = made(shelf, at)
    (folder / name).write_bytes(canary)
    if signed:
        sign(folder)
    thrown_away(shelf, at, contents)


def test_settings_as_a_pickle_are_never_unpickled(shelf, at, canary, monkeypatch):
    monkeypatch.setenv("ALLOW_PICKLE", "True")
    contents, folder = made(shelf, at)
    (folder / "config.json").unlink()
    (folder / "config").write_bytes(canary)
    sign(folder)
    thrown_away(shelf, at, contents)


@pytest.mark.parametrize(
    "more",
    [
        {"functions": ["os.getcwd"]}, {"graph": {"backend": "os"}}, {"indexes": {"a": {"path": "x"}}}, {"query": {"path": "x"}},
        {"cloud": {"provider": "local"}}, {"path": "somebody/else"}, {"pca": 1},
    ],
)  # fmt: skip
def test_settings_that_could_load_code_are_refused(shelf, at, more):
    contents, folder = made(shelf, at)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | more))
    sign(folder)
    thrown_away(shelf, at, contents)


@pytest.mark.parametrize("said", ["os.getcwd", "numpy.random", "pickle"])
def test_settings_never_name_what_is_used(shelf, at, said):
    contents, folder = made(shelf, at)
    path = folder / "config.json"
    theirs = {"backend": said, "transform": said, "method": said, "format": said}
    path.write_text(json.dumps(json.loads(path.read_text()) | theirs))
    sign(folder)
    index = shelf.open()
    assert index.contents() in ({}, contents)


@pytest.mark.parametrize("name", ["documents", "embeddings", "scoring.terms", "manifest.json"])
def test_a_flipped_bit_is_seen(shelf, at, name):
    contents, folder = made(shelf, at)
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 0x40
    (folder / name).write_bytes(data)
    thrown_away(shelf, at, contents)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"digests": 7}', "[" * 50_000, '{"digests": {}, "files": {}}']
)
def test_a_broken_manifest_is_not_read(shelf, at, text):
    contents, folder = made(shelf, at)
    write(folder / "manifest.json", text)
    thrown_away(shelf, at, contents)


def test_a_copy_that_is_not_whole_or_holds_more_is_not_opened(shelf, at):
    contents, folder = made(shelf, at)
    (folder / "scoring").unlink()
    thrown_away(shelf, at, contents)
    _, folder = made(shelf, at)
    (folder / "config").write_text("x")
    thrown_away(shelf, at, contents)


def test_a_link_that_leads_elsewhere_is_not_followed(shelf, at, tmp_path):
    contents, folder = made(shelf, at)
    folder.rename(tmp_path / "gen000009")
    current = folder.parent / "current"
    current.unlink()
    current.symlink_to(tmp_path / "gen000009")
    thrown_away(shelf, at, contents)


def test_fewer_passages_than_it_says_are_not_believed(shelf, at):
    contents, folder = made(shelf, at)
    manifest = json.loads((folder / "manifest.json").read_bytes().partition(b"\n")[2])
    del manifest["files"]["vault/sops/ada.md"]
    write(folder / "manifest.json", json.dumps(manifest))
    thrown_away(shelf, at, contents)


def test_a_copy_that_was_never_finished_does_not_matter(tmp_path):
    copies = Generations(tmp_path / "index")

    def dies(folder):
        (folder / "half").write_text("x")
        raise KeyboardInterrupt

    first = copies.publish(_write, {"a": 1})
    with pytest.raises(KeyboardInterrupt):
        copies.publish(dies, {"a": 2})
    assert current(copies) == (first, 1)
    second = copies.publish(_write, {"a": 3})
    assert current(copies) == (second, 3)


def current(copies):
    found = copies.current()
    return found and (found[0], found[1]["a"])


def _write(folder):
    (folder / "whole").write_text("1")


@pytest.mark.parametrize("data", [b"", b"garbage" * 1000, pickle.dumps({"a": 1})])
def test_a_broken_cache_of_vectors_is_made_again(tmp_path, data):
    path = tmp_path / "vectors.db"
    cache = VectorCache(path, version="1")
    cache.put({"a": _unit()})
    cache.close()
    path.write_bytes(data)
    cache = VectorCache(path, version="1")
    assert cache.get(["a"]) == {}
    assert bool(cache.trouble) == bool(data)
    cache.put({"a": _unit()})
    assert cache.get(["a", "b"]) == {"a": _unit()}
    cache.close()


@pytest.mark.parametrize("vector", [b"", b"abc", b"\0" * 16, b"\xff" * 16, "text", 7])
def test_what_is_no_unit_vector_is_not_believed(tmp_path, vector):
    cache = VectorCache(tmp_path / "vectors.db", version="1")
    with sqlite3.connect(tmp_path / "vectors.db") as base:
        base.execute("insert into vectors values ('1', 'a', ?)", (vector,))
    base.close()
    assert cache.get(["a"]) == {}
    cache.close()


def test_vectors_of_another_version_are_not_given(tmp_path):
    one, two = (VectorCache(tmp_path / "vectors.db", version=name) for name in ("1", "2"))
    one.put({"a": _unit()})
    assert two.get(["a"]) == {}
    assert one.keep_only(["a"]) == 0
    assert two.keep_only(["a"]) == 1
    assert one.get(["a"]) == {}
    one.close()
    two.close()


def test_what_is_gone_leaves_no_vector_when_it_is_made_again(tmp_path):
    cache = VectorCache(tmp_path / "vectors.db", version="1")
    cache.put({"keep": _unit(), "forgotten": _unit()})
    assert cache.keep_only(["keep"]) == 1
    assert set(cache.get(["keep", "forgotten"])) == {"keep"}
    cache.close()
    assert b"forgotten" not in (tmp_path / "vectors.db").read_bytes()


def _unit():
    return b"\0\0\x80\x3f" + b"\0" * 12
