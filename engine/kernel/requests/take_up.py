"""A person takes up what was put aside, or leaves it there; both can be undone."""

from engine.kernel.core.services import Deployment
from engine.kernel.requests import letters, retry
from engine.kernel.triggers import arrivals, intake
from engine.kernel.triggers.manual_start import StartDesk
from engine.kernel.triggers.set_aside import UNHEARD
from engine.model.definitions.plan import Plan
from engine.model.definitions.taint import Label
from engine.model.events.events import Draft
from engine.model.events.set_aside import AsideDismissed, AsideReturned, AsideTaken
from engine.model.ports import Arrival
from engine.model.requests import Request
from engine.model.state.state import Aside, RunState
from engine.model.values import ids
from engine.model.values.canonical_json import Json


def take(desk: StartDesk, request: Request) -> None:
    """Let a letter that was put aside start what it would have started, or the playbook that is named."""
    aside = _aside(desk, request)
    if aside is None:
        return
    if aside.status == "taken":
        run = aside.runs[0]
        desk.noop(request, f"taken up already\n  steward show {ids.short(run)}", run=run)
        return
    letter = desk.journal.value(aside.content)
    if "message-id" not in letter:
        message = f"this letter can't be read here; open {letter['place']} with your mail program"
        desk.refuse(request, f"{message}\n  steward dismiss {ids.short(aside.letter)}", code="unreadable")
        return
    arrival = _arrival(desk, aside, letter)
    name = str((request.body or {}).get("playbook") or "")
    plans = _plans(desk.deployment(), arrival, name)
    if not plans:
        known = (
            ", ".join(sorted(plan.id for plan in desk.deployment().plans.values() if _reads(plan))) or "none"
        )
        message = (
            f"no playbook {name} reads letters"
            if name
            else f"no playbook reads the mailbox {letter['mailbox']}"
        )
        way = f"there are: {known}\n  steward take {ids.short(aside.letter)} NAME"
        desk.refuse(request, f"{message}; {way}", code="no-playbook", exit_=2)
        return
    drafts = [
        draft for plan in plans for draft in intake.create(desk.journal, desk.deployment(), plan, arrival)
    ]
    runs = tuple(dict.fromkeys(draft.run for draft in drafts))
    body = AsideTaken(letter=aside.letter, by=request.actor, channel=request.channel, runs=runs)
    names = ", ".join(f"{plan.id} {ids.short(run)}" for plan, run in zip(plans, runs, strict=True))
    message = f"taken up: {names}; nothing leaves without you\n  steward undo {ids.short(aside.letter)}   puts it back"
    desk.accept(request, message, _aside_draft(aside, body, request), *drafts, run=runs[0])


def dismiss(desk: StartDesk, request: Request) -> None:
    """What waits was seen, and needs nothing: a letter that was put aside, another one to be read, or a run that failed."""
    book = desk.journal.book
    if request.target not in book.asides:
        (retry if request.target in book.runs else letters).dismiss(desk, request)
        return
    aside = _aside(desk, request)
    if aside is None:
        return
    if aside.status != "open":
        desk.noop(request, f"{_WORDS[aside.status]} already")
        return
    body = AsideDismissed(letter=aside.letter, by=request.actor, channel=request.channel)
    message = f"no longer shown; the letter lies where it lay\n  steward undo {ids.short(aside.letter)}"
    desk.accept(request, message, _aside_draft(aside, body, request))


def put_back(desk: StartDesk, request: Request) -> None:
    """Undo of both: what began with it is ended, unless something of it left already."""
    aside = _aside(desk, request)
    if aside is None:
        return
    if aside.status == "open":
        desk.noop(request, "it waits for you as it did\n  steward queue")
        return
    runs = [desk.journal.book.runs[id_] for id_ in aside.runs]
    left = [run for run in runs if any(step.intents for step in run.steps.values())]
    if left:
        message = "something of it left already; that is taken back by itself"
        desk.refuse(request, f"{message}\n  steward undo {ids.short(left[0].id)}", code="left")
        return
    ended = [draft for run in runs if not run.terminal for draft in _ended(desk, run)]
    body = AsideReturned(letter=aside.letter, by=request.actor, channel=request.channel)
    desk.accept(
        request,
        "put back: it waits for you again\n  steward queue",
        *ended,
        _aside_draft(aside, body, request),
    )


_WORDS = {"taken": "taken up", "dismissed": "dismissed"}


def _ended(desk: StartDesk, run: RunState) -> list[Draft]:
    return intake.end_run(desk.journal, run, status="cancelled", reason="its letter was put back")


def _aside_draft(aside: Aside, body: AsideTaken | AsideDismissed | AsideReturned, request: Request) -> Draft:
    return Draft(body=body, subject=aside.subject, actor=request.actor)


def _aside(desk: StartDesk, request: Request) -> Aside | None:
    aside = desk.journal.book.asides.get(request.target)
    if aside is None:
        desk.refuse(
            request,
            f"no letter {request.target[:8]} was put aside\n  steward queue",
            code="no-letter",
            exit_=2,
        )
    return aside


def _arrival(desk: StartDesk, aside: Aside, letter: dict[str, Json]) -> Arrival:
    caution = str(letter.get("caution") or "") or ("" if aside.reason in UNHEARD else "doubtful")
    event = {name: value for name, value in letter.items() if name not in {"place", "origin"}} | {
        "caution": caution
    }
    # Each time it is taken up is another beginning: the run that was ended when it was put back stays ended.
    source = ids.source_id(desk.journal.house.index_key, "taken", aside.letter, str(aside.times))
    return Arrival(
        kind="email",
        source=source,
        event=event,
        labels=frozenset({Label.UNTRUSTED}),
        origin=str(letter.get("origin") or ""),
    )


def _plans(deployment: Deployment, arrival: Arrival, name: str) -> list[Plan]:
    if name:
        return [plan for plan in deployment.plans.values() if plan.id == name and _reads(plan)]
    return arrivals.listening(deployment, arrival)


def _reads(plan: Plan) -> bool:
    return any(trigger.kind in {"email", "intent"} for trigger in plan.triggers)
