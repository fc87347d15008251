"""The JSON Schemas (draft-07, what YAML language servers read) of every kind of file, made from one table.

``python -m engine.language.schema schemas`` writes them. A schema helps while typing; what counts is `steward check`.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from engine.language.typeexpr import SIMPLE
from engine.model.actions import Reach
from engine.model.canonical import Json
from engine.model.plan import Stage
from engine.model.triggers import TRIGGERS

Shape: TypeAlias = dict[str, Json]
Keys: TypeAlias = Mapping[str, tuple[Shape, str]]
"""Key → (what may stand there, what it means)."""

# A plain `010` or `no` is a number or a boolean to an editor, and text to the reader.
_TEXT: Shape = {"type": ["string", "number", "boolean"]}
_TEXTS: Shape = {"type": "array", "items": _TEXT}
_NUMBER: Shape = {"type": "number", "minimum": 0}
_COUNT: Shape = {"type": "integer", "minimum": 0}
_MONEY: Shape = {"type": "string", "pattern": r"^\d{1,15}(\.\d{1,4})? [A-Z]{3}$"}
_CONDITION: Shape = {"type": ["string", "boolean"]}
_ANYTHING: Shape = {}
_NAME = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"


def _one_of(words: Mapping[str, str]) -> Shape:
    return {"oneOf": [{"const": word, "description": meaning} for word, meaning in words.items()]}


def _ref(name: str) -> Shape:
    return {"$ref": f"#/definitions/{name}"}


def _described(shape: Shape, meaning: str) -> Shape:
    # Draft-07 ignores what stands beside a `$ref`.
    return (
        {"allOf": [shape], "description": meaning} if "$ref" in shape else {**shape, "description": meaning}
    )


def _map(keys: Keys, *, required: tuple[str, ...] = ()) -> Shape:
    """A map with these keys and no other."""
    made: Shape = {
        "type": "object",
        "properties": {key: _described(shape, meaning) for key, (shape, meaning) in keys.items()},
        "additionalProperties": False,
    }
    return {**made, "required": list(required)} if required else made


def _named(value: Shape, *, pattern: str = _NAME) -> Shape:
    """A map whose keys the operator chooses."""
    return {"type": "object", "patternProperties": {pattern: value}, "additionalProperties": False}


_STAGES = _one_of(
    {
        Stage.SHADOW.value: "nothing is called, only shown",
        Stage.APPROVAL.value: "what reaches a customer waits for you",
        Stage.CANARY.value: "a part acts by itself, the rest waits for you",
        Stage.AUTO.value: "acts by itself, but for payments and legal matters",
    }
)
_REACHES = _one_of(
    {
        Reach.INTERNAL.value: "stays in the workspace",
        Reach.LOW.value: "leaves, and binds nobody",
        Reach.CUSTOMER.value: "words to a customer",
        Reach.PAYMENT.value: "moves money, or asks for it",
        Reach.LEGAL.value: "binds somebody",
    }
)
_LENGTH: Shape = {"type": "string", "pattern": r"^(\d+(ms|s|m|h|d|w)|.*\$\{\{.*)$"}

_TYPE: Shape = {
    "anyOf": [
        {"oneOf": [{"const": word} for word in SIMPLE]},
        {"type": "string", "pattern": r"^(one of .+,.+|\[.+\]|\{.+\})$"},
        {"type": "array", "items": _ref("type"), "minItems": 1, "maxItems": 1},
        _map(
            {
                "type": (_ref("type"), "the type"),
                "default": (_ANYTHING, "what counts when nothing is given"),
                "min": (_ANYTHING, "the least that is taken"),
                "max": (_ANYTHING, "the most that is taken"),
                "description": (_TEXT, "shown where it is asked for"),
                "optional": ({"type": "boolean"}, "whether it may be left out"),
            },
            required=("type",),
        ),
        {"type": "object", "additionalProperties": _ref("type")},
    ]
}

_TRIGGER_MEANING = {
    "email": "a letter arrives that no run waits for",
    "manual": "you start it: steward run NAME",
    "call": "another playbook or SOP calls it",
    "schedule": "a time comes, in the workspace's time zone",
    "file": "a file is dropped into the workspace",
    "event": "a connector reports something",
    "webhook": "a signed call comes in",
    "intent": "a letter wants this, by the rules of vault/intents",
}
_PARAM_SHAPES: dict[str, Shape] = {"text": _TEXT, "number": _NUMBER, "map": {"type": "object"}}


def _triggers() -> Shape:
    shapes = {
        spec.name: _map(
            {param.name: (_PARAM_SHAPES[param.type.kind], param.description) for param in spec.params}
        )
        for spec in TRIGGERS.values()
    }
    return {
        **_map({name: (shape, _TRIGGER_MEANING[name]) for name, shape in shapes.items()}),
        "minProperties": 1,
    }


def _stops() -> Shape:
    """A list of triggers, one to an item, with what tells each from others."""
    shapes = {
        spec.name: _map({one.name: (_PARAM_SHAPES[one.type.kind], one.description) for one in spec.matches})
        for spec in TRIGGERS.values()
        if spec.matches
    }
    one = _map({name: (shape, _TRIGGER_MEANING[name]) for name, shape in shapes.items()})
    return {"type": "array", "items": {**one, "minProperties": 1, "maxProperties": 1}}


_GATE = _map(
    {
        "title": (_TEXT, "your own words on the card; values are shown quoted"),
        "expires-after": (_ref("length"), "how long the card waits (7d); expiry means no"),
    },
    required=("title",),
)
_CONCURRENCY: Shape = {
    "anyOf": [
        _TEXT,
        _map(
            {
                "group": (_TEXT, "runs with the same text are one group"),
                "if-running": (
                    _one_of(
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
_BUDGET = _map({"usd": (_NUMBER, "dollars for one run; past it: stop and ask")}, required=("usd",))
_FIELDS = _named(_ref("type"), pattern=r"^[A-Za-z][A-Za-z0-9_-]*\??$")

COMMON: Keys = {
    "description": (_TEXT, "one line on what it is for, shown in lists"),
    "stage": (_STAGES, "how far it may go: the ceiling (shadow)"),
    "on": (_triggers(), "what starts it"),
    "subject": (
        _TEXT,
        "whom the run is about, for erasure and trust; only a random id of it is stored in clear",
    ),
    "concurrency": (_CONCURRENCY, "one run at a time for the same text"),
    "stop-on": (_stops(), "what ends a run well, checked again before every effect"),
    "once": (_TEXT, "never twice for this text, ever"),
    "inputs": (_FIELDS, "what a caller gives, name → type"),
    "outputs": ({"type": "object"}, "what callers and later runs read, name → value"),
    "budget": (_BUDGET, "the most a run may cost"),
    "if-failed": (
        _one_of({"stop": "what was done stays done", "undo": "it is taken back, newest first"}),
        "what becomes of what was done when a step fails (stop)",
    ),
    "gates": (_named(_GATE), "decisions that may cover several steps"),
}
"""What playbooks and SOPs share."""

STEP: Keys = {
    "id": ({"type": "string", "pattern": _NAME}, "the step's name in expressions, cards and the log"),
    "name": (_TEXT, "the step in words (its id)"),
    "uses": (
        {"type": "string", "pattern": r"^[a-z][a-z0-9-]*/[a-z][a-z0-9-]*$"},
        "connector/action, agent/name, playbook/name, wait/for, human/ask, run/end or run/find",
    ),
    "foreach": (
        {"type": ["string", "array"]},
        "a list: the step runs once for each `item`, and its outputs are a list",
    ),
    "key": (_TEXT, "what tells one item from another, for ever; needed where the step acts"),
    "max-parallel": ({"type": "integer", "minimum": 1, "maximum": 100}, "items at work at once (4)"),
    "once": (_TEXT, "this step never acts twice for this text, ever"),
    "subject": (_TEXT, "whom this step, or this item, is about"),
    "expect": ({"type": "object"}, "outputs read back, field → value; a mismatch fails the step"),
    "with": ({"type": "object"}, "its arguments, checked against the action's types"),
    "needs": (
        {"type": "array", "items": {"type": "string", "pattern": _NAME}},
        "steps above that must be settled first (the step above); [] starts at once",
    ),
    "if": (_CONDITION, "else the step is skipped, and so are the steps that read it"),
    "stage": (_STAGES, "a lower ceiling for this step"),
    "reach": (_REACHES, "how far it reaches; may only rise above the action's own"),
    "gate": ({"type": "string", "pattern": _NAME}, "the decision that covers it"),
    "undo": (
        _map({"none": (_TEXT, "why it can't be taken back")}, required=("none",)),
        "how the step is taken back, where its action does not say",
    ),
    "undo-within": (_ref("length"), "how long the approved effect is held, at most 10m: steward undo"),
    "timeout": (_ref("length"), "how long one attempt may take (10m)"),
    "retry": (
        _map(
            {
                "attempts": ({"type": "integer", "minimum": 1}, "how often it is tried in all (1)"),
                "backoff": (
                    _one_of({"exponential": "each pause twice as long", "constant": "the same pause"}),
                    "how the pauses grow (exponential)",
                ),
                "base": (_ref("length"), "the first pause (1s)"),
                "max": (_ref("length"), "the longest pause (10m)"),
            }
        ),
        "what happens after a failure that may pass",
    ),
    "continue-on-error": ({"type": "boolean"}, "whether the run goes on when this step fails"),
}
"""The keys of a step."""

PLAYBOOK: Keys = {
    "name": (_TEXT, "its name in words, shown everywhere"),
    **COMMON,
    "steps": (
        {"type": "array", "items": _map(STEP, required=("id", "uses")), "minItems": 1},
        "what is done, top to bottom",
    ),
}

_OBSIDIAN: Keys = {
    "tags": ({}, "as in Obsidian"),
    "aliases": ({}, "as in Obsidian"),
    "cssclasses": ({}, "as in Obsidian"),
    "created": ({}, "when the note was made; means nothing here"),
    "updated": ({}, "when the note was changed; means nothing here"),
}

SOP: Keys = {
    "type": ({"const": "sop"}, "`sop` makes this note a procedure that can be run"),
    "title": (_TEXT, "its name in words (the first heading)"),
    **COMMON,
    **_OBSIDIAN,
}

TEMPLATE: Keys = {
    "subject": (_TEXT, "the subject line; may hold values"),
    "values": (_FIELDS, "every value the template may show, name → type"),
    "language": (
        {"type": "string", "pattern": "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"},
        "the language it is written in, like en",
    ),
    **_OBSIDIAN,
}

AGENT: Keys = {
    "description": (_TEXT, "one line on what it does"),
    "inputs": (_FIELDS, "what it is given, name → type"),
    "outputs": (_FIELDS, "what it has to answer, name → type"),
    "model": (_TEXT, "which model of steward.yaml it asks"),
    "budget": (_BUDGET, "the most one answer may cost"),
    "examples": (_TEXT, "notes that show good answers, as a path with *"),
    **_OBSIDIAN,
}

_EMAIL: Shape = {"type": "string", "pattern": "^[^\\s@]+@[^\\s@]+$"}
_BLOCKS: Shape = {"type": "object", "additionalProperties": {"type": "object"}}

STEWARD: Keys = {
    "operator": (
        _map({"name": (_TEXT, "your name"), "email": (_EMAIL, "your address")}, required=("name", "email")),
        "the person this workspace belongs to",
    ),
    "people": (
        _named(
            _map(
                {
                    "name": (_TEXT, "their name"),
                    "ask": (_one_of({"email": "by letter"}), "how they are asked"),
                    "address": (_EMAIL, "their address"),
                },
                required=("name",),
            )
        ),
        "others who can be asked: @partner in a SOP",
    ),
    "id": (
        {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9-]{3,63}$"},
        "written by init, never changed",
    ),
    "deploy": ({"type": "string"}, "the branch that runs (main)"),
    "time-zone": ({"type": "string"}, "where your days begin, like Europe/Warsaw (UTC)"),
    "currency": ({"type": "string", "pattern": "^[A-Z]{3}$"}, "the currency you think in (EUR)"),
    "budget": (
        _map(
            {
                "usd-per-day": (_NUMBER, "dollars for all models in a day"),
                "usd-per-month": (_NUMBER, "dollars for all models in a month"),
            }
        ),
        "past it: stop and ask",
    ),
    "models": (_BLOCKS, "language models; they change nothing in this version"),
    "connectors": (_BLOCKS, "settings of connectors; a secret is written as ${{ secrets.NAME }}"),
    "secrets": (
        {
            "type": "array",
            "items": _one_of({"env": "environment variables", "keyring": "steward secrets set"}),
        },
        "where secrets are looked up, in this order ([env])",
    ),
}

INTENT: Keys = {
    "means": (_TEXT, "what somebody wants, in one line"),
    "examples": (_TEXTS, "letters that want it, a line each"),
    "rules": (_TEXTS, "words and phrases that decide it without a model"),
    "ask-below": (
        {"type": "number", "minimum": 0, "maximum": 1},
        "below this confidence a person decides (0.8)",
    ),
}

_ACTION: Shape = {"type": "string", "pattern": r"^[a-z][a-z0-9-]*/([a-z][a-z0-9-]*|\*)$"}

POLICY: Keys = {
    "always-ask": (
        {"type": "array", "items": _REACHES},
        "reaches that wait for you at every stage ([payment, legal])",
    ),
    "deny": ({"type": "array", "items": _ACTION}, "actions that never run, like payments/*"),
    "caps": (
        {
            "type": "array",
            "items": {
                **_map(
                    {
                        "action": (_ACTION, "the action, or connector/* for all of one"),
                        "each": (_MONEY, "the most one may move"),
                        "per-day": (_MONEY, "the most all may move in a day"),
                        "count-per-day": (_COUNT, "how many in a day"),
                    },
                    required=("action",),
                ),
                "minProperties": 2,
            },
        },
        "past a cap the answer is no, whatever a person approved",
    ),
}

_WORDS: Shape = {"anyOf": [_TEXT, _TEXTS]}
_NAMED_ONE: Shape = {"type": "object", "minProperties": 1, "maxProperties": 1}

MOVES: Keys = {
    "approve": (_TEXT, "say yes to the open card of this gate or step"),
    "reject": (_TEXT, "say no to it"),
    "edit": (_NAMED_ONE, "change its words: { gate: words }"),
    "answer": (_NAMED_ONE, "answer a question: { step: { choice: …, field: … } }"),
    "event": ({"type": "object"}, "something arrives; a letter answers the one that began the run"),
    "advance": (_ref("length"), "let that much time pass"),
    "fail": (_TEXT, "the step's next attempt fails"),
}

EXPECT: Keys = {
    "sent": (
        _TEXTS,
        "the effects that were performed, by step, in their order; what only prepares counts when it is named",
    ),
    "waiting": (_WORDS, "the gates and steps the run waits at in the end, or none"),
    "never": (_TEXTS, "steps that did nothing"),
    "status": (_TEXT, "how the run stands in the end: succeeded, cancelled, failed, no-op, waiting"),
    "stopped-by": (_TEXT, "the event of `stop-on` that ended the run"),
    "outputs": ({"type": "object"}, "outputs of the run"),
}

CASE: Keys = {
    "name": (_TEXT, "what the case shows"),
    "event": ({"type": "object"}, "what arrives and starts the run; what is left out is made up"),
    "inputs": ({"type": "object"}, "the inputs of a run that is started by hand or called"),
    "given": ({"type": "object"}, "step → its outputs: the step isn't performed; never a wait"),
    "then": (
        {"type": "array", "items": {**_map(MOVES), "minProperties": 1, "maxProperties": 1}},
        "what happens afterwards, one after the other, on a virtual clock",
    ),
    "expect": ({**_map(EXPECT), "minProperties": 1}, "what has to be so in the end"),
}

TEST: Keys = {
    "playbook": (_TEXT, "the playbook or SOP that is tested, by its file's name without the ending"),
    "cases": (
        {"type": "array", "minItems": 1, "items": _map(CASE, required=("name", "expect"))},
        "each is run by itself",
    ),
}

_DEFINITIONS: dict[str, Shape] = {
    "length": {**_LENGTH, "description": "a length of time, like 20s, 10m, 2h, 7d"},
    "type": {**_TYPE, "description": "text, number, money, …, [text], {a: text}, one of a, b"},
}


def _file(title: str, body: Shape) -> Shape:
    """One schema, with the definitions it refers to."""
    text = json.dumps(body)
    needed = {name: one for name, one in _DEFINITIONS.items() if f"#/definitions/{name}" in text}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        **body,
        **({"definitions": needed} if needed else {}),
    }


def all_schemas() -> dict[str, Shape]:
    """File name → schema."""
    made = {
        "playbook": _file("Steward playbook", _map(PLAYBOOK, required=("name", "on", "steps"))),
        "sop": _file("Front matter of a Steward SOP", _map(SOP, required=("type",))),
        "template": _file("Front matter of a Steward template", _map(TEMPLATE)),
        "agent": _file("Front matter of a Steward agent", _map(AGENT)),
        "steward": _file("steward.yaml", _map(STEWARD, required=("operator",))),
        "intents": _file("Steward intents", _named(_map(INTENT))),
        "policy": _file("Steward policy", _map(POLICY)),
        "test": _file("Steward scenario test", _map(TEST, required=("playbook", "cases"))),
    }
    return {f"{name}.schema.json": schema for name, schema in made.items()}


def write(folder: Path) -> None:
    """Write every schema into `folder`."""
    for name, schema in all_schemas().items():
        (folder / name).write_bytes(encode(schema))


def encode(schema: Shape) -> bytes:
    """The bytes of a schema file."""
    return (json.dumps(schema, indent=2, ensure_ascii=False) + "\n").encode()


if __name__ == "__main__":
    write(Path(sys.argv[1]))
