"""Which names may be part of a workspace: the same rule for a commit and for the working folder."""

import functools
import re

from engine.model.errors import UsageError

HUGE = 5 * 1024 * 1024
"""Bytes; a larger file is not authored text."""

_NOT_READ = ("vault/inbox/", "vault/outbox/", "outbox/")


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@functools.lru_cache(maxsize=8192)
def fault(path: str) -> str:
    """Why this path may not be read, or empty. Paths have ``/`` between parts and no drive."""
    if not path or path.startswith("/"):
        return "not a relative path"
    if _CONTROL.search(path):
        return "control characters in its name"
    if "\\" in path or ":" in path:
        return "a backslash or colon in its name, which other systems read as a folder"
    for part in path.split("/"):
        if part in {"", ".", ".."}:
            return "leads out of the workspace"
        # What a case-insensitive file system, or Windows, would take for the repository itself.
        if part.casefold().rstrip(" .") in {".git", "git~1"}:
            return "inside a .git folder"
    try:
        path.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    return ""


def belongs(path: str) -> bool:
    """Whether a well-named path is part of what is authored: not hidden, not the inbox or outbox."""
    return not path.startswith(_NOT_READ) and not any(part.startswith(".") for part in path.split("/"))


def printable_path(path: str) -> str:
    """A path that may be printed: odd characters escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "replace").decode() for char in path
    )


def checked(path: str) -> str:
    """`path` itself. Raises UsageError when it is none that may be read."""
    if problem := fault(path):
        raise UsageError(
            f"{printable_path(path)!r}: {problem}", code="path", way_out="name a file below the workspace"
        )
    return path
