"""run: one pass over the sources, or one playbook by name."""

import argparse
import sys
from datetime import timedelta
from pathlib import Path

from engine.app.commands import command_bus
from engine.app.commands.command_bus import Carried
from engine.app.queries import queue, waiting_steps
from engine.app.workspace import deployment
from engine.app.workspace.workspace import Workspace
from engine.cli import context
from engine.cli.output import err, put_json, put_table
from engine.cli.screen import progress, unfinished_work
from engine.model.errors import UsageError
from engine.model.values import ids

STAY = timedelta(seconds=60)
"""A wait shorter than this is waited out, unless `--no-wait` is given."""
_FAILED = frozenset({"failed", "undone"})
"""How a run ends when a step of it failed: as it was, or with what was done taken back."""


def run(args: argparse.Namespace) -> int:
    """Read every source once, or start NAME; run until everything waits. Exit 1 when a run failed, 4 when something waits."""
    workspace = context.workspace()
    if args.name:
        body = {"words": args.inputs, "file": _file(args.file)}
        asked = command_bus.request("start", actor=context.actor(), target=args.name, body=body)
    else:
        asked = command_bus.request("pass", actor=context.actor())
    narrator = progress.Narrator(workspace)
    try:
        stay = timedelta(0) if args.no_wait else STAY
        carried = command_bus.submit(
            workspace, asked, listen=narrator.hear, screen=narrator.notice, stay=stay
        )
        if carried.decided.exit:
            return _refused(carried)
        if carried.by == "elsewhere" and carried.decided.run:
            narrator.follow(carried.decided.run, since=carried.since, whole=True)
        return _report(args, workspace, narrator, carried)
    finally:
        narrator.close()


def _report(
    args: argparse.Namespace, workspace: Workspace, narrator: progress.Narrator, carried: Carried
) -> int:
    decided = carried.decided
    reading = command_bus.open_reader(workspace, carried.book)
    try:
        waiting = queue.lines(queue.rows(reading, now=context.now()))
        seen = [decided.run, *(event.run for event in narrator.seen)]
        touched = [run for run in dict.fromkeys(seen) if run in reading.book.runs]
        failed = [run for run in touched if reading.book.runs[run].status == "failed"]
        waits = waiting_steps.outstanding(reading)
        if args.json:
            rows = [{"run": run, "playbook": reading.book.runs[run].playbook, "status": reading.book.runs[run].status,
                     "waiting": reading.book.runs[run].waiting} for run in touched]  # fmt: skip
            put_json("run", {"runs": rows, "waiting": len(waiting), "waits": [wait.as_json() for wait in waits],
                             "message": decided.message})  # fmt: skip
        else:
            err(decided.message)
            if beside := deployment.aside(workspace):
                err(f"  {beside}")
            put_table(_rows(reading, touched))
            unfinished_work.say_failed(reading, failed)
            unfinished_work.say_waiting(workspace, waits)
            unfinished_work.say_held(reading)
            if waiting:
                err(f"\n  {len(waiting)} {'waits' if len(waiting) == 1 else 'wait'} for you:  steward queue")
        if failed:
            return unfinished_work.EXIT_FAILED
        return unfinished_work.EXIT_WAITING if waiting or waits else 0
    finally:
        reading.close()


def _refused(carried: Carried) -> int:
    err(f"✗ {carried.decided.message}")
    return carried.decided.exit


def _rows(reading: command_bus.LedgerReader, touched: list[str]) -> list[list[str]]:
    book = reading.book
    return [
        [ids.short(run), book.runs[run].playbook, progress.outcome_of(book, run), book.runs[run].reason]
        for run in touched
    ]


def _file(name: str | None) -> str | None:
    """The text of a file of inputs; ``-`` is stdin."""
    if name is None:
        return None
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{name} can't be read: {getattr(error, 'strerror', None) or 'it is no text'}",
            now_true="Nothing was started.",
            way_out="steward run NAME --inputs FILE, a map of names to values in YAML or JSON",
        ) from error
