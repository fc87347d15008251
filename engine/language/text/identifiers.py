"""Names are kebab; the identifiers of a lowered expression are not. One reversible way from the one to the other."""

import re

# Single separators only: with them, `-` as `_` and `_` as `__` can't make two names one.
_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*")
MAX = 64

# Words that CEL keeps for itself, and so do plans.
_RESERVED = frozenset(
    "as break const continue else false for function if import in let loop null namespace package return true var void "
    "while".split()
)


def is_id(text: str) -> bool:
    """Whether this may be the id of a step, gate or file: lower case, digits, single hyphens, 64 characters at most."""
    return len(text) <= MAX and _NAME.fullmatch(text) is not None and "_" not in text


def is_field(text: str) -> bool:
    """Whether this may be the name of an input, output or field; providers' names may hold underscores and capitals."""
    return len(text) <= MAX and _FIELD.fullmatch(text) is not None


def slug(words: str) -> str:
    """The id that words make: `Was it our fault?` is `was-it-our-fault`."""
    kebab = "-".join(re.findall(r"[a-z0-9]+", words.lower().replace("'", "")))[:48].strip("-")
    kebab = kebab.lstrip("0123456789-")
    return kebab or "item"


def lowered(name: str) -> str:
    """One name as an identifier."""
    plain = name.replace("_", "__").replace("-", "_")
    return f"{plain}_" if plain in _RESERVED else plain


def variable(path: str) -> str:
    """A readable path as the name of a variable: `steps.payment-link.outputs.url` is `steps.payment_link.outputs.url`."""
    return ".".join(lowered(segment) for segment in path.split("."))
