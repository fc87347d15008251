"""The parts of a test's case that are held against the plan it tests: starts, outputs, moves, names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from engine.language.diagnostics.codes import config_files, test_files
from engine.language.documents.config_fields import Checked
from engine.language.documents.test_values import CaseValues, short
from engine.language.text.nodes import Entry, Node, Scalar, Sequence
from engine.language.text.nodes import Mapping as Map
from engine.model.definitions.diagnostics import Span
from engine.model.definitions.plan import Expr, Plan
from engine.model.definitions.plan import Node as Step
from engine.model.definitions.triggers import TRIGGERS
from engine.model.definitions.types import ANY, Field, Type, choice
from engine.model.values.canonical_json import Json

_BY_HAND = frozenset({"manual", "call"})
_DOING = frozenset({"call", "effect"})


def family(plan: Plan, plans: Mapping[str, Plan]) -> tuple[Plan, ...]:
    """A plan and those it calls, itself first: a name in a case means the first step that has it."""
    plans_by_id = {plan.id: plan}
    waiting = [plan]
    while waiting:
        for node in waiting.pop().nodes:
            called = plans.get(node.uses.removeprefix("playbook/")) if node.kind == "playbook" else None
            if called is not None and called.id not in plans_by_id:
                plans_by_id[called.id] = called
                waiting.append(called)
    return tuple(plans_by_id.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a case may say about one plan. `family` are the plan and those it calls: their cards and questions can be met, too."""

    checked: Checked
    values: CaseValues
    plan: Plan
    family: tuple[Plan, ...]

    @classmethod
    def for_plan(cls, checked: Checked, plan: Plan, plans: Mapping[str, Plan]) -> "Parts":
        """For a plan among all plans of its workspace."""
        return cls(checked=checked, values=CaseValues(checked=checked), plan=plan, family=family(plan, plans))

    # ------------------------------------------------------------ how a run begins and what comes later

    def begin(self) -> str:
        """The hint of how a run of this plan begins."""
        return "add `inputs: {}`" if self._startable() else "add `event: {}` with what arrives"

    def _startable(self) -> bool:
        return any(trigger.kind in _BY_HAND for trigger in self.plan.triggers)

    def inputs(self, at: Span, node: Node) -> dict[str, Json] | None:
        """The inputs of a run that is started by hand or called."""
        if not self._startable():
            kinds = ", ".join(trigger.kind for trigger in self.plan.triggers)
            message = f"this playbook is started by {kinds}, never with inputs"
            self.checked.note(test_files.wrong_start(at, message=message, hint=self.begin()))
            return None
        fields = tuple(
            Field(name=param.name, type=replace(param.type, nullable=not param.required))
            for param in self.plan.inputs
        )
        record = self.values.record(node, Type(kind="map", fields=fields), of="this playbook's inputs")
        for param in self.plan.inputs:
            if (
                param.required
                and param.default is None
                and param.name not in record
                and isinstance(node, Map)
            ):
                self.checked.note(config_files.missing_key(at, key=param.name, example=f"{param.name}: …"))
        return record

    def arriving(self, at: Span, node: Node) -> tuple[str, dict[str, Json]] | None:
        """(trigger, fields) of what starts a run."""
        kinds = [trigger.kind for trigger in self.plan.triggers if trigger.kind not in _BY_HAND]
        return _arrived(self, at, node, list(dict.fromkeys(kinds)), none="nothing that arrives starts this")

    def coming(self, at: Span, node: Node) -> tuple[str, dict[str, Json]] | None:
        """(trigger, fields) of what arrives while a run goes on."""
        kinds = [wait.trigger for plan in self.family for wait in plan.stop_on]
        kinds += [wait.trigger for plan in self.family for step in plan.nodes for wait in step.waits]
        return _arrived(self, at, node, list(dict.fromkeys(kinds)), none="this playbook waits for nothing")

    # ------------------------------------------------------------ given outputs

    def given_outputs(self, entry: Entry) -> Json:
        """The outputs of a step, or a list of them for the items of a `foreach` or the rounds of a `repeat`; None after a diagnostic."""
        step = self._step(entry.key, entry.key_span, self.family)
        if step is None:
            return None
        if step.kind == "wait":
            self._refuse(entry, "waits", "let it happen: `advance:` or `event:` under `then`")
            return None
        if step.kind == "end":
            self._refuse(entry, "ends the run", "expect its `status`")
            return None
        type_, of = self._outputs_of(step), f"`{step.id}`"
        if (step.foreach is not None or step.repeat is not None) and isinstance(entry.value, Sequence):
            return [self.values.record(child, type_, of=of) for child in entry.value.items]
        return self.values.record(entry.value, type_, of=of)

    def _refuse(self, entry: Entry, reason: str, instead: str) -> None:
        refusal = test_files.not_given(entry.key_span, step=entry.key, reason=reason, instead=instead)
        self.checked.note(refusal)

    def _outputs_of(self, step: Step) -> Type:
        if step.ask is not None:
            return _answers(step, answering=False)
        if step.action is not None:
            return Type(kind="map", fields=step.action.outputs)
        called = next((plan for plan in self.family if f"playbook/{plan.id}" == step.uses), None)
        return ANY if called is None else _gives(called)

    def outputs(self, node: Node) -> dict[str, Json]:
        """Expected outputs of the run."""
        return self.values.record(node, _gives(self.plan), of="this playbook's outputs")

    # ------------------------------------------------------------ moves and names

    def asked(self, node: Node) -> str | None:
        """A gate, or a step that may ask."""
        name = self.checked.text(node)
        if name is None:
            return None
        gates = [gate.id for plan in self.family for gate in plan.gates]
        if name in gates:
            return name
        members = [step for plan in self.family for gate in plan.gates for step in gate.members]
        if name in members:
            return name
        if any(name == step.id for plan in self.family for step in plan.nodes):
            self.checked.note(
                test_files.not_for_this(
                    node.span, step=name, why="asks for no approval", known=gates, label="gates"
                )
            )
            return None
        known = [*gates, *members]
        self.checked.note(test_files.unknown_step(node.span, name=name, kind="gate or step", known=known))
        return None

    def failing(self, node: Node) -> str | None:
        """A step of the plan that does something."""
        name = self.checked.text(node)
        step = self._step(name, node.span, (self.plan,)) if name is not None else None
        if step is None:
            return None
        if step.kind in _DOING:
            return step.id
        known = [candidate.id for candidate in self.plan.nodes if candidate.kind in _DOING]
        self.checked.note(
            test_files.not_for_this(node.span, step=step.id, why="does nothing that can fail", known=known)
        )
        return None

    def edited(self, entry: Entry) -> tuple[str, str] | None:
        """(gate or step, new words)."""
        pair = self._single_entry(entry, example="edit: { offer: Other words. }")
        if pair is None:
            return None
        key = Scalar(text=pair.key, plain=True, span=pair.key_span)
        target = self.asked(key)
        text = self.values.value(pair.value, Type(kind="text"))
        return (target, text) if target is not None and isinstance(text, str) else None

    def answered(self, entry: Entry) -> tuple[str, dict[str, Json]] | None:
        """(step, choice and fields) of a person's answer."""
        pair = self._single_entry(entry, example="answer: { choose: { choice: yes } }")
        step = self._step(pair.key, pair.key_span, self.family) if pair is not None else None
        if step is None or pair is None:
            return None
        if step.kind != "human":
            known = _ids_of_kind(self.family, "human")
            why = "asks nobody"
            self.checked.note(
                test_files.not_for_this(pair.key_span, step=step.id, why=why, known=known, label="questions")
            )
            return None
        return step.id, self.values.record(
            pair.value, _answers(step, answering=True), of=f"the answer to `{step.id}`"
        )

    def _single_entry(self, entry: Entry, *, example: str) -> Entry | None:
        entries = self.checked.mapping(entry.value)
        if len(entries) == 1:
            return entries[0]
        if isinstance(entry.value, Map):
            span, actual = place(entry.value), f"{len(entries)} names"
            self.checked.note(
                test_files.wrong_value(span, expected="one name", actual=actual, example=example)
            )
        return None

    def step(self, node: Node, *, sends: bool) -> str | None:
        """A step of the plan or of those it calls; with `sends` one that can send."""
        name = self.checked.text(node)
        step = self._step(name, node.span, self.family) if name is not None else None
        if step is None:
            return None
        if sends and step.kind != "effect":
            known = _ids_of_kind(self.family, "effect")
            self.checked.note(
                test_files.not_for_this(node.span, step=step.id, why="sends nothing", known=known)
            )
            return None
        return step.id

    def awaited(self, node: Node) -> str | None:
        """A gate or a step a run may wait at."""
        name = self.checked.text(node)
        gates = [gate.id for plan in self.family for gate in plan.gates]
        steps = [candidate.id for plan in self.family for candidate in plan.nodes]
        if name is None or name in gates or name in steps:
            return name
        known = list(dict.fromkeys((*gates, *steps)))
        self.checked.note(test_files.unknown_step(node.span, name=name, kind="gate or step", known=known))
        return None

    def _step(self, name: str, span: Span, plans: Iterable[Plan]) -> Step | None:
        nodes = [node for plan in plans for node in plan.nodes]
        step = next((node for node in nodes if node.id == name), None)
        if step is None:
            known = list(dict.fromkeys(node.id for node in nodes))
            self.checked.note(test_files.unknown_step(span, name=name, kind="step", known=known))
        return step


