"""Recall of what the workspace knows: passages of the vault, with their place and the search that found them.

Terms
-----
*passage*   a piece of a note under one heading, with the way to it.
*kind*      a note's front matter `type`, else what its folder holds.
*found-by*  `meaning and words` (the index) or `full-text`; a passage never hides which of them it came from.
*chunk*     a passage as the index keeps it: about 150 words, named by the digest of its text, which does not know its path.
*index*     what the memory process keeps of one commit; *generation*: a published copy of it.

Invariants
----------
1. Everything here is a cache of the commit: forgetting it loses nothing, and what was altered is thrown away, not believed.
2. An answer is of the commit asked for, or it is not given: then full text answers, labelled.
3. An index that grew change by change equals one made afresh: the same ids, digests, vectors and ranks.
4. A text is encoded once, wherever it moves. A query is words, never syntax.
5. Notes about other people are not recalled unless asked for by kind.
6. The search engine is imported in the memory process only (`engine.memory.server`), never where a command runs.

Non-goals: remembering between runs (outputs of runs do that), writing notes.
"""

from engine.model.definitions.actions import ActionSpec, EffectClass, Param
from engine.model.definitions.taint import Label
from engine.model.definitions.types import FOUND_BY, INTEGER, NOTE, TEXT, Field, Type, listing

FULL_TEXT, INDEX = FOUND_BY

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
