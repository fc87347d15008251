"""What people asked through the `requests` table: the owner checks, appends the verdict and answers, in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from engine.governance import second_factor
from engine.kernel.alarms import alarms
from engine.kernel.core.services import Deployment, LedgerWriter
from engine.kernel.core.step_context import StepContext
from engine.kernel.requests import letters, redraft, retry, take_up, vouch
from engine.kernel.resilience.call_guard import closed_to, reset
from engine.kernel.steps import answers, budgets, effects
from engine.kernel.triggers import arrivals, manual_start, unread_letters
from engine.model.commands import OpenCard
from engine.model.definitions.plan import Plan, undo_of, undone_by
from engine.model.effects import Call
from engine.model.errors import EngineError, LedgerError
from engine.model.events.events import (
    Body,
    CardApproved,
    CardClosed,
    CardExpired,
    CardRejected,
    CardSnoozed,
    Draft,
    EffectWithdrawn,
    HumanAnswered,
    UndoAsked,
)
from engine.model.events.owner import RequestDecided, StopLifted, StopSet, StrengthEnrolled
from engine.model.requests import Decided, Request
from engine.model.state.state import SETTLED, CardState, RunState, StepState, StepStatus
from engine.model.values import ids
from engine.model.values.timestamps import moment

Said = Literal["accepted", "noop", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHandler:
    """Answers one request at a time."""

    journal: LedgerWriter
    deployment: Callable[[], Deployment]
    poll: Callable[[], arrivals.Counts]

    def decide(self, request: Request) -> None:
        """Answer `request` durably. A request that makes a bug of ours show is refused, never lost."""
        try:
            _HANDLERS[request.kind](self, request)
        except EngineError as error:
            if isinstance(error, LedgerError):
                raise
            way = f"\n  {error.way_out}" if error.way_out else ""
            self.refuse(
                request, f"{error.message}\n  {error.now_true or 'Nothing happened.'}{way}", code=error.code
            )

    def accept(self, request: Request, message: str, *drafts: Draft, run: str = "", card: str = "") -> None:
        """Yes, with the events it causes."""
        self._answer(request, "accepted", message, drafts, code="ok", exit_=0, run=run, card=card)

    def noop(self, request: Request, message: str, *, run: str = "") -> None:
        """It was so already."""
        self._answer(request, "noop", message, (), code="already", exit_=0, run=run)

    def refuse(
        self, request: Request, message: str, *drafts: Draft, code: str, exit_: int = 5, card: str = ""
    ) -> None:
        """No; nothing happened."""
        self._answer(request, "refused", message, drafts, code=code, exit_=exit_, card=card)

    def _answer(
        self, request: Request, verdict: Said, message: str, drafts: tuple[Draft, ...], *,
        code: str, exit_: int, run: str = "", card: str = "",
    ) -> None:  # fmt: skip
        answer, decided = self.verdict(request, verdict, message, code=code, exit_=exit_, run=run, card=card)
        self.journal.write(*drafts, decided, answers=[answer])

    def verdict(
        self,
        request: Request,
        verdict: Said,
        message: str,
        *,
        code: str,
        exit_: int,
        run: str = "",
        card: str = "",
    ) -> tuple[Decided, Draft]:
        """The answer row and its event, not yet written."""
        body = RequestDecided(
            request=request.id, kind=request.kind, verdict=verdict, code=code, exit=exit_,
            message=self.journal.seal(message, ""),
        )  # fmt: skip
        answer = Decided(request=request.id, verdict=verdict, message=message, exit=exit_, run=run, card=card)
        return answer, Draft(body=body, actor=request.actor)

    def card(self, request: Request) -> CardState | None:
        """The card a request names, if it is still open; else the request is answered here and None comes back."""
        card = self.journal.book.cards.get(request.target)
        if card is None:
            self.refuse(request, f"no card {request.target[:8]}\n  steward queue", code="no-card", exit_=2)
            return None
        if card.status == "open" and self.journal.now() >= card.expires and not self.journal.book.doubted:
            expired = Draft(body=CardExpired(card=card.id), run=card.run, subject=card.subject)
            self.refuse(request, _over("expired"), expired, code="expired")
            return None
        if card.status == "open":
            return card
        if (card.status, request.kind) in {("approved", "approve"), ("rejected", "reject")}:
            self.noop(
                request,
                f"already {card.status} by {card.by} at {card.decided[:19]}Z; once is enough",
                run=card.run,
            )
            return None
        newer = next((c.id for c in self.journal.book.cards.values() if c.replaces == card.id), "")
        self.refuse(request, _over(card.because or card.status, newer[:6]), code=card.status, card=newer)
        return None

    def proven(self, request: Request, needed: int) -> str | None:
        """The proof's name when it suffices (empty where none is needed); None after refusing."""
        if needed < 2:
            return ""
        proofs = self.journal.book.proofs
        now = self.journal.house.clock.now()
        name = second_factor.verify(self.journal.house.keys, request, now=now, used=proofs.__contains__)
        if name:
            return name
        hint = "" if self.journal.book.enrolled else "\n  steward secrets enrol passphrase"
        self.refuse(
            request, f"this needs your passphrase or a fresh code; nothing happened{hint}", code="strength"
        )
        return None

    def place(self, run: RunState, step: str) -> StepContext:
        """A step of a run."""
        return StepContext.of(self.journal, run.id, step)


