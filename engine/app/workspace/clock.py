"""The machine's clocks, in the one place that may read them."""

import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from engine.model.health import Mark
from engine.model.values.timestamps import stamp

_UNNAMED = "unnamed"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def present() -> datetime:
    """Now, aware, UTC."""
    return datetime.now(UTC)


def present_stamp() -> str:
    """Now as stored in events."""
    return stamp(present())


def mark() -> Mark:
    """Now on both clocks. Only Linux has one that goes on while the machine is asleep and is never set."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    boot = _boot()
    if boottime is None or not boot:
        return Mark(at=present_stamp(), boot=_UNNAMED)
    return Mark(at=present_stamp(), boot=boot, up=int(time.clock_gettime(boottime)))


@cache
def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
