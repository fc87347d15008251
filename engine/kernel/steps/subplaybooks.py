"""How runs meet: one playbook calls another, gives its outputs at its end, and looks up what earlier runs gave."""

from collections.abc import Iterator

from engine.kernel.core.scope import Scope
from engine.kernel.core.services import Deployment, LedgerWriter
from engine.kernel.core.step_context import StepContext
from engine.kernel.steps.rerun import restart_run
from engine.kernel.triggers import intake
from engine.model.commands import End
from engine.model.definitions.plan import Arg, Expr, Fixed, ListArg, MapArg, Plan, Read, Text
from engine.model.definitions.taint import Label, Labels, decode, encode
from engine.model.errors import ABSENT, PermanentError
from engine.model.events.events import CallStarted, Draft, RunEnded, StepFailed, StepSucceeded
from engine.model.ports import Arrival
from engine.model.state.state import RunState
from engine.model.values import ids
from engine.model.values.canonical_json import Json
from engine.model.values.money import MIXED

MAX_RUNS = 100


def call(place: StepContext, inputs: dict[str, Json], origins: dict[str, Labels]) -> None:
    """Create the called playbook's run and wait for it; its inputs keep their `origins`. Raises PermanentError when it is not deployed."""
    journal = place.journal
    name = place.node.uses.removeprefix("playbook/")
    deployment = journal.deployment()
    plan = deployment.plans.get(name)
    if plan is None:
        raise PermanentError(f"no playbook {name} is deployed", code="no-playbook", way_out="steward check")
    if wrong := intake.outside(plan, inputs):
        raise PermanentError(f"{name}: {wrong}", code="limits")
    # The caller's run, step and item name the call: after a crash the same call is the same run.
    source = ids.source_id(journal.house.index_key, "call", place.run.id, place.step)
    earlier_run = journal.book.runs.get(ids.run_id(journal.house.workspace, plan.id, "call", source))
    if earlier_run is not None:
        _call_again(place, deployment, plan, earlier_run)
        return
    arrival = Arrival(
        kind="call", source=source, event={"at": journal.now()}, labels=frozenset({Label.SYSTEM})
    )
    drafts = intake.create(
        journal, deployment, plan, arrival, inputs=inputs, origins=origins, parent=(place.run.id, place.step),
        depth=place.run.depth,
    )  # fmt: skip
    child = drafts[-1].run
    journal.write(*drafts, place.draft(CallStarted(child=child)))
    run = journal.book.runs[child]
    if run.terminal:
        journal.write(*answer(journal, run, RunEnded(status=run.status)))


def _call_again(place: StepContext, deployment: Deployment, plan: Plan, earlier_run: RunState) -> None:
    """The caller began again, and the run it called earlier goes on from where it was: nothing of it is done twice."""
    journal = place.journal
    drafts = [place.draft(CallStarted(child=earlier_run.id))]
    if earlier_run.terminal and earlier_run.status not in {"succeeded", "no-op"}:
        drafts.append(restart_run(journal, deployment, earlier_run, plan, by="engine", channel="call"))
    journal.write(*drafts)
    if earlier_run.status in {"succeeded", "no-op"}:
        ended = RunEnded(
            status=earlier_run.status, outputs=earlier_run.outputs, labels=earlier_run.output_labels
        )
        journal.write(*answer(journal, earlier_run, ended))


def end(journal: LedgerWriter, run: RunState, command: End) -> None:
    """The run's outputs, its end, and what that is to a caller, in one transaction."""
    plan = journal.plan(run)
    scope = Scope(journal=journal, plan=plan, run=run, now=journal.now())
    status, reason = command.status, command.reason
    outputs: dict[str, Json] = {}
    labels: Labels = frozenset()
    if status == "succeeded":
        outputs, labels, wrong = _outputs(plan, run, scope)
        # The run's effects stay; only its outputs are missing, and its caller is told so.
        status, reason = ("failed", wrong) if wrong else (status, reason)
    sealed = journal.seal(outputs, run.subject) if outputs else None
    drafts = intake.end_run(
        journal, run, status=status, reason=reason, outputs=sealed, labels=encode(labels), by=command.by
    )  # fmt: skip
    body = drafts[-1].body
    if isinstance(body, RunEnded):
        drafts += answer(journal, run, body)
    journal.write(*drafts)


def _outputs(plan: Plan, run: RunState, scope: Scope) -> tuple[dict[str, Json], Labels, str]:
    """What a run gives, the origins of it, and what kept it from being told: the output and the reason, no value of it."""
    outputs: dict[str, Json] = {}
    labels: Labels = frozenset()
    for name, arg in plan.outputs:
        outputs[name] = None
        if any(_absent(run, read) for read in reads_of(arg)):
            continue
        try:
            outputs[name], origin = scope.evaluate(arg)
        except PermanentError as error:
            if error.code == ABSENT:
                continue
            return (
                {},
                frozenset(),
                f"output {name}: {error.message if MIXED.fullmatch(error.message) else error.code}",
            )
        labels |= origin
    return outputs, labels, ""


def _absent(run: RunState, read: Read) -> bool:
    """Whether a path reads what a step gave that did not run: the output is null then, as its readers know."""
    root, _, subpath = read.path.partition(".")
    step, _, part = subpath.partition(".")
    strict = root == "steps" and part.partition(".")[0] == "outputs" and not read.through_default
    return strict and run.step(step).status != "succeeded"


def reads_of(arg: Arg) -> Iterator[Read]:
    """Every path an argument reads."""
    match arg:
        case Expr():
            yield from arg.reads
        case Text():
            for part in arg.parts:
                yield from part.reads if isinstance(part, Expr) else ()
        case ListArg():
            for element in arg.items:
                yield from reads_of(element)
        case MapArg():
            for _, value in arg.entries:
                yield from reads_of(value)
        case Fixed():
            pass


def answer(journal: LedgerWriter, child: RunState, ended: RunEnded) -> list[Draft]:
    """What the end of a called run is to its caller; nothing for a run without a caller, or whose caller is over."""
    if not child.parent or journal.book.runs[child.parent].terminal:
        return []
    place = StepContext.of(journal, child.parent, child.parent_step)
    if place.state.status != "calling":
        return []
    if ended.status in {"succeeded", "no-op"}:
        outputs = journal.value(ended.outputs) or {}
        return [
            place.draft(
                StepSucceeded(attempt=place.state.attempt, outputs=place.sealed(outputs), labels=ended.labels)
            )
        ]
    return [place.draft(StepFailed(attempt=place.state.attempt, code=f"{child.playbook}: {ended.status}"))]


def find(journal: LedgerWriter, args: dict[str, Json]) -> tuple[dict[str, Json], Labels]:
    """`run/find`: earlier ended runs of a playbook, newest first, with their outputs, and the origins of all of these."""
    limit = min(int(args.get("limit") or 10), MAX_RUNS)
    status = args.get("status")
    runs = []
    labels: Labels = frozenset({Label.SYSTEM})
    for run in reversed(journal.book.runs.values()):
        if run.playbook == args["playbook"] and run.terminal and (status is None or run.status == status):
            labels |= decode(run.output_labels)
            runs.append(
                {
                    "run": run.id,
                    "status": run.status,
                    "started": run.created,
                    "ended": run.ended,
                    "outputs": journal.value(run.outputs) or {},
                }
            )
        if len(runs) == limit:
            break
    return {"runs": runs}, labels
