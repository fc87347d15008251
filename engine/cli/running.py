"""run: one pass over the sources, or one playbook by name."""

import argparse
import sys
from pathlib import Path

from engine.app import awaiting, deploying, passing
from engine.app.passing import Carried
from engine.app.workspace import Workspace
from engine.cli import here, narrate
from engine.cli.talk import put, put_json, say, table
from engine.model import ids
from engine.model.errors import UsageError

EXIT_FAILED, EXIT_WAITING = 1, 4
_FAILED = frozenset({"failed", "undone"})
"""How the run of a name ends when a step of it failed: as it was, or with what was done taken back."""


def run(args: argparse.Namespace) -> int:
    """Read every source once, or start NAME; run until everything waits. Exit 1 when NAME failed, 4 when something waits for a person."""
    workspace = here.workspace()
    if args.name:
        body = {"words": args.inputs, "file": _file(args.file)}
        asked = passing.request("start", actor=here.actor(), target=args.name, body=body)
    else:
        asked = passing.request("pass", actor=here.actor())
    narrator = narrate.Narrator(workspace)
    try:
        carried = passing.carry(workspace, asked, listen=narrator.hear, screen=narrator.notice)
        if carried.decided.exit:
            return _refused(carried)
        if carried.by == "elsewhere" and carried.decided.run:
            narrator.follow(carried.decided.run, after=0)
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
        if args.json:
            rows = [{"run": one, "playbook": reading.book.runs[one].playbook, "status": reading.book.runs[one].status,
                     "waiting": reading.book.runs[one].waiting} for one in touched]  # fmt: skip
            put_json("run", {"runs": rows, "waiting": len(waiting), "message": decided.message})
        else:
            say(decided.message)
            if beside := deploying.aside(workspace):
                say(f"  {beside}")
            for row in table(_rows(reading, touched)):
                put(row)
            if waiting:
                say(f"\n  {len(waiting)} {'waits' if len(waiting) == 1 else 'wait'} for you:  steward queue")
        own = reading.book.runs.get(decided.run)
        if own is not None and own.status in _FAILED:
            return EXIT_FAILED
        return EXIT_WAITING if waiting else 0
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
