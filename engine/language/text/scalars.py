"""Written values: lengths, dates, times, numbers, words that stand for true and false."""

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.model.definitions.types import Type
from engine.model.values import durations
from engine.model.values.canonical_json import Json
from engine.model.values.money import Money
from engine.model.values.timestamps import stamp

_INTEGER = re.compile(r"[-+]?\d{1,15}")
_NUMBER = re.compile(r"[-+]?\d{1,15}(?:\.\d{1,15})?(?:[eE][-+]?\d{1,2})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_EMAIL = re.compile(r"[^\s@<>,;]{1,64}@[^\s@<>,;]{1,253}")
_URL = re.compile(r"(?:https?://|mailto:|urn:)[^\s]{1,2000}")

EXAMPLES: dict[str, str] = {
    "number": "2.5", "integer": "3", "bool": "true", "money": "49.00 EUR", "date": "2026-05-01", "time": "2026-05-01T09:00:00Z",
    "length": "3d", "email": "me@example.com", "url": "https://example.com",
}  # fmt: skip


def number(text: str) -> float | None:
    """A number as written, or None."""
    return float(text) if _NUMBER.fullmatch(text.strip()) else None


def integer(text: str) -> int | None:
    """A whole number as written, or None."""
    return int(text) if _INTEGER.fullmatch(text.strip()) else None


def boolean(text: str) -> bool | None:
    """`true` and `false`, nothing else: `no` is also a country and an answer."""
    return {"true": True, "false": False}.get(text)


def is_zone(text: str) -> bool:
    """Whether a text names a time zone, like Europe/Warsaw."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def is_null(text: str) -> bool:
    """What a plain scalar says for nothing."""
    return text in {"", "null", "~"}


def of_type(text: str, type_: Type, *, plain: bool) -> tuple[bool, Json]:
    """(whether it is one, the JSON value) of characters where `type_` is wanted. Maps, lists and files are never characters."""
    match type_.kind:
        case "text" | "template":
            return True, text
        case "choice":
            return text in type_.options, text
        case "any":
            return True, _open(text) if plain else text
        case "number":
            value: Json = number(text)
        case "integer":
            value = integer(text)
        case "bool":
            value = boolean(text)
        case "money":
            value = _money(text)
        case "date":
            value = _date(text)
        case "time":
            value = _time(text)
        case "length":
            value = text.strip() if durations.parse(text) is not None else None
        case "email":
            value = text.strip() if _EMAIL.fullmatch(text.strip()) else None
        case "url":
            value = text.strip() if _URL.fullmatch(text.strip()) else None
        case _:
            value = None
    return value is not None, value


def _open(text: str) -> Json:
    if is_null(text):
        return None
    if (truth := boolean(text)) is not None:
        return truth
    # A leading zero is an article number, not 8.
    if (whole := integer(text)) is not None and str(whole) == text:
        return whole
    if "." in text and (decimal := number(text)) is not None and not text.startswith("0" * 2):
        return decimal
    return text


def _money(text: str) -> Json:
    try:
        amount = Money.parse(text)
    except ValueError:
        return None
    return {"minor": amount.minor, "currency": amount.currency}


def _date(text: str) -> Json:
    if _DATE.fullmatch(text.strip()) is None:
        return None
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        return None


def _time(text: str) -> Json:
    try:
        moment = datetime.fromisoformat(text.strip())
        return stamp(moment)
    except ValueError:
        return None
