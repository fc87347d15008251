"""Schedules: what is due, in the workspace's own time zone or the one they name. Every expected firing is recorded; of several missed ones the latest runs."""

from dataclasses import dataclass

from engine.kernel.alarms.expectations import dues, moments
from engine.kernel.core.services import Deployment, LedgerWriter
from engine.kernel.triggers import intake
from engine.model.definitions.plan import Plan
from engine.model.definitions.taint import Label
from engine.model.events.alarms import TriggerExpected
from engine.model.events.events import Draft, TriggerReceived
from engine.model.ports import Arrival
from engine.model.values import ids
from engine.model.values.timestamps import moment, stamp

# A laptop that slept for a year is told of this many firings it missed, not of every one.
MAX_MISSED = 100


def fire(journal: LedgerWriter, deployment: Deployment) -> int:
    """Start what is due; how many runs began. A schedule seen for the first time is armed: it owes nothing for the past.

    When each fires next is in the ledger as soon as it is fixed. A schedule that no playbook has any more is expected no more; one
    whose playbook does not compile still is.
    """
    scheduled = _schedules(deployment)
    started = sum(
        _fire_schedule(journal, deployment, _Schedule(plan=deployment.plans[name], cron=cron, zone=zone))
        for (name, cron), zone in scheduled.items()
    )
    gone = [
        Draft(body=TriggerExpected(playbook=name, schedule=cron))
        for name, cron in sorted(journal.book.expected.keys() - scheduled.keys())
        if name not in deployment.broken
    ]
    if gone:
        journal.write(*gone)
    return started


def next_due(journal: LedgerWriter, deployment: Deployment) -> str:
    """The stamp of the next firing of any schedule that can fire; empty without one. After `fire`."""
    firings = (journal.book.expected.get(name, ("", ""))[0] for name in _schedules(deployment))
    return min((due for due in firings if due), default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Schedule:
    """A schedule of a playbook, and the time zone its fields are in."""

    plan: Plan
    cron: str
    zone: str


def _schedules(deployment: Deployment) -> dict[tuple[str, str], str]:
    """(playbook, cron) of every schedule, with its time zone."""
    return {
        (plan.id, str(dict(trigger.params)["cron"])): str(
            dict(trigger.params).get("time-zone") or plan.time_zone
        )
        for plan in deployment.plans.values()
        for trigger in plan.triggers
        if trigger.kind == "schedule"
    }


def _fire_schedule(journal: LedgerWriter, deployment: Deployment, schedule: _Schedule) -> int:
    book, now, plan, cron, zone = journal.book, journal.now(), schedule.plan, schedule.cron, schedule.zone
    last = book.schedules.get((plan.id, cron))
    if last is None or now < last:
        # New; or the clock was ahead when it was armed or fired, and counts from here again.
        _arm(journal, schedule)
        return 0
    next_, reckoned = book.expected.get((plan.id, cron), ("", ""))
    if reckoned == zone and (not next_ or now < next_):
        return 0
    passed = list(dues(cron, moment(last), moment(now), zone))
    if not passed:
        journal.write(_expected(schedule, last))
        return 0
    unfired = [due for due in map(stamp, passed) if not _fired(journal, plan, cron, due)]
    if not unfired:
        _arm(journal, schedule)
        return 0
    *missed, latest = unfired
    drafts = [
        Draft(body=_received(journal, plan, cron, due, outcome="ignored", reason="missed"))
        for due in missed[-MAX_MISSED:]
    ]
    body = _received(journal, plan, cron, latest, outcome="started")
    arrival = Arrival(
        kind="schedule", source=body.source, event={"at": latest}, labels=frozenset({Label.SYSTEM})
    )
    created = intake.create(journal, deployment, plan, arrival)
    # The first event once more, with what was due: `create` knows nothing of schedules.
    journal.write(
        *drafts,
        Draft(body=body, run=created[0].run, subject=created[0].subject),
        _expected(schedule, latest),
        *created[1:],
    )
    return 1


def _arm(journal: LedgerWriter, schedule: _Schedule) -> None:
    """From now on it is counted."""
    now = journal.now()
    armed = _received(journal, schedule.plan, schedule.cron, now, outcome="armed")
    journal.write(Draft(body=armed), _expected(schedule, now))


def _fired(journal: LedgerWriter, plan: Plan, cron: str, due: str) -> bool:
    """Whether this firing has its run: under a clock that was ahead it may have come before its time, and it comes once."""
    source = _source(journal, plan, cron, due)
    return ids.run_id(journal.house.workspace, plan.id, "schedule", source) in journal.book.runs


def _source(journal: LedgerWriter, plan: Plan, cron: str, due: str) -> str:
    return ids.source_id(journal.house.index_key, "schedule", plan.id, cron, due)


def _expected(schedule: _Schedule, since: str) -> Draft:
    first = next(moments(schedule.cron, moment(since), schedule.zone), None)
    due = stamp(first) if first is not None else ""
    return Draft(
        body=TriggerExpected(playbook=schedule.plan.id, schedule=schedule.cron, zone=schedule.zone, due=due)
    )


def _received(
    journal: LedgerWriter, plan: Plan, cron: str, due: str, *, outcome: str, reason: str = ""
) -> TriggerReceived:
    source = _source(journal, plan, cron, due)
    return TriggerReceived(
        kind="schedule",
        source=source,
        playbook=plan.id,
        outcome=outcome,
        reason=reason,
        mark=source,
        schedule=cron,
        due=due,
    )
