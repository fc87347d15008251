"""From something that arrived to a run: duplicates, offers to waiting runs, subject, concurrency group, plan."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from engine.kernel import meaning
from engine.kernel.house import Deployment, Journal
from engine.kernel.matching import arm, came, fits, match_of
from engine.kernel.scope import Scope
from engine.model import bounds, ids
from engine.model.canonical import Json
from engine.model.errors import PermanentError
from engine.model.events import (
    Body,
    CardClosed,
    Draft,
    OnceClaimed,
    RunCreated,
    RunEnded,
    RunStarted,
    RunStopped,
    TriggerReceived,
    WaitEnded,
)
from engine.model.labels import Label, Labels, encode
from engine.model.plan import Arg, Plan, undone_by
from engine.model.ports import Arrival
from engine.model.requests import Decided
from engine.model.state import RunState
from engine.model.triggers import LEFT_REASONS, MOST_DEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What one pass over the sources found. `left`: left lying until the playbooks compile."""

    started: int = 0
    offered: int = 0
    ignored: int = 0
    left: int = 0


def read_sources(journal: Journal, deployment: Deployment) -> Counts:
    """Read every source once; whatever is new starts runs, feeds waiting ones, or is put aside with a reason."""
    found: dict[str, int] = {}
    for source in journal.house.sources:
        for arrival in source.poll(journal.book.marks.__contains__):
            if arrival.mark not in journal.book.marks:
                outcome = receive(journal, deployment, arrival)
                found[outcome] = found.get(outcome, 0) + 1
    return Counts(**found)


def receive(journal: Journal, deployment: Deployment, arrival: Arrival, *, cause: str = "") -> str:
    """What became of one arrival: started, offered, ignored, unheard or left. Durable when this returns, but for unheard and left.

    `cause` is the run whose effect it is. A letter is offered to runs that wait for it or for what it wants, then to the playbooks that
    read its mailbox; what it wants chooses a playbook only when none of them does.
    """
    if arrival.ignored in LEFT_REASONS:
        return "left"
    if arrival.ignored:
        return _ignore(journal, arrival, arrival.ignored)
    if arrival.source in journal.book.sources:
        return _ignore(journal, arrival, "duplicate")
    if _offer(journal, arrival, cause):
        return "offered"
    meant: Arrival | None = None
    if arrival.kind == "email" and meaning.awaited(journal.book):
        meant = meaning.resolved(journal, deployment, arrival)
        if meant is None:
            return "left"
        if not meant.ignored and _offer(journal, meant, cause):
            return "offered"
    plans = _listening(deployment, arrival)
    if not plans and deployment.broken:
        # Not written down: once the playbook compiles, the next pass finds the letter as new.
        return "left"
    if not plans and arrival.kind == "email" and meaning.chosen(deployment):
        meant = meant or meaning.resolved(journal, deployment, arrival)
        if meant is None:
            return "left"
        if meant.ignored:
            return _ignore(journal, meant, meant.ignored)
        arrival, plans = meant, _listening(deployment, meant)
    return _begin(journal, deployment, arrival, plans, cause)


def _begin(journal: Journal, deployment: Deployment, arrival: Arrival, plans: list[Plan], cause: str) -> str:
    if not plans and cause:
        # Most effects are nobody's trigger. Losing this note only means looking again.
        journal.write(Draft(body=_received(arrival, "unheard")), durable=False)
        return "unheard"
    if not plans:
        return _ignore(journal, arrival, "no-playbook")
    depth = journal.book.runs[cause].depth + 1 if cause else 0
    if depth > MOST_DEEP:
        return _ignore(journal, arrival, "too-deep")
    drafts: list[Draft] = []
    unfit: list[Draft] = []
    for plan in plans:
        try:
            drafts += create(journal, deployment, plan, arrival, depth=depth)
        except PermanentError:
            # One playbook that can't read it keeps no other from it, and no other arrival from being read.
            unfit.append(Draft(body=_received(arrival, "ignored", playbook=plan.id, reason="unfit")))
    journal.write(*drafts, *unfit)
    return "started" if drafts else "ignored"


def _received(arrival: Arrival, outcome: str, *, playbook: str = "", reason: str = "") -> TriggerReceived:
    said = arrival.event if arrival.kind == meaning.KIND else {}
    return TriggerReceived(
        kind=arrival.kind, source=arrival.source, playbook=playbook, outcome=outcome, reason=reason,
        mark=arrival.mark, intent=str(said.get("intent", "")), tier=str(said.get("tier", "")),
    )  # fmt: skip


def _ignore(journal: Journal, arrival: Arrival, reason: str) -> str:
    journal.write(Draft(body=_received(arrival, "ignored", reason=reason)))
    return "ignored"


