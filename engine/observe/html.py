"""Rows as HTML for the notebooks: all that is put into them is escaped and shows its invisible characters; no links, no scripts."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

from engine.model.text.safe_text import line, visible
from engine.model.values.canonical_json import Json
from engine.model.values.timestamps import localized, moment, stamp
from engine.observe.run_page import COLOURS, RunPage, ShownEffect, ShownStep
from engine.observe.today_page import Card, DayRow, ModelSpending
from engine.observe.why import Chain

_MAX_CHARACTERS = 20_000
_WIDE, _HIGH, _LEFT, _RIGHT = 960, 24, 210, 110
_NAMES = {"waits": "waits for you", "ran": "ran", "failed": "failed", "absent": "absent"}


class Html(Markup):
    """Markup. What is put into it, unless it is markup itself, becomes one visible, escaped line of at most 200 characters."""

    __slots__ = ()

    @classmethod
    def escape(cls, s: object, /) -> "Html":
        """A value as it is put into markup."""
        return cls(s if hasattr(s, "__html__") else escape(line(str(s), 200)))


def heading(value: str) -> Html:
    """A heading."""
    return _put('<div style="font-size:1.15em;font-weight:600;margin:1em 0 .3em">{}</div>', value)


def text(value: str, limit: int = 200) -> Html:
    """One escaped line."""
    return Html.escape(line(value, limit))


def block(value: str) -> Html:
    """A text whole, behind a bar, as it is written: no markup of it counts."""
    shown = visible(value)
    omitted = f"\n… {len(shown) - _MAX_CHARACTERS} more characters" if len(shown) > _MAX_CHARACTERS else ""
    style = "border-left:3px solid #999;padding:.3em .8em;margin:.3em 0;white-space:pre-wrap;overflow-wrap:anywhere"
    return _put('<pre style="{}">{}</pre>', style, escape(shown[:_MAX_CHARACTERS] + omitted))


def _put(markup: str, *values: object) -> Html:
    return Html(markup).format(*values)


def _each(markup: str, values: Iterable[Iterable[object]]) -> Html:
    """The markup once for each of the values, with these in it."""
    return Html().join(_put(markup, *each) for each in values)


def day(now: datetime, zone: str) -> str:
    """The title of the day's page, by the operator's clock."""
    return f"Today, {localized(f'{stamp(now)[:16]}Z', zone)}"


def cells(rows: Sequence[DayRow], zone: str) -> list[dict[str, str]]:
    """Rows for a table of the notebook's, moments by the operator's clock. A web address in a text is broken up, so that no table makes a link of it."""
    drifted = any(row.changed for row in rows)
    return [
        {
            "state": _NAMES[row.state],
            "since": localized(f"{row.at[:16]}Z", zone),
            "playbook": unlinked(row.playbook),
            "what": unlinked(localized(row.what, zone)),
            "about": unlinked(row.about),
            "expires": localized(f"{row.expires[:16]}Z", zone) if row.expires else "",
            **({"changed since": unlinked(line(", ".join(row.changed), 120))} if drifted else {}),
            "id": row.id[:8],
        }
        for row in rows
    ]


def unlinked(value: str) -> str:
    """A text in which nothing reads as a web address."""
    return value.replace("://", ": //")


def headline(rows: Sequence[DayRow], spent: Sequence[ModelSpending]) -> Html:
    """The five figures of the day."""
    figures = [(sum(row.state == state for row in rows), name) for state, name in _NAMES.items()]
    boxes = _each(
        '<div style="border:1px solid #ccc;border-radius:6px;padding:.5em 1em;min-width:7em">'
        '<div style="font-size:1.6em;font-weight:600">{}</div><div>{}</div></div>',
        [*figures, (f"{sum(cost.usd for cost in spent):.2f} USD", "spent")],
    )
    by = Html(", ").join(f"{line(cost.playbook or 'no run', 60)} {cost.usd:.2f} USD" for cost in spent)
    return _put('<div style="display:flex;gap:1em;flex-wrap:wrap">{}</div><p>{}</p>', boxes, by)


_FIRST_ROWS = 15
GIVES_WAY = """
(() => {
  const first = document.getElementById('steward-first');
  if (!first) return;
  const shown = root => [...root.querySelectorAll('marimo-table')].some(e => e.shadowRoot && e.shadowRoot.querySelector('tr'))
    || root.textContent.includes('Nothing waits, ran, failed') || root.querySelector('[data-testid=cell-error], .marimo-error');
  const began = Date.now();
  const look = setInterval(() => {
    const root = document.getElementById('root');
    if (!(root && shown(root)) && Date.now() - began < 30000) return;
    clearInterval(look);
    first.remove();
  }, 50);
})();
"""
"""Takes the drawn day away once the notebook shows its own; after half a minute in any case."""


def first(rows: Sequence[DayRow], spent: Sequence[ModelSpending], now: datetime, zone: str) -> Html:
    """The day as plain HTML, over the notebook until it is there. `GIVES_WAY` takes it away."""
    shown = cells(rows[:_FIRST_ROWS], zone)
    names = ([name] for name in (shown[0] if shown else ()))
    head = _each('<th style="text-align:left;padding:.4em .8em">{}</th>', names)
    cell = '<td style="border-top:1px solid #ddd;padding:.4em .8em">{}</td>'
    body = _each("<tr>{}</tr>", ([_each(cell, ([value] for value in row.values()))] for row in shown))
    nothing = "" if shown else "Nothing waits, ran, failed or is absent today."
    omitted = f"and {len(rows) - len(shown)} more" if len(rows) > len(shown) else ""
    return _put(
        '<div id="steward-first" role="status" style="position:absolute;inset:0;z-index:1000;overflow:auto;background:Canvas;color:CanvasText;'
        'font-family:sans-serif;padding:1.5em max(1.5em,calc(50% - 33em))"><h1 style="font-size:1.8em">{}</h1>{}<p>{}</p>'
        '<table style="border-collapse:collapse;margin-top:1em;font-size:.9em"><thead><tr>{}</tr></thead><tbody>{}</tbody></table><p>{}</p>'
        "<p>Buttons and filters follow in a moment.</p></div>",
        *(day(now, zone), headline(rows, spent), nothing, head, body, omitted),
    )


def card(open_card: Card, zone: str, changed: Sequence[str] = ()) -> Html:
    """A card whole: what leaves, exactly, then the letter and why. As on a terminal, from the frozen bytes; `changed` as in its row."""
    shown = open_card.content
    parts = [heading(str(shown["title"]))]
    if changed:
        again = "<code>steward redraft {}</code> drafts it again with today's files; nothing is sent</p>"
        changes = "<p>⚠ changed since this was drafted: {}<br/>" + again
        parts.append(_put(changes, ", ".join(changed), open_card.id[:8]))
    for finding in shown.get("findings") or ():
        outputs = finding["outputs"] if isinstance(finding["outputs"], dict) else {}
        doubts = ((finding["step"], doubt) for doubt in outputs.get("doubts") or ())
        parts.append(_each("<p>⚠ {}: {}</p>", doubts))
        if outputs.get("name") == "unsure":
            parts.append(Html("<p>⚠ intent unsure: read it first</p>"))
    since = ([localized(str(change), zone)] for change in shown.get("since") or ())
    parts.append(_each("<p>since the card before: {}</p>", since))
    for member in shown["members"]:
        parts += [
            heading(Html("{name} · {action} · reach {reach}").format_map(member)),
            _put("<table>{}</table>", _each("<tr><td>{}</td><td>{}</td></tr>", member["facts"])),
            block(member["text"]) if member["text"] else Html(),
            _each("<p>⚠ {}</p>", ([warning] for warning in member["warnings"])),
            Html("<p>why: {because}</p>" + ("<p>undo: {undo}</p>" if member["undo"] else "")).format_map(
                member
            ),
        ]
    if letter := shown.get("letter"):
        parts.append(_letter(letter))
    expires = localized(f"{open_card.expires[:16]}Z", zone)
    ends = "<p>digest <code>{}…</code> · expires {}; silence means no</p>"
    return Html().join([*parts, _put(ends, open_card.digest[:16], expires)])


def _letter(letter: dict[str, Any]) -> Html:
    fields = ("name", "media", "size")
    files = ([file.get(field) or "" for field in fields] for file in letter.get("attachments") or ())
    dmarc = (letter.get("auth") or {}).get("dmarc", "none")
    return _put(
        "{}<p>from {} &lt;{}&gt;, DMARC {}<br/>subject {}{}</p>{}",
        heading("the letter"),
        *(letter.get("name") or "", letter.get("from") or "", dmarc, letter.get("subject") or ""),
        _each("<br/>attached {} ({}, {} bytes)", files),
        block(str(letter.get("text") or "")),
    )


def title(page: RunPage, zone: str) -> Html:
    """Which run of which playbook, and its status."""
    run = page.run
    reason = _put(": {}", run["reason"]) if run["reason"] else ""
    began = localized(run["created"][:19] + "Z", zone)
    return heading(_put("{} · run {} · {}{}", run["playbook"], run["run"][:8], run["status"], reason)) + _put(
        "<p>by {} at {}, stage {}, commit {}</p>", run["trigger"], began, run["stage"], run["commit"][:8]
    )


def values(value: Json) -> Html:
    """A value as indented JSON, as it is written."""
    return block(json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True))


def waterfall(steps: Sequence[ShownStep]) -> Html:
    """Steps over time as SVG: each bar from a step's first event to its last, on one linear scale."""
    if not steps:
        return Html("<p>no step has begun</p>")
    first = min(moment(step.began) for step in steps)
    length = max((max(moment(step.last) for step in steps) - first).total_seconds(), 0.001)
    scale = (_WIDE - _LEFT - _RIGHT) / length
    bars = []
    for at, step in enumerate(steps):
        left = _LEFT + (moment(step.began) - first).total_seconds() * scale
        took = (moment(step.last) - moment(step.began)).total_seconds()
        wide, top = max(took * scale, 3), at * _HIGH + 4
        words = (text(step.name, 32), _state_and_time(step.state, took))
        bars.append((*words, *COLOURS[step.state], left, wide, left + wide + 5, top, top + 15))
    drawn = _each(
        f'<text x="{_LEFT - 8}" y="{{8}}" text-anchor="end" fill="currentColor">{{0}}</text>'
        f'<rect x="{{4:.1f}}" y="{{7}}" width="{{5:.1f}}" height="{_HIGH - 6}" rx="3" fill="{{2}}" stroke="{{3}}"/>'
        '<text x="{6:.1f}" y="{8}" fill="currentColor">{1}</text>',
        bars,
    )
    box = (
        f'viewBox="0 0 {_WIDE} {_HIGH * len(steps) + 8}" width="100%" font-family="sans-serif" font-size="12"'
    )
    return _put(f'<svg role="img" aria-label="steps over time" {box}>{{}}</svg>', drawn)


