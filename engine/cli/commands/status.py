"""status, verify: the state of the workspace, and the proof. All from the ledger alone."""

import argparse
from decimal import Decimal
from typing import Any

from engine.app.commands import command_bus
from engine.app.commands.command_bus import LedgerReader
from engine.app.queries import connector_status, descriptions, queue, waiting_steps
from engine.app.workspace import deployment, state_check
from engine.app.workspace.clock import present
from engine.app.workspace.workspace import Workspace
from engine.cli import context
from engine.cli.commands import letters
from engine.cli.output import ago, colour, err, line, out, put_json, put_table, quoted
from engine.cli.screen import progress
from engine.kernel.alarms import expectations
from engine.ledger import Keys, Ledger, current_owner
from engine.model import effects
from engine.model.definitions.plan import Plan, undone_by
from engine.model.definitions.triggers import IGNORED_REASONS
from engine.model.errors import EngineError
from engine.model.state.state import Aside, RunState, State, StepState
from engine.model.values import ids
from engine.model.values.canonical_json import Json


def show_run(reading: LedgerReader, run: RunState, *, as_json: bool) -> int:
    """One run: its steps and their status."""
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
    out(
        f"{run.playbook}  run {ids.short(run.id)}  {progress.outcome_of(reading.book, run.id)}  {run.reason}  commit {run.commit[:8]}"
    )
    if thread := _thread(reading, run):
        out(f"  thread {thread}")
    rows = []
    # A step that undoes another is listed below it once it has begun.
    for node in (node for node in plan.every() if node.id in run.steps or not undone_by(node.id)):
        step = run.step(node.id)
        why = step.because or step.code
        if step.message:
            why = f"{why}: {reading.ledger.unseal(ids.ValueId(step.message))}"
        if node.id == run.ended_by:
            why = descriptions.end_reason(reading, run)
        status = "taken back" if step.undone else step.status
        rows.append([node.id, status, node.uses, line(why, 90)])
    put_table(rows)
    for name, step in run.steps.items():
        if step.status == "previewed" and (words := _previewed(reading, step)):
            out(f"  {name}, nothing left; it would have been:")
            for text in quoted("\n".join(words), lines=60):
                out(f"  {text}")
    for text in letters.of_run(reading, run):
        out(text)
    put_table(_in_mind(reading, run))
    err(f"\n  steward log {ids.short(run.id)}")
    return 0


def _previewed(reading: LedgerReader, step: StepState) -> list[str]:
    """What a step would have done, when it ran in shadow; empty for a step that runs once for each item."""
    if not step.proposal:
        return []
    try:
        return effects.words(effects.load(reading.ledger.unseal(ids.ValueId(step.proposal))))
    except EngineError as error:
        return [f"unknowable: {error.message}"]


def _in_mind(reading: LedgerReader, run: RunState) -> list[list[str]]:
    """The working memory of the run's conversation, and until when; empty once it has expired."""
    from engine.app.adapters import registry

    workspace = context.workspace()
    entries = registry.working(workspace, reading.keys).of_run(run.id, now=context.now())
    return [
        ["in mind", entry.name, f"until {entry.until[:16]}Z", line(_working_words(entry.value), 90)]
        for entry in entries
    ]


def _working_words(value: Json) -> str:
    notes = value.get("notes") if isinstance(value, dict) else None
    if not isinstance(notes, list):
        return str(value)
    return ", ".join(f"{note['note'].get('path')}: {note['note'].get('title')}" for note in notes)


def _thread(reading: LedgerReader, run: RunState) -> str:
    """The thread of the conversation a run is about; empty for none."""
    for value in (run.event, run.inputs):
        try:
            content = reading.ledger.unseal(ids.ValueId(value)) if value else None
        except EngineError:
            continue
        if isinstance(content, dict) and isinstance(content.get("thread"), str):
            return line(content["thread"], 80)
    return ""


def show_letter(reading: LedgerReader, aside: Aside, *, as_json: bool) -> int:
    """A letter that was put aside: why, from whom, its words, and what to type."""
    letter = queue.put_aside(reading, aside)
    if as_json:
        put_json("letter", {"letter": aside.letter, "status": aside.status, "reason": aside.reason, **letter})
        return 0
    short = ids.short(aside.letter)
    out(f"{short}  put aside: {IGNORED_REASONS.get(aside.reason, aside.reason)}   {aside.status}")
    out(f"  {line(queue.sender(letter), 140)}")
    out(f"  lies in   {line(str(letter['place']), 120)}")
    for attached in letter.get("attachments") or ():
        out(f"  attached  {line(str(attached['name']), 80)} ({attached['media']}, {attached['size']} bytes)")
    for text in quoted(str(letter.get("text") or ""), lines=40):
        out(f"  {text}")
    way = (
        f"steward take {short}   ·   steward dismiss {short}"
        if aside.status == "open"
        else f"steward undo {short}"
    )
    err(f"\n  {way}")
    return 0


