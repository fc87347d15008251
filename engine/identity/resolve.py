"""Who an address belongs to: the contact note with exactly that address, or a stranger.

A From line proves nothing. A known address counts as the customer's only when the trusted receiver proved its domain
(`aligned`); otherwise what comes out is labelled untrusted, however well we know the person.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from engine.identity import RESOLVE
from engine.model.actions import ActionSpec
from engine.model.canonical import Json
from engine.model.effects import Call
from engine.model.errors import PermanentError
from engine.model.labels import Label, Labels
from engine.model.ports import Tree

CONTACTS = "vault/knowledge/contacts/"
_NAME = re.compile(r"[^\w '.\-]+|[\d_]{3,}")
_LOCAL = re.compile(r"[^A-Za-z0-9.\-]+")
_MOST_NOTE = 200_000


def folded(address: str) -> str:
    """The form in which addresses are compared: no case, the domain in ASCII (IDNA). Empty for what is no address."""
    local, at, domain = address.strip().rpartition("@")
    try:
        ascii_ = domain.rstrip(".").encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    return f"{local}@{ascii_}".casefold() if at and local and ascii_ else ""


def display_name(written: str) -> str:
    """A stranger's name for themselves, fit for a greeting: one short line without addresses, links or symbols."""
    line = " ".join(written.split())
    if "@" in line or "://" in line or "www." in line.lower() or len(line) > 200:
        return ""
    words = " ".join(_NAME.sub(" ", line).split()).strip(" '.-")
    return words if 0 < len(words) <= 60 and any(char.isalpha() for char in words) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Port Reader for `identity/resolve`.

    `tree` gives the workspace that runs now; `front_matter` reads a note's (path, bytes) into a map, None without one.
    """

    tree: Callable[[], Tree]
    front_matter: Callable[[str, bytes], dict[str, Json] | None]

    def declare(self) -> tuple[ActionSpec, ...]:
        """One action."""
        return (RESOLVE,)

    def read(self, call: Call) -> tuple[dict[str, Json], Labels]:
        """The person's fields. Raises PermanentError when `email` is no address."""
        email = call.args.get("email")
        if not isinstance(email, str) or not folded(email) or set(call.args) != {"email"}:
            raise PermanentError("identity/resolve takes an `email`", code="wrong-argument")
        found = self._note(folded(email))
        if found is None:
            return _stranger(email, call.trigger), frozenset({Label.UNTRUSTED})
        path, matter = found
        person = {
            "name": _field(matter, "name") or display_name(_named(email, call.trigger)) or _local_part(email),
            "email": email,
            "known": True,
            "note": path,
            "company": _field(matter, "company") or None,
        }
        return person, frozenset({Label.CUSTOMER if _proven(email, call.trigger) else Label.UNTRUSTED})

    def _note(self, wanted: str) -> tuple[str, dict[str, Json]] | None:
        tree = self.tree()
        for path, _ in tree.paths():
            if not path.startswith(CONTACTS) or not path.endswith(".md"):
                continue
            matter = self.front_matter(path, tree.read(path)[:_MOST_NOTE]) or {}
            written = matter.get("email")
            addresses = written if isinstance(written, list) else [written]
            if any(isinstance(one, str) and folded(one) == wanted for one in addresses):
                return path, matter
        return None


def _field(matter: dict[str, Json], name: str) -> str:
    value = matter.get(name)
    return " ".join(value.split())[:200] if isinstance(value, str) else ""


def _named(email: str, trigger: dict[str, Json]) -> str:
    """The display name of the letter that started the run, when this address wrote it."""
    return str(trigger.get("name") or "") if folded(str(trigger.get("from") or "")) == folded(email) else ""


def _proven(email: str, trigger: dict[str, Json]) -> bool:
    auth = trigger.get("auth")
    aligned = isinstance(auth, dict) and auth.get("aligned") is True
    return aligned and folded(str(trigger.get("from") or "")) == folded(email)


def _local_part(email: str) -> str:
    return _LOCAL.sub("", email.rpartition("@")[0])[:40]


def _stranger(email: str, trigger: dict[str, Json]) -> dict[str, Json]:
    return {
        "name": display_name(_named(email, trigger)),
        "email": email,
        "known": False,
        "note": None,
        "company": None,
    }
