"""Sealed files below the state directory: ``blobs/<subject>/<SHA-256 of the sealed bytes>``, ``_`` for the workspace's own.

A file is whole and durable before it can be named; erasing a subject removes its folder. What comes with an event may lie with it in
the ledger instead: then one commit makes both durable.
"""

import contextlib
import os
import re
import shutil
import threading
from pathlib import Path
from typing import Protocol

from engine.ledger.database import translate_errors
from engine.ledger.fsync import force, sync_directory
from engine.ledger.keys import WORKSPACE, Keys
from engine.ledger.state_dir import StateDir
from engine.model.errors import LedgerError, PermanentError
from engine.model.values.canonical_json import sha256
from engine.model.values.ids import SubjectId, ValueId

_SUBJECT = re.compile(r"[0-9A-Za-z-]{0,64}")
_HANDLE = re.compile(r"sealed:([0-9A-Za-z-]{0,64}):([0-9a-f]{64})")
_VALUE = re.compile(r"value:([0-9a-f]{64})")
_CONTEXT = "blob"
# Before the bytes of a file among the ledger's values: no other value can be had as a file.
_FILE = b"file\0"


class BlobFiles:
    """The files themselves; any thread may call."""

    def __init__(self, state: StateDir) -> None:
        self._root = state.blobs

    def put(self, subject: str, sealed: bytes) -> str:
        """Store durably; returns the SHA-256. Raises DiskFull or LedgerError."""
        name, folder = sha256(sealed), self._folder(subject)
        target = folder / name
        with translate_errors(target):
            if not target.exists():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                temporary = folder / f".{name}.{os.getpid()}.{threading.get_ident()}"
                try:
                    with open(temporary, "wb", opener=_private) as file:
                        file.write(sealed)
                        file.flush()
                        force(file.fileno())
                    temporary.replace(target)
                finally:
                    temporary.unlink(missing_ok=True)
            # Also when it was there: another thread may have renamed it and not synced yet.
            for place in (folder, self._root, self._root.parent):
                sync_directory(place)
        return name

    def get(self, subject: str, name: str) -> bytes:
        """The sealed bytes. Raises FileNotFoundError, or LedgerError when they are not what was stored."""
        path = self._folder(subject) / name
        sealed = path.read_bytes()
        if sha256(sealed) != name:
            raise LedgerError(
                f"the file {path} was altered",
                code="altered",
                now_true="nothing was changed by this attempt",
                way_out="restore it from a backup of the state directory",
            )
        return sealed

    def remove(self, subject: str) -> None:
        """Delete everything kept for a subject; repeating is harmless."""
        if subject == WORKSPACE:
            raise ValueError("the workspace's own blobs are not erased")
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._folder(subject))

    def _folder(self, subject: str) -> Path:
        if not _SUBJECT.fullmatch(subject):
            raise ValueError(f"not a subject: {subject!r}")
        return self._root / (subject or "_")


class BlobLedger(Protocol):
    """What it needs of the ledger."""

    def seal(self, value: bytes, subject: str) -> ValueId:
        """Keep bytes with the next commit."""

    def unseal_bytes(self, id_: str) -> bytes:
        """The bytes again."""


class SealedBlobs:
    """The port ``Blobs``. A handle is opaque: it names subject and file, and is of no use without the key."""

    def __init__(self, state: StateDir, keys: Keys, ledger: BlobLedger | None = None) -> None:
        """Without a ledger everything is a file of its own."""
        self._files, self._keys, self._ledger = BlobFiles(state), keys, ledger

    def keep(self, content: bytes, subject: SubjectId | None) -> str:
        """As `put`, but durable with the ledger's next commit: for what is named by an event that is about to be appended."""
        if self._ledger is None:
            return self.put(content, subject)
        return f"value:{self._ledger.seal(_FILE + content, subject or WORKSPACE)}"

    def put(self, content: bytes, subject: SubjectId | None) -> str:
        """Seal and store durably. Raises DiskFull; PermanentError when the subject was erased."""
        whose = subject or WORKSPACE
        return f"sealed:{whose}:{self._files.put(whose, self._keys.cipher(whose).seal(content, _CONTEXT))}"

    def get(self, handle: str) -> bytes:
        """The bytes. Raises PermanentError, code ``erased``, ``gone`` or ``altered``, and ``handle`` for one not made here."""
        if self._ledger is not None and (value := _VALUE.fullmatch(handle)) is not None:
            return _whole(self._ledger, value.group(1))
        match = _HANDLE.fullmatch(handle)
        if match is None:
            raise _no_handle()
        subject, name = match.groups()
        cipher = self._keys.cipher(subject)
        try:
            return cipher.unseal(self._files.get(subject, name), _CONTEXT)
        except FileNotFoundError as error:
            raise PermanentError(f"the kept file {name[:8]} is gone", code="gone") from error
        except LedgerError as error:
            raise PermanentError(error.message, code="altered", way_out=error.way_out) from error


def _whole(ledger: BlobLedger, id_: str) -> bytes:
    try:
        plaintext = ledger.unseal_bytes(id_)
    except LedgerError as error:
        raise PermanentError(error.message, code="altered", way_out=error.way_out) from error
    if not plaintext.startswith(_FILE):
        raise _no_handle()
    return plaintext.removeprefix(_FILE)


def _no_handle() -> PermanentError:
    return PermanentError("that is no handle of a kept file", code="handle")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), 0o600)
