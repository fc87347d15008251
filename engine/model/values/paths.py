"""Paths of a workspace: the file that makes a folder a workspace, the place for state outside it, and patterns of paths."""

import os
import sys
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from engine.model.errors import UsageError

SETTINGS = "steward.yaml"
OUTBOX = "outbox"
"""The folder of what left: beside the ledger, with a link to it in the workspace."""


def state_home(env: Mapping[str, str]) -> Path:
    """``<XDG state>/steward``; on Windows below LOCALAPPDATA. Raises UsageError when the environment names no place for state."""
    return _base(env) / "steward"


def _base(env: Mapping[str, str]) -> Path:
    # The XDG specification: a relative path is to be ignored.
    if (xdg := env.get("XDG_STATE_HOME", "")) and os.path.isabs(xdg):
        return Path(xdg)
    if sys.platform == "win32" and (local := env.get("LOCALAPPDATA", "")):
        return Path(local)
    if home := env.get("HOME", "") or env.get("USERPROFILE", ""):
        return Path(home) / ".local" / "state"
    raise UsageError(
        "no place for state: HOME and XDG_STATE_HOME are not set",
        code="no-home",
        way_out="set XDG_STATE_HOME to an absolute path",
    )


def path_fits(path: str, pattern: str) -> bool:
    """Whether a path matches a pattern part by part: a star never crosses a slash, ``**`` stands for any folders."""
    return _parts_fit(path.split("/"), pattern.split("/"))


def _parts_fit(path: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(_parts_fit(path[start:], pattern[1:]) for start in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and _parts_fit(path[1:], pattern[1:])
