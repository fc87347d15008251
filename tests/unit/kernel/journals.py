"""A journal in memory: the real fold and the real evaluation over a ledger that is a list, for tests of what writes events."""

from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from engine.kernel.core.services import LedgerWriter
from engine.kernel.core.step_context import StepContext
from engine.language.expressions.expressions import Expressions
from engine.model.definitions.plan import Plan
from engine.model.events import events as e
from engine.model.events.events import Draft, Event
from engine.model.state.state import RunState
from engine.model.values.canonical_json import sha256
from engine.model.values.timestamps import stamp
from engine.testing.clock import VirtualClock
from tests.unit.kernel.plans import RUN, START


class Memory:
    """What a journal asks of a ledger."""

    def __init__(self) -> None:
        self.written: list[Event] = []
        self._values: dict[str, Any] = {}
        self._kept: dict[str, bytes] = {}

    def events(self, after: int = 0) -> list[Event]:
        """Those behind a seq."""
        return self.written[after:]

    def append(
        self, drafts: Sequence[Draft], *, at: datetime, durable: bool, answers: tuple[Any, ...]
    ) -> tuple[Event, ...]:
        """Write them down in one row."""
        first = len(self.written) + 1
        events = tuple(
            Event(
                seq=first + index,
                ts=stamp(at),
                body=one.body,
                run=one.run,
                step=one.step,
                subject=one.subject,
                actor=one.actor,
            )
            for index, one in enumerate(drafts)
        )
        self.written += events
        return events

    def seal(self, value: Any, subject: str) -> str:
        """Nothing is sealed here, only named."""
        name = f"{subject}:{len(self._values)}"
        self._values[name] = value
        return name

    def unseal(self, id_: str) -> Any:
        """What `seal` named so."""
        return self._values[id_]

    def keep(self, data: bytes) -> str:
        """Its digest."""
        self._kept[sha256(data)] = data
        return sha256(data)

    def load_content(self, name: str) -> bytes:
        """What `keep` named so."""
        return self._kept[name]

    def commitment(self, data: bytes, subject: str) -> str:
        """A digest without a key."""
        return sha256(subject.encode() + data)


class Books(LedgerWriter):
    """The journal of one run of `plan`. `services` stand in for those of the house."""

    def __init__(self, plan: Plan, *, inputs: Any = None, **services: Any) -> None:
        self.memory, self.clock = Memory(), VirtualClock(START)
        defaults = {"evaluate": Expressions(), "chance": lambda: 1.0, "workspace": "w", "index_key": b"k"}
        house = SimpleNamespace(
            **{
                **defaults,
                "ledger": self.memory,
                "clock": self.clock,
                "listen": lambda _event: None,
                "deployment": lambda: None,
                "flag": lambda: False,
                "version": lambda _path: "",
                **services,
            }
        )
        super().__init__(house)  # type: ignore[arg-type]  # as much of a house as is asked for
        created = e.RunCreated(
            playbook=plan.id, plan=self.keep_plan(plan, {}), commit="", stage="approval", trigger="manual", source="s",
            inputs=None if inputs is None else self.seal(inputs, ""),
        )  # fmt: skip
        self.write(Draft(body=created, run=RUN), Draft(body=e.RunStarted(), run=RUN))
        self.start = len(self.memory.written)

    def add(self, body: Any, step: str = "") -> None:
        """Something happened."""
        self.write(Draft(body=body, run=RUN, step=step))
        self.start = len(self.memory.written)

    def news(self) -> list[Any]:
        """What was written since the last look, or since `add`."""
        events, self.start = self.memory.written[self.start :], len(self.memory.written)
        return [event.body for event in events]

    def at(self, step: str) -> StepContext:
        """A step as it is now."""
        return StepContext.of(self, RUN, step)

    @property
    def run(self) -> RunState:
        """The run as it is now."""
        return self.book.runs[RUN]
