"""What of an HTML letter a mail program shows: styles, as far as they hide text or bring it back.

`display: none` removes an element with everything in it. Hidden and zero size are inherited, and elements within can undo them: every
second newsletter sets the size 0 around columns that set their own.
"""

import html
import re
from dataclasses import dataclass, replace

_ATTRIBUTE = re.compile(
    r"""([^\s"'<>/=]{1,100})(?:\s{0,9}=\s{0,9}(?:"([^"]{0,4000})"|'([^']{0,4000})'|([^\s"'<>`]{1,2000})))?"""
)
_SIZE = re.compile(r"([+-]?(?:\d{0,9}\.\d{1,9}|\d{1,9}\.?))\s*([a-z%]*)")
_FONT = re.compile(
    r"(?:^|[\s/])([+-]?(?:\d{0,9}\.\d{1,9}|\d{1,9}\.?)(?:px|pt|em|ex|rem|%|vw|vh|mm|cm|in|pc)?)(?:\s*/\s*[^\s]+)?\s+\S"
)
_RELATIVE = {"em", "ex", "%", "ch", "lh"}
_RULE = re.compile(r"([^{}@]{1,500})\{([^{}]{0,2000})\}")
_CLASS = re.compile(r"\.([\w-]{1,60})")
_SHEET = re.compile(r"<style[^>]{0,500}>([^<]{0,100000})", re.IGNORECASE)
_COMMENT = re.compile(r"/\*[^*]{0,1000}\*/")
_NOT_BLANK = re.compile(
    r"[^\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\u2800\u3164\ufeff\uffa0]"
)


@dataclass(frozen=True, slots=True)
class Look:
    """How something looks: not `displayed`, `hidden` or of no size is nothing a person sees."""

    displayed: bool = True
    hidden: bool = False
    sized: bool = True

    @property
    def seen(self) -> bool:
        """Whether a person sees the words in it."""
        return self.displayed and not self.hidden and self.sized

    def gone(self) -> "Look":
        """The same, not displayed."""
        return replace(self, displayed=False)

    def resized(self) -> "Look":
        """The same in its ordinary size."""
        return self if self.sized else replace(self, sized=True)

    def within(self, attributes: dict[str, str], sized: frozenset[str]) -> "Look":
        """How an element with these attributes looks inside of one that looks like this. `sized`: classes that set a size."""
        if not attributes or not self.displayed:
            return self
        style = _declared(attributes.get("style", ""))
        display = style.get("display", "")
        if display == "none" or ("hidden" in attributes and not display):
            return self.gone()
        visibility, size = style.get("visibility", ""), _size(style)
        hidden = visibility in {"hidden", "collapse"} if visibility not in {"", "inherit"} else self.hidden
        if size is not None:
            amount, unit = size
            small = amount == 0 or (unit in _RELATIVE and not self.sized)
        else:
            small = not self.sized and sized.isdisjoint(attributes.get("class", "").split())
        return Look(hidden=hidden, sized=not small)


VISIBLE = Look()


def attributes(source: str) -> dict[str, str]:
    """The attributes of a tag, names in lower case; of two with one name the first counts, as in a browser."""
    tag_attributes: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(source) if source.strip(" /") else ():
        tag_attributes.setdefault(name.lower(), html.unescape(double or single or bare))
    return tag_attributes


def sized(page: str) -> frozenset[str]:
    """The classes to which a page's style sheets give a size above nothing."""
    if "font-size" not in page:
        return frozenset()
    classes: set[str] = set()
    for sheet in _SHEET.findall(page[:500_000])[:50]:
        for selector, body in _RULE.findall(sheet):
            size = _size(_declared(body))
            if size is not None and size[0] > 0:
                classes.update(_CLASS.findall(selector))
    return frozenset(classes)


def says_something(text: str) -> bool:
    """Whether there is anything in a text that can be seen."""
    return _NOT_BLANK.search(text) is not None


def _declared(style: str) -> dict[str, str]:
    """The declarations of a style; of two for one property the last counts, but an important one stays."""
    declarations: dict[str, str] = {}
    important: set[str] = set()
    for declaration in _COMMENT.sub("", style.lower()).split(";"):
        name, colon, value = declaration.partition(":")
        name, (value, mark, _) = name.strip(), value.partition("!important")
        if colon and value.strip() and (mark or name not in important):
            declarations.pop(name, None)
            declarations[name] = value.strip()
            important |= {name} if mark else set()
    return declarations


def _size(style: dict[str, str]) -> tuple[float, str] | None:
    """(amount, unit) of the font a style sets; None when it sets none. Words like `small` are of some size."""
    names = [name for name in style if name in {"font", "font-size"}]
    if not names:
        return None
    value = style[names[-1]]
    if names[-1] == "font":
        match = _FONT.search(f"{value} ")
        return _length(match[1]) if match else None
    if value in {"inherit", "unset"}:
        return 1.0, "em"
    return _length(value) or (1.0, "")


def _length(value: str) -> tuple[float, str] | None:
    match = _SIZE.match(value)
    return (float(match[1]), match[2]) if match else None
