"""Triggers as other tools write them: a list of schedules, or only the word that matters."""

import re

from engine.language.diagnostics.codes import playbook_shape as code
from engine.language.documents.playbook_fields import describe
from engine.language.text.nodes import Entry, Mapping, Node, Scalar, Sequence
from engine.language.text.quoting import quoted
from engine.language.types.type_syntax import place
from engine.model.definitions.diagnostics import Diagnostic, Fix, Span
from engine.model.definitions.triggers import TRIGGERS, TriggerSpec

_NOTHING = frozenset({"manual", "call"})
_BARE = re.compile(r"[A-Za-z][\w./-]*")
"""Words that YAML reads as they stand."""


def trigger(entry: Entry) -> Diagnostic | None:
    """The diagnostic of an entry of `on:` whose value is not a map; None where it is one, or empty."""
    value, spec = entry.value, TRIGGERS.get(entry.key)
    if isinstance(value, Mapping) or spec is None or (isinstance(value, Scalar) and not value.text):
        return None
    if spec.name in _NOTHING:
        return _wrong(value, f"{entry.key}: {{}}", "{}", _end(value))
    name = spec.params[0].name
    words = [text for child in _items(value) if (text := _word(child, name)) is not None]
    whole = " ".join(words) if len(words) == len(_items(value)) == 1 else ""
    if len(words) == len(_items(value)) > 1 and spec.name == "schedule":
        whole = _together(words)
    example = f"{entry.key}: {{ {name}: {_spelt(whole) if whole else '…'} }}"
    alone = all(param.optional for param in spec.params[1:])
    if not whole or not alone:
        return _wrong(value, _example(spec, example), None, None)
    block = isinstance(value, Sequence) and value.span.line > entry.key_span.line
    text = f"{name}: {_spelt(whole)}" if block else f"{{ {name}: {_spelt(whole)} }}"
    return _wrong(value, example, text, _end(value))


def _spelt(word: str) -> str:
    return word if _BARE.fullmatch(word) else quoted(word)


def _wrong(value: Node, example: str, text: str | None, end: Span | None) -> Diagnostic:
    fix = None
    if text is not None and end is not None:
        first = value.span
        fix = Fix(
            span=Span(
                path=first.path,
                line=first.line,
                column=first.column,
                end_line=end.end_line,
                end_column=end.end_column,
            ),
            text=text,
        )
    return code.wrong_shape(place(value), expected="a map", actual=describe(value), example=example, fix=fix)


def _example(spec: TriggerSpec, example: str) -> str:
    if spec.name == "schedule":
        return f"{example}, and another playbook for what begins at other times"
    return example


def _items(value: Node) -> tuple[Node, ...]:
    return value.items if isinstance(value, Sequence) else (value,)


def _word(node: Node, name: str) -> str | None:
    """The one word that counts: written alone, or under its name."""
    if isinstance(node, Mapping):
        only = node.entries[0] if len(node.entries) == 1 else None
        node = only.value if only is not None and only.key == name else node
    return (
        node.text.strip()
        if isinstance(node, Scalar) and node.text.strip() and "${{" not in node.text
        else None
    )


def _together(words: list[str]) -> str:
    """One schedule for several that differ in one field: `0 8 * * *` and `0 18 * * *` are `0 8,18 * * *`. Empty where there is none."""
    rows = [word.split() for word in words]
    if any(len(row) != len(rows[0]) for row in rows):
        return ""
    columns = [list(dict.fromkeys(column)) for column in zip(*rows, strict=True)]
    if sum(len(column) > 1 for column in columns) > 1 or any(
        "*" in field for c in columns if len(c) > 1 for field in c
    ):
        return ""
    return " ".join(",".join(column) for column in columns)


def _end(node: Node) -> Span:
    """The place of the last word of a value: a list of lines ends where the next key begins, comments included."""
    while True:
        last: Node | None = None
        if isinstance(node, Sequence) and node.items and node.span.end_line > node.span.line:
            last = node.items[-1]
        elif isinstance(node, Mapping) and node.entries and node.span.end_line > node.span.line:
            last = node.entries[-1].value
        if last is None:
            return node.span
        node = last
