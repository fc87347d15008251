"""The JSON Schemas (draft-07, what YAML language servers read) of every kind of file, made from one table.

``python -m engine.language.schemas.schemas schemas`` writes them. A schema helps while typing; what counts is `steward check`.
"""

import json
import sys
from pathlib import Path

from engine.language.documents.playbook import MAX_ROUNDS
from engine.language.expressions.ranges import RANGES
from engine.language.schemas.fragments import (
    ANYTHING,
    BUDGET,
    CONDITION,
    FIELDS,
    LENGTH,
    NAME,
    NUMBER,
    OBSIDIAN,
    REACHES,
    STAGES,
    TEXT,
    TEXTS,
    WORDS,
    Keys,
    Shape,
    length,
    mapping,
    named,
    one_of,
    ref,
)
from engine.language.schemas.vault_schemas import AGENT, INTENT, POLICY, STEWARD, TEMPLATE
from engine.language.types.type_syntax import SIMPLE
from engine.model.defaults import ATTEMPT_TIMEOUT, DECISION_TIMEOUT
from engine.model.definitions.triggers import TRIGGERS
from engine.model.definitions.types import Field
from engine.model.values.durations import exact

_LONG_TYPE: Keys = {
    "type": (ref("type"), "the type"),
    "default": (ANYTHING, "what counts when nothing is given"),
    "min": (ANYTHING, "the least that is taken"),
    "max": (ANYTHING, "the most that is taken"),
    "description": (TEXT, "shown where it is asked for"),
    "optional": ({"type": "boolean"}, "whether it may be left out"),
}
# A map is the long form or a map of fields, by `if` and not as two branches: trying both at each level means a thousand million tries
# for types nested 30 deep.
_TYPE: Shape = {
    "anyOf": [
        {"type": "string", "enum": list(SIMPLE)},
        {"type": "string", "pattern": r"^(one of .+,.+|\[.+\]|\{.+\})$"},
        {"type": "array", "items": ref("type"), "minItems": 1, "maxItems": 1},
        {
            "type": "object",
            "if": {
                "required": ["type"],
                "properties": {"type": {"type": ["string", "array"], "description": "the type"}},
                "propertyNames": {"enum": list(_LONG_TYPE)},
            },
            "then": mapping(_LONG_TYPE, required=("type",)),
            "else": {"additionalProperties": ref("type")},
        },
    ]
}

TRIGGER_MEANINGS = {
    "email": "a letter arrives that no run waits for",
    "manual": "you start it: steward run NAME",
    "call": "another playbook or SOP calls it",
    "schedule": "a time comes, in the workspace's time zone",
    "file": "a file is dropped into the workspace",
    "event": "a connector reports something",
    "webhook": "a signed call comes in",
    "intent": "a letter wants this, by the rules of vault/intents",
}
_PARAM_SHAPES: dict[str, Shape] = {"text": TEXT, "number": NUMBER, "map": {"type": "object"}}


def _param(param: Field) -> Shape:
    return FIELDS if param.name == "fields" else _PARAM_SHAPES[param.type.kind]


def _triggers() -> Shape:
    shapes = {
        spec.name: mapping({param.name: (_param(param), param.description) for param in spec.params})
        for spec in TRIGGERS.values()
    }
    return {
        **mapping({name: (shape, TRIGGER_MEANINGS[name]) for name, shape in shapes.items()}),
        "minProperties": 1,
    }


def _stops() -> Shape:
    """A list of triggers, one to an entry, with the fields that tell each from the others."""
    shapes = {
        spec.name: mapping({match.name: (_param(match), match.description) for match in spec.matches})
        for spec in TRIGGERS.values()
        if spec.matches
    }
    stop = mapping({name: (shape, TRIGGER_MEANINGS[name]) for name, shape in shapes.items()})
    return {"type": "array", "items": {**stop, "minProperties": 1, "maxProperties": 1}}


