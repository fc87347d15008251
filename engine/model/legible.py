"""Text from outside as people may safely read it: nothing in it hides, moves or reorders what stands beside it."""

import unicodedata


def visible(text: str) -> str:
    """The text with control, bidirectional and zero-width characters written out, so that nothing hides or moves."""
    return "".join(one if one in "\n\t" or _plain(one) else f"\\u{{{ord(one):x}}}" for one in text)


def _plain(one: str) -> bool:
    category = unicodedata.category(one)
    return category[0] != "C" and category not in {"Zl", "Zp"}


def line(text: str, limit: int = 80) -> str:
    """One short visible line of a text from outside."""
    flat = " ".join(visible(text).split())
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"
