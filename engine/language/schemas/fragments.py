"""The pieces that JSON Schemas are made of: one definition of what a text, a map or a stage is."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TypeAlias

from engine.language.expressions.ranges import RANGES, words
from engine.model.definitions.actions import Reach
from engine.model.definitions.plan import Stage
from engine.model.values.canonical_json import Json

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
    # Draft-07 ignores the keywords beside a `$ref`.
    return (
        {"allOf": [shape], "description": meaning} if "$ref" in shape else {**shape, "description": meaning}
    )


def mapping(keys: Keys, *, required: tuple[str, ...] = ()) -> Shape:
    """A map with these keys and no other."""
    closed_map: Shape = {
        "type": "object",
        "properties": {key: described(shape, meaning) for key, (shape, meaning) in keys.items()},
        "additionalProperties": False,
    }
    return {**closed_map, "required": list(required)} if required else closed_map


def named(value: Shape, *, pattern: str = NAME) -> Shape:
    """A map whose keys the operator chooses."""
    return {"type": "object", "patternProperties": {pattern: value}, "additionalProperties": False}


STAGES = one_of(
    {
        Stage.SHADOW.value: "nothing is called, only shown",
        Stage.APPROVAL.value: "what reaches a customer waits for you",
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
WORDS: Shape = {**TEXT, "not": {"pattern": r"\$\{\{"}, "errorMessage": "fixed words, no expression"}
"""Words that are the same in every run."""

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def length(key: str) -> Shape:
    """A duration within the range of its key."""
    low, high = (limit // timedelta(milliseconds=1) for limit in RANGES[key])
    parts = [
        f"({_numbers(-(-low // size), min(high // size, 999_999))})\\s?{unit}"
        for unit, size in _UNITS.items()
        if -(-low // size) <= high // size
    ]
    return {
        "type": "string",
        "pattern": rf"^\s*0*({'|'.join(parts)})\s*$",
        "errorMessage": words(key),
    }


def _numbers(low: int, high: int) -> str:
    """A pattern of the whole numbers from `low` to `high` without leading zeros."""
    patterns, whole = [], []
    for digits in range(len(str(low)), len(str(high)) + 1):
        first, last = max(low, 10 ** (digits - 1) if digits > 1 else 0), min(high, 10**digits - 1)
        if digits > 1 and len(str(first - 1)) < digits and len(str(last + 1)) > digits:
            whole.append(digits - 1)
        else:
            patterns.append(_between(str(first), str(last)))
    if whole:
        patterns.append(f"[1-9]\\d{{{whole[0]},{whole[-1]}}}")
    return "|".join(patterns)


def _between(low: str, high: str) -> str:
    """The numbers from `low` to `high`, which have as many digits."""
    if not low:
        return ""
    if low[0] == high[0]:
        return low[0] + _between(low[1:], high[1:])
    following_digits = len(low) - 1
    if not following_digits:
        return f"[{low}-{high}]"
    parts = [
        low[0] + _between(low[1:], "9" * following_digits),
        high[0] + _between("0" * following_digits, high[1:]),
    ]
    if int(high[0]) - int(low[0]) > 1:
        parts.append(f"[{int(low[0]) + 1}-{int(high[0]) - 1}]\\d{{{following_digits}}}")
    return f"(?:{'|'.join(parts)})"


LENGTH: Shape = {
    "type": "string",
    "pattern": r"^\s*\d{1,6}\s?(ms|s|m|h|d|w)\s*$",
    "errorMessage": "a length, like 20s, 10m, 2h, 7d",
}

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
