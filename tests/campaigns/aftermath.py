"""Short stories of what did not go well and was worked off: failed runs, letters put aside, old words, busy providers, clocks that leapt.

Told like those of `stories`: again from the beginning after each death, and what was decided before is not asked again.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from engine.model.requests import RequestKind
from engine.model.values.canonical_json import Json
from engine.model.values.timestamps import moment
from engine.testing.clock import VirtualClock
from engine.testing.scenario import Scenario, letter

if TYPE_CHECKING:
    from tests.campaigns.stories import Teller

DAY = timedelta(days=1)
QUOTE = letter(
    "Website check", "Could you give us a quote for a website check? Thank you, Ada", id="quote@example.org"
)
VAGUE = letter("Hello", "I met you at the fair and wanted to say hello.", id="vague@example.org")
SEVERAL = letter(
    "From both of us", "Could you call us?", id="several@example.org", sender="Ada <ada@example.org>, Bob <bob@example.org>"
)  # fmt: skip
AWAY = letter(
    "Re: Hello", "I am out of office until 9 March 2026.", id="gone@example.org", answers="vague@example.org", Auto_Submitted="auto-replied"
)  # fmt: skip
THANKS = letter("Re: Hello", "Thank you, yes.", id="thanks@example.org", answers="vague@example.org")

MORE = {
    "playbooks/breaks.yaml": """\
name: Breaks
stage: approval
on: { manual: {} }
steps:
  - id: done
    uses: provider/idempotent
    with: { text: happened before it broke }
  - id: breaks
    uses: provider/quoted
    with: { text: breaks }
  - id: asked
    uses: provider/customer
    with: { text: after it }
""",
    "playbooks/patient.yaml": """\
name: Patient
stage: approval
on: { manual: {} }
steps:
  - id: tell
    uses: provider/idempotent
    with: { text: later }
""",
    "playbooks/spaced.yaml": """\
name: Spaced
stage: approval
on: { manual: {} }
steps:
  - id: tell
    foreach: [one, two, three]
    key: ${{ item }}
    pause: 1m
    uses: provider/idempotent
    with: { text: "to ${{ item }}" }
""",
    "playbooks/asking.yaml": """\
name: Asking
stage: approval
on: { manual: {} }
steps:
  - id: which
    uses: human/ask
    with: { title: Which?, choices: [this, that] }
    timeout: 5d
  - id: tell
    needs: [which]
    uses: provider/idempotent
    with: { text: answered }
