"""Objects by name, and their bytes checked against it: those in files of their own at once, all others from one `git cat-file --batch`
that is started for the first of them and kept open.
"""

import hashlib
import re
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from engine.model.errors import PermanentError
from engine.vault import loose
from engine.vault.git import argv, environment, not_started

if TYPE_CHECKING:
    import subprocess


_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Object(NamedTuple):
    """An object of the repository."""

    id: str
    kind: str
    content: bytes


def blob_id(content: bytes, algorithm: str = "sha1") -> str:
    """The name git gives to these bytes."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    digest.update(b"blob %d\0" % len(content))
    digest.update(content)
    return digest.hexdigest()


class Objects:
    """Reads objects of one repository; any thread may call. The process ends with `close` or with this object."""

    def __init__(self, git_dir: Path) -> None:
        self._git_dir, self._lock = git_dir, threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._finalizer: Callable[[], object] | None = None
        self._closed = False

    def _started(self) -> "subprocess.Popen[bytes]":
        """The process, started at the first use. With the lock taken."""
        if self._process is not None:
            return self._process
        import subprocess

        if self._closed:
            raise ValueError("closed")
        try:
            process = subprocess.Popen(
                argv("cat-file", "--batch"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(self._git_dir),
                cwd=self._git_dir,
            )
        except FileNotFoundError as error:
            raise not_started(self._git_dir) from error
        self._process, self._finalizer = process, weakref.finalize(self, _end, process)
        return process

    def get(self, name: str) -> Object | None:
        """The object, or None when the repository has none of this name. Raises PermanentError when it is damaged."""
        if "\n" in name:
            raise ValueError("a name with a line break")
        if _ID.fullmatch(name) and (plain := loose.read(self._git_dir, name)) is not None:
            return Object(name, *plain)
        with self._lock:
            try:
                process = self._started()
                stdin, stdout = process.stdin, process.stdout
                if stdin is None or stdout is None:
                    raise _broken(name)
                stdin.write(name.encode() + b"\n")
                stdin.flush()
                header = stdout.readline().split()
                if len(header) != 3:
                    if header[-1:] == [b"missing"]:
                        return None
                    raise _broken(name)
                size = int(header[2])
                content = stdout.read(size + 1)[:-1]
            except (OSError, ValueError) as error:
                raise _broken(name) from error
        object_ = Object(header[0].decode(), header[1].decode(), content)
        if len(content) != size or not _is(object_):
            raise _broken(name)
        return object_

    def close(self) -> None:
        """End the process; repeating is harmless."""
        with self._lock:
            self._closed = True
            if self._finalizer is not None:
                self._finalizer()


def _is(object_: Object) -> bool:
    if object_.kind != "blob":
        return True
    return blob_id(object_.content, "sha1" if len(object_.id) == 40 else "sha256") == object_.id


def _broken(name: str) -> PermanentError:
    return PermanentError(
        f"git can't read {name}: the repository is damaged or went away",
        code="git-object",
        now_true="nothing was changed",
        way_out="`git fsck` names what is broken; restore the repository from a clone",
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin is not None:
        process.stdin.close()
    if process.stdout is not None:
        process.stdout.close()
    process.wait()
