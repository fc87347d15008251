"""steward.yaml as frozen configuration."""

import re
import zoneinfo
from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal

from engine.language.diagnostics.codes import config_files as code
from engine.language.diagnostics.verify_fix import with_verified_fixes
from engine.language.documents.config_fields import Checked
from engine.language.text.identifiers import is_id
from engine.language.text.nodes import Entry, Mapping, Node, Scalar, Sequence
from engine.language.text.scalars import is_zone
from engine.language.types import type_syntax
from engine.language.yaml import reader
from engine.model.definitions.agents import NO_MODEL
from engine.model.definitions.diagnostics import Diagnostic, Severity
from engine.model.definitions.settings import (
    MODEL_SECONDS,
    Config,
    ConnectorConfig,
    MemoryConfig,
    ModelConfig,
    Person,
    SecretRef,
)
from engine.model.values import durations
from engine.model.values.canonical_json import Json

KEYS = (
    "operator", "people", "id", "deploy", "time-zone", "currency", "budget", "models", "memory", "connectors", "secrets",
)  # fmt: skip
"""The keys of steward.yaml."""

RESOLVERS = ("env", "keyring", "op")
"""Where a secret can be looked up in this version."""

SPOKEN = ("openai",)
"""How a model can be spoken to: any endpoint that speaks OpenAI's chat completions."""

_EMAIL_KEYS = (
    "host", "port", "tls", "user", "password", "mailboxes", "since", "imap-host", "imap-port", "imap-tls", "sent", "sent-folder",
    "smtp-auth", "trusted-receiver",
)  # fmt: skip
_MODEL_KEYS = (
    "uses", "model", "key", "base-url", "usd-per-million", "timeout", "temperature", "max-tokens", "parameters",
)  # fmt: skip
# What steward says itself, with the key that is meant where there is one.
_OWN_PARAMETERS = {
    "temperature": "temperature", "max_tokens": "max-tokens", "max_completion_tokens": "max-tokens", "model": "model", "messages": "", "stream": "",
    "n": "", "tools": "", "tool_choice": "", "functions": "", "response_format": "",
}  # fmt: skip
_HOTTEST = 2
_OPERATOR = "operator: { name: Your Name, email: you@example.com }"
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"\\]+@[^\s@<>()\[\],;:\"\\]+")
# The id names a folder of the state directory, so nothing that could leave it is let in.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{3,63}")
_BRANCH = re.compile(r"(?!.*(?:\.\.|//|@\{|\.lock$|/$))[A-Za-z0-9_][\w./@+-]*")
# A key goes there: in clear only within this machine.
_BASE_URL = re.compile(
    r"https://[^\s/?#]+(?:/[^\s?#]*)?|http://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?(?:/[^\s?#]*)?"
)
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d{0,14})\.\d{1,15}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_SECONDS = 3600
_DAY = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])")
_CURRENCY = re.compile(r"[A-Z]{3}")
_SECRET = re.compile(r"\$\{\{\s*secrets\.([A-Za-z][A-Za-z0-9_]*)\s*\}\}")
_LOOKS_SECRET = re.compile(r"(?:.*[-_])?(?:password|passphrase|secret|token|api-?key|key)", re.IGNORECASE)


def is_branch(name: str) -> bool:
    """Whether `deploy:` can name a branch that is called so."""
    return _BRANCH.fullmatch(name) is not None


def parse(
    path: str, raw: bytes, *, connectors: Collection[str] = ()
) -> tuple[Config | None, tuple[Diagnostic, ...]]:
    """The configuration, or None when an error keeps it from being used.

    `connectors` are the names that exist; when given, a block for another one is warned about.
    """
    tree, unread = reader.read(path, raw)
    if tree is None:
        return None, unread
    config, diagnostics = _read(path, raw, tree, connectors)
    if any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics):
        config = None
    return config, with_verified_fixes(raw, diagnostics, lambda mended: _recheck(path, mended, connectors))


def _recheck(path: str, raw: bytes, connectors: Collection[str]) -> tuple[Diagnostic, ...]:
    tree, unread = reader.read(path, raw)
    return unread if tree is None else _read(path, raw, tree, connectors)[1]


