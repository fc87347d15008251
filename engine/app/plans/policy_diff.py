"""What a change of vault/policy.yaml or of an agent means for what may happen. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from engine.app.plans.change import Change
from engine.model.definitions.agents import NO_MODEL, AgentSource
from engine.model.definitions.settings import Cap, Consent, MayRun, PolicyRules, QuietHours
from engine.model.values.money import Money


def policy(a: PolicyRules, b: PolicyRules) -> Iterator[Change]:
    """What differs between two policies."""
    for reach in (floor for floor in a.always_ask if floor not in b.always_ask):
        yield Change(kind="policy", raises=True, where="always-ask", before=reach)
    for reach in (floor for floor in b.always_ask if floor not in a.always_ask):
        yield Change(kind="policy", raises=False, where="always-ask", after=reach)
    for pattern in (denial for denial in a.deny if denial not in b.deny):
        covered = any(fnmatchcase(pattern, denial) for denial in b.deny)
        yield Change(kind="policy", raises=not covered, where="deny", before=pattern)
    for pattern in (denial for denial in b.deny if denial not in a.deny):
        yield Change(kind="policy", raises=False, where="deny", after=pattern)
    yield from _caps(a.caps, b.caps)
    yield from _exceptions(a.may_run, b.may_run)
    yield from _quiet(a.quiet, b.quiet)
    if a.consent != b.consent:
        yield Change(
            kind="policy", raises=a.consent is not None, where="consent", before=_consent(a.consent), after=_consent(b.consent)
        )  # fmt: skip


def _exceptions(a: Sequence[MayRun], b: Sequence[MayRun]) -> Iterator[Change]:
    for exception in (candidate for candidate in b if candidate not in a):
        covered = any(
            was.action == exception.action
            and _no_more(exception.up_to, was.up_to)
            and _no_more(exception.per_day, was.per_day)
            for was in a
        )
        yield Change(
            kind="policy", raises=not covered, where=f"may-run {exception.action}", after=_ceiling(exception)
        )
    for exception in (candidate for candidate in a if candidate not in b):
        yield Change(
            kind="policy", raises=False, where=f"may-run {exception.action}", before=_ceiling(exception)
        )


def _ceiling(exception: MayRun) -> str:
    return f"{exception.up_to.text()}, {exception.per_day.text()} a day"


def _quiet(a: QuietHours | None, b: QuietHours | None) -> Iterator[Change]:
    if a == b:
        return
    lost = a is not None and not _at_least_as_quiet(a, b)
    old_hours, new_hours = (
        "" if hours is None else f"{', '.join(each.value for each in hours.reach)}: {hours.text()}"
        for hours in (a, b)
    )
    yield Change(kind="policy", raises=lost, where="quiet-hours", before=old_hours, after=new_hours)


def _at_least_as_quiet(a: QuietHours, b: QuietHours | None) -> bool:
    """Whether `b` is quiet for everything, and at every minute of the week, that `a` is quiet for."""
    if b is None or not set(a.reach) <= set(b.reach):
        return False
    week = ((day, minute) for day in range(7) for minute in range(24 * 60))
    return all(b.at(*moment) for moment in week if a.at(*moment))


def _consent(consent: Consent | None) -> str:
    return "" if consent is None else f"{consent.purpose} unless {consent.unless}"


def _caps(a: Sequence[Cap], b: Sequence[Cap]) -> Iterator[Change]:
    for cap in (old_cap for old_cap in a if old_cap not in b):
        new_caps = [new_cap for new_cap in b if new_cap.action == cap.action and new_cap not in a]
        covered = any(_as_tight(new_cap, cap) for new_cap in b)
        yield Change(
            kind="cap",
            raises=not covered,
            where=cap.action,
            before=_cap(cap),
            after=", ".join(map(_cap, new_caps)),
        )
    changed = {old_cap.action for old_cap in a if old_cap not in b}
    for cap in (new_cap for new_cap in b if new_cap not in a and new_cap.action not in changed):
        yield Change(kind="cap", raises=False, where=cap.action, after=_cap(cap))


def _as_tight(new: Cap, old: Cap) -> bool:
    """Whether `new` stops everything that `old` stopped."""
    return (
        fnmatchcase(old.action, new.action)
        and _no_more(new.each, old.each)
        and _no_more(new.per_day, old.per_day)
        and (
            old.count_per_day is None
            or (new.count_per_day is not None and new.count_per_day <= old.count_per_day)
        )
    )


def _no_more(new: Money | None, old: Money | None) -> bool:
    if old is None:
        return True
    return new is not None and new.currency == old.currency and new.minor <= old.minor


def _cap(cap: Cap) -> str:
    parts = [
        f"{name} {value.text()}"
        for name, value in (("each", cap.each), ("per day", cap.per_day))
        if value is not None
    ]
    return ", ".join([*parts, *([f"{cap.count_per_day} a day"] if cap.count_per_day is not None else [])])


def agents(a: Mapping[str, AgentSource], b: Mapping[str, AgentSource]) -> Iterator[Change]:
    """What differs between agents: which model is asked, what they may use, and what they may cost.

    A new agent raises nothing by itself: the playbook that uses it does.
    """
    for name, new in b.items():
        old, place = a.get(name), f"agent/{name}"
        had = old.tools if old is not None else ()
        for tool in (held_tool for held_tool in new.tools if held_tool not in had):
            yield Change(kind="tool", raises=True, where=place, after=tool)
        for tool in (held_tool for held_tool in had if held_tool not in new.tools):
            yield Change(kind="tool", raises=False, where=place, before=tool)
        if old is None:
            continue
        if old.model != new.model:
            asks = new.model != NO_MODEL
            yield Change(
                kind="connector",
                raises=asks,
                where=place,
                before=f"model {old.model}",
                after=f"model {new.model}",
            )
        if old.budget_usd != new.budget_usd:
            looser = new.budget_usd is None or (
                old.budget_usd is not None and new.budget_usd > old.budget_usd
            )
            old_budget, new_budget = (
                "" if agent.budget_usd is None else f"{agent.budget_usd} USD" for agent in (old, new)
            )
            yield Change(kind="cap", raises=looser, where=place, before=old_budget, after=new_budget)
