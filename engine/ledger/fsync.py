"""Making bytes and names survive a power cut."""

import os
import sys
from pathlib import Path


def force(fd: int) -> None:
    """Return when what was written to `fd` is on the disk. Raises OSError."""
    if sys.platform == "darwin":
        import fcntl

        # fsync leaves it in the drive's own memory there.
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        return
    os.fsync(fd)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable, where the system can. Raises OSError."""
    if sys.platform == "win32":
        return
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
