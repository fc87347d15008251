"""What commands say of work that did not get done: runs that failed, what waits for another try, effects that a check holds."""

from collections.abc import Sequence

from engine.app.commands import command_bus
from engine.app.queries import descriptions, waiting_steps
from engine.app.queries.waiting_steps import Outstanding
from engine.app.workspace.clock import present
from engine.app.workspace.ledger_reader import LedgerReader
from engine.app.workspace.workspace import Workspace
from engine.cli.output import err, line
from engine.model.state.state import State
from engine.model.values import ids

EXIT_FAILED = 1
EXIT_WAITING = 4
_MAX = 5


def report_outcome(workspace: Workspace, run: str, *, known: State | None = None) -> int:
    """Report the effects of a decision; 1 when its run failed, 4 when an effect waits. `known`: the state as folded already."""
    reading = command_bus.open_reader(workspace, known)
    try:
        state = reading.book.runs.get(run)
        if state is not None and state.status == "failed":
            say_failed(reading, [run])
            return EXIT_FAILED
        waits = waiting_steps.outstanding(reading, run=run)
        say_waiting(workspace, waits)
        return EXIT_WAITING if waits else 0
    finally:
        reading.close()


def say_failed(reading: LedgerReader, runs: Sequence[str]) -> None:
    """Runs that failed, and what to type."""
    for run in runs:
        state, short = reading.book.runs[run], ids.short(run)
        if state.ended_by:
            because = line(descriptions.end_reason(reading, state) or "it gives no reason", 200)
            err(f"  ✗ {state.playbook} run {short} ended as failed at `{state.ended_by}`: {because}")
            err(f"    steward show {short}   ·   steward retry {short}")
            continue
        err(f"  ✗ {state.playbook} run {short} failed: {state.reason}")
        err(f"    steward show {short}   ·   steward retry {short}   ·   steward dismiss {short}")


def say_held(reading: LedgerReader) -> None:
    """Say why no effect may leave and what ends that; nothing where effects may leave."""
    if reading.ill is not None:
        err(f"\n  ✗ {line(reading.ill.sentence, 200)}")
        err(f"    {reading.ill.way_out}")


def say_waiting(workspace: Workspace, waits: Sequence[Outstanding]) -> None:
    """Report what could not leave yet, why, and when it is tried again."""
    if not waits:
        return
    zone, now = workspace.config.time_zone, present()
    err(f"\n  {len(waits)} {'waits' if len(waits) == 1 else 'wait'} and will be tried again by itself:")
    for wait in waits[:_MAX]:
        err(f"  … {ids.short(wait.run)} {wait.playbook}  {wait.sentence(zone, now)}")
    if len(waits) > _MAX:
        err(f"  … and {len(waits) - _MAX} more: steward status")
    err(f"  {waiting_steps.WAY_OUT}")
