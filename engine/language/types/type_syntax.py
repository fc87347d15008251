"""The one type language: `text`, `[text]`, `{a: text}`, `one of a, b`, `name?`, and the long form `{type, default, …}`."""

import re
from dataclasses import dataclass, replace
from typing import Final

from engine.language.diagnostics.codes import references as code
from engine.language.text import nodes
from engine.language.text.identifiers import is_field
from engine.language.text.suggest import nearest
from engine.model.definitions.diagnostics import Diagnostic, Fix, Span
from engine.model.definitions.types import ANY, Field, Kind, Type, choice, listing
from engine.model.values.canonical_json import Json

SIMPLE: Final[tuple[Kind, ...]] = (
    "text", "number", "integer", "bool", "money", "date", "time", "length", "file", "url", "email", "person", "note", "any",
)  # fmt: skip
ELSEWHERE: Final[dict[str, str]] = {
    "string": "text", "str": "text", "varchar": "text", "int": "integer", "long": "integer", "float": "number", "double": "number",
    "decimal": "number", "boolean": "bool", "datetime": "time", "timestamp": "time", "duration": "length", "currency": "money",
    "amount": "money", "uri": "url", "link": "url", "mail": "email", "array": "[text]", "list": "[text]", "object": "any",
    "dict": "any", "json": "any",
}  # fmt: skip
"""What types are called in other languages."""
MEANINGS: Final[dict[str, str]] = {
    "text": "characters; what is none is turned into text by `text(…)`, or inside other text by itself",
    "number": "a number, with or without a point",
    "integer": "a whole number: what `size` and `days` give",
    "bool": "true or false: what `if` asks",
    "money": "an amount with its currency; only functions touch it (plus, minus, times, percent, sum, above, below)",
    "date": "a day; compares with < <= == >= >, moves with plus and minus by whole days",
    "time": "a moment; `day(…)` is its day in the workspace's time zone, `at(day, '09:00')` makes one",
    "length": "a length of time: ms, s, m, h, d or w",
    "file": "a file the engine keeps; it is handed on whole",
    "url": "an address that begins with https://, http://, mailto: or urn:",
    "email": "an address of a mailbox",
    "person": "somebody, as identity/resolve gives them",
    "note": "a passage of the vault, as memory/recall gives it",
    "any": "anything; what is read of it is checked only when it runs",
}
_LONG = ("type", "default", "min", "max", "description", "optional")
_CHOICE = re.compile(r"one of\s+(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A field with the parts that only its long form has."""

    field: Field
    default: nodes.Node | None = None
    extra: tuple[nodes.Entry, ...] = ()
    default_entry: nodes.Entry | None = None

    def value_entries(self) -> tuple[nodes.Entry, ...]:
        """The entries of its long form about its value: limits, and `default`."""
        return (*self.extra, *((self.default_entry,) if self.default_entry is not None else ()))


def parse(text: str) -> Type | None:
    """A type from a string, as in `` `amount: money` `` or ``[text]``; None when it is not a type."""
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        inner = parse(text[1:-1])
        return None if inner is None else listing(inner)
    if text.startswith("{") and text.endswith("}"):
        return _map(text[1:-1])
    if (match := _CHOICE.fullmatch(text)) is not None:
        options = [option.strip() for option in match[1].split(",")]
        return choice(*options) if all(options) and len(set(options)) == len(options) > 1 else None
    for kind in SIMPLE:
        if kind == text:
            return Type(kind=kind)
    return None


def _map(text: str) -> Type | None:
    fields = []
    for pair in _split(text):
        name, colon, written = pair.partition(":")
        type_ = parse(written) if colon else None
        bare = name.strip().strip("\"'")
        if type_ is None or not is_field(bare.removesuffix("?")):
            return None
        fields.append(Field(name=bare.removesuffix("?"), type=type_, optional=bare.endswith("?")))
    return Type(kind="map", fields=tuple(fields))


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for index, char in enumerate(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(char, 0)
        if char == "," and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return [part for part in [*parts, text[start:]] if part.strip()]


def read(node: nodes.Node) -> tuple[Type, tuple[Diagnostic, ...]]:
    """The type written at a node; `any` beside a diagnostic when it is not a type."""
    match node:
        case nodes.Scalar():
            type_ = parse(node.text)
            return (ANY, (_bad(node),)) if type_ is None else (type_, ())
        case nodes.Sequence():
            if len(node.items) != 1:
                return ANY, (_list(node),)
            inner, diagnostics = read(node.items[0])
            return listing(inner), diagnostics
        case nodes.Mapping():
            fields, diagnostics = declared(node)
            return Type(kind="map", fields=tuple(field.field for field in fields)), diagnostics


def _list(node: nodes.Sequence) -> Diagnostic:
    """A list of words means a choice among them; a list of types has exactly one."""
    words = [
        element.text.strip()
        for element in node.items
        if isinstance(element, nodes.Scalar) and parse(element.text) is None
    ]
    if len(words) != len(node.items) or not words or parse(f"one of {', '.join(words)}") is None:
        hint = "write one type in the brackets: `[text]`"
        return code.bad_type(node.span, written="a list", hint=hint)
    plain = not any(char in '"\\' for char in "".join(words))
    fix = Fix(span=node.span, text=f'"one of {", ".join(words)}"') if plain else None
    hint = f"write `one of {', '.join(words)}`, in quotes"
    return code.bad_type(node.span, written="a list", hint=hint, fix=fix)


def _bad(node: nodes.Scalar) -> Diagnostic:
    best = likeliest(node.text)
    hint = (
        f"did you mean `{best}`?" if best else f"types: {', '.join(SIMPLE)}, [text], {{a: text}}, one of a, b"
    )
    fix = Fix(span=node.span, text=best) if best else None
    return code.bad_type(node.span, written=node.text, hint=hint, fix=fix)


def declared(node: nodes.Mapping) -> tuple[tuple[Declared, ...], tuple[Diagnostic, ...]]:
    """The fields of a map of names to types (`inputs`, `values`, `fields`, …), long forms included."""
    fields: list[Declared] = []
    diagnostics: list[Diagnostic] = []
    for entry in node.entries:
        name = entry.key.removesuffix("?")
        if not is_field(name):
            diagnostics.append(code.bad_field_name(entry.key_span, name=entry.key))
            continue
        field, errors = _declared(name, entry, optional=entry.key.endswith("?"))
        fields.append(field)
        optional = _optional(name, entry) if errors else None
        diagnostics += errors if optional is None else (optional,)
    return tuple(fields), tuple(diagnostics)


def declared_fields(node: nodes.Node | None) -> tuple[Field, ...] | None:
    """The fields of such a map as far as a file with mistakes declares them: an unknown type counts as `any`. None where a name is invalid."""
    if node is None:
        return ()
    fields = declared(node)[0] if isinstance(node, nodes.Mapping) else ()
    whole = isinstance(node, nodes.Mapping) and len(fields) == len(node.entries)
    return tuple(field.field for field in fields) if whole else None


_MAYBE = re.compile(
    r"(?:optional\s+)?(.+?)\s*(?:\?|\|\s*(?:null|None|nil)|\s+or\s+(?:null|nothing))?", re.DOTALL
)


def optional(text: str) -> str | None:
    """The type in `text?`, `text | null` and the like; None where it is not marked as optional."""
    match = _MAYBE.fullmatch(text.strip())
    bare = match[1].strip() if match is not None else ""
    named = ELSEWHERE.get(bare, bare)
    return named if bare != text.strip() and parse(named) is not None else None


def likeliest(text: str) -> str | None:
    """The type most likely meant by a word that is not a type."""
    return ELSEWHERE.get(text.strip().lower()) or nearest(text.strip(), SIMPLE)


def _optional(name: str, entry: nodes.Entry) -> Diagnostic | None:
    """`note: text?`, as other languages write what may be missing: here it is the name that has the mark."""
    node = entry.value
    if not isinstance(node, nodes.Scalar) or node.span.line != node.span.end_line:
        return None
    bare = optional(node.text)
    if bare is None:
        return None
    written = bare if not re.search(r"[:{},#]", bare) else f"'{bare}'"
    line = entry.key_span.line == node.span.line
    whole = replace(entry.key_span, end_line=node.span.end_line, end_column=node.span.end_column)
    fix = Fix(span=whole, text=f"{name}?: {written}") if line else None
    hint = f"what may be missing has the mark on its name: `{name}?: {bare}`"
    return code.bad_type(node.span, written=node.text, hint=hint, fix=fix)


def _declared(name: str, entry: nodes.Entry, *, optional: bool) -> tuple[Declared, tuple[Diagnostic, ...]]:
    node = entry.value
    long = isinstance(node, nodes.Mapping) and isinstance(node.get("type"), nodes.Scalar | nodes.Sequence)
    if (
        not long
        or not isinstance(node, nodes.Mapping)
        or any(child.key not in _LONG for child in node.entries)
    ):
        type_, diagnostics = read(node)
        return Declared(field=Field(name=name, type=type_, optional=optional)), diagnostics
    inner = node.get("type")
    type_, diagnostics = read(inner) if inner is not None else (ANY, ())
    words = node.get("description")
    default = node.get("default")
    field = Field(
        name=name,
        type=type_,
        optional=optional or default is not None,
        description=words.text if isinstance(words, nodes.Scalar) else "",
    )
    extra = tuple(child for child in node.entries if child.key in {"min", "max"})
    default_entry = next((child for child in node.entries if child.key == "default"), None)
    return Declared(field=field, default=default, extra=extra, default_entry=default_entry), diagnostics


def nullable(type_: Type) -> Type:
    """The type that also admits null."""
    return type_ if type_.nullable or type_.kind == "any" else replace(type_, nullable=True)


def certain(type_: Type) -> Type:
    """The type without null."""
    return replace(type_, nullable=False) if type_.nullable else type_


def empty_value(type_: Type) -> Json:
    """The empty value of this type, for a fix: `''`, `0`, `[]`; None when it has none."""
    match type_.kind:
        case "number" | "integer":
            return 0
        case "bool":
            return False
        case "list":
            return []
        case "text" | "url" | "email" | "date" | "length" | "template":
            return ""
        case _:
            return None


def place(node: nodes.Node) -> Span:
    """The first line of a node, which is where a diagnostic about all of it points."""
    span = node.span
    return (
        span if span.line == span.end_line else replace(span, end_line=span.line, end_column=span.column + 1)
    )
