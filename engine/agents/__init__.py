"""Agents propose; they never perform. Without a model they propose the operator's own words (:mod:`engine.agents.template_draft`).

Terms
-----
*draft*   a body, what it would ask to pay for, and how sure it is; a person or a policy decides what becomes of it.

Invariants
----------
An agent has no way to act and is handed none. Its outputs are labelled `model` whoever made them. An amount comes from the
price list, never from a letter.

Non-goals: choosing recipients, steps or gates.
"""

from engine.model.definitions.actions import ActionSpec, EffectClass, Param
from engine.model.definitions.taint import Label
from engine.model.definitions.types import MONEY, NOTE, NUMBER, PERSON, TEXT, Field, Type, listing, record

DRAFT = ActionSpec(
    name="agent/draft-reply",
    summary="Draft one reply to a letter; without a model, from the operator's reply templates",
    kind=EffectClass.READ,
    params=(
        Param(name="message", type=TEXT, required=True, description="the letter's words"),
        Param(name="contact", type=PERSON, required=True, description="who wrote it"),
        Param(
            name="sources",
            type=Type(kind="list", items=NOTE, nullable=True),
            description="passages the reply may lean on",
        ),
    ),
    outputs=(
        Field(name="body", type=TEXT, description="the proposed words"),
        Field(
            name="items",
            type=listing(record(what=TEXT, amount=MONEY)),
            description="what the letter asks to pay for",
        ),
        Field(name="confidence", type=NUMBER, description="0 to 1; 0: the intent is unsure"),
    ),
    labels=frozenset({Label.MODEL}),
)
"""Its outputs count as a model's whatever drafted them, so that adding a model takes no right away."""


def declare_all() -> tuple[ActionSpec, ...]:
    """Every action of this package, without touching anything."""
    return (DRAFT,)
