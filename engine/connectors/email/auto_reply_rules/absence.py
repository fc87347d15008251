"""When the author of an out-of-office says to be back: the last day its words name, within ninety days."""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta

MAX = timedelta(days=90)
_LOOKED_AT = 4000

_MONTHS: dict[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner janvier enero gennaio januari janeiro stycznia",
            "february feb februar février fevrier febrero febbraio februari fevereiro lutego",
            "march mar märz maerz mars marzo maart março marco marca",
            "april apr avril abril aprile kwietnia",
            "may mai mayo maggio mei maio maja",
            "june jun juni juin junio giugno junho czerwca",
            "july jul juli juillet julio luglio julho lipca",
            "august aug août aout agosto augustus sierpnia",
            "september sep sept septembre septiembre settembre setembro września wrzesnia",
            "october oct oktober okt octobre octubre ottobre outubro października pazdziernika",
            "november nov novembre noviembre novembro listopada",
            "december dec dezember dez décembre decembre diciembre dicembre dezembro grudnia",
        ),
        start=1,
    )
    for name in names.split()
}
_NAME = "|".join(sorted(_MONTHS, key=len, reverse=True))
_ISO = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b")
_NUMBERS = re.compile(r"\b(\d{1,2})[./](\d{1,2})\.?(?:[./]?(\d{4}|\d{2})\b)?")
_DAY_FIRST = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th|er|º|\.)?\s+(?:of\s+|de\s+)?({_NAME})\b\.?,?(?:\s+(?:de\s+)?(\d{{4}}))?",
    re.IGNORECASE,
)
_MONTH_FIRST = re.compile(
    rf"\b({_NAME})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(\d{{4}}))?", re.IGNORECASE
)


def back(words: str, now: datetime) -> date | None:
    """The last day named within ninety days from `now`; None when there is none.

    Without a year the next such day is meant. 03/04 is the 3rd of April, except where that is not a day.
    """
    today = now.date()
    days = [day for day in _days(words[:_LOOKED_AT], today) if today <= day <= today + MAX]
    return max(days, default=None)


def _days(text: str, today: date) -> Iterator[date]:
    for match in _ISO.finditer(text):
        yield from _day(int(match[1]), int(match[2]), int(match[3]), today)
    for match in _NUMBERS.finditer(text):
        year = int(match[3] or 0)
        first, second = int(match[1]), int(match[2])
        month, day = (first, second) if second > 12 else (second, first)
        yield from _day(year + 2000 if 0 < year < 100 else year, month, day, today)
    for match in _DAY_FIRST.finditer(text):
        yield from _day(int(match[3] or 0), _MONTHS[match[2].lower()], int(match[1]), today)
    for match in _MONTH_FIRST.finditer(text):
        yield from _day(int(match[3] or 0), _MONTHS[match[1].lower()], int(match[2]), today)


def _day(year: int, month: int, day: int, today: date) -> Iterator[date]:
    try:
        candidate = date(year or today.year, month, day)
        yield candidate if year or candidate >= today else date(today.year + 1, month, day)
    except ValueError:
        return
