"""playbooks/tests/*.test.yaml: cases of one playbook or SOP, with the place of everything that is expected.

A test is read against the compiled plan of what it tests, so that a misspelt step can't hold an expectation for ever.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, get_args

from engine.language.diagnostics.codes import test_files as code
from engine.language.diagnostics.verify_fix import proven
from engine.language.documents.config_fields import Checked
from engine.language.documents.test_sections import Parts, place
from engine.language.text.nodes import Entry, Node, Scalar
from engine.language.text.nodes import Mapping as Map
from engine.language.yaml import reader
from engine.model.definitions.diagnostics import Diagnostic, Severity, Span
from engine.model.definitions.plan import Plan
from engine.model.ports import Tree
from engine.model.state.state import TERMINAL
from engine.model.values.canonical_json import Json

FOLDER = "playbooks/tests/"
ENDING = ".test.yaml"

MoveKind = Literal["approve", "reject", "edit", "answer", "event", "advance", "fail"]
MOVES: tuple[MoveKind, ...] = get_args(MoveKind)
KEYS = ("playbook", "cases")
CASE_KEYS = ("name", "event", "inputs", "given", "then", "expect")
EXPECT_KEYS = ("sent", "waiting", "never", "status", "stopped-by", "outputs")
NOTHING = "none"
"""`waiting: none`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseStart:
    """How the run begins: what arrives (`kind` is its trigger), or inputs (`kind` is ``inputs``)."""

    kind: str
    fields: dict[str, Json]
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One thing that happens afterwards. `target` is a gate or step, or the kind of an event."""

    kind: MoveKind
    span: Span
    target: str = ""
    text: str = ""
    fields: dict[str, Json]
    length: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One key under `expect`. `names` for words and lists of them, `fields` for outputs."""

    key: str
    span: Span
    names: tuple[str, ...] = ()
    fields: dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case. `given`: step → its outputs, or a list of them for the items of a `foreach`."""

    name: str
    span: Span
    start: CaseStart
    given: dict[str, Json]
    then: tuple[Move, ...]
    expect: tuple[Expectation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """One test file."""

    path: str
    playbook: str
    cases: tuple[Case, ...]


def paths(tree: Tree) -> tuple[str, ...]:
    """Every test file of a tree."""
    return tuple(path for path, _ in tree.paths() if path.startswith(FOLDER) and path.endswith(ENDING))


def check(tree: Tree, plans: Mapping[str, Plan], broken: Collection[str]) -> tuple[Diagnostic, ...]:
    """What is wrong in the tests of a tree whose playbooks compiled to `plans`."""
    found: list[Diagnostic] = []
    for path, _ in tree.paths():
        inside = path.removeprefix(FOLDER)
        if inside == path or not inside.endswith(".yaml"):
            continue
        if inside.endswith(ENDING):
            found += parse(path, tree.read(path), plans, broken)[1]
        elif "/" not in inside:
            found.append(code.not_a_test(Span(path=path), name=inside.removesuffix(".yaml") + ENDING))
    return tuple(found)


def parse(
    path: str, data: bytes, plans: Mapping[str, Plan], broken: Collection[str] = ()
) -> tuple[CaseFile | None, tuple[Diagnostic, ...]]:
    """A test file, or None when an error keeps it from being run."""
    made, found = _once(path, data, plans, broken)
    found = proven(data, found, lambda mended: _once(path, mended, plans, broken)[1])
    wrong = any(one.severity is Severity.ERROR for one in found)
    return (None if wrong else made), found


def _once(
    path: str, data: bytes, plans: Mapping[str, Plan], broken: Collection[str]
) -> tuple[CaseFile | None, tuple[Diagnostic, ...]]:
    tree, found = reader.read(path, data)
    if tree is None:
        return None, found
    checked = Checked(path, data)
    made = _file(checked, path, tree, plans, broken)
    return made, checked.diagnostics()


def _file(
    checked: Checked, path: str, tree: Node, plans: Mapping[str, Plan], broken: Collection[str]
) -> CaseFile | None:
    entries = checked.entries(tree, known=KEYS)
    start = Span(path=path, end_column=2)
    checked.required(entries, [("playbook", "playbook: lead-capture"), ("cases", "cases: […]")], start)
    if len(entries) < len(KEYS):
        return None
    name = checked.text(entries["playbook"].value)
    if name is None:
        return None
    plan = plans.get(name)
    if plan is None and name not in broken:
        known = sorted({*plans, *broken})
        checked.note(code.unknown_playbook(entries["playbook"].value.span, name=name, known=known))
    items = checked.items(entries["cases"].value)
    if not items:
        where = entries["cases"].key_span
        checked.note(code.nothing_expected(where, clause="this file tests", example="cases: [ { name: … } ]"))
    if plan is None:
        # What it may say follows from its plan, and that one has its own diagnostics.
        return CaseFile(path=path, playbook=name, cases=())
    parts = Parts.of(checked, plan, plans)
    cases: dict[str, Case] = {}
    for item in items:
        made = _case(parts, item)
        if made is not None and made.name in cases:
            checked.note(code.same_case(made.span, name=made.name, line=cases[made.name].span.line))
        elif made is not None:
            cases[made.name] = made
    return CaseFile(path=path, playbook=name, cases=tuple(cases.values()))


def _case(parts: Parts, node: Node) -> Case | None:
    checked = parts.checked
    entries = checked.entries(node, known=CASE_KEYS)
    if not isinstance(node, Map):
        return None
    checked.required(
        entries, [("name", "name: what it shows"), ("expect", "expect: { sent: […] }")], place(node)
    )
    name = checked.text(entries["name"].value) if "name" in entries else None
    start = _start(parts, entries, node)
    given = _given(parts, entries.get("given"))
    then = tuple(
        move
        for item in checked.items(entries["then"].value if "then" in entries else None)
        if (move := _move(parts, item)) is not None
    )
    expect = _expect(parts, entries.get("expect"))
    if name is None or start is None:
        return None
    where = entries["name"].value.span
    return Case(name=name, span=where, start=start, given=given, then=then, expect=expect)


def _start(parts: Parts, entries: Mapping[str, Entry], node: Map) -> CaseStart | None:
    event, inputs = entries.get("event"), entries.get("inputs")
    if event is not None and inputs is not None:
        message = "a run begins once: by what arrives, or by its inputs"
        parts.checked.note(
            code.wrong_start(inputs.key_span, message=message, hint="take one of `event` and `inputs` out")
        )
        return None
    if event is not None:
        found = parts.arriving(event.key_span, event.value)
        return None if found is None else CaseStart(kind=found[0], fields=found[1], span=event.value.span)
    if inputs is not None:
        fields = parts.inputs(inputs.key_span, inputs.value)
        return None if fields is None else CaseStart(kind="inputs", fields=fields, span=inputs.value.span)
    parts.checked.note(
        code.wrong_start(place(node), message="this case doesn't say how the run begins", hint=parts.begin())
    )
    return None


def _given(parts: Parts, entry: Entry | None) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for one in parts.checked.mapping(entry.value if entry else None):
        outputs = parts.given(one)
        if outputs is not None:
            found[one.key] = outputs
    return found


def _move(parts: Parts, node: Node) -> Move | None:
    checked = parts.checked
    entries = checked.mapping(node)
    if not isinstance(node, Map):
        return None
    if len(entries) != 1:
        checked.note(code.several_moves(place(node)))
        return None
    kind = next((one for one in MOVES if one == entries[0].key), None)
    if kind is None:
        checked.note(code.unknown_move(entries[0].key_span, name=entries[0].key, known=MOVES))
        return None
    made = _made(parts, kind, entries[0])
    if made is None:
        return None
    target, text, fields, length = made
    return Move(kind=kind, span=entries[0].key_span, target=target, text=text, fields=fields, length=length)


_Made = tuple[str, str, dict[str, Json], timedelta]


def _made(parts: Parts, kind: MoveKind, entry: Entry) -> _Made | None:
    """(target, text, fields, length) of one move."""
    none: dict[str, Json] = {}
    match kind:
        case "approve" | "reject":
            target = parts.asked(entry.value)
            return None if target is None else (target, "", none, timedelta(0))
        case "fail":
            target = parts.failing(entry.value)
            return None if target is None else (target, "", none, timedelta(0))
        case "advance":
            length = parts.values.length(entry.value)
            return None if length is None else ("", "", none, length)
        case "event":
            found = parts.coming(entry.key_span, entry.value)
            return None if found is None else (found[0], "", found[1], timedelta(0))
        case "edit":
            edited = parts.edited(entry)
            return None if edited is None else (*edited, none, timedelta(0))
        case "answer":
            answer = parts.answered(entry)
            return None if answer is None else (answer[0], "", answer[1], timedelta(0))


def _expect(parts: Parts, entry: Entry | None) -> tuple[Expectation, ...]:
    if entry is None:
        return ()
    entries = parts.checked.entries(entry.value, known=EXPECT_KEYS)
    if isinstance(entry.value, Map) and not entry.value.entries:
        where = entry.key_span
        parts.checked.note(
            code.nothing_expected(where, clause="this case expects", example="expect: { sent: […] }")
        )
    found = []
    for key, one in entries.items():
        names, fields = _expected(parts, key, one.value)
        found.append(Expectation(key=key, span=one.value.span, names=names, fields=fields))
    return tuple(found)


def _expected(parts: Parts, key: str, node: Node) -> tuple[tuple[str, ...], dict[str, Json]]:
    checked = parts.checked
    match key:
        case "outputs":
            return (), parts.outputs(node)
        case "status":
            word = checked.choice(node, (*sorted(TERMINAL), "waiting"), "a status of a run")
            return ((word,) if word else ()), {}
        case "stopped-by":
            word = checked.text(node)
            return ((word,) if word else ()), {}
        case "waiting":
            if isinstance(node, Scalar) and node.text == NOTHING:
                return (), {}
            items = (node,) if isinstance(node, Scalar) else checked.items(node)
            return tuple(name for item in items if (name := parts.awaited(item)) is not None), {}
        case _:
            sends = key == "sent"
            named = (parts.step(item, sends=sends) for item in checked.items(node))
            return tuple(name for name in named if name is not None), {}
