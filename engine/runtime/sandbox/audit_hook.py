"""An audit hook for rooms without the kernel's help. It can't be taken out again, but it binds Python code only, and says so."""

import os
import sys
from collections.abc import Iterable

_READING = os.O_RDONLY
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

# Refused from the start, while libraries are still being imported.
_ALWAYS = (
    "socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.startfile", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink",
    "os.chmod", "os.chown", "os.truncate", "os.utime", "os.chflags", "os.setxattr", "os.removexattr", "shutil.",
    "tempfile.", "sqlite3.", "urllib.", "http.", "ftplib.", "smtplib.", "poplib.", "imaplib.", "telnetlib.",
    "nntplib.", "webbrowser.", "syslog.", "pty.", "winreg.", "_winapi.",
)  # fmt: skip
# Refused in the child, once everything is imported.
_LATER = (
    "os.fork", "os.kill", "signal.pthread_kill", "ctypes.", "os.getxattr", "os.listxattr", "code.__new__",
    "cpython.",
)  # fmt: skip
_PLACES = ("os.listdir", "os.scandir", "os.chdir", "glob.")


class SandboxRefused(PermissionError):
    """The room said no."""


class Hook:
    """`child` makes it stricter, for good; `readable` are the places whose files may be read."""

    def __init__(self, readable: Iterable[str]) -> None:
        self._readable = tuple(readable)
        self._child = False

    def install(self) -> None:
        """From now on, in this process and everything forked from it."""
        sys.addaudithook(self)

    def tighten(self) -> None:
        """Begin to refuse what only importing needs."""
        self._child = True

    def __call__(self, event: str, args: tuple[object, ...]) -> None:
        """Raise Refused, or let it happen."""
        if event == "open":
            self._open(args)
        elif event.startswith(_ALWAYS) or (self._child and event.startswith(_LATER)):
            raise SandboxRefused(event)
        elif self._child and event.startswith(_PLACES):
            self._place(args[0] if args else None)

    def _open(self, args: tuple[object, ...]) -> None:
        path, mode, flags = (*args, None, None, None)[:3]
        writes = isinstance(mode, str) and any(flag in mode for flag in "wax+")
        if writes or (isinstance(flags, int) and flags & _WRITES):
            raise SandboxRefused("open for writing")
        if self._child:
            self._place(path)

    def _place(self, path: object) -> None:
        if isinstance(path, int):
            return
        text = os.fsdecode(path) if isinstance(path, str | bytes) else ""
        real = os.path.realpath(text) if text else ""
        if not any(real == folder or real.startswith(folder + os.sep) for folder in self._readable):
            raise SandboxRefused("open outside the room")
