"""Small plans and histories, for tests of the pure kernel."""

from datetime import UTC, datetime, timedelta
from typing import Any

from engine.kernel.core.fold import fold
from engine.model.definitions.actions import ActionSpec, EffectClass, Reach
from engine.model.definitions.diagnostics import Span
from engine.model.definitions.plan import Expr, Fixed, Gate, Node, Plan, Stage, Trigger
from engine.model.definitions.types import BOOL
from engine.model.events import events as e
from engine.model.state.state import RunState, State
from engine.model.values.timestamps import stamp

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
RUN = "r" * 64


def at(seconds: float) -> str:
    """A stamp that many seconds after the start."""
    return stamp(START + timedelta(seconds=seconds))


def node(id_: str, kind: Any = "call", **more: Any) -> Node:
    """A step; effects get an idempotent action of reach customer."""
    spec = None
    if kind == "effect":
        spec = ActionSpec(name="x/y", summary="", kind=EffectClass.IDEMPOTENT, reach=Reach.CUSTOMER)
    return Node(id=id_, name=id_, kind=kind, uses="x/y", span=Span(path="p.yaml"), action=spec, **more)


def gate(id_: str, *members: str) -> Gate:
    """A gate over members."""
    return Gate(id=id_, title=Fixed(value=id_), members=members)


def plan(*nodes: Node, gates: tuple[Gate, ...] = ()) -> Plan:
    """A plan of these steps at stage approval."""
    return Plan(
        id="p",
        name="P",
        description="",
        path="p.yaml",
        source="playbook",
        stage=Stage.APPROVAL,
        triggers=(Trigger(kind="manual"),),
        nodes=nodes,
        gates=gates,
    )


def truth() -> Expr:
    """A condition; the pure kernel never evaluates it."""
    return Expr(cel="true", written="true", type=BOOL)


class History:
    """A run's events, appended one by one and folded."""

    def __init__(self) -> None:
        self.events: list[e.Event] = []
        self.book = State()
        self.add(
            e.RunCreated(playbook="p", plan="d", commit="", stage="approval", trigger="manual", source="s"),
            seconds=0,
        )
        self.add(e.RunStarted(), seconds=0)

    def add(self, body: Any, step: str = "", *, seconds: float = 0) -> "History":
        """One more event."""
        event = e.Event(seq=len(self.events) + 1, ts=at(seconds), body=body, run=RUN, step=step)
        self.events.append(event)
        fold([event], self.book)
        return self

    def done(self, step: str) -> "History":
        """A read that succeeded."""
        return self.add(e.StepStarted(attempt=1), step).add(e.StepSucceeded(attempt=1), step)

    def proposed(
        self, step: str, *, answer: str = "ask", gate: str = "", revision: int = 1, action: str = "x/y"
    ) -> "History":
        """A frozen proposal with governance's answer."""
        self.add(e.StepStarted(attempt=1), step)
        self.add(
            e.EffectProposed(
                action=action, key=f"k{step}{revision}", revision=revision, kind="idempotent", reach="customer",
                proposal="v", digest="d",
            ),
            step,
        )  # fmt: skip
        return self.add(
            e.EffectGated(revision=revision, answer=answer, rule="r", because="b", gate=gate), step
        )

    def card(self, id_: str, gate_: str, *steps: str, expires: float = 3600) -> "History":
        """A card over steps."""
        return self.add(
            e.CardOpened(
                card=id_, gate=gate_, steps=steps, revisions=(1,) * len(steps), expires=at(expires), strength=1,
                digest="d", content="v",
            )
        )  # fmt: skip

    @property
    def run(self) -> RunState:
        """The run as folded."""
        return self.book.runs[RUN]