def _plan(reading: LedgerReader, run: RunState) -> Plan:
    from engine.language.passes import plan_codec

    return plan_codec.from_bytes(reading.ledger.load_content(run.plan))


def status(args: argparse.Namespace) -> int:
    """Is everything alive."""
    workspace = context.workspace()
    reading = command_bus.open_reader(workspace)
    try:
        facts = _facts(workspace, reading)
        if args.json:
            put_json("status", facts)
            return 0
        for name, value in facts.items():
            out(f"  {name:<12} {value}")
        return 0
    finally:
        reading.close()


def _facts(workspace: Workspace, reading: LedgerReader) -> dict[str, Any]:
    book = reading.book
    owner = current_owner(workspace.state)
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
    waiting = queue.lines(queue.rows(reading, now=context.now(), snoozed=True))
    flag = workspace.state.path / "stop"
    return {
        "workspace": str(workspace.root),
        "deployed": deployment.standing(workspace).words,
        "effects": _effects(reading, stopped=book.stopped or flag.exists()),
        "owner": f"{'up: ' if owner.stays else ''}process {owner.pid} on {owner.host}"
        if owner
        else "nobody; the next command is",
        "runs": ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none yet",
        "sent": sent,
        "put aside": ", ".join(f"{count} {name}" for name, count in sorted(book.ignored.items()))
        or "nothing",
        "connectors": "; ".join(
            f"{connector.sentence}: {connector.way_out}"
            for connector in connector_status.held_connectors(book, now=context.now())
        )
        or "none is held back",
        "mailboxes": line("; ".join(_mailboxes(workspace, reading)), 300) or "nothing is known to be wrong",
        "waits": f"{len(waiting)} for you" + (": steward queue" if waiting else ""),
        "by itself": _by_itself(workspace, reading),
        "absent": "; ".join(_absent(book)) or "nothing",
        "last run": f"{ago(last, present())} ago" if last else "never",
        "cost": f"{sum((cost.usd for cost in book.costs.values()), Decimal(0)):.2f} USD"
        + ("" if workspace.config.models else " (no model is configured)"),
        "state": str(workspace.state.path),
        "ledger": reading.ledger.trouble or f"{book.seq} events",
    }


def _effects(reading: LedgerReader, *, stopped: bool) -> str:
    if stopped:
        return "STOPPED: steward resume"
    return "may leave" if reading.ill is None else f"HELD: {reading.ill.problem}: {reading.ill.way_out}"


def _by_itself(workspace: Workspace, reading: LedgerReader) -> str:
    """The steps that could not act yet and are tried again."""
    waits = waiting_steps.outstanding(reading)
    if not waits:
        return "nothing waits for another try"
    first = f"{waits[0].playbook} {waits[0].sentence(workspace.config.time_zone, present())}"
    others = f", and {len(waits) - 1} more" if len(waits) > 1 else ""
    return f"{line(first, 240)}{others}; {waiting_steps.WAY_OUT}"


def _mailboxes(workspace: Workspace, reading: LedgerReader) -> list[str]:
    """What was wrong with mailboxes on a server when they were last read."""
    settings = workspace.config.connector("email")
    if not (settings.get("host") or settings.get("imap-host")):
        return []
    # The mail client is imported only when a server is named.
    from engine.app.adapters.mailboxes import troubles

    return troubles(workspace, reading.keys)


def _absent(book: State) -> list[str]:
    """What should have happened and did not; with what to type where it is in the ledger already."""
    now = present()
    alarms = expectations.open_alarms(book, now=now, lives=lambda _playbook, _schedule: True)
    return [
        line(expectations.sentence(alarm, now=now), 120)
        + (f" (steward answer {ids.short(alarm.id)} seen)" if alarm.raised else "")
        for alarm in alarms
    ]


def verify(args: argparse.Namespace) -> int:
    """The proof, or the first bad place; exit 1 when something was altered, cut off or lost."""
    workspace = context.workspace()
    keys = Keys.open(workspace.state)
    ledger = Ledger.open(workspace.state, keys=keys, owner=None)
    try:
        report, trouble = state_check.verified(workspace, ledger)
        if args.json:
            put_json("verify", {"ok": not trouble, "events": report.events, "values": report.values, "problem": trouble,
                                "bad": report.bad, "seq": report.head[0], "hash": report.head[1]})  # fmt: skip
        elif trouble:
            err(f"{colour('✗', 'red')} {trouble}")
            err("  No effect leaves until this is mended: restore the state directory from a backup, then")
            err("  steward verify   (or let effects leave as it is: steward resume --damaged)")
        else:
            out(f"✓ {report.events} events, {report.values} sealed values: nothing altered, cut off or lost")
            out(f"  head {report.head[0]} {report.head[1][:16]}…")
        return 1 if trouble else 0
    finally:
        ledger.close()
        keys.close()
