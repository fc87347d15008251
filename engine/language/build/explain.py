"""The pages of `steward explain`: what a code means, with a failing and a repaired example."""

import inspect
import textwrap

from engine.language.diagnostics.codes import CODES

TOPIC = "FUNCTIONS"
"""The one page that is about no code."""

_WIDTH = 92


def codes() -> tuple[str, ...]:
    """All codes, sorted."""
    return tuple(sorted(CODES))


def page(code: str) -> str | None:
    """What `code` means: a title on the first line, then why and how. None when there is no such code."""
    if code == TOPIC:
        return functions()
    make = CODES.get(code)
    if make is None:
        return None
    title, _, body = inspect.cleandoc(make.__doc__ or "").partition("\n\n")
    title = " ".join(title.removeprefix(f"{code}:").split())
    return "\n\n".join([title[:1].upper() + title[1:], *map(_wrapped, body.split("\n\n"))]).rstrip() + "\n"


def functions() -> str:
    """The functions of expressions, each with its arguments."""
    from engine.language.expressions.functions import FUNCTIONS

    lines = [f"{function.signature(name)}\n    {function.meaning}" for name, function in FUNCTIONS.items()]
    return "The functions of expressions\n\n" + "\n".join(lines) + "\n"


def _wrapped(paragraph: str) -> str:
    """One paragraph for a terminal; each example begins a line of its own."""
    words = " ".join(paragraph.split())
    for mark in ("Right:", "Wrong:", "Right for now:"):
        words = words.replace(f". {mark}", f".\n{mark}")
    return "\n".join(
        textwrap.fill(
            line,
            _WIDTH,
            subsequent_indent="  " if line.startswith(("Wrong", "Right")) else "",
            break_on_hyphens=False,
            break_long_words=False,
        )
        for line in words.split("\n")
    )
