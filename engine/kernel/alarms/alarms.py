"""Alarms: what was expected and did not come is an event, written once, and another one when it is over."""

from engine.kernel.alarms.expectations import Lives, overdue
from engine.kernel.core.services import Deployment, LedgerWriter
from engine.model.events.alarms import AlarmCleared, AlarmRaised
from engine.model.events.events import Draft
from engine.model.state.state import Alarm, State


def lives_in(deployment: Deployment) -> Lives:
    """What a deployment has. A playbook that does not compile is there: what it owes is owed."""

    def lives(playbook: str, schedule: str) -> bool:
        if playbook in deployment.broken:
            return True
        plan = deployment.plans.get(playbook)
        return plan is not None and (
            not schedule or any(dict(trigger.params).get("cron") == schedule for trigger in plan.triggers)
        )

    return lives


def watch(journal: LedgerWriter, deployment: Deployment) -> None:
    """Raise what is missing and was not raised, clear what came after all. Repeating it changes nothing."""
    book, now, lives = journal.book, journal.house.clock.now(), lives_in(deployment)
    raised = [
        Draft(body=_raised(alarm), run=alarm.run)
        for alarm in overdue(book, now=now, lives=lives)
        if alarm.id not in book.alarms
    ]
    cleared = [
        Draft(body=AlarmCleared(alarm=alarm.id, by="engine", because=because), run=alarm.run)
        for alarm in book.alarms.values()
        if not alarm.cleared and (because := _over(book, alarm, lives))
    ]
    if raised or cleared:
        journal.write(*raised, *cleared)


def acknowledge(alarm: Alarm, by: str) -> Draft:
    """A person knows: the alarm is over for this one expectation."""
    return Draft(body=AlarmCleared(alarm=alarm.id, by=by, because="seen"), run=alarm.run, actor=by)


def _raised(alarm: Alarm) -> AlarmRaised:
    return AlarmRaised(
        alarm=alarm.id, kind=alarm.kind, playbook=alarm.playbook, trigger=alarm.trigger, schedule=alarm.schedule,
        due=alarm.due, last=alarm.last, usual=alarm.usual, count=alarm.count, code=alarm.code,
    )  # fmt: skip


def _over(book: State, alarm: Alarm, lives: Lives) -> str:
    """Why an open alarm is over; empty while it is not."""
    match alarm.kind:
        case "absent":
            came = book.schedules.get((alarm.playbook, alarm.schedule), "") >= alarm.due
        case "silent":
            came = (book.arrivals.get((alarm.trigger, alarm.playbook), ("",)))[-1] > alarm.last
        case _:
            return "came" if book.notice is not None and not book.notice.code else ""
    if came:
        return "came"
    return "" if lives(alarm.playbook, alarm.schedule) else "gone"