def _over(why: str, newer: str = "") -> str:
    words = {
        "expired": "this card has expired, and silence means no; nothing was sent",
        "edited": "this card was edited; the new bytes have a card of their own",
        "late": "this was approved and could not leave before it expired; it asks again",
        "drift": "what this card was made from has changed; it asks again with the difference",
        "rejected": "this card was rejected; nothing was sent",
        "approved": "this card was approved already",
        "redrafted": "this card was drafted again; the new one has a card of its own",
        "answered": "you answered this letter yourself; nothing was sent",
        "run-ended": "the run of this card has ended; nothing was sent",
    }
    return words.get(why, f"this card is {why}; nothing happened") + (
        f"\n  steward show {newer}" if newer else "\n  steward queue"
    )


def _of_card(card: CardState, body: Body) -> Draft:
    return Draft(body=body, run=card.run, subject=card.subject)


def _approve(desk: RequestHandler, request: Request) -> None:
    card = desk.card(request)
    if card is None:
        return
    journal = desk.journal
    content = journal.value(card.content)
    if request.digest != content["digest"]:
        desk.refuse(request, "what was shown is not what this card holds; nothing happened", code="digest")
        return
    if effects.stopped(journal):
        desk.refuse(request, "everything is stopped; nothing was sent\n  steward resume", code="stopped")
        return
    if vouch.refuse_when_unhealthy(desk, request, "the card stays as it is; nothing was sent"):
        return
    run = journal.book.runs[card.run]
    drifted = [id_ for id_ in card.steps if journal.house.broker.drift(journal.effect(run.step(id_)))]
    if drifted:
        drafts = effects.repropose(desk.place(run, drifted[0]))
        message = _over("drift").replace("steward queue", "steward queue   (the new card is being made)")
        desk.refuse(request, message, *drafts, code="changed")
        return
    proof = desk.proven(request, card.strength)
    if proof is None:
        return
    approved = CardApproved(
        card=card.id, by=request.actor, channel=request.channel, strength=card.strength,
        digest=journal.commitment(content["digest"], card.subject), proof=proof,
    )  # fmt: skip
    reads = letters.mark_shown_read(journal, card, request)
    desk.accept(request, "approved", _of_card(card, approved), *reads, run=card.run, card=card.id)


def _reject(desk: RequestHandler, request: Request) -> None:
    card = desk.card(request)
    if card is None:
        return
    because = (request.body or {}).get("because")
    sealed = desk.journal.seal(because, card.subject) if because else None
    body = CardRejected(card=card.id, by=request.actor, channel=request.channel, because=sealed)
    reads = letters.mark_shown_read(desk.journal, card, request)
    desk.accept(
        request, "rejected; nothing was sent", _of_card(card, body), *reads, run=card.run, card=card.id
    )


def _snooze(desk: RequestHandler, request: Request) -> None:
    card = desk.card(request)
    if card is None:
        return
    until = min(str((request.body or {}).get("until", "")), card.expires)
    message = f"hidden until {until[:16]}Z; it still expires at {card.expires[:16]}Z, and silence means no"
    desk.accept(
        request, message, _of_card(card, CardSnoozed(card=card.id, until=until)), run=card.run, card=card.id
    )


