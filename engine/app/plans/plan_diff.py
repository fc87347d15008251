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
"""Keys that follow from others, or from the place in the file."""
_AS_CHANGE = frozenset(
    "stage reach highest-reach triggers stop-on subject once budget-usd gate undo-within-seconds".split()
)
"""Keys that are listed as a change of what may happen."""
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
        every = (*self.settings, *(change for playbook in self.playbooks for change in playbook.changes))
        return tuple(change for change in every if change.raises)


def compare(a: Moment, b: Moment) -> Comparison:
    """What differs between two moments."""
    names = sorted({*a.compiled.plans, *b.compiled.plans, *b.compiled.broken})
    playbooks = (_playbook(name, a, b) for name in names)
    return Comparison(
        before=a.name,
        after=b.name,
        settings=authority_diff.changes(_authority(a, None), _authority(b, None)),
        playbooks=tuple(playbook for playbook in playbooks if playbook is not None),
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
        change
        for change in authority_diff.changes(_authority(a, old), _authority(b, new))
        if change.playbook == name
    )
    new_view = plan_view.analyze(new, policy=b.policy, unsaid=plan_view.implicit_order(new, b.tree))
    if old is None:
        return Playbook(
            id=name, path=new.path, status="mended" if name in a.compiled.broken else "added", changes=changes, digests=("", new_view.digest),
            details=tuple(_details({}, plan_json.to_json(new_view))),
        )  # fmt: skip
    old_view = plan_view.analyze(old, policy=a.policy, unsaid=plan_view.implicit_order(old, a.tree))
    details = tuple(_details(plan_json.to_json(old_view), plan_json.to_json(new_view)))
    if not changes and not details:
        # Only a file it may read has changed: that is listed once, with the words.
        return None
    return Playbook(
        id=name, path=new.path, status="changed", changes=changes, details=details,
        digests=(old_view.digest, new_view.digest),
    )  # fmt: skip


# ---------------------------------------------------------------- steps


def _details(a: dict[str, Json], b: dict[str, Json]) -> Iterator[Detail]:
    if a:
        yield from _keys("", a, b)
    for kind, noun in (("steps", "step"), ("gates", "gate")):
        old, new = ({row["id"]: row for row in side.get(kind, [])} for side in (a, b))
        for id_ in dict.fromkeys((*new, *old)):
            if id_ not in new:
                yield Detail(place=f"{noun} {id_}", key="", before=_brief(old[id_]), after="")
            elif id_ not in old:
                yield Detail(place=f"{noun} {id_}", key="", before="", after=_brief(new[id_]))
            else:
                yield from _keys(f"{noun} {id_}", old[id_], new[id_])


def _keys(place: str, a: dict[str, Json], b: dict[str, Json]) -> Iterator[Detail]:
    for key in dict.fromkeys((*a, *b)):
        old, new = a.get(key), b.get(key)
        if key in _LEFT_OUT | _AS_CHANGE or old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _keys(place, _below(key, old), _below(key, new))
        else:
            yield Detail(place=place, key=key, before=_shown(old), after=_shown(new))


def _below(key: str, value: dict[str, Json]) -> dict[str, Json]:
    return {f"{key}.{name}": member for name, member in value.items()}


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
        old_lines, new_lines = (
            at.tree.read(path).decode("utf-8-sig", "replace").splitlines() if path in side else []
            for at, side in ((a, old), (b, new))
        )
        lines = [
            line for line in difflib.unified_diff(old_lines, new_lines, lineterm="", n=1)
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
    return {name for name, plan in at.compiled.plans.items() if any(path == file for file, _ in plan.files)}


# ---------------------------------------------------------------- shown


_MARKS = {"added": "+", "mended": "+", "removed": "-", "changed": "~", "broken": "!"}


def lines(comparison: Comparison) -> Iterator[plan_view.Line]:
    """(sign, text) per line: ``▲`` raises authority, ``▽`` changes it otherwise, ``+ - ~`` what was added, removed, changed."""
    yield "", f"{comparison.before} → {comparison.after}"
    if not (comparison.settings or comparison.playbooks or comparison.words):
        yield "  ", "nothing that is compiled differs"
        return
    count = len(comparison.rises)
    yield (
        "  ",
        f"{'nothing raises' if not count else '1 change raises' if count == 1 else f'{count} changes raise'} authority",
    )
    if comparison.settings:
        yield "", ""
        yield "~ ", "steward.yaml and vault/policy.yaml"
        yield from map(_change_line, comparison.settings)
    for playbook in comparison.playbooks:
        yield "", ""
        note = ": it does not compile (steward check)" if playbook.status == "broken" else ""
        yield (
            f"{_MARKS[playbook.status]} ",
            f"{playbook.id}  ({playbook.path or 'no plan before'})  {playbook.status}{note}",
        )
        yield from map(_change_line, playbook.changes)
        yield from map(_detail_line, playbook.details)
    for text in comparison.words:
        yield "", ""
        users = f"  used by {', '.join(text.used_by)}" if text.used_by else ""
        yield f"{_MARKS[text.status]} ", f"{text.path}  {text.status}{users}"
        for line in text.lines:
            yield f"    {line[:1]}", line[1:]
        if text.more:
            yield "    ", f"… {text.more} more lines"


def _change_line(change: Change) -> plan_view.Line:
    return f"  {'▲' if change.raises else '▽'} ", change.text


def _detail_line(detail: Detail) -> plan_view.Line:
    if not detail.key:
        sign, text = ("+", detail.after) if detail.after else ("-", detail.before)
        return f"  {sign} ", f"{detail.place}  {text}"
    key, old, new = (
        detail.key.removesuffix(_SECONDS),
        *(_in_words(detail.key, each) for each in (detail.before, detail.after)),
    )
    sentence = (
        f"{key}: {old} → {new}" if old and new else f"{key} is new: {new}" if new else f"{key} is gone: {old}"
    )
    return "  ~ ", f"{f'{detail.place}  ' if detail.place else ''}{sentence}"


_SECONDS = "-seconds"


def _in_words(key: str, value: str) -> str:
    """A length as it is written in a file."""
    return exact(timedelta(seconds=float(value))) if key.endswith(_SECONDS) and value else value


def to_json(comparison: Comparison) -> dict[str, Json]:
    """The same as data."""
    return {
        "before": comparison.before,
        "after": comparison.after,
        "raises-authority": bool(comparison.rises),
        "settings": [_change_json(change) for change in comparison.settings],
        "playbooks": [
            {
                "id": playbook.id,
                "path": playbook.path,
                "status": playbook.status,
                "digests": {"before": playbook.digests[0], "after": playbook.digests[1]},
                "changes": [_change_json(change) for change in playbook.changes],
                "details": [
                    {"place": each.place, "key": each.key, "before": each.before, "after": each.after}
                    for each in playbook.details
                ],
            }
            for playbook in comparison.playbooks
        ],
        "words": [
            {
                "path": text.path,
                "status": text.status,
                "diff": list(text.lines),
                "more-lines": text.more,
                "used-by": list(text.used_by),
            }
            for text in comparison.words
        ],
    }


def _change_json(change: Change) -> dict[str, Json]:
    return {
        "kind": change.kind,
        "raises": change.raises,
        "where": change.where,
        "before": change.before,
        "after": change.after,
        "text": change.text,
    }
