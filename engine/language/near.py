"""The nearest of the names somebody may have meant."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None when none is near enough to be meant."""
    names = sorted(set(known))
    plain = name.replace("_", "-").lower()
    for one in names:
        if one.replace("_", "-").lower() == plain:
            return one
    found = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return found[0] if found else None


def intended(unknown: Iterable[str], known: Iterable[str]) -> set[str]:
    """The known names that unknown ones were meant to be: what is misspelt is not missing as well."""
    names = list(known)
    return {best for one in unknown if (best := nearest(one, names)) is not None}


def listed(names: Iterable[str], *, most: int = 12) -> str:
    """Names in backquotes for a message, the first `most` of them."""
    known = [f"`{name}`" for name in names]
    if not known:
        return "none"
    return ", ".join(known[:most]) + (", …" if len(known) > most else "")


def meant(name: str, known: Iterable[str], *, what: str = "") -> str:
    """The hint of an unknown name: the nearest one, else all there are."""
    names = list(known)
    best = nearest(name, names)
    if best is not None:
        return f"did you mean `{best}`?"
    return f"{what or 'known'}: {listed(names)}" if names else ""
