"""What expressions can do: one table for the checker, the evaluator, the documentation and `steward explain functions`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from engine.language.expressions import dates
from engine.language.expressions.formatting import NO_NUMBER
from engine.model.errors import ABSENT, PermanentError
from engine.model.values import durations
from engine.model.values.canonical_json import Json
from engine.model.values.money import Money
from engine.model.values.timestamps import moment, stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function. `params` are names of types; `method` means `value.name(…)`, and then `params[0]` is the value.

    `many`: more like the first may stand before the last. `optional`: so many of the last may be left out.
    """

    params: tuple[str, ...]
    result: str
    meaning: str
    method: bool = False
    special: bool = False
    many: bool = False
    optional: int = 0

    def signature(self, name: str) -> str:
        """As shown in messages and documentation."""
        if self.method:
            return f"`{self.params[0]}.{name}({', '.join(self.params[1:])})`, giving {self.result}"
        sure = len(self.params) - self.optional
        params = [*self.params[:sure], *(f"{param}?" for param in self.params[sure:])]
        if self.many:
            params.insert(1, "…")
        return f"`{name}({', '.join(params)})`, giving {self.result}"


FUNCTIONS: dict[str, Function] = {
    "default": Function(
        params=("path", "other"),
        result="the first that is there",
        special=True,
        many=True,
        meaning="`other` when nothing stands at any of the paths; it may be a path, too",
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
    "days": Function(
        params=("date", "date"),
        result="integer",
        special=True,
        meaning="days of the calendar from the first to the second",
    ),
    "month": Function(
        params=("time", "integer"),
        result="{first: date, last: date, name: text}",
        special=True,
        meaning="the month a time is in, or so many later: its first and last day, and its name, `2026-05`",
    ),
    "week": Function(
        params=("time", "integer"),
        result="{first: date, last: date, name: text}",
        special=True,
        meaning="the week from Monday to Sunday in the same way; its name is `2026-W19`",
    ),
    "at": Function(
        params=("date", "text"),
        result="time",
        special=True,
        meaning="that hour of a day in the workspace's time zone: `at(today(), '09:00')`; when clocks change, as schedules do",
    ),
    "written": Function(
        params=("date", "text"),
        result="text",
        special=True,
        optional=1,
        meaning="a day in words of the letter's language, `3 March 2026`; outside a template it is named: `written(today(), 'de')`",
    ),
    "plus": Function(
        params=("money, date or time", "money or length"),
        result="the first one's type",
        special=True,
        meaning="the sum of two amounts of one currency; a day or time so much later: `plus(event.at, '3d')`",
    ),
    "minus": Function(
        params=("money, date or time", "money or length"),
        result="the first one's type",
        special=True,
        meaning="the difference of two amounts; a day or time so much earlier",
    ),
    "times": Function(
        params=("money", "number"), result="money", meaning="the product, rounded half away from zero"
    ),
    "percent": Function(
        params=("money", "number"), result="money", meaning="that many hundredths of an amount"
    ),
    "round": Function(
        params=("number", "integer"),
        result="number",
        special=True,
        optional=1,
        meaning="a whole number, or so many digits after the point, half away from zero: `round(2.345, 2)`",
    ),
    "sum": Function(
        params=("[money]",), result="money", special=True, meaning="the sum of a list of amounts"
    ),
    "above": Function(params=("money", "money"), result="bool", meaning="more than"),
    "below": Function(params=("money", "money"), result="bool", meaning="less than"),
    "text": Function(
        params=("value",),
        result="text",
        special=True,
        meaning="a value as it is written in text: a long fraction with two digits, and in words for people a time as `2026-05-01 11:00` in the workspace's time zone",
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
    "split": Function(
        params=("text", "text"),
        result="[text]",
        method=True,
        meaning="the parts between another text: `'a, b'.split(', ')`; at most 1,000",
    ),
    "replace": Function(
        params=("text", "text", "text"),
        result="text",
        method=True,
        meaning="each occurrence of the second text by the third",
    ),
    "lower": Function(params=("text",), result="text", method=True, meaning="the text in small letters"),
    "contains": Function(
        params=("text", "text"), result="bool", method=True, meaning="whether the other text is in it"
    ),
    "startsWith": Function(
        params=("text", "text"), result="bool", method=True, meaning="whether it begins with the other"
    ),
}

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
    "lowercase": "lower",
    "toLowerCase": "lower",
    "lowerAscii": "lower",
    "downcase": "lower",
    "replaceAll": "replace",
    "toFixed": "round",
    "formatDate": "written",
    "strftime": "written",
}
"""What the same functions are called in other languages."""

MAX_TEXT = 1_000_000
"""Characters a joined text may have: a list of long letters must not fill the memory."""

MAX_PARTS = 1_000
"""Parts a text may be split into: as many entries as an expression reads of a list."""

MAX_DIGITS, MAX_ROUNDED = 12, 1e15

# ---------------------------------------------------------------- what they do


def of_money(money: Money) -> dict[str, Json]:
    """The JSON form of an amount. Raises ValueError past 64 bits."""
    if not -(2**63) <= money.minor < 2**63:
        raise ValueError("a number too large")
    return {"minor": money.minor, "currency": money.currency}


def plus(a: Json, b: Json) -> Json:
    """The sum."""
    return of_money(Money.of(a).plus(Money.of(b)))


def minus(a: Json, b: Json) -> Json:
    """The difference."""
    return of_money(Money.of(a).minus(Money.of(b)))


def times(a: Json, factor: float) -> Json:
    """The product."""
    return of_money(Money.of(a).times(factor))


def percent(a: Json, share: float) -> Json:
    """Hundredths of an amount, rounded once."""
    return of_money(Money.of(a).times(Decimal(str(share)) / 100))


def total(amounts: Sequence[Json], currency: str) -> Json:
    """The sum of a list; of none, nothing of the workspace's currency. Null entries are left out."""
    subtotal: Money | None = None
    for amount in amounts:
        if amount is not None:
            subtotal = Money.of(amount) if subtotal is None else subtotal.plus(Money.of(amount))
    return of_money(subtotal or Money(minor=0, currency=currency))


def above(a: Json, b: Json) -> bool:
    """More than; two currencies are an error."""
    return Money.of(a).minus(Money.of(b)).minor > 0


def below(a: Json, b: Json) -> bool:
    """Less than; two currencies are an error."""
    return Money.of(a).minus(Money.of(b)).minor < 0


def same(a: Json, b: Json) -> bool:
    """Equal amounts; two currencies are an error."""
    return Money.of(a).minus(Money.of(b)).minor == 0


def joined(texts: Sequence[Json], between: str) -> str:
    """The texts with another between them; null entries are left out."""
    present = [text for text in texts if text is not None]
    if not all(isinstance(text, str) for text in present):
        raise ValueError("join takes texts; use text(…)")
    if sum(len(text) + len(between) for text in present) > MAX_TEXT:
        raise ValueError(f"more than {MAX_TEXT:,} characters")
    return between.join(present)


def rounded(number: float, digits: int) -> float:
    """So many digits after the point, half away from zero, as written: 2.345 is no 2.344999."""
    if not 0 <= digits <= MAX_DIGITS:
        raise ValueError(f"round keeps 0 to {MAX_DIGITS} digits, not {digits}")
    if not math.isfinite(number):
        raise ValueError(NO_NUMBER)
    step = Decimal(1).scaleb(-int(digits))
    # 15 digits are all a number has: of a larger one nothing is left to round.
    if abs(number) >= MAX_ROUNDED:
        return float(number)
    return float(Decimal(repr(float(number))).quantize(step, ROUND_HALF_UP))


def split(text: str, between: str) -> list[str]:
    """The parts of a text between another one."""
    if not between:
        raise ValueError("split needs a text to split at")
    if text.count(between) >= MAX_PARTS:
        raise ValueError(f"more than {MAX_PARTS:,} parts")
    return text.split(between)


def replaced(text: str, old: str, new: str) -> str:
    """Each occurrence of one text by another."""
    if not old:
        raise ValueError("replace needs a text to look for")
    if len(text) + text.count(old) * (len(new) - len(old)) > MAX_TEXT:
        raise ValueError(f"more than {MAX_TEXT:,} characters")
    return text.replace(old, new)


def clocked(stamped: str, hour: str, zone: str) -> str:
    """An hour of a day in a time zone."""
    at = dates.clock(hour)
    if at is None:
        raise ValueError(f"not an hour of the day: {hour!r}; write it like 09:00")
    return stamp(dates.moment_of(_local(stamped, zone), at, zone))


def in_words(stamped: str, language: str, zone: str) -> str:
    """A day in words."""
    return dates.in_words(_local(stamped, zone), language)


def local_day(stamped: str, zone: str) -> str:
    """The day of a moment in a time zone; a day stays itself."""
    if len(stamped) == len("2026-05-01"):
        return stamped
    return moment(stamped).astimezone(ZoneInfo(zone)).date().isoformat()


def moved(stamped: str, length: str, zone: str, sign: int) -> str:
    """A moment so much later or earlier; whole days are days of the calendar there, whatever the clocks do."""
    span = durations.parse(length)
    if span is None:
        raise ValueError(f"not a length: {length!r}; write it like 3d")
    if length.rstrip().endswith(("d", "w")):
        # An aware time plus a length is wall-clock arithmetic in Python.
        return stamp(moment(stamped).astimezone(ZoneInfo(zone)) + sign * span)
    return stamp(moment(stamped) + sign * span)


def _local(stamped: str, zone: str) -> date:
    return date.fromisoformat(local_day(stamped, zone))


def days(start: str, end: str, zone: str) -> int:
    """Days of the calendar from one to the other; negative when the other comes first."""
    return (_local(end, zone) - _local(start, zone)).days


def month(stamped: str, offset: int, zone: str) -> dict[str, Json]:
    """A month by its first and last day and its name."""
    day = _local(stamped, zone)
    first = _first_of(day.year * 12 + day.month - 1 + int(offset))
    next_month = _first_of(first.year * 12 + first.month)
    return {
        "first": first.isoformat(),
        "last": (next_month - timedelta(days=1)).isoformat(),
        "name": f"{first.year:04}-{first.month:02}",
    }


def _first_of(months: int) -> date:
    if not 12 < months < 9_998 * 12:
        raise ValueError("a month out of range")
    return date(months // 12, months % 12 + 1, 1)


def week(stamped: str, offset: int, zone: str) -> dict[str, Json]:
    """A week by its Monday, its Sunday and its name (ISO 8601)."""
    day = _local(stamped, zone)
    first = day + timedelta(days=7 * int(offset) - day.weekday())
    year, number, _ = first.isocalendar()
    return {
        "first": first.isoformat(),
        "last": (first + timedelta(days=6)).isoformat(),
        "name": f"{year:04}-W{number:02}",
    }


def shifted(stamped: str, length: str, zone: str, sign: int) -> str:
    """A day or a moment so much later or earlier. A day moves by whole days only."""
    if len(stamped) != len("2026-05-01"):
        return moved(stamped, length, zone, sign)
    span = durations.parse(length)
    if span is None or span % timedelta(days=1):
        raise ValueError(f"a day moves by whole days, like 3d, not by {length!r}")
    return (date.fromisoformat(stamped) + sign * span).isoformat()


def seconds(value: str, now: str, zone: str) -> float:
    """What a `wait/for` waits: a length, or until a moment or the beginning of a day; nothing when that has passed."""
    span = durations.parse(value)
    if span is not None:
        return span.total_seconds()
    if len(value) == len("2026-05-01"):
        until = datetime.combine(date.fromisoformat(value), time(), ZoneInfo(zone))
    else:
        until = moment(value)
    return max((until - moment(now)).total_seconds(), 0.0)


def absent(paths: str) -> Json:
    """No path of a `default` has a value, and its fallback is one of them."""
    raise PermanentError(f"nothing stands at {paths}", code=ABSENT)
