"""What the memory process keeps: the encoder, the vectors of texts, and the index of one commit, brought along when asked for another."""

import hashlib
import shutil
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from engine.memory import protocol
from engine.memory.chunking import CHUNKER
from engine.memory.index import NoteIndexFiles, Reading, Synced
from engine.memory.vector_cache import VectorCache
from engine.model.errors import EngineError, PermanentError, TransientError
from engine.model.ports import Tree
from engine.model.values.canonical_json import Json

_WAIT = 0.5
"""Seconds a question waits for the index to reach its commit, before full text may answer it."""

_SHOWN, _ASKED, _SAMPLE = 100, 20, 16


class LocalEncoder(Protocol):
    """An encoder in this process, loaded before it is asked."""

    @property
    def version(self) -> str:
        """Names the model's bytes."""

    def load(self) -> None:
        """Get ready. Raises PermanentError(code='no-memory')."""

    def encode(self, texts: Sequence[str]) -> tuple[bytes, ...]:
        """One unit vector a text, as little-endian float32; each depends on its text alone."""


class MemoryService:
    """Answers the memory process's requests. Any thread may call.

    `tree` opens the workspace at a commit; `reading` finds a note's front matter.
    """

    def __init__(
        self,
        *,
        folder: Path,
        encoder: LocalEncoder,
        tree: Callable[[str], AbstractContextManager[Tree]],
        reading: Reading,
    ) -> None:
        self._folder, self._encoder = folder, encoder
        self._tree, self._reading = tree, reading
        self.model = encoder.version
        self._turn = threading.Condition()
        self._writing = threading.Lock()
        self._target_commit = ""
        self._failed: dict[str, EngineError] = {}
        self._synced: Synced | None = None

    def warm(self) -> None:
        """Load the model and open what is there."""
        self._encoder.load()
        self._examples = VectorCache(self._folder / "texts.db", version=self.model)
        self._cache = VectorCache(self._folder / "vectors.db", version=f"{self.model} {CHUNKER}")
        self._index = self._indexed(self._folder)
        threading.Thread(target=self._follow, daemon=True).start()

    def answer(self, op: str, request: dict[str, Json]) -> dict[str, Json]:
        """Carry out a request. Raises TransientError(code='memory-warming') while the index is on its way to the commit asked for."""
        match op:
            case "encode":
                return {
                    "vectors": protocol.packed(self._encode(request["texts"], keep=bool(request["keep"])))
                }
            case "recall":
                self._reach(_commit(request))
                query, kind, limit = str(request["query"]), str(request["kind"]), int(request["limit"])
                return {"notes": self._index.search(query, kind=kind, limit=limit)}
            case "sync":
                return asdict(self._reach(_commit(request)))
            case "rebuild":
                return asdict(self._rebuild(_commit(request)))
            case "check":
                return self._check(_commit(request))
            case "status":
                return self._status()
            case _:
                raise PermanentError(f"the memory process does no {op!r}", code="wrong-argument")

    def _encode(self, texts: list[str], *, keep: bool) -> tuple[bytes, ...]:
        if len(texts) > protocol.MAX_TEXTS or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"texts: up to {protocol.MAX_TEXTS}")
        names = [hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() for text in texts]
        known = self._examples.get(names) if keep else {}
        missing = {name: text for name, text in zip(names, texts, strict=True) if name not in known}
        new = dict(zip(missing, self._encoder.encode(list(missing.values())), strict=True))
        known |= new
        if keep and new:
            self._examples.put(new)
        return tuple(known[name] for name in names)

    def _reach(self, commit: str) -> Synced:
        """Let the index come to `commit`, and wait a little for it."""
        with self._turn:
            if self._at(commit) is None:
                self._failed.pop(commit, None)
                self._target_commit = commit
                self._turn.notify_all()
                self._turn.wait_for(lambda: self._at(commit) or commit in self._failed, _WAIT)
            if commit in self._failed:
                raise self._failed.pop(commit)
            if (synced := self._at(commit)) is None:
                done, total = self._index.progress
                raise TransientError(f"{done} of {total} passages are encoded", code="memory-warming")
            return synced

    def _at(self, commit: str) -> Synced | None:
        return self._synced if self._synced and self._synced.commit == commit else None

    def _follow(self) -> None:
        """Bring the index to whatever commit was asked for last, for ever."""
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._target_commit)
                commit, self._target_commit = self._target_commit, ""
            try:
                with self._writing:
                    self._sync(commit)
            except EngineError as problem:
                self._fail(commit, problem)
            except Exception as bug:
                self._fail(
                    commit,
                    PermanentError(f"the index failed: {bug!r}", code="no-memory", way_out="steward rebuild"),
                )

    def _sync(self, commit: str) -> Synced:
        with self._tree(commit) as tree:
            synced = self._index.sync(tree)
        with self._turn:
            self._synced = synced
            self._turn.notify_all()
        return synced

    def _fail(self, commit: str, problem: EngineError) -> None:
        with self._turn:
            self._failed = {commit: problem}
            self._turn.notify_all()

    def _rebuild(self, commit: str) -> Synced:
        with self._writing:
            with self._turn:
                self._synced = None
            self._index.clear()
            synced = self._sync(commit)
            self._cache.keep_only(self._index.hashes())
            self._examples.keep_only(())
            self._index.trouble = self._cache.trouble = ""
        return synced

    def _check(self, commit: str) -> dict[str, Json]:
        """The index beside one made afresh, and a sample of its vectors beside ones computed again."""
        with self._writing:
            self._sync(commit)
            contents = self._index.contents()
            place = self._folder / "check"
            shutil.rmtree(place, ignore_errors=True)
            fresh = self._indexed(place)
            try:
                with self._tree(commit) as tree:
                    fresh_sync = fresh.sync(tree)
                fresh_contents = fresh.contents()
                asked = [row["heading"] or row["title"] for row in fresh.sample(_ASKED)]
                ranks = sum(_ranked(self._index, query) != _ranked(fresh, query) for query in asked)
                sample = fresh.sample(_SAMPLE)
                known = self._cache.get(row["hash"] for row in sample)
                again = self._encoder.encode([row["text"] for row in sample])
                wrong = sum(
                    known.get(row["hash"]) != vector for row, vector in zip(sample, again, strict=True)
                )
            finally:
                fresh.close()
                shutil.rmtree(place, ignore_errors=True)
        return {
            "commit": commit, "passages": len(fresh_contents), "missing": len(fresh_contents.keys() - contents.keys()),
            "stale": len(contents.keys() - fresh_contents.keys()),
            "different": sum(contents[id_] != fresh_row for id_, fresh_row in fresh_contents.items() if id_ in contents),
            "queries": len(asked), "ranks": ranks, "encoded-again": len(sample), "vectors": wrong, "encoded": fresh_sync.encoded,
        }  # fmt: skip

    def _indexed(self, folder: Path) -> NoteIndexFiles:
        return NoteIndexFiles(
            folder, model=self.model, encode=self._encoder.encode, cache=self._cache, reading=self._reading,
        )  # fmt: skip

    def _status(self) -> dict[str, Json]:
        lost = self._index.lost()
        done, total = self._index.progress
        synced = self._synced or self._index.now()
        return {
            "version": self._index.version, "commit": synced.commit, "notes": synced.notes, "passages": synced.passages,
            "encoded": done, "to-encode": total, "lost": dict(list(lost.items())[:_SHOWN]), "lost-notes": len(lost),
            "trouble": "; ".join(trouble for trouble in (self._index.trouble, self._cache.trouble) if trouble),
        }  # fmt: skip


def _ranked(index: NoteIndexFiles, query: str) -> list[tuple[str, str, str]]:
    return [(hit["path"], hit["heading"], hit["text"]) for hit in index.search(query, kind="", limit=20)]


def _commit(request: dict[str, Json]) -> str:
    commit = request["commit"]
    if not isinstance(commit, str) or not commit:
        raise ValueError("commit")
    return commit
