"""From something that arrived to a run: what is kept of it, subject, concurrency group, `once`, plan."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.kernel.core.scope import Scope
from engine.kernel.core.services import Deployment, LedgerWriter
from engine.kernel.triggers import intent_routing, set_aside
from engine.kernel.triggers.matching import match_of, subscribe
from engine.kernel.triggers.set_aside import with_files
from engine.model.definitions import value_range
from engine.model.definitions.plan import Arg, Plan, undone_by
from engine.model.definitions.taint import Label, Labels, encode
from engine.model.events.events import (
    Body,
    CardClosed,
    Draft,
    OnceClaimed,
    RunCreated,
    RunEnded,
    RunStarted,
    TriggerReceived,
)
from engine.model.ports import Arrival
from engine.model.requests import Decided
from engine.model.state.state import RunState
from engine.model.values import ids
from engine.model.values.canonical_json import Json


def received(
    journal: LedgerWriter,
    arrival: Arrival,
    outcome: str,
    *,
    playbook: str = "",
    reason: str = "",
    content: str = "",
) -> TriggerReceived:
    """The event that says what became of an arrival."""
    intent_event = arrival.event if arrival.kind == intent_routing.KIND else {}
    return TriggerReceived(
        kind=arrival.kind, source=arrival.source, playbook=playbook, outcome=outcome, reason=reason,
        mark=arrival.mark, intent=str(intent_event.get("intent", "")), tier=str(intent_event.get("tier", "")), letter=arrival.letter,
        place=where(journal, arrival), content=content,
    )  # fmt: skip


def where(journal: LedgerWriter, arrival: Arrival) -> str:
    """An HMAC of the place of a file or letter, whatever its content; empty for an arrival without a place."""
    return ids.source_id(journal.house.index_key, "lies", arrival.place) if arrival.place else ""


def create(
    journal: LedgerWriter,
    deployment: Deployment,
    plan: Plan,
    arrival: Arrival,
    *,
    inputs: Json = None,
    origins: Mapping[str, Labels] | None = None,
    parent: tuple[str, str] = ("", ""),
    depth: int = 0,
) -> list[Draft]:
    """The events that make a run of `plan`, not yet written. Its id follows from workspace, playbook, trigger and source.

    `origins`: those of the inputs by name; an input without any is the operator's. Raises PermanentError when a field that `subject`,
    `concurrency`, `once` or `stop-on` reads is none.
    """
    house = journal.house
    inputs = _filled(plan, inputs)
    run_id = ids.run_id(house.workspace, plan.id, arrival.kind, arrival.source)
    caution = journal.book.runs[parent[0]].caution if parent[0] else str(arrival.event.get("caution") or "")
    for wait in plan.stop_on:
        for _, arg in wait.match:
            # What ends the run is listened for when it begins, and nothing may fail there.
            _evaluated(journal, plan, arrival, inputs, arg)
    subject = _subject(journal, plan, arrival, inputs, caution)
    event = journal.seal(with_files(journal, arrival, subject), subject)
    body = RunCreated(
        playbook=plan.id,
        plan=journal.keep_plan(plan, deployment.contents),
        commit=deployment.commit,
        stage=plan.stage.value,
        trigger=arrival.kind,
        source=arrival.source,
        event=event,
        inputs=None if inputs is None else journal.seal(inputs, subject),
        group=_group(journal, plan, arrival, inputs, caution),
        once=_once(journal, plan, arrival, inputs, caution),
        parent=parent[0],
        parent_step=parent[1],
        labels=encode(arrival.labels),
        given=tuple(
            f"{name}={','.join(encode(labels))}"
            for name, labels in sorted((origins or {}).items())
            if labels != _OPERATOR
        ),
        depth=depth,
        project=_project(journal, arrival, inputs, parent[0]),
        origin=journal.book.runs[parent[0]].origin if parent[0] else arrival.origin,
        caution=caution,
    )
    bodies: list[Body] = [received(journal, arrival, "started", playbook=plan.id), body]
    if body.once and is_once_claimed(journal, body.once, run_id):
        bodies.append(RunEnded(status="no-op", reason="once: it was done before"))
    elif body.once and not any(node.kind == "effect" for node in plan.nodes):
        bodies.append(OnceClaimed(claim=body.once))
    return [Draft(body=body, run=run_id, subject=subject) for body in bodies]


def _project(journal: LedgerWriter, arrival: Arrival, inputs: Json, parent: str) -> str:
    """A called run belongs to what its caller belongs to."""
    if parent:
        return journal.book.runs[parent].project
    return journal.house.project(arrival.event, inputs)


def outside(plan: Plan, inputs: Json) -> str:
    """Which input is outside of its limits, and of which; empty when none is."""
    filled = _filled(plan, inputs)
    values = filled if isinstance(filled, dict) else {}
    for input_ in plan.inputs:
        value = values.get(input_.name)
        if value is not None and (
            wrong := value_range.range_error(
                input_.type.kind, value, minimum=input_.least, maximum=input_.most
            )
        ):
            return f"{input_.name}: {wrong}"
    return ""


def _filled(plan: Plan, inputs: Json) -> Json:
    """The inputs, with the declared default for each that was left out."""
    defaults = {input_.name: input_.default for input_ in plan.inputs if input_.default is not None}
    if not defaults:
        return inputs
    values = inputs if isinstance(inputs, dict) else {}
    return {**defaults, **{name: value for name, value in values.items() if value is not None}}


def is_once_claimed(journal: LedgerWriter, claim: str, run: str) -> bool:
    """Whether another run used a playbook's `once` up. One that failed leaves it free again."""
    by, _ = journal.book.claims.get(claim, ("", ""))
    return bool(by) and by != run and journal.book.runs[by].status != "failed"


