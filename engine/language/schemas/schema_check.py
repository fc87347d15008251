"""Whether a file has the shape its schema states: the same files of `schemas/` that editors read, checked by jsonschema.

The schema decides. Where a reader has said something about the place already, in words that know more, its diagnostic stands
alone; what nobody else says is said here, with the place, the cause, and the nearest name.
"""

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from engine.language.diagnostics.codes import config_files, references
from engine.language.diagnostics.codes import playbook_shape as code
from engine.language.documents.playbook_fields import what
from engine.language.schemas import schemas
from engine.language.text import nodes, scalars
from engine.language.text.source import MAX_SHOWN, SourceText, shown
from engine.language.types.type_syntax import place
from engine.language.yaml import reader
from engine.model.definitions.diagnostics import Diagnostic, Severity, Span
from engine.model.values.canonical_json import Json

_LANGUAGE = frozenset({"playbook", "sop"})
"""Kinds whose diagnostics are SW02x; those of the others are SW05x."""

_WANTED = {
    "object": "a map", "array": "a list", "string": "text", "number": "a number", "integer": "a whole number",
    "boolean": "`true` or `false`", "null": "nothing",
}  # fmt: skip
_MAX_TOLD = 2 * MAX_SHOWN
"""Violations of one file that are looked at: who has more mends these first."""
_DIGIT = frozenset("+-0123456789")


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing the schema refuses. `node` is the value (a map for its own keys), `entry` the key it stands under.

    `keyword` and `value` are the schema's; `key` is the key in question where it is about one; `label` names the map.
    """

    keyword: str
    value: Json
    node: nodes.Node
    entry: nodes.Entry | None = None
    key: str = ""
    label: str = ""
    known: tuple[str, ...] = ()
    example: str = ""
    shape: Json = None


class _Error(Protocol):
    """What jsonschema says of one error."""

    validator: str
    validator_value: Json
    schema: Json
    instance: Json
    path: Iterable[str | int]
    context: Sequence["_Error"]


def violations(kind: str, root: nodes.Node) -> tuple[Violation, ...]:
    """Everything the schema of a kind of file (`playbook`, `policy`, …) refuses in a tree, in the order of the file."""
    errors = list(_validator(kind).iter_errors(data(root)))
    if not errors:
        return ()
    found = [one for error in errors[: 2 * _MAX_TOLD] for one in _told(error, root, kind, ())]
    return tuple(sorted(found, key=_span))


def added(
    kind: str, source: SourceText, root: nodes.Node, found: Iterable[Diagnostic]
) -> tuple[Diagnostic, ...]:
    """What the schema refuses and none of the errors `found` explains, as diagnostics."""
    refused = violations(kind, root)
    if not refused:
        return ()
    errors = [one.span for one in found if one.severity is Severity.ERROR and one.span.path == source.path]
    if len(errors) > MAX_SHOWN:
        return ()
    rest = [one for one in refused[:_MAX_TOLD] if not any(_within(span, one, root) for span in errors)]
    return shown(source, [_diagnostic(one, kind) for one in rest[:MAX_SHOWN]])


def also(kind: str, path: str, given: bytes, found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """What the schema refuses in a file besides what was `found`: YAML, or the front matter of a note."""
    if path.endswith(".md"):
        root = reader.front_matter(path, given)[0]
    else:
        root = reader.read(path, given)[0]
    return () if root is None else added(kind, SourceText.of(path, given), root, found)


def data(node: nodes.Node) -> Json:
    """A tree as the JSON a schema is about. Plain scalars are numbers and truth values where they are written as such."""
    match node:
        case nodes.Mapping():
            return {entry.key: data(entry.value) for entry in node.entries}
        case nodes.Sequence():
            return [data(one) for one in node.items]
        case nodes.Scalar():
            return _plain(node.text) if node.plain else node.text


def _plain(text: str) -> Json:
    if not text:
        return None
    if text[0] in _DIGIT:
        whole = scalars.integer(text)
        number = scalars.number(text) if whole is None else whole
        return text if number is None else number
    return {"true": True, "false": False}.get(text, text)


@functools.cache
def _validator(kind: str) -> Any:  # noqa: ANN401 - jsonschema has no types
    from jsonschema import Draft7Validator, ValidationError, validators

    extend: Any = validators.extend

    def one_fits(validator: Any, branches: Json, instance: Json, _: Json) -> Iterator[Any]:  # noqa: ANN401 - jsonschema has no types
        """As jsonschema has it, but every branch is tried once, and those of another kind only when none fits.

        jsonschema tries a branch again to say what was wrong with it: twice for each level, a million times for types that lie
        20 deep in one another.
        """
        refused: dict[int, list[Any]] = {}
        of_its_kind = [_may_be(branch.get("type", ()), instance, validator) for branch in branches]
        for index in sorted(range(len(branches)), key=lambda index: not of_its_kind[index]):
            refused[index] = list(validator.descend(instance, branches[index], schema_path=index))
            if not refused[index]:
                return
        context = [error for index in range(len(branches)) for error in refused[index]]
        yield ValidationError(
            f"{type(instance).__name__} fits none of {len(branches)} shapes", context=context
        )

    quick = extend(Draft7Validator, {"properties": _properties, "anyOf": one_fits})
    return quick(schemas.all_schemas()[f"{kind}.schema.json"])


def _may_be(kinds: Json, instance: Json, validator: Any) -> bool:  # noqa: ANN401 - jsonschema has no types
    named = [kinds] if isinstance(kinds, str) else kinds
    return not named or any(validator.is_type(instance, kind) for kind in named)


def _properties(validator: Any, properties: Json, instance: Json, _: Json) -> Iterator[Any]:  # noqa: ANN401 - jsonschema has no types
    """As jsonschema has it, but values that plainly fit are passed over without an object for each."""
    if not isinstance(instance, dict):
        return
    for key, value in instance.items():
        shape = properties.get(key)
        if shape is not None and not _plainly(shape, value):
            yield from validator.descend(value, shape, path=key, schema_path=key)


_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", dict: "object", list: "array"}
_SAYS_NOTHING = {"description", "errorMessage", "examples"}


def _plainly(shape: Json, value: Json) -> bool:
    """Whether a shape that states nothing but a type, a pattern and what must not stand in it is met. False: ask jsonschema."""
    kind = _TYPES.get(type(value), "")
    if kind in {"object", "array"}:
        return shape.keys() - _SAYS_NOTHING == {"type"} and kind in shape["type"]
    for keyword, wanted in shape.items():
        match keyword:
            case "type":
                if kind not in wanted if isinstance(wanted, list) else kind != wanted:
                    return False
            case "pattern":
                if kind != "string" or re.search(wanted, value) is None:
                    return False
            case "not":
                if kind == "string" and (wanted.keys() != {"pattern"} or re.search(wanted["pattern"], value)):
                    return False
            case _:
                if keyword not in _SAYS_NOTHING:
                    return False
    return True


# ---------------------------------------------------------------- errors to places


def _told(error: _Error, root: nodes.Node, kind: str, above: tuple[str | int, ...]) -> Iterator[Violation]:
    """One error as what it is about. An error of a choice is that of the branch that was meant."""
    path = (*above, *error.path)
    keyword = str(error.validator)
    if keyword in {"anyOf", "oneOf", "allOf"} and error.context:
        meant = _meant(error)
        if meant is not None:
            for one in meant:
                yield from _told(one, root, kind, path)
            return
    node, entry, label = _found(root, path, kind)
    plain = Violation(
        keyword=keyword,
        value=error.validator_value,
        node=node,
        entry=entry,
        label=label,
        example=_example(entry, error.schema),
        shape=error.schema,
    )
    if keyword == "additionalProperties" and isinstance(node, nodes.Mapping):
        names = tuple(error.schema.get("properties", ()))
        patterns = tuple(error.schema.get("patternProperties", ()))
        for own in node.entries:
            if own.key not in names and not any(re.search(pattern, own.key) for pattern in patterns):
                yield replace(plain, key=own.key, entry=own, known=names)
    elif keyword == "required" and isinstance(node, nodes.Mapping):
        for name in error.validator_value:
            if node.get(name) is None:
                shape = error.schema.get("properties", {}).get(name, {})
                known = tuple(error.schema.get("properties", ()))
                yield replace(plain, key=name, known=known, example=_written(name, shape))
    else:
        yield plain


def _meant(error: _Error) -> list[_Error] | None:
    """The errors of the one branch whose kind of value is the one given; None when no branch or several are."""
    branches: dict[int, list[_Error]] = {}
    for one in error.context:
        branches.setdefault(_branch(one), []).append(one)
    near = [
        found
        for found in branches.values()
        if not any(one.validator in {"type", "const", "oneOf"} and not list(one.path) for one in found)
    ]
    return near[0] if len(near) == 1 else None


def _branch(error: Any) -> int:  # noqa: ANN401 - jsonschema has no types
    return int(next(iter(error.schema_path)))


def _found(
    root: nodes.Node, path: tuple[str | int, ...], kind: str
) -> tuple[nodes.Node, nodes.Entry | None, str]:
    """(the node at a path, the entry it stands under, what a map there is called)."""
    node, entry, label = root, None, _OF.get(kind, "this file")
    for step in path:
        if isinstance(node, nodes.Mapping):
            entry = next(one for one in node.entries if one.key == step)
            label = "a gate" if label == "`gates`" else f"`{step}`"
            node = entry.value
        elif isinstance(node, nodes.Sequence):
            node = node.items[int(step)]
            label = _ITEM.get(label, label)
    return node, entry, label


_OF = {"playbook": "a playbook", "sop": "a SOP"}
_ITEM = {"`steps`": "a step", "`caps`": "a cap", "`cases`": "a case"}


def _example(entry: nodes.Entry | None, shape: Json) -> str:
    return _written(entry.key, shape) if entry is not None and isinstance(shape, dict) else ""


def _written(key: str, shape: Json) -> str:
    """`key: value`, as the schema's first example has it."""
    given = next(iter(shape.get("examples", ())), None)
    if given is None:
        options = _options(shape)
        given = options[0] if options else "…"
    return f"{key}: {given}"


