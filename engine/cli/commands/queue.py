"""queue: what waits for the operator, of every kind, and what to type for each."""

import argparse
from collections.abc import Mapping, Sequence

from engine.app.commands import command_bus
from engine.app.commands.command_bus import LedgerReader
from engine.app.queries import queue as queue_query
from engine.app.workspace.clock import present
from engine.app.workspace.workspace import Workspace
from engine.cli import context
from engine.cli.output import ago, err, line, put_json, put_table
from engine.model.values.canonical_json import Json
from engine.observe import drift

EXIT_WAITING = 4


def queue(args: argparse.Namespace) -> int:
    """What waits for a person; exit 4 when something does."""
    workspace = context.workspace()
    reading = command_bus.open_reader(workspace)
    try:
        rows = queue_query.rows(reading, now=context.now())
        snoozed = queue_query.put_off(reading, now=context.now())
        changed = _changed(workspace, reading, rows)
    finally:
        reading.close()
    if args.json:
        put_json("queue", [{**queue_query.as_json(row), "changed": changed.get(row.id, [])} for row in rows])
    elif rows:
        _show(rows, changed, whole=args.all)
    else:
        err("nothing waits for you" + (f" now; {snoozed} snoozed: steward status" if snoozed else ""))
    return EXIT_WAITING if rows else 0


def _changed(
    workspace: Workspace, reading: LedgerReader, rows: Sequence[queue_query.QueueRow]
) -> dict[str, Json]:
    """Card → the files it was drafted from that have changed since; only cards that have any."""
    book = reading.book
    drifted = {
        row.id: drift.changed(reading.ledger, workspace.tree, book.runs[row.run], book.cards[row.id])
        for row in rows
        if row.kind == "card"
    }
    return {card: list(paths) for card, paths in drifted.items() if paths}


def _show(queue_rows: Sequence[queue_query.QueueRow], changed: Mapping[str, Json], *, whole: bool) -> None:
    """One line a row, and one for those of a fold; `whole`: one for each of these, too."""
    now = present()
    cells = []
    hints: dict[str, str] = {}
    for rows in [(row,) for row in queue_rows] if whole else queue_query.lines(queue_rows):
        row = rows[0]
        if row.fold and not whole:
            cells.append(
                ["…", f"{len(rows)} {row.fold}", line("; ".join(each.about for each in rows), 60), "", "", ""]
            )
            hints[row.fold] = "steward queue --all"
        else:
            until = f"expires in {ago(row.expires, now)}" if row.expires else "waits for you"
            mark = "passphrase or code" if row.strength == 2 else ""
            mark = " · ".join(part for part in (mark, "files changed" if row.id in changed else "") if part)
            cells.append([row.short, line(row.title, 40), line(row.about, 60), row.playbook, until, mark])
            hints.setdefault(row.kind, row.needs)
        if row.id in changed:
            hints.setdefault("changed", f"steward redraft {row.short}   what it was made from has changed")
    put_table(cells)
    err("\n" + "\n".join(f"  {hint}" for hint in hints.values()))
