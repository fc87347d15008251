"""demo and init: the first five minutes."""

import argparse
import os
import shutil
import sys
from collections import Counter
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from engine.app import awaiting, making, passing, remembering
from engine.app.attaching import lines
from engine.app.clock import present
from engine.cli import attaching, cards, here, narrate
from engine.cli.talk import colour, error, line, prompt, put, put_table, say
from engine.memory.client import MemoryClient
from engine.model import events as e
from engine.model import ids
from engine.model.errors import PermanentError, TransientError, UsageError


def init(args: argparse.Namespace) -> int:
    """Make a workspace."""
    root = Path(args.folder).absolute()
    branch = making.room(root)
    ask = here.person()
    name = args.name or (prompt("your name: ") if ask else "")
    email = _address(args.email, ask=ask)
    mailbox = attaching.wanted(args, ask=ask)
    email = making.address_of(email or (mailbox.address if mailbox else ""))
    block = lines(mailbox, since=present().astimezone().date()) if mailbox else ""
    name = name.strip() or _account(email)
    zone = making.machine_zone(os.environ)
    written = making.make(root, name=name, email=email, mailbox=block, zone=zone)
    say(
        f"{colour('✓', 'green', sys.stderr)} {len(written)} files in {root}, committed on branch {branch}, which runs"
    )
    say(f"  letters are from {line(name, 60)} <{email}>: operator in steward.yaml")
    say(f"  your days begin in {zone}: time-zone in steward.yaml")
    if odd := making.doubtful(email):
        say(f"  {colour('!', 'yellow', sys.stderr)} {odd}")
    for path, why in _WHY:
        say(f"  {path:<34} {why}")
    code = attaching.connect(root, mailbox, ask=ask) if mailbox else 0
    say("\n  state and keys are outside the folder: `steward status` says where; back both up")
    say(
        f"\n  cd {args.folder}\n  {command()} check\n  {command()} secrets enrol passphrase\n  {command()} run"
    )
    return code


_TRIES = 3


def _address(given: str, *, ask: bool) -> str:
    """What the flag says, else what is typed; empty for what is to be that of the mailbox. Raises UsageError on a flag that can't work."""
    if given:
        return making.address_of(given)
    for _ in range(_TRIES if ask else 0):
        typed = prompt("your address (Enter: that of the mailbox you name next): ")
        try:
            return making.address_of(typed) if typed else ""
        except UsageError as problem:
            error(problem)
    return ""


def _account(email: str) -> str:
    """The name of whoever is logged in, as the machine has it; else the part of the address before the @."""
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
        else f"{sys.executable} -P -m engine.cli.main"  # -P: import nothing from the folder one stands in
    )


def demo(args: argparse.Namespace) -> int:
    """A dozen letters through the real engine, in a workspace of their own. No account, no key, no network."""
    root = Path(args.folder).absolute() if args.folder else making.demo_folder(os.environ)
    say(f"{colour('Steward demo', 'bold', sys.stderr)}   no account, no key, no network\n")
    made = making.make_demo(root, os.environ)
    workspace = made.workspace
    say(f"  workspace   {root}  (a git repository, commit {workspace.tree.commit[:8]})")
    say(f"  state       {workspace.state.path}")
    memory = remembering.client(workspace, os.environ)
    _wake(memory)
    narrator = narrate.Narrator(workspace, loud=_LOUD)
    passing.carry(
        workspace,
        passing.request("enrol", actor=here.actor(), target="passphrase"),
        listen=narrate.silent,
    )
    placed = making.deliver(made)
    say(f"  letters     {len(placed)} dropped into vault/inbox/leads")
    say(f"  memory      {_warm(memory, workspace.tree.commit)}\n")
    passing.carry(
        workspace, passing.request("pass", actor=here.actor()), listen=narrator.hear, screen=narrator.notice
    )
    reading = passing.look(workspace)
    try:
        _summary(reading, root, made.passphrase)
    finally:
        narrator.close()
        reading.close()
    return 0


_PATIENCE = 22.0
"""Seconds the demo waits for the memory process; longer, and its letters are answered by full text."""


def _wake(memory: MemoryClient | None) -> None:
    """Let it warm up while the rest is made."""
    try:
        if memory is not None:
            memory.wake()
    except PermanentError:
        return  # `_warm` says why


def _warm(memory: MemoryClient | None, commit: str) -> str:
    """How recall stands when the letters are read."""
    if memory is None:
        return "full text: what compares meanings is not installed, or switched off"
    try:
        made = memory.sync(commit, seconds=_PATIENCE)
    except (TransientError, PermanentError) as problem:
        return f"full text: {problem.message}"
    return f"{made['passages']} passages of {made['notes']} notes, found by meaning and words"


_LOUD: tuple[type[Any], ...] = (
    e.RunCreated, e.EffectHeld, e.EffectSucceeded, e.EffectFailed, e.EffectUnknown, e.CardOpened, e.RunEnded, e.StepFailed,
)  # fmt: skip


def _summary(reading: passing.Reading, root: Path, passphrase: str) -> None:
    book = reading.book
    waiting = {one.run: one for one in awaiting.rows(reading, now=here.now())}
    put()
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
    put()
    put(
        f"  put aside   {', '.join(f'{count} {name}' for name, count in sorted(book.ignored.items())) or 'nothing'}"
    )
    outbox = sorted((root / "outbox").glob("*.eml"))
    put(f"  outbox      {len(outbox)} letters in {root / 'outbox'}")
    for path in outbox[:3]:
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        put(
            f"              {path.name}  to {line(str(message['To']), 40)}: {line(str(message['Subject']), 50)}"
        )
    put(f"  recalled    {_recalled(reading)}")
    put("  cost        0.00 USD (no model is configured)")
    put(f"  passphrase  {passphrase}   (this demo's own: money and contracts ask for it)")
    put()
    put("  next:")
    put(f"    cd {root}")
    for text in _next(waiting):
        put(f"    {command()} {text}")


def _recalled(reading: passing.Reading) -> str:
    """How many passages the runs looked at, what found them, and one of them."""
    found = [
        note
        for run in reading.book.runs.values()
        for step in run.steps.values()
        if step.outputs
        for note in cards.passages(reading.ledger.unseal(ids.ValueId(step.outputs)))
    ]
    by = ", ".join(
        f"{count} by {name}" for name, count in sorted(Counter(one["found-by"] for one in found).items())
    )
    return f"{by}: {cards.cited(found[0])} …" if found else "nothing"


def _next(waiting: dict[str, awaiting.Row]) -> list[str]:
    """What to type: the oldest card that needs no passphrase first."""
    cards = sorted(waiting.values(), key=lambda one: one.strength)
    steps = [f"show {cards[0].short}", f"approve {cards[0].short}"] if cards else []
    return ["queue", *steps, "log", "verify"]
