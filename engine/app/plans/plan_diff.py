"""Two moments of a workspace beside each other: per playbook what may happen, then its steps; then the words that changed."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from engine.app.plans import authority_diff, plan_json, plan_view
from engine.app.plans.authority_diff import Authority
from engine.app.plans.change import Change
from engine.app.workspace.snapshots import Moment
from engine.language.passes.plan_codec import digest
from engine.model.definitions.plan import Plan
from engine.model.values.canonical_json import Json
from engine.model.values.durations import exact

Status = Literal["added", "removed", "changed", "broken", "mended"]

_WORDS = ("vault/templates/", "vault/agents/", "vault/intents/", "vault/sops/")
_LEFT_OUT = frozenset(
    "digest files steps gates line column event-labels behind could-start-earlier what acts".split()
)
"""What follows from other keys, or from where a thing stands."""
_SAID = frozenset(
    "stage reach highest-reach triggers stop-on subject once budget-usd gate undo-within-seconds".split()
)
"""What is said as a change of what may happen."""
_MAX_LINES = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One key of a playbook, step or gate. `place` is ``step reply``, ``gate offer`` or empty for the playbook itself."""

    place: str
    key: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    """One playbook that is not what it was. `broken`: it doesn't compile afterwards, so nothing more can be said; `mended`: it didn't before."""

    id: str
    path: str
    status: Status
    changes: tuple[Change, ...] = ()
    details: tuple[Detail, ...] = ()
    digests: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDiff:
    """One file of words: a short unified diff, the lines left out of it, and the playbooks that use it."""

    path: str
    status: Literal["added", "removed", "changed"]
    lines: tuple[str, ...]
    more: int
    used_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything that differs. `settings` are the changes of steward.yaml and vault/policy.yaml."""

    before: str
    after: str
    settings: tuple[Change, ...]
    playbooks: tuple[Playbook, ...]
    words: tuple[TextDiff, ...]

    @property
    def rises(self) -> tuple[Change, ...]:
        """What raises authority."""
        every = (*self.settings, *(change for one in self.playbooks for change in one.changes))
        return tuple(one for one in every if one.raises)


def compare(a: Moment, b: Moment) -> Comparison:
    """What differs between two moments."""
    names = sorted({*a.compiled.plans, *b.compiled.plans, *b.compiled.broken})
    found = (_playbook(name, a, b) for name in names)
    return Comparison(
        before=a.name,
        after=b.name,
        settings=authority_diff.changes(_authority(a, None), _authority(b, None)),
        playbooks=tuple(one for one in found if one is not None),
        words=tuple(_words(a, b)),
    )


def _authority(at: Moment, plan: Plan | None) -> Authority:
    return Authority(plan=plan, config=at.config, policy=at.policy, agents=at.agents)


def _playbook(name: str, a: Moment, b: Moment) -> Playbook | None:
    old, new = a.compiled.plans.get(name), b.compiled.plans.get(name)
    if new is None:
        broken = name in b.compiled.broken
        if broken and name in a.compiled.broken:
            return None
        return Playbook(id=name, path=old.path if old else "", status="broken" if broken else "removed")
    if old is not None and (old is new or digest(old) == digest(new)):
        return None
    changes = tuple(
        one for one in authority_diff.changes(_authority(a, old), _authority(b, new)) if one.playbook == name
    )
    after = plan_view.analyze(new, policy=b.policy, unsaid=plan_view.implicit_order(new, b.tree))
    if old is None:
        return Playbook(
            id=name, path=new.path, status="mended" if name in a.compiled.broken else "added", changes=changes, digests=("", after.digest),
            details=tuple(_details({}, plan_json.to_json(after))),
        )  # fmt: skip
    before = plan_view.analyze(old, policy=a.policy, unsaid=plan_view.implicit_order(old, a.tree))
    details = tuple(_details(plan_json.to_json(before), plan_json.to_json(after)))
    if not changes and not details:
        # Only a file it may read is another one: that is said once, with the words.
        return None
    return Playbook(
        id=name, path=new.path, status="changed", changes=changes, details=details,
        digests=(before.digest, after.digest),
    )  # fmt: skip


# ---------------------------------------------------------------- steps


def _details(a: dict[str, Json], b: dict[str, Json]) -> Iterator[Detail]:
    if a:
        yield from _keys("", a, b)
    for kind, one in (("steps", "step"), ("gates", "gate")):
        old, new = ({row["id"]: row for row in side.get(kind, [])} for side in (a, b))
        for id_ in dict.fromkeys((*new, *old)):
            if id_ not in new:
                yield Detail(place=f"{one} {id_}", key="", before=_brief(old[id_]), after="")
            elif id_ not in old:
                yield Detail(place=f"{one} {id_}", key="", before="", after=_brief(new[id_]))
            else:
                yield from _keys(f"{one} {id_}", old[id_], new[id_])


def _keys(place: str, a: dict[str, Json], b: dict[str, Json]) -> Iterator[Detail]:
    for key in dict.fromkeys((*a, *b)):
        before, after = a.get(key), b.get(key)
        if key in _LEFT_OUT | _SAID or before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _keys(place, _below(key, before), _below(key, after))
        else:
            yield Detail(place=place, key=key, before=_shown(before), after=_shown(after))


def _below(key: str, value: dict[str, Json]) -> dict[str, Json]:
    return {f"{key}.{name}": one for name, one in value.items()}


def _brief(row: dict[str, Json]) -> str:
    return f"{row['uses']}, {row['what']}" if "uses" in row else f"covers {', '.join(row['members'])}"


def _shown(value: Json) -> str:
    match value:
        case None | [] | {}:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(_shown, value))
        case {"step": str(step), "because": str(because)}:
            return step if because == "needs" else f"{step} ({because})"
        case dict():
            return " ".join(text for text in map(_shown, value.values()) if text)
        case _:
            return str(value)


# ---------------------------------------------------------------- words


def _words(a: Moment, b: Moment) -> Iterator[TextDiff]:
    old, new = ({p: id_ for p, id_ in at.tree.paths() if p.startswith(_WORDS)} for at in (a, b))
    for path in sorted({*old, *new}):
        if old.get(path) == new.get(path):
            continue
        before, after = (
            at.tree.read(path).decode("utf-8-sig", "replace").splitlines() if path in side else []
            for at, side in ((a, old), (b, new))
        )
        lines = [
            line for line in difflib.unified_diff(before, after, lineterm="", n=1)
            if not line.startswith(("--- ", "+++ "))
        ]  # fmt: skip
        yield TextDiff(
            path=path,
            status="added" if path not in old else "removed" if path not in new else "changed",
            lines=tuple(lines[:_MAX_LINES]),
            more=max(0, len(lines) - _MAX_LINES),
            used_by=tuple(sorted(_users(a, path) | _users(b, path))),
        )


def _users(at: Moment, path: str) -> set[str]:
    return {name for name, plan in at.compiled.plans.items() if any(path == one for one, _ in plan.files)}


# ---------------------------------------------------------------- shown


_MARKS = {"added": "+", "mended": "+", "removed": "-", "changed": "~", "broken": "!"}


def lines(found: Comparison) -> Iterator[plan_view.Line]:
    """(sign, text) per line: ``▲`` raises authority, ``▽`` changes it otherwise, ``+ - ~`` what was added, removed, changed."""
    yield "", f"{found.before} → {found.after}"
    if not (found.settings or found.playbooks or found.words):
        yield "  ", "nothing that is compiled differs"
        return
    count = len(found.rises)
    yield (
        "  ",
        f"{'nothing raises' if not count else '1 change raises' if count == 1 else f'{count} changes raise'} authority",
    )
    if found.settings:
        yield "", ""
        yield "~ ", "steward.yaml and vault/policy.yaml"
        yield from map(_change_line, found.settings)
    for one in found.playbooks:
        yield "", ""
        note = ": it does not compile (steward check)" if one.status == "broken" else ""
        yield f"{_MARKS[one.status]} ", f"{one.id}  ({one.path or 'no plan before'})  {one.status}{note}"
        yield from map(_change_line, one.changes)
        yield from map(_detail_line, one.details)
    for text in found.words:
        yield "", ""
        users = f"  used by {', '.join(text.used_by)}" if text.used_by else ""
        yield f"{_MARKS[text.status]} ", f"{text.path}  {text.status}{users}"
        for line in text.lines:
            yield f"    {line[:1]}", line[1:]
        if text.more:
            yield "    ", f"… {text.more} more lines"


def _change_line(one: Change) -> plan_view.Line:
    return f"  {'▲' if one.raises else '▽'} ", one.text


def _detail_line(one: Detail) -> plan_view.Line:
    if not one.key:
        sign, text = ("+", one.after) if one.after else ("-", one.before)
        return f"  {sign} ", f"{one.place}  {text}"
    key, before, after = (
        one.key.removesuffix(_SECONDS),
        *(_in_words(one.key, each) for each in (one.before, one.after)),
    )
    said = (
        f"{key}: {before} → {after}"
        if before and after
        else f"{key} is new: {after}"
        if after
        else f"{key} is gone: {before}"
    )
    return "  ~ ", f"{f'{one.place}  ' if one.place else ''}{said}"


_SECONDS = "-seconds"


def _in_words(key: str, value: str) -> str:
    """A length as it is written in a file."""
    return exact(timedelta(seconds=float(value))) if key.endswith(_SECONDS) and value else value


def to_json(found: Comparison) -> dict[str, Json]:
    """The same as data."""
    return {
        "before": found.before,
        "after": found.after,
        "raises-authority": bool(found.rises),
        "settings": [_change_json(one) for one in found.settings],
        "playbooks": [
            {
                "id": one.id,
                "path": one.path,
                "status": one.status,
                "digests": {"before": one.digests[0], "after": one.digests[1]},
                "changes": [_change_json(change) for change in one.changes],
                "details": [
                    {"place": each.place, "key": each.key, "before": each.before, "after": each.after}
                    for each in one.details
                ],
            }
            for one in found.playbooks
        ],
        "words": [
            {
                "path": one.path,
                "status": one.status,
                "diff": list(one.lines),
                "more-lines": one.more,
                "used-by": list(one.used_by),
            }
            for one in found.words
        ],
    }


def _change_json(one: Change) -> dict[str, Json]:
    return {
        "kind": one.kind,
        "raises": one.raises,
        "where": one.where,
        "before": one.before,
        "after": one.after,
        "text": one.text,
    }
