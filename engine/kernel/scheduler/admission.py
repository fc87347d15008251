"""The line before each connector that had trouble: one probe while its breaker is open, then one step after another."""

from collections.abc import Callable, Iterator

from engine.kernel.core.services import LedgerWriter
from engine.kernel.core.step_context import StepContext
from engine.kernel.resilience import circuit_breaker
from engine.kernel.resilience.circuit_breaker import StepRef
from engine.kernel.scheduler.in_flight import InFlight
from engine.kernel.steps.execute import Attempt
from engine.model.definitions.actions import EffectClass, Reach
from engine.model.errors import EngineError
from engine.model.events.connectors import BreakerProbed, ConnectorState, StepAdmitted
from engine.model.state.state import StepState
from engine.model.values.timestamps import later

_NEAR = frozenset({Reach.INTERNAL.value, Reach.LOW.value})
_CALLS = frozenset({"running", "intended"})


class AdmissionQueue:
    """Lets through what waits for connectors. Everything is decided from the state; a call is never made from here but a harmless one."""

    def __init__(self, journal: LedgerWriter, flights: InFlight) -> None:
        self._journal, self._flights = journal, flights
        self._fruitless: dict[str, tuple[str, int, StepRef]] = {}

    def move(self) -> bool:
        """Probe what may be probed, let through whose turn it is; whether there was anything."""
        worked = False
        for name, line in self._waiting().items():
            worked |= self._admit_next(self._journal.book.connectors[name], line)
        return worked

    def dues(self) -> Iterator[str]:
        """The future moments at which a step's turn comes. What still waits after its moment waits for something else."""
        now = self._journal.now()
        for name in self._waiting():
            due = circuit_breaker.earliest_call(self._journal.book.connectors[name])
            if due > now:
                yield due

    def _waiting(self) -> dict[str, list[StepRef]]:
        lines: dict[str, list[StepRef]] = {}
        for step_ref, name in self._journal.book.delayed.items():
            if not name:
                continue
            lines.setdefault(name, []).append(step_ref)
        return lines

    def _admit_next(self, state: ConnectorState, line: list[StepRef]) -> bool:
        journal = self._journal
        now = journal.now()
        if now < circuit_breaker.earliest_call(state):
            return False
        if state.open:
            return not self._probing(state, now) and self._probe(state.name, line)
        if not state.proved and self._under_way(state.last_admitted):
            return False
        spacing = circuit_breaker.spacing(state.admitted_count, journal.house.chance())
        body = StepAdmitted(connector=state.name, next=later(now, spacing))
        journal.write(StepContext.of(journal, *line[0]).draft(body))
        return True

    def _probing(self, state: ConnectorState, now: str) -> bool:
        return bool(state.probing) and (
            state.probe in self._flights or now < later(state.probed, circuit_breaker.PROBE_TIME)
        )

    def _under_way(self, step_ref: StepRef) -> bool:
        if step_ref in self._flights:
            return True
        run = self._journal.book.runs.get(step_ref[0])
        step = run.step(step_ref[1]) if run is not None else StepState()
        return step.admitted or (not step.wait and step.status in _CALLS)

    def _probe(self, name: str, line: list[StepRef]) -> bool:
        """One call that changes nothing, else one without a trace outside; else it waits for a person."""
        # A line without a step that may be the probe is searched again only when a step joins or leaves it.
        seen = (self._journal.book.connectors[name].until, len(line), line[-1])
        if self._fruitless.get(name) == seen:
            return False
        # A step that can't be looked up must not use up every probe: the step that was tried last comes last.
        line = sorted(line, key=lambda step_ref: step_ref == self._journal.book.connectors[name].tried)
        places = [StepContext.of(self._journal, *step_ref) for step_ref in line]
        for choose in (self._alive, self._look_up):
            for place in places:
                asks = choose(place)
                if asks is not None:
                    how, work = asks
                    self._ask(place, name, how, work)
                    return True
        for effect_class in ("read", "effect"):
            for place in places:
                if _harmless(place) == effect_class:
                    self._journal.write(place.draft(BreakerProbed(connector=name, how=effect_class)))
                    return True
        self._fruitless[name] = seen
        return False

    def _ask(self, place: StepContext, name: str, how: str, work: Callable[[], object]) -> None:
        self._journal.write(place.draft(BreakerProbed(connector=name, how=how)))
        attempt = Attempt(work=work, done=_nothing, failed=_nothing, connector=name, probe=True)
        self._flights.start((place.run.id, place.step), attempt)

    def _alive(self, place: StepContext) -> tuple[str, Callable[[], object]] | None:
        try:
            work = self._journal.house.broker.alive(place.node.uses)
        except EngineError:
            return None
        return None if work is None else ("alive", work)

    def _look_up(self, place: StepContext) -> tuple[str, Callable[[], object]] | None:
        """Under its own key, of an effect that can be looked up: nothing is found, or what an earlier call did."""
        if place.state.kind != EffectClass.QUERYABLE or not place.state.proposal:
            return None
        effect, broker = self._journal.effect(place.state), self._journal.house.broker
        return "look-up", lambda: broker.look_up(effect)


def _harmless(place: StepContext) -> str:
    """What the waiting call would be: a read, an effect without a trace outside, or neither."""
    step, node = place.state, place.node
    if node.kind == "call" or (node.kind == "effect" and not step.proposal):
        return "read"
    return "effect" if step.reach in _NEAR and not step.done else ""


def _nothing(_result: object) -> None:
    """What it says of the connector has been written down already."""
