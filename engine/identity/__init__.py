"""Who is who, and what somebody wants: both answered from the operator's own files, both willing to say "I don't know".

Terms
-----
*person*   an address with the contact note that has exactly it, or a stranger (:mod:`.resolve`).
*intent*   a name from vault/intents that exactly one set of rules points to, or `unsure` (:mod:`.intent`).
*tier*     who decided: here always `rules`.

Invariants
----------
An address is evidence of nothing until the trusted receiver proved its domain. Abstaining is an answer: `unsure` has
confidence 0 and waits for nobody. What `intent/resolve` puts out is made of the operator's words only.

Non-goals: guessing that two addresses are one person, reading intent from a model.
"""

from engine.model.actions import ActionSpec, EffectClass, Param
from engine.model.labels import Label
from engine.model.types import EMAIL, NUMBER, RECORDS, TEXT, Field

RESOLVE = ActionSpec(
    name="identity/resolve",
    summary="Look an address up among the contact notes",
    kind=EffectClass.READ,
    params=(Param(name="email", type=EMAIL, required=True, description="the address"),),
    outputs=RECORDS["person"],
    labels=frozenset({Label.UNTRUSTED}),
)
"""Declared untrusted: an unknown sender's name is what the sender wrote."""

INTENT = ActionSpec(
    name="intent/resolve",
    summary="Say which canonical intent a text has, or abstain as `unsure`",
    kind=EffectClass.READ,
    params=(Param(name="text", type=TEXT, required=True, description="the words, usually of a letter"),),
    outputs=(
        Field(name="name", type=TEXT, description="a name from vault/intents, or unsure"),
        Field(name="confidence", type=NUMBER, description="0 to 1; 0 means unsure"),
        Field(name="tier", type=TEXT, description="who decided: rules"),
        Field(name="evidence", type=TEXT, description="the operator's own rule words that were found"),
    ),
    labels=frozenset({Label.OPERATOR, Label.SYSTEM}),
    passes_labels=False,
)
"""Its outputs are made of the operator's words only; the text merely chooses among them."""


def declare_all() -> tuple[ActionSpec, ...]:
    """Every action of this package, without touching anything."""
    return (RESOLVE, INTENT)
