"""Why YAML broke off: the slip itself, which is often lines above the place where the parser gave up.

Each look gets the lines and the line (from 0) that broke, and names at most one slip. A repair is only a proposal: the reader prints
it as a fix when the text reads on with it.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.language.text.quoting import MAX_CHARACTERS, quoted

ODD_SPACES = re.compile("[\u00a0\u1680\u2000-\u200d\u202f\u205f\u2060\u3000]")
"""Characters that look like a space or are invisible; YAML treats them as part of a word."""
_KEY = re.compile(r"(\s*)(- +)?([A-Za-z_][\w-]*):(?: +(\S.*))?$")
_FARTHEST = 60
"""How many lines above the break an open quote is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A slip at `line`, columns `start` to `end`, and what would mend it: (start, end, text) in that line. All count from 0.

    `kind` decides its code.
    """

    kind: Literal["invisible", "unquoted", "broken"]
    line: int
    start: int
    end: int
    message: str
    hint: str = ""
    repair: tuple[int, int, str] | None = None


def causes(lines: Sequence[str], broke: int) -> Iterator[Cause]:
    """Every slip that could have broken line `broke`, the surest first."""
    for number in (broke, broke - 1):
        if 0 <= number < len(lines) and len(lines[number]) <= MAX_CHARACTERS:
            yield from odd_space(lines[number], number)
            yield from quote_in_quotes(lines[number], number)
            yield from comment_in_braces(lines[number], number)
            yield from open_bracket(lines[number], number)
    yield from deeper(lines, broke)
    yield from open_quote(lines, broke)
    # A bracket that a comment left open swallows what follows, up to a place far below.
    for number in range(broke - 2, max(broke - _FARTHEST, -1), -1):
        if len(lines[number]) <= MAX_CHARACTERS:
            yield from comment_in_braces(lines[number], number)


def odd_space(line: str, number: int) -> Iterator[Cause]:
    """A character that only looks like a space, in the indent or beside a key's colon."""
    for match in ODD_SPACES.finditer(line):
        quotes = line.count('"', 0, match.start()) % 2 or line.count("'", 0, match.start()) % 2
        if not quotes:
            yield Cause(
                kind="invisible", line=number, start=match.start(), end=match.end(),
                message="a space that is none",
                repair=(match.start(), match.end(), "" if unicodedata.category(match[0]) == "Cf" else " "),
            )  # fmt: skip
            return


def quote_in_quotes(line: str, number: int) -> Iterator[Cause]:
    """`"say "hi" now"`: the second quote ends the text."""
    begin = _opening(line, '"')
    if begin is None:
        return
    second = line.find('"', begin + 1)
    while second > 0 and line[second - 1] == "\\":
        second = line.find('"', second + 1)
    if second < 0 or re.match(r"\s*(?:[,:\]}#]|$)", line[second + 1 :]):
        return
    last = line.rfind('"')
    if last <= second:
        return
    inner = line[begin + 1 : last]
    yield Cause(
        kind="broken", line=number, start=second, end=second + 1,
        message='this `"` ends the text that begins before it', hint="inside \"…\" use '…'",
        repair=None if "'" in inner else (begin + 1, last, inner.replace('"', "'")),
    )  # fmt: skip


def comment_in_braces(line: str, number: int) -> Iterator[Cause]:
    """`{ because: late #1 }`: the comment swallows the closing brace."""
    for match in re.finditer(r" #", line):
        prefix = line[: match.start()]
        opened = prefix.count("{") + prefix.count("[") > prefix.count("}") + prefix.count("]")
        if not opened or prefix.count('"') % 2 or prefix.count("'") % 2:
            continue
        begin = max(prefix.rfind(mark) for mark in (": ", ", ", "[", "{"))
        start = begin + (2 if prefix[begin] in ":," else 1)
        start += len(line[start:]) - len(line[start:].lstrip(" "))
        stop = re.compile(r"[,}\]]").search(line, match.end())
        value = line[start : stop.start()].rstrip() if stop else ""
        yield Cause(
            kind="unquoted", line=number, start=start, end=start + len(value) if value else match.end(),
            message="` #` begins a comment, and the line ends before it", hint="quote it",
            repair=(start, start + len(value), quoted(value)) if value else None,
        )  # fmt: skip
        return


