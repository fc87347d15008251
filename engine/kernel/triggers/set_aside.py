"""What an arrival leaves in the ledger besides runs: its files, the letter that was put aside and may be a person's, a wait that goes on."""

from hashlib import sha256

from engine.kernel.core.services import LedgerWriter
from engine.kernel.triggers.matching import matching_wait
from engine.model.definitions.triggers import CLAIMED
from engine.model.events.events import Draft
from engine.model.events.set_aside import WaitPostponed
from engine.model.ports import Arrival
from engine.model.state.state import StepState
from engine.model.values import ids
from engine.model.values.canonical_json import Json
from engine.model.values.timestamps import later, moment, stamp

UNHEARD = frozenset({"no-playbook", "unsure", "unfit"})
"""Reasons that say nothing against a letter: it was only that no playbook was there for it."""

_LETTERS = frozenset({"email", "intent"})


def owned(caution: str, name: str) -> str:
    """A name under which a letter's author, group or claim is known: what is only claimed never meets what is not."""
    return f"{CLAIMED}:{name}" if caution == CLAIMED else name


def subject_of(journal: LedgerWriter, person: Json, caution: str) -> str:
    """The subject of a person."""
    return journal.house.keys.subject(owned(caution, str(person).strip().casefold()))


def with_files(journal: LedgerWriter, arrival: Arrival, subject: str) -> dict[str, Json]:
    """The arrival's event with handles to its files, which are stored with the event that names them."""
    if not arrival.files:
        return arrival.event
    records = []
    for name, media, content in arrival.files:
        handle = journal.house.blobs.keep(content, ids.SubjectId(subject) if subject else None)
        records.append(
            {
                "name": name,
                "media": media,
                "size": len(content),
                "sha256": sha256(content).hexdigest(),
                "handle": handle,
            }
        )
    if arrival.kind == "file":
        return {**arrival.event, "file": records[0]}
    return {**arrival.event, "attachments": records}


def stands(journal: LedgerWriter, arrival: Arrival, reason: str) -> bool:
    """Whether what is put aside for this reason has to stand before the operator."""
    new = arrival.source not in journal.book.sources
    return new and arrival.kind in _LETTERS and (arrival.doubt or reason in UNHEARD)


def seal_letter(journal: LedgerWriter, arrival: Arrival) -> tuple[str, str]:
    """Seal a letter that is shown to the operator: (sealed letter, its subject)."""
    sender, caution = arrival.event.get("from"), str(arrival.event.get("caution") or "")
    subject = subject_of(journal, sender, caution) if sender else ""
    letter = {**with_files(journal, arrival, subject), "place": arrival.place, "origin": arrival.origin}
    return journal.seal(letter, subject), subject


def postponed(journal: LedgerWriter, arrival: Arrival) -> list[Draft]:
    """An out-of-office answers nothing: what waits for its author waits until they are back, and as long again as it was to wait.

    Where that moment can't be known, it waits its own length once more, once.
    """
    drafts = []
    for run in [journal.book.runs[id_] for id_ in journal.book.open_runs]:
        for step_id, step in run.steps.items():
            waits = step.status == "waiting" and step.due and not run.stopping
            if not waits or not matching_wait(journal, step.names, step.kinds, step.matches, arrival):
                continue
            until = _until(step, arrival.away or "", journal.now())
            if until > step.due:
                body = WaitPostponed(until=until, because="out-of-office")
                drafts.append(Draft(body=body, run=run.id, step=step_id, subject=run.subject))
    return drafts


def _until(step: StepState, back: str, now: str) -> str:
    length = moment(step.due) - moment(step.since)
    if back:
        # A day of return is a day, not midnight: the wait begins in its course.
        return stamp(moment(back) + length)
    return step.due if step.postponed else later(max(step.due, now), length)
