"""What a change of vault/policy.yaml or of an agent means for what may happen. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from engine.app.plans.change import Change
from engine.model.definitions.agents import NO_MODEL, AgentSource
from engine.model.definitions.settings import Cap, Consent, MayRun, PolicyRules, QuietHours
from engine.model.values.money import Money


def policy(a: PolicyRules, b: PolicyRules) -> Iterator[Change]:
    """What differs between two policies."""
    for reach in (one for one in a.always_ask if one not in b.always_ask):
        yield Change(kind="policy", raises=True, where="always-ask", before=reach)
    for reach in (one for one in b.always_ask if one not in a.always_ask):
        yield Change(kind="policy", raises=False, where="always-ask", after=reach)
    for pattern in (one for one in a.deny if one not in b.deny):
        kept = any(fnmatchcase(pattern, one) for one in b.deny)
        yield Change(kind="policy", raises=not kept, where="deny", before=pattern)
    for pattern in (one for one in b.deny if one not in a.deny):
        yield Change(kind="policy", raises=False, where="deny", after=pattern)
    yield from _caps(a.caps, b.caps)
    yield from _exceptions(a.may_run, b.may_run)
    yield from _quiet(a.quiet, b.quiet)
    if a.consent != b.consent:
        yield Change(
            kind="policy", raises=a.consent is not None, where="consent", before=_consent(a.consent), after=_consent(b.consent)
        )  # fmt: skip


def _exceptions(a: Sequence[MayRun], b: Sequence[MayRun]) -> Iterator[Change]:
    for one in (one for one in b if one not in a):
        held = any(
            was.action == one.action and _no_more(one.up_to, was.up_to) and _no_more(one.per_day, was.per_day)
            for was in a
        )
        yield Change(kind="policy", raises=not held, where=f"may-run {one.action}", after=_ceiling(one))
    for one in (one for one in a if one not in b):
        yield Change(kind="policy", raises=False, where=f"may-run {one.action}", before=_ceiling(one))


def _ceiling(one: MayRun) -> str:
    return f"{one.up_to.text()}, {one.per_day.text()} a day"


def _quiet(a: QuietHours | None, b: QuietHours | None) -> Iterator[Change]:
    if a == b:
        return
    lost = a is not None and not _at_least_as_quiet(a, b)
    before, after = (
        "" if one is None else f"{', '.join(each.value for each in one.reach)}: {one.text()}"
        for one in (a, b)
    )
    yield Change(kind="policy", raises=lost, where="quiet-hours", before=before, after=after)


def _at_least_as_quiet(a: QuietHours, b: QuietHours | None) -> bool:
    """Whether `b` is quiet for everything, and at every minute of the week, that `a` is quiet for."""
    if b is None or not set(a.reach) <= set(b.reach):
        return False
    week = ((day, minute) for day in range(7) for minute in range(24 * 60))
    return all(b.at(*moment) for moment in week if a.at(*moment))


def _consent(one: Consent | None) -> str:
    return "" if one is None else f"{one.purpose} unless {one.unless}"


def _caps(a: Sequence[Cap], b: Sequence[Cap]) -> Iterator[Change]:
    for cap in (one for one in a if one not in b):
        after = [one for one in b if one.action == cap.action and one not in a]
        kept = any(_as_tight(one, cap) for one in b)
        yield Change(
            kind="cap", raises=not kept, where=cap.action, before=_cap(cap), after=", ".join(map(_cap, after))
        )
    changed = {one.action for one in a if one not in b}
    for cap in (one for one in b if one not in a and one.action not in changed):
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
        old, where = a.get(name), f"agent/{name}"
        had = old.tools if old is not None else ()
        for tool in (one for one in new.tools if one not in had):
            yield Change(kind="tool", raises=True, where=where, after=tool)
        for tool in (one for one in had if one not in new.tools):
            yield Change(kind="tool", raises=False, where=where, before=tool)
        if old is None:
            continue
        if old.model != new.model:
            asks = new.model != NO_MODEL
            yield Change(
                kind="connector",
                raises=asks,
                where=where,
                before=f"model {old.model}",
                after=f"model {new.model}",
            )
        if old.budget_usd != new.budget_usd:
            looser = new.budget_usd is None or (
                old.budget_usd is not None and new.budget_usd > old.budget_usd
            )
            before, after = ("" if one.budget_usd is None else f"{one.budget_usd} USD" for one in (old, new))
            yield Change(kind="cap", raises=looser, where=where, before=before, after=after)
