"""Folders and files below the workspace, opened step by step so that no link and no `..` leads anywhere else.

Every folder is opened relative to the one above it without following links; a file is replaced whole or not at all
(temporary file, sync, rename, sync of the folder).
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from engine.model.errors import EngineError, PermanentError, TransientError

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NOFOLLOW | getattr(os, "O_CLOEXEC", 0)
_READ = os.O_RDONLY | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | getattr(os, "O_CLOEXEC", 0)


def parts_of(path: str) -> tuple[str, ...]:
    """The names along a relative path with ``/``. Raises PermanentError when one of them could lead astray."""
    parts = tuple(path.split("/"))
    if not path or len(path.encode("utf-8", "replace")) > 1000:
        raise PermanentError("a path needs 1 to 1000 bytes", code="bad-path")
    for part in parts:
        # A backslash, a colon and control characters mean something to one system or another.
        odd = any(ord(character) < 32 or character in '\\:*?"<>|\x7f' for character in part)
        if part in {"", ".", ".."} or odd or len(part.encode("utf-8", "replace")) > 240:
            raise PermanentError(f"not a path below the workspace: {path!r}", code="bad-path")
    return parts


def _step(above: int, name: str, *, create: bool) -> int:
    if create:
        try:
            os.mkdir(name, 0o700, dir_fd=above)
            os.fsync(above)
        except FileExistsError:
            pass
    try:
        return os.open(name, _FOLDER, dir_fd=above)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.EMLINK}:
            raise PermanentError(f"{name!r} is a link or no folder", code="bad-path") from error
        raise


@contextmanager
def folder(root: str, parts: tuple[str, ...], *, create: bool = False) -> Iterator[int]:
    """A descriptor of the folder `parts` below `root`.

    Raises FileNotFoundError when it is missing and not to be created, PermanentError(code='bad-path') at a link.
    """
    now = os.open(root, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        for name in parts:
            below = _step(now, name, create=create)
            os.close(now)
            now = below
        yield now
    finally:
        os.close(now)


def read(within: int, name: str, limit: int) -> bytes:
    """The first `limit` bytes of a regular file. Raises OSError, also at a link or anything that is not a file."""
    handle = os.open(name, _READ, dir_fd=within)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        content = bytearray()
        while len(content) < limit and (chunk := os.read(handle, min(1 << 20, limit - len(content)))):
            content += chunk
        return bytes(content)
    finally:
        os.close(handle)


def read_if_there(within: int, name: str, limit: int) -> bytes | None:
    """As `read`; None when the file does not exist. Raises PermanentError(code='bad-path') at a link or device."""
    try:
        return read(within, name, limit)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PermanentError(f"{name!r} can't be read: {error.strerror}", code="bad-path") from error


def write(within: int, name: str, content: bytes, *, token: str) -> None:
    """Put a file in place, whole and durable. `token` names the temporary file: the same work leaves at most one behind."""
    temporary = f".{token}.tmp"
    try:
        os.unlink(temporary, dir_fd=within)
    except FileNotFoundError:
        pass
    handle = os.open(temporary, _WRITE, 0o600, dir_fd=within)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)
    os.rename(temporary, name, src_dir_fd=within, dst_dir_fd=within)
    os.fsync(within)


def append(within: int, name: str, line: bytes) -> None:
    """Add one line to a file, durably. A line torn by a crash is closed first."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | _NOFOLLOW | getattr(os, "O_CLOEXEC", 0)
    handle = os.open(name, flags, 0o600, dir_fd=within)
    try:
        end = os.lseek(handle, 0, os.SEEK_END)
        torn = end > 0 and os.pread(handle, 1, end - 1) != b"\n"
        os.write(handle, (b"\n" if torn else b"") + line + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    os.fsync(within)


def remove(within: int, name: str) -> None:
    """Remove a file, durably; a missing one is not an error."""
    try:
        os.unlink(name, dir_fd=within)
    except FileNotFoundError:
        return
    os.fsync(within)


@contextmanager
def disk_errors(subject: str) -> Iterator[None]:
    """Turn errors of the disk into errors that tell the operator what is now true and what to do. `subject` is what was being written."""
    try:
        yield
    except EngineError:
        raise
    except OSError as error:
        way_out = "make room or check the folder's rights, then `steward run`"
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        raise TransientError(
            f"{subject} could not be written: {error.strerror or error}",
            code="disk-full" if full else "disk",
            now_true="nothing was changed",
            way_out=way_out,
        ) from error
