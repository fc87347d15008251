"""intent: what some words want, who decides that and how sure; and the correction of what was decided."""

import argparse
import difflib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from engine.app.commands import command_bus, intent_corrections
from engine.app.queries import descriptions
from engine.app.workspace.workspace import Workspace
from engine.cli import context
from engine.cli.output import agreed, colour, err, line, out, put_json, put_table, quoted, visible
from engine.identity.calibration import MIN_CASES
from engine.identity.intent_resolver import RULES, Decision
from engine.identity.intent_rules import shared_examples
from engine.model.definitions.settings import Intent
from engine.model.values.canonical_json import Json
from engine.vault import FolderTree


def intent(args: argparse.Namespace) -> int:
    """What the words want; without words, the intents there are; with --correct, one more example."""
    workspace = context.workspace()
    if args.correct:
        return _correct(workspace, *args.correct)
    intents = intent_corrections.of_tree(FolderTree(workspace.root))
    words = " ".join(args.words)
    if not words.strip():
        return _list(intents, as_json=args.json)
    reading = command_bus.open_reader(workspace)
    try:
        key = reading.keys.index_key(workspace.id)
    finally:
        reading.close()
    decision = intent_corrections.tiers(workspace, key, os.environ).decide(words, intents)
    if args.json:
        put_json("intent", _as_json(decision))
        return 0
    out(f"{colour(decision.name, 'bold')}   confidence {decision.confidence:.2f}, decided by {decision.tier}")
    put_table(_rows(decision))
    return 0


def _rows(decision: Decision) -> Iterator[tuple[str, str]]:
    yield "evidence", line(decision.evidence or "none: no rule was found", 400)
    if decision.nearest and decision.nearest != decision.name:
        yield "nearest", f"{decision.nearest}, score {decision.score:.4f}"
    elif decision.tier != RULES:
        yield "score", f"{decision.score:.4f}"
    if decision.threshold:
        yield "threshold", f"{decision.threshold:.4f}{_proof(decision)}"
    if decision.scope is not None:
        yield (
            "scope",
            f"{decision.scope:+.4f}   above 0: nearer to an example than to anything about nothing we know",
        )
    yield "versions", decision.versions


def _proof(decision: Decision) -> str:
    if decision.tier == RULES:
        return "   this intent's ask-below"
    if decision.proven:
        return f"   proven: an error of at most 1 % is 95 % sure, from {decision.cases} cases"
    return f"   not proven by {decision.cases} cases (at least {MIN_CASES} without an error are needed): a person decides"


def _as_json(decision: Decision) -> Json:
    return {name: getattr(decision, name) for name in decision.__slots__}


def _list(intents: tuple[Intent, ...], *, as_json: bool) -> int:
    shared = shared_examples(intents)
    if as_json:
        rows: Json = [
            {
                "name": intent.name,
                "means": intent.means,
                "rules": len(intent.rules),
                "examples": len(intent.examples),
            }
            for intent in intents
        ]
        put_json("intents", {"intents": rows, "shared": {text: list(of) for text, of in shared.items()}})
        return 0
    put_table(
        (
            intent.name,
            f"{len(intent.rules)} rules",
            f"{len(intent.examples)} examples",
            line(intent.means, 70),
        )
        for intent in intents
    )
    for text, of in shared.items():
        err(f"  {colour('!', 'yellow', sys.stderr)} example of {' and '.join(of)}: {line(text, 80)}")
    return 0


def _correct(workspace: Workspace, prefix: str, name: str) -> int:
    """Show the letter's words and the change, ask, and write it into the working folder."""
    context.need_person("intent --correct")
    reading = command_bus.open_reader(workspace)
    try:
        words = intent_corrections.words_of(reading, descriptions.find_run(reading, _run_of(reading, prefix)))
    finally:
        reading.close()
    change = intent_corrections.correction(FolderTree(workspace.root), name, words)
    err(f"These words of the letter become an example of {name}, in a file that git keeps:")
    for text in quoted(words):
        err(text)
    for text in difflib.unified_diff(
        change.old_text.splitlines(), change.new_text.splitlines(), change.path, change.path, lineterm="", n=2
    ):
        err(colour(visible(text), {"+": "green", "-": "red"}.get(text[:1], "dim"), sys.stderr))
    err("Is there anything personal in them that does not belong there?")
    if not agreed("write it? [y/N] "):
        err("nothing was changed")
        return 0
    intent_corrections.apply(Path(workspace.root), change)
    out(change.path)
    err(
        f"  commit it: from then on the same words have the intent {name}\n  git commit -m 'Correct an intent' {change.path}"
    )
    return 0


def _run_of(reading: command_bus.LedgerReader, prefix: str) -> str:
    """A run's id; for the beginning of a card's id, the run it belongs to."""
    cards = [card.run for id_, card in reading.book.cards.items() if id_.startswith(prefix.upper())]
    runs = [id_ for id_ in reading.book.runs if id_.startswith(prefix.lower())]
    return cards[0] if len(cards) == 1 and not runs else prefix
