"""Text from outside as people may safely read it: nothing in it hides, moves or reorders the text beside it.

`visible` writes such characters out, `masked` keeps every column where it is, `stripped` leaves out those that show nothing.
"""

import re
import unicodedata

INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\u206a-\u206f\ufeff\U000e0000-\U000e0fff]"
)
"""Characters that show nothing or turn the direction of a text round."""


def visible(text: str) -> str:
    """The text with control, bidirectional and zero-width characters written out, so that nothing hides or moves."""
    return "".join(char if char in "\n\t" or _plain(char) else f"\\u{{{ord(char):x}}}" for char in text)


def masked(text: str) -> str:
    """The text, one column for each character, for a line that carets stand under: a tab is a space, what can't be printed a �."""
    return "".join(char if char.isprintable() else " " if char == "\t" else "\ufffd" for char in text)


def stripped(text: str) -> str:
    """The text as it goes on to be used: composed, and without invisible characters."""
    return INVISIBLE.sub("", unicodedata.normalize("NFC", text))


def _plain(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] != "C" and category not in {"Zl", "Zp"}


def line(text: str, limit: int = 80) -> str:
    """One short visible line of a text from outside."""
    flat = " ".join(visible(text).split())
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"
