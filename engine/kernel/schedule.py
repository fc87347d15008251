"""Schedules: what is due, in the workspace's own time zone. Every expected firing is recorded; of several missed ones the latest runs."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from engine.kernel import intake
from engine.kernel.house import Deployment, Journal
from engine.model import ids
from engine.model.events import Draft, TriggerReceived
from engine.model.labels import Label
from engine.model.plan import Plan
from engine.model.ports import Arrival
from engine.model.times import moment, stamp

# A laptop that slept for a year is told of this many firings it missed, not of every one.
MOST_MISSED = 100
# Nobody waits for a firing farther away than this: the sources are read again long before.
_FAR = timedelta(days=2)


def dues(cron: str, after: datetime, until: datetime, zone: str) -> Iterator[datetime]:
    """The moments of a five-field cron expression in (after, until], in a time zone.

    Across a change of clocks a firing inside the skipped hour comes right after it, and none comes twice (Debian's cron, as cronsim
    does it).
    """
    from zoneinfo import ZoneInfo

    from cronsim import CronSim

    for found in CronSim(cron, after.astimezone(ZoneInfo(zone))):
        if found > until:
            return
        yield found


def fire(journal: Journal, deployment: Deployment) -> int:
    """Start what is due; how many runs began. A schedule seen for the first time is armed: it owes nothing for the past."""
    started = 0
    for plan in deployment.plans.values():
        for trigger in plan.triggers:
            if trigger.kind == "schedule":
                started += _one(journal, deployment, plan, str(dict(trigger.params)["cron"]))
    return started


def next_due(journal: Journal, deployment: Deployment) -> str:
    """The stamp of the next firing of any schedule; empty without one."""
    now = moment(journal.now())
    found = [
        next(dues(str(dict(trigger.params)["cron"]), now, now + _FAR, plan.time_zone), None)
        for plan in deployment.plans.values()
        for trigger in plan.triggers
        if trigger.kind == "schedule"
    ]
    return min((stamp(one) for one in found if one is not None), default="")


def _one(journal: Journal, deployment: Deployment, plan: Plan, cron: str) -> int:
    last = journal.book.schedules.get((plan.id, cron))
    if last is None:
        journal.write(Draft(body=_received(journal, plan, cron, journal.now(), outcome="armed")))
        return 0
    found = list(dues(cron, moment(last), moment(journal.now()), plan.time_zone))
    if not found:
        return 0
    *missed, latest = [stamp(one) for one in found]
    drafts = [
        Draft(body=_received(journal, plan, cron, one, outcome="ignored", reason="missed"))
        for one in missed[-MOST_MISSED:]
    ]
    body = _received(journal, plan, cron, latest, outcome="started")
    arrival = Arrival(
        kind="schedule", source=body.source, event={"at": latest}, labels=frozenset({Label.SYSTEM})
    )
    created = intake.create(journal, deployment, plan, arrival)
    # The first event once more, with what was due: `create` knows nothing of schedules.
    journal.write(*drafts, Draft(body=body, run=created[0].run, subject=created[0].subject), *created[1:])
    return 1


def _received(
    journal: Journal, plan: Plan, cron: str, due: str, *, outcome: str, reason: str = ""
) -> TriggerReceived:
    source = ids.source_id(journal.house.index_key, "schedule", plan.id, cron, due)
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
