"""What is known of an arrival already: other versions of a letter, and the beginning of what was read before it was all there."""

from dataclasses import dataclass
from hashlib import sha256

from engine.kernel.core.services import LedgerWriter
from engine.kernel.triggers.intake import end_run, where
from engine.model.errors import EngineError
from engine.model.events.events import Draft
from engine.model.ports import Arrival
from engine.model.state.state import RunState
from engine.model.text import similarity
from engine.model.values.canonical_json import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstVersion:
    """A run that a version of a letter started, or to which one was noted; `event` is empty when its person was erased."""

    run: str
    event: dict[str, Json]


def holders(journal: LedgerWriter, arrival: Arrival) -> tuple[FirstVersion, ...]:
    """The runs and notes that hold a letter of this Message-ID and author, the earliest first."""
    book = journal.book
    versions = []
    for name in book.letters.get(arrival.letter, ()) if arrival.letter else ():
        note = book.notes.get(name)
        run, value = (note.run, note.event) if note is not None else (name, book.runs[name].event)
        versions.append(FirstVersion(run=run, event=_value(journal, value)))
    return tuple(versions)


def superseded(journal: LedgerWriter, arrival: Arrival) -> list[Draft]:
    """The ends of runs that began with an incomplete copy of the file or letter in the same place; none when an effect of theirs may have left."""
    runs = [journal.book.runs[id_] for id_ in journal.book.places.get(where(journal, arrival), ())]
    if not runs or not all(_halved(journal, run, arrival) for run in runs):
        return []
    reason = "superseded: it was read before it was all there"
    return [draft for run in runs for draft in end_run(journal, run, status="cancelled", reason=reason)]


def _halved(journal: LedgerWriter, run: RunState, arrival: Arrival) -> bool:
    if run.terminal or run.trigger != arrival.kind or any(step.intents for step in run.steps.values()):
        return False
    first_event = _value(journal, run.event)
    if arrival.kind == "file":
        return _file_begins(first_event.get("file"), arrival.files[0][2])
    alike = first_event.get("message-id") == arrival.event.get("message-id") and first_event.get(
        "from"
    ) == arrival.event.get("from")
    return (
        alike
        and similarity.begins(first_event, arrival.event)
        and not similarity.same(first_event, arrival.event)
    )


def _file_begins(file: Json, whole: bytes) -> bool:
    if not isinstance(file, dict) or not isinstance(size := file.get("size"), int) or size >= len(whole):
        return False
    return sha256(whole[:size]).hexdigest() == file.get("sha256")


def _value(journal: LedgerWriter, value: str | None) -> dict[str, Json]:
    try:
        event = journal.value(value)
    except EngineError:
        return {}
    return event if isinstance(event, dict) else {}
