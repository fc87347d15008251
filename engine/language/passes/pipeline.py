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


def place_of(diagnostic: Diagnostic) -> tuple[Span, str]:
    """The sort key of diagnostics."""
    return diagnostic.span, diagnostic.code


@dataclass(frozen=True, slots=True, kw_only=True)
class PassResult:
    """The result of one file. Without a plan it still has a signature, so that its callers are checked.

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
    reported = [*starts_wrong, *bad_defaults, *dependencies.unique_steps(authored), *resolver.diagnostics]
    resolved = {resolved_step.step.id.text: resolved_step for resolved_step in steps}
    heads, heads_wrong = heads_of(authored, event, resolver, steps)
    edges, wrong = dependencies.edges(authored, steps, heads.titles)
    facts = taint.TaintInput(
        authored=authored,
        resolved=resolved,
        event=triggers.labels(started.heard),
        readers=_readers(resolved),
    )
    reported += [
        *heads_wrong,
        *wrong,
        *allowed_keys.check_keys(steps),
        *foreach.check_item_keys(steps),
        *dependencies.check_gates(authored, resolved, edges),
        *dependencies.unreachable(steps, edges),
    ]
    reported += [
        *taint.check_steps(facts),
        *taint.check_sinks(facts),
        *taint.check_calls(facts),
        *taint.check_performed(facts, world.unperformed),
        *taint.check_subject(facts, event),
    ]
    diagnostics = tuple(
        sorted(webhook_fields.combine_undeclared(authored, resolver.undeclared, reported), key=place_of)
    )
    labels = taint.output_labels(facts, (built for _, built in heads.outputs))
    signature = subplaybooks.signature(authored, heads.gives, labels)
    # The mistakes of a template or agent that a step names are reported in that file, not here.
    if (
        resolver.broken
        or len(steps) < len(authored.steps)
        or any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
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
    agents = [resolved.step.uses.text for resolved in steps if resolved.step.uses.text.startswith("agent/")]
    return frozenset(
        {
            resolver.authored.path,
            *(f"{TEMPLATES}{name}.md" for name in resolver.templates),
            *(path for name in agents for path in resolver.world.reads.get(name, ())),
            *(
                word.text
                for resolved in steps
                if resolved.step.question
                for word in resolved.step.question.context
            ),
        }
    )


def _readers(resolved: Mapping[str, ResolvedStep]) -> dict[str, tuple[str, ...]]:
    """Step → the steps that read its outputs."""
    readers: dict[str, dict[str, None]] = {}
    for id_, resolved_step in resolved.items():
        for built in resolved_step.built():
            for read in built.reads:
                parts = read.path.split(".")
                if parts[0] == "steps" and parts[2] == "outputs":
                    readers.setdefault(parts[1], {})[id_] = None
    return {name: tuple(ids) for name, ids in readers.items()}
