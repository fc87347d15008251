"""Addresses as letters write them, and the few we are willing to answer.

An address is taken apart character by character: what stands in quotes or comments is a name, never an address, so
``"boss@example.com" <thief@example.net>`` is the thief. Domains are compared in their ASCII form (IDNA).
"""

import re
from dataclasses import dataclass

from engine.connectors.arguments import one_line
from engine.connectors.email.headers import words

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_MOST = 200
# Zero-width and direction marks make one name look like another.
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """One entry of an address header. `address` is empty when it is none that can be written to."""

    name: str
    address: str


def usable(text: str) -> str:
    """The address with its domain in lower-case ASCII; empty when it can't be written to from anywhere."""
    local, at, domain = text.strip().rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or local.startswith(".") or local.endswith(".") or ".." in local:
        return ""
    try:
        ascii_ = domain.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        return ""
    labels = ascii_.split(".")
    if len(labels) < 2 or len(ascii_) > 253 or not all(_LABEL.fullmatch(one) for one in labels):
        return ""
    return f"{local}@{ascii_}"


def same(one: str, other: str) -> bool:
    """Whether two addresses reach the same person, as far as anybody can know: case never matters in practice."""
    return folded(one) == folded(other) != ""


def folded(address: str) -> str:
    """The form in which addresses are compared; empty for what is no address."""
    return usable(address).casefold()


def domain_of(address: str) -> str:
    """The domain of a usable address."""
    return address.rpartition("@")[2]


def mailboxes(value: str) -> tuple[Mailbox, ...]:
    """Every entry of an unfolded address header, groups opened, at most 200."""
    return tuple(
        Mailbox(name=one_line(_INVISIBLE.sub("", words(name)).strip(" \t'"), 120), address=usable(address))
        for name, address in _entries(value)[:_MOST]
    )


def _entries(value: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    entry = _Entry()
    for char in value:
        if entry.take(char):
            continue
        if char == ":":
            # What stood before was the name of a group.
            entry = _Entry()
        elif char in ",;":
            found += entry.result()
            entry = _Entry()
            if len(found) >= _MOST:
                return found
    return found + entry.result()


class _Entry:
    """One entry under way: inside quotes, a comment, angle brackets, or in the open."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._comment: list[str] = []
        self._angle: list[str] = []
        self._state = ""
        self._depth = 0
        self._escaped = False
        self._had_angle = False

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
            self._state, self._had_angle = "angle", True
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
        place = {"comment": self._comment, "angle": self._angle}.get(self._state, self._open)
        place.append(char)

    def result(self) -> list[tuple[str, str]]:
        """(name, address) of what was taken, or nothing for an empty entry."""
        free, comment = "".join(self._open).strip(), "".join(self._comment).strip()
        if self._had_angle:
            # A source route (@relay:user@host) is history; the mailbox stands behind its last colon.
            return [(free or comment, "".join(self._angle).rpartition(":")[2])]
        return [(comment, free)] if free else []
