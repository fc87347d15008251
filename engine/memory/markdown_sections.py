"""A note's text by its headings: front matter left out, and no heading found inside a fence."""

import re
from collections.abc import Iterator

_HEADING = re.compile(r"(#{1,6})[ \t]+(.+?)[ \t#]*$")
_FENCE = re.compile(r"[ \t]{0,3}(```+|~~~+)")


def body(source: str) -> str:
    """The note without its front matter, line ends made one kind."""
    source = source.removeprefix("\ufeff").replace("\r\n", "\n")
    if not source.startswith("---\n"):
        return source
    end = re.search(r"^(?:---|\.\.\.)[ \t]*$", source[4:], re.MULTILINE)
    return source[4 + end.end() :] if end else source


def sections(text: str) -> Iterator[tuple[tuple[int, str] | None, list[str]]]:
    """((level, words) of the heading, the lines under it); None as the heading of the lines before the first one."""
    heading: tuple[int, str] | None = None
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        heading_match = None if fence else _HEADING.match(line)
        if heading_match:
            yield heading, lines
            heading, lines = (len(heading_match[1]), heading_match[2].strip()), []
        else:
            lines.append(line)
    yield heading, lines


def trails(text: str) -> Iterator[tuple[tuple[tuple[int, str], ...], str]]:
    """(the headings from the top down to this one, the text under it); nothing for an empty start."""
    trail: list[tuple[int, str]] = []
    for heading, lines in sections(text):
        if heading is not None:
            trail = [ancestor for ancestor in trail if ancestor[0] < heading[0]] + [heading]
        under = "\n".join(lines).strip()
        if under or heading is not None:
            yield tuple(trail), under
