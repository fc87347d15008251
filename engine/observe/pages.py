"""Rows as HTML for the notebooks: everything that comes from outside is escaped and shows its invisible characters; no links, no scripts."""

import json
from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any

from engine.model.canonical import Json
from engine.model.legible import line, visible
from engine.model.times import localized, moment, stamp
from engine.observe.onerun import COLOURS, Effect, OneRun, Step
from engine.observe.today import Card, Row, Spent
from engine.observe.why import Chain

_MOST_CHARACTERS = 20_000
_WIDE, _HIGH, _LEFT, _RIGHT = 960, 24, 210, 110
_NAMES = {"waits": "waits for you", "ran": "ran", "failed": "failed", "absent": "absent"}


def heading(value: str) -> str:
    """A heading over escaped words."""
    return f'<div style="font-size:1.15em;font-weight:600;margin:1em 0 .3em">{value}</div>'


def text(value: str, limit: int = 200) -> str:
    """One escaped line."""
    return escape(line(value, limit))


def block(value: str) -> str:
    """A text whole, behind a bar, as it is written: no markup of it counts."""
    shown = visible(value)
    more = f"\n… {len(shown) - _MOST_CHARACTERS} more characters" if len(shown) > _MOST_CHARACTERS else ""
    return (
        '<pre style="border-left:3px solid #999;padding:.3em .8em;margin:.3em 0;white-space:pre-wrap;overflow-wrap:anywhere">'
        f"{escape(shown[:_MOST_CHARACTERS] + more)}</pre>"
    )


def day(now: datetime, zone: str) -> str:
    """The title of the day's page, by the operator's clock."""
    return f"Today, {localized(f'{stamp(now)[:16]}Z', zone)}"


def cells(rows: Sequence[Row], zone: str) -> list[dict[str, str]]:
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


def headline(rows: Sequence[Row], spent: Sequence[Spent]) -> str:
    """The five figures of the day."""
    count = {name: sum(row.state == name for row in rows) for name in _NAMES}
    usd = sum(one.usd for one in spent)
    parts = [(name, f"{count[state]}") for state, name in _NAMES.items()]
    boxes = "".join(_box(name, value) for name, value in [*parts, ("spent", f"{usd:.2f} USD")])
    by = ", ".join(f"{text(one.playbook or 'no run', 60)} {one.usd:.2f} USD" for one in spent)
    return f'<div style="display:flex;gap:1em;flex-wrap:wrap">{boxes}</div>' + (f"<p>{by}</p>" if by else "")


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


def first(rows: Sequence[Row], spent: Sequence[Spent], now: datetime, zone: str) -> str:
    """The day as plain HTML, over the notebook until it is there. `GIVES_WAY` takes it away."""
    shown = cells(rows[:_FIRST_ROWS], zone)
    names = list(shown[0]) if shown else []
    head = "".join(f'<th style="text-align:left;padding:.4em .8em">{name}</th>' for name in names)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="border-top:1px solid #ddd;padding:.4em .8em">{text(one[name])}</td>'
            for name in names
        )
        + "</tr>"
        for one in shown
    )
    more = f"<p>and {len(rows) - len(shown)} more</p>" if len(rows) > len(shown) else ""
    nothing = "" if shown else "<p>Nothing waits, ran, failed or is absent today.</p>"
    return (
        '<div id="steward-first" role="status" style="position:absolute;inset:0;z-index:1000;overflow:auto;background:Canvas;color:CanvasText;'
        'font-family:sans-serif;padding:1.5em max(1.5em,calc(50% - 33em))">'
        f'<h1 style="font-size:1.8em">{text(day(now, zone))}</h1>{headline(rows, spent)}{nothing}'
        f'<table style="border-collapse:collapse;margin-top:1em;font-size:.9em"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}'
        f"<p>Buttons and filters follow in a moment.</p></div>"
    )


def _box(name: str, value: str) -> str:
    return (
        '<div style="border:1px solid #ccc;border-radius:6px;padding:.5em 1em;min-width:7em">'
        f'<div style="font-size:1.6em;font-weight:600">{value}</div><div>{name}</div></div>'
    )


def card(one: Card, zone: str, changed: Sequence[str] = ()) -> str:
    """A card whole: what leaves, exactly, then the letter and why. As on a terminal, from the frozen bytes; `changed` as in its row."""
    shown = one.content
    parts = [heading(text(str(shown["title"])))]
    if changed:
        parts.append(
            f"<p>⚠ changed since this was drafted: {text(', '.join(changed))}<br/>"
            f"<code>steward redraft {text(one.id[:8])}</code> drafts it again with today's files; nothing is sent</p>"
        )
    for found in shown.get("findings") or ():
        outputs = found["outputs"]
        if isinstance(outputs, dict):
            parts += [
                f"<p>⚠ {text(found['step'])}: {text(str(doubt))}</p>" for doubt in outputs.get("doubts") or ()
            ]
            if outputs.get("name") == "unsure":
                parts.append("<p>⚠ intent unsure: read it first</p>")
    parts += [
        f"<p>since the card before: {text(localized(str(one), zone), 200)}</p>"
        for one in shown.get("since") or ()
    ]
    for member in shown["members"]:
        parts.append(
            heading(f"{text(member['name'])} · {text(member['action'])} · reach {text(member['reach'])}")
        )
        facts = "".join(
            f"<tr><td>{text(str(k))}</td><td>{text(str(v))}</td></tr>" for k, v in member["facts"]
        )
        parts.append(f"<table>{facts}</table>")
        parts += [block(member["text"])] if member["text"] else []
        parts += [f"<p>⚠ {text(warning)}</p>" for warning in member["warnings"]]
        parts.append(f"<p>why: {text(member['because'])}</p>")
        parts += [f"<p>undo: {text(member['undo'])}</p>"] if member["undo"] else []
    if letter := shown.get("letter"):
        parts.append(_letter(letter))
    parts.append(
        f"<p>digest <code>{text(one.digest[:16])}…</code> · expires {text(localized(f'{one.expires[:16]}Z', zone))}; silence means no</p>"
    )
    return "".join(parts)


