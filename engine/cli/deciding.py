"""show, approve, edit, reject, snooze, undo, answer."""

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

from engine.app import awaiting, passing, views
from engine.app.passing import Carried, Reading
from engine.app.workspace import Workspace
from engine.cli import cards, here, letters, narrate
from engine.cli.queueing import EXIT_WAITING
from engine.cli.talk import agreed, colour, line, put, put_json, say
from engine.model import durations, effects, ids
from engine.model.canonical import Json
from engine.model.errors import Refused, UsageError
from engine.model.requests import Request, RequestKind
from engine.model.state import Book, CardState
from engine.model.times import later
from engine.observe import drifting


def show(args: argparse.Namespace) -> int:
    """One card, question or run, whole."""
    workspace = here.workspace()
    reading = passing.look(workspace)
    try:
        try:
            card = views.find_card(reading, args.id)
        except UsageError:
            return _show_other(reading, args)
        shown = views.content(reading, card)
        if args.json:
            put_json("card", cards.as_json(shown, card, _changed(workspace, reading, card)))
        else:
            short = views.shorts(reading.book)[card.id]
            for one in cards.lines(shown, card, short, whole=True):
                put(one, exact=True)
            for one in letters.beside(reading, card.run):
                put(one)
            if card.status == "open":
                _say_changed(workspace, reading, card, short)
                say(
                    f"\n  steward approve {short}   ·   edit {short}   ·   reject {short}   ·   snooze {short} 1d"
                )
            if views.attached(shown.get("letter") or {}) and not args.save:
                say(f"  steward show {short} --save FOLDER   writes what hangs on the letter there")
        if args.save:
            for path in cards.save(reading, card, Path(args.save)):
                say(f"  wrote {path}")
        return 0
    finally:
        reading.close()


def _changed(workspace: Workspace, reading: Reading, card: CardState) -> list[str]:
    """What an open card was made from and reads differently now."""
    if card.status != "open":
        return []
    return drifting.changed(reading.ledger, workspace.tree, reading.book.runs[card.run], card)


def _say_changed(workspace: Workspace, reading: Reading, card: CardState, short: str) -> None:
    if found := _changed(workspace, reading, card):
        say(
            f"\n  {colour('!', 'yellow', sys.stderr)} changed since this was drafted: {line(', '.join(found), 200)}"
        )
        say(f"    steward redraft {short}   drafts it again with today's files; nothing is sent")


def _show_other(reading: Reading, args: argparse.Namespace) -> int:
    if (note := views.find_note(reading, args.id)) is not None:
        return letters.show(reading, note, as_json=args.json, folder=args.save)
    try:
        run, step = views.find_question(reading, args.id)
    except UsageError:
        return _show_run_or_letter(reading, args)
    question = reading.ledger.unseal(ids.ValueId(run.step(step).question)) if run.step(step).question else {}
    if args.json:
        put_json("question", {"run": run.id, "step": step, **question})
        return 0
    put(f"{question.get('title', step)}   {run.playbook} · run {ids.short(run.id)}")
    for text in (question.get("cite", ""), *question.get("context", [])):
        if text:
            put(f"  {line(text, 140)}")
    for one in cards.question(question) if question else ():
        put(one)
    asked = {run.step(step).ask, run.step(step).key}
    open_ = awaiting.rows(reading, now=here.now(), snoozed=True)
    waits = next((row for row in open_ if row.id in asked), None)
    say(f"\n  {waits.needs}" if waits else "\n  answered already")
    return 0


def _show_run_or_letter(reading: Reading, args: argparse.Namespace) -> int:
    from engine.cli.knowing import show_letter, show_run

    try:
        return show_run(reading, views.find_run(reading, args.id), as_json=args.json)
    except UsageError:
        if not any(id_.startswith(args.id.lower()) for id_ in reading.book.asides):
            raise
        return show_letter(reading, views.find_aside(reading, args.id), as_json=args.json)


def approve(args: argparse.Namespace) -> int:
    """Yes to exactly the bytes shown. What can't be called back is asked about first; `--yes` answers that, never for a passphrase."""
    workspace = here.workspace()
    reading = passing.look(workspace)
    try:
        card = views.find_card(reading, args.id)
        if card.status == "open" and not here.person():
            _without_person(views.shorts(reading.book)[card.id], card, yes=args.yes)
        return _approve(workspace, reading, card, sure=args.yes)
    finally:
        reading.close()


