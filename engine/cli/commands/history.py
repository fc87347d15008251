"""log, why, timeline, costs: what happened, what led to what, what happened to a person, what it cost. From the ledger alone."""

import argparse
from dataclasses import asdict

from engine.app.commands import history
from engine.cli import context
from engine.cli.output import colour, err, line, out, put_json, put_table
from engine.cli.screen import progress
from engine.ledger import Ledger
from engine.model.events import events
from engine.model.values import ids
from engine.model.values.canonical_json import Json


def why(args: argparse.Namespace) -> int:
    """The chain of an effect, a run's or a person's."""
    with history.open_past(context.workspace()) as past:
        chains = past.chains(args.id)
        if args.json:
            put_json(
                "why",
                [
                    asdict(chain) | {"holes": list(chain.holes), "since": past.since(chain)}
                    for chain in chains
                ],
            )
            return 0
        for chain in chains:
            out(
                f"{colour(chain.action, 'bold')}  `{chain.step}`, run {ids.short(chain.run)}, key {chain.key[:12]}"
            )
            for link in chain.links:
                first, *details = link.said
                out(f"  {link.name:<9} {line(first, 150)}")
                for detail in details:
                    out(f"  {'':<9} {line(detail, 150)}")
            if since := past.since(chain):
                out(f"  {'since':<9} {since}")
            for hole in chain.holes:
                out(f"  {colour('!', 'yellow')} {line(hole, 150)}")
        if not chains:
            err("nothing was proposed: no effect to explain")
        return 1 if any(chain.holes for chain in chains) else 0


def timeline(args: argparse.Namespace) -> int:
    """What happened to a person or in a run, oldest first."""
    with history.open_past(context.workspace()) as past:
        rows = past.timeline(args.id, args.n)
        if args.json:
            put_json("timeline", [_row(event, past.ledger) for event in rows])
            return 0
        for event, words in past.sentences(rows):
            out(f"{_when(event)}  {_sentence(past.ledger, event, words)}")
        return 0


def log(args: argparse.Namespace) -> int:
    """What happened, newest last."""
    with history.open_log(context.workspace()) as past:
        about = {"run": args.id or "", "project": args.project}
        if args.json:
            put_json("log", [_row(event, past.ledger) for event in past.log(**about, limit=args.n)])
            return 0
        for event, words in past.described(**about, lines=args.n):
            out(f"{_when(event)}  {_sentence(past.ledger, event, words)}")
        return 0


def _sentence(ledger: Ledger, event: events.Event, words: str) -> str:
    why = progress.why(ledger, event)
    return line(f"{words}: {why}" if why else words, 240)


def _row(event: events.Event, ledger: Ledger) -> dict[str, Json]:
    row: dict[str, Json] = {
        "seq": event.seq, "ts": event.ts, "type": event.type, "run": event.run, "step": event.step, "subject": event.subject,
        "actor": event.actor, "body": events.body_to_json(event.body),
    }  # fmt: skip
    # What a shadow run would have said is what it is run for.
    return (
        row | {"words": progress.why(ledger, event)}
        if isinstance(event.body, events.EffectPreviewed)
        else row
    )


def _when(event: events.Event) -> str:
    return f"{event.ts[:19]}Z"


def costs(args: argparse.Namespace) -> int:
    """What models cost, by playbook, project, model or week."""
    with history.open_past(context.workspace()) as past:
        rows = past.costs(args.by)
        if args.json:
            put_json(
                "costs", [{**row, "usd": str(row["usd"]), "tokens": int(str(row["tokens"]))} for row in rows]
            )
            return 0
        if not rows:
            err("no model was asked: 0.00 USD")
            return 0
        shown = [
            [
                str(row["name"]) or "–",
                f"{row['calls']} {'call' if row['calls'] == 1 else 'calls'}",
                f"{row['tokens']} tokens",
                f"{row['usd']} USD",
            ]
            for row in rows
        ]
        put_table(shown)
        return 0
