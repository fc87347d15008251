"""`repeat`: a step that is done again until a condition over its own outputs holds."""

from collections import ChainMap
from dataclasses import replace
from datetime import timedelta

from engine.language.documents.ast import AuthoredStep
from engine.language.passes.resolved import ResolvedStep
from engine.language.passes.values import ValueBuilder, condition
from engine.language.types.scope import StepScope
from engine.model.definitions.plan import Expr, Repeat

PAUSE = timedelta(minutes=1)


def completed(values: ValueBuilder, step: AuthoredStep, one: ResolvedStep) -> ResolvedStep:
    """With its `repeat`, whose `until` reads all that the step may read, and the step's own outputs."""
    again = step.again
    if again is None or again.until is None:
        return one
    own = {step.id.text: StepScope(outputs=one.outputs, line=step.id.span.line, order=-1)}
    steps = values.scope.steps
    known = steps if isinstance(steps, dict) else dict(steps)
    inner = ValueBuilder(values.source, replace(values.scope, steps=ChainMap(own, known)))
    until = condition(inner, again.until)
    values.diagnostics += inner.diagnostics
    if until is None or not isinstance(until.arg, Expr) or again.at_most is None:
        return one
    mine = f"steps.{step.id.text}."
    # What it reads of its own is there by then; what it reads of others has to be.
    others = replace(until, reads=tuple(read for read in until.reads if not read.path.startswith(mine)))
    found = Repeat(until=until.arg, at_most=again.at_most, pause=again.pause or PAUSE)
    return replace(one, repeat=found, others=(*one.others, others))
