"""What the events of alarms and notices add up to. Pure; used by the fold."""

from dataclasses import replace
from typing import assert_never

from engine.model.events import events as e
from engine.model.events.alarms import (
    HISTORY,
    NOTICE,
    AlarmCleared,
    AlarmRaised,
    OperatorNotified,
    TriggerExpected,
)
from engine.model.events.outages import EffectDeferred
from engine.model.state.state import Alarm, Notice, State
from engine.model.values.timestamps import later

AlarmBody = TriggerExpected | AlarmRaised | AlarmCleared | OperatorNotified


def add(book: State, event: e.Event, body: AlarmBody) -> None:
    """Add what was expected, missed, came after all, or was told."""
    match body:
        case OperatorNotified():
            _notified(book, event, body)
        case TriggerExpected():
            name = (body.playbook, body.schedule)
            if body.zone:
                book.expected[name] = (body.due, body.zone)
            else:
                # The playbook owes nothing for the time in which it had no such schedule.
                book.expected.pop(name, None)
                book.schedules.pop(name, None)
        case AlarmRaised():
            book.alarms[body.alarm] = Alarm(
                id=body.alarm, kind=body.kind, playbook=body.playbook, trigger=body.trigger,
                schedule=body.schedule, due=body.due, last=body.last, usual=body.usual, count=body.count,
                code=body.code, run=event.run, raised=event.ts,
            )  # fmt: skip
        case AlarmCleared():
            before = book.alarms[body.alarm]
            book.alarms[body.alarm] = replace(before, cleared=event.ts, because=body.because, by=body.by)
        case _:
            assert_never(body)


def _notified(book: State, event: e.Event, body: OperatorNotified) -> None:
    # What failed before there was anybody to tell it is history.
    least = "" if book.notified else later(event.ts, -HISTORY)
    told = set(body.about)
    book.failures = {run: at for run, at in book.failures.items() if at >= least and run not in told}
    book.notified = event.ts
    book.told |= told


def noticed(
    book: State, event: e.Event, body: e.EffectSucceeded | e.EffectFailed | e.EffectUnknown | EffectDeferred
) -> None:
    """Whether the operator could be told. A notice that waits for another try has not reached them, from its first try on."""
    if book.runs[event.run].step(event.step).action != NOTICE:
        return
    match body:
        case e.EffectSucceeded():
            book.notice = Notice(at=event.ts, run=event.run, step=event.step, by=body.provider)
        case EffectDeferred():
            before = book.notice
            if before is None or not before.code or (before.run, before.step) != (event.run, event.step):
                book.notice = Notice(at=event.ts, run=event.run, step=event.step, code=body.code)
        case e.EffectUnknown():
            book.notice = Notice(at=event.ts, run=event.run, step=event.step, code=body.code)
        case e.EffectFailed():
            if not body.retry:
                book.notice = Notice(at=event.ts, run=event.run, step=event.step, code=body.code)
        case _:
            assert_never(body)
