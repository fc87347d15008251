"""What people see of the state: ids by their beginnings, one line per event. Read-only, from the ledger alone."""

from collections.abc import Iterable
from typing import Any, Protocol

from engine.app.queries import connector_status
from engine.app.workspace.ledger_reader import LedgerReader
from engine.connectors.arguments import size_text
from engine.model.errors import EngineError, UsageError
from engine.model.events import events as e
from engine.model.events.alarms import AlarmCleared, AlarmRaised, OperatorNotified
from engine.model.events.letters import LetterNoted, LetterRead, LetterReturned
from engine.model.events.outages import (
    EffectCarried,
    EffectDeferred,
    EffectHurried,
    EffectSkipped,
    RunDismissed,
    RunRecalled,
    RunRedrafted,
    RunRetried,
)
from engine.model.events.owner import NotebookAccepted, StopLifted, StopSet, StrengthEnrolled
from engine.model.events.readers import BudgetDecided, IntentResolved
from engine.model.events.set_aside import AsideDismissed, AsideReturned, AsideTaken, WaitPostponed
from engine.model.health import CardReopened, ClockDoubted, ClockTrusted, HealthWaived, StepReopened
from engine.model.state.state import Alarm, Aside, CardState, NoteState, RunState, State
from engine.model.values import ids

SHORTEST = 4


def short_ids(book: State) -> dict[str, str]:
    """Ids of cards, letters and questions → their shortest unique beginnings of at least four characters."""
    names = [
        *book.cards,
        *book.notes,
        *(step.ask for run in book.runs.values() for step in run.steps.values() if step.ask),
    ]
    return shortest(names)


def shortest(names: Iterable[str]) -> dict[str, str]:
    """Each name with its shortest beginning that no other name shares."""
    ordered = sorted(set(names))
    beginnings = {}
    for index, name in enumerate(ordered):
        near = [ordered[i] for i in (index - 1, index + 1) if 0 <= i < len(ordered)]
        shared = max((_shared(name, neighbour) for neighbour in near), default=0)
        beginnings[name] = name[: max(SHORTEST, shared + 1)]
    return beginnings


def _shared(name: str, neighbour: str) -> int:
    return next(
        (i for i, (a, b) in enumerate(zip(name, neighbour, strict=False)) if a != b),
        min(len(name), len(neighbour)),
    )


def content(reading: LedgerReader, card: CardState) -> dict[str, Any]:
    """What a card shows. Raises PermanentError(code='erased') when its subject was erased."""
    shown: dict[str, Any] = reading.ledger.unseal(ids.ValueId(card.content))
    return shown


