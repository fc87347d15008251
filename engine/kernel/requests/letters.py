"""What people do with the letters shown to them: read them, take that back, say what they are. A letter stays until a person has read it."""

from collections.abc import Iterator

from engine.kernel.core.services import LedgerWriter
from engine.kernel.triggers.arrivals import create_runs
from engine.kernel.triggers.manual_start import StartDesk
from engine.kernel.triggers.unread_letters import ending
from engine.model.definitions.taint import decode
from engine.model.events.events import Draft
from engine.model.events.letters import CHOICES, LetterRead, LetterReturned
from engine.model.ports import Arrival
from engine.model.requests import Request
from engine.model.state.state import CardState, NoteState


def mark_shown_read(journal: LedgerWriter, card: CardState, request: Request) -> Iterator[Draft]:
    """Deciding a card marks the letters it shows as read."""
    for letter in journal.value(card.content).get("letters") or ():
        note = journal.book.notes.get(str(letter["note"]))
        if note is not None and not note.read:
            yield _note_draft(note, LetterRead(note=note.id, by=request.actor, channel=request.channel))


def dismiss(desk: StartDesk, request: Request) -> None:
    """A person has looked at a letter, and needs it no more among what waits."""
    note = desk.journal.book.notes.get(request.target)
    if note is None:
        desk.refuse(request, f"no letter {request.target[:8]}\n  steward queue", code="no-letter", exit_=2)
    elif note.read:
        desk.noop(request, f"noted as read already by {note.by} at {note.read[:16]}Z", run=note.run)
    else:
        read = LetterRead(note=note.id, by=request.actor, channel=request.channel)
        message = f"noted as read; nothing was sent\n  steward undo {note.id[:6]}   puts it back"
        desk.accept(request, message, _note_draft(note, read), run=note.run)


def give_back(desk: StartDesk, request: Request) -> None:
    """Put a dismissed letter back among what waits."""
    note = desk.journal.book.notes[request.target]
    if not note.read:
        desk.noop(request, "it stands among what waits\n  steward queue", run=note.run)
    elif note.as_ != "read":
        message = f"it was answered `{note.as_}`; what followed from that is not taken back\n  steward show {note.run[:8]}"
        desk.refuse(request, message, code="answered")
    else:
        returned = LetterReturned(note=note.id, by=request.actor, channel=request.channel)
        desk.accept(
            request,
            "it stands among what waits again\n  steward queue",
            _note_draft(note, returned),
            run=note.run,
        )


def answer(desk: StartDesk, request: Request) -> None:
    """Say what a letter is: `yes`, what the run waits for; `no` or `new`, a letter that begins a run of its own."""
    note = desk.journal.book.notes[request.target]
    choice = (request.body or {}).get("choice")
    if note.read:
        desk.noop(request, f"already answered by {note.by}: {note.as_}", run=note.run)
    elif choice not in CHOICES[note.why]:
        choices = " or ".join(CHOICES[note.why]) or "nothing: it is only to be read"
        desk.refuse(request, f"the answer is {choices}\n  steward show {note.id[:6]}", code="choice", exit_=2)
    elif choice == "yes":
        _is_the_answer(desk, request, note)
    else:
        _is_new(desk, request, note)


def _is_the_answer(desk: StartDesk, request: Request, note: NoteState) -> None:
    journal = desk.journal
    run = journal.book.runs[note.run]
    if run.terminal or run.step(note.step).status != "waiting":
        message = (
            "that run waits no longer\n  answer no: it begins a run of its own; or steward dismiss "
            + note.id[:6]
        )
        desk.refuse(request, message, code="over")
        return
    event = {**journal.value(note.event), "thread": note.thread}
    read = LetterRead(note=note.id, by=request.actor, channel=request.channel, as_="answer")
    ended = ending(journal, run, note.step, note.name, event, note.labels)
    desk.accept(
        request, "it is the answer; the run goes on with it", _note_draft(note, read), ended, run=run.id
    )


def _is_new(desk: StartDesk, request: Request, note: NoteState) -> None:
    journal = desk.journal
    arrival = Arrival(
        kind=note.kind,
        source=note.source,
        event=journal.value(note.event),
        labels=decode(note.labels),
        letter=note.letter,
    )
    drafts = create_runs(journal, desk.deployment(), arrival)
    if not drafts:
        message = (
            f"no deployed playbook listens to it; it stays among what waits\n  steward dismiss {note.id[:6]}"
        )
        desk.refuse(request, message, code="no-playbook")
        return
    read = LetterRead(note=note.id, by=request.actor, channel=request.channel, as_="new")
    desk.accept(request, "it begins a run of its own", _note_draft(note, read), *drafts, run=drafts[0].run)


def _note_draft(note: NoteState, body: LetterRead | LetterReturned) -> Draft:
    return Draft(body=body, run=note.run, step=note.step, subject=note.subject)
