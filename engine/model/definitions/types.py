"""The one type language of inputs, outputs, agents, SOP fields and template values, as frozen data.

``text number integer bool money date time length file url email person note any``, ``[text]``, ``{a: text}``,
``one of a, b``; an optional field is ``name?``.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "text", "number", "integer", "bool", "money", "date", "time", "length", "file", "url", "email", "person", "note",
    "template", "any", "list", "map", "choice",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A named member of a map. An optional field may be null or absent."""

    name: str
    type: "Type"
    optional: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """A type. `items` belongs to `list`, `fields` to `map`, `options` to `choice`. `nullable` admits null.

    A map with `items` is open: a field it doesn't declare is of that type.
    """

    kind: Kind
    items: "Type | None" = None
    fields: tuple[Field, ...] = ()
    options: tuple[str, ...] = ()
    nullable: bool = False

    def field(self, name: str) -> Field | None:
        """The member called `name`, also of the record types person, file and note."""
        field_ = next((member for member in members(self) if member.name == name), None)
        if field_ is None and self.kind == "map" and self.items is not None:
            return Field(name=name, type=self.items)
        return field_

    @property
    def closed(self) -> bool:
        """Whether free text cannot travel in it (bool, number, date, one of …): such a value steers no sink but an amount."""
        return self.kind in {"bool", "number", "integer", "date", "time", "length", "choice"}

    def __str__(self) -> str:
        """As an operator writes it."""
        match self.kind:
            case "list":
                return f"[{self.items}]"
            case "map":
                inner = ", ".join(
                    f"{field_.name}{'?' if field_.optional else ''}: {field_.type}" for field_ in self.fields
                )
                return f"{{{inner}}}"
            case "choice":
                return f"one of {', '.join(self.options)}"
            case _:
                return self.kind


def _simple(kind: Kind) -> Type:
    return Type(kind=kind)


TEXT, NUMBER, INTEGER, BOOL = _simple("text"), _simple("number"), _simple("integer"), _simple("bool")
MONEY, DATE, TIME, LENGTH = _simple("money"), _simple("date"), _simple("time"), _simple("length")
FILE, URL, EMAIL, PERSON = _simple("file"), _simple("url"), _simple("email"), _simple("person")
NOTE, TEMPLATE, ANY = _simple("note"), _simple("template"), _simple("any")

FOUND_BY = ("full-text", "meaning and words")
"""What can have found a passage: its words alone, or the index."""
EARLIER = "this conversation"
"""What an earlier letter of the same conversation had recalled."""

RECORDS: dict[str, tuple[Field, ...]] = {
    "person": (
        Field(name="name", type=TEXT, description="as the contact note says, else the letter's display name"),
        Field(name="email", type=EMAIL, description="the address"),
        Field(name="known", type=BOOL, description="a contact note has exactly this address"),
        Field(name="note", type=TEXT, optional=True, description="path of the contact note"),
        Field(name="company", type=TEXT, optional=True, description="from the contact note"),
    ),
    "file": (
        Field(name="name", type=TEXT, description="file name without folders"),
        Field(name="media", type=TEXT, description="media type"),
        Field(name="size", type=INTEGER, description="bytes"),
        Field(name="sha256", type=TEXT, description="digest of the content"),
        Field(name="handle", type=TEXT, description="where the engine keeps it; made by the engine only"),
    ),
    "note": (
        Field(name="path", type=TEXT, description="path in the workspace"),
        Field(name="title", type=TEXT, description="first heading or file name"),
        Field(
            name="heading",
            type=TEXT,
            optional=True,
            description="the heading the passage stands under, if any",
        ),
        Field(name="commit", type=TEXT, optional=True, description="the commit it was read at"),
        Field(name="text", type=TEXT, description="the passage"),
        Field(name="score", type=NUMBER, description="higher is nearer; comparable within one answer only"),
        Field(
            name="found-by",
            type=Type(kind="choice", options=(*FOUND_BY, EARLIER)),
            description="which index found it, or the conversation",
        ),
    ),
}


def members(type_: Type) -> tuple[Field, ...]:
    """The declared fields of a map or record type; empty for others."""
    return type_.fields if type_.kind == "map" else RECORDS.get(type_.kind, ())


def listing(items: Type) -> Type:
    """The type of a list of `items`."""
    return Type(kind="list", items=items)


def record(**fields: Type) -> Type:
    """A map type; underscores in names stand for hyphens, a trailing underscore pair is not special."""
    return Type(
        kind="map",
        fields=tuple(Field(name=name.replace("_", "-"), type=type_) for name, type_ in fields.items()),
    )


def choice(*options: str) -> Type:
    """A closed set of words."""
    return Type(kind="choice", options=options)
