"""The pieces that JSON Schemas are made of: one definition of what a text, a map or a stage is."""

from collections.abc import Mapping
from typing import TypeAlias

from engine.model.actions import Reach
from engine.model.canonical import Json
from engine.model.plan import Stage

Shape: TypeAlias = dict[str, Json]
Keys: TypeAlias = Mapping[str, tuple[Shape, str]]
"""Key → (what may stand there, what it means)."""

# A plain `010` or `no` is a number or a boolean to an editor, and text to the reader.
TEXT: Shape = {"type": ["string", "number", "boolean"]}
TEXTS: Shape = {"type": "array", "items": TEXT}
NUMBER: Shape = {"type": "number", "minimum": 0}
COUNT: Shape = {"type": "integer", "minimum": 0}
MONEY: Shape = {"type": "string", "pattern": r"^\d{1,15}(\.\d{1,4})? [A-Z]{3}$"}
CONDITION: Shape = {"type": ["string", "boolean"]}
ANYTHING: Shape = {}
NAME = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"


def one_of(words: Mapping[str, str]) -> Shape:
    return {"oneOf": [{"const": word, "description": meaning} for word, meaning in words.items()]}


def ref(name: str) -> Shape:
    return {"$ref": f"#/definitions/{name}"}


def described(shape: Shape, meaning: str) -> Shape:
    # Draft-07 ignores what stands beside a `$ref`.
    return (
        {"allOf": [shape], "description": meaning} if "$ref" in shape else {**shape, "description": meaning}
    )


def mapping(keys: Keys, *, required: tuple[str, ...] = ()) -> Shape:
    """A map with these keys and no other."""
    made: Shape = {
        "type": "object",
        "properties": {key: described(shape, meaning) for key, (shape, meaning) in keys.items()},
        "additionalProperties": False,
    }
    return {**made, "required": list(required)} if required else made


def named(value: Shape, *, pattern: str = NAME) -> Shape:
    """A map whose keys the operator chooses."""
    return {"type": "object", "patternProperties": {pattern: value}, "additionalProperties": False}


STAGES = one_of(
    {
        Stage.SHADOW.value: "nothing is called, only shown",
        Stage.APPROVAL.value: "what reaches a customer waits for you",
        Stage.CANARY.value: "a part acts by itself, the rest waits for you",
        Stage.AUTO.value: "acts by itself, but for payments and legal matters",
    }
)
REACHES = one_of(
    {
        Reach.INTERNAL.value: "stays in the workspace",
        Reach.LOW.value: "leaves, and binds nobody",
        Reach.CUSTOMER.value: "words to a customer",
        Reach.PAYMENT.value: "moves money, or asks for it",
        Reach.LEGAL.value: "binds somebody",
    }
)
LENGTH: Shape = {"type": "string", "pattern": r"^(\d+(ms|s|m|h|d|w)|.*\$\{\{.*)$"}

BUDGET = mapping({"usd": (NUMBER, "dollars for one run; past it: stop and ask")}, required=("usd",))
FIELDS = named(ref("type"), pattern=r"^[A-Za-z][A-Za-z0-9_-]*\??$")

OBSIDIAN: Keys = {
    "tags": ({}, "as in Obsidian"),
    "aliases": ({}, "as in Obsidian"),
    "cssclasses": ({}, "as in Obsidian"),
    "created": ({}, "when the note was made; means nothing here"),
    "updated": ({}, "when the note was changed; means nothing here"),
}

SECRET: Shape = {"type": "string", "pattern": r"^\$\{\{\s*secrets\.[A-Za-z][A-Za-z0-9_]*\s*\}\}$"}
