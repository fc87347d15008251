"""The files a card was made from, compared with today's: which prices, templates and notes have changed since."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from engine.language.passes import plan_codec
from engine.ledger import Ledger
from engine.model import effects
from engine.model.errors import EngineError
from engine.model.ports import Tree
from engine.model.state.redrafts import sources
from engine.model.state.state import CardState, RunState
from engine.model.values import ids
from engine.model.values.canonical_json import sha256

Traces = tuple[str | None, str | None]
"""The sealed values that name what a step was made from: what it read, and what it proposes."""


def changed(ledger: Ledger, tree: Tree, run: RunState, card: CardState) -> list[str]:
    """The files behind a card that have changed since it was drafted, or were deleted; empty when the plan is lost."""
    steps = {id_: (step.seen, step.proposal) for id_, step in run.steps.items()}
    read = card_sources(ledger, plan=run.plan, members=card.steps, steps=steps)
    return changed_paths(read, partial(version_of, tree))


def changed_paths(read: Mapping[str, str], version: Callable[[str], str]) -> list[str]:
    """The paths whose `version` differs from the one that was read."""
    return [path for path, was in sorted(read.items()) if version(path) != was]


def card_sources(
    ledger: Ledger, *, plan: str, members: tuple[str, ...], steps: Mapping[str, Traces]
) -> dict[str, str]:
    """Path → version of every file that the members of a card were made from; `steps` are those of its run.

    Empty when the plan is lost or altered: the card is still shown, and `verify` reports what happened to the plan.
    """
    versions: dict[str, str] = {}
    try:
        source_steps = sources(plan_codec.from_bytes(ledger.load_content(plan)), members)
    except (KeyError, EngineError):
        return {}
    for id_, (seen, proposal) in steps.items():
        if id_.partition("#")[0] in source_steps:
            # Of a file or a link that was made for the card, what it was made from counts, too.
            versions |= files(ledger, seen=seen, proposal=proposal)
        elif id_ in members:
            versions |= files(ledger, proposal=proposal)
    return versions


def files(ledger: Ledger, *, seen: str | None = None, proposal: str | None = None) -> dict[str, str]:
    """Path → version of the files that a step or a proposal was made from, by the sealed value that names them."""
    versions = dict(_unsealed(ledger, seen)) if seen else {}
    sealed = _unsealed(ledger, proposal) if proposal else {}
    return versions | (dict(effects.load(sealed).seen) if sealed else {})


def version_of(tree: Tree, path: str) -> str:
    """The digest of a file's bytes; empty when the file does not exist."""
    try:
        return sha256(tree.read(path))
    except KeyError:
        return ""


def _unsealed(ledger: Ledger, value: str) -> dict[str, Any]:
    try:
        content: dict[str, Any] = ledger.unseal(ids.ValueId(value)) or {}
    except EngineError:
        return {}
    return content
