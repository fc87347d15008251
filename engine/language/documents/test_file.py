"""playbooks/tests/*.test.yaml: cases of one playbook or SOP, with the place of everything that is expected.

A test is read against the compiled plan of what it tests, so that a misspelt step can't hold an expectation for ever.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, get_args

from engine.language.diagnostics.codes import test_files as code
from engine.language.diagnostics.verify_fix import with_verified_fixes
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
    diagnostics: list[Diagnostic] = []
    for path, _ in tree.paths():
        inside = path.removeprefix(FOLDER)
        if inside == path or not inside.endswith(".yaml"):
            continue
        if inside.endswith(ENDING):
            diagnostics += parse(path, tree.read(path), plans, broken)[1]
        elif "/" not in inside:
            diagnostics.append(code.not_a_test(Span(path=path), name=inside.removesuffix(".yaml") + ENDING))
    return tuple(diagnostics)


def parse(
    path: str, raw: bytes, plans: Mapping[str, Plan], broken: Collection[str] = ()
) -> tuple[CaseFile | None, tuple[Diagnostic, ...]]:
    """A test file, or None when an error keeps it from being run."""
    case_file, diagnostics = _parse_once(path, raw, plans, broken)
    diagnostics = with_verified_fixes(
        raw, diagnostics, lambda mended: _parse_once(path, mended, plans, broken)[1]
    )
    wrong = any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
    return (None if wrong else case_file), diagnostics


def _parse_once(
    path: str, raw: bytes, plans: Mapping[str, Plan], broken: Collection[str]
) -> tuple[CaseFile | None, tuple[Diagnostic, ...]]:
    tree, unread = reader.read(path, raw)
    if tree is None:
        return None, unread
    checked = Checked(path, raw)
    case_file = _file(checked, path, tree, plans, broken)
    return case_file, checked.diagnostics()


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
        span = entries["cases"].key_span
        checked.note(code.nothing_expected(span, clause="this file tests", example="cases: [ { name: … } ]"))
    if plan is None:
        # What it may say follows from its plan, and that one has its own diagnostics.
        return CaseFile(path=path, playbook=name, cases=())
    parts = Parts.for_plan(checked, plan, plans)
    cases: dict[str, Case] = {}
    for case_node in items:
        case = _case(parts, case_node)
        if case is not None and case.name in cases:
            checked.note(code.same_case(case.span, name=case.name, line=cases[case.name].span.line))
        elif case is not None:
            cases[case.name] = case
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
    given_outputs = _given_outputs(parts, entries.get("given"))
    then = tuple(
        move
        for move_node in checked.items(entries["then"].value if "then" in entries else None)
        if (move := _move(parts, move_node)) is not None
    )
    expect = _expect(parts, entries.get("expect"))
    if name is None or start is None:
        return None
    name_span = entries["name"].value.span
    return Case(name=name, span=name_span, start=start, given=given_outputs, then=then, expect=expect)


def _start(parts: Parts, entries: Mapping[str, Entry], node: Map) -> CaseStart | None:
    event, inputs = entries.get("event"), entries.get("inputs")
    if event is not None and inputs is not None:
        message = "a run begins once: by what arrives, or by its inputs"
        parts.checked.note(
            code.wrong_start(inputs.key_span, message=message, hint="take one of `event` and `inputs` out")
        )
        return None
    if event is not None:
        arrival = parts.arriving(event.key_span, event.value)
        return (
            None if arrival is None else CaseStart(kind=arrival[0], fields=arrival[1], span=event.value.span)
        )
    if inputs is not None:
        fields = parts.inputs(inputs.key_span, inputs.value)
        return None if fields is None else CaseStart(kind="inputs", fields=fields, span=inputs.value.span)
    parts.checked.note(
        code.wrong_start(place(node), message="this case doesn't say how the run begins", hint=parts.begin())
    )
    return None


def _given_outputs(parts: Parts, entry: Entry | None) -> dict[str, Json]:
    outputs_by_step: dict[str, Json] = {}
    for step_entry in parts.checked.mapping(entry.value if entry else None):
        outputs = parts.given_outputs(step_entry)
        if outputs is not None:
            outputs_by_step[step_entry.key] = outputs
    return outputs_by_step


def _move(parts: Parts, node: Node) -> Move | None:
    checked = parts.checked
    entries = checked.mapping(node)
    if not isinstance(node, Map):
        return None
    if len(entries) != 1:
        checked.note(code.several_moves(place(node)))
        return None
    kind = next((move_kind for move_kind in MOVES if move_kind == entries[0].key), None)
    if kind is None:
        checked.note(code.unknown_move(entries[0].key_span, name=entries[0].key, known=MOVES))
        return None
    details = _move_parts(parts, kind, entries[0])
    if details is None:
        return None
    target, text, fields, length = details
    return Move(kind=kind, span=entries[0].key_span, target=target, text=text, fields=fields, length=length)


_MoveParts = tuple[str, str, dict[str, Json], timedelta]


def _move_parts(parts: Parts, kind: MoveKind, entry: Entry) -> _MoveParts | None:
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
            arrival = parts.coming(entry.key_span, entry.value)
            return None if arrival is None else (arrival[0], "", arrival[1], timedelta(0))
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
        span = entry.key_span
        parts.checked.note(
            code.nothing_expected(span, clause="this case expects", example="expect: { sent: […] }")
        )
    expectations = []
    for key, expected_entry in entries.items():
        names, fields = _expected(parts, key, expected_entry.value)
        expectations.append(Expectation(key=key, span=expected_entry.value.span, names=names, fields=fields))
    return tuple(expectations)


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
            return tuple(name for child in items if (name := parts.awaited(child)) is not None), {}
        case _:
            sends = key == "sent"
            named = (parts.step(child, sends=sends) for child in checked.items(node))
            return tuple(name for name in named if name is not None), {}
