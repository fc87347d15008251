"""status, verify: how things stand, and the proof. All from the ledger alone."""

import argparse
from decimal import Decimal
from typing import Any

from engine.app import awaiting, connections, deploying, health, outstanding, passing, views
from engine.app.clock import present
from engine.app.passing import Reading
from engine.app.workspace import Workspace
from engine.cli import here, letters, narrate
from engine.cli.talk import ago, colour, line, put, put_json, put_table, quoted, say
from engine.kernel import expecting
from engine.ledger import Keys, Ledger, holder
from engine.model import effects, ids
from engine.model.canonical import Json
from engine.model.errors import EngineError
from engine.model.plan import Plan, undone_by
from engine.model.state import Aside, Book, RunState, StepState
from engine.model.triggers import IGNORED_REASONS


def show_run(reading: Reading, run: RunState, *, as_json: bool) -> int:
    """One run: its steps and how each stands."""
    plan = _plan(reading, run)
    if as_json:
        steps = {
            name: {"status": s.status, "because": s.because, "code": s.code, "attempt": s.attempt}
            | ({"words": _previewed(reading, s)} if s.status == "previewed" else {})
            for name, s in run.steps.items()
        }
        put_json(
            "run",
            {
                "run": run.id,
                "playbook": run.playbook,
                "status": run.status,
                "waiting": run.waiting,
                "steps": steps,
            },
        )
        return 0
    put(
        f"{run.playbook}  run {ids.short(run.id)}  {narrate.outcome_of(reading.book, run.id)}  {run.reason}  commit {run.commit[:8]}"
    )
    if thread := _thread(reading, run):
        put(f"  thread {thread}")
    rows = []
    # What takes a step back stands below it once it has begun.
    for node in (one for one in plan.every() if one.id in run.steps or not undone_by(one.id)):
        step = run.step(node.id)
        why = step.because or step.code
        if step.message:
            why = f"{why}: {reading.ledger.unseal(ids.ValueId(step.message))}"
        if node.id == run.ended_by:
            why = views.said_at_end(reading, run)
        status = "taken back" if step.undone else step.status
        rows.append([node.id, status, node.uses, line(why, 90)])
    put_table(rows)
    for name, step in run.steps.items():
        if step.status == "previewed" and (words := _previewed(reading, step)):
            put(f"  {name}, nothing left; it would have been:")
            for one in quoted("\n".join(words), lines=60):
                put(f"  {one}")
    for one in letters.of_run(reading, run):
        put(one)
    put_table(_in_mind(reading, run))
    say(f"\n  steward log {ids.short(run.id)}")
    return 0


def _previewed(reading: Reading, step: StepState) -> list[str]:
    """What a step would have done, where it ran in shadow; empty for all the items of one together."""
    if not step.proposal:
        return []
    try:
        return effects.words(effects.load(reading.ledger.unseal(ids.ValueId(step.proposal))))
    except EngineError as error:
        return [f"unknowable: {error.message}"]


def _in_mind(reading: Reading, run: RunState) -> list[list[str]]:
    """What the run keeps in mind for its conversation, and until when; nothing once that is over."""
    from engine.app import rooms

    workspace = here.workspace()
    entries = rooms.working(workspace, reading.keys).of_run(run.id, now=here.now())
    return [["in mind", one.name, f"until {one.until[:16]}Z", line(_kept(one.value), 90)] for one in entries]


def _kept(value: Json) -> str:
    notes = value.get("notes") if isinstance(value, dict) else None
    if not isinstance(notes, list):
        return str(value)
    return ", ".join(f"{one['note'].get('path')}: {one['note'].get('title')}" for one in notes)


def _thread(reading: Reading, run: RunState) -> str:
    """The conversation a run is about, as other playbooks take it; empty for none."""
    for value in (run.event, run.inputs):
        try:
            found = reading.ledger.unseal(ids.ValueId(value)) if value else None
        except EngineError:
            continue
        if isinstance(found, dict) and isinstance(found.get("thread"), str):
            return line(found["thread"], 80)
    return ""


def show_letter(reading: Reading, aside: Aside, *, as_json: bool) -> int:
    """A letter that was put aside: why, from whom, its words, and what to type."""
    letter = awaiting.put_aside(reading, aside)
    if as_json:
        put_json("letter", {"letter": aside.letter, "status": aside.status, "reason": aside.reason, **letter})
        return 0
    short = ids.short(aside.letter)
    put(f"{short}  put aside: {IGNORED_REASONS.get(aside.reason, aside.reason)}   {aside.status}")
    put(f"  {line(awaiting.sender(letter), 140)}")
    put(f"  lies in   {line(str(letter['place']), 120)}")
    for attached in letter.get("attachments") or ():
        put(f"  attached  {line(str(attached['name']), 80)} ({attached['media']}, {attached['size']} bytes)")
    for text in quoted(str(letter.get("text") or ""), lines=40):
        put(f"  {text}")
    way = (
        f"steward take {short}   ·   steward dismiss {short}"
        if aside.status == "open"
        else f"steward undo {short}"
    )
    say(f"\n  {way}")
    return 0


