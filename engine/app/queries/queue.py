"""Everything that waits for the operator, in one home: `queue`, `status`, `run`, `doctor` and the brief count the same rows.

A kind of row is one function of `KINDS`, from a look at the ledger to its rows. What has no row does not wait for a person: "nothing waits for you"
means that there is no row.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from engine.app.queries import descriptions
from engine.app.workspace.ledger_reader import LedgerReader
from engine.connectors.email.message.bodies import NOTHING
from engine.model.errors import EngineError
from engine.model.state.state import Aside, CardState, NoteState, RunState, State
from engine.model.values import ids
from engine.model.values.canonical_json import Json

Kind = Literal["card", "question", "unknown", "new", "put-aside", "failed", "health"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """What a person is asked to look at. `needs` is what to type; `expires` is empty for what waits as long as it takes.

    `fold`: rows with the same words here are one line for people, under those words, and count as one.
    """

    id: str
    short: str
    kind: Kind
    title: str
    about: str
    playbook: str
    run: str
    since: str
    expires: str = ""
    strength: int = 1
    needs: str
    fold: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueReader:
    """A look at the ledger at one moment. `names` are the short ids, `snoozed`: what was put off is shown too."""

    reading: LedgerReader
    now: str
    names: Mapping[str, str]
    snoozed: bool


def rows(reading: LedgerReader, *, now: str, snoozed: bool = False) -> list[QueueRow]:
    """Everything that waits for a person, oldest first; snoozed cards only when asked for."""
    desk = QueueReader(reading=reading, now=now, names=descriptions.short_ids(reading.book), snoozed=snoozed)
    queue_rows = [row for kind in KINDS.values() for row in kind(desk)]
    return sorted(queue_rows, key=lambda row: (row.since, row.id))


def lines(queue_rows: Sequence[QueueRow]) -> list[tuple[QueueRow, ...]]:
    """Rows as people see them: those of one fold are one line, at the place of the oldest."""
    groups: dict[str, list[QueueRow]] = {}
    for row in queue_rows:
        groups.setdefault(row.fold or row.id, []).append(row)
    return [tuple(group) for group in groups.values()]


def put_off(reading: LedgerReader, *, now: str) -> int:
    """How many open cards are snoozed."""
    book = reading.book
    return sum(_open(card, book, now) and card.snoozed > now for card in book.cards.values())


def as_json(row: QueueRow) -> Json:
    """A row for machines."""
    return {field.name: getattr(row, field.name) for field in fields(row)}


def _open(card: CardState, book: State, now: str) -> bool:
    """While the clock is doubted, no card expires."""
    return card.status == "open" and (now < card.expires or bool(book.doubted))


def _health(desk: QueueReader) -> Iterator[QueueRow]:
    """What holds every effect back: nothing that waits can go on before."""
    ill = desk.reading.ill
    if ill is not None:
        yield QueueRow(
            id=ill.name, short=ill.kind, kind="health", title="no effect leaves", about=ill.problem, playbook="",
            run="", since=ill.since, strength=2 if ill.name else 1, needs=ill.way_out,
        )  # fmt: skip


def _cards(desk: QueueReader) -> Iterator[QueueRow]:
    for card in desk.reading.book.cards.values():
        if _open(card, desk.reading.book, desk.now) and (desk.snoozed or card.snoozed <= desk.now):
            yield _card(desk, card)


def _card(desk: QueueReader, card: CardState) -> QueueRow:
    run = desk.reading.book.runs[card.run]
    try:
        shown = descriptions.content(desk.reading, card)
        title, letter = str(shown["title"]), shown.get("letter") or {}
        about = f"{letter.get('subject') or ''} · {letter.get('from') or ''}".strip(" ·")
        if str(letter.get("text") or "").startswith(f"[{NOTHING}"):
            about = f"{about} · {NOTHING}"
        if newer := shown.get("letters"):
            about = f"{newer[-1]['from']}: {_words(newer[-1])}"
    except EngineError as error:
        title, about = card.gate, error.message
    short = desk.names[card.id]
    return QueueRow(
        id=card.id, short=short, kind="card", title=title, about=about, playbook=run.playbook, run=run.id,
        since=card.opened, expires=card.expires, strength=card.strength, needs=f"steward show {short}",
    )  # fmt: skip


def _questions(desk: QueueReader) -> Iterator[QueueRow]:
    asked: set[str] = set()
    for run in _running(desk):
        for step_id, step in run.steps.items():
            # Many may wait for one answer: that of a budget.
            if step.status == "asked" and step.ask not in asked:
                asked.add(step.ask)
                yield _question(desk, run, step_id)


def _question(desk: QueueReader, run: RunState, step_id: str) -> QueueRow:
    step = run.step(step_id)
    question: dict[str, Any] = desk.reading.ledger.unseal(ids.ValueId(step.question))
    short = desk.names[step.ask]
    words = _asked(question)
    return QueueRow(
        id=step.ask, short=short, kind="question", title=str(question["title"]), about=f"{step.person}: {words}",
        playbook=run.playbook, run=run.id, since=step.at, expires=step.due,
        needs=f"steward show {short}" if "offered" in question else f"steward answer {short} {words.replace(' | ', '|')}",
    )  # fmt: skip


def _asked(question: dict[str, Any]) -> str:
    """What an answer is made of: a choice, the fields that have to be filled, and those that need not be, in brackets."""
    spare = {*(question.get("default") or {}), *(question.get("optional") or ())}
    names = [name for name, _, _ in question["fields"]]
    parts = [
        f"one of {len(question['choices'])} choices"
        if "offered" in question
        else " | ".join(question["choices"]),
        *(f"{name}=…" for name in names if name not in spare),
        *(f"[{name}=…]" for name in names if name in spare),
    ]
    return " ".join(part for part in parts if part) or "done"


def _unknowns(desk: QueueReader) -> Iterator[QueueRow]:
    for run in _running(desk):
        for step_id, step in run.steps.items():
            if step.status == "unknown":
                short = ids.short(step.key)
                yield QueueRow(
                    id=step.key, short=short, kind="unknown", title=f"did `{step_id}` happen?", about=step.action,
                    playbook=run.playbook, run=run.id, since=step.at,
                    needs=f"steward answer {short} happened|did-not-happen   (several ids, or all)",
                )  # fmt: skip


def _letters(desk: QueueReader) -> Iterator[QueueRow]:
    """Unread letters. Those that an open card of their run shows wait with the card."""
    book = desk.reading.book
    opened: dict[str, str] = {}
    for card in book.cards.values():
        if card.status == "open":
            opened[card.run] = max(opened.get(card.run, ""), card.opened)
    for note in book.notes.values():
        if not note.read and (note.why == "doubt" or note.at > opened.get(note.run, "")):
            yield _letter(desk, note)


def _queued(desk: QueueReader) -> Iterator[QueueRow]:
    """Letters whose run waits for its turn behind another one of their conversation: until then no step reads them."""
    for run in _running(desk):
        if run.status == "queued" and run.trigger in {"email", "intent"} and run.event is not None:
            letter = _fields(desk, run.event)
            yield QueueRow(
                id=run.id, short=ids.short(run.id), kind="new", title=f"waits its turn: {letter.get('subject') or ''}",
                about=f"{letter.get('from') or ''}: {_words(letter)}", playbook=run.playbook, run=run.id, since=run.created,
                needs=f"steward show {ids.short(run.id)}",
            )  # fmt: skip


def _fields(desk: QueueReader, event: str) -> dict[str, Any]:
    """A letter; of one whose author was erased, why there is nothing."""
    try:
        letter: dict[str, Any] = desk.reading.ledger.unseal(ids.ValueId(event))
    except EngineError as error:
        letter = {"text": error.message}
    return letter


def _letter(desk: QueueReader, note: NoteState) -> QueueRow:
    short = desk.names[note.id]
    letter = _fields(desk, note.event)
    subject = str(letter.get("subject") or "")
    title = {
        "answer": subject,
        "version": f"another version of: {subject}",
        "doubt": f"is this the answer? {subject}",
    }[note.why]
    doubt = note.why == "doubt"
    return QueueRow(
        id=note.id, short=short, kind="question" if doubt else "new", title=title, about=f"{letter.get('from') or ''}: {_words(letter)}",
        playbook=desk.reading.book.runs[note.run].playbook, run=note.run, since=note.at,
        needs=f"steward answer {short} yes|no" if doubt else f"steward show {short}",
    )  # fmt: skip


def _words(letter: Mapping[str, Any]) -> str:
    """How a letter begins, on one line."""
    return " ".join(str(letter.get("text") or "").split())[:300]


# Runs that began with a person's words. A run started by hand fails in sight of the operator, and a called run fails its caller.
_FROM_PEOPLE = frozenset({"email", "intent", "webhook", "file"})


def _failed(desk: QueueReader) -> Iterator[QueueRow]:
    for run in desk.reading.book.runs.values():
        if run.given_up and not run.dismissed and run.trigger in _FROM_PEOPLE:
            short = ids.short(run.id)
            step, _, code = run.reason.partition(": ")
            title = f"`{step}` failed: {code}" if code else f"failed: {run.reason}"
            yield QueueRow(
                id=run.id, short=short, kind="failed", title=title, about=_about(desk.reading, run),
                playbook=run.playbook, run=run.id, since=run.ended,
                needs=f"steward retry {short}   or   steward dismiss {short}",
            )  # fmt: skip


def _about(reading: LedgerReader, run: RunState) -> str:
    """Subject and sender of the letter a run began with."""
    try:
        event = reading.ledger.unseal(ids.ValueId(run.event)) if run.event else None
    except EngineError as error:
        return error.message
    if not isinstance(event, dict):
        return ""
    return f"{event.get('subject') or event.get('path') or ''} · {event.get('from') or ''}".strip(" ·")


def _asides(desk: QueueReader) -> Iterator[QueueRow]:
    for aside in desk.reading.book.asides.values():
        if aside.status == "open":
            yield _aside(desk, aside)


def _aside(desk: QueueReader, aside: Aside) -> QueueRow:
    short = ids.short(aside.letter)
    try:
        about = sender(put_aside(desk.reading, aside))
    except EngineError as error:
        about = error.message
    # What only lacked a playbook, or an author, is a person's; the others look like a machine's, and mostly are.
    return QueueRow(
        id=aside.letter, short=short, kind="put-aside", title=f"put aside: {aside.reason}", about=about, playbook="",
        run="", since=aside.at, needs=f"steward take {short}   or   steward dismiss {short}",
        fold=_MACHINES if aside.reason in _AUTOMATIC else "",
    )  # fmt: skip


_AUTOMATIC = frozenset({"auto-submitted", "bounce", "calendar", "list", "bulk", "no-reply"})
_MACHINES = "put aside, look automatic"


def put_aside(reading: LedgerReader, aside: Aside) -> dict[str, Any]:
    """A letter that was put aside. Raises PermanentError(code='erased') when its subject was erased."""
    letter: dict[str, Any] = reading.ledger.unseal(ids.ValueId(aside.content))
    return letter


def sender(letter: Mapping[str, Any]) -> str:
    """Subject and sender of a letter; the place, for one that can't be read."""
    writer = str(letter.get("name") or letter.get("from") or "")
    address = str(letter.get("from") or "")
    named = f"{writer} <{address}>" if address and writer != address else writer
    return " · ".join(part for part in (str(letter.get("subject") or ""), named) if part) or str(
        letter["place"]
    )


def _running(desk: QueueReader) -> Iterator[RunState]:
    book = desk.reading.book
    return (book.runs[id_] for id_ in book.open_runs)


KINDS: dict[str, Callable[[QueueReader], Iterable[QueueRow]]] = {
    "health": _health,
    "card": _cards,
    "question": _questions,
    "unknown": _unknowns,
    "new": _letters,
    "queued": _queued,
    "failed": _failed,
    "put-aside": _asides,
}
"""Kind of row → where its rows come from."""
