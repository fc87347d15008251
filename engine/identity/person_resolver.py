"""Who an address belongs to: the contact note with exactly that address, or a stranger.

A From line proves nothing. A known address counts as the customer's only when the trusted receiver proved its domain
(`aligned`); otherwise what comes out is labelled untrusted, however well we know the person.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.identity import RESOLVE
from engine.identity.address_book import CONTACTS, AddressBook, AddressMatch, FrontMatter, folded, read
from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.settings import Person
from engine.model.definitions.taint import Label, Labels
from engine.model.definitions.triggers import CLAIMED
from engine.model.effects import Call
from engine.model.errors import PermanentError
from engine.model.ports import Tree
from engine.model.values.canonical_json import Json

_NAME = re.compile(r"[^\w '.\-]+|[\d_]{3,}")
_LOCAL = re.compile(r"[^A-Za-z0-9.\-]+")
_MAX_NOTE = 200_000


def display_name(written: str) -> str:
    """A stranger's name for themselves, fit for a greeting: one short line without addresses, links or symbols."""
    line = " ".join(written.split())
    if "@" in line or "://" in line or "www." in line.lower() or len(line) > 200:
        return ""
    words = " ".join(_NAME.sub(" ", line).split()).strip(" '.-")
    return words if 0 < len(words) <= 60 and any(char.isalpha() for char in words) else ""


class CurrentAddressBook:
    """The address book of the tree that runs now, read once a commit."""

    def __init__(self, tree: Callable[[], Tree], front_matter: FrontMatter) -> None:
        self._tree, self._front_matter = tree, front_matter
        self._held: tuple[object, AddressBook] | None = None

    def book(self) -> AddressBook:
        """What the notes say now."""
        tree = self._tree()
        name = tree.commit or tree.paths()
        if self._held is None or self._held[0] != name:
            self._held = (name, read(tree, self._front_matter))
        return self._held[1]

    def project(self, event: Json, inputs: Json) -> str:
        """The project a new run belongs to: a known one named by an input, else its sender's; empty for none."""
        book = self.book()
        named = inputs.get("project") if isinstance(inputs, dict) else None
        if isinstance(named, str) and named in {project.name for project in book.projects}:
            return named
        # Anybody can type anybody's address into a web form.
        known = isinstance(event, dict) and event.get("caution") != CLAIMED
        sender = event.get("from") if known else None
        address = folded(sender) if isinstance(sender, str) else ""
        return book.find(address).project if address else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Port Reader for `identity/resolve`. `people` are those of steward.yaml, the operator among them."""

    known: CurrentAddressBook
    people: tuple[Person, ...] = field(default=())

    def declare(self) -> tuple[ActionSpec, ...]:
        """One action."""
        return (RESOLVE,)

    def read(self, call: Call) -> tuple[dict[str, Json], Labels]:
        """The person's fields. Raises PermanentError when `email` is not an address.

        What is labelled the customer's has both: one contact note alone has the address, and its domain was proven.
        """
        email = call.args.get("email")
        if not isinstance(email, str) or not folded(email) or set(call.args) != {"email"}:
            raise PermanentError("identity/resolve takes an `email`", code="wrong-argument")
        if call.trigger.get("caution") == CLAIMED:
            return {**_stranger(email, call.trigger), **_CLAIMED}, frozenset({Label.UNTRUSTED})
        match_ = self.known.book().find(folded(email))
        proven = _proven(email, call.trigger)
        why = {
            "level": self._level(folded(email), match_, proven=proven),
            "project": match_.project or None,
            "reason": match_.reason
            if proven or match_.contact is None
            else f"{match_.reason}; nothing proves the sender",
        }
        if match_.contact is None:
            return {**_stranger(email, call.trigger), **why}, frozenset({Label.UNTRUSTED})
        matter = match_.contact.matter
        call.seen.add(match_.contact.path)
        person = {
            "name": _field(matter, "name") or display_name(_named(email, call.trigger)) or _local_part(email),
            "email": email,
            "known": True,
            "note": match_.contact.path,
            "company": _field(matter, "company") or None,
        }
        sure = proven and not match_.others
        return {**person, **why}, frozenset({Label.CUSTOMER if sure else Label.UNTRUSTED})

    def _level(self, address: str, match_: AddressMatch, *, proven: bool) -> str:
        ours = address in {folded(person.email) for person in self.people if person.email}
        if not (ours or match_.contact or match_.project):
            return "stranger"
        if not proven or match_.others:
            return "unproven"
        return "user" if ours else "customer" if match_.contact else "project"


_CLAIMED: dict[str, Json] = {
    "level": "stranger",
    "project": None,
    "reason": "only named in a web form: nothing was looked up",
}


def contact(tree: Tree, front_matter: FrontMatter, address: str) -> tuple[str, dict[str, Json]] | None:
    """(path, front matter) of the contact note with this folded address; None for a stranger."""
    for path, _ in tree.paths():
        if not path.startswith(CONTACTS) or not path.endswith(".md"):
            continue
        matter = front_matter(path, tree.read(path)[:_MAX_NOTE]) or {}
        written = matter.get("email")
        addresses = written if isinstance(written, list) else [written]
        if any(isinstance(entry, str) and folded(entry) == address for entry in addresses):
            return path, matter
    return None


def agreements(tree: Tree, front_matter: FrontMatter, address: str) -> frozenset[str]:
    """The words under `consent` of the contact note with this address; none for a stranger or an invalid address."""
    note = contact(tree, front_matter, folded(address)) if folded(address) else None
    written = note[1].get("consent") if note is not None else None
    words = written if isinstance(written, list) else [written]
    return frozenset(word.strip() for word in words if isinstance(word, str))


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