def _without_person(short: str, card: CardState, *, yes: bool) -> None:
    """Where nobody can be asked, `--yes` has to stand in the command, and suffices only where a word does."""
    if card.strength == 2:
        raise here.no_terminal("approve", f"steward approve {short}")
    if not yes:
        raise UsageError(
            "`steward approve` asks before it sends, and there is no terminal to ask on",
            code="no-terminal",
            now_true="Nothing was decided and nothing was sent.",
            way_out=f"read it: steward show {short}, then: steward approve {short} --yes",
        )


def _approve(workspace: Workspace, reading: Reading, card: CardState, *, sure: bool = False) -> int:
    """`sure`: the question was answered already. A passphrase or code is its own question."""
    shown = views.content(reading, card)
    short = views.shorts(reading.book)[card.id]
    for one in (*cards.lines(shown, card, short, whole=False), *letters.beside(reading, card.run)):
        say(one, exact=True)
    _say_changed(workspace, reading, card, short)
    if card.status == "open" and card.strength < 2 and not sure and not _agreed(shown, short):
        return EXIT_WAITING
    asked = passing.request("approve", actor=here.actor(), target=card.id, digest=shown["digest"])
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
    say(f"nothing was decided; the card waits\n  steward approve {short}")
    return False


def prove(reading: Reading, asked: Request) -> Request:
    """Ask for the passphrase or a code and put the proof on the request. Raises Refused when none is enrolled."""
    import getpass

    from engine.governance import strength

    if not (reading.keys.get_secret("strength-passphrase") or reading.keys.get_secret("strength-totp")):
        raise Refused(
            "this needs a passphrase or code of yours, and none is enrolled",
            code="not-enrolled",
            now_true="Nothing was decided and nothing was sent.",
            way_out="steward secrets enrol passphrase",
        )
    given = getpass.getpass("passphrase or code: ", stream=sys.stderr)
    if given.isdigit() and len(given) == 6:
        return replace(asked, strength=2, proof=f"totp:{given}")
    return replace(asked, strength=2, proof=strength.prove_passphrase(reading.keys, given, asked))


def carry_out(workspace: Workspace, asked: Request, *, known: Book | None = None) -> int:
    """Hand a request to whoever owns the ledger, tell what became of it, and return its exit code. `known`: a state folded already."""
    narrator = narrate.Narrator(workspace)
    carried = passing.carry(workspace, asked, listen=narrator.hear, screen=narrator.notice, known=known)
    code = told(carried, narrator, known=known)
    decided = carried.decided
    denied = isinstance(asked.body, dict) and asked.body.get("happened") is False
    if asked.kind in _LETS_GO and not denied and decided.verdict == "accepted" and decided.run:
        from engine.cli import unfinished

        return unfinished.ended(workspace, decided.run, known=carried.book or known)
    return code


# What follows from these leaves, or does not: the exit code says which.
_LETS_GO = frozenset({"approve", "retry", "answer", "take", "redraft"})


def told(carried: Carried, narrator: "narrate.Narrator", *, known: Book | None = None) -> int:
    """Say what was decided and, when another process carries it, wait for what leaves. `known` is brought up to date on the way."""
    decided = carried.decided
    sign = colour("✓", "green", sys.stderr) if decided.exit == 0 else colour("✗", "red", sys.stderr)
    say(f"{sign} {decided.message}")
    if carried.by == "elsewhere" and decided.verdict == "accepted" and decided.run:
        narrator.follow(decided.run, after=carried.since, known=known)
    narrator.finish()
    return decided.exit


