"""Where values come from and where they may go: the one rule of DESIGN "Trust labels", judged at the file's stage."""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from engine.language.diagnostics.codes import taint as code
from engine.language.documents.ast import Authored, AuthoredStep
from engine.language.passes.foreach import type_of
from engine.language.passes.resolved import ResolvedStep
from engine.language.passes.values import Built, Flow
from engine.model import approval_rule
from engine.model.definitions.actions import ActionSpec, Reach, Sink, UndoSpec, reach_of
from engine.model.definitions.diagnostics import Diagnostic, Fix
from engine.model.definitions.plan import Arg, Expr, Fixed, ListArg, MapArg, Read, Stage, Text
from engine.model.definitions.taint import Label, Labels, untrusted
from engine.model.definitions.types import Type, members
from engine.model.effects import Answer

_OPERATOR: Labels = frozenset({Label.OPERATOR})
_SYSTEM: Labels = frozenset({Label.SYSTEM})
_WORDS = {
    Label.UNTRUSTED: "written by a stranger",
    Label.MODEL: "written by a model",
    Label.CUSTOMER: "written by a customer",
}
_PREPARES = frozenset({Reach.INTERNAL, Reach.LOW})


@dataclass(frozen=True, slots=True, kw_only=True)
class TaintInput:
    """What earlier passes established about one file."""

    authored: Authored
    resolved: Mapping[str, ResolvedStep]
    event: Labels
    readers: Mapping[str, tuple[str, ...]]


def highest_reach(resolved: ResolvedStep) -> Reach:
    """The highest reach a step's arguments can give it; an expression counts as present."""
    if resolved.spec is None:
        return Reach.INTERNAL
    return reach_of(
        resolved.spec,
        {name: _stand_in(built.arg) for name, built in resolved.args},
        floor=resolved.step.reach,
    )


def _stand_in(arg: Arg) -> object:
    return arg.value if isinstance(arg, Fixed) else True


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """Where the outputs of steps come from, and the items that a step with `foreach` goes through."""

    outputs: dict[str, Labels] = field(default_factory=dict)
    items: dict[str, Labels] = field(default_factory=dict)


def origins_of(facts: TaintInput) -> Origins:
    """The origins in order: what the action declares, joined with its arguments' where they pass, and with its list's."""
    known = Origins()
    for id_, resolved in facts.resolved.items():
        if resolved.foreach is not None:
            known.items[id_] = origins(facts, resolved.foreach.reads, known, id_)
        labels = resolved.labels if resolved.spec is None else resolved.spec.labels
        if resolved.spec is not None and resolved.spec.passes_labels:
            labels = labels.union(*(origins(facts, built.reads, known, id_) for _, built in resolved.args))
        known.outputs[id_] = labels | known.items.get(id_, frozenset())
    return known


def origins(facts: TaintInput, reads: Iterable[Read], known: Origins, step: str = "") -> Labels:
    """The union of the origins of paths that a step reads."""
    return frozenset().union(*(origin(facts, read.path, known, step) for read in reads))


def origin(facts: TaintInput, path: str, known: Origins, step: str) -> Labels:
    """Where the value at a path comes from, for the step that reads it."""
    root, _, subpath = path.partition(".")
    match root:
        case "event":
            return facts.event
        case "item":
            return known.items.get(step, _SYSTEM)
        case "inputs":
            return _OPERATOR
        case "steps":
            name, _, inner = subpath.partition(".")
            return _SYSTEM if inner == "status" else known.outputs.get(name, _SYSTEM)
        case _:
            return _SYSTEM


# ---------------------------------------------------------------- sinks


def _steps_and_undos(facts: TaintInput) -> Iterator[ResolvedStep]:
    """Every step, and after it its undo."""
    for resolved in facts.resolved.values():
        yield resolved
        if resolved.undo is not None:
            yield resolved.undo


def check_sinks(facts: TaintInput) -> list[Diagnostic]:
    """Untrusted or model values that reach a sink without a card."""
    known = origins_of(facts)
    diagnostics: list[Diagnostic] = []
    for resolved in _steps_and_undos(facts):
        for name, built in resolved.args:
            param = resolved.spec.param(name) if resolved.spec else None
            if resolved.spec is None or param is None or param.sink is None:
                continue
            flow = _first_untrusted(facts, built, param.sink, known, resolved.step.id.text)
            if (
                flow is None
                or _carded(facts, resolved, resolved.spec, param.raises)
                or _prepared(facts, resolved, resolved.spec)
            ):
                continue
            labels = untrusted(origin(facts, flow.path, known, resolved.step.id.text))
            diagnostics.append(_sink_diagnostic(facts, resolved, name, param.sink, flow, labels))
    return diagnostics


_HARMLESS = frozenset({"bool", "choice", "date", "time", "length"})


