"""What people see of the state: the queue, ids by their beginnings, one line per event. Read-only, from the ledger alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from engine.app import connections
from engine.app.looking import Reading
from engine.model import events as e
from engine.model import ids
from engine.model.alarms import AlarmCleared, AlarmRaised
from engine.model.errors import EngineError, UsageError
from engine.model.findings import BudgetDecided, IntentResolved
from engine.model.ownership import NotebookAccepted, StopLifted, StopSet, StrengthEnrolled
from engine.model.state import Alarm, Book, CardState, RunState

SHORTEST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One thing that waits for a person. `kind` is card, question or unknown; `needs` is what to type."""

    id: str
    short: str
    kind: str
    title: str
    about: str
    playbook: str
    run: str
    since: str
    expires: str
    strength: int
    needs: str


def waiting(reading: Reading, *, now: str, snoozed: bool = False) -> list[Waiting]:
    """Everything that waits for a person, oldest first; snoozed cards only when asked for."""
    book = reading.book
    names = shorts(book)
    found = [
        _card(reading, card, names)
        for card in book.cards.values()
        if card.status == "open" and now < card.expires and (snoozed or card.snoozed <= now)
    ]
    asked: set[str] = set()
    for id_ in book.open_runs:
        run = book.runs[id_]
        for step_id, step in run.steps.items():
            # Many may wait for one answer: that of a budget.
            if step.status == "asked" and step.ask not in asked:
                asked.add(step.ask)
                found.append(_question(reading, run, step_id, names))
            elif step.status == "unknown":
                found.append(_unknown(run, step_id))
    return sorted(found, key=lambda one: (one.since, one.id))


def shorts(book: Book) -> dict[str, str]:
    """Card and question ids → their shortest unique beginnings of at least four characters."""
    names = [
        *book.cards,
        *(step.ask for run in book.runs.values() for step in run.steps.values() if step.ask),
    ]
    return shortest(names)


def shortest(names: Iterable[str]) -> dict[str, str]:
    """Each name with its shortest beginning that no other name shares."""
    ordered = sorted(set(names))
    found = {}
    for index, name in enumerate(ordered):
        near = [ordered[i] for i in (index - 1, index + 1) if 0 <= i < len(ordered)]
        shared = max((_shared(name, other) for other in near), default=0)
        found[name] = name[: max(SHORTEST, shared + 1)]
    return found


def _shared(one: str, other: str) -> int:
    return next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def content(reading: Reading, card: CardState) -> dict[str, Any]:
    """What a card shows. Raises PermanentError(code='erased') when its subject was erased."""
    found: dict[str, Any] = reading.ledger.unseal(ids.ValueId(card.content))
    return found


def _card(reading: Reading, card: CardState, names: dict[str, str]) -> Waiting:
    run = reading.book.runs[card.run]
    try:
        shown = content(reading, card)
        title, letter = str(shown["title"]), shown.get("letter") or {}
        about = f"{letter.get('subject') or ''} · {letter.get('from') or ''}".strip(" ·")
    except EngineError as error:
        title, about = card.gate, error.message
    short = names[card.id]
    return Waiting(
        id=card.id, short=short, kind="card", title=title, about=about, playbook=run.playbook, run=run.id,
        since=card.opened, expires=card.expires, strength=card.strength, needs=f"steward show {short}",
    )  # fmt: skip


def _question(reading: Reading, run: RunState, step_id: str, names: dict[str, str]) -> Waiting:
    step = run.step(step_id)
    question: dict[str, Any] = reading.ledger.unseal(ids.ValueId(step.question))
    short = names[step.ask]
    words = _asked(question)
    return Waiting(
        id=step.ask, short=short, kind="question", title=str(question["title"]), about=f"{step.who}: {words}",
        playbook=run.playbook, run=run.id, since=step.at, expires=step.due, strength=1,
        needs=f"steward answer {short} {words.replace(' | ', '|')}",
    )  # fmt: skip


def _asked(question: dict[str, Any]) -> str:
    """What an answer is made of: a choice, the fields that have to be filled, and those that need not be, in brackets."""
    spare = {*(question.get("default") or {}), *(question.get("optional") or ())}
    names = [name for name, _, _ in question["fields"]]
    parts = [
        " | ".join(question["choices"]),
        *(f"{name}=…" for name in names if name not in spare),
        *(f"[{name}=…]" for name in names if name in spare),
    ]
    return " ".join(one for one in parts if one) or "done"


