"""What tests of rooms share: levels that are there, and a look at a process's family from outside."""

import os
from pathlib import Path

from engine.model.ports import Limits
from engine.runtime.sandbox import SandboxPool
from tests.counterparts import need

PROGRAMS = str(Path(__file__).parent / "programs")
OWN = f"/nowhere/rooms-of-{os.getpid()}"
"""A place of code that is not there: it stands in the command of every room of this process, and in no other's."""
BRIEF = Limits(seconds=10.0, cpu=5, memory=1_000_000_000, output=1_000_000, processes=8)


def at(level, programs=None, **more):
    """A sandbox of exactly this level, or a skip that says why; a failure where everything must be there."""
    made = SandboxPool(programs or {"hostile": "hostile"}, code=(PROGRAMS, OWN), max_level=level, **more)
    if made.level == level:
        return made
    why = "; ".join(f"level {one.level}: {one.why}" for one in made.report() if one.why)
    made.close()
    need(None, f"a room of level {level} ({why})")
    return None


def family(pid):
    """Every process below `pid`, itself included, however it calls itself or its session."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            state, parent = stat.rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(entry)] = int(parent)
    found = {pid}
    while more := {one for one, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def strangers():
    """Living processes of rooms of this test runner, whoever became their parent. Forks keep the command of their zygote."""
    found = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if OWN in Path(f"/proc/{entry}/cmdline").read_text():
                    found.add(int(entry))
            except OSError:
                continue
    return found