def _options(shape: Json) -> list[str]:
    found = [one["const"] for one in shape.get("oneOf", ()) if isinstance(one, dict) and "const" in one]
    return [str(one) for one in (*found, *shape.get("enum", ()))]


# ---------------------------------------------------------------- places to words


def _span(one: Violation) -> Span:
    if one.keyword == "additionalProperties" and one.entry is not None:
        return one.entry.key_span
    return place(one.node)


def _within(span: Span, one: Violation, root: nodes.Node) -> bool:
    """Whether a diagnostic is about the place of a violation."""
    if one.keyword == "required" and one.node is root:
        return True
    first, last = _span(one), one.node.span
    if one.entry is not None and one.keyword != "required":
        first = min(first, one.entry.key_span)
        last = one.entry.value.span
    return (first.line, first.column) <= (span.line, span.column) <= (last.end_line, last.end_column)


def _diagnostic(one: Violation, kind: str) -> Diagnostic:
    return _of_language(one) if kind in _LANGUAGE else _of_file(one)


def _text(node: nodes.Node) -> str:
    return node.text if isinstance(node, nodes.Scalar) else what(node)


def _wanted(one: Violation) -> str:
    shape = one.shape if isinstance(one.shape, dict) else {}
    if "errorMessage" in shape:
        return str(shape["errorMessage"])
    kinds = shape.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    low, high = shape.get("minimum"), shape.get("maximum")
    if low is not None and {"number", "integer"} & set(kinds):
        words = _WANTED[kinds[0]]
        return f"{words} from {low:g} to {high:g}" if high is not None else f"{words} from {low:g}"
    if one.keyword in {"minItems", "maxItems", "minProperties", "maxProperties"}:
        return _amount(one)
    if "string" in kinds:
        return "text"
    return " or ".join(_WANTED[name] for name in kinds) or "something else"