def edit(args: argparse.Namespace) -> int:
    """New words, the difference, one question."""
    here.need_person("edit")
    workspace = here.workspace()
    reading = passing.look(workspace)
    try:
        card = views.find_card(reading, args.id)
        step, before = _editable(reading, card, args.step)
    finally:
        reading.close()
    hidden = workspace.config.secret_names()
    after = _from_file(args.file) if args.file else _in_editor(before, args.id, hidden=hidden)
    if after.strip() == before.strip():
        say("the words are the same; nothing changed")
        return 0
    asked = passing.request("edit", actor=here.actor(), target=card.id, body={"step": step, "text": after})
    carried = passing.carry(workspace, asked, listen=narrate.silent, quietly=True, known=reading.book)
    if carried.decided.exit or not carried.decided.card:
        return told(carried, narrate.Narrator(workspace))
    return _confirm(workspace, carried.decided.card, step, before, known=carried.book)


def _editable(reading: Reading, card: CardState, step: str | None) -> tuple[str, str]:
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
"""What is tried where neither $VISUAL nor $EDITOR names one."""


def _editor(id_: str) -> list[str]:
    """The command that edits a file. Raises UsageError where there is none, with the way without one."""
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
    present = words or [one for one in _EDITORS if shutil.which(one)][:1]
    if not present:
        raise UsageError(
            "there is no editor here, and $EDITOR names none", now_true="Nothing changed.", way_out=without
        )
    return present


def _in_editor(text: str, id_: str, *, hidden: frozenset[str]) -> str:
    command = _editor(id_)
    # The folder is the operator's alone and goes with its contents, also when the editor is interrupted.
    with tempfile.TemporaryDirectory(prefix="steward-edit-") as folder:
        path = Path(folder) / "words.txt"
        path.write_text(text, encoding="utf-8")
        # An editor and its plugins have no business with what steward.yaml calls a secret.
        env = {name: value for name, value in os.environ.items() if name not in hidden}
        ended = subprocess.run([*command, str(path)], check=False, env=env).returncode
        if ended:
            raise UsageError(
                f"{command[0]} ended with {ended}: its words do not count",
                now_true="Nothing changed.",
                way_out=f"steward edit {id_}   or   steward edit {id_} --file new-words.txt",
            )
        return _from_file(os.fspath(path))


def _confirm(workspace: Workspace, card_id: str, step: str, before: str, *, known: Book | None) -> int:
    reading = passing.look(workspace, known)
    try:
        card = reading.book.cards[card_id]
        shown = views.content(reading, card)
        after = next(m["text"] for m in shown["members"] if m["step"] == step)
        for one in difflib.unified_diff(
            before.splitlines(), after.splitlines(), "before", "after", lineterm="", n=2
        ):
            name = {"+": "green", "-": "red"}.get(one[:1], "dim")
            say(colour(line(one, 160) if one.strip() else "", name, sys.stderr))
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
    return _on_card(args, "snooze", {"until": later(here.now(), length(args.length))})


def _on_card(args: argparse.Namespace, kind: RequestKind, body: Json) -> int:
    here.need_person(kind)
    workspace = here.workspace()
    reading = passing.look(workspace)
    try:
        card = views.find_card(reading, args.id)
    finally:
        reading.close()
    return carry_out(
        workspace, passing.request(kind, actor=here.actor(), target=card.id, body=body), known=reading.book
    )


def length(text: str) -> timedelta:
    """A length such as 90s, 10m, 4h, 2d, 1w. Raises UsageError."""
    duration = durations.parse(text)
    if duration is None:
        raise UsageError(f"{text} is not a length", way_out="write it like 4h, 2d or 1w")
    return duration


def undo(args: argparse.Namespace) -> int:
    """Withdraw what is held, or take back."""
    here.need_person("undo")
    workspace = here.workspace()
    reading = passing.look(workspace)
    try:
        note = views.find_note(reading, args.id)
        try:
            target: str = note.id if note is not None else views.find_card(reading, args.id).id
        except UsageError:
            target = _run_or_letter(reading, args.id)
    finally:
        reading.close()
    return carry_out(
        workspace, passing.request("undo", actor=here.actor(), target=target), known=reading.book
    )


def dismiss(args: argparse.Namespace) -> int:
    """A letter, also one that was put aside, or a run that failed, was looked at."""
    here.need_person("dismiss")
    workspace = here.workspace()
    reading = passing.look(workspace)
    try:
        note = views.find_note(reading, args.id)
        target = note.id if note is not None else _run_or_letter(reading, args.id)
    finally:
        reading.close()
    return carry_out(workspace, passing.request("dismiss", actor=here.actor(), target=target))


