"""What a person's answer comes to: choice and fields against what was asked, and the defaults that count where nothing was given.

A *question* is the sealed value of `HumanAsked`. Its `default` holds what was computed when it was asked and is shown whole to whoever
answers: a stranger's words that count in the end were seen, which is what makes them the person's own (docs/decisions/0011).
"""

from dataclasses import dataclass
from typing import Any

from engine.model.definitions import value_range
from engine.model.errors import PermanentError
from engine.model.text.safe_text import line
from engine.model.values.canonical_json import Json

MAX_CHOICES, MAX_CHOICE = 100, 200
"""Choices that are computed, and characters of one."""

MAX_SHOWN = 2000
"""Characters of a default: what is longer can't be shown whole, so it never counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """An answer with every default that counts; `defaults` are their names. `refused` says what is wrong, `code` how it is called."""

    outputs: dict[str, Json]
    defaults: tuple[str, ...] = ()
    refused: str = ""
    code: str = ""


def fill_answer(question: dict[str, Any], reply: dict[str, Json]) -> Filled:
    """A person's reply with the question's defaults filled in, or why it is refused."""
    choices = question["choices"]
    if choices and reply.get("choice") not in choices:
        return _refused("choice", f"choose one of: {', '.join(choices)}")
    offered, optional = question.get("default") or {}, question.get("optional") or ()
    names = [name for name, _, _ in question["fields"]]
    missing = [name for name in names if reply.get(name) is None]
    taken = {name: offered[name] for name in missing if offered.get(name) is not None}
    unfilled = [name for name in missing if name not in taken and name not in optional]
    if unfilled:
        return _refused("fields", f"still to fill: {', '.join(unfilled)}")
    outputs = {**reply, **taken}
    limits = {key: question.get(key) or {} for key in ("least", "most")}
    for name, _, kind in question["fields"]:
        minimum, maximum = limits["least"].get(name), limits["most"].get(name)
        value = outputs.get(name)
        if value is not None and (
            wrong := value_range.range_error(kind, value, minimum=minimum, maximum=maximum)
        ):
            return _refused("limits", f"{name}: {wrong}")
    return Filled(outputs=outputs, defaults=tuple(taken))


def _refused(code: str, why: str) -> Filled:
    return Filled(outputs={}, refused=why, code=code)


def choice_texts(values: list[Json]) -> list[str]:
    """The texts that can be chosen, each once: those that stand on one line as they are. Raises PermanentError: choices, too-many."""
    texts = list(dict.fromkeys(str(choice) for choice in values if choice is not None))
    if len(texts) > MAX_CHOICES:
        raise PermanentError(
            f"{len(texts)} choices; a person is asked at most {MAX_CHOICES}", code="too-many"
        )
    whole = [text for text in texts if text and line(text, MAX_CHOICE) == text]
    if not whole:
        why = "they are empty, too long or of several lines" if texts else "the list is empty"
        raise PermanentError(f"there is nothing to choose from: {why}", code="choices")
    return whole


def shown_whole(value: Json) -> bool:
    """Whether a default can be shown as it is, to its last character."""
    return len(value if isinstance(value, str) else str(value)) <= MAX_SHOWN