def _amount(one: Violation) -> str:
    thing = "one entry" if one.keyword.endswith("Items") else "one key"
    return (
        f"at least {thing}"
        if one.keyword.startswith("min") and one.value == 1
        else "another number of entries"
    )


def _of_language(one: Violation) -> Diagnostic:
    span, node = _span(one), one.node
    match one.keyword:
        case "additionalProperties":
            return code.unknown_key(span, key=one.key, of=one.label, known=_free(one))
        case "required":
            return code.missing_key(span, key=one.key, of=one.label, example=one.example)
        case "oneOf" | "anyOf" | "enum" | "const" if isinstance(node, nodes.Scalar) and _options(one.shape):
            return code.not_one_of(span, value=node.text, options=_options(one.shape))
        case "not":
            return references.must_be_fixed(span, what=f"`{one.entry.key}`" if one.entry else "this")
        case "pattern" | "minimum" | "maximum":
            return code.bad_number(span, value=_text(node), wanted=_wanted(one), example=one.example)
        case _:
            return code.wrong_shape(span, wanted=_wanted(one), got=what(node), example=one.example)


def _of_file(one: Violation) -> Diagnostic:
    span, node = _span(one), one.node
    match one.keyword:
        case "additionalProperties":
            taken = [entry.key for entry in node.entries] if isinstance(node, nodes.Mapping) else []
            return config_files.unknown_key(span, key=one.key, known=one.known, taken=taken)
        case "required":
            return config_files.missing_key(span, key=one.key, example=one.example)
        case "oneOf" | "anyOf" | "enum" | "const" if isinstance(node, nodes.Scalar) and _options(one.shape):
            return config_files.not_allowed(
                span, value=node.text, allowed=_options(one.shape), what="allowed here"
            )
        case "pattern" | "minimum" | "maximum" | "not":
            return config_files.not_allowed(span, value=_text(node), allowed=(), what=_wanted(one))
        case _:
            return config_files.wrong_kind(span, wanted=_wanted(one), got=what(node))


def _free(one: Violation) -> list[str]:
    taken = {entry.key for entry in one.node.entries} if isinstance(one.node, nodes.Mapping) else set()
    return [name for name in one.known if name not in taken]
