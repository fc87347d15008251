"""demo and init: the first five minutes."""

import argparse
import os
import shutil
import sys
from collections import Counter
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from engine.app.adapters import memory_process
from engine.app.commands import command_bus
from engine.app.queries import queue
from engine.app.setup import new_workspace
from engine.app.setup.mailbox_wizard import lines
from engine.app.workspace.clock import present
from engine.cli import context
from engine.cli.output import colour, err, error, line, out, prompt, put_table
from engine.cli.screen import card_view, mailbox_prompt, progress
from engine.memory.client import MemoryClient
from engine.model.errors import PermanentError, TransientError, UsageError
from engine.model.events import events as e
from engine.model.values import ids


def init(args: argparse.Namespace) -> int:
    """Make a workspace."""
    root = Path(args.folder).absolute()
    branch = new_workspace.room(root)
    ask = context.person()
    name = args.name or (prompt("your name: ") if ask else "")
    email = _address(args.email, ask=ask)
    mailbox = mailbox_prompt.ask_for_mailbox(args, ask=ask)
    email = new_workspace.address_of(email or (mailbox.address if mailbox else ""))
    block = lines(mailbox, since=present().astimezone().date()) if mailbox else ""
    name = name.strip() or _account(email)
    zone = new_workspace.machine_zone(os.environ)
    written = new_workspace.make(root, name=name, email=email, mailbox=block, zone=zone)
    err(
        f"{colour('✓', 'green', sys.stderr)} {len(written)} files in {root}, committed on branch {branch}, which runs"
    )
    err(f"  letters are from {line(name, 60)} <{email}>: operator in steward.yaml")
    err(f"  your days begin in {zone}: time-zone in steward.yaml")
    if odd := new_workspace.doubtful(email):
        err(f"  {colour('!', 'yellow', sys.stderr)} {odd}")
    for path, why in _WHY:
        err(f"  {path:<34} {why}")
    code = mailbox_prompt.connect(root, mailbox, ask=ask) if mailbox else 0
    err("\n  state and keys are outside the folder: `steward status` says where; back both up")
    err(
        f"\n  cd {args.folder}\n  {command()} check\n  {command()} secrets enrol passphrase\n  {command()} run"
    )
    return code


_TRIES = 3


def _address(address: str, *, ask: bool) -> str:
    """The address of the flag, else the typed one; empty to take the mailbox's own. Raises UsageError on a flag that can't work."""
    if address:
        return new_workspace.address_of(address)
    for _ in range(_TRIES if ask else 0):
        typed = prompt("your address (Enter: that of the mailbox you name next): ")
        try:
            return new_workspace.address_of(typed) if typed else ""
        except UsageError as problem:
            error(problem)
    return ""


def _account(email: str) -> str:
    """The login user's full name as the machine has it; else the part of the address before the @."""
    try:
        import pwd

        name = pwd.getpwuid(os.getuid()).pw_gecos.partition(",")[0].strip()
    except (ImportError, KeyError, OSError):
        name = ""
    return name if " " in name else email.partition("@")[0]


_WHY = (
    ("steward.yaml", "who you are, your time zone, currency and budgets"),
    ("playbooks/lead-capture.yaml", "what happens to a letter: classify, acknowledge, draft, ask you"),
    ("vault/sops/answer-a-lead.md", "a checklist that runs: steward run answer-a-lead"),
    ("vault/intents/", "the words that decide what a letter wants"),
    ("vault/templates/", "your fixed words"),
    ("vault/knowledge/", "contacts, prices, notes: what replies draw on"),
    ("vault/policy.yaml", "what always asks, and caps nothing gets past"),
    ("vault/inbox/", "drop .eml files here (not tracked by git)"),
    ("AGENTS.md", "how a coding agent writes playbooks well here"),
    (".vscode/ .zed/ .idea/", "which schema belongs to which file, for three editors"),
)


def command() -> str:
    """How `steward` is called here."""
    if shutil.which("steward"):
        return "steward"
    return (
        str(Path(sys.argv[0]).absolute())
        if Path(sys.argv[0]).name.startswith("steward")
        else f"{sys.executable} -P -m engine.cli.main"  # -P: import nothing from the current folder
    )


