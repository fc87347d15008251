"""Arguments of a call against what its action declares."""

import re
from typing import Any

from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.types import Type
from engine.model.effects import Call
from engine.model.errors import PermanentError
from engine.model.values.canonical_json import Json, encode, sha256
from engine.model.values.ids import EffectKey, effect_key

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def spec_of(actions: tuple[ActionSpec, ...], call: Call) -> ActionSpec:
    """The declared action, with the call's arguments held against it.

    Raises PermanentError: `no-action`, `unknown-argument`, `missing-argument` or `wrong-argument`.
    """
    spec = next((action for action in actions if action.name == call.action), None)
    if spec is None:
        raise PermanentError(f"there is no action {call.action}", code="no-action")
    for name in call.args:
        if spec.param(name) is None:
            raise PermanentError(f"{call.action} takes no argument `{name}`", code="unknown-argument")
    try:
        encode(call.args)
    except (ValueError, TypeError) as error:
        raise PermanentError(
            f"{call.action}: an argument can't be written down", code="wrong-argument"
        ) from error
    for param in spec.params:
        value = call.args.get(param.name)
        if value is None:
            if param.required:
                raise PermanentError(f"{call.action} needs `{param.name}`", code="missing-argument")
        elif not _fits(param.type, value):
            raise PermanentError(f"{call.action}: `{param.name}` is no {param.type}", code="wrong-argument")
    return spec


def _fits(type_: Type, value: Json) -> bool:
    match type_.kind:
        case "text" | "url" | "email":
            return isinstance(value, str)
        case "template" | "file" | "person" | "note" | "map":
            return isinstance(value, dict)
        case "list":
            inner = type_.items
            return isinstance(value, list) and all(
                element is None or inner is None or _fits(inner, element) for element in value
            )
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case _:
            return True


def rendered(call: Call, name: str = "template") -> dict[str, str] | None:
    """A template argument as the engine rendered it: name, subject, body, language. Raises PermanentError on another shape."""
    value: Any = call.args.get(name)
    if value is None:
        return None
    template = {field: value.get(field) or "" for field in ("name", "subject", "body", "language")}
    if not all(isinstance(text, str) for text in template.values()) or not template["body"].strip():
        raise PermanentError(f"{call.action}: the template has no words", code="wrong-argument")
    return template


def key_of(call: Call) -> EffectKey:
    """The call's key; a preview without one gets the key its first revision would have."""
    return call.key or effect_key(call.run, call.step, "", call.action, call.revision)


def plain(text: str) -> str:
    """Text that can be shown, stored and sent: no control characters but line ends and tabs, no broken surrogates."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str, limit: int = 200) -> str:
    """Text as one line of at most `limit` characters."""
    line = " ".join(plain(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def size_text(size: int) -> str:
    """A number of bytes for people."""
    return (
        f"{size} bytes"
        if size < 1000
        else f"{size / 1000:.0f} kB"
        if size < 1_000_000
        else f"{size / 1e6:.1f} MB"
    )


def token_of(key: str) -> str:
    """The part of a file name that represents an effect key."""
    return sha256(key.encode())[:24]
