"""Addresses as letters write them, and the few we are willing to answer.

An address is parsed character by character: text in quotes or comments is a name, never an address, so
``"boss@example.com" <thief@example.net>`` is the thief. Domains are compared in their ASCII form (IDNA).
"""

import re
import unicodedata
from dataclasses import dataclass

from engine.connectors.arguments import one_line
from engine.connectors.email.message.headers import words

_ATOM = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-"
# Dots anywhere: phones had such addresses for years, and their servers take them. Letters of any script (RFC 6531).
_LOCAL = re.compile(rf"[{_ATOM}\u00a1-\U0010ffff]{{1,200}}")
_QUOTED = re.compile(rf'"([{_ATOM}\u00a1-\U0010ffff ]{{1,200}})"')
_DOTS = re.compile(r"^\.|\.$|\.\.")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_ANGLE = re.compile(
    r"[<\uff1c]\s{0,9}(?:mailto:)?([^<>\s\"@,;:]{1,200}[@\uff20][^<>\s\"@,;:]{1,250}?)\s{0,9}(?:[>\uff1e]|$)",
    re.IGNORECASE,
)
_BARE = re.compile(r"[^<>\s\"'@,;:()\[\]]{1,200}@[^<>\s\"'@,;:()\[\]]{1,250}")
_MAX = 200
_MAX_SALVAGED = 4000
_CLOSES = {'"': '"', "(": ")"}
# Zero-width and direction marks make one name look like another.
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")

# (name, address) as written.
_Piece = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """One entry of an address header. `address` is empty when it is none that can be written to."""

    name: str
    address: str


def usable(text: str) -> str:
    """The address with its domain in lower-case ASCII; empty when it can't be written to from anywhere."""
    local, at, domain = unicodedata.normalize("NFC", text.strip()).rpartition("@")
    quoted = _QUOTED.fullmatch(local)
    local = quoted[1] if quoted and " " not in quoted[1] else local
    if (
        not at
        or not (_LOCAL.fullmatch(local) or quoted)
        or _INVISIBLE.search(local)
        or not local.isprintable()
    ):
        return ""
    try:
        ascii_ = ".".join(map(_ascii, domain.rstrip(".").split("."))).lower()
    except UnicodeError:
        return ""
    labels = ascii_.split(".")
    if len(labels) < 2 or len(ascii_) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return ""
    return f"{local}@{ascii_}"


def _ascii(label: str) -> str:
    # The codec knows IDNA 2003, for which straße is strasse: another owner's domain.
    if "ß" in label or "ς" in label:
        return f"xn--{label.lower().encode('punycode').decode('ascii')}"
    return label.encode("idna").decode("ascii")


def written(address: str) -> str:
    """A usable address as written in a header or an envelope: quoted where the dots of its local part need it."""
    local, _, domain = address.rpartition("@")
    return f'"{local}"@{domain}' if _DOTS.search(local) and not local.startswith('"') else address


def same(first: str, second: str) -> bool:
    """Whether two addresses reach the same person, as far as can be known: case never matters in practice."""
    return folded(first) == folded(second) != ""


def folded(address: str) -> str:
    """The form in which addresses are compared; empty for text that is not an address."""
    return usable(address).casefold()


def domain_of(address: str) -> str:
    """The domain of a usable address."""
    return address.rpartition("@")[2]


def mailboxes(value: str) -> tuple[Mailbox, ...]:
    """Every entry of an unfolded address header, groups opened, at most 200. A header that can't be parsed yields the one address in it, if there is exactly one."""
    entries = _whole(_entries(value))[:_MAX]
    parsed = tuple(Mailbox(name=_name(name), address=usable(address)) for name, address in entries)
    return parsed if any(mailbox.address for mailbox in parsed) else (_salvaged(value) or parsed)


def _name(text: str) -> str:
    return one_line(_INVISIBLE.sub("", words(text)).strip(" \t'"), 120)


def _whole(entries: list[_Piece]) -> list[_Piece]:
    """The entries, with names put together that a comma took apart: what has no address is the beginning of the next name."""
    joined: list[_Piece] = []
    begun: list[str] = []
    for name, address in entries:
        if "@" in address:
            joined.append((", ".join([*begun, name]) if begun else name, address))
            begun = []
        else:
            begun.append(f"{address} ({name})" if name else address)
    return joined or [("", text) for text in begun]


def _salvaged(value: str) -> tuple[Mailbox, ...]:
    """The one address in a header that can't be taken apart; nothing where there is none, or more than one."""
    value = value[:_MAX_SALVAGED]
    for pattern in (_ANGLE, _BARE):
        addresses = {
            folded(address): (match.start(), address)
            for match in pattern.finditer(value)
            if (address := usable((match[1] if pattern is _ANGLE else match[0]).replace("\uff20", "@")))
        }
        if len(addresses) == 1:
            ((start, address),) = addresses.values()
            return (Mailbox(name=_name(value[:start].strip(" \"'<(,;:")), address=address),)
    return ()


def _entries(value: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    last = {char: value.rfind(char) for char in '")>'}
    entry = _Entry()
    for place, char in enumerate(value):
        # What is never closed was not meant to open anything.
        if entry.free and last.get(_CLOSES.get(char, ""), place + 1) <= place:
            continue
        if entry.take(char):
            continue
        if char == ":":
            # The text before it was the name of a group.
            entry = _Entry()
        elif char in ",;":
            pieces += entry.result()
            entry = _Entry()
            if len(pieces) >= _MAX:
                return pieces
    return pieces + entry.result()


class _Entry:
    """One entry under way: inside quotes, a comment, angle brackets, or in the open."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._comment: list[str] = []
        self._angles: list[list[str]] = []
        self._state = ""
        self._depth = 0
        self._escaped = False

    @property
    def free(self) -> bool:
        """Whether it is read in the open."""
        return not self._state

    def take(self, char: str) -> bool:
        """Whether the character belongs to this entry; False for a separator in the open."""
        if self._escaped:
            self._escaped = False
            self._into(char)
        elif char == "\\" and self._state in {"quote", "comment"}:
            self._escaped = True
        elif self._state == "quote":
            self._leave(char) if char == '"' else self._into(char)
        elif self._state == "comment":
            self._nest(char)
        elif self._state == "angle":
            self._leave(char) if char == ">" else self._into(char)
        else:
            return self._in_the_open(char)
        return True

    def _in_the_open(self, char: str) -> bool:
        if char in ",;:":
            return False
        if char == '"':
            self._state = "quote"
        elif char == "(":
            self._state, self._depth = "comment", 1
        elif char == "<":
            self._state = "angle"
            self._angles.append([])
        else:
            self._into(char)
        return True

    def _nest(self, char: str) -> None:
        self._depth += {"(": 1, ")": -1}.get(char, 0)
        if self._depth == 0:
            self._state = ""
        else:
            self._into(char)

    def _leave(self, _: str) -> None:
        self._state = ""

    def _into(self, char: str) -> None:
        if self._state == "angle":
            self._angles[-1].append(char)
        else:
            (self._comment if self._state == "comment" else self._open).append(char)

    def result(self) -> list[_Piece]:
        """(name, address) of what was taken, or nothing for an empty entry."""
        free, comment = "".join(self._open).strip(), "".join(self._comment).strip()
        if self._angles:
            # A source route (@relay:user@host) is obsolete; the mailbox follows its last colon.
            inside = {"".join(angle).rpartition(":")[2] for angle in self._angles}
            named = {address for address in inside if "@" in address} or inside
            return [(free or comment, named.pop() if len(named) == 1 else "<several>@")]
        return [(comment, free)] if free else []
