"""What commands say of work that did not get done: runs that failed, and what waits for another try."""

from collections.abc import Sequence

from engine.app import outstanding, passing, views
from engine.app.clock import present
from engine.app.looking import Reading
from engine.app.outstanding import Outstanding
from engine.app.workspace import Workspace
from engine.cli.talk import line, say
from engine.model import ids
from engine.model.state import Book

EXIT_FAILED = 1
EXIT_WAITING = 4
_MOST = 5


def ended(workspace: Workspace, run: str, *, known: Book | None = None) -> int:
    """Say what a decision came to, beyond that it was noted; 1 when its run failed, 4 when what was to leave waits. `known`: as it stands."""
    reading = passing.look(workspace, known)
    try:
        state = reading.book.runs.get(run)
        if state is not None and state.status == "failed":
            say_failed(reading, [run])
            return EXIT_FAILED
        waits = outstanding.outstanding(reading, run=run)
        say_waiting(workspace, waits)
        return EXIT_WAITING if waits else 0
    finally:
        reading.close()


def say_failed(reading: Reading, runs: Sequence[str]) -> None:
    """Runs that failed, and what to type."""
    for run in runs:
        state, short = reading.book.runs[run], ids.short(run)
        if state.ended_by:
            because = line(views.said_at_end(reading, state) or "it gives no reason", 200)
            say(f"  ✗ {state.playbook} run {short} ended as failed at `{state.ended_by}`: {because}")
            say(f"    steward show {short}   ·   steward retry {short}")
            continue
        say(f"  ✗ {state.playbook} run {short} failed: {state.reason}")
        say(f"    steward show {short}   ·   steward retry {short}   ·   steward dismiss {short}")


def say_waiting(workspace: Workspace, waits: Sequence[Outstanding]) -> None:
    """What could not leave yet, why and when it is tried again."""
    if not waits:
        return
    zone, now = workspace.config.time_zone, present()
    say(f"\n  {len(waits)} {'waits' if len(waits) == 1 else 'wait'} and will be tried again by itself:")
    for one in waits[:_MOST]:
        say(f"  … {ids.short(one.run)} {one.playbook}  {one.said(zone, now)}")
    if len(waits) > _MOST:
        say(f"  … and {len(waits) - _MOST} more: steward status")
    say(f"  {outstanding.WAY_OUT}")
