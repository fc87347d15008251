"""Words an agent doubts, and placeholders left unfilled, leave only after a person has seen them.

At every stage, and through whatever calls.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from engine.kernel.core.services import LedgerWriter
from engine.kernel.core.step_context import StepContext
from engine.kernel.steps.subplaybooks import reads_of
from engine.kernel.steps.unfilled_placeholders import unfilled
from engine.model.definitions.actions import Reach
from engine.model.definitions.plan import Node, Plan, undone_by
from engine.model.effects import Answer, Effect, Verdict
from engine.model.state.state import RunState
from engine.model.values.canonical_json import Json

DOUBTS = "doubts"
"""The output of an agent that holds them, a list of plain lines."""
_DEEPEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubted:
    """An agent's step of a `run` whose words are doubted, and the way to it: the steps that called or looked up that run."""

    run: str
    way: tuple[str, ...]
    uses: str
    doubts: tuple[Json, ...]

    @property
    def name(self) -> str:
        """The step, as a person reads it."""
        return " › ".join(self.way)


def seen_first(place: StepContext, effect: Effect, verdict: Verdict) -> Verdict:
    """Governance's answer, but a person is asked before doubted words leave."""
    if verdict.answer is not Answer.ALLOW or effect.reach is Reach.INTERNAL:
        return verdict
    if left := unfilled(place):
        because = f"`{left}` stands in your own words as it is: nothing filled it in"
        return replace(verdict, answer=Answer.ASK, rule="unfilled", because=because)
    doubt = next(doubted(place), None) if effect.reach.rank > Reach.LOW.rank else None
    if doubt is None:
        return verdict
    because = f"`{doubt.name}` has doubts about its own words"
    return replace(verdict, answer=Answer.ASK, rule="doubt", because=because)


def doubted(place: StepContext) -> Iterator[Doubted]:
    """What agents doubt of all that this step was made from, in its run and in those it called or looked up. What a caller gave, a person saw."""
    yield from _behind(place.journal, place.run, _read_by(place.node))


def doubts_of_other_runs(journal: LedgerWriter, run: RunState, steps: tuple[str, ...]) -> list[Json]:
    """What agents of other runs doubt of the words that came from there into these steps, as a card shows it beside this run's own findings."""
    doubts = [
        doubt
        for step in steps
        for doubt in doubted(StepContext.of(journal, run.id, step))
        if doubt.run != run.id
    ]
    named = {doubt.name: doubt for doubt in doubts}
    return [
        {"step": name, "uses": doubt.uses, "outputs": {DOUBTS: list(doubt.doubts)}}
        for name, doubt in named.items()
    ]


def _behind(
    journal: LedgerWriter, run: RunState, steps: Iterable[str], way: tuple[str, ...] = ()
) -> Iterator[Doubted]:
    """What agents doubt in the outputs of these steps of a run, or of the steps and runs those were made from."""
    plan = journal.plan(run)
    seen: set[str] = set()
    left = [*steps]
    while left:
        step = left.pop(0)
        if step in seen or undone_by(step):
            continue
        seen.add(step)
        node, state = plan.node(step), run.step(step)
        here = (*way, step)
        agent = node.uses.startswith("agent/") and state.outputs
        if agent and (doubts := tuple(_doubts(journal.value(state.outputs)))):
            yield Doubted(run=run.id, way=here, uses=node.uses, doubts=doubts)
        if len(here) < _DEEPEST:
            for source_run in _source_runs(journal, run, node):
                yield from _behind(journal, source_run, _giving(journal.plan(source_run)), here)
        left += _read_by(node)


def _read_by(node: Node) -> tuple[str, ...]:
    """The steps whose outputs a step may hold, also those it can do without."""
    return (*node.reads, *node.soft_reads)


def _source_runs(journal: LedgerWriter, run: RunState, node: Node) -> Iterator[RunState]:
    """The runs whose outputs a step gave: those it called, and those it looked up."""
    runs = journal.book.runs
    if node.uses.startswith("playbook/"):
        base = run.step(node.id)
        for id_ in (node.id, *(f"{node.id}#{key}" for key in base.keys)):
            if child := run.step(id_).child:
                yield runs[child]
    elif node.kind == "find" and (sealed := run.step(node.id).outputs):
        outputs = journal.value(sealed)
        for row in outputs["runs"] if isinstance(outputs, dict) else ():
            if row["run"] in runs:
                yield runs[row["run"]]


def _giving(plan: Plan) -> tuple[str, ...]:
    """The steps that what a run gives is made of."""
    paths = (read.path.split(".") for _, arg in plan.outputs for read in reads_of(arg))
    nodes = {node.id for node in plan.nodes}
    return tuple(
        dict.fromkeys(path[1] for path in paths if path[0] == "steps" and len(path) > 1 and path[1] in nodes)
    )


def _doubts(outputs: Json) -> Iterator[Json]:
    if isinstance(outputs, list):
        for element in outputs:
            yield from _doubts(element)
    elif isinstance(outputs, dict) and outputs.get(DOUBTS):
        yield from outputs[DOUBTS]