def _read(
    path: str, raw: bytes, tree: Node, connectors: Collection[str]
) -> tuple[Config | None, tuple[Diagnostic, ...]]:
    checked = Checked(path, raw)
    config = _config(checked, tree, connectors)
    return config, checked.diagnostics()


def _config(checked: Checked, tree: Node, connectors: Collection[str]) -> Config | None:
    entries = checked.entries(tree, known=KEYS)

    def value(key: str) -> Node | None:
        return entries[key].value if key in entries else None

    checked.required(entries, [("operator", _OPERATOR)], tree.span)
    operator = _operator(checked, value("operator"))
    people = _people(checked, value("people"))
    day, month = _budget(checked, value("budget"))
    blocks = _connectors(checked, value("connectors"), connectors)
    models = _models(checked, value("models"))
    id_ = checked.matching(
        value("id"), _ID, "an id: letters, digits and hyphens, as `steward init` writes it"
    )
    deploy = checked.matching(value("deploy"), _BRANCH, "the name of a branch")
    zone = _zone(checked, value("time-zone"))
    currency = checked.matching(value("currency"), _CURRENCY, "a currency code of three letters, like EUR")
    memory = _memory(checked, value("memory"))
    secrets = _resolvers(checked, value("secrets"))
    if operator is None:
        return None
    default = Config(operator=operator)
    return Config(
        operator=operator,
        people=people,
        id=id_ or default.id,
        deploy=deploy or default.deploy,
        time_zone=zone or default.time_zone,
        currency=currency or default.currency,
        budget_usd_per_day=day,
        budget_usd_per_month=month,
        models=models,
        memory=memory,
        connectors=blocks,
        secrets=secrets,
    )


def _operator(checked: Checked, node: Node | None) -> Person | None:
    if node is None:
        return None
    entries = checked.entries(node, known=("name", "email"))
    if isinstance(node, Mapping):
        examples = [("name", "name: Your Name"), ("email", "email: you@example.com")]
        checked.required(entries, examples, node.span)
    name = checked.text(entries["name"].value) if "name" in entries else None
    email = _email(checked, entries.get("email"))
    return None if name is None or email is None else Person(id="operator", name=name, email=email)


def _people(checked: Checked, node: Node | None) -> tuple[Person, ...]:
    people = []
    for entry in checked.mapping(node):
        if entry.key == "operator":
            checked.note(code.reserved_name(entry.key_span, name="operator", means="the person above"))
        elif not is_id(entry.key):
            expected = "a short name in small letters, like partner"
            checked.note(code.not_allowed(entry.key_span, value=entry.key, allowed=(), expected=expected))
        entries = checked.entries(entry.value, known=("name", "ask", "address"))
        if isinstance(entry.value, Mapping):
            checked.required(entries, [("name", "name: Their Name")], entry.key_span)
        if (ask := entries.get("ask")) is not None:
            checked.note(code.unbuilt_asking(ask.key_span, person=entry.key))
        name = checked.text(entries["name"].value) if "name" in entries else None
        people.append(
            Person(id=entry.key, name=name or entry.key, email=_email(checked, entries.get("address")) or "")
        )
    return tuple(people)


def _email(checked: Checked, entry: Entry | None) -> str | None:
    return checked.matching(entry.value, _EMAIL, "an address, like you@example.com") if entry else None


def _zone(checked: Checked, node: Node | None) -> str | None:
    name = checked.text(node)
    if name is None or node is None:
        return None
    if not is_zone(name):
        known = {zone.rsplit("/", 1)[-1]: zone for zone in zoneinfo.available_timezones() if "/" in zone}
        allowed = [known[name]] if name in known else sorted(known.values())
        checked.note(
            code.not_allowed(
                node.span, value=name, allowed=allowed, expected="a time zone, like Europe/Warsaw"
            )
        )
        return None
    return name


def _budget(checked: Checked, node: Node | None) -> tuple[Decimal | None, Decimal | None]:
    entries = checked.entries(node, known=("usd-per-day", "usd-per-month"))
    day, month = (
        checked.number(
            entries[key].value if key in entries else None, low=0, high=None, expected="a number of dollars"
        )
        for key in ("usd-per-day", "usd-per-month")
    )
    return day, month


