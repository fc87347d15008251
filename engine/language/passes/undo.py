"""A step's own `undo: {uses, with}`: an action like any other, that may read the step's outputs."""

from collections import ChainMap
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from engine.language.diagnostics.codes import taint
from engine.language.documents.ast import AuthoredStep
from engine.language.passes.resolved import ResolvedStep
from engine.language.passes.values import ValueBuilder
from engine.language.types.scope import StepScope
from engine.model.definitions.actions import ActionSpec


def with_undo(
    values: ValueBuilder,
    step: AuthoredStep,
    resolved: ResolvedStep,
    *,
    actions: Mapping[str, ActionSpec],
    special: Collection[str],
    resolve: Callable[[ValueBuilder, AuthoredStep], ResolvedStep | None],
) -> ResolvedStep:
    """The step with its undo, which may read all that the step may read, and the step's outputs; of an item, that item's.

    `special` are the engine's own steps, none of which acts; `resolve` resolves an action.
    """
    undo = step.undo
    if undo is None or undo.uses is None or resolved.kind != "effect":
        return resolved
    spec = actions.get(undo.uses.text)
    own_steps = undo.uses.text in special or undo.uses.text.startswith("playbook/")
    if own_steps or (spec is not None and not spec.kind.acts):
        values.note(taint.undo_acts_not(undo.uses.span, action=undo.uses.text))
        return resolved
    scope = values.scope
    own = {step.id.text: StepScope(outputs=resolved.outputs, line=step.id.span.line, order=-1)}
    inner = ValueBuilder(values.source, replace(scope, steps=ChainMap(own, _dict_of(scope.steps))))
    keys = (("with", undo.span),)
    undo_authored = AuthoredStep(
        id=step.id, name=step.name, uses=undo.uses, args=undo.args, stage=step.stage, keys=keys
    )
    undo_step = resolve(inner, undo_authored)
    values.diagnostics += inner.diagnostics
    return replace(resolved, undo=undo_step)


def _dict_of(steps: Mapping[str, StepScope]) -> dict[str, StepScope]:
    """The steps themselves where they are a dict already: a copy for each undo would be quadratic."""
    return steps if isinstance(steps, dict) else dict(steps)
