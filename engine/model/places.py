"""Where things lie: the file that makes a folder a workspace, and the place for state outside it."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from engine.model.errors import UsageError

SETTINGS = "steward.yaml"


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
