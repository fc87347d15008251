"""Letters before the operator: one shown whole, the answers it takes, and the notes beside a card."""

from collections.abc import Iterator
from pathlib import Path

from engine.app.commands.command_bus import LedgerReader
from engine.app.queries import descriptions
from engine.cli.output import colour, err, line, out, put_json
from engine.cli.screen import card_view
from engine.model.errors import UsageError
from engine.model.events.letters import CHOICES
from engine.model.state.state import NoteState, RunState
from engine.model.values import ids
from engine.model.values.canonical_json import Json

_WHAT = {
    "answer": "an answer came",
    "version": "another version of a letter that is known",
    "doubt": "is this the answer?",
}


def show(reading: LedgerReader, note: NoteState, *, as_json: bool, folder: str | None) -> int:
    """A letter with its words, and what to type. Its attachments are written into `folder`."""
    letter = reading.ledger.unseal(ids.ValueId(note.event))
    if as_json:
        put_json(
            "letter", {"id": note.id, "why": note.why, "run": note.run, "read": note.read, "letter": letter}
        )
        return 0
    short, run = descriptions.short_ids(reading.book)[note.id], reading.book.runs[note.run]
    state = f"{note.as_}, says {note.by}" if note.read else "new"
    out(f"{colour(short, 'bold')}  {_WHAT[note.why]}   {run.playbook} · run {ids.short(run.id)}   {state}")
    for text in card_view.letter(letter):
        out(text)
    ways = list(_ways(note, short))
    if descriptions.attached(letter) and not folder:
        ways.append(f"steward show {short} --save FOLDER   writes what hangs on it there")
    err("\n" + "\n".join(f"  {way}" for way in ways))
    for path in card_view.save_files(reading, letter, note.id[:6], Path(folder)) if folder else ():
        err(f"  wrote {path}")
    return 0


def _ways(note: NoteState, short: str) -> Iterator[str]:
    if note.read:
        yield (
            f"steward undo {short}   puts it back among what waits"
            if note.as_ == "read"
            else f"steward show {note.run[:8]}"
        )
        return
    if note.why == "doubt":
        yield f"steward answer {short} yes   it is what the run waits for: the wait ends with it"
        yield f"steward answer {short} no    it begins a run of its own, and the wait goes on"
    if note.why == "version":
        yield f"steward show {note.run[:8]}   the run of the version that came first"
        yield f"steward answer {short} new   it begins a run of its own"
    yield f"steward dismiss {short}   you have read it; undo puts it back"


def parse_answer(note: NoteState, words: list[str]) -> dict[str, Json]:
    """The body of an answer to a letter. Raises UsageError on a word that is not a choice."""
    choices = CHOICES[note.why]
    if len(words) != 1 or words[0] not in choices:
        way = (
            f"steward answer {note.id[:6]} {'|'.join(choices)}"
            if choices
            else f"steward dismiss {note.id[:6]}"
        )
        raise UsageError("say which" if choices else "this letter asks nothing", way_out=way)
    return {"choice": words[0]}


def beside(reading: LedgerReader, run: str) -> Iterator[str]:
    """Other, unread versions of a run's letter, as lines for its card: one of them may be forged."""
    names = descriptions.short_ids(reading.book)
    for note in reading.book.notes.values():
        if note.run == run and note.why == "version" and not note.read:
            yield f"  {colour('!', 'yellow')} another version of this letter came: steward show {names[note.id]}"


def of_run(reading: LedgerReader, run: RunState) -> Iterator[str]:
    """The letters that came to a run, one line each: its id, its kind, its first words."""
    names = descriptions.short_ids(reading.book)
    for note in reading.book.notes.values():
        if note.run == run.id:
            fields = reading.ledger.unseal(ids.ValueId(note.event))
            words = " ".join(str(fields.get("text") or "").split())
            yield f"  letter {names[note.id]}  {_WHAT[note.why]}{', read' if note.read else ''}: {line(words, 90)}"
