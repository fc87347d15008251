"""How things are said: plainly into a file or pipe, in colours and columns on a terminal; text from outside with its invisible characters shown.

What is wide, aligned or moves on a terminal is measured and drawn by rich, which is imported there alone. It is only ever given
text, never markup.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TextIO

from engine.model.errors import EngineError
from engine.model.text.safe_text import line, visible
from engine.model.values.canonical_json import Json
from engine.model.values.durations import rough
from engine.model.values.timestamps import localized, moment

__all__ = [
    "ago",
    "agreed",
    "colour",
    "err",
    "error",
    "line",
    "out",
    "prompt",
    "put_json",
    "put_table",
    "quoted",
    "table",
    "visible",
    "waiting_for",
]

_COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def colour(text: str, name: str, stream: TextIO | None = None) -> str:
    """`text` in a colour where the stream (none: stdout) is a terminal and NO_COLOR is not set."""
    if os.environ.get("NO_COLOR") or not (stream or sys.stdout).isatty():
        return text
    return f"\x1b[{_COLOURS[name]}m{text}\x1b[0m"


_ZONE: list[str] = []
_QUOTES = ("│", "┊")
"""The marks before a line of quoted words, whose moments are left as written."""
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def in_zone(zone: str) -> None:
    """From now on moments are told in this time zone, the operator's."""
    _ZONE[:] = [zone]


def local(text: str) -> str:
    """The text with each of the engine's moments in the operator's zone; quoted words are left as written. JSON keeps UTC."""
    if not _ZONE or text.lstrip()[:1] in _QUOTES:
        return text
    return localized(text, _ZONE[0])


def columns(stream: TextIO) -> int:
    """The width of the terminal; 0 for a file or a pipe, which get whole lines."""
    return shutil.get_terminal_size().columns if stream.isatty() else 0


def fitted(text: str, width: int) -> str:
    """The text with lines of at most `width` columns: a longer one goes on below, further in. A word is never cut."""
    return text if not width else "\n".join(part for row in text.split("\n") for part in _folded(row, width))


def cells(text: str) -> int:
    """How many columns of a terminal a text takes: a Chinese character takes two, a colour none."""
    text = _ESCAPE.sub("", text)
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _folded(text: str, width: int) -> list[str]:
    if 2 * len(text) <= width or cells(text) <= width:
        return [text]
    indent = " " * min(len(text) - len(text.lstrip()) + 4, width // 2)
    lines, line_ = [], ""
    for word in re.findall(r" *[^ ]+", text):
        if line_.strip() and cells(line_ + word) > width:
            lines.append(line_.rstrip())
            line_ = indent + word.lstrip()
        else:
            line_ += word
    return [*lines, line_.rstrip()]


def err(text: str = "", *, exact: bool = False) -> None:
    """Talk: stderr. `exact`: the text quotes a person, so its moments are left as written."""
    print(fitted(text if exact else local(text), columns(sys.stderr)), file=sys.stderr, flush=True)


def prompt(question: str) -> str:
    """The next line that is typed, without its spaces; empty when nothing comes any more (Ctrl-D), or no text."""
    print(question, end="", file=sys.stderr, flush=True)
    try:
        return input().strip()
    except (EOFError, UnicodeDecodeError):
        err()
        return ""


def agreed(question: str) -> bool:
    """Whether a person says yes; anything else is a no."""
    return prompt(question).lower() in {"y", "yes"}


def out(text: str = "", *, exact: bool = False) -> None:
    """Data: stdout. `exact` as for `err`."""
    print(fitted(text if exact else local(text), columns(sys.stdout)), flush=True)


def put_json(kind: str, payload: Json) -> None:
    """Versioned JSON on stdout."""
    # A stream that can't take every character gets escapes: replaced characters would change the data.
    narrow = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    print(
        json.dumps({"steward": kind, "version": 1, "data": payload}, ensure_ascii=narrow, indent=2),
        flush=True,
    )


def error(problem: EngineError) -> None:
    """An error: what went wrong, what is now true, what to type."""
    err(f"{colour('✗', 'red', sys.stderr)} {visible(problem.message)}")
    for sentence in (problem.now_true, problem.way_out):
        if sentence:
            err(f"  {visible(sentence)}")


def quoted(text: str, *, lines: int = 40, width: int = 0) -> list[str]:
    """A text from outside or a draft, whole lines behind a bar (long ones go on behind ``┊``), and a note of what was left out."""
    seen = columns(sys.stdout)
    width = width or min(_WIDEST, (seen or _WIDEST + _BAR) - _BAR)
    rows = visible(text).replace("\t", "    ").splitlines()
    shown = []
    for row in rows[:lines]:
        parts = _pieces(row, width, wide=seen > 0 and not row.isascii())
        shown += [
            f"  {'┊' if index else '│'} {part}".rstrip() for index, part in enumerate(parts[:_MAX_PARTS])
        ]
        if len(parts) > _MAX_PARTS:
            shown.append(f"  ┊ … {sum(map(len, parts[_MAX_PARTS:]))} more characters")
    if len(rows) > lines:
        shown.append(f"  │ … {len(rows) - lines} more lines")
    return shown


_MAX_PARTS = 20
_WIDEST, _BAR = 110, 6
"""The maximum width of a quoted line, and the width of the bar before it on a card."""


def _pieces(text: str, width: int, *, wide: bool) -> list[str]:
    """A line in pieces that each fit; `wide`: by the columns of a terminal, where none may begin a line of its own."""
    if wide:
        from rich.cells import chop_cells

        return chop_cells(text, width)
    return [text[start : start + width] for start in range(0, len(text), width)] or [""]


def table(rows: Iterable[Sequence[str]], *, indent: str = "  ") -> list[str]:
    """Rows as aligned columns, each of one line."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows), default=0))]
    return [indent + "  ".join(cell.ljust(widths[i]) for i, cell in enumerate(row)).rstrip() for row in rows]


def put_table(rows: Iterable[Sequence[str]]) -> None:
    """Rows as aligned columns on stdout; on a terminal what is too long goes on within its column."""
    rows = [[visible(str(cell)) for cell in row] for row in rows]
    if not columns(sys.stdout):
        for text in table(rows):
            out(text)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 0, 0, 2), pad_edge=True)
    for _ in range(max(map(len, rows), default=0)):
        grid.add_column(overflow="fold")
    for row in rows:
        grid.add_row(*(Text(local(cell)) for cell in row))
    Console(file=sys.stdout, width=columns(sys.stdout)).print(grid)


@contextmanager
def waiting_for(words: str) -> Iterator[None]:
    """Says on a terminal that something lasts, and for how long it has, until it ends."""
    if not columns(sys.stderr):
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    shown = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*shown, console=Console(file=sys.stderr), transient=True) as progress:
        progress.add_task(visible(words), total=None)
        yield


def ago(stamp: str, now: datetime) -> str:
    """How long since (or until) a moment, in the largest fitting unit."""
    return rough(abs(now - moment(stamp)))
