"""What the events of letters before the operator add up to. Pure; used by the fold."""

from dataclasses import replace
from typing import assert_never

from engine.model.events import events as e
from engine.model.events.letters import LetterNoted, LetterRead, LetterReturned
from engine.model.events.set_aside import AsideDismissed, AsideReturned, AsideTaken
from engine.model.state.state import Aside, NoteState, State

NoteBody = LetterNoted | LetterRead | LetterReturned


def add(book: State, event: e.Event, body: NoteBody) -> None:
    """Add what happened to a letter before the operator."""
    match body:
        case LetterNoted():
            note = NoteState(
                id=body.note, why=body.why, kind=body.kind, source=body.source, event=body.event, at=event.ts, run=event.run,
                step=event.step, letter=body.letter, name=body.name, thread=body.thread, labels=body.labels, subject=event.subject,
            )  # fmt: skip
            if body.letter:
                known(book, body.letter, body.note)
            if body.why == "doubt":
                _doubt(book, note, (*_doubts(book, note), note.id))
        case LetterRead():
            note = replace(book.notes[body.note], read=event.ts, by=body.by, as_=body.as_)
            if note.why == "doubt":
                _doubt(book, note, tuple(id_ for id_ in _doubts(book, note) if id_ != note.id))
        case LetterReturned():
            note = replace(book.notes[body.note], read="", by="", as_="")
        case _:
            assert_never(body)
    book.notes[note.id] = note


def known(book: State, letter: str, holder: str) -> None:
    """A run or note holds a version of a letter."""
    holders = book.letters.get(letter, ())
    if holder not in holders:
        book.letters[letter] = (*holders, holder)


def _doubts(book: State, note: NoteState) -> tuple[str, ...]:
    return book.runs[note.run].step(note.step).doubts


def _doubt(book: State, note: NoteState, doubts: tuple[str, ...]) -> None:
    run = book.runs[note.run]
    step = replace(run.step(note.step), doubts=doubts)
    book.runs[run.id] = replace(run, steps={**run.steps, note.step: step})


def put_aside(book: State, event: e.Event, body: e.TriggerReceived) -> None:
    """A letter that was put aside stands before the operator; the same one again is the same one."""
    book.asides.setdefault(
        body.source,
        Aside(
            letter=body.source, reason=body.reason, content=body.content, subject=event.subject, at=event.ts
        ),
    )


def aside(book: State, body: AsideTaken | AsideDismissed | AsideReturned) -> None:
    """Add what a person did with a letter that was put aside."""
    old_aside = book.asides[body.letter]
    match body:
        case AsideTaken():
            new_aside = replace(old_aside, status="taken", runs=body.runs, times=old_aside.times + 1)
        case AsideDismissed():
            new_aside = replace(old_aside, status="dismissed")
        case AsideReturned():
            new_aside = replace(old_aside, status="open", runs=())
        case _:
            assert_never(body)
    book.asides[body.letter] = new_aside
