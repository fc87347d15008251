"""queue: what waits for the operator, of every kind, and what to type for each."""

import argparse
from collections.abc import Sequence

from engine.app import awaiting, passing
from engine.app.clock import present
from engine.cli import here
from engine.cli.talk import ago, line, put, put_json, say, table

EXIT_WAITING = 4


def queue(args: argparse.Namespace) -> int:
    """What waits for a person; exit 4 when something does."""
    workspace = here.workspace()
    reading = passing.look(workspace)
    try:
        found = awaiting.rows(reading, now=here.now())
        snoozed = awaiting.put_off(reading, now=here.now())
    finally:
        reading.close()
    if args.json:
        put_json("queue", [awaiting.as_json(row) for row in found])
    elif found:
        _show(found, whole=args.all)
    else:
        say("nothing waits for you" + (f" now; {snoozed} snoozed: steward status" if snoozed else ""))
    return EXIT_WAITING if found else 0


def _show(found: Sequence[awaiting.Row], *, whole: bool) -> None:
    """One line a row, and one for those of a fold; `whole`: one for each of these, too."""
    now = present()
    cells = []
    hints: dict[str, str] = {}
    for rows in [(row,) for row in found] if whole else awaiting.lines(found):
        row = rows[0]
        if row.fold and not whole:
            cells.append(
                ["…", f"{len(rows)} {row.fold}", line("; ".join(each.about for each in rows), 60), "", "", ""]
            )
            hints[row.fold] = "steward queue --all"
        else:
            until = f"expires in {ago(row.expires, now)}" if row.expires else "waits for you"
            mark = "passphrase or code" if row.strength == 2 else ""
            cells.append([row.short, line(row.title, 40), line(row.about, 60), row.playbook, until, mark])
            hints.setdefault(row.kind, row.needs)
    for text in table(cells):
        put(text)
    say("\n" + "\n".join(f"  {hint}" for hint in hints.values()))