def _ids_of_kind(plans: Iterable[Plan], kind: str) -> list[str]:
    return [step.id for plan in plans for step in plan.nodes if step.kind == kind]


def _arrived(
    parts: Parts, at: Span, node: Node, kinds: list[str], *, none: str
) -> tuple[str, dict[str, Json]] | None:
    """(trigger, fields) of an event of one of `kinds`, which its `type` tells apart."""
    if not kinds:
        parts.checked.note(test_files.wrong_start(at, message=none, hint=parts.begin()))
        return None
    entries = parts.checked.mapping(node)
    typed = next(
        (entry for entry in entries if entry.key == "type" and isinstance(entry.value, Scalar)), None
    )
    word = typed.value.text if typed is not None and isinstance(typed.value, Scalar) else ""
    if word in kinds:
        kind, entries = word, tuple(entry for entry in entries if entry is not typed)
    elif len(kinds) == 1:
        kind = kinds[0]
    elif word and "event" in kinds:
        kind = "event"
    else:
        message = "it isn't said what arrives"
        hint = f"add `type:` with one of {', '.join(kinds)}"
        parts.checked.note(test_files.wrong_start(at, message=message, hint=hint))
        return None
    type_ = TRIGGERS[kind].event if kind in TRIGGERS else ANY
    if kind in {"event", "webhook"}:
        # The fields of a third party's event are not known here.
        type_ = replace(type_, items=ANY)
    return kind, parts.values.entries(entries, type_, of=f"the event of `{kind}`")


def place(node: Node) -> Span:
    """Where a diagnostic about a whole node points."""
    span = short(node.span)
    return replace(span, end_line=span.line, end_column=span.column + 1) if isinstance(node, Map) else span


def _answers(step: Step, *, answering: bool) -> Type:
    """The outputs of a question; an answer may leave out the fields that have a default."""
    ask = step.ask
    if ask is None:
        return ANY
    defaulted = {name for name, _ in ask.defaults} if answering else set()
    fields = [Field(name=name, type=type_, optional=name in defaulted) for name, type_ in ask.fields]
    if ask.choices or ask.offers is not None:
        fields.insert(0, Field(name="choice", type=choice(*ask.choices) if ask.choices else ask.offered))
    return Type(kind="map", fields=tuple(fields))


def _gives(plan: Plan) -> Type:
    """The type of a plan's outputs."""
    fields = (Field(name=name, type=arg.type if isinstance(arg, Expr) else ANY) for name, arg in plan.outputs)
    return Type(kind="map", fields=tuple(fields))
