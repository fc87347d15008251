"""What becomes of something that arrived: a duplicate, an offer to a waiting run, a letter to be read, a run of its own."""

from contextlib import suppress
from dataclasses import dataclass, replace

from engine.kernel.core.services import Deployment, LedgerWriter
from engine.kernel.triggers import duplicates, intent_routing, set_aside, unread_letters
from engine.kernel.triggers.intake import create, end_run, received
from engine.kernel.triggers.matching import matching_wait, trigger_matches
from engine.kernel.triggers.set_aside import with_files
from engine.model.definitions.plan import Plan
from engine.model.definitions.taint import decode, encode
from engine.model.definitions.triggers import LEFT_REASONS, MAX_DEEP
from engine.model.errors import PermanentError
from engine.model.events.events import Draft, RunStopped
from engine.model.events.letters import Why
from engine.model.ports import Arrival
from engine.model.state.state import RunState
from engine.model.text import similarity

_LETTERS = frozenset({"email", intent_routing.KIND})


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What one pass over the sources found. `noted`: for a person to read; `left`: left lying until the playbooks compile;
    `unsettled`: files that are still being written.
    """

    started: int = 0
    offered: int = 0
    noted: int = 0
    ignored: int = 0
    left: int = 0
    unsettled: int = 0

    def words(self) -> str:
        """For the operator."""
        message = (
            f"read: {self.started} started, {self.offered} taken by waiting runs, {self.ignored} put aside"
        )
        if self.noted:
            message += f", {self.noted} to be read: steward queue"
        if self.left:
            message += f", {self.left} left lying: steward check, steward secrets list"
        if self.unsettled:
            message += (
                f", {self.unsettled} still being written: the next pass takes what is quiet for three seconds"
            )
        return message


def read_sources(journal: LedgerWriter, deployment: Deployment) -> Counts:
    """Read every source once; whatever is new starts runs, feeds waiting ones, or is put aside with a reason."""
    counts: dict[str, int] = {}
    for source in journal.house.sources:
        for arrival in source.poll(journal.book.marks.__contains__):
            if arrival.mark not in journal.book.marks:
                outcome = receive(journal, deployment, arrival)
                counts[outcome] = counts.get(outcome, 0) + 1
    return Counts(**counts)


def receive(journal: LedgerWriter, deployment: Deployment, arrival: Arrival, *, cause: str = "") -> str:
    """What became of one arrival: started, offered, noted, ignored, unheard, left or unsettled. Durable when this returns, but for the last three.

    `cause` is the run whose effect it is. A letter is offered to runs that wait for it or for what it wants, then to the playbooks that
    read its mailbox; what it wants chooses a playbook only when none of them does. A copy answers nothing, another version of a letter
    is shown and starts nothing, and a run that read an incomplete letter or file begins anew with the complete one.
    """
    if arrival.ignored in LEFT_REASONS:
        return "unsettled" if arrival.ignored == "unsettled" else "left"
    if arrival.replied:
        unread_letters.replied(journal, arrival)
    if arrival.ignored:
        return _ignore(journal, arrival, arrival.ignored)
    if arrival.source in journal.book.sources:
        return _ignore(journal, arrival, "duplicate")
    halves = duplicates.superseded(journal, arrival)
    if not halves:
        if holders := duplicates.holders(journal, arrival):
            return _receive_known_letter(journal, arrival, holders)
        if _offer(journal, arrival, cause):
            return "offered"
        if became := _related(journal, arrival):
            return became
    meant: Arrival | None = None
    if arrival.kind == "email" and intent_routing.waits_on_intent(journal.book):
        meant = intent_routing.resolve_intent(journal, deployment, arrival)
        if meant is None:
            return "left"
        if not meant.ignored and not halves and _offer(journal, meant, cause):
            return "offered"
    plans = listening(deployment, arrival)
    if not plans and deployment.broken:
        # Not written down: once the playbook compiles, the next pass finds the letter as new.
        return "left"
    if not plans and arrival.kind == "email" and intent_routing.triggers_on_intent(deployment):
        meant = meant or intent_routing.resolve_intent(journal, deployment, arrival)
        if meant is None:
            return "left"
        if meant.ignored:
            return _ignore(journal, meant, meant.ignored)
        arrival, plans = meant, listening(deployment, meant)
    return _begin(journal, deployment, arrival, plans, cause, halves)


def create_runs(journal: LedgerWriter, deployment: Deployment, arrival: Arrival) -> list[Draft]:
    """The events that make the runs of those playbooks that listen to an arrival, not yet written; none where no playbook listens."""
    drafts: list[Draft] = []
    for plan in listening(deployment, arrival):
        with suppress(PermanentError):
            drafts += create(journal, deployment, plan, arrival)
    return drafts


def _receive_known_letter(
    journal: LedgerWriter, arrival: Arrival, holders: tuple[duplicates.FirstVersion, ...]
) -> str:
    """A letter under an id that is known: a copy, or other words that a person has to see, for one of the two is forged."""
    if any(similarity.same(arrival.event, holder.event) for holder in holders):
        return _ignore(journal, arrival, "duplicate")
    run = journal.book.runs[holders[0].run]
    _note(journal, arrival, "version", run=run)
    return "noted"


def _related(journal: LedgerWriter, arrival: Arrival) -> str:
    """What became of a letter that names no conversation and may belong to one that is waited for; empty when it does not."""
    waits = [
        waiting for thread in arrival.kin if (waiting := _waits_for(journal, arrival, thread)) is not None
    ]
    if not waits:
        return ""
    run, step, name, related = waits[0]
    if arrival.proven and all(waiting_run.id == run.id for waiting_run, *_ in waits):
        _give(journal, run, step, name, related)
        return "offered"
    _note(journal, arrival, "doubt", run=run, step=step, name=name, thread=str(related.event["thread"]))
    return "noted"


def _waits_for(
    journal: LedgerWriter, arrival: Arrival, thread: str
) -> tuple[RunState, str, str, Arrival] | None:
    related = replace(arrival, event={**arrival.event, "thread": thread})
    for id_ in journal.book.open_runs:
        run = journal.book.runs[id_]
        for step_id, step in run.steps.items():
            waits = step.status == "waiting" and not run.stopping
            if waits and (name := matching_wait(journal, step.names, step.kinds, step.matches, related)):
                return run, step_id, name, related
    return None


def taken_up(journal: LedgerWriter, run: RunState, step: str) -> None:
    """A wait begins: a letter that came too early for it, and queues behind its run, is what it waits for. So it is answered now, and once."""
    book, wait = journal.book, run.step(step)
    for queued in [book.runs[id_] for id_ in book.open_runs]:
        behind = queued.status == "queued" and (queued.playbook, queued.group) == (run.playbook, run.group)
        if not (behind and run.group and queued.trigger in _LETTERS):
            continue
        event = journal.value(queued.event)
        if not isinstance(event, dict):
            continue
        arrival = Arrival(
            kind=queued.trigger, source=queued.source, event=event, labels=decode(queued.labels)
        )
        if name := matching_wait(journal, wait.names, wait.kinds, wait.matches, arrival):
            journal.write(
                *end_run(journal, queued, status="no-op", reason="another run waited for its letter"),
                unread_letters.ending(journal, run, step, name, event, queued.labels),
                *unread_letters.drafts(journal, arrival, "answer", run=run, step=step, event=event),
            )
            return


def _begin(
    journal: LedgerWriter,
    deployment: Deployment,
    arrival: Arrival,
    plans: list[Plan],
    cause: str,
    halves: list[Draft],
) -> str:
    if not plans and cause:
        # Most effects trigger nothing. Losing this note only means looking again.
        journal.write(Draft(body=received(journal, arrival, "unheard")), durable=False)
        return "unheard"
    if not plans:
        return _ignore(journal, arrival, "no-playbook")
    depth = journal.book.runs[cause].depth + 1 if cause else 0
    if cause:
        arrival = replace(arrival, origin=journal.book.runs[cause].origin)
    if depth > MAX_DEEP:
        return _ignore(journal, arrival, "too-deep")
    drafts: list[Draft] = []
    unfit: list[str] = []
    for plan in plans:
        try:
            drafts += create(journal, deployment, plan, arrival, depth=depth)
        except PermanentError:
            # One playbook that can't read it keeps no other from it, and no other arrival from being read.
            unfit.append(plan.id)
    refused = [
        _put_aside(journal, arrival, "unfit", playbook=name)
        if not drafts and name == unfit[0]
        else Draft(body=received(journal, arrival, "ignored", playbook=name, reason="unfit"))
        for name in unfit
    ]
    journal.write(*(halves if drafts else ()), *drafts, *refused)
    return "started" if drafts else "ignored"


def _ignore(journal: LedgerWriter, arrival: Arrival, reason: str) -> str:
    postponed = set_aside.postponed(journal, arrival) if arrival.away is not None else []
    journal.write(_put_aside(journal, arrival, reason), *postponed)
    return "ignored"


def _put_aside(journal: LedgerWriter, arrival: Arrival, reason: str, *, playbook: str = "") -> Draft:
    content, subject = (
        set_aside.seal_letter(journal, arrival) if set_aside.stands(journal, arrival, reason) else ("", "")
    )
    body = received(journal, arrival, "ignored", playbook=playbook, reason=reason, content=content)
    return Draft(body=body, subject=subject)


def listening(deployment: Deployment, arrival: Arrival) -> list[Plan]:
    """The deployed playbooks that an arrival starts."""
    return [
        plan
        for plan in deployment.plans.values()
        if any(trigger_matches(trigger, arrival) for trigger in plan.triggers)
    ]


def _offer(journal: LedgerWriter, arrival: Arrival, cause: str) -> bool:
    """Give an arrival to what waits for it: it ends runs by their `stop-on`, and the first waiting step takes it."""
    runs = [journal.book.runs[id_] for id_ in journal.book.open_runs if id_ != cause]
    # A conversation is named after the letter that opens it: a letter that opens one under an id that is taken is not an answer.
    heard = replace(arrival, event={**arrival.event, "thread": ""}) if arrival.opens else arrival
    stopped = _stop_runs(journal, runs, arrival, heard)
    for run in [journal.book.runs[stale.id] for stale in runs]:
        for step_id, step in run.steps.items():
            waits = step.status == "waiting" and not run.stopping
            if waits and (name := matching_wait(journal, step.names, step.kinds, step.matches, heard)):
                _give(journal, run, step_id, name, arrival)
                return True
    return stopped


def _stop_runs(journal: LedgerWriter, runs: list[RunState], arrival: Arrival, heard: Arrival) -> bool:
    drafts = []
    for run in runs:
        if (
            not run.stopping
            and not run.terminal
            and matching_wait(journal, run.stop_names, run.stop_kinds, run.stop_matches, heard)
        ):
            cause = str(arrival.event.get("type") or arrival.kind)
            drafts.append(Draft(body=RunStopped(by=cause), run=run.id, subject=run.subject))
    if drafts:
        run = journal.book.runs[drafts[0].run]
        shown = unread_letters.drafts(journal, arrival, "answer", run=run) if arrival.kind in _LETTERS else []
        journal.write(Draft(body=received(journal, arrival, "offered"), run=run.id), *drafts, *shown)
    return bool(drafts)


def _give(journal: LedgerWriter, run: RunState, step: str, name: str, arrival: Arrival) -> None:
    event = with_files(journal, arrival, run.subject)
    shown = (
        unread_letters.drafts(journal, arrival, "answer", run=run, step=step, event=event)
        if arrival.kind in _LETTERS
        else []
    )
    journal.write(
        Draft(
            body=received(journal, arrival, "offered", playbook=run.playbook), run=run.id, subject=run.subject
        ),
        unread_letters.ending(journal, run, step, name, event, encode(arrival.labels)),
        *shown,
    )


def _note(
    journal: LedgerWriter,
    arrival: Arrival,
    why: Why,
    *,
    run: RunState,
    step: str = "",
    name: str = "",
    thread: str = "",
) -> None:
    """Put a letter before the operator, and nothing else."""
    journal.write(
        Draft(
            body=received(journal, arrival, "noted", playbook=run.playbook), run=run.id, subject=run.subject
        ),
        *unread_letters.drafts(journal, arrival, why, run=run, step=step, name=name, thread=thread),
    )
