"""Whether a file has the shape its schema states: the same files of `schemas/` that editors read, checked by jsonschema.

The schema decides. Where a reader already reported something about the place, its more specific diagnostic stands
alone; whatever remains is reported here, with the place, the cause, and the nearest name.
"""

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from engine.language.diagnostics.codes import config_files, references
from engine.language.diagnostics.codes import playbook_shape as code
from engine.language.documents.playbook_fields import describe
from engine.language.schemas import schemas
from engine.language.text import nodes, scalars
from engine.language.text.source import MAX_SHOWN, SourceText, with_source_lines
from engine.language.types.type_syntax import place
from engine.language.yaml import reader
from engine.model.definitions.diagnostics import Diagnostic, Severity, Span
from engine.model.values.canonical_json import Json

_LANGUAGE = frozenset({"playbook", "sop"})
"""Kinds whose diagnostics are SW02x; those of the others are SW05x."""

_KIND_NAMES = {
    "object": "a map", "array": "a list", "string": "text", "number": "a number", "integer": "a whole number",
    "boolean": "`true` or `false`", "null": "nothing",
}  # fmt: skip
_MAX_EXAMINED = 2 * MAX_SHOWN
"""Violations examined per file; with more than these, mend the first ones and check again."""
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
    """The parts of a jsonschema error that are read here."""

    validator: str
    validator_value: Json
    schema: Json
    instance: Json
    path: Iterable[str | int]
    context: Sequence["_Error"]


def violations(kind: str, root: nodes.Node) -> tuple[Violation, ...]:
    """Everything the schema of a kind of file (`playbook`, `policy`, …) refuses in a tree, in the order of the file."""
    errors = list(_validator(kind).iter_errors(as_json(root)))
    if not errors:
        return ()
    refused = [
        violation
        for error in errors[: 2 * _MAX_EXAMINED]
        for violation in _violations_of(error, root, kind, ())
    ]
    return tuple(sorted(refused, key=_span))


def diagnose_tree(
    kind: str, source: SourceText, root: nodes.Node, reported: Iterable[Diagnostic]
) -> tuple[Diagnostic, ...]:
    """Diagnostics of what the schema refuses and none of the errors already `reported` explains."""
    refused = violations(kind, root)
    if not refused:
        return ()
    errors = [
        diagnostic.span
        for diagnostic in reported
        if diagnostic.severity is Severity.ERROR and diagnostic.span.path == source.path
    ]
    if len(errors) > MAX_SHOWN:
        return ()
    unexplained = [
        violation
        for violation in refused[:_MAX_EXAMINED]
        if not any(_within(span, violation, root) for span in errors)
    ]
    return with_source_lines(source, [_diagnostic(violation, kind) for violation in unexplained[:MAX_SHOWN]])


def diagnose_file(
    kind: str, path: str, content: bytes, reported: Iterable[Diagnostic]
) -> tuple[Diagnostic, ...]:
    """As `diagnose_tree`, for a file of YAML or the front matter of a note."""
    if path.endswith(".md"):
        root = reader.front_matter(path, content)[0]
    else:
        root = reader.read(path, content)[0]
    return () if root is None else diagnose_tree(kind, SourceText.from_bytes(path, content), root, reported)


def as_json(node: nodes.Node) -> Json:
    """A tree as the JSON a schema is about. Plain scalars are numbers and truth values where they are written as such."""
    match node:
        case nodes.Mapping():
            return {entry.key: as_json(entry.value) for entry in node.entries}
        case nodes.Sequence():
            return [as_json(element) for element in node.items]
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

        jsonschema tries a branch again to describe what was wrong with it: twice for each level, a million times for types
        nested 20 deep.
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
    for keyword, constraint in shape.items():
        match keyword:
            case "type":
                if kind not in constraint if isinstance(constraint, list) else kind != constraint:
                    return False
            case "pattern":
                if kind != "string" or re.search(constraint, value) is None:
                    return False
            case "not":
                if kind == "string" and (
                    constraint.keys() != {"pattern"} or re.search(constraint["pattern"], value)
                ):
                    return False
            case _:
                if keyword not in _SAYS_NOTHING:
                    return False
    return True


# ---------------------------------------------------------------- errors to places


def _violations_of(
    error: _Error, root: nodes.Node, kind: str, above: tuple[str | int, ...]
) -> Iterator[Violation]:
    """The violations behind one error. An error of a choice becomes those of the branch that was meant."""
    path = (*above, *error.path)
    keyword = str(error.validator)
    if keyword in {"anyOf", "oneOf", "allOf"} and error.context:
        meant = _meant_errors(error)
        if meant is not None:
            for branch_error in meant:
                yield from _violations_of(branch_error, root, kind, path)
            return
    node, entry, label = _node_at(root, path, kind)
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


def _meant_errors(error: _Error) -> list[_Error] | None:
    """The errors of the one branch whose kind of value is the one given; None when no branch or several are."""
    branches: dict[int, list[_Error]] = {}
    for suberror in error.context:
        branches.setdefault(_branch(suberror), []).append(suberror)
    near = [
        errors
        for errors in branches.values()
        if not any(
            suberror.validator in {"type", "const", "oneOf"} and not list(suberror.path)
            for suberror in errors
        )
    ]
    return near[0] if len(near) == 1 else None


def _branch(error: Any) -> int:  # noqa: ANN401 - jsonschema has no types
    return int(next(iter(error.schema_path)))