def _unknown(run: RunState, step_id: str) -> Waiting:
    step = run.step(step_id)
    short = ids.short(step.key)
    return Waiting(
        id=step.key, short=short, kind="unknown", title=f"did `{step_id}` happen?", about=step.action,
        playbook=run.playbook, run=run.id, since=step.at, expires="", strength=1,
        needs=f"steward answer {short} happened|did-not-happen",
    )  # fmt: skip


def find_card(reading: Reading, given: str) -> CardState:
    """The card whose id begins so. Raises UsageError."""
    found = [card for id_, card in reading.book.cards.items() if id_.startswith(given.upper())]
    if len(found) != 1:
        raise _nothing(given, "card", len(found))
    return found[0]


def find_run(reading: Reading, given: str) -> RunState:
    """The run whose id begins so. Raises UsageError."""
    found = [run for id_, run in reading.book.runs.items() if id_.startswith(given.lower())]
    if len(found) != 1:
        raise _nothing(given, "run", len(found))
    return found[0]


def find_question(reading: Reading, given: str) -> tuple[RunState, str]:
    """The open question or unknown effect whose id begins so, as (run, step). Raises UsageError."""
    found = {
        step.ask or step.key: (run, name)
        for run in reading.book.runs.values()
        for name, step in run.steps.items()
        if (step.ask and step.ask.startswith(given.upper()))
        or (step.status == "unknown" and step.key.startswith(given.lower()))
    }
    if len(found) != 1:
        raise _nothing(given, "question", len(found))
    return next(iter(found.values()))


def find_alarm(reading: Reading, given: str) -> Alarm | None:
    """The open alarm whose id begins so; None when there is none, or more than one."""
    found = [
        one
        for one in reading.book.alarms.values()
        if not one.cleared and one.id.startswith(given.lower()) and len(given) >= SHORTEST
    ]
    return found[0] if len(found) == 1 else None


def _nothing(given: str, what: str, count: int) -> UsageError:
    if count:
        return UsageError(
            f"{given} begins {count} ids; type more of it", code="ambiguous", way_out="steward queue"
        )
    return UsageError(
        f"no {what} begins with {given}", code="not-found", way_out="steward queue   or   steward log"
    )


