"""The inputs of a run started by hand: what was typed or written into a file, as values of the types the playbook declares."""

import shlex
from collections.abc import Mapping

from engine.language.text import nodes, scalars
from engine.language.text.suggest import join_names, nearest
from engine.language.yaml import reader
from engine.model.definitions.plan import Input, Plan
from engine.model.definitions.types import ANY, Type, members
from engine.model.errors import UsageError
from engine.model.values.canonical_json import Json

_NESTED = frozenset({"list", "map", "person", "note"})
_LIKE = {"text": "…", "template": "…", "any": "…", "choice": "…", "list": "[a, b]", "map": "{ a: b }"}


def parse_inputs(plan: Plan, body: Mapping[str, Json]) -> dict[str, Json]:
    """The inputs a request gives. `body` holds `words` (``key=value`` each), `file` (YAML or JSON text) or `inputs` (values).

    Raises UsageError(code='inputs'): an unknown name, an input given twice or left out, or a value of another type.
    """
    declared = {input_.name: input_ for input_ in plan.inputs}
    values: dict[str, Json] = dict(body.get("inputs") or {})
    for name, written in [*((name, None) for name in values), *_inputs_to_parse(plan, body)]:
        if name not in declared:
            raise _wrong(plan, _unknown(plan, name))
        if written is not None:
            if name in values:
                raise _wrong(plan, f"`{name}` is given twice")
            values[name] = _typed(plan, declared[name], written)
    missing = [
        input_.name
        for input_ in plan.inputs
        if input_.required and input_.default is None and values.get(input_.name) is None
    ]
    if missing:
        raise _wrong(plan, f"{plan.id} needs {join_names(missing)}")
    return values


def command(plan: Plan) -> str:
    """What to type to start it, with an example for each input it needs."""
    words = [
        f"{input_.name}={_example(input_.type)}"
        for input_ in plan.inputs
        if input_.required and input_.default is None
    ]
    return " ".join(["steward run", plan.id, *map(_quoted, words)])


def _quoted(word: str) -> str:
    return word if word.endswith("=…") else shlex.quote(word)


def _example(type_: Type) -> str:
    if type_.kind == "choice":
        return type_.options[0]
    return scalars.EXAMPLES.get(type_.kind) or _LIKE.get(type_.kind, "…")


def _wrong(plan: Plan, problem: str) -> UsageError:
    return UsageError(problem, code="inputs", now_true="Nothing was started.", way_out=command(plan))


def _unknown(plan: Plan, name: str) -> str:
    names = [input_.name for input_ in plan.inputs]
    best = nearest(name, names)
    if best is not None:
        return f"{plan.id} has no input `{name}`; did you mean `{best}`?"
    return f"{plan.id} has no input `{name}`; " + (
        f"it takes {join_names(names)}" if names else "it takes none"
    )


def _inputs_to_parse(plan: Plan, body: Mapping[str, Json]) -> list[tuple[str, str | nodes.Node]]:
    """Every input that is to be read: text that was typed, or a node of a file."""
    pairs: list[tuple[str, str | nodes.Node]] = []
    if body.get("file") is not None:
        node, diagnostics = reader.read_text("inputs", str(body["file"]))
        if diagnostics or not isinstance(node, nodes.Mapping):
            why = diagnostics[0].message if diagnostics else "it is no map of names to values"
            raise _wrong(plan, f"the file can't be read as inputs: {why}")
        pairs += [(entry.key, entry.value) for entry in node.entries]
    for word in body.get("words") or ():
        name, equals, text = str(word).partition("=")
        if not equals:
            raise _wrong(plan, f"`{word}` is no key=value")
        pairs.append((name, text))
    return pairs


def _typed(plan: Plan, input_: Input, written: str | nodes.Node) -> Json:
    type_ = input_.type
    if type_.kind == "file":
        raise _wrong(
            plan,
            f"`{input_.name}` is a file, which can't be typed: let a playbook listen to `file: {{ path: … }}`",
        )
    node: nodes.Node | None
    if isinstance(written, str) and type_.kind in _NESTED:
        node, diagnostics = reader.read_text("inputs", written)
        if diagnostics or node is None:
            raise _wrong(
                plan,
                f"`{input_.name}` can't be read: {diagnostics[0].message if diagnostics else 'it is empty'}",
            )
    elif isinstance(written, str):
        good, value = scalars.of_type(written, type_, plain=True)
        if not good:
            raise _wrong(plan, _mismatch(input_.name, type_, f"`{written}`"))
        return value
    else:
        node = written
    return _value(plan, input_.name, node, type_)


def _value(plan: Plan, name: str, node: nodes.Node, type_: Type) -> Json:
    match node:
        case nodes.Scalar():
            if node.plain and scalars.is_null(node.text) and type_.kind != "text":
                return None
            good, value = scalars.of_type(node.text, type_, plain=node.plain)
            if not good:
                raise _wrong(plan, _mismatch(name, type_, f"`{node.text}`"))
            return value
        case nodes.Sequence() if type_.kind in {"list", "any"}:
            return [_value(plan, name, element, type_.items or ANY) for element in node.items]
        case nodes.Mapping() if type_.kind in _NESTED - {"list"} or type_.kind == "any":
            return _record(plan, name, node, type_)
        case _:
            raise _wrong(
                plan, _mismatch(name, type_, "a list" if isinstance(node, nodes.Sequence) else "a map")
            )


def _record(plan: Plan, name: str, node: nodes.Mapping, type_: Type) -> Json:
    record: dict[str, Json] = {}
    for entry in node.entries:
        field = type_.field(entry.key) if type_.kind != "any" else None
        if field is None and type_.kind != "any":
            known = [member.name for member in members(type_)]
            best = nearest(entry.key, known)
            hint = f"did you mean `{best}`?" if best else f"there are {join_names(known)}"
            raise _wrong(plan, f"`{name}` has no field `{entry.key}`; {hint}")
        record[entry.key] = _value(plan, f"{name}.{entry.key}", entry.value, field.type if field else ANY)
    missing = [
        member.name for member in members(type_) if not member.optional and record.get(member.name) is None
    ]
    if missing:
        raise _wrong(plan, f"`{name}` needs {join_names(missing)}")
    return record


def _mismatch(name: str, type_: Type, written: str) -> str:
    if type_.kind == "choice":
        return f"`{name}` is {type_}, and {written} is none of them"
    example = scalars.EXAMPLES.get(type_.kind)
    return f"`{name}` is {type_}, and {written} is none" + (f"; write it like {example}" if example else "")
