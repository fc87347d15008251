"""What is read of a webhook's call: the fields declared for it, and what to declare where none are."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from engine.language.diagnostics.codes import references
from engine.language.diagnostics.codes import triggers as code
from engine.language.documents.ast import Authored
from engine.language.documents.playbook_fields import what
from engine.language.passes.values import ValueBuilder
from engine.language.text import nodes
from engine.language.types import type_syntax
from engine.language.types.scope import Undeclared
from engine.language.types.type_syntax import place
from engine.model.definitions.diagnostics import Diagnostic, Fix, Span
from engine.model.definitions.triggers import TRIGGERS
from engine.model.definitions.types import Type

_MAP = "write it like `fields: { id: text, data: { amount: number } }`"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_Tree: TypeAlias = dict[str, "str | _Tree"]


def declared(values: ValueBuilder, node: nodes.Node) -> Type:
    """The event of a call whose fields are declared at `node`: these, and what every call has. Nothing else can be read."""
    shared = TRIGGERS["webhook"].event.fields
    if not isinstance(node, nodes.Mapping):
        values.note(references.wrong_type(place(node), expected="a map", actual=what(node), hint=_MAP))
        return Type(kind="any")
    fields, found = type_syntax.declared(node)
    values.diagnostics += found
    taken = {one.name for one in shared}
    entries = {entry.key.removesuffix("?"): entry for entry in node.entries}
    own = []
    for one in fields:
        entry = entries[one.field.name]
        if one.field.name in taken:
            wanted, example = "a name that not every call has", f"their-{one.field.name}: text"
            values.note(
                code.bad_param(entry.key_span, value=f"`{entry.key}`", expected=wanted, example=example)
            )
            continue
        known = ("type", "description", "optional")
        for more in one.value_entries():
            values.note(code.unknown_param(more.key_span, name=more.key, trigger="webhook", known=known))
        # A default makes a field one that may be missing: it is refused, and no reader hears of it.
        own.append(one.field if one.default is None else replace(one.field, optional=entry.key.endswith("?")))
    return Type(kind="map", fields=(*shared, *own))


def undeclared(authored: Authored) -> Undeclared | None:
    """What keeps an account of what is read of a call; None where nothing starts by one, or its fields are declared."""
    for one in authored.on:
        if one.kind.text == "webhook" and (one.params is None or one.params.get("fields") is None):
            return Undeclared(stand_in=code.undeclared_fields(one.kind.span, paths=[], fields="", fix=None))
    return None


def told(authored: Authored, account: Undeclared | None, found: list[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics with one in the place of all that says what is to be declared."""
    if account is None or not account.wrong:
        return found
    fields: _Tree = {}
    for path, type_ in account.reads.items():
        _put(fields, path.split(".")[1:], type_)
    words = _words(fields)
    at = account.stand_in.span
    body = next((one.params for one in authored.on if one.kind.span == at), None)
    fix = Fix(span=_end(body), text=_added(body, words)) if body is not None and body.entries else None
    whole = code.undeclared_fields(at, paths=list(account.wrong), fields=words, fix=fix)
    return [*(one for one in found if one != account.stand_in), whole]


def _put(fields: _Tree, names: list[str], type_: str) -> None:
    """A path's type at its place. What has fields of its own is no text."""
    for name in names[:-1]:
        inner = fields.get(name)
        if not isinstance(inner, dict):
            inner = fields[name] = {}
        fields = inner
    if not isinstance(fields.get(names[-1]), dict):
        fields[names[-1]] = type_


def _words(fields: Mapping[str, "str | _Tree"]) -> str:
    pairs = (
        f"{name}: {_words(inner) if isinstance(inner, dict) else _word(inner)}"
        for name, inner in sorted(fields.items())
    )
    return f"{{ {', '.join(pairs)} }}"


def _word(type_: str) -> str:
    """A type as it is written within braces."""
    if type_syntax.parse(type_) is None:
        return "text"
    return type_ if _PLAIN.fullmatch(type_.strip("[]")) else f'"{type_}"'


def _end(body: nodes.Mapping) -> Span:
    last = body.entries[-1].value.span
    return Span(
        path=last.path,
        line=last.end_line,
        column=last.end_column,
        end_line=last.end_line,
        end_column=last.end_column,
    )


def _added(body: nodes.Mapping, words: str) -> str:
    """One more entry, on the line of the others or on its own."""
    first, last = body.entries[0], body.entries[-1]
    in_line = first.key_span.line == last.value.span.end_line and (
        len(body.entries) > 1 or body.span.end_column > last.value.span.end_column
    )
    return f", fields: {words}" if in_line else f"\n{' ' * (first.key_span.column - 1)}fields: {words}"
