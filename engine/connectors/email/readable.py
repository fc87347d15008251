"""The readable text of HTML: what a person would see, without fetching anything.

Scripts, styles and what is styled away are dropped; a link keeps its address as text when that is a web or mail address.
The scanner goes through the source once: the standard library's parser takes minutes over a few hundred kilobytes of
unclosed tags.
"""

import html
import re
from collections.abc import Iterator

MAX_HTML = 2_000_000

_BLOCKS = {
    "p", "div", "br", "tr", "table", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "blockquote", "pre",
    "section", "article", "header", "footer", "dl", "dt", "dd",
}  # fmt: skip
_RAW = {
    "script",
    "style",
    "title",
    "textarea",
    "iframe",
    "noscript",
    "template",
    "xmp",
    "noembed",
    "noframes",
}
_DROPPED = {"head", "object", "svg", "math", "select", "audio", "video", "canvas"}
_VOID = {"br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed", "source", "track", "wbr"}
_NAME = re.compile(r"/?([A-Za-z][A-Za-z0-9-]{0,30})")
_STOP = re.compile(r"[\"'>]")
_HIDDEN = re.compile(
    r"(?:^|\s)hidden(?:[\s=]|$)|display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden|font-size\s{0,9}:\s{0,9}0(?![\d.])",
    re.IGNORECASE,
)
_HREF = re.compile(
    r"(?:^|\s)href\s{0,9}=\s{0,9}(?:\"([^\"]{0,600})\"|'([^']{0,600})'|([^\s>\"']{1,600}))", re.IGNORECASE
)
_LINK = re.compile(r"(?:https?://|mailto:)[^\s<>]{1,500}", re.IGNORECASE)
_MOST_ATTRIBUTES = 4000


def from_html(source: str) -> str:
    """The text of an HTML part. Never raises."""
    page = _Page()
    for kind, value, attributes in _tokens(source[:MAX_HTML]):
        match kind:
            case "text":
                page.text(value)
            case "open":
                page.opened(value, attributes)
            case _:
                page.closed(value)
    return page.result()


def _tokens(source: str) -> Iterator[tuple[str, str, str]]:
    """(text, words, ""), (open, tag, attributes), (close, tag, ""). What is never closed hides the rest, as in a browser."""
    at = 0
    gone: set[str] = set()
    while at < len(source):
        begin = source.find("<", at)
        if begin != at:
            yield "text", source[at : begin if begin >= 0 else len(source)], ""
        if begin < 0:
            return
        name = _NAME.match(source, begin + 1)
        if name is None:
            end = _skipped(source, begin)
            if end == begin:
                yield "text", "<", ""
            at = end + 1
        else:
            end = _tag_end(source, name.end(), gone)
            tag, closing = name[1].lower(), source[begin + 1] == "/"
            yield (
                "close" if closing else "open",
                tag,
                "" if closing else source[name.end() : end][:_MOST_ATTRIBUTES],
            )
            at = end + 1
            if tag in _RAW and not closing:
                raw = re.compile(rf"</{tag}", re.IGNORECASE).search(source, at)
                at = raw.start() if raw else len(source)


def _skipped(source: str, begin: int) -> int:
    """The end of a comment, declaration or instruction; `begin` itself for a mere less-than sign."""
    if source.startswith("<!--", begin):
        end = source.find("-->", begin + 4)
        return len(source) if end < 0 else end + 2
    if source[begin + 1 : begin + 2] in {"!", "?", "/"}:
        end = source.find(">", begin)
        return len(source) if end < 0 else end
    return begin


def _tag_end(source: str, at: int, gone: set[str]) -> int:
    """Where a tag ends: the first `>` outside quotes. `gone` are quotes known not to come again, so nothing is sought twice."""
    while (stop := _STOP.search(source, at)) is not None:
        if stop[0] == ">":
            return stop.start()
        close = -1 if stop[0] in gone else source.find(stop[0], stop.end())
        if close < 0:
            gone.add(stop[0])
        at = stop.end() if close < 0 else close + 1
    return len(source)


class _Page:
    """What has been read so far, and what is being left out."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._dropped = ""
        self._depth = 0
        self._link = ""

    def opened(self, tag: str, attributes: str) -> None:
        """A tag began."""
        if self._dropped:
            self._depth += tag == self._dropped
        elif tag in _VOID:
            self._out.append("\n" if tag in _BLOCKS else "")
        elif tag in _DROPPED or tag in _RAW or _HIDDEN.search(attributes):
            self._dropped, self._depth = tag, 1
        elif tag in _BLOCKS:
            self._out.append("\n– " if tag == "li" else "\n")
        elif tag in {"td", "th"}:
            self._out.append(" ")
        elif tag == "a":
            found = _HREF.search(attributes)
            address = html.unescape(next((one for one in found.groups() if one), "")) if found else ""
            self._link = address if _LINK.fullmatch(address) else ""

    def closed(self, tag: str) -> None:
        """A tag ended."""
        if self._dropped:
            self._depth -= tag == self._dropped
            if self._depth == 0:
                self._dropped = ""
        elif tag == "a" and self._link:
            # The address is what counts, whatever the words claim.
            self._out.append(f" <{self._link}>")
            self._link = ""
        elif tag in _BLOCKS:
            self._out.append("\n")

    def text(self, words: str) -> None:
        """Words between tags."""
        if not self._dropped:
            self._out.append(" ".join(f"_{html.unescape(words)}_".split())[1:-1])

    def result(self) -> str:
        """Everything read, with at most one blank line in a row."""
        lines = [" ".join(line.split()) for line in "".join(self._out).split("\n")]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