def _state_and_time(state: str, seconds: float) -> str:
    """A step's state and how long it took; a step that still runs has no duration yet."""
    return state if state in {"waits", "runs"} else f"{state} {_took(seconds)}"


def _took(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


_PROOF = {
    True: "✓ shown, approved and sent are the same bytes",
    False: "✗ what was sent is not proven to be what was approved",
    None: "",
}


def compared(effects: Sequence[ShownEffect]) -> Html:
    """Approved beside sent, effect by effect."""
    return Html().join(map(_compared, effects)) or Html("<p>no effect was proposed</p>")


def _compared(effect: ShownEffect) -> Html:
    named = [f"the provider calls it {effect.provider}"] if effect.provider else []
    outcome = effect.outcome or effect.answer
    above = heading(Html(" · ").join([effect.step, effect.action, f"reach {effect.reach}", outcome, *named]))
    if effect.proposed:
        shadow = "{}<p>nothing left: this run was in shadow</p><div><b>would have been</b>{}</div>"
        return _put(shadow, above, block(effect.proposed))
    return _put(
        '{}<p>{}</p><div style="display:grid;grid-template-columns:1fr 1fr;gap:1em">'
        "<div><b>approved</b>{}</div><div><b>sent</b>{}</div></div>",
        *(above, _PROOF[effect.same], block(effect.approved), block(effect.sent)),
    )


def why(chains: Sequence[Chain], zone: str) -> Html:
    """The chains of why, link by link."""
    row = "<tr><td style='padding-right:1em;vertical-align:top'>{}</td><td>{}{}</td></tr>"
    parts = []
    for chain in chains:
        links = []
        for link in chain.links:
            words = Html("<br/>").join(text(localized(sentence, zone), 300) for sentence in link.said)
            links.append((link.name, words, _put("<br/>✗ missing: {}", link.hole) if link.hole else ""))
        parts += [heading(f"{chain.step} · {chain.action}"), _put("<table>{}</table>", _each(row, links))]
    return Html().join(parts) or Html("<p>no effect, so nothing to ask why of</p>")
