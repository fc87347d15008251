"""The state directory of a workspace: outside the workspace, so that `git clean` and file synchronisers can't hurt it."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from engine.model.errors import LedgerError, UsageError
from engine.model.values.paths import state_home

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class StateDir:
    """The state directory of one workspace. Nothing is created before :meth:`make`."""

    path: Path

    @classmethod
    def of(cls, workspace_key: str, *, env: Mapping[str, str]) -> Self:
        """``<XDG state>/steward/<workspace_key>``; on Windows below LOCALAPPDATA.

        Raises UsageError when the key is not a plain name or the environment names no place for state.
        """
        if not _KEY.fullmatch(workspace_key):
            raise UsageError(
                f"{workspace_key!r} can't name a workspace",
                code="workspace-id",
                way_out="`id:` in steward.yaml takes up to 64 letters, digits, _ and -",
            )
        return cls(state_home(env) / workspace_key)

    def make(self) -> Self:
        """Create the directory, readable by its owner only. Raises LedgerError when that is not possible."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if sys.platform != "win32" and self.path.stat().st_mode & 0o077:
                self.path.chmod(0o700)
        except OSError as error:
            raise LedgerError(
                f"the state directory {self.path} can't be made: {error.strerror}",
                code="read-only",
                now_true="nothing was written and nothing ran",
                way_out="make that place writable, or set XDG_STATE_HOME to one that is",
            ) from error
        return self

    @property
    def letters(self) -> Path:
        """Beside it, for what left: an older copy of the state is put back without what left since being forgotten."""
        return self.path.with_name(f"{self.path.name}.letters")

    @property
    def ledger(self) -> Path:
        """The database of events."""
        return self.path / "ledger.db"

    @property
    def keys(self) -> Path:
        """The database of keys: back it up apart from the ledger."""
        return self.path / "keys.db"

    @property
    def head(self) -> Path:
        """The anchor: what the ledger's last event was."""
        return self.path / "head"

    @property
    def lock(self) -> Path:
        """The file whose lock is ownership. Never deleted."""
        return self.path / "owner.lock"

    @property
    def socket(self) -> Path:
        """Where the owner is poked."""
        return self.path / "owner.sock"

    @property
    def health(self) -> Path:
        """What the last looks at the stored bytes found."""
        return self.path / "health"

    @property
    def place(self) -> Path:
        """Which workspace folder this state belongs to."""
        return self.path / "place"

    @property
    def reserve(self) -> Path:
        """Space given back when the disk is full."""
        return self.path / "reserve"

    @property
    def blobs(self) -> Path:
        """Sealed values too large for the database, by subject."""
        return self.path / "blobs"
