"""The readable text of HTML: what a person would see in a mail program, without fetching anything.

Scripts, styles and what is styled away are dropped; a link keeps its address as text when that is a web or mail address.
The scanner goes through the source once and keeps only what is open: the standard library's parser, and those that build the
tree of a browser, take minutes over a few hundred kilobytes of unclosed tags (docs/decisions/0005).
"""

import html
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from engine.connectors.email.message import html_styles
from engine.connectors.email.message.html_styles import VISIBLE, Look

MAX_TOKENS = 100_000
"""Tags, and stretches of words between them, of all of a letter's pages."""

_BLOCKS = {
    "p", "div", "br", "tr", "table", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "blockquote", "pre",
    "section", "article", "header", "footer", "dl", "dt", "dd", "center", "form", "fieldset", "address", "main", "nav", "aside",
}  # fmt: skip
# The content of these elements is not markup; some of them show their words.
_UNSEEN_RAW = {"script", "style", "title", "iframe", "template", "noembed", "noframes"}
_SEEN_RAW = {"textarea", "xmp"}
_DRAWN = {"svg", "math"}
_UNSEEN = {*_DRAWN, "option"}
_VOID = {
    "br",
    "hr",
    "img",
    "input",
    "meta",
    "link",
    "area",
    "base",
    "col",
    "embed",
    "source",
    "track",
    "wbr",
    "param",
}
# Of a row of these the next one ends the last.
_CELLS = {"td": {"td", "th"}, "th": {"td", "th"}, "tr": {"tr"}, "tbody": {"tbody", "thead", "tfoot"}}
_CELLS |= {"thead": _CELLS["tbody"], "tfoot": _CELLS["tbody"]}
_WALLS = {"table", "td", "th", "caption"}
_ITEMS = {"li": {"li"}, "dt": {"dt", "dd"}, "dd": {"dt", "dd"}, "option": {"option"}}
_ENDS_UNSEEN = _BLOCKS | {"span", "b", "i", "img", "strong", "em", "body"}
_ENDS_P = _BLOCKS - {"br", "tr", "table"}
_NEAR = 20

_NAME = re.compile(r"/?([A-Za-z][A-Za-z0-9-]{0,30})")
_STOP = re.compile(r"[\"'>]")
_COMMENT_END = re.compile(r"--!?>")
_LINK = re.compile(r"(?:https?://|mailto:)[^\s<>]{1,500}", re.IGNORECASE)
_MAX_ATTRIBUTES = 4000


def from_html(source: str, limit: int = MAX_TOKENS) -> tuple[str, int]:
    """(the text of an HTML part, how many tags and stretches of words it took) of at most so many. Never raises."""
    page = _Page(
        strict=source[:200].lstrip().lower().startswith("<!doctype"), sized=html_styles.sized(source)
    )
    count = 0
    for kind, value, attributes in islice(_tokens(source), limit):
        count += 1
        match kind:
            case "text":
                page.text(value)
            case "open":
                page.opened(value, attributes)
            case _:
                page.closed(value)
    return page.result(), count


def _tokens(source: str) -> Iterator[tuple[str, str, str]]:
    """(text, words, ""), (open, tag, attributes), (close, tag, ""). What is never closed hides the rest, as in a browser."""
    at = 0
    gone: set[str] = set()
    drawn = 0
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
            continue
        end = _tag_end(source, name.end(), gone)
        tag, closing = name[1].lower(), source[begin + 1] == "/"
        attributes = "" if closing else source[name.end() : end][:_MAX_ATTRIBUTES]
        yield "close" if closing else "open", tag, attributes
        at = end + 1
        alone = source[end - 1 : end] == "/"
        if tag in _DRAWN:
            drawn = max(0, drawn - 1) if closing else drawn + (not alone)
        if tag in _UNSEEN_RAW | _SEEN_RAW and not closing and not (drawn and alone):
            raw = re.compile(rf"</{tag}(?=[\s/>])", re.IGNORECASE).search(source, at)
            if raw is None and alone:
                # As in XML: it holds nothing, and what follows is the page.
                yield "close", tag, ""
                continue
            end = raw.start() if raw else len(source)
            if tag in _SEEN_RAW:
                yield "text", source[at:end], ""
            at = end


def _skipped(source: str, begin: int) -> int:
    """The end of a comment, declaration or instruction; `begin` itself for a mere less-than sign."""
    if source.startswith("<!--", begin):
        # `<!-->` and `<!--->` are whole comments.
        for short in ("<!-->", "<!--->"):
            if source.startswith(short, begin):
                return begin + len(short) - 1
        end = _COMMENT_END.search(source, begin + 4)
        return end.end() - 1 if end else len(source)
    if source[begin + 1 : begin + 2] in {"!", "?", "/"}:
        close = source.find(">", begin)
        return len(source) if close < 0 else close
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


