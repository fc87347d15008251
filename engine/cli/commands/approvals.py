"""show, approve, edit, redraft, reject, snooze, undo, dismiss."""

import argparse
import difflib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from engine.app.commands import command_bus
from engine.app.commands.command_bus import Carried, LedgerReader
from engine.app.queries import descriptions, queue
from engine.app.workspace.workspace import Workspace
from engine.cli import context
from engine.cli.commands import letters
from engine.cli.commands.queue import EXIT_WAITING
from engine.cli.output import agreed, colour, err, line, out, put_json
from engine.cli.screen import card_view, progress
from engine.model import effects
from engine.model.errors import Refused, UsageError
from engine.model.requests import Request, RequestKind
from engine.model.state.state import CardState, State
from engine.model.values import durations, ids
from engine.model.values.canonical_json import Json
from engine.model.values.timestamps import later
from engine.observe import drift


def show(args: argparse.Namespace) -> int:
    """One card, question or run, whole."""
    workspace = context.workspace()
    reading = command_bus.open_reader(workspace)
    try:
        try:
            card = descriptions.find_card(reading, args.id)
        except UsageError:
            return _show_other(reading, args)
        shown = descriptions.content(reading, card)
        if args.json:
            put_json("card", card_view.as_json(shown, card, _changed(workspace, reading, card)))
        else:
            short = descriptions.short_ids(reading.book)[card.id]
            for text in card_view.lines(shown, card, short, whole=True):
                out(text, exact=True)
            for text in letters.beside(reading, card.run):
                out(text)
            if card.status == "open":
                _say_changed(workspace, reading, card, short)
                err(
                    f"\n  steward approve {short}   ·   edit {short}   ·   reject {short}   ·   snooze {short} 1d"
                )
            if descriptions.attached(shown.get("letter") or {}) and not args.save:
                err(f"  steward show {short} --save FOLDER   writes what hangs on the letter there")
        if args.save:
            for path in card_view.save(reading, card, Path(args.save)):
                err(f"  wrote {path}")
        return 0
    finally:
        reading.close()


def _changed(workspace: Workspace, reading: LedgerReader, card: CardState) -> list[str]:
    """The files an open card was drafted from that have changed since."""
    if card.status != "open":
        return []
    return drift.changed(reading.ledger, workspace.tree, reading.book.runs[card.run], card)


def _say_changed(workspace: Workspace, reading: LedgerReader, card: CardState, short: str) -> None:
    if paths := _changed(workspace, reading, card):
        err(
            f"\n  {colour('!', 'yellow', sys.stderr)} changed since this was drafted: {line(', '.join(paths), 200)}"
        )
        err(f"    steward redraft {short}   drafts it again with today's files; nothing is sent")


def _show_other(reading: LedgerReader, args: argparse.Namespace) -> int:
    if (note := descriptions.find_note(reading, args.id)) is not None:
        return letters.show(reading, note, as_json=args.json, folder=args.save)
    try:
        run, step = descriptions.find_question(reading, args.id)
    except UsageError:
        return _show_run_or_letter(reading, args)
    question = reading.ledger.unseal(ids.ValueId(run.step(step).question)) if run.step(step).question else {}
    if args.json:
        put_json("question", {"run": run.id, "step": step, **question})
        return 0
    out(f"{question.get('title', step)}   {run.playbook} · run {ids.short(run.id)}")
    for text in (question.get("cite", ""), *question.get("context", [])):
        if text:
            out(f"  {line(text, 140)}")
    for text in card_view.question(question) if question else ():
        out(text)
    asked = {run.step(step).ask, run.step(step).key}
    open_ = queue.rows(reading, now=context.now(), snoozed=True)
    waits = next((row for row in open_ if row.id in asked), None)
    err(f"\n  {waits.needs}" if waits else "\n  answered already")
    return 0