def check_calls(facts: TaintInput) -> list[Diagnostic]:
    """Untrusted or model values that a called playbook would treat as the operator's own."""
    known = origins_of(facts)
    diagnostics: list[Diagnostic] = []
    for resolved in facts.resolved.values():
        for name, built in resolved.args if resolved.kind == "playbook" else ():
            for flow in built.flows:
                labels = untrusted(origin(facts, flow.path, known, resolved.step.id.text))
                harmless = not flow.openly and type_of(built.arg).kind in _HARMLESS
                if labels and not harmless:
                    diagnostics.append(
                        code.into_call(
                            flow.span,
                            path=flow.path,
                            origin=_authors(labels),
                            name=name,
                            playbook=resolved.step.uses.text,
                        )
                    )
                    break
    return diagnostics


def output_labels(facts: TaintInput, outputs: Iterable[Built]) -> Labels:
    """The labels of a playbook's outputs: where they come from."""
    known = origins_of(facts)
    return frozenset().union(*(origins(facts, output.reads, known) for output in outputs))


def _authors(labels: Labels) -> str:
    return " and ".join(
        _WORDS[label] for label in sorted(labels, key=lambda label: label.value) if label in _WORDS
    )


def _first_untrusted(facts: TaintInput, built: Built, sink: Sink, known: Origins, step: str) -> Flow | None:
    for flow in built.flows:
        if untrusted(origin(facts, flow.path, known, step)) and (flow.openly or sink is Sink.AMOUNT):
            return flow
    return None


def stage_of(facts: TaintInput, step: AuthoredStep) -> Stage:
    """The lower of the file's stage and the step's own."""
    return approval_rule.lowest(facts.authored.stage, step.stage)


def _carded(facts: TaintInput, resolved: ResolvedStep, spec: ActionSpec, raises: Reach | None) -> bool:
    """Whether every call with this argument makes a card at the file's stage (in shadow nothing is called)."""
    stage = stage_of(facts, resolved.step)
    if stage is Stage.SHADOW:
        return True
    if resolved.kind != "effect":
        return False
    if resolved.step.gate is not None:
        return True
    reach = max(
        (spec.reach, *(reach for reach in (resolved.step.reach, raises) if reach)),
        key=lambda reach: reach.rank,
    )
    return approval_rule.answer(stage, reach) is Answer.ASK


def _prepared(facts: TaintInput, resolved: ResolvedStep, spec: ActionSpec) -> bool:
    """A preparing step whose outputs only one gate's steps use: that card shows what was prepared."""
    if not spec.prepares or highest_reach(resolved) not in _PREPARES:
        return False
    gates = set()
    for reader in facts.readers.get(resolved.step.id.text, ()):
        user = facts.resolved.get(reader)
        if user is None or user.spec is None or not _shows_prepared(facts, user, resolved.step.id.text):
            return False
        gates.add(user.step.gate.text if user.step.gate else user.step.id.text)
    return len(gates) <= 1


def _shows_prepared(facts: TaintInput, user: ResolvedStep, prepared: str) -> bool:
    """Whether a card certainly shows each argument that holds something of the prepared step."""
    if user.spec is None:
        return False
    listed = user.foreach is not None and _uses(user.foreach, prepared)
    if user.condition is not None and _uses(user.condition, prepared, items=listed):
        return False
    for name, built in user.args:
        param = user.spec.param(name)
        if _uses(built, prepared, items=listed) and not _carded(
            facts, user, user.spec, param.raises if param else None
        ):
            return False
    return True


def _uses(built: Built, step: str, *, items: bool = False) -> bool:
    """Whether a value reads a step's outputs, or, where the step's list is made of them, `item`."""
    prefix = f"steps.{step}.outputs"
    return any(
        read.path == prefix
        or read.path.startswith(f"{prefix}.")
        or (items and read.path.partition(".")[0] == "item")
        for read in built.reads
    )


def _sink_diagnostic(
    facts: TaintInput, resolved: ResolvedStep, name: str, sink: Sink, flow: Flow, labels: Labels
) -> Diagnostic:
    hint, fix = "put it behind a `gate:`, or take the value from a record of yours", None
    if facts.resolved[resolved.step.id.text] is not resolved:
        hint = "what takes a step back has no gate: take the value from a record of yours"
    elif resolved.spec is not None and resolved.kind == "effect" and not resolved.spec.prepares:
        raised = approval_rule.first_asking(stage_of(facts, resolved.step))
        if resolved.step.room is not None and resolved.step.reach is None and resolved.step.gate is None:
            hint = f"`reach: {raised.value}` makes a card of it; or put it behind a `gate:`"
            fix = Fix(span=resolved.step.room.span, text=resolved.step.room.key(f"reach: {raised.value}"))
    elif resolved.spec is not None and resolved.spec.prepares:
        hint = "use what it prepares in steps behind one gate only"
    return code.reaches_sink(
        flow.span,
        path=flow.path,
        origin=_authors(labels),
        param=name,
        sink=sink.value,
        action=resolved.spec.name if resolved.spec else "",
        hint=hint,
        fix=fix,
    )


# ---------------------------------------------------------------- reach, stage, undo, subject


