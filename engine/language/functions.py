"""What expressions can do: one table for the checker, the evaluator, the documentation and `steward explain functions`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from engine.language import written
from engine.model.canonical import Json
from engine.model.money import Money
from engine.model.times import moment, stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function. `params` are names of types; `method` means `value.name(…)`, and then `params[0]` is the value."""

    params: tuple[str, ...]
    result: str
    meaning: str
    method: bool = False
    special: bool = False

    def signature(self, name: str) -> str:
        """As shown in messages and documentation."""
        if self.method:
            return f"`{self.params[0]}.{name}({', '.join(self.params[1:])})`, giving {self.result}"
        return f"`{name}({', '.join(self.params)})`, giving {self.result}"


FUNCTIONS: dict[str, Function] = {
    "default": Function(
        params=("path", "other"),
        result="either",
        special=True,
        meaning="`other` when nothing stands at the path",
    ),
    "failure": Function(params=(), result="bool", special=True, meaning="a step has failed; only in `if`"),
    "always": Function(
        params=(), result="bool", special=True, meaning="run also after a failure; only in `if`"
    ),
    "now": Function(params=(), result="time", special=True, meaning="the step's recorded time"),
    "today": Function(
        params=(), result="date", special=True, meaning="the day of `now()` in the workspace's time zone"
    ),
    "day": Function(
        params=("time",),
        result="date",
        special=True,
        meaning="the day of a time in the workspace's time zone",
    ),
    "ago": Function(
        params=("length",), result="time", special=True, meaning="that long before `now()`: `ago('3d')`"
    ),
    "ahead": Function(
        params=("length",), result="time", special=True, meaning="that long after `now()`: `ahead('3d')`"
    ),
    "plus": Function(
        params=("money", "money"), result="money", meaning="the sum of two amounts of one currency"
    ),
    "minus": Function(params=("money", "money"), result="money", meaning="the difference of two amounts"),
    "times": Function(
        params=("money", "number"), result="money", meaning="the product, rounded half away from zero"
    ),
    "percent": Function(
        params=("money", "number"), result="money", meaning="that many hundredths of an amount"
    ),
    "sum": Function(
        params=("[money]",), result="money", special=True, meaning="the sum of a list of amounts"
    ),
    "above": Function(params=("money", "money"), result="bool", meaning="more than"),
    "below": Function(params=("money", "money"), result="bool", meaning="less than"),
    "text": Function(
        params=("value",), result="text", special=True, meaning="a value as it is written in text"
    ),
    "size": Function(
        params=("text or list",),
        result="integer",
        special=True,
        meaning="characters of a text, entries of a list",
    ),
    "map": Function(
        params=("list", "x", "value"),
        result="list",
        method=True,
        special=True,
        meaning="a value for each entry",
    ),
    "filter": Function(
        params=("list", "x", "bool"),
        result="list",
        method=True,
        special=True,
        meaning="the entries that hold",
    ),
    "exists": Function(
        params=("list", "x", "bool"),
        result="bool",
        method=True,
        special=True,
        meaning="whether one entry holds",
    ),
    "all": Function(
        params=("list", "x", "bool"),
        result="bool",
        method=True,
        special=True,
        meaning="whether every entry holds",
    ),
    "join": Function(
        params=("[text]", "text"), result="text", method=True, meaning="the texts with another between them"
    ),
    "contains": Function(
        params=("text", "text"), result="bool", method=True, meaning="whether the other text is in it"
    ),
    "startsWith": Function(
        params=("text", "text"), result="bool", method=True, meaning="whether it begins with the other"
    ),
}

LATER: dict[str, str] = {
    "days": "the time functions `days`, `month` and `week`",
    "month": "the time functions `days`, `month` and `week`",
    "week": "the time functions `days`, `month` and `week`",
}
"""Functions of the language that this version refuses by name."""

ELSEWHERE: dict[str, str] = {
    "length": "size",
    "len": "size",
    "count": "size",
    "string": "text",
    "str": "text",
    "coalesce": "default",
    "add": "plus",
    "includes": "contains",
    "some": "exists",
    "any": "exists",
    "every": "all",
    "startswith": "startsWith",
    "starts_with": "startsWith",
}
"""What the same functions are called in other languages."""

