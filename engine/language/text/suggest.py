"""The known name that a misspelt one was probably meant to be."""

import difflib
import functools
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None when none is near enough to be meant."""
    return _nearest(name, tuple(sorted(set(known))))


_ELSEWHERE: dict[str, tuple[str, ...]] = {
    "trigger": ("on", "event"), "triggers": ("on",), "tasks": ("steps",), "jobs": ("steps",), "nodes": ("steps",),
    "actions": ("steps",), "when": ("if",), "condition": ("if",), "runif": ("if",), "unless": ("if",),
    "matrix": ("foreach", "item"), "for-each": ("foreach",), "loop": ("foreach",), "with-items": ("foreach",), "items": ("foreach",),
    "row": ("item",), "record": ("item",), "each": ("item", "foreach"), "depends": ("needs",), "depends-on": ("needs",),
    "dependson": ("needs",), "after": ("needs",), "action": ("uses",), "type": ("uses",), "do": ("uses",), "args": ("with",),
    "arguments": ("with",), "parameters": ("with", "inputs"), "params": ("with", "inputs"), "variables": ("inputs",),
    "vars": ("inputs",), "title": ("name",), "allow-failure": ("continue-on-error",), "ignore-errors": ("continue-on-error",),
    "github": ("event",), "payload": ("event",), "timeout-minutes": ("timeout",),
}  # fmt: skip
"""Words of other tools: trigger, tasks, when, matrix, row; what each is called here, wherever that is a name to choose from."""


@functools.lru_cache(maxsize=1_000)
def _nearest(name: str, names: tuple[str, ...]) -> str | None:
    plain = name.replace("_", "-").lower()
    for candidate in names:
        if candidate.replace("_", "-").lower() == plain:
            return candidate
    for candidate in _ELSEWHERE.get(plain, ()):
        if candidate in names:
            return candidate
    matches = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return matches[0] if matches else None


MAX_MISSPELT = 50
"""Names that are looked at: comparing one with twenty others takes a tenth of a millisecond."""


def corrections(unknown: Iterable[str], known: Iterable[str]) -> set[str]:
    """The known names that unknown ones were meant to be: what is misspelt is not missing as well."""
    names = list(known)
    return {best for name in sorted(unknown)[:MAX_MISSPELT] if (best := nearest(name, names)) is not None}


def slip(name: str, known: Iterable[str]) -> str | None:
    """The known name of which this is a slip of the pen. `other` is not one of `quote`, although half of its letters are the same."""
    names = list(known)
    if (elsewhere := _STATUSES.get(name.lower())) in names:
        return elsewhere
    best = nearest(name, names)
    if best is None:
        return None
    near = difflib.SequenceMatcher(
        None, name.replace("_", "-").lower(), best.replace("_", "-").lower()
    ).ratio()
    return best if near >= _SLIP else None


_SLIP = 0.72
_STATUSES = {
    "success": "succeeded", "successful": "succeeded", "completed": "succeeded", "ok": "succeeded", "failure": "failed",
    "error": "failed", "canceled": "cancelled", "accepted": "approved", "denied": "rejected", "timeout": "nothing",
}  # fmt: skip
"""What becomes of a step, a card or a wait, in the words of other languages."""


def join_names(names: Iterable[str], *, limit: int = 12) -> str:
    """Names in backquotes for a message, the first `most` of them."""
    known = [f"`{name}`" for name in names]
    if not known:
        return "none"
    return ", ".join(known[:limit]) + (", …" if len(known) > limit else "")


def did_you_mean(name: str, known: Iterable[str], *, label: str = "") -> str:
    """The hint of an unknown name: the nearest one, else all there are."""
    names = list(known)
    best = nearest(name, names)
    if best is not None:
        return f"did you mean `{best}`?"
    return f"{label or 'known'}: {join_names(names)}" if names else ""
