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
    found = {plan.id: plan}
    waiting = [plan]
    while waiting:
        for node in waiting.pop().nodes:
            called = plans.get(node.uses.removeprefix("playbook/")) if node.kind == "playbook" else None
            if called is not None and called.id not in found:
                found[called.id] = called
                waiting.append(called)
    return tuple(found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a case may say about one plan. `family` are the plan and those it calls: their cards and questions can be met, too."""

    checked: Checked
    values: CaseValues
    plan: Plan
    family: tuple[Plan, ...]

    @classmethod
    def of(cls, checked: Checked, plan: Plan, plans: Mapping[str, Plan]) -> "Parts":
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
            Field(name=one.name, type=replace(one.type, nullable=not one.required))
            for one in self.plan.inputs
        )
        found = self.values.record(node, Type(kind="map", fields=fields), of="this playbook's inputs")
        for one in self.plan.inputs:
            if one.required and one.default is None and one.name not in found and isinstance(node, Map):
                self.checked.note(config_files.missing_key(at, key=one.name, example=f"{one.name}: …"))
        return found

    def arriving(self, at: Span, node: Node) -> tuple[str, dict[str, Json]] | None:
        """(trigger, fields) of what starts a run."""
        kinds = [trigger.kind for trigger in self.plan.triggers if trigger.kind not in _BY_HAND]
        return _arrived(self, at, node, list(dict.fromkeys(kinds)), none="nothing that arrives starts this")

    def coming(self, at: Span, node: Node) -> tuple[str, dict[str, Json]] | None:
        """(trigger, fields) of what arrives while a run goes on."""
        kinds = [wait.trigger for one in self.family for wait in one.stop_on]
        kinds += [wait.trigger for one in self.family for step in one.nodes for wait in step.waits]
        return _arrived(self, at, node, list(dict.fromkeys(kinds)), none="this playbook waits for nothing")

    # ------------------------------------------------------------ given outputs

    def given(self, entry: Entry) -> Json:
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
            return [self.values.record(one, type_, of=of) for one in entry.value.items]
        return self.values.record(entry.value, type_, of=of)

    def _refuse(self, entry: Entry, what: str, instead: str) -> None:
        self.checked.note(test_files.not_given(entry.key_span, step=entry.key, reason=what, instead=instead))

    def _outputs_of(self, step: Step) -> Type:
        if step.ask is not None:
            return _answers(step, answering=False)
        if step.action is not None:
            return Type(kind="map", fields=step.action.outputs)
        called = next((one for one in self.family if f"playbook/{one.id}" == step.uses), None)
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
        known = [one.id for one in self.plan.nodes if one.kind in _DOING]
        self.checked.note(
            test_files.not_for_this(node.span, step=step.id, why="does nothing that can fail", known=known)
        )
        return None

    def edited(self, entry: Entry) -> tuple[str, str] | None:
        """(gate or step, new words)."""
        found = self._one(entry, example="edit: { offer: Other words. }")
        if found is None:
            return None
        key = Scalar(text=found.key, plain=True, span=found.key_span)
        target = self.asked(key)
        text = self.values.value(found.value, Type(kind="text"))
        return (target, text) if target is not None and isinstance(text, str) else None

    def answered(self, entry: Entry) -> tuple[str, dict[str, Json]] | None:
        """(step, choice and fields) of a person's answer."""
        found = self._one(entry, example="answer: { choose: { choice: yes } }")
        step = self._step(found.key, found.key_span, self.family) if found is not None else None
        if step is None or found is None:
            return None
        if step.kind != "human":
            known = [one.id for plan in self.family for one in plan.nodes if one.kind == "human"]
            why = "asks nobody"
            self.checked.note(
                test_files.not_for_this(found.key_span, step=step.id, why=why, known=known, label="questions")
            )
            return None
        return step.id, self.values.record(
            found.value, _answers(step, answering=True), of=f"the answer to `{step.id}`"
        )

    def _one(self, entry: Entry, *, example: str) -> Entry | None:
        entries = self.checked.mapping(entry.value)
        if len(entries) == 1:
            return entries[0]
        if isinstance(entry.value, Map):
            what = f"{len(entries)} names"
            self.checked.note(
                test_files.wrong_value(place(entry.value), expected="one name", actual=what, example=example)
            )
        return None

    def step(self, node: Node, *, sends: bool) -> str | None:
        """A step of the plan or of those it calls; with `sends` one that can send."""
        name = self.checked.text(node)
        step = self._step(name, node.span, self.family) if name is not None else None
        if step is None:
            return None
        if sends and step.kind != "effect":
            known = [one.id for plan in self.family for one in plan.nodes if one.kind == "effect"]
            self.checked.note(
                test_files.not_for_this(node.span, step=step.id, why="sends nothing", known=known)
            )
            return None
        return step.id

    def awaited(self, node: Node) -> str | None:
        """A gate or a step a run may wait at."""
        name = self.checked.text(node)
        gates = [gate.id for plan in self.family for gate in plan.gates]
        steps = [one.id for plan in self.family for one in plan.nodes]
        if name is None or name in gates or name in steps:
            return name
        known = list(dict.fromkeys((*gates, *steps)))
        self.checked.note(test_files.unknown_step(node.span, name=name, kind="gate or step", known=known))
        return None

    def _step(self, name: str, span: Span, plans: Iterable[Plan], *, what: str = "step") -> Step | None:
        nodes = [one for plan in plans for one in plan.nodes]
        found = next((one for one in nodes if one.id == name), None)
        if found is None:
            known = list(dict.fromkeys(one.id for one in nodes))
            self.checked.note(test_files.unknown_step(span, name=name, kind="step", known=known))
        return found


def _arrived(
    parts: Parts, at: Span, node: Node, kinds: list[str], *, none: str
) -> tuple[str, dict[str, Json]] | None:
    """(trigger, fields) of an event of one of `kinds`, which its `type` tells apart."""
    if not kinds:
        parts.checked.note(test_files.wrong_start(at, message=none, hint=parts.begin()))
        return None
    entries = parts.checked.mapping(node)
    typed = next((one for one in entries if one.key == "type" and isinstance(one.value, Scalar)), None)
    word = typed.value.text if typed is not None and isinstance(typed.value, Scalar) else ""
    if word in kinds:
        kind, entries = word, tuple(one for one in entries if one is not typed)
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
        # What an event of somebody else's holds is theirs to say.
        type_ = replace(type_, items=ANY)
    return kind, parts.values.entries(entries, type_, of=f"the event of `{kind}`")


def place(node: Node) -> Span:
    """Where a diagnostic about a whole node points."""
    span = short(node.span)
    return replace(span, end_line=span.line, end_column=span.column + 1) if isinstance(node, Map) else span


def _answers(step: Step, *, answering: bool) -> Type:
    """What a question gives; somebody who answers it may leave out what has a default."""
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
