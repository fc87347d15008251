"""Indexes over notes in memory, with an encoder that counts."""

import hashlib

import pytest

from engine.memory.chunking import CHUNKER
from engine.memory.index import NoteIndexFiles
from engine.memory.vector_cache import VectorCache
from engine.testing.encoder import HashEncoder
from tests.counterparts import need_module
from tests.unit.memory.notes import Notes, front_matter


@pytest.fixture(scope="session")
def engine():
    """The search engine, imported once."""
    need_module("txtai")
    from engine.memory.encoder import txtai

    return txtai()


class At(Notes):
    """Notes at a commit, named by what they are."""

    def __init__(self, notes):
        super().__init__(notes)
        self.refused: tuple[tuple[str, str], ...] = ()
        self.commit = hashlib.sha1(repr(sorted(self.notes.items())).encode()).hexdigest()


class Shelf:
    """A folder in which indexes are made, closed and opened again."""

    def __init__(self, folder):
        self.folder, self.encoder = folder, HashEncoder()
        self.opened = []

    def open(self, name="memory", *, model=None, cache="vectors.db"):
        version = model or self.encoder.version
        vectors = VectorCache(self.folder / cache, version=f"{version} {CHUNKER}")
        made = NoteIndexFiles(
            self.folder / name, model=version, encode=self.encoder.encode, cache=vectors, reading=front_matter
        )  # fmt: skip
        self.opened += [made, vectors]
        return made

    def fresh(self, notes, **more):
        """An index made of nothing: no copy, no vector of before."""
        number = len(self.opened)
        made = self.open(f"fresh{number}", cache=f"fresh{number}.db", **more)
        made.sync(At(notes))
        return made

    def encoded(self):
        """What was encoded since this was asked last."""
        found, self.encoder.encoded = self.encoder.encoded, []
        return found


@pytest.fixture
def shelf(tmp_path, engine):
    made = Shelf(tmp_path)
    yield made
    for one in made.opened:
        one.close()


@pytest.fixture
def at():
    return At
