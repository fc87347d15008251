"""Steps against what connectors declare: actions, arguments, conditions, outputs. One step at a time, top to bottom."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from engine.language.diagnostics.codes import references as code
from engine.language.documents.ast import Authored, AuthoredStep
from engine.language.documents.intents import UNSURE
from engine.language.passes import foreach as foreach_keys
from engine.language.passes import repeat, undo
from engine.language.passes.resolved import ResolvedStep, World
from engine.language.passes.values import Built, ValueBuilder, condition
from engine.language.templates.parser import Takes
from engine.language.text import nodes
from engine.language.text.source import MAX_SHOWN
from engine.language.text.suggest import corrections
from engine.language.types.assignability import of_field
from engine.language.types.scope import StepScope, TypeScope, Undeclared
from engine.language.types.type_syntax import place
from engine.model.definitions.actions import ActionSpec, Param
from engine.model.definitions.diagnostics import Diagnostic
from engine.model.definitions.triggers import TRIGGERS
from engine.model.definitions.types import ANY, Field, Type, choice

BUILTIN = ("wait/for", "human/ask", "run/end", "run/find")


@dataclass(slots=True, kw_only=True)
class StepResolver:
    """Resolves the steps of one file and collects diagnostics. `broken`: a file that a step names has mistakes, reported in that file."""

    authored: Authored
    world: World
    event: Type | None
    inputs: Type
    special: Mapping[str, "Special"]
    seen: dict[str, StepScope] = field(default_factory=dict)
    gates: dict[str, int] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    templates: set[str] = field(default_factory=set)
    broken: bool = False
    undeclared: Undeclared | None = None

    def scope(self, here: int) -> TypeScope:
        """What the step at place `here` may read."""
        if not self.seen and not self.gates:
            for order, step in reversed(list(enumerate(self.authored.steps))):
                self.seen[step.id.text] = StepScope(
                    outputs=ANY,
                    line=step.id.span.line,
                    order=order,
                    condition=_condition(step),
                    may_fail=step.continue_on_error,
                )
            self.gates |= {gate.id.text: gate.id.span.line for gate in self.authored.gates}
        return TypeScope(
            event=self.event,
            inputs=self.inputs,
            steps=self.seen,
            gates=self.gates,
            here=here,
            currency=self.world.config.currency,
            undeclared=self.undeclared,
            condition=_condition(self.authored.steps[here]) if here < len(self.authored.steps) else "",
            handles_failure=here >= len(self.authored.steps) or _handles(self.authored.steps[here]),
        )

    def values(self, here: int) -> ValueBuilder:
        """A builder of values for the step at place `here`."""
        return ValueBuilder(self.authored.source, self.scope(here))

    def run(self) -> tuple[ResolvedStep, ...]:
        """Every step that could be resolved, in order."""
        resolved_steps = []
        named = Counter(step.id.text for step in self.authored.steps)
        for here, step in enumerate(self.authored.steps):
            if len(self.diagnostics) > MAX_SHOWN:
                break
            outer = self.values(here)
            foreach, values = foreach_keys.open_foreach(outer, step)
            tested = condition(values, step.condition) if step.condition is not None else None
            text_keys = foreach_keys.read_foreach(values, step, foreach)
            name = step.uses.text
            special = self.special.get("playbook/" if name.startswith("playbook/") else name)
            resolved = special(self, values, step) if special is not None else self._action(values, step)
            # Readers of a step with mistakes bring no diagnostics of their own: its outputs stay `any`.
            if resolved is not None:
                resolved = undo.with_undo(
                    values,
                    step,
                    resolved,
                    actions=self.world.actions,
                    special=self.special.keys(),
                    resolve=self._action,
                )
                resolved = repeat.with_repeat(values, step, resolved)
                resolved = foreach_keys.with_foreach(
                    values, step, resolved, text_keys, about=self.authored.subject is not None
                )
                known = self.seen[step.id.text]
                # Of two steps with one id it is unknown which is meant.
                if known.order == here and named[step.id.text] == 1:
                    self.seen[step.id.text] = replace(known, outputs=resolved.outputs)
                resolved_steps.append(resolved if tested is None else replace(resolved, condition=tested))
            self.diagnostics += outer.diagnostics
            self.diagnostics += values.diagnostics if values is not outer else []
        return tuple(resolved_steps)

    # ------------------------------------------------------------ actions

    def _action(self, values: ValueBuilder, step: AuthoredStep) -> ResolvedStep | None:
        name, span = step.uses.text, step.uses.span
        spec = self.world.actions.get(name)
        wrong = name.startswith("agent/") and name in self.world.wrong
        self.broken = self.broken or wrong
        if not name or (wrong and spec is None):
            return None
        if spec is None:
            values.note(code.unknown_action(span, name=name, known=(*self.world.actions, *BUILTIN)))
            return None
        args = self._arguments(values, step, spec)
        if args is None:
            return None
        outputs = Type(kind="map", fields=self._outputs(spec))
        used = tuple(
            str(built.arg.value)
            for name, built in args
            if _is_template(spec, name) and hasattr(built.arg, "value")
        )
        return ResolvedStep(
            step=step,
            kind="effect" if spec.kind.acts else "call",
            outputs=outputs,
            spec=spec,
            args=args,
            templates=used,
        )

    def _outputs(self, spec: ActionSpec) -> tuple[Field, ...]:
        """The outputs of an action; the name of an intent is one of the workspace's own."""
        if spec.name != "intent/resolve" or not self.world.intents:
            return spec.outputs
        name = choice(*self.world.intents, UNSURE)
        return tuple(
            replace(output, type=name) if output.name == "name" else output for output in spec.outputs
        )

    def _arguments(
        self, values: ValueBuilder, step: AuthoredStep, spec: ActionSpec
    ) -> tuple[tuple[str, Built], ...] | None:
        good = True
        arguments = {entry.key: entry for entry in step.args.entries} if step.args else {}
        built_args: dict[str, Built] = {}
        template: Takes | None = None
        for param in spec.params:
            if param.type.kind == "template" and param.name in arguments:
                named = self._template(values, arguments[param.name].value)
                good = good and named is not None
                template = named or template
        free = [param.name for param in spec.params if param.name not in arguments]
        for entry in arguments.values():
            declared = spec.param(entry.key)
            if declared is None:
                values.note(code.unknown_argument(entry.key_span, name=entry.key, of=spec.name, known=free))
                good = False
                continue
            built = self._argument(values, declared, entry.value, template)
            good = good and built is not None
            if built is not None:
                built_args[entry.key] = built
        misspelt = corrections((name for name in arguments if spec.param(name) is None), free)
        for param in spec.params:
            if param.required and param.name not in arguments and param.name not in misspelt:
                values.note(
                    code.missing_argument(
                        step.key("with"), name=param.name, of=spec.name, type_=str(param.type)
                    )
                )
                good = False
        if template is not None and "values" not in arguments and spec.param("values") is not None:
            good = _no_values(values, step, template) and good
        # In the order the action declares them, so that a plan doesn't depend on the order they were written in.
        return (
            tuple((param.name, built_args[param.name]) for param in spec.params if param.name in built_args)
            if good
            else None
        )

    def _argument(
        self, values: ValueBuilder, param: Param, node: nodes.Node, template: Takes | None
    ) -> Built | None:
        if param.type.kind == "template" and isinstance(node, nodes.Scalar) and "${{" in node.text:
            return None  # noted with the template
        if param.name == "values" and template is not None and template.values is not None:
            return _values(values.for_people(), node, template.path, template.values)
        type_ = param.type if param.required else replace(param.type, nullable=True)
        # A path, an address or an account is not read by a person, and has to stay unchanged.
        return (values if param.sink else values.for_people()).value(node, type_, name=param.name)

    def _template(self, values: ValueBuilder, node: nodes.Node) -> Takes | None:
        if not isinstance(node, nodes.Scalar):
            return None
        if "${{" in node.text:
            values.note(code.must_be_fixed(place(node), word="a template"))
            return None
        if node.text not in self.world.templates:
            known = set(self.world.templates)
            values.note(code.unknown_template(node.span, name=node.text, known=known))
            return None
        self.templates.add(node.text)
        template = self.world.template(node.text)
        self.broken = self.broken or template.broken
        return template


