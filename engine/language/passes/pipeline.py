"""One file in its shape to its plan: resolve and type → order and gates → trust → lower."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.language.documents.ast import Authored
from engine.language.passes import (
    allowed_keys,
    builtin_steps,
    dependencies,
    foreach,
    lower,
    on_block,
    subplaybooks,
    taint,
    triggers,
    webhook_fields,
)
from engine.language.passes.playbook_exprs import heads_of
from engine.language.passes.resolve import StepResolver
from engine.language.passes.resolved import ResolvedStep, Signature, World
from engine.language.templates.parser import TEMPLATES
from engine.model.definitions.diagnostics import Diagnostic, Severity, Span
from engine.model.definitions.plan import Plan


def place_of(one: Diagnostic) -> tuple[Span, str]:
    """How diagnostics are ordered."""
    return one.span, one.code


@dataclass(frozen=True, slots=True, kw_only=True)
class PassResult:
    """What came of one file. Without a plan it still says what it gives, so that its callers are checked.

    `used` are the files a run may read; the plan names none of them yet, for it stays the same when their words change.
    """

    plan: Plan | None
    signature: Signature
    diagnostics: tuple[Diagnostic, ...]
    used: frozenset[str] = frozenset()


def compile_one(authored: Authored, world: World) -> PassResult:
    """One file in its shape to its plan."""
    started, starts_wrong = on_block.read(authored, world)
    event = triggers.union_event_type(started.heard)
    inputs, bad_defaults = lower.inputs_of(authored)
    resolver = StepResolver(
        authored=authored, world=world, event=event, inputs=lower.inputs_type(authored), special=builtin_steps.KINDS,
        undeclared=webhook_fields.undeclared(authored),
    )  # fmt: skip
    steps = resolver.run()
    found = [*starts_wrong, *bad_defaults, *dependencies.unique_steps(authored), *resolver.diagnostics]
    resolved = {one.step.id.text: one for one in steps}
    heads, heads_wrong = heads_of(authored, event, resolver, steps)
    edges, wrong = dependencies.edges(authored, steps, heads.titles)
    facts = taint.TaintInput(
        authored=authored,
        resolved=resolved,
        event=triggers.labels(started.heard),
        readers=_readers(resolved),
    )
    found += [
        *heads_wrong,
        *wrong,
        *allowed_keys.check_keys(steps),
        *foreach.check(steps),
        *dependencies.check_gates(authored, resolved, edges),
        *dependencies.unreachable(steps, edges),
    ]
    found += [
        *taint.check_steps(facts),
        *taint.check_sinks(facts),
        *taint.check_calls(facts),
        *taint.check_performed(facts, world.unperformed),
        *taint.check_subject(facts, event),
    ]
    diagnostics = tuple(sorted(webhook_fields.told(authored, resolver.undeclared, found), key=place_of))
    gives = taint.given(facts, (built for _, built in heads.outputs))
    signature = subplaybooks.signature(authored, heads.gives, gives)
    # Of a step that names a template or agent with mistakes nothing is said about those: it is said in that file.
    if (
        resolver.broken
        or len(steps) < len(authored.steps)
        or any(one.severity is Severity.ERROR for one in diagnostics)
    ):
        return PassResult(plan=None, signature=signature, diagnostics=diagnostics)
    plan = lower.plan(
        authored,
        steps,
        edges,
        triggers=started.triggers,
        inputs=inputs,
        heads=heads,
        facts=facts,
        files=(),
        config=world.config,
    )
    return PassResult(plan=plan, signature=signature, diagnostics=diagnostics, used=_used(resolver, steps))


def _used(resolver: StepResolver, steps: Sequence[ResolvedStep]) -> frozenset[str]:
    """The files that a run of these steps may read."""
    agents = [one.step.uses.text for one in steps if one.step.uses.text.startswith("agent/")]
    return frozenset(
        {
            resolver.authored.path,
            *(f"{TEMPLATES}{name}.md" for name in resolver.templates),
            *(path for name in agents for path in resolver.world.reads.get(name, ())),
            *(word.text for one in steps if one.step.question for word in one.step.question.context),
        }
    )


def _readers(resolved: Mapping[str, ResolvedStep]) -> dict[str, tuple[str, ...]]:
    """Step → the steps that read its outputs."""
    found: dict[str, dict[str, None]] = {}
    for id_, one in resolved.items():
        for built in one.built():
            for read in built.reads:
                parts = read.path.split(".")
                if parts[0] == "steps" and parts[2] == "outputs":
                    found.setdefault(parts[1], {})[id_] = None
    return {name: tuple(ids) for name, ids in found.items()}
