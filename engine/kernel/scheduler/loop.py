"""The one loop: carries out what `decide` says, appends what happened, answers requests, until every run waits."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from engine.kernel.alarms import alarms
from engine.kernel.core.decide import decide, next_due, next_try
from engine.kernel.core.services import Deployment, LedgerWriter, Services
from engine.kernel.requests.handler import RequestHandler
from engine.kernel.resilience import health_gate
from engine.kernel.resilience.call_guard import is_over_capacity, release_slots
from engine.kernel.scheduler.admission import AdmissionQueue
from engine.kernel.scheduler.dispatch import Dispatcher
from engine.kernel.scheduler.in_flight import InFlight
from engine.kernel.scheduler.notices import Notices
from engine.kernel.triggers import arrivals, cron, intake, own_events
from engine.model import commands as c
from engine.model.events.events import Draft, EffectWithdrawn
from engine.model.events.owner import OwnerTaken
from engine.model.state.state import RunState, State
from engine.model.values.timestamps import later, moment

# How often the owner looks for requests (DESIGN: at least every 100 ms).
LOOK_SECONDS = 0.1
STAY = timedelta(seconds=30)
"""How far off a moment may be that is waited for before a command ends."""


# Commands that only the passing of time causes. They wait while the clock is doubted.
_TIMED = (c.ExpireCard, c.ExpireAsk, c.FireTimer)


class Loop:
    """Single-threaded: attempts run elsewhere, everything durable happens here."""

    def __init__(self, house: Services, book: State | None = None) -> None:
        """`book` is the current state, if the caller has folded the ledger already."""
        self.house = house
        self.journal = LedgerWriter(house, book)
        self._flights = InFlight(self.journal)
        self._hands = Dispatcher(self.journal, self._flights)
        self._line = AdmissionQueue(self.journal, self._flights)
        self._notices = Notices(self.journal)
        self._dues: dict[str, str] = {}
        self._tries: dict[str, str] = {}
        self._firing = ""
        self._deployed: Deployment | None = None
        self.journal.deployment = self.deployment
        house.records.attach(self.journal, self._flights.nudge)
        self.desk = RequestHandler(journal=self.journal, deployment=self.deployment, poll=self.poll)

    def own(self, *, epoch: int, host: str, pid: int) -> None:
        """Write down who owns the ledger from here on; before that, whether the clock can be what it shows."""
        health_gate.watch(self.journal)
        mark = self.house.clock.mark()
        taken = OwnerTaken(epoch=epoch, host=host, pid=pid, boot=mark.boot, up=mark.up)
        self.journal.write(Draft(body=taken), durable=False)

    def deployment(self) -> Deployment:
        """What is deployed, read once per pass."""
        if self._deployed is None:
            self._deployed = self.house.deployment()
        return self._deployed

    def poll(self) -> arrivals.Counts:
        """Read every source once."""
        self._deployed = None
        deployment = self.deployment()
        health_gate.watch(self.journal)
        if self.journal.book.doubted:
            # Arrivals are read; what only time causes waits until a person confirms the clock.
            self._firing = ""
            return arrivals.read_sources(self.journal, deployment)
        # Before: what did not come in time is written down even when it comes now. After: what came is an alarm no more.
        alarms.watch(self.journal, deployment)
        fired = cron.fire(self.journal, deployment)
        counts = arrivals.read_sources(self.journal, deployment)
        alarms.watch(self.journal, deployment)
        self._firing = cron.next_due(self.journal, deployment)
        return replace(counts, started=counts.started + fired)

    def due(self) -> bool:
        """Whether a schedule fires now, as far as the last look at them knows."""
        return bool(self._firing) and self.journal.now() >= self._firing

    def run(self, *, until: Callable[[], bool] = lambda: False, stay: timedelta = STAY) -> None:
        """Go on until every run is terminal or waits for something more than `stay` away, or `until` says so. Another try
        of what could not leave is waited for at most that long in all.
        """
        leave = later(self.journal.now(), stay)
        while True:
            if self._turn():
                continue
            if until():
                self._drain()
                break
            if self._flights:
                self._flights.land(LOOK_SECONDS)
                continue
            wait = self._until_due(stay, leave)
            # This process ends, so nothing could send the notice later.
            if self._notices.tell(at_once=wait is None):
                continue
            if wait is None:
                break
            self.house.ledger.flush()
            self.house.clock.wait(min(wait, LOOK_SECONDS))
        self.house.ledger.flush()

    def serve(self, *, look: Callable[[], bool], until: Callable[[], bool]) -> None:
        """Go on for as long as `until` is false; the sources are read whenever `look` says that something may have come."""
        while not until():
            if look():
                self.poll()
            if self._turn():
                continue
            if self._flights:
                self._flights.land(LOOK_SECONDS)
                continue
            if self._notices.tell():
                continue
            self.house.ledger.flush()
            self.house.clock.wait(LOOK_SECONDS)
        self._drain()
        self.house.ledger.flush()

    def _turn(self) -> bool:
        """Everything that can be done now without waiting; whether there was anything."""
        worked = health_gate.watch(self.journal)
        worked |= self._requests()
        worked |= health_gate.readmit(self.journal)
        worked |= self._advance()
        worked |= self._line.move()
        worked |= own_events.publish_own_events(self.journal, self.deployment)
        worked |= self._flights.land(0.0)
        worked |= self.house.records.settle()
        if not worked:
            self.house.ledger.tick(self.house.clock.now())
        return worked

    def _drain(self) -> None:
        """Follow what is under way to its end, so that no outcome is lost."""
        while self._flights:
            self._flights.land(LOOK_SECONDS)
            self.house.records.settle()

    def withdraw(self) -> None:
        """Interrupted: what is held is taken back, and nothing that was not sent will be."""
        for id_ in list(self.journal.book.open_runs):
            run = self.journal.book.runs[id_]
            for step, state in run.steps.items():
                if state.status == "held":
                    body = EffectWithdrawn(revision=state.revision, by="operator", because="interrupted")
                    self.journal.write(Draft(body=body, run=id_, step=step, subject=run.subject))

    def _until_due(self, stay: timedelta, leave: str) -> float | None:
        """Seconds to the next moment worth waiting for; None when there is none within `stay`, or for another try before `leave`."""
        if self.journal.book.doubted:
            return None
        now = self.journal.now()
        limit = later(now, stay)
        runs = [due for run, due in self._dues.items() if due <= leave or due != self._tries.get(run)]
        dues = [*runs, *self._flights.dues().values(), *self._line.dues()]
        near = [due for due in dues if due <= limit]
        if not near:
            return None
        return max((moment(min(near)) - moment(now)).total_seconds(), 0.0)

    def _requests(self) -> bool:
        pending = self.house.ledger.pending()
        for request in pending:
            self.desk.decide(request)
        return bool(pending)

    def _advance(self) -> bool:
        """Decide for every run that something happened to, or whose time has come."""
        journal, now = self.journal, self.journal.now()
        worked = release_slots(journal)
        worked |= bool(journal.touched) and intake.start_queued(journal)
        due = {run for run, moment_ in self._dues.items() if moment_ <= now}
        due |= {run for (run, _), moment_ in self._flights.dues().items() if moment_ <= now}
        todo, journal.touched = sorted(journal.touched | due), set()
        for id_ in todo:
            while id_ in journal.book.open_runs and self._carry_out_next(journal.book.runs[id_]):
                worked = True
            run = journal.book.runs[id_]
            for dues, due_ in ((self._dues, next_due(run, now=journal.now())), (self._tries, next_try(run))):
                dues[id_] = due_
                if not due_:
                    del dues[id_]
        return worked

    def _carry_out_next(self, run: RunState) -> bool:
        """Carry out the first command that is not under way; whether there was one."""
        plan = self.journal.plan(run)
        for command in decide(plan, run, now=self.journal.now()):
            step = getattr(command, "step", "")
            if step and ((run.id, step) in self._flights or is_over_capacity(self.journal, run.id, step)):
                continue
            if isinstance(command, c.Recover) and not self._due(run.id, step):
                continue
            if isinstance(command, _TIMED) and self.journal.book.doubted:
                continue
            if isinstance(command, c.End) and self._flights.has_run(run.id):
                continue
            self._hands.carry_out(run, command)
            return True
        return False

    def _due(self, run: str, step: str) -> bool:
        return self.journal.now() >= self._flights.dues().get((run, step), "")
