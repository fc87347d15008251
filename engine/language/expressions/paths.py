"""A written path to what it names: root, step, gate, field; or the diagnostic that says what was meant."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.language.diagnostics.codes import references as code
from engine.language.expressions.parser import Name
from engine.language.types.assignability import of_field
from engine.language.types.scope import GATE, RUN, STATUS, StepScope, TypeScope, fields_of
from engine.language.types.type_syntax import nullable
from engine.model.definitions.diagnostics import Diagnostic, Span
from engine.model.definitions.types import TEXT, Type

Locate = Callable[[int, int], Span]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathStep:
    """One name after a dot."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PathMatch:
    """The longest declared path; `used` of the names belong to it, the rest goes on inside its value."""

    path: str
    type: Type
    used: int


def follow(scope: TypeScope, root: Name, names: Sequence[PathStep], locate: Locate) -> PathMatch | Diagnostic:
    """What a path names."""
    stop = names[-1].end if names else root.end

    def whole() -> Span:
        return locate(root.start, stop)

    match root.name:
        case "event" if scope.event is not None:
            path_match = _fields("event", scope.event, names, locate)
            path = ".".join(("event", *(step.name for step in names)))
            undeclared = scope.open_field(path, "text" if isinstance(path_match, Diagnostic) else "")
            # Read as text first: its place may tell more.
            return PathMatch(path=path, type=TEXT, used=len(names)) if undeclared is not None else path_match
        case "inputs":
            return _fields("inputs", scope.inputs, names, locate)
        case "steps" if not scope.now_only:
            return _step(scope, names, locate, whole)
        case "gates" if not scope.now_only:
            return _gate(scope, names, locate, whole)
        case "run" if not scope.now_only:
            if not names:
                return code.no_value(whole(), path="run", fix="run.error")
            return _fields("run", RUN, names, locate)
        case "item" if scope.item is not None:
            return _fields("item", scope.item, names, locate)
        case "item":
            return code.no_item(locate(root.start, root.end))
        case "secrets":
            return code.secret_here(whole(), path=".".join(("secrets", *(step.name for step in names[:1]))))
        case _:
            return code.unknown_root(locate(root.start, root.end), name=root.name, known=scope.roots())


def _fields(path: str, type_: Type, names: Sequence[PathStep], locate: Locate) -> PathMatch | Diagnostic:
    used, null = 0, False
    for place in names:
        if type_.kind in {"any", "list"}:
            break
        member = type_.field(place.name)
        if member is None:
            return no_field(place, path, type_, locate)
        null = null or type_.nullable
        type_ = of_field(member)
        path = f"{path}.{place.name}"
        used += 1
    return PathMatch(path=path, type=nullable(type_) if null else type_, used=used)


def _step(
    scope: TypeScope, names: Sequence[PathStep], locate: Locate, whole: Callable[[], Span]
) -> PathMatch | Diagnostic:
    if not names:
        example = next(iter(scope.earlier()), "id")
        return code.no_value(whole(), path="steps", fix=f"steps.{example}.outputs")
    place = names[0]
    step = scope.steps.get(place.name)
    if step is None:
        return code.unknown_step(locate(place.start, place.end), name=place.name, known=scope.earlier())
    if step.order >= scope.here:
        return code.later_step(
            locate(place.start, place.end), name=place.name, line=step.line, itself=step.order == scope.here
        )
    return _part(f"steps.{place.name}", step, names[1:], locate, whole)


def _part(
    path: str, step: StepScope, names: Sequence[PathStep], locate: Locate, whole: Callable[[], Span]
) -> PathMatch | Diagnostic:
    if not names:
        return code.no_value(whole(), path=path, fix=f"{path}.outputs")
    part = names[0]
    if part.name == "status":
        return PathMatch(path=f"{path}.status", type=STATUS, used=2)
    if part.name != "outputs":
        return code.unknown_field(
            locate(part.start, part.end), name=part.name, of=path, known=("outputs", "status")
        )
    path_match = _fields(f"{path}.outputs", step.outputs, names[1:], locate)
    return (
        PathMatch(path=path_match.path, type=path_match.type, used=path_match.used + 2)
        if isinstance(path_match, PathMatch)
        else path_match
    )


def _gate(
    scope: TypeScope, names: Sequence[PathStep], locate: Locate, whole: Callable[[], Span]
) -> PathMatch | Diagnostic:
    if not names:
        return code.no_value(whole(), path="gates", fix=f"gates.{next(iter(scope.gates), 'id')}.verdict")
    place = names[0]
    if place.name not in scope.gates:
        return code.unknown_gate(locate(place.start, place.end), name=place.name, known=scope.gates)
    if len(names) == 1:
        return code.no_value(whole(), path=f"gates.{place.name}", fix=f"gates.{place.name}.verdict")
    part = names[1]
    type_ = GATE.get(part.name)
    if type_ is None:
        return code.unknown_field(
            locate(part.start, part.end), name=part.name, of=f"gates.{place.name}", known=GATE
        )
    return PathMatch(path=f"gates.{place.name}.{part.name}", type=type_, used=2)


def no_field(place: PathStep, of: str, type_: Type, locate: Locate) -> Diagnostic:
    """The diagnostic of a field that isn't declared. `hours-1` where `hours` is one was meant as a subtraction."""
    known = [field.name for field in fields_of(type_)]
    head, _, tail = place.name.rpartition("-")
    apart = f"{head} - {tail}" if head in known and tail.isdigit() else ""
    return code.unknown_field(
        locate(place.start, place.end), name=place.name, of=of, known=known, apart=apart
    )