def _edit(desk: RequestHandler, request: Request) -> None:
    card = desk.card(request)
    if card is None:
        return
    journal, body = desk.journal, request.body or {}
    if effects.stopped(journal):
        # Governance would deny the new words, and the card and its run would be lost with them.
        desk.refuse(
            request, "everything is stopped; the card stays as it is\n  steward resume", code="stopped"
        )
        return
    run = journal.book.runs[card.run]
    editable = [id_ for id_ in card.steps if journal.effect(run.step(id_)).preview.text]
    step = body.get("step") or (editable[0] if editable else card.steps[0])
    place = desk.place(run, step)
    effect = journal.effect(run.step(step))
    revision = run.step(step).revision + 1
    base, _, item_key = step.partition("#")
    key = ids.effect_key(ids.RunId(run.id), base, item_key, effect.action, revision)
    call = Call(
        action=effect.action, args=effect.args, run=effect.run, step=step, subject=effect.subject,
        trigger=unread_letters.answered(journal, place.plan, run, place.node), at=moment(journal.now()), key=key,
        revision=revision, files=journal.files(place.plan),
    )  # fmt: skip
    changed = journal.house.broker.edited(call, effect, str(body.get("text", "")))
    journal.write(
        _of_card(card, CardClosed(card=card.id, because="edited")),
        *effects.proposed(place, changed, edited=True),
    )
    run = journal.book.runs[card.run]
    steps = tuple(id_ for id_ in card.steps if run.step(id_).status == "gated")
    if not steps:
        desk.refuse(request, "the edited words are denied by policy; nothing was sent", code="denied")
        return
    opened = effects.open_card(
        journal, place.plan, run, OpenCard(gate=card.gate, steps=steps), replaces=card.id
    )
    card_body = opened[0].body
    desk.accept(request, "edited", *opened, run=card.run, card=getattr(card_body, "card", ""))


def _undo(desk: RequestHandler, request: Request) -> None:
    journal = desk.journal
    if request.target in journal.book.asides:
        take_up.put_back(desk, request)
        return
    if request.target in journal.book.notes:
        letters.give_back(desk, request)
        return
    target_run = journal.book.runs.get(request.target)
    run = target_run or next(
        (journal.book.runs[c.run] for c in journal.book.cards.values() if c.id == request.target), None
    )
    if run is None:
        desk.refuse(request, f"no run or card {request.target[:8]}\n  steward log", code="no-run", exit_=2)
        return
    if target_run is not None and run.dismissed:
        retry.recall(desk, request, run)
        return
    only = None if target_run else journal.book.cards[request.target].steps
    steps = [id_ for id_ in run.steps if only is None or id_ in only]
    withdrawable = [id_ for id_ in steps if _may_be_withdrawn(run.step(id_))]
    if withdrawable:
        because = EffectWithdrawn(revision=0, by=request.actor, because="withdrawn by you")
        drafts = [Draft(body=because, run=run.id, step=id_, subject=run.subject) for id_ in withdrawable]
        desk.accept(
            request, f"withdrawn before anything was sent: {', '.join(withdrawable)}", *drafts, run=run.id
        )
        return
    _take_back(desk, request, run, steps)


def _may_be_withdrawn(step: StepState) -> bool:
    """Held, deferred, or cleared and in line for its connector: certainly nothing of it was done."""
    return step.status in {"held", "deferred"} or (step.status == "cleared" and bool(step.wait))


def _take_back(desk: RequestHandler, request: Request, run: RunState, steps: list[str]) -> None:
    journal = desk.journal
    finished = {id_: run.step(id_) for id_ in reversed(steps) if not undone_by(id_)}
    done = [id_ for id_, state in finished.items() if state.done and not state.undone]
    under_way = [id_ for id_ in done if id_ in run.undoing or run.step(undo_of(id_)).status in _UNDER_WAY]
    if under_way:
        names = ", ".join(under_way)
        desk.noop(request, f"already being taken back: {names}\n  steward queue", run=run.id)
        return
    if not done:
        back = [id_ for id_, state in finished.items() if state.undone]
        words = (
            f"it was taken back already: {', '.join(back)}"
            if back
            else "nothing of it is waiting to leave and nothing of it was sent"
        )
        desk.refuse(request, words, code="nothing")
        return
    # Taking back touches the world like any effect.
    if effects.stopped(journal):
        desk.refuse(
            request, "everything is stopped; nothing was taken back\n  steward resume", code="stopped"
        )
        return
    if vouch.refuse_when_unhealthy(desk, request, "nothing was taken back"):
        return
    plan = journal.plan(run)
    stays = {id_: why for id_ in done if (why := _stays(journal, plan, id_, run.step(id_).action))}
    left = [f"{id_} stays: {why}" for id_, why in stays.items()]
    # Newest first, as the loop does it: one after the other, each like any other effect.
    leaving = [id_ for id_ in done if id_ not in stays]
    if not leaving:
        desk.refuse(request, "\n  ".join(["nothing could be taken back", *left]), code="no-undo")
        return
    asked = UndoAsked(by=request.actor, channel=request.channel)
    drafts = [Draft(body=asked, run=run.id, step=id_, subject=run.subject) for id_ in leaving]
    message = "\n  ".join([f"being taken back, one after the other: {', '.join(leaving)}", *left])
    desk.accept(request, message, *drafts, run=run.id)


_UNDER_WAY = frozenset(get_args(StepStatus)) - SETTLED - {"pending"}


