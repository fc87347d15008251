"""What other template languages write for a value, left in words as it stands: `{{ name }}`, `{% if paid %}`, `${NAME}`, `<%= name %>`.

Nothing fills it in here, so the reader of the words sees it, too.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

ROOTS = ("event", "inputs", "item", "steps", "gates", "run")
MAX = 100_000
"""Characters that are looked through: longer words are a document."""

_CERTAIN = re.compile(
    r"(?:(?<![^\s\"'(])[=$] ?)?\{\{\{?(?P<braces>[^{}\n]{1,200})\}?\}\}"
    r"|\{%[-+~]?(?P<block>[^%\n]{1,200}?)[-+~]?%\}"
    r"|<%[-=]?(?P<tag>[^%\n]{1,200}?)-?%>"
    r"|\$\{(?P<shell>[A-Za-z_][\w.:\[\]'\"-]{0,100})\}"
    r"|\*\|(?P<merge>[A-Z][A-Z0-9_:]{0,60})\|\*"
)
_PATH = r"[A-Za-z][\w-]*(?:\.[\w-]+)*"
_OF_KNOWN = re.compile(
    rf"(?<![\w$\\{{])(?:[#$]?\{{ ?\$?(?P<brace>{_PATH}) ?\}}(?!\}})|\$\((?P<round>{_PATH})\)|%\((?P<python>{_PATH})\)s"
    rf"|%(?P<percent>{_PATH})%|\[\[ ?(?P<link>{_PATH}) ?\]\]|<<(?P<angle>{_PATH})>>|\$(?P<dollar>{_PATH}))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """One of them: the characters from `start` to `end`, and the text between its marks. `block`: a tag like `{% if … %}`."""

    start: int
    end: int
    written: str
    inner: str
    block: bool = False


def leftovers(text: str, known: Collection[str] = ()) -> Iterator[Leftover]:
    """All of them, in order. What could also be meant as it stands (`{name}`, `%name%`) counts where its name is `known` or a path."""
    if not _MAY.search(text):
        return
    text = text[:MAX]
    names = {_plain(name) for name in known}
    leftovers_ = [_leftover(match, block=match["block"] is not None) for match in _CERTAIN.finditer(text)]
    taken = [(leftover.start, leftover.end) for leftover in leftovers_]
    for match in _OF_KNOWN.finditer(text):
        name = next(value for value in match.groups() if value is not None)
        root, dot, _ = name.partition(".")
        of_path = bool(dot) and root in ROOTS
        if (of_path or _plain(name) in names) and not any(
            a < match.end() and match.start() < b for a, b in taken
        ):
            leftovers_.append(_leftover(match))
    yield from sorted(leftovers_, key=lambda leftover: leftover.start)


def _plain(name: str) -> str:
    return name.replace("-", "").replace("_", "").lower()


_MAY = re.compile(r"[{%<$*\[]")


def _leftover(match: re.Match[str], *, block: bool = False) -> Leftover:
    inner = next(value for value in match.groups() if value is not None)
    tag = inner.strip().strip("-~+").strip()
    return Leftover(
        start=match.start(),
        end=match.end(),
        written=match[0],
        inner=tag,
        block=block or tag[:1] in {"#", "/", "^", ">", "!"},
    )
