"""The keys of steward.yaml and of the vault's files, but for playbooks and SOPs: as schemas show them."""

from engine.language.schemas.fragments import (
    BUDGET,
    COUNT,
    FIELDS,
    MONEY,
    NUMBER,
    OBSIDIAN,
    REACHES,
    SECRET,
    TEXT,
    TEXTS,
    Keys,
    Shape,
    mapping,
    named,
    one_of,
    ref,
)
from engine.model.definitions.settings import DAYS

_WORD: Shape = {"type": "string", "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$"}
_CLOCK: Shape = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}

TEMPLATE: Keys = {
    "subject": (TEXT, "the subject line; may hold values"),
    "values": (FIELDS, "every value the template may show, name → type"),
    "language": (
        {"type": "string", "pattern": "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"},
        "the language it is written in, like en",
    ),
    "purpose": (_WORD, "what it is sent for, like marketing: `consent` of vault/policy.yaml asks for it"),
    **OBSIDIAN,
}

_ACTION: Shape = {"type": "string", "pattern": r"^[a-z][a-z0-9-]*/([a-z][a-z0-9-]*|\*)$"}

AGENT: Keys = {
    "description": (TEXT, "what it does, in one line"),
    "inputs": (FIELDS, "what it is given, name → type"),
    "outputs": (FIELDS, "what it has to answer, name → type"),
    "model": (TEXT, "which model of steward.yaml it asks (default); none: no model"),
    "budget": (BUDGET, "the most one answer may cost"),
    "tools": (
        {"type": "array", "items": _ACTION},
        "actions that only read, which it may use while it thinks",
    ),
    "examples": (TEXT, "notes that show good answers: a path with *, from the root or with ../ from here"),
    **OBSIDIAN,
}

_EMAIL: Shape = {"type": "string", "pattern": "^[^\\s@]+@[^\\s@]+$"}
_BLOCKS: Shape = {"type": "object", "additionalProperties": {"type": "object"}}

STEWARD: Keys = {
    "operator": (
        mapping({"name": (TEXT, "your name"), "email": (_EMAIL, "your address")}, required=("name", "email")),
        "the person this workspace belongs to",
    ),
    "people": (
        named(
            mapping(
                {
                    "name": (TEXT, "their name"),
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
        mapping(
            {
                "usd-per-day": (NUMBER, "dollars for all models in a day"),
                "usd-per-month": (NUMBER, "dollars for all models in a month"),
            }
        ),
        "past it: stop and ask",
    ),
    "models": (
        named(
            mapping(
                {
                    "uses": (
                        one_of({"openai": "an endpoint that speaks OpenAI's chat completions"}),
                        "how it is spoken to",
                    ),
                    "model": (TEXT, "which model is asked there"),
                    "key": (
                        SECRET,
                        "its key, as ${{ secrets.NAME }}; none for an endpoint that asks for none",
                    ),
                    "base-url": (
                        {"type": "string", "pattern": "^https?://"},
                        "its address (the provider's own); http on this machine only",
                    ),
                    "usd-per-million": (
                        mapping(
                            {
                                "in": (NUMBER, "dollars for a million tokens it reads"),
                                "out": (NUMBER, "dollars for a million tokens it writes"),
                            },
                            required=("in", "out"),
                        ),
                        "what it costs; budgets are counted with it",
                    ),
                    "timeout": (ref("length"), "how long one call may take, at most 1h (60s)"),
                    "temperature": (
                        {"anyOf": [{"type": "number", "minimum": 0, "maximum": 2}, {"const": "none"}]},
                        "how freely it answers; none: not said (0; left out where the endpoint refuses it)",
                    ),
                    "max-tokens": (
                        {"type": "integer", "minimum": 1},
                        "the most tokens of one answer, a reasoning model's thoughts included (2000)",
                    ),
                    "parameters": (
                        {"type": "object"},
                        "what else is said to the endpoint as it stands, like { reasoning_effort: low }",
                    ),
                },
                required=("uses", "model"),
            )
        ),
        "language models by the names that agents use; without `default` nobody is asked",
    ),
    "memory": (
        mapping(
            {
                "model": (
                    TEXT,
                    "the packaged model, a folder with another, or none for words alone (all-MiniLM-L6-v2)",
                ),
                "sha256": (
                    {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                    "the digest of that folder's model.safetensors",
                ),
            }
        ),
        "how notes are recalled",
    ),
    "connectors": (_BLOCKS, "settings of connectors; a secret is written as ${{ secrets.NAME }}"),
    "secrets": (
        {
            "type": "array",
            "items": one_of(
                {
                    "env": "environment variables",
                    "keyring": "steward secrets set, then the system's keyring (service steward)",
                    "op": "1Password's command line: op://Steward/NAME/credential",
                }
            ),
        },
        "where secrets are looked up, in this order ([env])",
    ),
}

INTENT: Keys = {
    "means": (TEXT, "what somebody wants, in one line"),
    "examples": (TEXTS, "letters that want it, a line each"),
    "rules": (TEXTS, "words and phrases that decide it without a model"),
    "ask-below": (
        {"type": "number", "minimum": 0, "maximum": 1},
        "below this confidence a person decides (0.8)",
    ),
}

POLICY: Keys = {
    "always-ask": (
        {"type": "array", "items": REACHES},
        "reaches that wait for you at every stage ([payment, legal])",
    ),
    "may-run": (
        {
            "type": "array",
            "items": mapping(
                {
                    "action": (
                        {"type": "string", "pattern": r"^[a-z][a-z0-9-]*/[a-z][a-z0-9-]*$"},
                        "one action that moves an amount",
                    ),
                    "up-to": (MONEY, "the most one may move without asking"),
                    "per-day": (MONEY, "the most all may move in a day without asking"),
                },
                required=("action", "up-to", "per-day"),
            ),
        },
        "payments that run at stage auto without asking, up to an amount",
    ),
    "quiet-hours": (
        mapping(
            {
                "reach": (
                    {"type": "array", "items": REACHES, "minItems": 1},
                    "which reaches ask instead of acting on their own",
                ),
                "from": (_CLOCK, "each day from this time on, in the workspace's time zone"),
                "to": (_CLOCK, "until this time; over midnight where it is the earlier one"),
                "days": (
                    {"type": "array", "items": {"enum": list(DAYS)}},
                    "days that are quiet from midnight to midnight",
                ),
            },
            required=("reach",),
        ),
        "when what would act on its own waits for you",
    ),
    "consent": (
        mapping(
            {
                "purpose": (_WORD, "templates with this `purpose`"),
                "unless": (
                    _WORD,
                    "the word that the contact note of everybody it goes to has under `consent`",
                ),
            },
            required=("purpose", "unless"),
        ),
        "what never leaves without somebody's agreement",
    ),
    "deny": ({"type": "array", "items": _ACTION}, "actions that never run, like payments/*"),
    "caps": (
        {
            "type": "array",
            "items": {
                **mapping(
                    {
                        "action": (_ACTION, "the action, or connector/* for all of one"),
                        "each": (MONEY, "the most one may move"),
                        "per-day": (MONEY, "the most all may move in a day"),
                        "count-per-day": (COUNT, "how many in a day"),
                    },
                    required=("action",),
                ),
                "minProperties": 2,
            },
        },
        "past a cap of the day it waits for the next day, past `each` it is a no, whatever a person approved",
    ),
}