def _stays(journal: LedgerWriter, plan: Plan, step: str, action: str) -> str:
    """Why a finished step can't be taken back now; empty when it can. What the playbook names for it is judged when its turn comes."""
    node = plan.node(step)
    if node.undo is not None:
        return ""
    none = node.action.undo.none if node.action is not None and node.action.undo.action is None else ""
    return none or closed_to(journal, action)


def _answer(desk: RequestHandler, request: Request) -> None:
    journal = desk.journal
    if request.target == "clock":
        vouch.clock(desk, request)
        return
    if request.target in journal.book.notes:
        letters.answer(desk, request)
        return
    for run_id in journal.book.open_runs:
        run = journal.book.runs[run_id]
        for step_id, step in run.steps.items():
            if step.status == "asked" and step.ask == request.target:
                _answered(desk, request, run, step_id)
                return
            if step.status == "unknown" and step.key == request.target:
                retry.resolve(desk, request)
                return
    alarm = journal.book.alarms.get(request.target)
    if alarm is not None and alarm.cleared:
        desk.noop(request, "this alarm is over already", run=alarm.run)
    elif alarm is not None:
        desk.accept(request, "noted as seen", alarms.acknowledge(alarm, request.actor), run=alarm.run)
    else:
        desk.refuse(
            request, f"no question {request.target[:8]} is open\n  steward queue", code="no-ask", exit_=2
        )


def _answered(desk: RequestHandler, request: Request, run: RunState, step: str) -> None:
    journal = desk.journal
    question = journal.value(run.step(step).question)
    reply = request.body or {}
    answer = answers.fill_answer(question, reply)
    if answer.refused:
        desk.refuse(request, answer.refused, code=answer.code, exit_=2)
        return
    if run.step(step).over_budget:
        choice = answer.outputs["choice"]
        drafts = budgets.answered(journal, request.target, choice, by=request.actor, channel=request.channel)
        desk.accept(request, f"noted: {choice}", *drafts, run=run.id)
        return
    body = HumanAnswered(
        ask=request.target,
        by=request.actor,
        channel=request.channel,
        outputs=journal.seal(answer.outputs, run.subject),
        defaults=answer.defaults,
    )
    desk.accept(request, "answered", Draft(body=body, run=run.id, step=step, subject=run.subject), run=run.id)


def _stop(desk: RequestHandler, request: Request) -> None:
    if desk.journal.book.stopped:
        desk.noop(request, "already stopped; nothing leaves")
        return
    desk.accept(
        request,
        "stopped; nothing leaves\n  steward resume",
        Draft(body=StopSet(by=request.actor, channel=request.channel)),
    )


def _resume(desk: RequestHandler, request: Request) -> None:
    if request.target:
        _called_again(desk, request)
        return
    if not effects.stopped(desk.journal):
        desk.noop(request, "nothing is stopped")
        return
    proof = desk.proven(request, 2)
    if proof is not None:
        lifted = StopLifted(by=request.actor, channel=request.channel, proof=proof)
        desk.accept(request, "effects may leave again", Draft(body=lifted))
        # Before anything else is carried out: what is due in this pass may leave, too.
        desk.journal.house.lower()


def _called_again(desk: RequestHandler, request: Request) -> None:
    """Reset what holds a connector back. A stop stays, and nothing is approved by it."""
    name = request.target
    draft = reset(desk.journal, name, request.actor)
    if draft is None:
        desk.noop(request, f"nothing holds {name} back")
        return
    waits = sum(connector == name for connector in desk.journal.book.delayed.values())
    desk.accept(request, f"{name} is called again, one step after the other; {waits} waited", draft)


def _enrol(desk: RequestHandler, request: Request) -> None:
    body = StrengthEnrolled(method=request.target, by=request.actor)
    desk.accept(request, f"{request.target} enrolled", Draft(body=body))


def _pass(desk: RequestHandler, request: Request) -> None:
    counts = desk.poll()
    hurried = tuple(retry.hurried(desk.journal, request.actor))
    notice = desk.deployment().notice
    message = counts.words()
    desk.accept(request, f"{message}\n  {notice}" if notice else message, *hurried)


_HANDLERS: dict[str, Callable[[RequestHandler, Request], None]] = {
    "approve": _approve,
    "reject": _reject,
    "snooze": _snooze,
    "edit": _edit,
    "redraft": redraft.redraft,
    "undo": _undo,
    "answer": _answer,
    "dismiss": take_up.dismiss,
    "stop": _stop,
    "resume": _resume,
    "waive": vouch.waive,
    "enrol": _enrol,
    "accept": vouch.accept,
    "take": take_up.take,
    "start": manual_start.start,
    "event": manual_start.event,
    "pass": _pass,
    "retry": retry.retry,
}
