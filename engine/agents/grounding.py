"""Does a source support what a draft names? Numbers, amounts, dates, links, addresses and names without a source are reported.

A finding is a doubt, not a verdict: a person reads it on the card. Nothing here decides, and nothing is asked of a model.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.model.text.safe_text import INVISIBLE
from engine.model.values.canonical_json import Json

MAX = 12
"""Doubts that are named; further ones are counted."""

MAX_TEXT = 400_000
"""Characters of the sources that are looked at, and of one text of a draft."""

_SHOWN = 60

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner", "february feb februar", "march mar märz", "april apr", "may mai", "june jun juni",
            "july jul juli", "august aug", "september sep sept", "october oct oktober okt", "november nov",
            "december dec dezember dez",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_LINK = re.compile(
    r"(?:\bhttps?://|\bwww\.)[^\s<>\"'()\[\]{}|\\^`]+"
    r"|(?<![\w-])(?:[\w-]{1,63}\.){1,8}[a-z]{2,18}\b(?:/[^\s<>\"'()\[\]{}]*)?",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"(?<![\w.+%'-])[\w.+%'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_DATES = (
    re.compile(r"\b(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})\b"),
    re.compile(r"\b(?P<d>\d{1,2})[./](?P<m>\d{1,2})[./](?P<y>\d{4})\b"),
    re.compile(rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?:of\s+)?(?P<n>{_MONTH})\b\.?,?(?:\s+(?P<y>\d{{4}}))?", re.IGNORECASE),
    re.compile(rf"\b(?P<n>{_MONTH})\b\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<y>\d{{4}}))?", re.IGNORECASE),
)  # fmt: skip
_NUMBER = re.compile(r"\d(?:[\d.,'\u00a0\u202f]*\d)?")
_LISTED = re.compile(r"^\s*\d{1,2}[.)]\s", re.MULTILINE)
_CLOCK = re.compile(r"\b(\d{1,2}):00\b")
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_GREETED = re.compile(
    r"(?:^|\n)[ \t]*(?:dear|hello|hi|hey|hallo|liebe[r]?|guten tag|sehr geehrte[r]?)[ ]+([^\n,.!;:]{1,60})",
    re.IGNORECASE,
)
# Words that begin sentences, titles and farewells: two capitalised words in a row that include one of them are not a name.
_NO_NAME = set(
    """
    the our your my we i if please best kind many thank thanks you regards wishes dear hello hi hey there all team sir madam
    mr mrs ms dr yes no as for from with on in at to and this that these those it is here
    der die das ein eine einen einem einer ihr ihre ihren ihrem ihrer unser unsere unseren mein meine mit für im in bei wir sie
    vielen viele dank danke bitte guten gute tag sehr geehrte geehrter liebe lieber beste herzliche freundliche freundlichen
    grüße grüßen gruß frau herr hallo wie wenn falls zu zum zur am an auf aus von vom und oder es ich
    """.split()
)
_STOPS = ".,;:!?*_"
_REFUSAL = re.compile(
    r"\b(?:i['’]m sorry, (?:but )?i can|i cannot (?:help|assist|comply)|as an ai\b)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the sources hold, in comparable forms."""

    numbers: frozenset[str]
    links: frozenset[str]
    hosts: frozenset[str]
    addresses: frozenset[str]
    days: frozenset[tuple[int, int, int]]
    words: frozenset[str]


def doubts(outputs: Json, sources: Iterable[Json]) -> tuple[str, ...]:
    """What `outputs` names without a source, as plain lines in order, each once; at most :data:`MAX` and a count."""
    known = _known("\n".join(text for source in sources for text in texts(source))[:MAX_TEXT])
    findings: list[str] = []
    for text in texts(outputs, numbers=False):
        if INVISIBLE.search(text):
            findings.append("it has characters that can't be seen")
        findings += _unfounded(_folded(text)[:MAX_TEXT], known)
    unique = list(dict.fromkeys(findings))
    if len(unique) > MAX:
        unique = [*unique[:MAX], f"and {len(unique) - MAX} more"]
    return tuple(unique)


def texts(value: Json, *, numbers: bool = True) -> Iterator[str]:
    """Every text in a value, and with `numbers` every number as text: how sure an agent is needs no source."""
    match value:
        case bool():
            return
        case str():
            yield value
        case int() | float():
            if numbers:
                yield f"{value:g}" if isinstance(value, float) else str(value)
        case list():
            for child in value:
                yield from texts(child, numbers=numbers)
        case dict():
            for child in value.values():
                yield from texts(child, numbers=numbers)
        case _:
            return


def _folded(text: str) -> str:
    return _CLOCK.sub(r"\1", INVISIBLE.sub("", unicodedata.normalize("NFKC", text)))