@dataclass(slots=True, kw_only=True)
class _Scope:
    """What is open within one table cell, or the page: no closing tag reaches beyond it."""

    tag: str
    count: Counter[str] = field(default_factory=Counter)


class _Page:
    """What has been read so far, and how what is open looks. `strict`: tables inherit; `sized`: classes with a size of their own."""

    def __init__(self, *, strict: bool, sized: frozenset[str]) -> None:
        self._strict = strict
        self._sized = sized
        self._out: list[str] = []
        self._images: list[str] = []
        self._open: list[tuple[str, Look]] = []
        self._scopes = [_Scope(tag="")]
        self._every: Counter[str] = Counter()
        self._link = ""

    def opened(self, tag: str, source: str) -> None:
        """A tag began."""
        self._imply(tag)
        look, attributes = self._look, html_styles.attributes(source)
        if tag in _VOID:
            self._void(tag, attributes)
            return
        if tag == "table" and not self._strict:
            look = look.resized()
        look = look.within(attributes, self._sized)
        if tag in _UNSEEN_RAW or tag in _UNSEEN:
            look = look.gone()
        if tag in _DRAWN and source.rstrip().endswith("/"):
            return
        self._push(tag, look)
        if not look.seen:
            return
        if tag in _BLOCKS:
            self._out.append("\n– " if tag == "li" else "\n")
        elif tag in {"td", "th"}:
            self._out.append(" ")
        elif tag == "a":
            self._leave_link()
            address = attributes.get("href", "").strip()
            self._link = address if _LINK.fullmatch(address) else ""

    def closed(self, tag: str) -> None:
        """A tag ended."""
        if tag in {"br", "p"} and not self._scopes[-1].count[tag]:
            self._out.append("\n" if self._look.seen else "")
            return
        seen = self._look.seen
        if tag in _WALLS or tag in _CELLS:
            if not self._every[tag]:
                return
        elif not self._scopes[-1].count[tag]:
            return
        if tag == "a" and seen:
            self._leave_link()
        self._pop_to({tag})
        if tag in _BLOCKS and (seen or self._look.seen):
            self._out.append("\n")

    def text(self, words: str) -> None:
        """Words between tags."""
        if self._look.seen:
            self._out.append(" ".join(f"_{html.unescape(words)}_".split())[1:-1])

    def result(self) -> str:
        """Everything read, with at most one blank line in a row; what pictures say of themselves, when nothing else says anything."""
        self._leave_link()
        lines = [" ".join(line.split()) for line in "".join(self._out).split("\n")]
        text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
        return text if html_styles.says_something(text) else "\n".join(self._images)

    @property
    def _look(self) -> Look:
        return self._open[-1][1] if self._open else VISIBLE

    def _void(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._look.within(attributes, self._sized).seen:
            return
        self._out.append("\n" if tag in _BLOCKS else "")
        alternative = " ".join(attributes.get("alt", "").split())
        if tag == "img" and alternative and len(self._images) < 200:
            self._images.append(alternative)

    def _leave_link(self) -> None:
        if self._link:
            # The address is what counts, whatever the words claim.
            self._out.append(f" <{self._link}>")
            self._link = ""

    def _imply(self, tag: str) -> None:
        """End what an opening tag ends without saying so."""
        if tag in _ENDS_UNSEEN and any(self._every[unseen] for unseen in _UNSEEN):
            # Neither a drawing nor a choice has a paragraph inside: a paragraph that begins ends an unclosed one.
            self._pop_to(_UNSEEN)
        if tag in _ENDS_P and self._scopes[-1].count["p"]:
            self._pop_to({"p"})
        if tag in _CELLS:
            if tag not in {"td", "th"} and self._scopes[-1].tag in {"td", "th"}:
                self._pop_to({"td", "th"})
            if self._scopes[-1].tag in _CELLS[tag] or any(
                self._scopes[-1].count[cell] for cell in _CELLS[tag]
            ):
                self._pop_to(_CELLS[tag])
        for near, _ in reversed(self._open[-_NEAR:] if tag in _ITEMS else ()):
            if near in _ITEMS[tag]:
                self._pop_to(_ITEMS[tag])
                return
            if near in {"ul", "ol", "dl", "select", *_WALLS}:
                return

    def _push(self, tag: str, look: Look) -> None:
        self._open.append((tag, look))
        self._every[tag] += 1
        self._scopes[-1].count[tag] += 1
        if tag in _WALLS:
            self._scopes.append(_Scope(tag=tag))

    def _pop_to(self, tags: set[str]) -> None:
        while self._open:
            tag, _ = self._open.pop()
            self._every[tag] -= 1
            if tag in _WALLS:
                self._scopes.pop()
            self._scopes[-1].count[tag] -= 1
            if tag in tags:
                return