_GATE = mapping(
    {
        "title": (TEXT, "your own words on the card; values are shown quoted"),
        "expires-after": (
            length("expires-after"),
            f"how long the card waits ({exact(DECISION_TIMEOUT)}); expiry means no",
        ),
    }
)
_CONCURRENCY: Shape = {
    "anyOf": [
        TEXT,
        mapping(
            {
                "group": (TEXT, "runs with the same text are one group"),
                "if-running": (
                    one_of(
                        {
                            "wait": "start when the other has ended",
                            "drop": "don't start",
                            "replace": "end the other, unless it began to act",
                        }
                    ),
                    "what happens while another run of the group is under way",
                ),
            },
            required=("group",),
        ),
    ]
}
COMMON: Keys = {
    "description": (WORDS, "one line on what it is for, shown in lists"),
    "stage": (STAGES, "how far it may go: the ceiling (shadow)"),
    "on": (_triggers(), "what starts it"),
    "subject": (
        TEXT,
        "whom the run is about, for erasure and trust; only a random id of it is stored in clear",
    ),
    "concurrency": (_CONCURRENCY, "one run at a time for the same text"),
    "stop-on": (_stops(), "what ends a run well, checked again before every effect"),
    "once": (TEXT, "never twice for this text, ever"),
    "inputs": (FIELDS, "what a caller gives, name → type"),
    "outputs": ({"type": "object"}, "what callers and later runs read, name → value"),
    "budget": (BUDGET, "the most a run may cost"),
    "if-failed": (
        one_of({"stop": "what was done stays done", "undo": "it is taken back, newest first"}),
        "what becomes of what was done when a step fails (stop)",
    ),
    "gates": (named(_GATE), "decisions that may cover several steps"),
}
"""What playbooks and SOPs share."""

STEP: Keys = {
    "id": ({"type": "string", "pattern": NAME}, "the step's name in expressions, cards and the log"),
    "name": (WORDS, "the step in words (its id)"),
    "uses": (
        {"type": "string", "pattern": r"^[a-z][a-z0-9-]*/[a-z][a-z0-9-]*$"},
        "connector/action, agent/name, playbook/name, wait/for, human/ask, run/end or run/find",
    ),
    "foreach": (
        {"type": ["string", "array"]},
        "a list: the step runs once for each `item`, and its outputs are a list",
    ),
    "key": (TEXT, "what tells one item from another, for ever; needed where the step acts"),
    "max-parallel": ({"type": "integer", "minimum": 1, "maximum": 100}, "items at work at once (4)"),
    "pause": (
        length("pause"),
        "so long after one item begins the next; where the step acts, after one has left",
    ),
    "repeat": (
        mapping(
            {
                "until": (CONDITION, "what has to hold; it may read the step's own outputs"),
                "at-most": (
                    {"type": "integer", "minimum": 2, "maximum": MAX_ROUNDS},
                    "how often in all; past it the step fails",
                ),
                "pause": (length("repeat.pause"), "how long after one round the next begins (1m)"),
            },
            required=("until", "at-most"),
        ),
        "the step is done again until a condition holds, each round an effect of its own; its outputs are those of the last",
    ),
    "once": (TEXT, "this step never acts twice for this text, ever"),
    "subject": (TEXT, "whom this step, or this item, is about"),
    "expect": ({"type": "object"}, "outputs read back, field → value; a mismatch fails the step"),
    "with": ({"type": "object"}, "its arguments, checked against the action's types"),
    "needs": (
        {"type": "array", "items": {"type": "string", "pattern": NAME}},
        "steps above that must be settled first (the step above); [] starts at once",
    ),
    "if": (CONDITION, "else the step is skipped, and so are the steps that read it"),
    "stage": (STAGES, "a lower ceiling for this step"),
    "reach": (REACHES, "how far it reaches; may only rise above the action's own"),
    "gate": ({"type": "string", "pattern": NAME}, "the decision that covers it"),
    "undo": (
        {
            **mapping(
                {
                    "none": (WORDS, "why it can't be taken back"),
                    "uses": (
                        {"type": "string", "pattern": r"^[a-z][a-z0-9-]*/[a-z][a-z0-9-]*$"},
                        "the action that takes it back: an effect of its own, with its own card where its reach asks for one",
                    ),
                    "with": ({"type": "object"}, "its arguments; they may read the step's own outputs"),
                }
            ),
            "oneOf": [{"required": ["none"]}, {"required": ["uses"]}],
            "dependencies": {"with": ["uses"]},
        },
        "how the step is taken back, instead of what its action says",
    ),
    "undo-within": (
        length("undo-within"),
        f"how long the approved effect is held, at most {exact(RANGES['undo-within'][1])}: steward undo",
    ),
    "timeout": (length("timeout"), f"how long one attempt may take ({exact(ATTEMPT_TIMEOUT)})"),
    "retry": (
        mapping(
            {
                "attempts": (
                    {"type": "integer", "minimum": 1, "maximum": 100},
                    "how often it is tried in all (1)",
                ),
                "backoff": (
                    one_of({"exponential": "each pause twice as long", "constant": "the same pause"}),
                    "how the pauses grow (exponential)",
                ),
                "base": (length("retry.base"), "the first pause (1s)"),
                "max": (length("retry.max"), "the longest pause (10m)"),
            }
        ),
        "what happens after a failure that may pass",
    ),
    "continue-on-error": ({"type": "boolean"}, "whether the run goes on when this step fails"),
}
"""The keys of a step."""

