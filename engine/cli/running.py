"""run: one pass over the sources, or one playbook by name."""

import argparse
import sys
from datetime import timedelta
from pathlib import Path

from engine.app import awaiting, deploying, outstanding, passing
from engine.app.passing import Carried
from engine.app.workspace import Workspace
from engine.cli import here, narrate, unfinished
from engine.cli.talk import put_json, put_table, say
from engine.model import ids
from engine.model.errors import UsageError

STAY = timedelta(seconds=60)
"""What waits for less than that is waited for, unless somebody has no time."""
_FAILED = frozenset({"failed", "undone"})
"""How a run ends when a step of it failed: as it was, or with what was done taken back."""


def run(args: argparse.Namespace) -> int:
    """Read every source once, or start NAME; run until everything waits. Exit 1 when a run failed, 4 when something waits."""
    workspace = here.workspace()
    if args.name:
        body = {"words": args.inputs, "file": _file(args.file)}
        asked = passing.request("start", actor=here.actor(), target=args.name, body=body)
    else:
        asked = passing.request("pass", actor=here.actor())
    narrator = narrate.Narrator(workspace)
    try:
        stay = timedelta(0) if args.no_wait else STAY
        carried = passing.carry(workspace, asked, listen=narrator.hear, screen=narrator.notice, stay=stay)
        if carried.decided.exit:
            return _refused(carried)
        if carried.by == "elsewhere" and carried.decided.run:
            narrator.follow(carried.decided.run, after=carried.since, whole=True)
        return _told(args, workspace, narrator, carried)
    finally:
        narrator.close()


def _told(
    args: argparse.Namespace, workspace: Workspace, narrator: narrate.Narrator, carried: Carried
) -> int:
    decided = carried.decided
    reading = passing.look(workspace, carried.book)
    try:
        waiting = awaiting.lines(awaiting.rows(reading, now=here.now()))
        seen = [decided.run, *(event.run for event in narrator.seen)]
        touched = [one for one in dict.fromkeys(seen) if one in reading.book.runs]
        failed = [one for one in touched if reading.book.runs[one].status == "failed"]
        waits = outstanding.outstanding(reading)
        if args.json:
            rows = [{"run": one, "playbook": reading.book.runs[one].playbook, "status": reading.book.runs[one].status,
                     "waiting": reading.book.runs[one].waiting} for one in touched]  # fmt: skip
            put_json("run", {"runs": rows, "waiting": len(waiting), "waits": [one.as_json() for one in waits],
                             "message": decided.message})  # fmt: skip
        else:
            say(decided.message)
            if beside := deploying.aside(workspace):
                say(f"  {beside}")
            put_table(_rows(reading, touched))
            unfinished.say_failed(reading, failed)
            unfinished.say_waiting(workspace, waits)
            if waiting:
                say(f"\n  {len(waiting)} {'waits' if len(waiting) == 1 else 'wait'} for you:  steward queue")
        if failed:
            return unfinished.EXIT_FAILED
        return unfinished.EXIT_WAITING if waiting or waits else 0
    finally:
        reading.close()


def _refused(carried: Carried) -> int:
    say(f"✗ {carried.decided.message}")
    return carried.decided.exit


def _rows(reading: passing.Reading, touched: list[str]) -> list[list[str]]:
    book = reading.book
    return [
        [ids.short(one), book.runs[one].playbook, narrate.outcome_of(book, one), book.runs[one].reason]
        for one in touched
    ]


def _file(name: str | None) -> str | None:
    """The text of a file of inputs; ``-`` is what comes in."""
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