def demo(args: argparse.Namespace) -> int:
    """A dozen letters through the real engine, in a workspace of their own. No account, no key, no network."""
    root = Path(args.folder).absolute() if args.folder else new_workspace.demo_folder(os.environ)
    err(f"{colour('Steward demo', 'bold', sys.stderr)}   no account, no key, no network\n")
    company = new_workspace.make_demo(root, os.environ)
    workspace = company.workspace
    err(f"  workspace   {root}  (a git repository, commit {workspace.tree.commit[:8]})")
    err(f"  state       {workspace.state.path}")
    memory = memory_process.client(workspace, os.environ)
    _wake(memory)
    narrator = progress.Narrator(workspace, loud=_LOUD)
    command_bus.submit(
        workspace,
        command_bus.request("enrol", actor=context.actor(), target="passphrase"),
        listen=progress.silent,
    )
    placed = new_workspace.deliver(company)
    err(f"  letters     {len(placed)} dropped into vault/inbox/leads")
    err(f"  memory      {_warm(memory, workspace.tree.commit)}\n")
    command_bus.submit(
        workspace,
        command_bus.request("pass", actor=context.actor()),
        listen=narrator.hear,
        screen=narrator.notice,
    )
    reading = command_bus.open_reader(workspace)
    try:
        _summary(reading, root, company.passphrase)
    finally:
        narrator.close()
        reading.close()
    return 0


_PATIENCE = 22.0
"""Seconds the demo waits for the memory process; longer, and its letters are answered by full text."""


def _wake(memory: MemoryClient | None) -> None:
    """Let it warm up while the workspace is made."""
    try:
        if memory is not None:
            memory.wake()
    except PermanentError:
        return  # `_warm` says why


def _warm(memory: MemoryClient | None, commit: str) -> str:
    """Whether recall is warm when the letters are read, in words."""
    if memory is None:
        return "full text: what compares meanings is not installed, or switched off"
    try:
        counts = memory.sync(commit, seconds=_PATIENCE)
    except (TransientError, PermanentError) as problem:
        return f"full text: {problem.message}"
    return f"{counts['passages']} passages of {counts['notes']} notes, found by meaning and words"


_LOUD: tuple[type[Any], ...] = (
    e.RunCreated, e.EffectHeld, e.EffectSucceeded, e.EffectFailed, e.EffectUnknown, e.CardOpened, e.RunEnded, e.StepFailed,
)  # fmt: skip


def _summary(reading: command_bus.LedgerReader, root: Path, passphrase: str) -> None:
    book = reading.book
    waiting = {row.run: row for row in queue.rows(reading, now=context.now())}
    out()
    rows = [["letter from", "subject", "intent", "what happened", "waits for you"]]
    for run in book.runs.values():
        letter = reading.ledger.unseal(ids.ValueId(run.event or ""))
        intent = (
            reading.ledger.unseal(ids.ValueId(run.step("intent").outputs or ""))["name"]
            if run.step("intent").outputs
            else "–"
        )
        sent = [name for name, step in run.steps.items() if step.status == "succeeded" and step.intents]
        happened = ", ".join(sent) or (run.status if run.terminal else "–")
        card = waiting.get(run.id)
        strength = " (passphrase)" if card and card.strength == 2 else ""
        rows.append(
            [
                line(letter["from"], 28),
                line(letter["subject"], 34),
                intent,
                happened,
                f"{card.title} {card.short}{strength}" if card else "–",
            ]
        )
    put_table(rows)
    out()
    out(
        f"  put aside   {', '.join(f'{count} {name}' for name, count in sorted(book.ignored.items())) or 'nothing'}"
    )
    outbox = sorted((root / "outbox").glob("*.eml"))
    out(f"  outbox      {len(outbox)} letters in {root / 'outbox'}")
    for path in outbox[:3]:
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        out(
            f"              {path.name}  to {line(str(message['To']), 40)}: {line(str(message['Subject']), 50)}"
        )
    out(f"  recalled    {_recalled(reading)}")
    out("  cost        0.00 USD (no model is configured)")
    out(f"  passphrase  {passphrase}   (this demo's own: money and contracts ask for it)")
    out()
    out("  next:")
    out(f"    cd {root}")
    for text in _next(waiting):
        out(f"    {command()} {text}")


def _recalled(reading: command_bus.LedgerReader) -> str:
    """How many passages the runs looked at, what found them, and one of them."""
    notes = [
        note
        for run in reading.book.runs.values()
        for step in run.steps.values()
        if step.outputs
        for note in card_view.passages(reading.ledger.unseal(ids.ValueId(step.outputs)))
    ]
    by = ", ".join(
        f"{count} by {name}" for name, count in sorted(Counter(note["found-by"] for note in notes).items())
    )
    return f"{by}: {card_view.cited(notes[0])} …" if notes else "nothing"


def _next(waiting: dict[str, queue.QueueRow]) -> list[str]:
    """What to type: the oldest card that needs no passphrase first."""
    cards = sorted(waiting.values(), key=lambda card: card.strength)
    steps = [f"show {cards[0].short}", f"approve {cards[0].short}"] if cards else []
    return ["queue", *steps, "log", "verify"]