def _run_or_letter(reading: Reading, given: str) -> str:
    try:
        return views.find_run(reading, given).id
    except UsageError as error:
        try:
            return views.find_aside(reading, given).letter
        except UsageError:
            raise error from None


def answer(args: argparse.Namespace) -> int:
    """Answer a question."""
    here.need_person("answer")
    workspace = here.workspace()
    reading = passing.look(workspace)
    try:
        target, body = _answered(reading, args.id, args.words)
    finally:
        reading.close()
    return carry_out(
        workspace, passing.request("answer", actor=here.actor(), target=target, body=body), known=reading.book
    )


def _answered(reading: Reading, given: str, words: list[str]) -> tuple[str, dict[str, Json]]:
    """What is answered, and with what: an alarm, an effect nobody knows of, or a question."""
    if given == "clock":
        if words != ["right"]:
            raise UsageError(
                "the clock is right, or it is set",
                now_true="Nothing changed.",
                way_out="steward answer clock right",
            )
        return "clock", {}
    alarm = views.find_alarm(reading, given)
    if alarm is not None:
        if words != ["seen"]:
            raise UsageError("an alarm is answered with one word", way_out=f"steward answer {given} seen")
        return alarm.id, {}
    if (note := views.find_note(reading, given)) is not None:
        return note.id, letters.said(note, words)
    if words[-1:] in (["happened"], ["did-not-happen"]):
        # More ids may stand before the word: what a broken line left open is often many letters.
        keys = _unknown(reading, [given, *words[:-1]])
        if keys:
            return keys[0], {"happened": words[-1] == "happened", "also": keys[1:]}
    if given == "all":
        raise _which()
    run, step = views.find_question(reading, given)
    state = run.step(step)
    if state.status == "unknown":
        raise _which()
    question = reading.ledger.unseal(ids.ValueId(state.question))
    body = _given(question, words)
    _confirm_defaults(question, body)
    return state.ask, body


def _which() -> UsageError:
    return UsageError(
        "say whether it happened",
        now_true="Nothing was noted.",
        way_out="steward answer ID [ID …] happened   or   steward answer ID [ID …] did-not-happen   (or all)",
    )


def _confirm_defaults(question: dict[str, Any], given: dict[str, Json]) -> None:
    """Show what counts without being typed, before it does."""
    for name, _, kind in question["fields"]:
        for one in cards.defaults(question, name, kind) if name not in given else ():
            say(one)


def _unknown(reading: Reading, names: list[str]) -> list[str]:
    """The keys of effects nobody knows of, by the beginnings of their ids; ``all`` is every one. Empty when it is about something else."""
    runs = reading.book.runs.values()
    keys = [step.key for run in runs for step in run.steps.values() if step.status == "unknown"]
    if names == ["all"]:
        if not keys:
            raise UsageError(
                "there is no effect of which nobody knows whether it happened",
                now_true="Nothing was noted.",
                way_out="steward queue",
            )
        return keys
    meant = {
        name: [key for key in keys if len(name) >= views.SHORTEST and key.startswith(name.lower())]
        for name in names
    }
    if len(names) == 1 and not meant[names[0]]:
        return []
    if wrong := [name for name, found in meant.items() if len(found) != 1]:
        raise UsageError(
            f"no single effect whose end is not known is called {', '.join(wrong)}",
            now_true="Nothing was noted, of the others neither.",
            way_out="steward queue",
        )
    return list(dict.fromkeys(found[0] for found in meant.values()))


def _given(question: dict[str, Any], words: list[str]) -> dict[str, Json]:
    given: dict[str, Json] = {}
    kinds = {name: kind for name, _, kind in question["fields"]}
    for word in words:
        name, equals, value = word.partition("=")
        if word in question["choices"]:
            given["choice"] = word
        elif equals and name in kinds:
            given[name] = narrate.typed(kinds[name], value)
        elif word != "done" or question["choices"] or kinds:
            known = [*map(shlex.quote, question["choices"]), *(f"{name}=…" for name in kinds)] or ["done"]
            raise UsageError(f"`{word}` is no answer here", way_out=f"choose: {' '.join(known)}")
    return given
