"""How values are written among words: numbers with the digits they were meant to have, times on the clock of a time zone."""

import math
from datetime import datetime
from decimal import Context, Decimal
from zoneinfo import ZoneInfo

from engine.model.values.canonical_json import Json
from engine.model.values.money import Money

NO_NUMBER = "the result is no number (a division by zero?)"
"""Of what would be infinite, or not even that."""

_MAX_DIGITS = 9
"""Digits of a number that was meant to have them: what has more came of a division, or of a sum of fractions."""


def _number(value: float) -> str:
    """A number as people write one: no useless `.0`, no `e-07`, and `3.33` for a third of ten."""
    if not math.isfinite(value):
        raise ValueError(NO_NUMBER)
    if value.is_integer():
        return str(int(value)) if abs(value) < 1e15 else repr(value)
    exact = Decimal(repr(value))
    short = Context(prec=max(12, exact.adjusted() + 3)).plus(exact).normalize()
    if len(short.as_tuple().digits) > _MAX_DIGITS:
        places = max(2, 1 - short.adjusted())
        short = round(exact, places).normalize()
    return f"{short:f}"


def local(stamped: str, zone: str) -> str:
    """A moment as people read it, on the clock of a time zone: `2026-05-01 11:00`. A day stays itself."""
    try:
        read = datetime.fromisoformat(stamped)
    except ValueError:
        return stamped
    day = read.tzinfo is None
    return stamped if day else read.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


def as_text(value: Json) -> str:
    """How a value is rendered inside text: numbers without a useless `.0`, money as written, lists joined, null as nothing."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return _number(value)
        case list():
            return ", ".join(as_text(entry) for entry in value if entry is not None)
        case dict():
            if set(value) == {"minor", "currency"}:
                return Money.of(value).text()
            return ", ".join(f"{name}: {as_text(entry)}" for name, entry in value.items())
        case _:
            return str(value)