PLAYBOOK: Keys = {
    "name": (WORDS, "its name in words, shown everywhere"),
    **COMMON,
    "steps": (
        {"type": "array", "items": mapping(STEP, required=("id", "uses")), "minItems": 1},
        "what is done, top to bottom",
    ),
}

SOP: Keys = {
    "type": ({"const": "sop"}, "`sop` makes this note a procedure that can be run"),
    "title": (WORDS, "its name in words (the first heading)"),
    **COMMON,
    **OBSIDIAN,
}

_WORDS: Shape = {"anyOf": [TEXT, TEXTS]}
_NAMED_ONE: Shape = {"type": "object", "minProperties": 1, "maxProperties": 1}

MOVES: Keys = {
    "approve": (TEXT, "say yes to the open card of this gate or step"),
    "reject": (TEXT, "say no to it"),
    "edit": (_NAMED_ONE, "change its words: { gate: words }"),
    "answer": (_NAMED_ONE, "answer a question: { step: { choice: …, field: … } }"),
    "event": ({"type": "object"}, "something arrives; a letter answers the one that began the run"),
    "advance": (ref("length"), "let that much time pass"),
    "fail": (TEXT, "the step's next attempt fails"),
}

EXPECT: Keys = {
    "sent": (
        TEXTS,
        "the effects that were performed, by step, in their order; what only prepares counts when it is named",
    ),
    "waiting": (_WORDS, "the gates and steps the run waits at in the end, or none"),
    "never": (TEXTS, "steps that did nothing"),
    "status": (TEXT, "how the run stands in the end: succeeded, cancelled, failed, no-op, waiting"),
    "stopped-by": (TEXT, "the event of `stop-on` that ended the run"),
    "outputs": ({"type": "object"}, "outputs of the run"),
}

CASE: Keys = {
    "name": (TEXT, "what the case shows"),
    "event": ({"type": "object"}, "what arrives and starts the run; what is left out is made up"),
    "inputs": ({"type": "object"}, "the inputs of a run that is started by hand or called"),
    "given": ({"type": "object"}, "step → its outputs: the step isn't performed; never a wait"),
    "then": (
        {"type": "array", "items": {**mapping(MOVES), "minProperties": 1, "maxProperties": 1}},
        "what happens afterwards, one after the other, on a virtual clock",
    ),
    "expect": ({**mapping(EXPECT), "minProperties": 1}, "what has to be so in the end"),
}

TEST: Keys = {
    "playbook": (TEXT, "the playbook or SOP that is tested, by its file's name without the ending"),
    "cases": (
        {"type": "array", "minItems": 1, "items": mapping(CASE, required=("name", "expect"))},
        "each is run by itself",
    ),
}

_DEFINITIONS: dict[str, Shape] = {
    "length": {**LENGTH, "description": "a length of time, like 20s, 10m, 2h, 7d"},
    "type": {**_TYPE, "description": "text, number, money, …, [text], {a: text}, one of a, b"},
}


def _file(title: str, body: Shape) -> Shape:
    """One schema, with the definitions it refers to."""
    text = json.dumps(body)
    needed = {
        name: definition for name, definition in _DEFINITIONS.items() if f"#/definitions/{name}" in text
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        **body,
        **({"definitions": needed} if needed else {}),
    }


def all_schemas() -> dict[str, Shape]:
    """File name → schema."""
    bodies = {
        "playbook": _file("Steward playbook", mapping(PLAYBOOK, required=("name", "on", "steps"))),
        "sop": _file("Front matter of a Steward SOP", mapping(SOP, required=("type",))),
        "template": _file("Front matter of a Steward template", mapping(TEMPLATE)),
        "agent": _file(
            "Front matter of a Steward agent", mapping(AGENT, required=("description", "outputs"))
        ),
        "steward": _file("steward.yaml", mapping(STEWARD, required=("operator",))),
        "intents": _file("Steward intents", named(mapping(INTENT))),
        "policy": _file("Steward policy", mapping(POLICY)),
        "test": _file("Steward scenario test", mapping(TEST, required=("playbook", "cases"))),
    }
    return {f"{name}.schema.json": schema for name, schema in bodies.items()}


def write(folder: Path) -> None:
    """Write every schema into `folder`."""
    for name, schema in all_schemas().items():
        (folder / name).write_bytes(encode(schema))


def encode(schema: Shape) -> bytes:
    """The bytes of a schema file."""
    return (json.dumps(schema, indent=2, ensure_ascii=False) + "\n").encode()


if __name__ == "__main__":
    write(Path(sys.argv[1]))