def _node_at(
    root: nodes.Node, path: tuple[str | int, ...], kind: str
) -> tuple[nodes.Node, nodes.Entry | None, str]:
    """(the node at a path, the entry it stands under, what a map there is called)."""
    node, entry, label = root, None, _FILE_LABELS.get(kind, "this file")
    for step in path:
        if isinstance(node, nodes.Mapping):
            entry = next(child for child in node.entries if child.key == step)
            label = "a gate" if label == "`gates`" else f"`{step}`"
            node = entry.value
        elif isinstance(node, nodes.Sequence):
            node = node.items[int(step)]
            label = _ENTRY_LABELS.get(label, label)
    return node, entry, label


_FILE_LABELS = {"playbook": "a playbook", "sop": "a SOP"}
_ENTRY_LABELS = {"`steps`": "a step", "`caps`": "a cap", "`cases`": "a case"}


def _example(entry: nodes.Entry | None, shape: Json) -> str:
    return _written(entry.key, shape) if entry is not None and isinstance(shape, dict) else ""


def _written(key: str, shape: Json) -> str:
    """`key: value`, as the schema's first example has it."""
    example = next(iter(shape.get("examples", ())), None)
    if example is None:
        options = _options(shape)
        example = options[0] if options else "…"
    return f"{key}: {example}"


def _options(shape: Json) -> list[str]:
    words = [
        choice["const"] for choice in shape.get("oneOf", ()) if isinstance(choice, dict) and "const" in choice
    ]
    return [str(word) for word in (*words, *shape.get("enum", ()))]


# ---------------------------------------------------------------- places to words


def _span(violation: Violation) -> Span:
    if violation.keyword == "additionalProperties" and violation.entry is not None:
        return violation.entry.key_span
    return place(violation.node)


def _within(span: Span, violation: Violation, root: nodes.Node) -> bool:
    """Whether a diagnostic is about the place of a violation."""
    if violation.keyword == "required" and violation.node is root:
        return True
    first, last = _span(violation), violation.node.span
    if violation.entry is not None and violation.keyword != "required":
        first = min(first, violation.entry.key_span)
        last = violation.entry.value.span
    return (first.line, first.column) <= (span.line, span.column) <= (last.end_line, last.end_column)


def _diagnostic(violation: Violation, kind: str) -> Diagnostic:
    return _language_diagnostic(violation) if kind in _LANGUAGE else _file_diagnostic(violation)


def _text(node: nodes.Node) -> str:
    return node.text if isinstance(node, nodes.Scalar) else describe(node)


def _expected(violation: Violation) -> str:
    shape = violation.shape if isinstance(violation.shape, dict) else {}
    if "errorMessage" in shape:
        return str(shape["errorMessage"])
    kinds = shape.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    low, high = shape.get("minimum"), shape.get("maximum")
    if low is not None and {"number", "integer"} & set(kinds):
        words = _KIND_NAMES[kinds[0]]
        return f"{words} from {low:g} to {high:g}" if high is not None else f"{words} from {low:g}"
    if violation.keyword in {"minItems", "maxItems", "minProperties", "maxProperties"}:
        return _amount(violation)
    if "string" in kinds:
        return "text"
    return " or ".join(_KIND_NAMES[name] for name in kinds) or "something else"


def _amount(violation: Violation) -> str:
    unit = "one entry" if violation.keyword.endswith("Items") else "one key"
    return (
        f"at least {unit}"
        if violation.keyword.startswith("min") and violation.value == 1
        else "another number of entries"
    )


def _language_diagnostic(violation: Violation) -> Diagnostic:
    span, node = _span(violation), violation.node
    match violation.keyword:
        case "additionalProperties":
            return code.unknown_key(
                span, key=violation.key, of=violation.label, known=_unused_keys(violation)
            )
        case "required":
            return code.missing_key(span, key=violation.key, of=violation.label, example=violation.example)
        case "oneOf" | "anyOf" | "enum" | "const" if isinstance(node, nodes.Scalar) and _options(
            violation.shape
        ):
            return code.not_one_of(span, value=node.text, options=_options(violation.shape))
        case "not":
            return references.must_be_fixed(
                span, word=f"`{violation.entry.key}`" if violation.entry else "this"
            )
        case "pattern" | "minimum" | "maximum":
            return code.bad_number(
                span, value=_text(node), expected=_expected(violation), example=violation.example
            )
        case _:
            return code.wrong_shape(
                span, expected=_expected(violation), actual=describe(node), example=violation.example
            )


def _file_diagnostic(violation: Violation) -> Diagnostic:
    span, node = _span(violation), violation.node
    match violation.keyword:
        case "additionalProperties":
            used = [entry.key for entry in node.entries] if isinstance(node, nodes.Mapping) else []
            return config_files.unknown_key(span, key=violation.key, known=violation.known, taken=used)
        case "required":
            return config_files.missing_key(span, key=violation.key, example=violation.example)
        case "oneOf" | "anyOf" | "enum" | "const" if isinstance(node, nodes.Scalar) and _options(
            violation.shape
        ):
            return config_files.not_allowed(
                span, value=node.text, allowed=_options(violation.shape), expected="allowed here"
            )
        case "pattern" | "minimum" | "maximum" | "not":
            return config_files.not_allowed(
                span, value=_text(node), allowed=(), expected=_expected(violation)
            )
        case _:
            return config_files.wrong_kind(span, expected=_expected(violation), actual=describe(node))


def _unused_keys(violation: Violation) -> list[str]:
    used = (
        {entry.key for entry in violation.node.entries}
        if isinstance(violation.node, nodes.Mapping)
        else set()
    )
    return [name for name in violation.known if name not in used]
