"""run: one pass over the sources, or one playbook by name."""

import argparse

from engine.app import passing, views
from engine.app.passing import Carried
from engine.cli import here, narrate
from engine.cli.talk import put, put_json, say, table
from engine.model import ids
from engine.model.canonical import Json
from engine.model.errors import UsageError

EXIT_WAITING = 4


def run(args: argparse.Namespace) -> int:
    """Read every source once, or start NAME; run until everything waits. Exit 4 when something waits for a person."""
    workspace = here.workspace()
    if args.name:
        inputs = _inputs(args.inputs)
        asked = passing.request("start", actor=here.actor(), target=args.name, body={"inputs": inputs})
    else:
        asked = passing.request("pass", actor=here.actor())
    narrator = narrate.Narrator(workspace)
    carried = passing.carry(workspace, asked, listen=narrator.hear, screen=narrator.notice)
    if carried.decided.exit:
        return _refused(carried)
    reading = passing.look(workspace)
    try:
        if carried.by == "elsewhere" and carried.decided.run:
            narrator.follow(carried.decided.run)
        waiting = views.waiting(reading, now=here.now())
        touched = list(dict.fromkeys(event.run for event in narrator.seen if event.run))
        if args.json:
            rows = [{"run": one, "playbook": reading.book.runs[one].playbook, "status": reading.book.runs[one].status,
                     "waiting": reading.book.runs[one].waiting} for one in touched]  # fmt: skip
            put_json("run", {"runs": rows, "waiting": len(waiting), "message": carried.decided.message})
        else:
            say(carried.decided.message)
            for row in table(_rows(reading, touched)):
                put(row)
            if waiting:
                say(f"\n  {len(waiting)} {'waits' if len(waiting) == 1 else 'wait'} for you:  steward queue")
        return EXIT_WAITING if waiting else 0
    finally:
        narrator.close()
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


def _inputs(words: list[str]) -> dict[str, Json]:
    given: dict[str, Json] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"{word} is no key=value", way_out="steward run NAME key=value …")
        given[name] = value
    return given