MOST_TEXT = 1_000_000
"""Characters a joined text may have: a list of long letters must not fill the memory."""

# ---------------------------------------------------------------- what they do


def as_money(value: Json) -> Money:
    """An amount from its JSON form or as written. Raises ValueError."""
    if isinstance(value, str):
        return Money.parse(value)
    if isinstance(value, dict) and set(value) == {"minor", "currency"}:
        return Money(minor=int(value["minor"]), currency=str(value["currency"]))
    raise ValueError("not an amount of money")


def of_money(money: Money) -> dict[str, Json]:
    """The JSON form of an amount."""
    return {"minor": money.minor, "currency": money.currency}


def plus(a: Json, b: Json) -> Json:
    """The sum."""
    return of_money(as_money(a).plus(as_money(b)))


def minus(a: Json, b: Json) -> Json:
    """The difference."""
    return of_money(as_money(a).minus(as_money(b)))


def times(a: Json, factor: float) -> Json:
    """The product."""
    return of_money(as_money(a).times(factor))


def percent(a: Json, share: float) -> Json:
    """Hundredths of an amount, rounded once."""
    return of_money(as_money(a).times(Decimal(str(share)) / 100))


def total(amounts: Sequence[Json], currency: str) -> Json:
    """The sum of a list; of none, nothing of the workspace's currency. Null entries are left out."""
    found: Money | None = None
    for one in amounts:
        if one is not None:
            found = as_money(one) if found is None else found.plus(as_money(one))
    return of_money(found or Money(minor=0, currency=currency))


def above(a: Json, b: Json) -> bool:
    """More than; two currencies are an error."""
    return as_money(a).minus(as_money(b)).minor > 0


def below(a: Json, b: Json) -> bool:
    """Less than; two currencies are an error."""
    return as_money(a).minus(as_money(b)).minor < 0


def same(a: Json, b: Json) -> bool:
    """Equal amounts; two currencies are an error."""
    return as_money(a).minus(as_money(b)).minor == 0


def joined(texts: Sequence[Json], between: str) -> str:
    """The texts with another between them; null entries are left out."""
    found = [one for one in texts if one is not None]
    if not all(isinstance(one, str) for one in found):
        raise ValueError("join takes texts; use text(…)")
    if sum(len(one) + len(between) for one in found) > MOST_TEXT:
        raise ValueError(f"more than {MOST_TEXT:,} characters")
    return between.join(found)


def local_day(stamped: str, zone: str) -> str:
    """The day of a moment in a time zone; a day stays itself."""
    if len(stamped) == len("2026-05-01"):
        return stamped
    return moment(stamped).astimezone(ZoneInfo(zone)).date().isoformat()


def moved(stamped: str, length: str, zone: str, sign: int) -> str:
    """A moment so much later or earlier; whole days are days of the calendar there, whatever the clocks do."""
    span = written.length(length)
    if span is None:
        raise ValueError(f"not a length: {length!r}; write it like 3d")
    if length.rstrip().endswith(("d", "w")):
        # An aware time plus a length is wall-clock arithmetic in Python.
        return stamp(moment(stamped).astimezone(ZoneInfo(zone)) + sign * span)
    return stamp(moment(stamped) + sign * span)


def as_text(value: Json) -> str:
    """How a value is rendered inside text: numbers without a useless `.0`, money as written, lists joined, null as nothing."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case list():
            return ", ".join(as_text(one) for one in value if one is not None)
        case dict():
            if set(value) == {"minor", "currency"}:
                return as_money(value).text()
            return ", ".join(f"{name}: {as_text(one)}" for name, one in value.items())
        case _:
            return str(value)


IMPLEMENTED: dict[str, Callable[..., Any]] = {
    "plus": plus,
    "minus": minus,
    "times": times,
    "percent": percent,
    "sum": total,
    "above": above,
    "below": below,
    "same": same,
    "join": joined,
    "day": local_day,
    "moved": moved,
    "text": as_text,
}
