"""The readable text of HTML: what a person would see, without fetching anything.

Scripts, styles and what is styled away are dropped; a link keeps its address as text when that is a web or mail address.
"""

import re
from html.parser import HTMLParser

MAX_HTML = 400_000

_BLOCKS = {
    "p", "div", "br", "tr", "table", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "blockquote", "pre",
    "section", "article", "header", "footer", "dl", "dt", "dd",
}  # fmt: skip
_DROPPED = {
    "script",
    "style",
    "head",
    "title",
    "template",
    "noscript",
    "iframe",
    "object",
    "svg",
    "math",
    "select",
}
_VOID = {"br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed", "source", "track", "wbr"}
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![\d.])", re.IGNORECASE)
_LINK = re.compile(r"(?:https?://|mailto:)\S{1,500}", re.IGNORECASE)
_MARKUP = re.compile(r"<!(?!--)[^>]{0,10000}>?|<\?[^>]{0,10000}>?")


def from_html(source: str) -> str:
    """The text of an HTML part. Never raises."""
    reader = _Reader()
    try:
        reader.feed(_plain_markup(source[:MAX_HTML]))
        reader.close()
    except (AssertionError, ValueError, IndexError):
        # The parser gives up on some nonsense; what was read so far is still worth reading.
        pass
    return reader.text()


def _plain_markup(source: str) -> str:
    # Comments, declarations and processing instructions carry no words; unclosed ones cost the parser quadratic time.
    out: list[str] = []
    at = 0
    while (start := source.find("<!--", at)) >= 0:
        out.append(source[at:start])
        end = source.find("-->", start + 4)
        at = len(source) if end < 0 else end + 3
    out.append(source[at:])
    return _MARKUP.sub(" ", "".join(out))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._dropped: list[str] = []
        self._link = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._dropped:
            if tag == self._dropped[0] and tag not in _VOID:
                self._dropped.append(tag)
            return
        values = dict(attrs)
        if tag in _VOID:
            self._out.append("\n" if tag in _BLOCKS else "")
        elif tag in _DROPPED or "hidden" in values or _HIDDEN.search((values.get("style") or "")[:2000]):
            self._dropped = [tag]
        elif tag in _BLOCKS:
            self._out.append("\n– " if tag == "li" else "\n")
        elif tag in {"td", "th"}:
            self._out.append(" ")
        elif tag == "a":
            found = _LINK.fullmatch((values.get("href") or "").strip()[:510])
            self._link = found[0] if found else ""

    def handle_endtag(self, tag: str) -> None:
        if self._dropped:
            if tag == self._dropped[0]:
                self._dropped.pop()
        elif tag == "a" and self._link:
            # The address is what counts, whatever the words claim.
            self._out.append(f" <{self._link}>")
            self._link = ""
        elif tag in _BLOCKS:
            self._out.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._dropped:
            self._out.append(re.sub(r"\s+", " ", data))

    def text(self) -> str:
        """Everything read, with at most one blank line in a row."""
        lines = [" ".join(line.split()) for line in "".join(self._out).split("\n")]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