""",
}


def _row(t: "Teller", kind: str) -> Json:
    """The id of the oldest row of a kind in the queue; None when there is none."""
    return next((row.id for row in t.scenario.queue() if row.kind == kind), None)


def _on_row(t: "Teller", request: RequestKind, kind: str, **body: Json) -> None:
    """Ask about the oldest row of a kind."""

    def target() -> Json:
        id_ = _row(t, kind)
        return None if id_ is None else {"target": id_, "body": body}

    t.ask(request, target)


def _retry(t: "Teller") -> None:
    t.told("400", "quote")
    t.start("breaks")
    t.on_run("retry")
    t.on_card("approve")


def _dismiss(t: "Teller") -> None:
    t.told("400", "quote")
    t.start("breaks")
    t.on_run("dismiss")
    t.on_run("undo")
    t.on_run("retry")
    t.on_card("reject")


def _redraft(t: "Teller") -> None:
    t.drop("quote", QUOTE)
    t.run()
    t.ask("redraft", lambda: {"target": shown.card.id} if (shown := t.card("offer")) else None)
    t.on_card("approve", "offer")


def _aside(t: "Teller") -> None:
    t.drop("several", SEVERAL)
    t.run()
    put = t.scenario.folder / "aside"
    if not put.exists():
        put.write_text(str(_row(t, "put-aside")))
    known = {"target": put.read_text()}
    t.ask("dismiss", lambda: known)
    t.ask("undo", lambda: known)
    t.ask("take", lambda: {**known, "body": {"playbook": ""}})
    t.on_card("approve", "offer")


def _noted(t: "Teller") -> None:
    t.drop("vague", VAGUE, mailbox="other")
    t.run()
    t.drop("thanks", THANKS, mailbox="other")
    t.run()
    new = t.scenario.folder / "new"
    if not new.exists():
        new.write_text(str(_row(t, "new")))
    for asked in ("dismiss", "undo", "dismiss"):
        t.ask(asked, lambda: {"target": new.read_text()})


def _away(t: "Teller") -> None:
    t.drop("vague", VAGUE)
    t.run()
    t.on_card("approve", "offer")
    t.drop("away", AWAY)
    t.run()
    t.until(5 * DAY)
    t.drop("thanks", THANKS)
    t.run()


def _hurried(t: "Teller") -> None:
    for _ in range(3):
        t.told("503", "idempotent")
    t.ask("start", lambda: {"target": "patient", "body": {"inputs": {}}}, quietly=True)
    t.run()
    t.run()


def _probed(t: "Teller") -> None:
    for _ in range(9):
        t.told("503", "idempotent")
    t.ask("start", lambda: {"target": "outage", "body": {"inputs": {}}}, quietly=True)
    t.ask("start", lambda: {"target": "patient", "body": {"inputs": {}}}, quietly=True)
    t.run()
    t.ask("resume", lambda: {"target": "provider"})


def _leapt(t: "Teller") -> None:
    wound(t.scenario)
    t.drop("quote", QUOTE)
    t.run()
    t.start("asking")
    _leap(t, 40 * DAY)
    t.run()
    t.ask("answer", lambda: {"target": "clock"})
    t.run()
    _leap(t, -40 * DAY)
    t.run()
    t.ask("answer", lambda: {"target": "clock"})
    t.answer(choice="this")
    t.on_card("approve", "offer")


def _spaced(t: "Teller") -> None:
    t.start("spaced")
    for minutes in (2, 4, 6):
        t.until(timedelta(minutes=minutes))
        t.run()


AFTERMATH: dict[str, Callable[["Teller"], None]] = {
    "retry": _retry, "dismiss": _dismiss, "redraft": _redraft, "aside": _aside, "noted": _noted, "away": _away,
    "hurried": _hurried, "probed": _probed, "leapt": _leapt,
    "spaced": _spaced,
}  # fmt: skip


# A clock that was set stays so when the process dies: what it shows, and how far it is off, lie in the story's folder.


def wound(scenario: Scenario) -> None:
    """From now on this machine has a name, so that a leap of its clock can be told from time that passed; as it was left."""
    file = scenario.folder / "clock"
    if not file.exists():
        file.write_text(json.dumps({"off": 0.0, "now": scenario.clock.now().isoformat(), "seq": 0}))
    set_again(scenario)


def set_again(scenario: Scenario) -> None:
    """The clock as the story left it, if it ever touched it."""
    file = scenario.folder / "clock"
    if not file.exists():
        return
    left = json.loads(file.read_text())
    with scenario.reading() as reading:
        events = list(reading.ledger.events())
    since = [event.ts for event in events if event.seq > left["seq"]]
    now = moment(since[-1]) if since else datetime.fromisoformat(left["now"])
    scenario.clock = VirtualClock(now, machine="desk", leapt=timedelta(seconds=left["off"]))


def _leap(t: "Teller", length: timedelta) -> None:
    """The clock is set, once."""
    t.moves += 1
    mark, file = t.scenario.folder / f"leapt-{t.moves}", t.scenario.folder / "clock"
    if mark.exists():
        return
    left = json.loads(file.read_text())
    t.scenario.clock.leap(length)
    with t.scenario.reading() as reading:
        seq = max(event.seq for event in reading.ledger.events())
    off = left["off"] + length.total_seconds()
    _written(file, json.dumps({"off": off, "now": t.scenario.clock.now().isoformat(), "seq": seq}))
    mark.touch()


def _written(file: Path, text: str) -> None:
    part = file.with_suffix(".part")
    part.write_text(text)
    part.replace(file)