def taken_by_step(journal: LedgerWriter, claim: str, run: str, step: str) -> bool:
    """Whether another step used a step's `once` up: of any run, or another item of this one. One that did nothing leaves it free again."""
    by, at = journal.book.claims.get(claim, ("", ""))
    if not by or (by, at) == (run, step):
        return False
    claimer = journal.book.runs[by]
    state = claimer.step(at)
    return state.left or not (state.settled or (by != run and claimer.terminal))


def _once(journal: LedgerWriter, plan: Plan, arrival: Arrival, inputs: Json, caution: str) -> str:
    if plan.once is None:
        return ""
    text = _evaluated(journal, plan, arrival, inputs, plan.once)
    return match_of(journal.house.index_key, "once", set_aside.owned(caution, plan.id), text)


def _evaluated(journal: LedgerWriter, plan: Plan, arrival: Arrival, inputs: Json, arg: Arg) -> Json:
    scope = _Early(
        journal=journal, plan=plan, run=_NO_RUN, now=journal.now(), event=arrival.event, inputs=inputs
    )
    return scope.evaluate(arg)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Early(Scope):
    """The scope before the run exists: only event and inputs can be read."""

    event: Json
    inputs: Json

    def read(self, path: str) -> tuple[Json, frozenset[Label]]:
        root, _, subpath = path.partition(".")
        value: Json = {"event": self.event, "inputs": self.inputs}.get(root)
        for name in subpath.split(".") if subpath else ():
            value = value.get(name) if isinstance(value, dict) else None
        return value, frozenset()


_OPERATOR: Labels = frozenset({Label.OPERATOR})
_NO_RUN = RunState(
    id="", order=0, playbook="", plan="", commit="", stage="", trigger="", source="", created=""
)


def _subject(journal: LedgerWriter, plan: Plan, arrival: Arrival, inputs: Json, caution: str) -> str:
    if plan.subject is None:
        return ""
    person = _evaluated(journal, plan, arrival, inputs, plan.subject)
    return set_aside.subject_of(journal, person, caution) if person else ""


def _group(journal: LedgerWriter, plan: Plan, arrival: Arrival, inputs: Json, caution: str) -> str:
    if plan.concurrency is None:
        return ""
    text = _evaluated(journal, plan, arrival, inputs, plan.concurrency)
    return match_of(journal.house.index_key, "group", set_aside.owned(caution, plan.id), text)


def start_queued(journal: LedgerWriter) -> bool:
    """Let the oldest queued run of each free concurrency group begin, drop or replace as the playbook says; whether any did."""
    busy: dict[tuple[str, str], list[RunState]] = {}
    for run in _open(journal):
        if run.group and run.status != "queued":
            busy.setdefault((run.playbook, run.group), []).append(run)
    changed = False
    for run in _open(journal):
        if run.status != "queued":
            continue
        plan, others = journal.plan(run), busy.get((run.playbook, run.group), []) if run.group else []
        if others and plan.if_running == "drop":
            journal.write(
                *end_run(journal, run, status="no-op", reason="dropped: another run of this group goes on")
            )
            changed = True
            continue
        if others and (plan.if_running == "wait" or any(_intended(peer) for peer in others)):
            continue
        for older_run in others:
            journal.write(*end_run(journal, older_run, status="cancelled", reason="replaced by a newer run"))
        _start(journal, plan, run)
        changed = True
        if run.group:
            busy[run.playbook, run.group] = [run]
    return changed


def _intended(run: RunState) -> bool:
    return any(step.intents for step in run.steps.values())


def _start(journal: LedgerWriter, plan: Plan, run: RunState) -> None:
    scope = Scope(journal=journal, plan=plan, run=run, now=journal.now())
    journal.write(
        Draft(body=RunStarted(**subscribe(plan.stop_on, scope)), run=run.id, subject=run.subject),
        durable=bool(plan.stop_on),
    )


def end_run(
    journal: LedgerWriter,
    run: RunState,
    *,
    status: str,
    reason: str,
    outputs: str | None = None,
    labels: tuple[str, ...] = (),
    by: str = "",
) -> list[Draft]:
    """The events of a run's end: its open cards are withdrawn, but for those of what is being taken back."""
    open_ = [card for card in journal.book.cards.values() if card.run == run.id and card.status == "open"]
    cards = [card for card in open_ if not undone_by(card.gate)]
    body = RunEnded(status=status, reason=reason, outputs=outputs, labels=labels, by=by)
    bodies: list[Body] = [*(CardClosed(card=card.id, because="run-ended") for card in cards), body]
    return [Draft(body=body, run=run.id, subject=run.subject) for body in bodies]


def _open(journal: LedgerWriter) -> Iterable[RunState]:
    """Runs that have not ended. One of which something is being taken back may have."""
    runs = [journal.book.runs[id_] for id_ in journal.book.open_runs]
    return [run for run in runs if not run.terminal]


def start_manual(
    journal: LedgerWriter,
    deployment: Deployment,
    plan: Plan,
    nonce: str,
    inputs: Json,
    answer: Decided,
    decided: Draft,
) -> str:
    """Start one run by hand; the run's id."""
    event = {"at": journal.now()}
    arrival = Arrival(
        kind="manual",
        source=ids.source_id(journal.house.index_key, "manual", nonce),
        event=event,
        labels=frozenset({Label.OPERATOR}),
    )
    drafts = create(journal, deployment, plan, arrival, inputs=inputs)
    journal.write(*drafts, decided, answers=[answer])
    return drafts[0].run