def _resolvers(checked: Checked, node: Node | None) -> tuple[str, ...]:
    if node is None:
        return ("env",)
    words = (
        checked.choice(child, RESOLVERS, "a place where secrets are looked up")
        for child in checked.items(node)
    )
    return tuple(dict.fromkeys(word for word in words if word is not None))


def _models(checked: Checked, node: Node | None) -> tuple[ModelConfig, ...]:
    return tuple(model for entry in checked.mapping(node) if (model := _model(checked, entry)) is not None)


def _model(checked: Checked, entry: Entry) -> ModelConfig | None:
    if entry.key == NO_MODEL:
        checked.note(code.reserved_name(entry.key_span, name=entry.key, means="that no model is asked"))
    elif not is_id(entry.key):
        expected = "a short name in small letters, like default"
        checked.note(code.not_allowed(entry.key_span, value=entry.key, allowed=(), expected=expected))
    entries = checked.entries(entry.value, known=_MODEL_KEYS)
    if isinstance(entry.value, Mapping):
        checked.required(entries, [("uses", "uses: openai"), ("model", "model: gpt-5-mini")], entry.key_span)
    fields = {key: entry.value for key, entry in entries.items()}
    uses = checked.choice(fields.get("uses"), SPOKEN, "a way to speak to a model")
    model = checked.text(fields.get("model"))
    into, out = _price(checked, fields.get("usd-per-million"))
    model_config = ModelConfig(
        name=entry.key,
        uses=uses or "",
        model=model or "",
        key=_key(checked, fields.get("key"), f"{entry.key}_KEY"),
        base_url=checked.matching(
            fields.get("base-url"), _BASE_URL, "an https address (http on this machine only)"
        )
        or "",
        usd_per_million_in=into,
        usd_per_million_out=out,
        timeout=_seconds(checked, fields.get("timeout")) or MODEL_SECONDS,
        temperature=_temperature(checked, fields.get("temperature")),
        max_tokens=checked.integer(fields.get("max-tokens"), low=1, expected="a number of tokens"),
        parameters=_parameters(checked, fields.get("parameters")),
    )
    return model_config if uses and model else None


def _temperature(checked: Checked, node: Node | None) -> float | None:
    """None for `none`: then none is said."""
    if isinstance(node, Scalar) and node.text.strip() == "none":
        return None
    temperature = checked.number(node, low=0, high=_HOTTEST, expected="a temperature from 0 to 2, or none")
    return 0.0 if temperature is None else float(temperature)


def _parameters(checked: Checked, node: Node | None) -> tuple[tuple[str, Json], ...]:
    """Further parameters of the endpoint, passed on as written; those that steward sets itself are refused."""
    parameters = []
    for entry in checked.mapping(node):
        if (own := _OWN_PARAMETERS.get(entry.key)) is not None:
            means = f"`{own}` beside it" if own else "something that steward says itself"
            checked.note(code.reserved_name(entry.key_span, name=entry.key, means=means))
        parameters.append((entry.key, _parameter(checked, entry.value)))
    return tuple(parameters)


def _parameter(checked: Checked, node: Node) -> Json:
    match node:
        case Mapping():
            return {entry.key: _parameter(checked, entry.value) for entry in node.entries}
        case Sequence():
            return [_parameter(checked, child) for child in node.items]
        case Scalar():
            if "${{" in node.text:
                checked.note(code.secret_place(node.span, why="a parameter is no secret"))
            elif node.plain and _DECIMAL.fullmatch(node.text):
                return float(node.text)
            return _scalar(checked, node, "")


def _key(checked: Checked, node: Node | None, name: str) -> SecretRef | None:
    """Only a secret's name: this file goes into git."""
    if node is None:
        return None
    text = node.text.strip() if isinstance(node, Scalar) else ""
    if (secret := _SECRET.fullmatch(text)) is not None:
        return SecretRef(name=secret[1])
    if isinstance(node, Scalar) and "${{" not in text:
        checked.note(code.bare_key(node.span, name=re.sub(r"\W", "_", name).upper()))
    else:
        checked.note(
            code.secret_place(type_syntax.place(node), why="this is not one whole `${{ secrets.NAME }}`")
        )
    return None


