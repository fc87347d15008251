"""What the workspace knows, found again: passages of the vault, with where they stand and what found them.

Terms
-----
*passage*   a piece of a note under one heading, with the way to it.
*kind*      a note's front matter `type`, else what its folder holds.
*found-by*  `full-text` here; a passage never hides which index it came from.

Invariants
----------
The index is a cache in memory, keyed by blob ids: forgetting it loses nothing. A query is words, never syntax. Notes about
other people are not recalled unless asked for by kind.

Non-goals: remembering between runs (outputs of runs do that), ranking by meaning.
"""

from engine.model.actions import ActionSpec, EffectClass, Param
from engine.model.labels import Label
from engine.model.types import INTEGER, NOTE, TEXT, Field, Type, listing

RECALL = ActionSpec(
    name="memory/recall",
    summary="Find the passages of the vault nearest to a text",
    kind=EffectClass.READ,
    params=(
        Param(name="query", type=TEXT, required=True, description="any words; a whole letter will do"),
        Param(
            name="kind",
            type=Type(kind="text", nullable=True),
            description="only notes of this type: sop, note, …",
        ),
        Param(name="limit", type=INTEGER, default=5, description="at most this many passages, 1 to 20"),
    ),
    outputs=(Field(name="notes", type=listing(NOTE), description="best first"),),
    labels=frozenset({Label.OPERATOR}),
    passes_labels=False,
)
"""Passages are the operator's words; nothing of the query is in them."""


def declare_all() -> tuple[ActionSpec, ...]:
    """Every action of this package, without touching anything."""
    return (RECALL,)
