"""How things are said: colours on a terminal only, untrusted text quoted with its invisible characters shown."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TextIO

from engine.model.canonical import Json
from engine.model.durations import rough
from engine.model.errors import EngineError
from engine.model.legible import line, visible
from engine.model.times import localized, moment

__all__ = [
    "ago",
    "agreed",
    "colour",
    "error",
    "line",
    "prompt",
    "put",
    "put_json",
    "quoted",
    "say",
    "table",
    "visible",
]

_COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def colour(text: str, name: str, stream: TextIO | None = None) -> str:
    """`text` in a colour where the stream (none: stdout) is a terminal and NO_COLOR is not set."""
    if os.environ.get("NO_COLOR") or not (stream or sys.stdout).isatty():
        return text
    return f"\x1b[{_COLOURS[name]}m{text}\x1b[0m"


_ZONE: list[str] = []
_QUOTES = ("│", "┊")
"""Before a line of somebody else's words: their moments are theirs."""
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def in_zone(zone: str) -> None:
    """From now on moments are told in this time zone, the operator's."""
    _ZONE[:] = [zone]


def local(text: str) -> str:
    """The text with each moment of ours in the operator's zone, but for somebody else's words. JSON keeps them as they are."""
    if not _ZONE or text.lstrip()[:1] in _QUOTES:
        return text
    return localized(text, _ZONE[0])


def columns(stream: TextIO) -> int:
    """How wide what is read there is; 0 where nobody looks: a file and a pipe get whole lines."""
    return shutil.get_terminal_size().columns if stream.isatty() else 0


def fitted(text: str, width: int) -> str:
    """The text with lines of at most `width` columns: a longer one goes on below, further in. A word is never cut."""
    return text if not width else "\n".join(part for one in text.split("\n") for part in _folded(one, width))


def _folded(text: str, width: int) -> list[str]:
    if len(_ESCAPE.sub("", text)) <= width:
        return [text]
    indent = " " * min(len(text) - len(text.lstrip()) + 4, width // 2)
    lines, line_ = [], ""
    for word in re.findall(r" *[^ ]+", text):
        if line_.strip() and len(_ESCAPE.sub("", line_ + word)) > width:
            lines.append(line_.rstrip())
            line_ = indent + word.lstrip()
        else:
            line_ += word
    return [*lines, line_.rstrip()]


def say(text: str = "", *, exact: bool = False) -> None:
    """Talk: stderr. `exact`: what stands there are somebody's words, whose moments are theirs."""
    print(fitted(text if exact else local(text), columns(sys.stderr)), file=sys.stderr, flush=True)


def prompt(question: str) -> str:
    """The next line that is typed, without its spaces; empty when nothing comes any more (Ctrl-D), or no text."""
    print(question, end="", file=sys.stderr, flush=True)
    try:
        return input().strip()
    except (EOFError, UnicodeDecodeError):
        say()
        return ""


def agreed(question: str) -> bool:
    """Whether a person says yes; anything else is a no."""
    return prompt(question).lower() in {"y", "yes"}


def put(text: str = "", *, exact: bool = False) -> None:
    """Data: stdout. `exact` as for `say`."""
    print(fitted(text if exact else local(text), columns(sys.stdout)), flush=True)


def put_json(kind: str, data: Json) -> None:
    """Versioned JSON on stdout."""
    # Where the stream can't take every character they are written out: replaced ones would be other data.
    narrow = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    print(
        json.dumps({"steward": kind, "version": 1, "data": data}, ensure_ascii=narrow, indent=2), flush=True
    )


def error(problem: EngineError) -> None:
    """An error: what went wrong, what is now true, what to type."""
    say(f"{colour('✗', 'red', sys.stderr)} {visible(problem.message)}")
    for said in (problem.now_true, problem.way_out):
        if said:
            say(f"  {visible(said)}")


def quoted(text: str, *, lines: int = 40, width: int = 0) -> list[str]:
    """A text from outside or a draft, whole lines behind a bar (long ones go on behind ``┊``), and a note of what was left out."""
    width = width or min(_WIDEST, (columns(sys.stdout) or _WIDEST + _BAR) - _BAR)
    found = visible(text).replace("\t", "    ").splitlines()
    shown = []
    for one in found[:lines]:
        parts = [one[start : start + width] for start in range(0, len(one), width)] or [""]
        shown += [
            f"  {'┊' if index else '│'} {part}".rstrip() for index, part in enumerate(parts[:_MOST_PARTS])
        ]
        if len(parts) > _MOST_PARTS:
            shown.append(f"  ┊ … {len(one) - _MOST_PARTS * width} more characters")
    if len(found) > lines:
        shown.append(f"  │ … {len(found) - lines} more lines")
    return shown


_MOST_PARTS = 20
_WIDEST, _BAR = 110, 6
"""How wide a quoted line is at most, and what stands before it on a card."""


def table(rows: Iterable[Sequence[str]], *, indent: str = "  ") -> list[str]:
    """Rows as aligned columns."""
    rows = [[str(cell) for cell in row] for row in rows]
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows)))]
    return [indent + "  ".join(cell.ljust(widths[i]) for i, cell in enumerate(row)).rstrip() for row in rows]


def ago(stamp: str, now: datetime) -> str:
    """How long since (or until) a moment, in the largest fitting unit."""
    return rough(abs(now - moment(stamp)))