def _show_run_or_letter(reading: LedgerReader, args: argparse.Namespace) -> int:
    from engine.cli.commands.status import show_letter, show_run

    try:
        return show_run(reading, descriptions.find_run(reading, args.id), as_json=args.json)
    except UsageError:
        if not any(id_.startswith(args.id.lower()) for id_ in reading.book.asides):
            raise
        return show_letter(reading, descriptions.find_aside(reading, args.id), as_json=args.json)


def approve(args: argparse.Namespace) -> int:
    """Yes to exactly the bytes shown. What can't be called back is asked about first; `--yes` answers that, never for a passphrase."""
    workspace = context.workspace()
    reading = command_bus.open_reader(workspace)
    try:
        card = descriptions.find_card(reading, args.id)
        if card.status == "open" and not context.person():
            _without_person(descriptions.short_ids(reading.book)[card.id], card, yes=args.yes)
        return _approve(workspace, reading, card, sure=args.yes)
    finally:
        reading.close()


def _without_person(short: str, card: CardState, *, yes: bool) -> None:
    """Without a terminal the command needs `--yes`, which suffices only where no passphrase is asked for."""
    if card.strength == 2:
        raise context.no_terminal("approve", f"steward approve {short}")
    if not yes:
        raise UsageError(
            "`steward approve` asks before it sends, and there is no terminal to ask on",
            code="no-terminal",
            now_true="Nothing was decided and nothing was sent.",
            way_out=f"read it: steward show {short}, then: steward approve {short} --yes",
        )


def _approve(workspace: Workspace, reading: LedgerReader, card: CardState, *, sure: bool = False) -> int:
    """`sure`: the question was answered already. A passphrase or code is its own question."""
    shown = descriptions.content(reading, card)
    short = descriptions.short_ids(reading.book)[card.id]
    for text in (*card_view.lines(shown, card, short, whole=False), *letters.beside(reading, card.run)):
        err(text, exact=True)
    _say_changed(workspace, reading, card, short)
    if card.status == "open" and card.strength < 2 and not sure and not _agreed(shown, short):
        return EXIT_WAITING
    asked = command_bus.request("approve", actor=context.actor(), target=card.id, digest=shown["digest"])
    if card.strength == 2 and card.status == "open":
        asked = prove(reading, asked)
    reading.ledger.close()
    return carry_out(workspace, asked, known=reading.book)


def _agreed(shown: dict[str, Any], short: str) -> bool:
    """Whether a person says yes to what can't be called back; what can be needs no question."""
    if not any(member.get("final", True) for member in shown["members"]):
        return True
    if agreed("  this can't be called back. Approve exactly these bytes? [y/N] "):
        return True
    err(f"nothing was decided; the card waits\n  steward approve {short}")
    return False


def prove(reading: LedgerReader, asked: Request) -> Request:
    """Ask for the passphrase or a code and put the proof on the request. Raises Refused when none is enrolled."""
    import getpass

    from engine.governance import second_factor

    if not (reading.keys.get_secret("strength-passphrase") or reading.keys.get_secret("strength-totp")):
        raise Refused(
            "this needs a passphrase or code of yours, and none is enrolled",
            code="not-enrolled",
            now_true="Nothing was decided and nothing was sent.",
            way_out="steward secrets enrol passphrase",
        )
    secret = getpass.getpass("passphrase or code: ", stream=sys.stderr)
    if secret.isdigit() and len(secret) == 6:
        return replace(asked, strength=2, proof=f"totp:{secret}")
    return replace(asked, strength=2, proof=second_factor.prove_passphrase(reading.keys, secret, asked))


def carry_out(workspace: Workspace, asked: Request, *, known: State | None = None) -> int:
    """Hand a request to the ledger's owner, report the result, and return its exit code. `known`: a state folded already."""
    narrator = progress.Narrator(workspace)
    carried = command_bus.submit(workspace, asked, listen=narrator.hear, screen=narrator.notice, known=known)
    code = report_result(carried, narrator, known=known)
    decided = carried.decided
    denied = isinstance(asked.body, dict) and asked.body.get("happened") is False
    if asked.kind in _LETS_GO and not denied and decided.verdict == "accepted" and decided.run:
        from engine.cli.screen import unfinished_work

        return unfinished_work.report_outcome(workspace, decided.run, known=carried.book or known)
    return code