def _plan(reading: Reading, run: RunState) -> Plan:
    from engine.language import serial

    return serial.from_bytes(reading.ledger.kept(run.plan))


def status(args: argparse.Namespace) -> int:
    """Is everything alive."""
    workspace = here.workspace()
    reading = passing.look(workspace)
    try:
        facts = _facts(workspace, reading)
        if args.json:
            put_json("status", facts)
            return 0
        for name, value in facts.items():
            put(f"  {name:<12} {value}")
        return 0
    finally:
        reading.close()


def _facts(workspace: Workspace, reading: Reading) -> dict[str, Any]:
    book = reading.book
    owner = holder(workspace.state)
    counts: dict[str, int] = {}
    for run in book.runs.values():
        name = (
            run.status
            if run.terminal or run.status == "queued"
            else f"waiting for {run.waiting or 'its turn'}"
        )
        counts[name] = counts.get(name, 0) + 1
    sent = sum(
        1
        for run in book.runs.values()
        for step in run.steps.values()
        if step.intents and step.status == "succeeded"
    )
    last = max((run.created for run in book.runs.values()), default="")
    waiting = awaiting.lines(awaiting.rows(reading, now=here.now(), snoozed=True))
    flag = workspace.state.path / "stop"
    return {
        "workspace": str(workspace.root),
        "deployed": deploying.standing(workspace).words,
        "effects": _effects(reading, stopped=book.stopped or flag.exists()),
        "owner": f"{'up: ' if owner.stays else ''}process {owner.pid} on {owner.host}"
        if owner
        else "nobody; the next command is",
        "runs": ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none yet",
        "sent": sent,
        "put aside": ", ".join(f"{count} {name}" for name, count in sorted(book.ignored.items()))
        or "nothing",
        "connectors": "; ".join(
            f"{one.said}: {one.way_out}" for one in connections.held(book, now=here.now())
        )
        or "none is held back",
        "mailboxes": line("; ".join(_mailboxes(workspace, reading)), 300) or "nothing is known to be wrong",
        "waits": f"{len(waiting)} for you" + (": steward queue" if waiting else ""),
        "by itself": _by_itself(workspace, reading),
        "absent": "; ".join(_absent(book)) or "nothing",
        "last run": f"{ago(last, present())} ago" if last else "never",
        "cost": f"{sum((one.usd for one in book.costs.values()), Decimal(0)):.2f} USD"
        + ("" if workspace.config.models else " (no model is configured)"),
        "state": str(workspace.state.path),
        "ledger": reading.ledger.trouble or f"{book.seq} events",
    }


def _effects(reading: Reading, *, stopped: bool) -> str:
    if stopped:
        return "STOPPED: steward resume"
    return "may leave" if reading.ill is None else f"HELD: {reading.ill.problem}: {reading.ill.way_out}"


def _by_itself(workspace: Workspace, reading: Reading) -> str:
    """What could not act yet and is tried again."""
    waits = outstanding.outstanding(reading)
    if not waits:
        return "nothing waits for another try"
    first = f"{waits[0].playbook} {waits[0].said(workspace.config.time_zone, present())}"
    more = f", and {len(waits) - 1} more" if len(waits) > 1 else ""
    return f"{line(first, 240)}{more}; {outstanding.WAY_OUT}"


def _mailboxes(workspace: Workspace, reading: Reading) -> list[str]:
    """What was wrong with mailboxes on a server when they were last read."""
    settings = workspace.config.connector("email")
    if not (settings.get("host") or settings.get("imap-host")):
        return []
    # What speaks to mail servers is imported only where one is named.
    from engine.app.mailboxes import troubles

    return troubles(workspace, reading.keys)


def _absent(book: Book) -> list[str]:
    """What should have happened and did not; with what to type where it is in the ledger already."""
    now = present()
    found = expecting.standing(book, now=now, lives=lambda _playbook, _schedule: True)
    return [
        line(expecting.sentence(one, now=now), 120)
        + (f" (steward answer {ids.short(one.id)} seen)" if one.raised else "")
        for one in found
    ]


def verify(args: argparse.Namespace) -> int:
    """The proof, or the first bad place; exit 1 when something was altered, cut off or lost."""
    workspace = here.workspace()
    keys = Keys.open(workspace.state)
    ledger = Ledger.open(workspace.state, keys=keys, owner=None)
    try:
        report, trouble = health.verified(workspace, ledger)
        if args.json:
            put_json("verify", {"ok": not trouble, "events": report.events, "values": report.values, "problem": trouble,
                                "bad": report.bad, "seq": report.head[0], "hash": report.head[1]})  # fmt: skip
        elif trouble:
            say(f"{colour('✗', 'red')} {trouble}")
            say("  No effect leaves until this is mended: restore the state directory from a backup, then")
            say("  steward verify   (or let effects leave as it is: steward resume --damaged)")
        else:
            put(f"✓ {report.events} events, {report.values} sealed values: nothing altered, cut off or lost")
            put(f"  head {report.head[0]} {report.head[1][:16]}…")
        return 1 if trouble else 0
    finally:
        ledger.close()
        keys.close()