def _listening(deployment: Deployment, arrival: Arrival) -> list[Plan]:
    return [plan for plan in deployment.plans.values() if any(fits(one, arrival) for one in plan.triggers)]


def _offer(journal: Journal, arrival: Arrival, cause: str) -> bool:
    """Give an arrival to what waits for it: it ends runs by their `stop-on`, and the first waiting step takes it."""
    runs = [journal.book.runs[id_] for id_ in journal.book.open_runs if id_ != cause]
    stopped = _stop_runs(journal, runs, arrival)
    for run in [journal.book.runs[one.id] for one in runs]:
        for step_id, step in run.steps.items():
            waits = step.status == "waiting" and not run.stopping
            if waits and (name := came(journal, step.names, step.kinds, step.matches, arrival)):
                _give(journal, run, step_id, name, arrival)
                return True
    return stopped


def _stop_runs(journal: Journal, runs: list[RunState], arrival: Arrival) -> bool:
    drafts = []
    for run in runs:
        if (
            not run.stopping
            and not run.terminal
            and came(journal, run.stop_names, run.stop_kinds, run.stop_matches, arrival)
        ):
            what = str(arrival.event.get("type") or arrival.kind)
            drafts.append(Draft(body=RunStopped(by=what), run=run.id, subject=run.subject))
    if drafts:
        journal.write(Draft(body=_received(arrival, "offered"), run=drafts[0].run), *drafts)
    return bool(drafts)


def _give(journal: Journal, run: RunState, step: str, name: str, arrival: Arrival) -> None:
    event = _with_files(journal, arrival, run.subject)
    outputs = journal.seal({"got": name, "event": event}, run.subject)
    ended = WaitEnded(got=name, outputs=outputs, labels=encode(arrival.labels))
    journal.write(
        Draft(body=_received(arrival, "offered", playbook=run.playbook), run=run.id, subject=run.subject),
        Draft(body=ended, run=run.id, step=step, subject=run.subject),
    )


def _with_files(journal: Journal, arrival: Arrival, subject: str) -> dict[str, Json]:
    if not arrival.files:
        return arrival.event
    records = []
    for name, media, data in arrival.files:
        handle = journal.house.blobs.keep(data, ids.SubjectId(subject) if subject else None)
        records.append(
            {
                "name": name,
                "media": media,
                "size": len(data),
                "sha256": sha256(data).hexdigest(),
                "handle": handle,
            }
        )
    if arrival.kind == "file":
        return {**arrival.event, "file": records[0]}
    return {**arrival.event, "attachments": records}


def create(
    journal: Journal,
    deployment: Deployment,
    plan: Plan,
    arrival: Arrival,
    *,
    inputs: Json = None,
    given: Mapping[str, Labels] | None = None,
    parent: tuple[str, str] = ("", ""),
    depth: int = 0,
) -> list[Draft]:
    """The events that make a run of `plan`, not yet written. Its id follows from workspace, playbook, trigger and source.

    `given` are the origins of the inputs; the operator's where nothing is said. Raises PermanentError when a field that `subject`,
    `concurrency` or `once` reads is none.
    """
    house = journal.house
    inputs = _filled(plan, inputs)
    run_id = ids.run_id(house.workspace, plan.id, arrival.kind, arrival.source)
    subject = _subject(journal, plan, arrival, inputs)
    event = journal.seal(_with_files(journal, arrival, subject), subject)
    body = RunCreated(
        playbook=plan.id,
        plan=journal.keep_plan(plan, deployment.contents),
        commit=deployment.commit,
        stage=plan.stage.value,
        trigger=arrival.kind,
        source=arrival.source,
        event=event,
        inputs=None if inputs is None else journal.seal(inputs, subject),
        group=_group(journal, plan, arrival, inputs),
        once=_once(journal, plan, arrival, inputs),
        parent=parent[0],
        parent_step=parent[1],
        labels=encode(arrival.labels),
        given=tuple(
            f"{name}={','.join(encode(one))}"
            for name, one in sorted((given or {}).items())
            if one != _OPERATOR
        ),
        depth=depth,
        project=_project(journal, arrival, inputs, parent[0]),
    )
    bodies: list[Body] = [_received(arrival, "started", playbook=plan.id), body]
    if body.once and taken(journal, body.once, run_id):
        bodies.append(RunEnded(status="no-op", reason="once: it was done before"))
    elif body.once and not any(node.kind == "effect" for node in plan.nodes):
        bodies.append(OnceClaimed(claim=body.once))
    return [Draft(body=one, run=run_id, subject=subject) for one in bodies]


def _project(journal: Journal, arrival: Arrival, inputs: Json, parent: str) -> str:
    """A called run belongs to what its caller belongs to."""
    if parent:
        return journal.book.runs[parent].project
    return journal.house.project(arrival.event, inputs)


