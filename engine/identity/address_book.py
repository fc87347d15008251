"""The address book of one commit: contact notes and project notes, and why an address belongs to one of them.

A contact note is a file of vault/knowledge/contacts/ and has `email` (one address or several), and may have `name`, `company`, `tags`
and `project`. A project note is a file of vault/knowledge/projects/, is `type: project`, is named by its file, and may have `addresses`,
`domains` and `tags`. Addresses and domains are compared exactly, in folded form; nothing is guessed from a likeness.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.model.ports import Tree
from engine.model.values.canonical_json import Json

CONTACTS, PROJECTS = "vault/knowledge/contacts/", "vault/knowledge/projects/"
_MAX_NOTE = 200_000
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")

FrontMatter: TypeAlias = Callable[[str, bytes], dict[str, Json] | None]
"""Reads a note's (path, bytes) into a map; None without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A contact note. `addresses` are folded, the main one first."""

    path: str
    addresses: tuple[str, ...]
    matter: dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project note."""

    name: str
    addresses: frozenset[str]
    domains: frozenset[str]
    tags: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressMatch:
    """Whose an address is. `contact` is None for a stranger; `others` are further notes that claim it; `project` may be empty."""

    contact: Contact | None
    others: tuple[str, ...]
    project: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressBook:
    """What the notes of one commit say of addresses."""

    contacts: tuple[Contact, ...] = ()
    projects: tuple[Project, ...] = ()
    by_address: dict[str, tuple[Contact, ...]] = field(default_factory=dict)

    def find(self, address: str) -> AddressMatch:
        """Whose a folded address is, and why. The first note by its path counts; that there are others is said."""
        claims = self.by_address.get(address, ())
        contact = claims[0] if claims else None
        project, because = self._project(address, contact)
        others = tuple(claim.path for claim in claims[1:])
        if contact is None:
            reason = because or "no contact note has this address"
        elif others:
            reason = f"several notes have this address: {', '.join(claim.path for claim in claims)}"
        elif address == contact.addresses[0]:
            reason = f"exact address of {contact.path}"
        else:
            reason = f"another address of {contact.path}"
        if contact is not None and because:
            reason = f"{reason}; {because}"
        return AddressMatch(contact=contact, others=others, project=project, reason=reason)

    def _project(self, address: str, contact: Contact | None) -> tuple[str, str]:
        """(project, why); the project is empty where none or several claim the address equally."""
        named = contact.matter.get("project") if contact is not None else None
        if isinstance(named, str) and _SLUG.fullmatch(named):
            return named, f"project {named} by its note"
        tags = texts(contact.matter.get("tags")) if contact is not None else frozenset()
        domain = address.rpartition("@")[2]
        ways: tuple[tuple[str, Callable[[Project], bool]], ...] = (
            ("address", lambda project: address in project.addresses),
            ("tag", lambda project: bool(tags & project.tags)),
            ("domain", lambda project: domain in project.domains),
        )
        for way, claims in ways:
            names = [project_.name for project_ in self.projects if claims(project_)]
            if len(names) == 1:
                return names[0], f"{way} of project {names[0]}"
            if names:
                return "", f"{way} of several projects: {', '.join(names)}"
        return "", ""


def folded(address: str) -> str:
    """The form in which addresses are compared: no case, the domain in ASCII (IDNA). Empty for an invalid address."""
    local, at, domain = address.strip().rpartition("@")
    ascii_ = folded_domain(domain)
    return f"{local}@{ascii_}".casefold() if at and local and ascii_ else ""


def folded_domain(domain: str) -> str:
    """A domain in ASCII and small letters; empty for what is none."""
    try:
        return domain.strip().rstrip(".").encode("idna").decode("ascii").casefold()
    except UnicodeError:
        return ""


def texts(value: Json) -> frozenset[str]:
    """The texts of a front matter's value: one, or a list of them."""
    return frozenset(text.strip() for text in _listed(value))


def _listed(value: Json) -> list[str]:
    elements = value if isinstance(value, list) else [value]
    return [element for element in elements if isinstance(element, str) and element.strip()]


def read(tree: Tree, front_matter: FrontMatter) -> AddressBook:
    """The book of a tree. A note that can't be read claims no address."""
    contacts: list[Contact] = []
    projects: list[Project] = []
    for path, _ in tree.paths():
        if not path.endswith(".md") or not path.startswith((CONTACTS, PROJECTS)):
            continue
        matter = front_matter(path, tree.read(path)[:_MAX_NOTE]) or {}
        if path.startswith(PROJECTS):
            projects += _project(path, matter)
            continue
        addresses = _folded(folded, _listed(matter.get("email")))
        if addresses:
            contacts.append(Contact(path=path, addresses=addresses, matter=matter))
    claims: dict[str, tuple[Contact, ...]] = {}
    for contact in contacts:
        for address in contact.addresses:
            claims[address] = (*claims.get(address, ()), contact)
    return AddressBook(contacts=tuple(contacts), projects=tuple(projects), by_address=claims)


def _project(path: str, matter: dict[str, Json]) -> Iterable[Project]:
    name = path.removeprefix(PROJECTS).removesuffix(".md")
    if matter.get("type") != "project" or not _SLUG.fullmatch(name):
        return ()
    return (
        Project(
            name=name,
            addresses=frozenset(_folded(folded, _listed(matter.get("addresses")))),
            domains=frozenset(_folded(folded_domain, _listed(matter.get("domains")))),
            tags=texts(matter.get("tags")),
        ),
    )


def _folded(form: Callable[[str], str], written: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(address for address in map(form, written) if address))