def _values(values: ValueBuilder, node: nodes.Node, path: str, fields: tuple[Field, ...]) -> Built | None:
    """The `values` that a step passes to the template at `path`, whose values are `fields`."""
    if not isinstance(node, nodes.Mapping):
        return values.value(node, Type(kind="map", fields=fields), name="values")
    name = template_name(path)
    return values.record(
        node,
        fields,
        unknown=lambda span, key, known: code.unknown_value(span, name=key, template=name, known=known),
        missing=lambda span, value: code.missing_value(
            span, name=value.name, template=name, type_=str(value.type)
        ),
        at=place(node),
    )


def _no_values(values: ValueBuilder, step: AuthoredStep, template: Takes) -> bool:
    """Whether the template can do without any `values`; each value that it needs is noted."""
    needed = [value for value in template.values or () if not value.optional and not of_field(value).nullable]
    for value in needed:
        values.note(
            code.missing_value(
                step.key("with"),
                name=value.name,
                template=template_name(template.path),
                type_=str(value.type),
            )
        )
    return not needed


def _condition(step: AuthoredStep) -> str:
    """A step's `if` as written; empty where it always runs."""
    text = step.condition.text.strip() if step.condition is not None else ""
    return "" if text.removeprefix("${{").removesuffix("}}").strip() in {"always()", "true"} else text


def _handles(step: AuthoredStep) -> bool:
    """Whether a step may run after a failure."""
    return step.condition is not None and _AFTER_FAILURE.search(step.condition.text) is not None


_AFTER_FAILURE = re.compile(r"\b(?:failure|always)\s*\(")

Special = Callable[[StepResolver, ValueBuilder, AuthoredStep], ResolvedStep | None]
"""How one of the engine's own steps is resolved."""


def _is_template(spec: ActionSpec, name: str) -> bool:
    param = spec.param(name)
    return param is not None and param.type.kind == "template"


def template_name(path: str) -> str:
    """The name of a template as a step writes it."""
    return path.removeprefix("vault/templates/").removesuffix(".md")


def event_type(kinds: Sequence[str]) -> Type | None:
    """The type of `event` for one of these kinds, before anything is known about an event's own type."""
    return next((TRIGGERS[kind].event for kind in kinds if kind in TRIGGERS), None)
