"""The index of one commit's notes, brought to the next commit by what differs: only texts that are new are encoded.

Everything it holds can be made again from the commit; what can't be believed is thrown away and made again, and `trouble` says so.
"""

import hashlib
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.memory import INDEX
from engine.memory.chunking import CHUNKER, cut, section_of
from engine.memory.fulltext import is_note, kind_of, name_of
from engine.memory.index_versions import Generations
from engine.memory.vector_cache import VectorCache
from engine.memory.vector_index import Encode, Hybrid, PassageRow
from engine.model.ports import Tree
from engine.model.values.canonical_json import Json

Reading = Callable[[str, bytes], dict[str, Json] | None]
"""A note's (path, bytes) as its front matter; None without one."""

_BATCH = 32
_MAX_QUERY = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedNote:
    """A note in the index: its blob, (digest of text, print of row) of each passage, and why something of it is not there."""

    blob: str
    rows: tuple[tuple[str, str], ...]
    lost: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What bringing the index to a commit took."""

    commit: str
    notes: int
    passages: int
    changed: int
    encoded: int
    written: int
    deleted: int


class NoteIndexFiles:
    """The notes of one commit. `folder` is its own. Any thread may search; one at a time may sync."""

    def __init__(
        self, folder: Path, *, model: str, encode: Encode, cache: VectorCache, reading: Reading
    ) -> None:  # fmt: skip
        self._work, self._generations = folder / "work", Generations(folder / "index")
        self._encode, self._cache, self._reading = encode, cache, reading
        self.version = f"{model} {CHUNKER}"
        """Names what the index was made with; with the commit, its whole content."""
        self.commit = ""
        self.trouble = ""
        self.progress = (0, 0)
        self._files: dict[str, IndexedNote] = {}
        self._refused: dict[str, str] = {}
        self._lock = threading.RLock()
        self._hybrid = self._open()

    def sync(self, tree: Tree) -> Synced:
        """Make it the index of `tree`. An interruption loses at most the vectors of a batch."""
        blobs = {path: blob for path, blob in tree.paths() if is_note(path)}
        self._refused = {path: reason for path, reason in getattr(tree, "refused", ()) if is_note(path)}
        gone = [path for path in self._files if path not in blobs]
        changed = [
            path for path, blob in blobs.items() if path not in self._files or self._files[path].blob != blob
        ]
        if self.commit == tree.commit and not gone and not changed:
            return self.now()
        notes = {path: self._cut(path, blobs[path], tree.read(path)) for path in changed}
        delete = [row for path in gone for row in _ids(path, self._files[path])]
        add: list[PassageRow] = []
        for path, (note, rows) in notes.items():
            old_prints = dict(_prints(path, self._files.get(path)))
            new_prints = dict(_prints(path, note))
            delete += [id_ for id_, print_ in old_prints.items() if new_prints.get(id_) != print_]
            add += [row for row in rows if old_prints.get(row.id) != row.print]
        vectors, encoded = self._vectors(add)
        with self._lock:
            if delete or add:
                self._hybrid.delete(delete)
                self._hybrid.add(add, vectors)
            for path in gone:
                del self._files[path]
            self._files.update({path: note for path, (note, _) in notes.items()})
            self.commit = tree.commit
            if delete or add or changed:
                self._settle()
        return self._report(len(changed) + len(gone), encoded, len(add), len(delete))

    def search(self, query: str, *, kind: str, limit: int) -> list[dict[str, Json]]:
        """Passages of the index's commit, best first, as notes of `memory/recall`."""
        with self._lock:
            hits = self._hybrid.search(query[:_MAX_QUERY], kind=kind)
            commit = self.commit
        return [
            {
                "path": row.path, "title": row.title, "heading": section_of(row.sections, query), "commit": commit, "text": row.text,
                "score": score, "found-by": INDEX,
            }
            for score, row in hits[:limit]
        ]  # fmt: skip

    def contents(self) -> dict[str, tuple[str, str]]:
        """(digest of its text, digest of its vector) of every passage by id: two indexes with the same are the same."""
        with self._lock:
            vectors = self._hybrid.vectors()
            rows = self._hybrid.rows()
        return {row.id: (row.hash, hashlib.sha256(vectors[row.id]).hexdigest()) for row in rows}

    def sample(self, limit: int) -> list[dict[str, str]]:
        """Up to `limit` passages spread over all of it: their hash, title, first heading and text."""
        with self._lock:
            rows = self._hybrid.rows()
        return [
            {"hash": row.hash, "title": row.title, "heading": section_of(row.sections, ""), "text": row.text}
            for row in rows[:: max(1, len(rows) // limit)][:limit]
        ]

    def now(self) -> Synced:
        """The current state, as a sync that had nothing to do."""
        return self._report(0, 0, 0, 0)

    def hashes(self) -> set[str]:
        """The digests of all texts that are in it."""
        return {hash_ for note in self._files.values() for hash_, _ in note.rows}

    def lost(self) -> dict[str, str]:
        """Why a note is not remembered, or not whole, by path."""
        lost = {path: note.lost for path, note in self._files.items() if note.lost}
        return dict(sorted((self._refused | lost).items()))

    def clear(self) -> None:
        """Throw it away, with its older copies."""
        with self._lock:
            self._hybrid.close()
            self._generations.forget()
            self._hybrid = self._empty()

    def close(self) -> None:
        """Let go of its files."""
        with self._lock:
            self._hybrid.close()

    def _report(self, changed: int, encoded: int, written: int, deleted: int) -> Synced:
        return Synced(
            commit=self.commit, notes=len(self._files), passages=sum(len(note.rows) for note in self._files.values()), changed=changed,
            encoded=encoded, written=written, deleted=deleted,
        )  # fmt: skip

    def _cut(self, path: str, blob: str, raw: bytes) -> tuple[IndexedNote, list[PassageRow]]:
        matter = self._reading(path, raw) or {}
        cut_note = cut(raw, str(matter.get("title") or ""))
        rows = [
            PassageRow(
                id=f"{path}#{place}", path=path, title=cut_note.title or name_of(path), kind=kind_of(path, matter), text=chunk.text,
                lead="" if cut_note.title else name_of(path), sections=chunk.sections, hash=chunk.hash,
            )
            for place, chunk in enumerate(cut_note.chunks)
        ]  # fmt: skip
        return IndexedNote(
            blob=blob, rows=tuple((row.hash, row.print) for row in rows), lost=cut_note.lost
        ), rows

    def _vectors(self, rows: Sequence[PassageRow]) -> tuple[Mapping[str, bytes], int]:
        """The vectors of these rows' texts, and how many had to be computed."""
        texts = {row.hash: row.text for row in rows}
        vectors = self._cache.get(texts)
        missing = [name for name in texts if name not in vectors]
        for start in range(0, len(missing), _BATCH):
            self.progress = (start, len(missing))
            new_vectors = self._encoded({name: texts[name] for name in missing[start : start + _BATCH]})
            self._cache.put(new_vectors)
            vectors.update(new_vectors)
        self.progress = (len(missing), len(missing))
        return vectors, len(missing)

    def _encoded(self, texts: Mapping[str, str]) -> dict[str, bytes]:
        return dict(zip(texts, self._encode(list(texts.values())), strict=True))

    def _settle(self) -> None:
        """Clean up when much of it is dead, and publish."""
        if self._hybrid.dead > max(200, self._hybrid.count // 10):
            self._remake()
        files = {
            path: [note.blob, note.lost, [list(row) for row in note.rows]]
            for path, note in self._files.items()
        }
        manifest = {"version": self.version, "commit": self.commit, "dead": self._hybrid.dead, "files": files}
        if self._hybrid.count:
            self._hybrid.save(self._work)
        self._generations.publish(self._copy, manifest)

    def _copy(self, folder: Path) -> None:
        if self._hybrid.count:
            self._hybrid.save(folder)

    def _remake(self) -> None:
        rows = self._hybrid.rows()
        vectors = self._cache.get(row.hash for row in rows)
        missing = self._encoded({row.hash: row.text for row in rows if row.hash not in vectors})
        self._hybrid.close()
        files, commit = self._files, self.commit
        self._hybrid = self._empty()
        self._files, self.commit = files, commit
        self._hybrid.add(rows, {**vectors, **missing})

    def _empty(self) -> Hybrid:
        self._files, self.commit = {}, ""
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir(mode=0o700, parents=True)
        return Hybrid(encode=self._encode)

    def _open(self) -> Hybrid:
        hybrid = self._empty()
        try:
            if (generation := self._generations.current()) is None:
                return hybrid
            folder, manifest = generation
            if manifest["version"] != self.version:
                raise ValueError(f"it was made with {manifest['version']}")
            files = {
                path: IndexedNote(blob=blob, lost=lost, rows=tuple((hash_, print_) for hash_, print_ in rows))
                for path, (blob, lost, rows) in manifest["files"].items()
            }
            if any(note.rows for note in files.values()):
                shutil.copytree(folder, self._work, dirs_exist_ok=True)
                hybrid.load(self._work)
                hybrid.dead = int(manifest["dead"])
            if hybrid.count != sum(len(note.rows) for note in files.values()):
                raise ValueError("it holds other passages than it says")
            self._files, self.commit = files, str(manifest["commit"])
        except Exception as error:  # whatever a damaged file makes the engine raise
            self.trouble = f"the index was thrown away: {error}"
            hybrid.close()
            self._generations.forget()
            hybrid = self._empty()
        return hybrid


def _ids(path: str, note: IndexedNote) -> list[str]:
    return [f"{path}#{place}" for place in range(len(note.rows))]


def _prints(path: str, note: IndexedNote | None) -> list[tuple[str, str]]:
    return [(f"{path}#{place}", print_) for place, (_, print_) in enumerate(note.rows)] if note else []
