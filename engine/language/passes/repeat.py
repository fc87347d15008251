"""`repeat`: a step that runs again until a condition over its own outputs holds."""

from collections import ChainMap
from dataclasses import replace
from datetime import timedelta

from engine.language.documents.ast import AuthoredStep
from engine.language.passes.resolved import ResolvedStep
from engine.language.passes.values import ValueBuilder, condition
from engine.language.types.scope import StepScope
from engine.model.definitions.plan import Expr, Repeat

PAUSE = timedelta(minutes=1)


def with_repeat(values: ValueBuilder, step: AuthoredStep, resolved: ResolvedStep) -> ResolvedStep:
    """The step with its `repeat`, whose `until` may read all that the step may read, and the step's own outputs."""
    again = step.again
    if again is None or again.until is None:
        return resolved
    own = {step.id.text: StepScope(outputs=resolved.outputs, line=step.id.span.line, order=-1)}
    steps = values.scope.steps
    known = steps if isinstance(steps, dict) else dict(steps)
    inner = ValueBuilder(values.source, replace(values.scope, steps=ChainMap(own, known)))
    until = condition(inner, again.until)
    values.diagnostics += inner.diagnostics
    if until is None or not isinstance(until.arg, Expr) or again.at_most is None:
        return resolved
    own_prefix = f"steps.{step.id.text}."
    # Its own outputs exist by then; the outputs of other steps have to.
    needed = replace(until, reads=tuple(read for read in until.reads if not read.path.startswith(own_prefix)))
    repeat = Repeat(until=until.arg, at_most=again.at_most, pause=again.pause or PAUSE)
    return replace(resolved, repeat=repeat, others=(*resolved.others, needed))