def _known(text: str) -> _Known:
    text = _folded(text)
    links = {_link(match[0]) for match in _LINK.finditer(text)}
    return _Known(
        numbers=frozenset(_number(match[0]) for match in _NUMBER.finditer(text)),
        links=frozenset(links),
        hosts=frozenset(link.partition("/")[0] for link in links if "/" not in link.rstrip("/")),
        addresses=frozenset(match[0].casefold().rstrip(".") for match in _ADDRESS.finditer(text)),
        days=frozenset(day for day, _ in _days(text)),
        words=frozenset(re.findall(r"[\w'’-]+", text.casefold())),
    )


def _unfounded(text: str, known: _Known) -> Iterator[str]:
    """Doubts about one text. What was recognised is blanked, so that a date isn't doubted again as a number."""
    if _REFUSAL.search(text):
        yield "it reads like a refusal to answer"
    for match in _ADDRESS.finditer(text):
        if match[0].casefold().rstrip(".") not in known.addresses:
            yield f"the address {_shown(match[0])} stands in no source"
    text = _ADDRESS.sub(" ", text)
    for match in _LINK.finditer(text):
        link = _link(match[0])
        if link not in known.links and link not in known.hosts and _is_link(match[0]):
            yield f"the link {_shown(match[0].rstrip(_STOPS))} stands in no source"
    text = _LINK.sub(lambda match: " " if _is_link(match[0]) else match[0], text)
    for day, match in list(_days(text)):
        if not any(_same(day, known_day) for known_day in known.days):
            yield f"the date {_shown(match[0])} stands in no source"
        text = text.replace(match[0], " ")
    for match in _NUMBER.finditer(_LISTED.sub(" ", text)):
        if _number(match[0]) not in known.numbers:
            yield f"the number {_shown(match[0])} stands in no source"
    yield from _names(text, known)


def _names(text: str, known: _Known) -> Iterator[str]:
    """Names are greeted, or two capitalised words in a row; one is known when its last word is."""
    greeted = (_runs(match[1], minimum=1) for match in _GREETED.finditer(text))
    candidates = [*(name for names in greeted for name in names), *_runs(text, minimum=2)]
    for name in dict.fromkeys(candidates):
        if name.split()[-1].casefold() not in known.words:
            yield f"the name {_shown(name)} stands in no source"


def _runs(text: str, *, minimum: int) -> list[str]:
    """Capitalised words with nothing but a space between them, `minimum` or more in a row."""
    runs: list[list[re.Match[str]]] = []
    for word in _WORD.finditer(text):
        if not word[0][0].isupper() or len(word[0]) < 2 or word[0].casefold() in _NO_NAME:
            continue
        last = runs[-1][-1] if runs else None
        if last is not None and text[last.end() : word.start()] in {" ", "\u00a0"}:
            runs[-1].append(word)
        else:
            runs.append([word])
    return [" ".join(word[0] for word in run) for run in runs if len(run) >= minimum]


def _days(text: str) -> Iterator[tuple[tuple[int, int, int], re.Match[str]]]:
    for pattern in _DATES:
        for match in pattern.finditer(text):
            groups = match.groupdict()
            month = _MONTHS[groups["n"].casefold()] if groups.get("n") else int(groups["m"])
            yield (int(groups["y"] or 0), month, int(groups["d"])), match


def _same(first: tuple[int, int, int], second: tuple[int, int, int]) -> bool:
    """Whether two dates agree in all that both say; a year of 0 says nothing."""
    return first[1:] == second[1:] and (0 in {first[0], second[0]} or first[0] == second[0])


def _number(text: str) -> str:
    """A number's value, however its thousands are parted: 1.200,50 and 1,200.50 and 1200.5 are one."""
    plain = re.sub(r"['\u00a0\u202f]", "", text)
    signs = [sign for sign in plain if sign in ".,"]
    whole, fraction = plain, ""
    if signs:
        head, _, tail = plain.rpartition(signs[-1])
        if len(tail) != 3 or len(set(signs)) == 2:
            whole, fraction = head, tail
    whole = re.sub(r"\D", "", whole).lstrip("0") or "0"
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def _link(text: str) -> str:
    bare = re.sub(r"^(?:https?://)?(?:www\.)?", "", text.rstrip(_STOPS), flags=re.IGNORECASE)
    host, slash, path = bare.partition("/")
    return (host.casefold() + slash + path).rstrip("/")


_ENDINGS = {"com", "org", "net", "eu", "de", "pl", "io", "uk", "fr", "at", "ch", "info", "biz", "shop", "app", "dev", "ai", "co", "us", "ru", "cn", "xyz", "top", "link", "site", "online", "example", "test", "invalid"}  # fmt: skip


def _is_link(text: str) -> bool:
    """Whether dotted words are meant as a link: `e.g` and a missing space after a full stop are not."""
    if re.match(r"https?://|www\.", text, re.IGNORECASE):
        return True
    host = text.partition("/")[0]
    return not host.isascii() or host.rpartition(".")[2].casefold() in _ENDINGS


def _shown(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _SHOWN else words[: _SHOWN - 1] + "…"
