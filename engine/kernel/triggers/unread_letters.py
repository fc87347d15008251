"""Letters before the operator: what puts them there, and what a card shows of them."""

from collections.abc import Iterator

from engine.kernel.core.services import LedgerWriter
from engine.kernel.triggers.set_aside import with_files
from engine.model.definitions.plan import Node, Plan
from engine.model.definitions.taint import encode
from engine.model.errors import EngineError
from engine.model.events.events import CardRejected, Draft, WaitEnded
from engine.model.events.letters import LetterNoted, LetterRead, Why
from engine.model.ports import Arrival
from engine.model.state.state import NOTHING, CardState, NoteState, RunState
from engine.model.values import ids
from engine.model.values.canonical_json import Json


def drafts(
    journal: LedgerWriter,
    arrival: Arrival,
    why: Why,
    *,
    run: RunState,
    step: str = "",
    name: str = "",
    thread: str = "",
    event: Json = None,
) -> list[Draft]:
    """The event that puts a letter before the operator. `event` are its fields where they were sealed for another place already."""
    value = with_files(journal, arrival, run.subject) if event is None else event
    note = ids.card_id(ids.RunId(run.id), f"letter {step}", arrival.source)
    body = LetterNoted(
        note=note, why=why, kind=arrival.kind, source=arrival.source, event=journal.seal(value, run.subject),
        letter=arrival.letter, name=name, thread=thread, labels=encode(arrival.labels),
    )  # fmt: skip
    return [Draft(body=body, run=run.id, step=step, subject=run.subject)]


def ending(
    journal: LedgerWriter, run: RunState, step: str, name: str, event: Json, labels: tuple[str, ...]
) -> Draft:
    """The end of a wait."""
    outputs = journal.seal({"got": name, "event": event}, run.subject)
    return Draft(
        body=WaitEnded(got=name, outputs=outputs, labels=labels), run=run.id, step=step, subject=run.subject
    )


def answered(journal: LedgerWriter, plan: Plan, run: RunState, node: Node) -> dict[str, Json]:
    """The letter that a step answers: the last one that a wait before it took from the run's own person, else the one that began the run.

    What a stranger writes into the conversation ends a wait; answers don't go to them because of it.
    """
    event = journal.value(run.event)
    first: dict[str, Json] = event if isinstance(event, dict) else {}
    letter = first
    for taken in _letters_taken_before(journal, plan, run, node):
        if first.get("from") and taken.get("from") == first.get("from"):
            letter = max(letter, taken, key=lambda candidate: str(candidate.get("at") or ""))
    return letter


def _letters_taken_before(
    journal: LedgerWriter, plan: Plan, run: RunState, node: Node
) -> Iterator[dict[str, Json]]:
    """The letters that waits before a step took."""
    seen: set[str] = set()
    todo = list(node.before)
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        predecessor, step = plan.node(name), run.step(name)
        todo += predecessor.before
        if predecessor.kind == "wait" and step.status == "succeeded" and step.because not in {"", NOTHING}:
            outputs = journal.value(step.outputs)
            event = outputs.get("event") if isinstance(outputs, dict) else None
            if isinstance(event, dict) and event.get("message-id"):
                yield event


def unread(journal: LedgerWriter, run: RunState) -> list[NoteState]:
    """The unread letters of a run, the oldest first. A doubtful letter is not among them: it is a question of its own."""
    return [
        note
        for note in journal.book.notes.values()
        if note.run == run.id and not note.read and note.why != "doubt"
    ]


def shown_on_card(journal: LedgerWriter, run: RunState) -> list[Json]:
    """Those letters as a card shows them."""
    fields = ("from", "name", "subject", "text", "auth", "at")
    return [
        {"note": note.id, "why": note.why, **{name: event.get(name) for name in fields}}
        for note in unread(journal, run)
        if isinstance(event := journal.value(note.event), dict)
    ]


def replied(journal: LedgerWriter, arrival: Arrival) -> None:
    """The operator answered a letter from a program of their own: the cards that would answer it end, and it has been read."""
    book, drafts = journal.book, []
    by = {"by": "operator", "channel": "mailbox"}
    for card in book.cards.values():
        run = book.runs[card.run]
        if (
            card.status == "open"
            and _answers(run, card)
            and _answered_before(journal.value(run.event), arrival)
        ):
            drafts.append(
                Draft(body=CardRejected(card=card.id, answered=True, **by), run=run.id, subject=card.subject)
            )
    for note in book.notes.values():
        if not note.read and note.why != "doubt" and _answered_before(_value(journal, note), arrival):
            body = LetterRead(note=note.id, as_="answered", **by)
            drafts.append(Draft(body=body, run=note.run, step=note.step, subject=note.subject))
    if drafts:
        journal.write(*drafts)


def _answers(run: RunState, card: CardState) -> bool:
    return any(run.step(step).action.startswith("email/") for step in card.steps)


def _answered_before(letter: Json, arrival: Arrival) -> bool:
    """Whether a letter is of the conversation the operator answered in, and came before they did."""
    return (
        isinstance(letter, dict)
        and letter.get("thread") == arrival.replied
        and str(letter.get("at") or "") <= str(arrival.event.get("at") or "")
    )


def _value(journal: LedgerWriter, note: NoteState) -> Json:
    try:
        return journal.value(note.event)
    except EngineError:
        # Its author was erased.
        return None
