"""A failed run begins again: what happened in it is not done twice."""

from engine.kernel.core.services import Deployment, LedgerWriter
from engine.model.definitions.plan import Plan, undone_by
from engine.model.events.events import Draft
from engine.model.events.outages import RunRetried
from engine.model.state.state import RunState, StepState


def restart_run(
    journal: LedgerWriter, deployment: Deployment, run: RunState, plan: Plan, *, by: str, channel: str
) -> Draft:
    """The event that begins a run again as `plan` says. What left, what a person answered and what was waited for is kept."""
    body = RunRetried(
        by=by,
        channel=channel,
        plan=journal.keep_plan(plan, deployment.contents),
        commit=deployment.commit,
        stage=plan.stage.value,
        kept=tuple(id_ for id_, step in run.steps.items() if _stays(plan, id_, step)),
    )
    return Draft(body=body, run=run.id, subject=run.subject, actor=by)


def _stays(plan: Plan, id_: str, step: StepState) -> bool:
    if undone_by(id_):
        return False
    try:
        node = plan.node(id_)
    except KeyError:
        return False
    if step.done and step.kind:
        return node.kind == "effect" and node.uses == step.action and not step.undone
    return step.status == "succeeded" and node.kind in {"wait", "human"}
