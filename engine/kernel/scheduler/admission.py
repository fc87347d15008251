"""The line before each connector that had trouble: one probe while its breaker is open, then one step after another."""

from collections.abc import Callable, Iterator

from engine.kernel.core.services import LedgerWriter
from engine.kernel.core.step_context import StepContext
from engine.kernel.resilience import circuit_breaker
from engine.kernel.resilience.circuit_breaker import Place as Where
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
        self._fruitless: dict[str, tuple[str, int, Where]] = {}

    def move(self) -> bool:
        """Probe what may be probed, let through whose turn it is; whether there was anything."""
        worked = False
        for name, line in self._waiting().items():
            worked |= self._one(self._journal.book.connectors[name], line)
        return worked

    def dues(self) -> Iterator[str]:
        """The moments at which somebody's turn comes, those that have passed left out: what then still waits, waits for something else."""
        now = self._journal.now()
        for name in self._waiting():
            due = circuit_breaker.earliest_call(self._journal.book.connectors[name])
            if due > now:
                yield due

    def _waiting(self) -> dict[str, list[Where]]:
        found: dict[str, list[Where]] = {}
        for where, name in self._journal.book.delayed.items():
            if not name:
                continue
            found.setdefault(name, []).append(where)
        return found

    def _one(self, state: ConnectorState, line: list[Where]) -> bool:
        journal = self._journal
        now = journal.now()
        if now < circuit_breaker.earliest_call(state):
            return False
        if state.open:
            return not self._probing(state, now) and self._probe(state.name, line)
        if not state.proved and self._under_way(state.trial):
            return False
        after = circuit_breaker.spacing(state.let, journal.house.chance())
        body = StepAdmitted(connector=state.name, next=later(now, after))
        journal.write(StepContext.of(journal, *line[0]).draft(body))
        return True

    def _probing(self, state: ConnectorState, now: str) -> bool:
        return bool(state.probing) and (
            state.probe in self._flights or now < later(state.probed, circuit_breaker.PROBE_TIME)
        )

    def _under_way(self, where: Where) -> bool:
        if where in self._flights:
            return True
        run = self._journal.book.runs.get(where[0])
        step = run.step(where[1]) if run is not None else StepState()
        return step.admitted or (not step.wait and step.status in _CALLS)

    def _probe(self, name: str, line: list[Where]) -> bool:
        """One call that changes nothing, else one that nobody outside notices; else it waits for a person."""
        # In a line in which nobody may be the probe nobody is looked for again until somebody joins or leaves it.
        seen = (self._journal.book.connectors[name].until, len(line), line[-1])
        if self._fruitless.get(name) == seen:
            return False
        # A step that can't be looked up must not be every probe there is: whoever was the last one comes last.
        line = sorted(line, key=lambda where: where == self._journal.book.connectors[name].tried)
        places = [StepContext.of(self._journal, *where) for where in line]
        for choose in (self._alive, self._look_up):
            for place in places:
                asks = choose(place)
                if asks is not None:
                    how, work = asks
                    self._ask(place, name, how, work)
                    return True
        for wanted in ("read", "effect"):
            for place in places:
                if _harmless(place) == wanted:
                    self._journal.write(place.draft(BreakerProbed(connector=name, how=wanted)))
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
    """What the waiting call would be: a read, an effect nobody outside notices, or neither."""
    step, node = place.state, place.node
    if node.kind == "call" or (node.kind == "effect" and not step.proposal):
        return "read"
    return "effect" if step.reach in _NEAR and not step.done else ""


def _nothing(_result: object) -> None:
    """What it says of the connector has been written down already."""
