"""A day in words, and an hour of a day as a moment: what `written` and `at` give.

The words are a closed list of our own: a dozen languages are forty lines, and a letter's bytes don't change with a library's.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")

_MONTHS = {
    "cs": "ledna února března dubna května června července srpna září října listopadu prosince",
    "da": "januar februar marts april maj juni juli august september oktober november december",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "en": "January February March April May June July August September October November December",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "fi": "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "nb": "januar februar mars april mai juni juli august september oktober november desember",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "sv": "januari februari mars april maj juni juli augusti september oktober november december",
}  # fmt: skip
"""The months as they stand in a date, by language."""
_FORMS = {
    **dict.fromkeys(("cs", "da", "de", "fi", "nb"), "{day}. {month} {year}"),
    **dict.fromkeys(("es", "pt"), "{day} de {month} de {year}"),
    "en-us": "{month} {day}, {year}",
}
_PLAIN = "{day} {month} {year}"
_FIRST = {"fr": "1er", "it": "1º"}
_SAME = {"no": "nb", "nn": "nb"}

LANGUAGES = tuple(sorted({*_MONTHS, *_SAME}))
"""The languages a date has words in; a country may follow, as in `en-US`."""


def base(language: str) -> str:
    """The language of a tag whose words are known, `pt` of `pt-BR`; empty where they are not."""
    head = language.lower().partition("-")[0]
    head = _SAME.get(head, head)
    return head if head in _MONTHS else ""


def in_words(day: date, language: str) -> str:
    """`3 March 2026`, `3. März 2026`. Raises ValueError where the language's words are not known."""
    known = base(language)
    if not known:
        raise ValueError(f"no words for dates in {language!r}; known are {', '.join(LANGUAGES)}")
    number = _FIRST.get(known, "1") if day.day == 1 else str(day.day)
    form = _FORMS.get(language.lower(), _FORMS.get(known, _PLAIN))
    return form.format(day=number, month=_MONTHS[known].split()[day.month - 1], year=day.year)


def clock(text: str) -> time | None:
    """An hour of the day as written, `9:00` or `17:30`; None for anything else."""
    match = _CLOCK.fullmatch(text.strip())
    return time(int(match[1]), int(match[2])) if match else None


def moment_of(day: date, hour: time, zone: str) -> datetime:
    """The moment at which a clock in that zone shows this hour.

    As with schedules: what the clocks skip comes right after the gap, and of an hour that comes twice it is the first.
    """
    wall, place = datetime.combine(day, hour), ZoneInfo(zone)
    for _ in range(_LONGEST_GAP):
        moment = wall.replace(tzinfo=place).astimezone(UTC)
        if moment.astimezone(place).replace(tzinfo=None) == wall:
            break
        wall += timedelta(minutes=1)
    return moment


_LONGEST_GAP = 24 * 60 + 1
"""Minutes: islands have left out a day to change sides of the date line."""