# After these an effect leaves or fails: the exit code says which.
_LETS_GO = frozenset({"approve", "retry", "answer", "take", "redraft"})


def report_result(carried: Carried, narrator: "progress.Narrator", *, known: State | None = None) -> int:
    """Say what was decided and, when another process carries it out, wait for its effects. `known` is brought up to date on the way."""
    decided = carried.decided
    sign = colour("✓", "green", sys.stderr) if decided.exit == 0 else colour("✗", "red", sys.stderr)
    err(f"{sign} {decided.message}")
    if carried.by == "elsewhere" and decided.verdict == "accepted" and decided.run:
        narrator.follow(decided.run, since=carried.since, known=known)
    narrator.finish()
    return decided.exit


def edit(args: argparse.Namespace) -> int:
    """New words, the difference, one question."""
    context.need_person("edit")
    workspace = context.workspace()
    reading = command_bus.open_reader(workspace)
    try:
        card = descriptions.find_card(reading, args.id)
        step, old_text = _editable(reading, card, args.step)
    finally:
        reading.close()
    hidden = workspace.config.secret_names()
    new_text = _from_file(args.file) if args.file else _in_editor(old_text, args.id, hidden=hidden)
    if new_text.strip() == old_text.strip():
        err("the words are the same; nothing changed")
        return 0
    asked = command_bus.request(
        "edit", actor=context.actor(), target=card.id, body={"step": step, "text": new_text}
    )
    carried = command_bus.submit(workspace, asked, listen=progress.silent, quietly=True, known=reading.book)
    if carried.decided.exit or not carried.decided.card:
        return report_result(carried, progress.Narrator(workspace))
    return _confirm(workspace, carried.decided.card, step, old_text, known=carried.book)


def _editable(reading: LedgerReader, card: CardState, step: str | None) -> tuple[str, str]:
    run = reading.book.runs[card.run]
    for name in [step] if step else card.steps:
        if name not in card.steps:
            raise UsageError(f"the card holds no step {name}", way_out=f"it holds: {', '.join(card.steps)}")
        effect = effects.load(reading.ledger.unseal(ids.ValueId(run.step(name).proposal)))
        if effect.preview.text:
            return name, effect.preview.text
    raise UsageError(
        "this card has no words to edit", now_true="Nothing changed.", way_out=f"steward reject {card.id[:6]}"
    )


