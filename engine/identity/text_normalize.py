"""A text as it is compared with examples, and as it may become one: without earlier letters and without who wrote it.

Kept out: quoted lines and the line that announces them, addresses, links, long numbers, the writer's own names, and a signature.
What is left of the same letter is the same each time, so that a correction is found again.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

MAX = 200_000
"""Characters of a text that are looked at."""
MAX_EXAMPLE = 600
"""Characters an example made of a letter has at most: the intent is in the beginning."""
_READ = 4_000

_APOSTROPHES = str.maketrans(
    {"’": "'", "‘": "'", "`": "'", "–": "-", "—": "-", "\u00a0": " ", "\u00ad": None}
)
_SIGNATURE = re.compile(r"^--\s*$|^(sent from|gesendet von|wysłano z) my?\b", re.IGNORECASE)
_ABOVE_QUOTE = re.compile(r"^(on|am|w dniu|dnia|le|el)\b.{3,200}:\s*$", re.IGNORECASE)
_HIDDEN = re.compile(r"\S+@\S+|(?:https?://|www\.)\S+|\+?\d[\d ()/.-]{5,}\d|\$?\{\{|\}\}")

_OFFICES = frozenset(
    """
    account accounts admin billing booking bookings buero büro careers contact design enquiries finance hallo hello help info
    invoice invoices jobs kontakt mail marketing news newsletter noreply office order orders payment payments post press quote
    quotes sales service shop support team web webmaster welcome
    """.split()
)


def without_quotes(text: str) -> str:
    """The text without the lines quoted from earlier letters and the line that announces them."""
    lines: list[str] = []
    for line in text[:MAX].replace("\r\n", "\n").split("\n"):
        if line.lstrip().startswith(">"):
            while lines and (not lines[-1].strip() or _ABOVE_QUOTE.match(lines[-1].strip())):
                lines.pop()
            continue
        lines.append(line)
    return "\n".join(lines)


def fold(text: str) -> str:
    """Text as rules are looked for in it: lower case, single spaces, without the quoted lines of earlier letters."""
    lines = [line for line in text[:MAX].split("\n") if not line.lstrip().startswith(">")]
    text = unicodedata.normalize("NFC", " ".join(lines)).translate(_APOSTROPHES)
    return " ".join(text.casefold().split())


def example(text: str, names: Iterable[str] = ()) -> str:
    """What of a letter may stand among the examples; `names` are the writer's. Empty when nothing is left."""
    lines: list[str] = []
    for line in without_quotes(text).split("\n"):
        if _SIGNATURE.match(line.strip()):
            break
        lines.append(line)
    words = " ".join(" ".join(lines).split())[:_READ]
    words = unicodedata.normalize("NFC", words).translate(_APOSTROPHES)
    words = _HIDDEN.sub(" ", "".join(char if char.isprintable() else " " for char in words))
    for name in sorted(
        {part for name_ in names for part in _parts(name_)}, key=lambda part_: (-len(part_), part_)
    ):
        words = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", words, flags=re.IGNORECASE)
    return " ".join(words.split())[:MAX_EXAMPLE].strip(" ,.;-")


def _parts(name: str) -> list[str]:
    """A name and its parts that are long enough to be one; of an address the words before the @, unless they name an office."""
    whole = unicodedata.normalize("NFC", name.partition("@")[0]).translate(_APOSTROPHES)
    parts = [part for part in [whole.strip(), *re.split(r"[\s.,_+]+", whole)] if len(part) > 2]
    return [part for part in parts if "@" not in name or part.casefold() not in _OFFICES]


def same(text: str) -> str:
    """The form in which a text and an example are the same words."""
    return " ".join(re.findall(r"\w+", fold(text)))


def digest(text: str) -> str:
    """Names a text; 32 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
