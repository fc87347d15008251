"""Who is who, and the intent of a letter: both answered from the operator's own files, both willing to say "I don't know".

Terms
-----
*person*   an address with the contact note that has exactly it, or a stranger (:mod:`engine.identity.person_resolver`).
*project*  a note of `type: project` that has the address, its domain or a tag (:mod:`engine.identity.address_book`); a run keeps its name.
*intent*   a name from vault/intents that rules or examples point to, or `unsure` (:mod:`engine.identity.intent_rules`).
*tier*     who decided: `rules`, the `ensemble` on embeddings above a proven threshold, or a `person` (:mod:`engine.identity.intent_resolver`).
*example*  a text the operator put under an intent; a correction is one more of them.

Invariants
----------
An address is evidence of nothing until the trusted receiver proved its domain. Abstaining is an answer: `unsure` has
confidence 0 and does not wait. What `intent/resolve` puts out is made of the operator's words only.

Non-goals: guessing that two addresses are one person, asking a language model for the intent.
"""

from engine.model.definitions.actions import ActionSpec, EffectClass, Param
from engine.model.definitions.taint import Label
from engine.model.definitions.types import BOOL, EMAIL, NUMBER, RECORDS, TEXT, Field, choice, listing

RESOLVE = ActionSpec(
    name="identity/resolve",
    summary="Look an address up among the contact notes",
    kind=EffectClass.READ,
    params=(Param(name="email", type=EMAIL, required=True, description="the address"),),
    outputs=(
        *RECORDS["person"],
        Field(
            name="level",
            type=choice("user", "customer", "project", "unproven", "stranger"),
            description="what it is proven to be: one of us, a contact, somebody of a project; unproven: only the letter says so",
        ),
        Field(name="project", type=TEXT, optional=True, description="name of the project note it belongs to"),
        Field(name="reason", type=TEXT, description="why: which note or project has the address"),
        Field(name="bought", type=listing(TEXT), description="what the contact notes say was bought"),
        Field(
            name="doubts",
            type=listing(TEXT),
            description="where a second look at the notes says something else",
        ),
    ),
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
        Field(name="tier", type=TEXT, description="who decided: rules, ensemble, or person when nobody may"),
        Field(name="evidence", type=TEXT, description="the operator's own rules or example that were found"),
        Field(name="threshold", type=NUMBER, description="what the confidence had to reach"),
        Field(name="proven", type=BOOL, description="the threshold is backed by enough cases"),
        Field(
            name="nearest",
            type=TEXT,
            optional=True,
            description="the intent it is nearest to, also when that is too unsure to act on",
        ),
    ),
    labels=frozenset({Label.OPERATOR, Label.SYSTEM}),
    passes_labels=False,
)
"""Its outputs are made of the operator's words only; the text merely chooses among them."""


def declare_all() -> tuple[ActionSpec, ...]:
    """Every action of this package, without touching anything."""
    return (RESOLVE, INTENT)
