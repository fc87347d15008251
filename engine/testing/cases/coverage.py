"""Which steps and branches of a playbook its cases went through."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.model import approval_rule
from engine.model.definitions.diagnostics import Span
from engine.model.definitions.plan import Gate, Node, Plan, Stage
from engine.model.effects import Answer
from engine.model.events import events as e
from engine.model.state.state import State

_REFUSED = "refused"
_APPROVED = "approved"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredPart:
    """One step or branch. `name` is what a person calls it; `branch` is empty for the step itself."""

    step: str
    branch: str
    place: Span

    @property
    def name(self) -> str:
        """For a list of what is missing."""
        return f"`{self.step}` {self.branch}" if self.branch else f"`{self.step}`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """One playbook's parts, and those no case went through."""

    playbook: str
    path: str
    steps: int
    branches: int
    missing: tuple[CoveredPart, ...]

    @property
    def complete(self) -> bool:
        """Every step and every branch."""
        return not self.missing

    def covered(self, *, branches: bool) -> int:
        """How many steps (or branches) were gone through."""
        left = sum(bool(part.branch) is branches for part in self.missing)
        return (self.branches if branches else self.steps) - left


@dataclass(slots=True, kw_only=True)
class Tracks:
    """What was gone through so far: (playbook, step or gate, branch)."""

    seen: set[tuple[str, str, str]] = field(default_factory=set)

    def follow(self, events: Iterable[e.Event], book: State) -> None:
        """Take in what one case did."""
        for event in events:
            run = book.runs.get(event.run)
            if run is None:
                continue
            base = event.step.partition("#")[0]
            for name, branch in _went(event.body, base, book):
                self.seen.add((run.playbook, name, branch))

    def coverage(self, plan: Plan) -> Coverage:
        """Of one playbook."""
        parts = list(parts_of(plan))
        missing = [part for part in parts if (plan.id, part.step, part.branch) not in self.seen]
        return Coverage(
            playbook=plan.id,
            path=plan.path,
            steps=len(plan.nodes),
            branches=len(parts) - len(plan.nodes),
            missing=tuple(sorted(missing, key=lambda part: part.place)),
        )


def _went(body: e.Body, step: str, book: State) -> list[tuple[str, str]]:
    match body:
        case e.StepStarted() | e.StepFanned():
            return [(step, ""), (step, _if(yes=True))]
        case e.StepSkipped(because=because) if because.startswith("if "):
            return [(step, _if(yes=False))]
        case e.CardApproved(card=card):
            return [(book.cards[card].gate, _APPROVED)]
        case e.CardRejected(card=card) | e.CardExpired(card=card):
            return [(book.cards[card].gate, _REFUSED)]
        case e.WaitEnded(got=ended_by):
            return [(step, _got(ended_by))]
        case _:
            return []


def _if(*, yes: bool) -> str:
    return "with its `if` true" if yes else "with its `if` false"


def _got(name: str) -> str:
    return f"getting {name}"


def parts_of(plan: Plan) -> Iterable[CoveredPart]:
    """Every step, each `if` both ways, each gate approved and refused (rejected or expired), each wait each outcome."""
    for node in plan.nodes:
        yield CoveredPart(step=node.id, branch="", place=node.span)
        if node.condition is not None:
            for yes in (True, False):
                yield CoveredPart(step=node.id, branch=_if(yes=yes), place=node.span)
        if node.kind == "wait":
            names = [wait.name for wait in node.waits] + (["nothing"] if node.until is not None else [])
            for name in names:
                yield CoveredPart(step=node.id, branch=_got(name), place=node.span)
    nodes = {node.id: node for node in plan.nodes}
    for gate in plan.gates:
        members = [nodes[step] for step in gate.members]
        if members and _asks(plan, gate, members):
            for verdict in (_APPROVED, _REFUSED):
                yield CoveredPart(step=gate.id, branch=verdict, place=members[0].span)


def _asks(plan: Plan, gate: Gate, members: list[Node]) -> bool:
    """Whether a person is ever asked: a gate of the file's own always, a step's own card where the stage asks for it."""
    stages = [approval_rule.lowest(plan.stage, member.stage) for member in members]
    if Stage.SHADOW in stages:
        return False
    if not gate.own:
        return True
    return approval_rule.answer(stages[0], members[0].highest_reach) is Answer.ASK