def outside(plan: Plan, inputs: Json) -> str:
    """Which input is outside of its limits, and of which; empty when none is."""
    filled = _filled(plan, inputs)
    given = filled if isinstance(filled, dict) else {}
    for one in plan.inputs:
        value = given.get(one.name)
        if value is not None and (
            wrong := bounds.outside(one.type.kind, value, least=one.least, most=one.most)
        ):
            return f"{one.name}: {wrong}"
    return ""


def _filled(plan: Plan, inputs: Json) -> Json:
    """The inputs, with the declared default for each that was left out."""
    defaults = {one.name: one.default for one in plan.inputs if one.default is not None}
    if not defaults:
        return inputs
    given = inputs if isinstance(inputs, dict) else {}
    return {**defaults, **{name: value for name, value in given.items() if value is not None}}


def taken(journal: Journal, claim: str, run: str) -> bool:
    """Whether another run used a `once` up. One that failed leaves it free again."""
    by = journal.book.claims.get(claim, "")
    return bool(by) and by != run and journal.book.runs[by].status != "failed"


def _once(journal: Journal, plan: Plan, arrival: Arrival, inputs: Json) -> str:
    if plan.once is None:
        return ""
    text = _evaluated(journal, plan, arrival, inputs, plan.once)
    return match_of(journal.house.index_key, "once", plan.id, text)


def _evaluated(journal: Journal, plan: Plan, arrival: Arrival, inputs: Json, arg: Arg) -> Json:
    scope = _Early(
        journal=journal, plan=plan, run=_NO_RUN, now=journal.now(), event=arrival.event, given=inputs
    )
    return scope.evaluate(arg)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Early(Scope):
    """The scope before the run exists: only event and inputs can be read."""

    event: Json
    given: Json

    def read(self, path: str) -> tuple[Json, frozenset[Label]]:
        root, _, rest = path.partition(".")
        value: Json = {"event": self.event, "inputs": self.given}.get(root)
        for name in rest.split(".") if rest else ():
            value = value.get(name) if isinstance(value, dict) else None
        return value, frozenset()


_OPERATOR: Labels = frozenset({Label.OPERATOR})
_NO_RUN = RunState(
    id="", order=0, playbook="", plan="", commit="", stage="", trigger="", source="", created=""
)


def _subject(journal: Journal, plan: Plan, arrival: Arrival, inputs: Json) -> str:
    if plan.subject is None:
        return ""
    who = _evaluated(journal, plan, arrival, inputs, plan.subject)
    return journal.house.keys.subject(str(who).strip().casefold()) if who else ""


def _group(journal: Journal, plan: Plan, arrival: Arrival, inputs: Json) -> str:
    if plan.concurrency is None:
        return ""
    text = _evaluated(journal, plan, arrival, inputs, plan.concurrency)
    return match_of(journal.house.index_key, "group", plan.id, text)


def start_queued(journal: Journal) -> bool:
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
                *ended(journal, run, status="no-op", reason="dropped: another run of this group goes on")
            )
            changed = True
            continue
        if others and (plan.if_running == "wait" or any(_intended(one) for one in others)):
            continue
        for other in others:
            journal.write(*ended(journal, other, status="cancelled", reason="replaced by a newer run"))
        _start(journal, plan, run)
        changed = True
        if run.group:
            busy[run.playbook, run.group] = [run]
    return changed


def _intended(run: RunState) -> bool:
    return any(step.intents for step in run.steps.values())


def _start(journal: Journal, plan: Plan, run: RunState) -> None:
    scope = Scope(journal=journal, plan=plan, run=run, now=journal.now())
    journal.write(
        Draft(body=RunStarted(**arm(plan.stop_on, scope)), run=run.id, subject=run.subject),
        durable=bool(plan.stop_on),
    )


def ended(
    journal: Journal,
    run: RunState,
    *,
    status: str,
    reason: str,
    outputs: str | None = None,
    labels: tuple[str, ...] = (),
) -> list[Draft]:
    """The events of a run's end: its open cards are withdrawn, but for those of what is being taken back."""
    open_ = [card for card in journal.book.cards.values() if card.run == run.id and card.status == "open"]
    cards = [card for card in open_ if not undone_by(card.gate)]
    body = RunEnded(status=status, reason=reason, outputs=outputs, labels=labels)
    bodies: list[Body] = [*(CardClosed(card=card.id, because="run-ended") for card in cards), body]
    return [Draft(body=one, run=run.id, subject=run.subject) for one in bodies]


def _open(journal: Journal) -> Iterable[RunState]:
    """Runs that have not ended. One of which something is being taken back may have."""
    runs = [journal.book.runs[id_] for id_ in journal.book.open_runs]
    return [run for run in runs if not run.terminal]


def start_manual(
    journal: Journal,
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
