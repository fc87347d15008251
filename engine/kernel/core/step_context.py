"""A step of a run, or one item of it, with all that is needed to act on it."""

from dataclasses import dataclass, replace

from engine.kernel.core.scope import Scope
from engine.kernel.core.services import LedgerWriter
from engine.model.definitions.plan import Node, Plan
from engine.model.events.events import Body, Draft
from engine.model.state.state import RunState, StepState
from engine.model.values.canonical_json import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """A step of a run, with all that is needed to act on it. `step` is the node's id, or ``id#key`` for one item of it."""

    journal: LedgerWriter
    plan: Plan
    run: RunState
    node: Node
    step: str

    @classmethod
    def of(cls, journal: LedgerWriter, run: str, step: str) -> "StepContext":
        """A step of a run as it is now."""
        state = journal.book.runs[run]
        plan = journal.plan(state)
        return cls(journal=journal, plan=plan, run=state, node=plan.node(step), step=step)

    @property
    def state(self) -> StepState:
        """The step as it was when this place was taken."""
        return self.run.step(self.step)

    @property
    def item(self) -> str:
        """The item's key, empty outside a `foreach`."""
        return self.step.partition("#")[2]

    @property
    def subject(self) -> str:
        """Whom the step is about: its own subject, else the run's."""
        return self.state.subject or self.run.subject

    def draft(self, body: Body) -> Draft:
        """An event of this step."""
        return Draft(body=body, run=self.run.id, step=self.step, subject=self.subject)

    def fresh(self) -> "StepContext":
        """The same place with the run as it is now."""
        return replace(self, run=self.journal.book.runs[self.run.id])

    def sealed(self, value: Json) -> str:
        """Seal a value under the step's subject."""
        return self.journal.seal(value, self.subject)

    def scope(self) -> Scope:
        """What this step can read now."""
        return Scope(
            journal=self.journal, plan=self.plan, run=self.run, now=self.journal.now(), step=self.step
        )