def _price(checked: Checked, node: Node | None) -> tuple[Decimal | None, Decimal | None]:
    """Dollars for a million tokens, in and out: one without the other would count half of what is spent."""
    entries = checked.entries(node, known=("in", "out"))
    if isinstance(node, Mapping):
        checked.required(entries, [("in", "in: 0.25"), ("out", "out: 2.00")], type_syntax.place(node))
    values = [entries[key].value if key in entries else None for key in ("in", "out")]
    into, out = (checked.number(price, low=0, high=None, expected="a number of dollars") for price in values)
    return into, out


def _seconds(checked: Checked, node: Node | None) -> float | None:
    text = checked.text(node)
    if text is None or node is None:
        return None
    duration = durations.parse(text)
    seconds = duration.total_seconds() if duration is not None else 0
    if 0 < seconds <= _MAX_SECONDS:
        return seconds
    checked.note(code.not_allowed(node.span, value=text, allowed=(), expected="a length up to 1h, like 60s"))
    return None


def _memory(checked: Checked, node: Node | None) -> MemoryConfig:
    fields = {key: entry.value for key, entry in checked.entries(node, known=("model", "sha256")).items()}
    settings = {
        "model": checked.text(fields.get("model")),
        "sha256": checked.matching(fields.get("sha256"), _SHA256, "64 digits and letters a to f"),
    }
    return replace(MemoryConfig(), **{key: text for key, text in settings.items() if text is not None})


def _connectors(checked: Checked, node: Node | None, known: Collection[str]) -> tuple[ConnectorConfig, ...]:
    blocks = []
    for entry in checked.mapping(node):
        if known and entry.key not in known:
            checked.note(code.unknown_key(entry.key_span, key=entry.key, known=known))
        blocks.append(ConnectorConfig(name=entry.key, settings=_block(checked, entry.value)))
        if entry.key == "email":
            _email_block(checked, entry.value)
    return tuple(blocks)


def _email_block(checked: Checked, node: Node) -> None:
    """The account letters are read from and sent through: with a misspelt key its mailbox would never be read."""
    if not isinstance(node, Mapping):
        return
    fields = {key: entry.value for key, entry in checked.entries(node, known=_EMAIL_KEYS).items()}
    for key in ("tls", "imap-tls"):
        checked.choice(fields.get(key), ("ssl", "starttls", "none"), "a way to be kept from others' eyes")
    checked.choice(
        fields.get("sent"), ("append", "server", "none"), "a way copies get among the sent letters"
    )
    checked.choice(fields.get("smtp-auth"), ("password", "none"), "a way to log in where letters leave")
    for key in ("port", "imap-port"):
        checked.number(fields.get(key), low=1, high=65535, expected="the number of a port")
    checked.matching(fields.get("since"), _DAY, "a day, like 2026-11-01")
    for entry in checked.mapping(fields.get("mailboxes")):
        checked.text(entry.value)


def _block(checked: Checked, node: Node) -> dict[str, Json]:
    return {entry.key: _leaf(checked, entry.value, entry.key) for entry in checked.mapping(node)}


def _leaf(checked: Checked, node: Node, key: str) -> Json:
    """A connector's setting: what is plain reads as YAML 1.2 reads it, a secret stays a reference."""
    match node:
        case Mapping():
            return {entry.key: _leaf(checked, entry.value, entry.key) for entry in node.entries}
        case Sequence():
            return [_leaf(checked, child, key) for child in node.items]
        case Scalar():
            return _scalar(checked, node, key)


def _scalar(checked: Checked, node: Scalar, key: str) -> Json:
    if (secret := _SECRET.fullmatch(node.text.strip())) is not None:
        return SecretRef(name=secret[1])
    if "${{" in node.text:
        checked.note(code.secret_place(node.span, why="this is not one whole `${{ secrets.NAME }}`"))
        return None
    if node.plain and node.text in {"", "~", "null"}:
        return None
    if node.plain and node.text in {"true", "false"}:
        return node.text == "true"
    if _LOOKS_SECRET.fullmatch(key) and node.span.line == node.span.end_line:
        checked.note(code.bare_secret(node.span, key=key, name=re.sub(r"\W", "_", key).upper()))
    if node.plain and re.fullmatch(r"-?(?:0|[1-9]\d{0,14})", node.text):
        return int(node.text)
    return node.text
