"""One file in its shape to its plan: resolve and type → order and gates → trust → lower."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.language import calling, each, fits, hooks, kinds, listening, lower, order, starting, trust
from engine.language.authored import Authored
from engine.language.blocks import TEMPLATES
from engine.language.heads import heads_of
from engine.language.resolve import Resolver
from engine.language.resolved import Resolved, Signature, World
from engine.model.plan import Plan
from engine.model.span import Diagnostic, Severity, Span


def place_of(one: Diagnostic) -> tuple[Span, str]:
    """How diagnostics are ordered."""
    return one.span, one.code


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What came of one file. Without a plan it still says what it gives, so that its callers are checked.

    `used` are the files a run may read; the plan names none of them yet, for it stays the same when their words change.
    """

    plan: Plan | None
    signature: Signature
    diagnostics: tuple[Diagnostic, ...]
    used: frozenset[str] = frozenset()


def compile_one(authored: Authored, world: World) -> Passed:
    """One file in its shape to its plan."""
    started, starts_wrong = starting.read(authored, world)
    event = listening.together(started.heard)
    inputs, bad_defaults = lower.inputs_of(authored)
    resolver = Resolver(
        authored=authored, world=world, event=event, inputs=lower.inputs_type(authored), special=kinds.KINDS,
        undeclared=hooks.undeclared(authored),
    )  # fmt: skip
    steps = resolver.run()
    found = [*starts_wrong, *bad_defaults, *order.unique_steps(authored), *resolver.diagnostics]
    resolved = {one.step.id.text: one for one in steps}
    heads, heads_wrong = heads_of(authored, event, resolver, steps)
    edges, wrong = order.edges(authored, steps, heads.titles)
    facts = trust.Facts(
        authored=authored,
        resolved=resolved,
        event=listening.labels(started.heard),
        readers=_readers(resolved),
    )
    found += [
        *heads_wrong,
        *wrong,
        *fits.check(steps),
        *each.check(steps),
        *order.check_gates(authored, resolved, edges),
        *order.unreachable(steps, edges),
    ]
    found += [
        *trust.check_steps(facts),
        *trust.check_sinks(facts),
        *trust.check_calls(facts),
        *trust.check_performed(facts, world.unperformed),
        *trust.check_subject(facts, event),
    ]
    diagnostics = tuple(sorted(hooks.told(authored, resolver.undeclared, found), key=place_of))
    gives = trust.given(facts, (built for _, built in heads.outputs))
    signature = calling.signature(authored, heads.gives, gives)
    # Of a step that names a template or agent with mistakes nothing is said about those: it is said in that file.
    if (
        resolver.broken
        or len(steps) < len(authored.steps)
        or any(one.severity is Severity.ERROR for one in diagnostics)
    ):
        return Passed(plan=None, signature=signature, diagnostics=diagnostics)
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
    return Passed(plan=plan, signature=signature, diagnostics=diagnostics, used=_used(resolver, steps))


def _used(resolver: Resolver, steps: Sequence[Resolved]) -> frozenset[str]:
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


def _readers(resolved: Mapping[str, Resolved]) -> dict[str, tuple[str, ...]]:
    """Step → the steps that read its outputs."""
    found: dict[str, dict[str, None]] = {}
    for id_, one in resolved.items():
        for built in one.built():
            for read in built.reads:
                parts = read.path.split(".")
                if parts[0] == "steps" and parts[2] == "outputs":
                    found.setdefault(parts[1], {})[id_] = None
    return {name: tuple(ids) for name, ids in found.items()}
