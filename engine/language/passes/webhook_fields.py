"""The fields of a webhook's call that can be read: the declared ones, or a diagnostic of what to declare."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from engine.language.diagnostics.codes import references
from engine.language.diagnostics.codes import triggers as code
from engine.language.documents.ast import Authored
from engine.language.documents.playbook_fields import describe
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
    """The event of a call whose fields are declared at `node`: these, and the fields of every call. Nothing else can be read."""
    shared = TRIGGERS["webhook"].event.fields
    if not isinstance(node, nodes.Mapping):
        values.note(references.wrong_type(place(node), expected="a map", actual=describe(node), hint=_MAP))
        return Type(kind="any")
    fields, diagnostics = type_syntax.declared(node)
    values.diagnostics += diagnostics
    shared_names = {field.name for field in shared}
    entries = {entry.key.removesuffix("?"): entry for entry in node.entries}
    own = []
    for declaration in fields:
        entry = entries[declaration.field.name]
        if declaration.field.name in shared_names:
            expected, example = "a name that not every call has", f"their-{declaration.field.name}: text"
            values.note(
                code.bad_param(entry.key_span, value=f"`{entry.key}`", expected=expected, example=example)
            )
            continue
        known = ("type", "description", "optional")
        for value_entry in declaration.value_entries():
            values.note(
                code.unknown_param(value_entry.key_span, name=value_entry.key, trigger="webhook", known=known)
            )
        # A default would make a field optional: it is refused, and its readers are checked as if it were not there.
        own.append(
            declaration.field
            if declaration.default is None
            else replace(declaration.field, optional=entry.key.endswith("?"))
        )
    return Type(kind="map", fields=(*shared, *own))


def undeclared(authored: Authored) -> Undeclared | None:
    """The record of which fields are read of a call; None where no webhook starts the file, or its fields are declared."""
    for trigger in authored.on:
        if trigger.kind.text == "webhook" and (
            trigger.params is None or trigger.params.get("fields") is None
        ):
            return Undeclared(
                stand_in=code.undeclared_fields(trigger.kind.span, paths=[], fields="", fix=None)
            )
    return None


def combine_undeclared(
    authored: Authored, account: Undeclared | None, diagnostics: list[Diagnostic]
) -> list[Diagnostic]:
    """The diagnostics, with a single one about undeclared fields in the place of all that stand in for it."""
    if account is None or not account.wrong:
        return diagnostics
    fields: _Tree = {}
    for path, type_ in account.reads.items():
        _put(fields, path.split(".")[1:], type_)
    words = _words(fields)
    at = account.stand_in.span
    body = next((trigger.params for trigger in authored.on if trigger.kind.span == at), None)
    fix = Fix(span=_end(body), text=_added(body, words)) if body is not None and body.entries else None
    whole = code.undeclared_fields(at, paths=list(account.wrong), fields=words, fix=fix)
    return [*(diagnostic for diagnostic in diagnostics if diagnostic != account.stand_in), whole]


def _put(fields: _Tree, names: list[str], type_: str) -> None:
    """Puts a path's type at its place in the tree. A name with fields of its own is not text."""
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
