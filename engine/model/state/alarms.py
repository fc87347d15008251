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
            alarm = book.alarms[body.alarm]
            book.alarms[body.alarm] = replace(alarm, cleared=event.ts, because=body.because, by=body.by)
        case _:
            assert_never(body)


def _notified(book: State, event: e.Event, body: OperatorNotified) -> None:
    # What failed before there was anybody to tell it is history.
    oldest = "" if book.notified else later(event.ts, -HISTORY)
    notified_ids = set(body.about)
    book.failures = {run: at for run, at in book.failures.items() if at >= oldest and run not in notified_ids}
    book.notified = event.ts
    book.notified_ids |= notified_ids


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
            last_notice = book.notice
            if (
                last_notice is None
                or not last_notice.code
                or (last_notice.run, last_notice.step) != (event.run, event.step)
            ):
                book.notice = Notice(at=event.ts, run=event.run, step=event.step, code=body.code)
        case e.EffectUnknown():
            book.notice = Notice(at=event.ts, run=event.run, step=event.step, code=body.code)
        case e.EffectFailed():
            if not body.retry:
                book.notice = Notice(at=event.ts, run=event.run, step=event.step, code=body.code)
        case _:
            assert_never(body)