class Named(Protocol):
    """A run, as far as a sentence needs it."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def playbook(self) -> str:
        """What it runs."""


def sentence(event: e.Event, run: Named | None) -> str:
    """One event in plain words; empty for those that only serve the machine."""
    where = f"{run.playbook} {ids.short(run.id)}" if run else ""
    words = (
        _of_run(event)
        or _of_step(event, f"`{event.step}`")
        or _of_effect(event, f"`{event.step}`")
        or connections.sentence(event)
    )
    if words:
        return f"{where}  {words}" if event.run else words
    return _about_cards(event, where) or _of_alarm(event)


def _of_run(event: e.Event) -> str:
    match event.body:
        case e.TriggerReceived(kind=kind, outcome="ignored", reason=reason):
            return f"{kind} put aside: {reason}"
        case e.TriggerReceived(kind=kind, outcome="offered"):
            return f"{kind} taken by a waiting run"
        case e.RunCreated(trigger=trigger, stage=stage):
            return f"created by {trigger}, stage {stage}"
        case e.RunEnded(status=status, reason=reason):
            return f"{status}: {reason}" if reason else status
        case _:
            return ""


def _of_alarm(event: e.Event) -> str:
    match event.body:
        case AlarmRaised(kind="absent", playbook=playbook, due=due):
            return f"{playbook} did not run at {due[:16]}Z, when it was due"
        case AlarmRaised(kind="silent", playbook=playbook, trigger=trigger, last=last):
            return f"{trigger} → {playbook} has gone silent: the last one came at {last[:16]}Z"
        case AlarmRaised(code=code):
            return f"a notice to you went nowhere: {code}"
        case AlarmCleared(because="seen", by=by):
            return f"alarm {event.body.alarm[:6]} seen by {by}"
        case AlarmCleared(because=because):
            return f"alarm {event.body.alarm[:6]} is over: {_OVER.get(because, because)}"
        case _:
            return ""


_OVER = {"came": "it came after all", "gone": "nothing expects it any more"}


def _of_step(event: e.Event, step: str) -> str:
    match event.body:
        case IntentResolved(name=name, tier=tier, score=score):
            return f"{step} resolved to {name} by {tier}, score {score}"
        case e.StepSucceeded():
            return f"{step} done"
        case e.StepSkipped(because=because):
            return f"{step} skipped: {because}"
        case e.StepRetried(code=code, due=due):
            return f"{step} failed: {code}, again at {due[11:19]}Z"
        case e.StepFailed(code=code):
            return f"{step} failed: {code}"
        case e.StepCancelled(because=because):
            return f"{step} cancelled: {because}"
        case e.WaitStarted(until=until):
            return f"{step} waits" + (f" until {until[:16]}Z" if until else "")
        case e.WaitEnded(got=got):
            return f"{step} got {got}"
        case e.HumanAsked(who=who):
            return f"{step} asks {who}"
        case e.HumanAnswered(by=by):
            return f"{step} answered by {by}"
        case BudgetDecided(verdict=verdict, by=by):
            return f"{step} goes on: {_VERDICTS[verdict]} ({by})"
        case _:
            return ""


_VERDICTS = {
    "more": "more may be spent",
    "without": "without a model",
    "renewed": "there is a new budget",
}


def _of_effect(event: e.Event, step: str) -> str:
    match event.body:
        case e.EffectProposed(action=action, reach=reach, edited=edited):
            return f"{step} frozen: {action}, reach {reach}" + (" (edited)" if edited else "")
        case e.EffectGated(answer=answer, because=because):
            return f"{step} {answer}: {because}"
        case e.EffectHeld(until=until):
            return f"{step} held until {until[11:19]}Z"
        case e.EffectWithdrawn(because=because):
            return f"{step} withdrawn: {because}"
        case e.EffectIntended(key=key, attempt=attempt):
            return f"{step} intended, key {ids.short(key)}, attempt {attempt}"
        case e.EffectSucceeded(repeated=repeated, provider=provider):
            return (
                f"{step} done"
                + (" (it had been before)" if repeated else "")
                + (f": {provider}" if provider else "")
            )
        case e.EffectFailed(code=code, retry=retry):
            return f"{step} not sent: {code}" + (f", again at {retry[11:19]}Z" if retry else "")
        case e.EffectUnknown(code=code):
            return f"{step} unknown: {code}; a person decides"
        case e.EffectResolved(happened=happened, by=by):
            return f"{step} {'happened' if happened else 'did not happen'}, says {by}"
        case e.EffectPreviewed():
            return f"{step} previewed (shadow)"
        case e.UndoAsked(by=by):
            return f"{step} is to be taken back, says {by}"
        case e.EffectUndone(by=by):
            return f"{step} taken back by {by}"
        case e.EffectKept(code=code):
            return f"{step} was not taken back: {code}"
        case _:
            return ""


def _about_cards(event: e.Event, where: str) -> str:
    body = event.body
    match body:
        case e.CardOpened():
            return f"{where}  asks you: {body.gate}, card {body.card[:6]}"
        case e.CardApproved():
            return f"{where}  card {body.card[:6]} approved by {body.by} ({body.channel}, strength {body.strength})"
        case e.CardRejected():
            return f"{where}  card {body.card[:6]} rejected by {body.by}"
        case e.CardExpired():
            return f"{where}  card {body.card[:6]} expired: no"
        case e.CardClosed():
            return f"{where}  card {body.card[:6]} closed: {body.because}"
        case e.CardSnoozed():
            return f"{where}  card {body.card[:6]} snoozed until {body.until[:16]}Z"
        case StopSet():
            return f"stopped by {body.by}"
        case StopLifted():
            return f"stop lifted by {body.by}"
        case StrengthEnrolled():
            return f"{body.method} enrolled by {body.by}"
        case NotebookAccepted():
            return f"{body.path} accepted by {body.by}, digest {body.digest[:12]}"
        case _:
            return ""
