"""Limits of a field that a person fills: the least and the most that is taken."""

from engine.model.values.canonical_json import Json
from engine.model.values.money import Money

BOUNDED = ("number", "integer", "money", "date")
"""The kinds of type that have limits."""
_WORDS = {"number": "a number", "integer": "a whole number", "money": "an amount", "date": "a day"}


def range_error(kind: str, value: Json, *, minimum: Json = None, maximum: Json = None) -> str:
    """Why a value is not taken, or empty. Two currencies can't be compared, so the other one isn't taken."""
    try:
        if minimum is not None and _compared(kind, value, minimum) < 0:
            return f"at least {limit_text(kind, minimum)}"
        if maximum is not None and _compared(kind, value, maximum) > 0:
            return f"at most {limit_text(kind, maximum)}"
    except (ValueError, TypeError, ArithmeticError):
        return f"{_WORDS[kind]} like {limit_text(kind, minimum if maximum is None else maximum)}"
    return ""


def limit_text(kind: str, value: Json) -> str:
    """A limit as a person reads it."""
    return Money.of(value).text() if kind == "money" else str(value)


def _compared(kind: str, value: Json, limit: Json) -> float:
    if kind == "money":
        amount, bound = Money.of(value), Money.of(limit)
        if amount.currency != bound.currency:
            raise ValueError(amount.currency)
        return amount.minor - bound.minor
    if kind == "date":
        one_day, other_day = str(value), str(limit)
        if len(one_day) != len(other_day):
            raise ValueError(one_day)
        return (one_day > other_day) - (one_day < other_day)
    return float(value) - float(limit)