def attached(letter: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(name, media type, size in words) of each file that hangs on a letter, as a card keeps it; none on cards that kept none."""
    return [
        (
            str(file.get("name") or "a part without a name"),
            str(file.get("media") or "?"),
            size_text(int(file.get("size") or 0)),
        )
        for file in letter.get("attachments") or []
    ]


def find_card(reading: LedgerReader, prefix: str) -> CardState:
    """The card whose id begins so, in `SHORTEST` characters or more. Raises UsageError."""
    _require_length(prefix)
    matches = [card for id_, card in reading.book.cards.items() if id_.startswith(prefix.upper())]
    if len(matches) != 1:
        raise _not_found(prefix, "card", len(matches))
    return matches[0]


def find_note(reading: LedgerReader, prefix: str) -> NoteState | None:
    """The letter whose id begins so; None when there is none, or more than one."""
    matches = [note for id_, note in reading.book.notes.items() if id_.startswith(prefix.upper())]
    return matches[0] if len(matches) == 1 and len(prefix) >= SHORTEST else None


def end_reason(reading: LedgerReader, run: RunState) -> str:
    """The `because` of the `run/end` that ended a run; empty where it gives none, or it was erased."""
    outputs = run.step(run.ended_by).outputs if run.ended_by else None
    try:
        content = reading.ledger.unseal(ids.ValueId(outputs)) if outputs else None
    except EngineError:
        return ""
    return str(content.get("because") or "") if isinstance(content, dict) else ""


def find_run(reading: LedgerReader, prefix: str) -> RunState:
    """The run whose id begins so, in `SHORTEST` characters or more. Raises UsageError."""
    _require_length(prefix)
    matches = [run for id_, run in reading.book.runs.items() if id_.startswith(prefix.lower())]
    if len(matches) != 1:
        raise _not_found(prefix, "run", len(matches))
    return matches[0]


def find_aside(reading: LedgerReader, prefix: str) -> Aside:
    """The letter that was put aside whose id begins so, in `SHORTEST` characters or more. Raises UsageError."""
    _require_length(prefix)
    matches = [aside for id_, aside in reading.book.asides.items() if id_.startswith(prefix.lower())]
    if len(matches) != 1:
        raise _not_found(prefix, "letter that was put aside", len(matches))
    return matches[0]


def find_question(reading: LedgerReader, prefix: str) -> tuple[RunState, str]:
    """The open question or unknown effect whose id begins so, in `SHORTEST` characters or more, as (run, step). Raises UsageError."""
    _require_length(prefix)
    matches = {
        step.ask or step.key: (run, name)
        for run in reading.book.runs.values()
        for name, step in run.steps.items()
        if (step.ask and step.ask.startswith(prefix.upper()))
        or (step.status == "unknown" and step.key.startswith(prefix.lower()))
    }
    if len(matches) != 1:
        raise _not_found(prefix, "question", len(matches))
    return next(iter(matches.values()))


def find_alarm(reading: LedgerReader, prefix: str) -> Alarm | None:
    """The open alarm whose id begins so; None when there is none, or more than one."""
    matches = [
        alarm
        for alarm in reading.book.alarms.values()
        if not alarm.cleared and alarm.id.startswith(prefix.lower()) and len(prefix) >= SHORTEST
    ]
    return matches[0] if len(matches) == 1 else None


def _require_length(prefix: str) -> None:
    """A slip of one key must not name something: what is too short begins no id, even where only one could be meant."""
    if len(prefix) < SHORTEST:
        raise UsageError(
            f"{prefix!r} is too little of an id: it takes {SHORTEST} characters",
            code="too-short",
            now_true="Nothing was decided and nothing was sent.",
            way_out="steward queue   or   steward log",
        )


def _not_found(prefix: str, noun: str, count: int) -> UsageError:
    if count:
        return UsageError(
            f"{prefix} begins {count} ids; type more of it", code="ambiguous", way_out="steward queue"
        )
    return UsageError(
        f"no {noun} begins with {prefix}", code="not-found", way_out="steward queue   or   steward log"
    )


class Named(Protocol):
    """A run, as far as a sentence needs it."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def playbook(self) -> str:
        """What it runs."""


def describe_event(event: e.Event, run: Named | None) -> str:
    """One event in plain words; empty for those that only serve the machine."""
    place = f"{run.playbook} {ids.short(run.id)}" if run else ""
    words = (
        _of_run(event)
        or _of_step(event, f"`{event.step}`")
        or _of_effect(event, f"`{event.step}`")
        or connector_status.sentence(event)
    )
    if words:
        return f"{place}  {words}" if event.run else words
    return _about_cards(event, place) or _of_alarm(event)


def _of_run(event: e.Event) -> str:
    match event.body:
        case e.TriggerReceived(kind=kind, outcome="ignored", reason=reason):
            return f"{kind} put aside: {reason}"
        case e.TriggerReceived(kind=kind, outcome="offered"):
            return f"{kind} taken by a waiting run"
        case LetterNoted(note=note, why=why):
            return f"letter {note[:6]} is for you to read: {_NOTED[why]}"
        case LetterRead(note=note, by=by, as_=as_):
            return f"letter {note[:6]} {'read' if as_ == 'read' else f'called {as_}'} by {by}"
        case LetterReturned(note=note, by=by):
            return f"letter {note[:6]} put back among what waits by {by}"
        case e.RunCreated(trigger=trigger, stage=stage):
            return f"created by {trigger}, stage {stage}"
        case RunRetried(by=by, kept=steps):
            return f"begins again, says {by}" + (f"; kept: {', '.join(steps)}" if steps else "")
        case RunDismissed(by=by):
            return f"dismissed by {by}"
        case RunRecalled(by=by):
            return f"brought back by {by}"
        case RunRedrafted(by=by, card=card):
            return f"drafted again with today's files, says {by}; card {card[:6]} is closed"
        case e.RunEnded(status=status, reason=reason):
            return f"{status}: {reason}" if reason else status
        case _:
            return ""


_NOTED = {
    "answer": "an answer",
    "version": "another version of one that is known",
    "doubt": "is it the answer?",
}


def _of_alarm(event: e.Event) -> str:
    match event.body:
        case OperatorNotified(about=about):
            return f"you are told of {len(about)}: run {ids.short(event.run)}"
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
            return f"{step} failed: {code}, again at {due[:19]}Z"
        case e.StepFailed(code=code):
            return f"{step} failed: {code}"
        case e.StepCancelled(because=because):
            return f"{step} cancelled: {because}"
        case e.WaitStarted(until=until):
            return f"{step} waits" + (f" until {until[:16]}Z" if until else "")
        case WaitPostponed(until=until):
            return f"{step} waits until {until[:16]}Z: whom it waits for is away"
        case e.WaitEnded(got=trigger):
            return f"{step} got {trigger}"
        case StepReopened(ask=ask):
            return f"{step} {'asks again' if ask else 'goes on'}: it had ended by a wrong clock"
        case e.HumanAsked(who=person):
            return f"{step} asks {person}"
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
            return f"{step} held until {until[:19]}Z"
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
            return f"{step} not sent: {code}" + (f", again at {retry[:19]}Z" if retry else "")
        case EffectDeferred(code=code, due=due, until=until):
            when = f"until {until[:19]}Z at most" if due >= until else f"again at {due[:19]}Z"
            return f"{step} waits, nothing was done: {code}, {when}"
        case EffectHurried(by=by):
            return f"{step} is to be tried now, says {by}"
        case EffectSkipped(code=code):
            return f"{step} skipped, it could not leave while it was worth something: {code}"
        case EffectCarried(differs=differs):
            return f"{step} was done before and is not repeated" + (
                f"; today {', '.join(differs)} would differ" if differs else ""
            )
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


def _about_cards(event: e.Event, place: str) -> str:
    body = event.body
    match body:
        case e.CardOpened():
            return f"{place}  asks you: {body.gate}, card {body.card[:6]}"
        case e.CardApproved():
            return f"{place}  card {body.card[:6]} approved by {body.by} ({body.channel}, strength {body.strength})"
        case e.CardRejected(answered=True):
            return f"{place}  card {body.card[:6]} ended: answered by you, from a program of your own"
        case e.CardRejected():
            return f"{place}  card {body.card[:6]} rejected by {body.by}"
        case e.CardExpired():
            return f"{place}  card {body.card[:6]} expired: no"
        case CardReopened():
            return f"{place}  asks you again: card {body.replaces[:6]} had expired by a wrong clock, card {body.card[:6]}"
        case e.CardClosed():
            return f"{place}  card {body.card[:6]} closed: {body.because}"
        case e.CardSnoozed():
            return f"{place}  card {body.card[:6]} snoozed until {body.until[:16]}Z"
        case HealthWaived():
            return f"effects may leave in spite of what a check found, says {body.by}"
        case ClockDoubted():
            return f"the clock leapt by {body.seconds} s: nothing leaves, expires or fires"
        case ClockTrusted(by="engine"):
            return "the clock is back where it should be"
        case ClockTrusted():
            return f"the clock is right, says {body.by}"
        case AsideTaken():
            return f"letter {ids.short(body.letter)} taken up by {body.by}"
        case AsideDismissed():
            return f"letter {ids.short(body.letter)} dismissed by {body.by}"
        case AsideReturned():
            return f"letter {ids.short(body.letter)} put back by {body.by}"
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
