"""Exceptions are for the world and for bugs; the type decides what happens next.

EngineError
├── TransientError     try again later
├── PermanentError     the world said no
├── UnknownOutcome     the request left and no answer came
├── Refused            a rule of Steward said no (exit 5)
├── UsageError         the command was wrong (exit 2)
└── LedgerError        the ledger cannot be trusted or written
    ├── NotOwner       another process owns the ledger, or took it over
    └── DiskFull       nothing was lost; nothing new is accepted
"""

ABSENT = "absent"
"""The code that says: none of the places a value may come from has one. What reads it is skipped, as with any read."""

INSTALL_AGAIN = "in a checkout: python3 bootstrap.py run -- --version     else install Steward again, the way you did (uv tool, pipx, pip)"
"""What to type where a package of ours is not there: all of them come with Steward."""


class EngineError(Exception):
    """Something an operator is told in plain words. `now_true` says what holds, `way_out` what to type."""

    def __init__(self, message: str, *, code: str = "error", now_true: str = "", way_out: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.now_true = now_true
        self.way_out = way_out


class TransientError(EngineError):
    """The world may answer differently later: retry."""


class PermanentError(EngineError):
    """The world said no: do not retry."""


class UnknownOutcome(EngineError):
    """The request left, no answer came: ask, don't repeat."""


class Refused(EngineError):
    """A rule said no; nothing happened."""


class UsageError(EngineError):
    """The command or its arguments make no sense here."""


class LedgerError(EngineError):
    """The ledger cannot be trusted or written; no effect happens until it can."""


class NotOwner(LedgerError):
    """Another process owns the ledger."""


class DiskFull(LedgerError):
    """The disk took no more; what was acknowledged before is kept."""
