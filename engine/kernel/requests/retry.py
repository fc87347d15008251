"""What a person asks of work that did not get done: try now, begin a failed run again, or leave it so."""

from collections.abc import Iterator
from typing import Protocol

from engine.kernel.core.services import Deployment, LedgerWriter
from engine.kernel.core.step_context import StepContext
from engine.kernel.steps import effects
from engine.kernel.steps.rerun import restart_run
from engine.model.definitions.plan import Plan, undone_by
from engine.model.events.connectors import ConnectorHurried
from engine.model.events.events import Draft, EffectResolved
from engine.model.events.outages import EffectHurried, RunDismissed, RunRecalled, RunRetried
from engine.model.requests import Request
from engine.model.state.state import RunState
from engine.model.values import ids


class RequestDesk(Protocol):
    """Where requests are answered, as far as it is needed here."""

    @property
    def journal(self) -> LedgerWriter:
        """The one writer."""

    def deployment(self) -> Deployment:
        """What runs now."""

    def accept(self, request: Request, message: str, *drafts: Draft, run: str = "", card: str = "") -> None:
        """Yes."""

    def noop(self, request: Request, message: str, *, run: str = "") -> None:
        """It was so already."""

    def refuse(
        self, request: Request, message: str, *drafts: Draft, code: str, exit_: int = 5, card: str = ""
    ) -> None:
        """No."""


def hurried(journal: LedgerWriter, by: str) -> Iterator[Draft]:
    """Everything that waits for a next try has it now, and what is held back by a breaker is probed now; what a day's cap holds back and
    still does is left alone.
    """
    book, now = journal.book, journal.now()
    for name, state in book.connectors.items():
        if state.open and now < state.until and name in book.delayed.values():
            yield Draft(body=ConnectorHurried(connector=name, by=by), actor=by)
    for id_ in book.open_runs:
        for step, state_ in book.runs[id_].steps.items():
            if state_.status == "deferred" and not state_.wait and now < state_.due:
                place = StepContext.of(journal, id_, step)
                if not (state_.code == "cap" and effects.judge(place, journal.effect(state_)).not_before):
                    yield place.draft(EffectHurried(by=by))


def retry(desk: RequestDesk, request: Request) -> None:
    """Begin a failed run again: its own event, today's playbook, finished effects kept."""
    journal = desk.journal
    run = journal.book.runs.get(request.target)
    while run is not None and run.parent and journal.book.runs[run.parent].status == "failed":
        # It goes on where it was called.
        run = journal.book.runs[run.parent]
    if run is None:
        desk.refuse(request, f"no run {request.target[:8]}\n  steward log", code="no-run", exit_=2)
        return
    short = ids.short(run.id)
    if not run.terminal:
        desk.noop(
            request, f"run {short} has not ended: it goes on by itself\n  steward show {short}", run=run.id
        )
        return
    if run.status != "failed":
        message = f"run {short} did not fail: it is {run.status}\n  steward show {short}"
        desk.refuse(request, message, code="not-failed")
        return
    if effects.stopped(journal):
        desk.refuse(request, "everything is stopped; nothing was begun\n  steward resume", code="stopped")
        return
    deployment = desk.deployment()
    plan = deployment.plans.get(run.playbook)
    if plan is None:
        broken = run.playbook in deployment.broken
        why = "does not compile at the deployed commit" if broken else "is not deployed any more"
        way = "steward check" if broken else f"steward dismiss {short}"
        desk.refuse(request, f"{run.playbook} {why}; nothing was begun\n  {way}", code="no-playbook", exit_=1)
        return
    draft = restart_run(journal, deployment, run, plan, by=request.actor, channel=request.channel)
    notice = [deployment.notice] if deployment.notice else []
    desk.accept(request, "\n  ".join([*_message_lines(run, plan, draft), *notice]), draft, run=run.id)


def _message_lines(run: RunState, plan: Plan, draft: Draft) -> Iterator[str]:
    kept_steps = draft.body.kept if isinstance(draft.body, RunRetried) else ()
    yield f"run {ids.short(run.id)} begins again with {plan.id} as it is deployed now"
    if done := [id_ for id_ in kept_steps if run.step(id_).done]:
        yield f"not repeated, because it happened: {', '.join(done)}"
    acted = [id_ for id_, step in run.steps.items() if step.done and step.kind and not step.undone]
    if others := [id_ for id_ in acted if id_ not in kept_steps and not undone_by(id_)]:
        words = ", ".join(f"{id_} ({run.step(id_).action})" for id_ in others)
        yield f"it happened, and today's playbook has no such step: {words}"


def dismiss(desk: RequestDesk, request: Request) -> None:
    """Leave a failed run as it is: it no longer waits for a person."""
    run = desk.journal.book.runs.get(request.target)
    if run is None:
        desk.refuse(request, f"no run {request.target[:8]}\n  steward log", code="no-run", exit_=2)
    elif run.dismissed:
        desk.noop(request, "dismissed already", run=run.id)
    elif run.status != "failed":
        state = run.status if run.terminal else "under way"
        message = f"run {ids.short(run.id)} did not fail: it is {state}\n  steward queue"
        desk.refuse(request, message, code="not-failed")
    elif not run.given_up:
        desk.noop(request, "its playbook ended it as failed; it waits for nobody", run=run.id)
    else:
        body = RunDismissed(by=request.actor, channel=request.channel)
        short = ids.short(run.id)
        message = f"dismissed; nothing was done\n  steward undo {short}   brings it back, steward retry {short}   begins it again"
        draft = Draft(body=body, run=run.id, subject=run.subject, actor=request.actor)
        desk.accept(request, message, draft, run=run.id)


def recall(desk: RequestDesk, request: Request, run: RunState) -> None:
    """Take a dismissal back."""
    body = RunRecalled(by=request.actor, channel=request.channel)
    draft = Draft(body=body, run=run.id, subject=run.subject, actor=request.actor)
    desk.accept(request, "the failed run is in your queue again\n  steward queue", draft, run=run.id)


def resolve(desk: RequestDesk, request: Request) -> None:
    """A person looked whether it happened: of one effect, and of the others in ``also`` whose end is not known either."""
    body = request.body or {}
    happened, book = bool(body.get("happened")), desk.journal.book
    keys = {request.target, *(body.get("also") or ())}
    places = [
        StepContext.of(desk.journal, id_, step)
        for id_ in book.open_runs
        for step, state in book.runs[id_].steps.items()
        if state.status == "unknown" and state.key in keys
    ]
    drafts = [
        place.draft(EffectResolved(key=place.state.key, happened=happened, by=request.actor))
        for place in places
    ]
    many = f"{len(drafts)} times " if len(drafts) > 1 else ""
    message = f"{many}noted as done" if happened else f"{many}noted as not done; the step has failed"
    ways = (
        []
        if happened
        else [f"steward retry {ids.short(place.run.id)}   does it anew" for place in places[:_MAX]]
    )
    desk.accept(request, "\n  ".join([message, *ways]), *drafts, run=places[0].run.id)


_MAX = 5