def _letter(letter: dict[str, Any]) -> str:
    auth = letter.get("auth") or {}
    files = "".join(
        f"<br/>attached {text(str(one.get('name') or ''), 60)} ({text(str(one.get('media') or ''), 40)}, {int(one.get('size') or 0)} bytes)"
        for one in letter.get("attachments") or []
    )
    return (
        heading("the letter")
        + f"<p>from {text(str(letter.get('name') or ''), 60)} &lt;{text(str(letter.get('from') or ''))}&gt;, "
        f"DMARC {text(str(auth.get('dmarc', 'none')))}<br/>subject {text(str(letter.get('subject') or ''))}{files}</p>"
        + block(str(letter.get("text") or ""))
    )


def title(one: OneRun, zone: str) -> str:
    """Which run, of what, how it stands."""
    run = one.run
    reason = f": {text(run['reason'])}" if run["reason"] else ""
    began = localized(run["created"][:19] + "Z", zone)
    return (
        heading(f"{text(run['playbook'])} · run {text(run['run'][:8])} · {text(run['status'])}{reason}")
        + f"<p>by {text(run['trigger'])} at {text(began)}, stage {text(run['stage'])}, commit {text(run['commit'][:8])}</p>"
    )


def values(value: Json) -> str:
    """A value as indented JSON, as it is written."""
    return block(json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True))


def waterfall(steps: Sequence[Step]) -> str:
    """Steps over time as SVG: each bar from a step's first event to its last, on one linear scale."""
    if not steps:
        return "<p>no step has begun</p>"
    first = min(moment(one.began) for one in steps)
    length = max((max(moment(one.last) for one in steps) - first).total_seconds(), 0.001)
    scale = (_WIDE - _LEFT - _RIGHT) / length
    box = (
        f'viewBox="0 0 {_WIDE} {_HIGH * len(steps) + 8}" width="100%" font-family="sans-serif" font-size="12"'
    )
    drawn = [f'<svg role="img" aria-label="steps over time" {box}>']
    for at, one in enumerate(steps):
        fill, stroke = COLOURS[one.state]
        left = _LEFT + (moment(one.began) - first).total_seconds() * scale
        took = (moment(one.last) - moment(one.began)).total_seconds()
        wide = max(took * scale, 3)
        top = at * _HIGH + 4
        drawn.append(
            f'<text x="{_LEFT - 8}" y="{top + 15}" text-anchor="end" fill="currentColor">{text(one.name, 32)}</text>'
            f'<rect x="{left:.1f}" y="{top}" width="{wide:.1f}" height="{_HIGH - 6}" rx="3" fill="{fill}" stroke="{stroke}"/>'
            f'<text x="{left + wide + 5:.1f}" y="{top + 15}" fill="currentColor">{_said(one.state, took)}</text>'
        )
    return "".join([*drawn, "</svg>"])


def _said(state: str, seconds: float) -> str:
    """How a step stands and how long it took; what still goes on has no length yet."""
    return state if state in {"waits", "runs"} else f"{state} {_took(seconds)}"


def _took(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def compared(found: Sequence[Effect]) -> str:
    """Approved beside sent, effect by effect."""
    if not found:
        return "<p>no effect was proposed</p>"
    parts = []
    for one in found:
        proof = {
            True: "✓ shown, approved and sent are the same bytes",
            False: "✗ what was sent is not proven to be what was approved",
            None: "",
        }[one.same]
        named = f" · the provider calls it {text(one.provider)}" if one.provider else ""
        parts.append(
            heading(
                f"{text(one.step)} · {text(one.action)} · reach {text(one.reach)} · {text(one.outcome or one.answer)}{named}"
            )
            + (_shadow(one) if one.proposed else _beside(one, proof))
        )
    return "".join(parts)


def _beside(one: Effect, proof: str) -> str:
    return (
        f"<p>{proof}</p>"
        '<div style="display:grid;grid-template-columns:1fr 1fr;gap:1em">'
        f"<div><b>approved</b>{block(one.approved)}</div><div><b>sent</b>{block(one.sent)}</div></div>"
    )


def _shadow(one: Effect) -> str:
    return (
        f"<p>nothing left: this run was in shadow</p><div><b>would have been</b>{block(one.proposed)}</div>"
    )


def why(chains: Sequence[Chain], zone: str) -> str:
    """The chains of why, link by link."""
    parts = []
    for chain in chains:
        rows = "".join(
            f"<tr><td style='padding-right:1em;vertical-align:top'>{text(link.name)}</td><td>{'<br/>'.join(text(localized(said, zone), 300) for said in link.said)}"
            f"{'<br/>✗ missing: ' + text(link.hole) if link.hole else ''}</td></tr>"
            for link in chain.links
        )
        parts.append(heading(f"{text(chain.step)} · {text(chain.action)}") + f"<table>{rows}</table>")
    return "".join(parts) or "<p>no effect, so nothing to ask why of</p>"