def open_bracket(line: str, number: int) -> Iterator[Cause]:
    """`{ text: hello`: a line with more brackets opened than closed."""
    open_ = list[int]()
    quote = ""
    for index, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'" and line[:index].rstrip(" ")[-1:] in {":", ",", "[", "{"}:
            quote = char
        elif char in "{[":
            open_.append(index)
        elif char in "}]" and open_:
            open_.pop()
    if open_ and not quote:
        closing = "".join("}" if line[index] == "{" else "]" for index in reversed(open_))
        end = len(line.rstrip())
        yield Cause(
            kind="broken", line=number, start=open_[-1], end=open_[-1] + 1,
            message=f"this `{line[open_[-1]]}` is not closed on its line", hint=f"close it: {closing}",
            repair=(end, end, f" {closing}" if closing[0] == "}" else closing),
        )  # fmt: skip


def deeper(lines: Sequence[str], broke: int) -> Iterator[Cause]:
    """A key below a key that has a value, indented deeper than it."""
    if not 0 < broke < len(lines):
        return
    key = _KEY.fullmatch(lines[broke])
    above = next((number for number in range(broke - 1, -1, -1) if lines[number].strip()), None)
    upper = _KEY.fullmatch(lines[above]) if above is not None else None
    if key is None or upper is None or upper[4] is None or upper[4][0] in "|>#":
        return
    upper_indent, indent = len(upper[1]) + len(upper[2] or ""), len(key[1])
    if indent > upper_indent and not key[2]:
        yield Cause(
            kind="broken", line=broke, start=indent, end=indent + len(key[3]),
            message=f"`{key[3]}` is indented deeper than `{upper[3]}`", hint="begin both in one column",
            repair=(0, indent + len(key[3]), " " * upper_indent + key[3]),
        )  # fmt: skip


def open_quote(lines: Sequence[str], broke: int) -> Iterator[Cause]:
    """A quote that is opened on a line above and not closed there."""
    for number in range(min(broke, len(lines) - 1), max(broke - _FARTHEST, -1), -1):
        line = lines[number]
        for mark in ('"', "'"):
            begin = _opening(line, mark)
            if begin is None or _closed(line, begin, mark):
                continue
            end = len(line.rstrip(" ]}"))
            yield Cause(
                kind="broken", line=number, start=begin, end=begin + 1,
                message=f"this `{mark}` is not closed on its line", hint=f"close it: {mark}",
                repair=(end, end, mark),
            )  # fmt: skip


def _opening(line: str, mark: str) -> int | None:
    """Where the first text in this kind of quotes begins: where a value can."""
    match = re.search(rf"(?:^|[:,\[{{-])\s*({mark})", line)
    return match.start(1) if match else None


def _closed(line: str, begin: int, mark: str) -> bool:
    """Whether the last of the quotes that can stand at a value's ends closes one."""
    index = begin
    while True:
        end = line.find(mark, index + 1)
        while mark == '"' and end > 0 and line[end - 1] == "\\":
            end = line.find(mark, end + 1)
        if end < 0:
            return False
        following = re.compile(rf"[:,\[{{]\s*({mark})").search(line, end + 1)
        if following is None:
            return True
        index = following.start(1)


_WORDS = {
    "mapping values are not allowed in this context": "a `:` where no key can stand",
    "could not find expected ':'": "a key without its `:`",
    "did not find expected key": "this line is not indented like its neighbours",
    "did not find expected ',' or '}'": "a `{` that is not closed, or a comma missing",
    "did not find expected ',' or ']'": "a `[` that is not closed, or a comma missing",
    "did not find expected '-' indicator": "this line is not indented like the list above it",
    "found unexpected end of stream": "a quote that is not closed",
    "found character that cannot start any token": "a character that can't begin a value; quote it",
    "found unknown escape character": "a backslash in double quotes means something else; use single quotes",
}


def plain_words(problem: object) -> str:
    """What the parser objects to, in words."""
    text = str(problem or "not YAML")
    return _WORDS.get(text, text)
