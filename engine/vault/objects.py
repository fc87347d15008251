"""One `git cat-file --batch` kept open: objects by name, and their bytes checked against it."""

import hashlib
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from engine.model.errors import PermanentError
from engine.vault.git import argv, environment, missing_git

if TYPE_CHECKING:
    import subprocess


class Object(NamedTuple):
    """An object of the repository."""

    id: str
    kind: str
    data: bytes


def blob_id(data: bytes, algorithm: str = "sha1") -> str:
    """The name git gives to these bytes."""
    made = hashlib.new(algorithm, usedforsecurity=False)
    made.update(b"blob %d\0" % len(data))
    made.update(data)
    return made.hexdigest()


class Objects:
    """Reads objects of one repository; any thread may call. The process ends with `close` or with this object."""

    def __init__(self, git_dir: Path) -> None:
        import subprocess

        try:
            process = subprocess.Popen(
                argv("cat-file", "--batch"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(git_dir),
                cwd=git_dir,
            )
        except FileNotFoundError as error:
            raise missing_git() from error
        self._process, self._lock = process, threading.Lock()
        self._finalizer = weakref.finalize(self, _end, process)

    def get(self, name: str) -> Object | None:
        """The object, or None when the repository has none of this name. Raises PermanentError when it is damaged."""
        if "\n" in name:
            raise ValueError("a name with a line break")
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise _broken(name)
        with self._lock:
            try:
                stdin.write(name.encode() + b"\n")
                stdin.flush()
                header = stdout.readline().split()
                if len(header) != 3:
                    if header[-1:] == [b"missing"]:
                        return None
                    raise _broken(name)
                size = int(header[2])
                data = stdout.read(size + 1)[:-1]
            except (OSError, ValueError) as error:
                raise _broken(name) from error
        found = Object(header[0].decode(), header[1].decode(), data)
        if len(data) != size or not _is(found):
            raise _broken(name)
        return found

    def close(self) -> None:
        """End the process; repeating is harmless."""
        self._finalizer()


def _is(found: Object) -> bool:
    if found.kind != "blob":
        return True
    return blob_id(found.data, "sha1" if len(found.id) == 40 else "sha256") == found.id


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