def _from_file(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise UsageError(
            f"{name} can't be read: {why}",
            now_true="Nothing changed.",
            way_out="name a file with the new words of the letter, all of them",
        ) from error


_EDITORS = ("sensible-editor", "editor", "nano", "vim", "vi")
"""Tried in order when neither $VISUAL nor $EDITOR names an editor."""


def _editor(id_: str) -> list[str]:
    """The command that edits a file. Raises UsageError when there is none, and names the way without an editor."""
    without = f"steward edit {id_} --file new-words.txt   (all the words; the old ones: steward show {id_})"
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    try:
        words = shlex.split(named or "")
    except ValueError:
        words = []
    if named and (not words or not shutil.which(words[0])):
        raise UsageError(
            f"$EDITOR names {named!r}, and there is no such program",
            now_true="Nothing changed.",
            way_out=f"export EDITOR=nano   or   {without}",
        )
    present = words or [editor for editor in _EDITORS if shutil.which(editor)][:1]
    if not present:
        raise UsageError(
            "there is no editor here, and $EDITOR names none", now_true="Nothing changed.", way_out=without
        )
    return present


def _in_editor(text: str, id_: str, *, hidden: frozenset[str]) -> str:
    command = _editor(id_)
    # Only the operator may read the folder; it is deleted with its contents, also when the editor is interrupted.
    with tempfile.TemporaryDirectory(prefix="steward-edit-") as folder:
        path = Path(folder) / "words.txt"
        path.write_text(text, encoding="utf-8")
        # An editor and its plugins get none of the variables that steward.yaml calls a secret.
        env = {name: value for name, value in os.environ.items() if name not in hidden}
        ended = subprocess.run([*command, str(path)], check=False, env=env).returncode
        if ended:
            raise UsageError(
                f"{command[0]} ended with {ended}: its words do not count",
                now_true="Nothing changed.",
                way_out=f"steward edit {id_}   or   steward edit {id_} --file new-words.txt",
            )
        return _from_file(os.fspath(path))


def _confirm(workspace: Workspace, card_id: str, step: str, old_text: str, *, known: State | None) -> int:
    reading = command_bus.open_reader(workspace, known)
    try:
        card = reading.book.cards[card_id]
        shown = descriptions.content(reading, card)
        new_text = next(m["text"] for m in shown["members"] if m["step"] == step)
        for text in difflib.unified_diff(
            old_text.splitlines(), new_text.splitlines(), "before", "after", lineterm="", n=2
        ):
            name = {"+": "green", "-": "red"}.get(text[:1], "dim")
            err(colour(line(text, 160) if text.strip() else "", name, sys.stderr))
        return _approve(workspace, reading, card)
    finally:
        reading.close()


def reject(args: argparse.Namespace) -> int:
    """No."""
    return _on_card(args, "reject", {"because": args.because})


def redraft(args: argparse.Namespace) -> int:
    """Draft again with today's files."""
    return _on_card(args, "redraft", None)


def snooze(args: argparse.Namespace) -> int:
    """Hide for a while."""
    return _on_card(args, "snooze", {"until": later(context.now(), length(args.length))})


def _on_card(args: argparse.Namespace, kind: RequestKind, body: Json) -> int:
    context.need_person(kind)
    workspace = context.workspace()
    reading = command_bus.open_reader(workspace)
    try:
        card = descriptions.find_card(reading, args.id)
    finally:
        reading.close()
    return carry_out(
        workspace,
        command_bus.request(kind, actor=context.actor(), target=card.id, body=body),
        known=reading.book,
    )


def length(text: str) -> timedelta:
    """A length such as 90s, 10m, 4h, 2d, 1w. Raises UsageError."""
    duration = durations.parse(text)
    if duration is None:
        raise UsageError(f"{text} is not a length", way_out="write it like 4h, 2d or 1w")
    return duration


def undo(args: argparse.Namespace) -> int:
    """Withdraw what is held, or take back."""
    context.need_person("undo")
    workspace = context.workspace()
    reading = command_bus.open_reader(workspace)
    try:
        note = descriptions.find_note(reading, args.id)
        try:
            target: str = note.id if note is not None else descriptions.find_card(reading, args.id).id
        except UsageError:
            target = _run_or_letter(reading, args.id)
    finally:
        reading.close()
    return carry_out(
        workspace, command_bus.request("undo", actor=context.actor(), target=target), known=reading.book
    )


def dismiss(args: argparse.Namespace) -> int:
    """Mark a letter, also one that was put aside, or a failed run as looked at."""
    context.need_person("dismiss")
    workspace = context.workspace()
    reading = command_bus.open_reader(workspace)
    try:
        note = descriptions.find_note(reading, args.id)
        target = note.id if note is not None else _run_or_letter(reading, args.id)
    finally:
        reading.close()
    return carry_out(workspace, command_bus.request("dismiss", actor=context.actor(), target=target))


def _run_or_letter(reading: LedgerReader, prefix: str) -> str:
    try:
        return descriptions.find_run(reading, prefix).id
    except UsageError as error:
        try:
            return descriptions.find_aside(reading, prefix).letter
        except UsageError:
            raise error from None