def check_steps(facts: TaintInput) -> list[Diagnostic]:
    """Reach that falls, stages above the file's, effects without an `undo`."""
    diagnostics: list[Diagnostic] = []
    for resolved in facts.resolved.values():
        step, spec = resolved.step, resolved.spec
        if step.stage is not None and step.stage.rank > facts.authored.stage.rank and step.stage_span:
            diagnostics.append(
                code.higher_stage(step.stage_span, step=step.stage.value, file=facts.authored.stage.value)
            )
        if spec is None or resolved.kind != "effect":
            continue
        real = reach_of(spec, {name: _stand_in(built.arg) for name, built in resolved.args})
        if step.reach is not None and step.reach.rank < real.rank and step.reach_span:
            diagnostics.append(
                code.lower_reach(step.reach_span, written=step.reach.value, real=real.value, action=spec.name)
            )
        if spec.undo == UndoSpec() and not step.has("undo"):
            text = 'undo: { none: "it can\'t be taken back" }'
            fix = None if step.room is None else Fix(span=step.room.span, text=step.room.key(text))
            diagnostics.append(code.no_undo(step.uses.span, action=spec.name, fix=fix))
    return diagnostics


def check_performed(facts: TaintInput, unperformed: Container[str]) -> list[Diagnostic]:
    """Steps of actions that are declared but not implemented."""
    return [
        code.unperformed(resolved.step.uses.span, action=resolved.spec.name)
        for resolved in _steps_and_undos(facts)
        if resolved.spec is not None and resolved.spec.name in unperformed
    ]


def check_subject(facts: TaintInput, event: Type | None) -> list[Diagnostic]:
    """Personal data in a playbook without `subject`. One diagnostic for all of it, and one for each step about its items."""
    if facts.authored.subject is not None:
        return []
    diagnostics: list[Diagnostic] = []
    whole = False
    for resolved in facts.resolved.values():
        about = None if resolved.subject is not None else _first_personal(resolved, event)
        if about is None:
            continue
        fix = _item_fix(resolved)
        # Steps about their items are mended one by one, all others by one line.
        if fix is not None or not whole:
            mend = fix or _subject_fix(facts.authored, event)
            diagnostics.append(code.no_subject(about.span, path=about.path, fix=mend))
        whole = whole or fix is None
    return diagnostics


def _first_personal(resolved: ResolvedStep, event: Type | None) -> Flow | None:
    """The first personal value that a step reads."""
    for built in (*resolved.built(), *(resolved.undo.built() if resolved.undo else ())):
        for read, result_type in _read(built.arg):
            if _reads_personal(read, event, result_type, whole=read.path in built.whole):
                own = Flow(path=read.path, openly=True, span=resolved.step.id.span)
                return next((flow for flow in built.flows if flow.path == read.path), own)
    return None


def _read(arg: Arg) -> Iterator[tuple[Read, Type]]:
    """Every path that a value reads, and the type of the result it goes into."""
    match arg:
        case Expr():
            yield from ((read, arg.type) for read in arg.reads)
        case Text():
            for part in arg.parts:
                yield from _read(part) if isinstance(part, Expr) else ()
        case ListArg():
            for element in arg.items:
                yield from _read(element)
        case MapArg():
            for _, value in arg.entries:
                yield from _read(value)
        case Fixed():
            pass


def _item_fix(resolved: ResolvedStep) -> Fix | None:
    """`subject: ${{ item.email }}` on the step itself, where its items have an address."""
    row = resolved.outputs.items if resolved.foreach is not None else None
    item_field = row.field("item") if row is not None else None
    if item_field is None or resolved.step.room is None:
        return None
    for member in members(item_field.type):
        if member.type.kind == "email" and not (member.optional or member.type.nullable):
            path = f"item.{member.name}"
            return Fix(
                span=resolved.step.room.span, text=resolved.step.room.key(f'subject: "${{{{ {path} }}}}"')
            )
    return None


def _reads_personal(read: Read, event: Type | None, result_type: Type, *, whole: bool) -> bool:
    if read.type.kind == "list" and (result_type.closed or result_type.kind == "money" or not whole):
        return False  # rows of many people, of which a count or a sum is left
    if _is_personal(read.type):
        return True
    # All of a letter is about who wrote it.
    sender = event.field("from") if event else None
    return (
        read.path.startswith("event")
        and read.path != "event.at"
        and sender is not None
        and sender.type.kind == "email"
    )


def _is_personal(type_: Type) -> bool:
    if type_.kind in {"person", "email"}:
        return True
    if type_.items is not None:
        return _is_personal(type_.items)
    return type_.kind == "map" and any(_is_personal(member.type) for member in members(type_))


def _subject_fix(authored: Authored, event: Type | None) -> Fix | None:
    sender = event.field("from") if event else None
    if authored.room is None or sender is None or sender.optional:
        return None
    return Fix(span=authored.room.span, text=authored.room.key("subject: ${{ event.from }}"))
