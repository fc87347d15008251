"""Exceptions become words and an exit code; no traceback reaches an operator."""

import errno
import os
import sys
import traceback
from pathlib import Path

from engine.cli.output import err, error
from engine.model.errors import INSTALL_AGAIN, EngineError, Refused, UsageError


def report(problem: Exception) -> int:
    """Say it and return the exit code. A bug leaves a report file an operator can send."""
    match problem:
        case EngineError():
            error(problem)
            return 2 if isinstance(problem, UsageError) else 5 if isinstance(problem, Refused) else 1
        case ModuleNotFoundError():
            error(_not_installed(problem))
            return 1
        case EOFError():
            error(
                EngineError(
                    "nothing was typed, and nothing comes any more",
                    now_true="Nothing was decided.",
                    way_out="type the command again",
                )
            )
            return 2
        case OSError():
            error(_from_system(problem))
            return 1
        case _:
            _bug(problem)
            return 1


def _not_installed(problem: ModuleNotFoundError) -> EngineError:
    return EngineError(
        f"the package {problem.name} is not installed",
        now_true="What was acknowledged before is kept; nothing else happened.",
        way_out=INSTALL_AGAIN,
    )


def _from_system(problem: OSError) -> EngineError:
    place = problem.filename or "a file"
    words = {
        errno.ENOSPC: ("the disk is full", "free some space, then type the same command again"),
        errno.EDQUOT: ("your disk quota is used up", "free some space, then type the same command again"),
        errno.EROFS: (f"{place} is on a read-only disk", "make it writable, or work in another folder"),
        errno.EACCES: (f"{place} may not be read or written by you", "check its owner and mode (ls -l)"),
        errno.EPERM: (f"{place} may not be changed by you", "check its owner and mode (ls -l)"),
    }
    message, way = words.get(
        problem.errno or 0, (f"{place}: {problem.strerror or problem}", "steward verify")
    )
    return EngineError(
        message, now_true="What was acknowledged before is kept; nothing else happened.", way_out=way
    )


def _bug(problem: Exception) -> None:
    place = (
        Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local/state")) / "steward" / "crash-report.txt"
    )
    err(f"✗ this is a fault in steward itself: {type(problem).__name__}")
    err("  What was acknowledged before is kept; the next command goes on from there.")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        # The frames and the exception's type, never its text or any value: those may hold a letter.
        frames = "".join(traceback.format_tb(problem.__traceback__))
        place.write_text(f"{type(problem).__name__}\n{sys.version}\n{frames}", encoding="utf-8")
        err(f"  report (places in the code, no contents): {place}")
    except OSError:
        err("  no report could be written")
