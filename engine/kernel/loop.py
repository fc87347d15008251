"""The one loop: carries out what `decide` says, appends what happened, answers requests, until every run waits."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import assert_never

from engine.kernel import acting, calling, emitting, fanning, intake, schedule
from engine.kernel.decide import decide, next_due
from engine.kernel.decisions import Desk
from engine.kernel.flights import Flights
from engine.kernel.house import Deployment, House, Journal
from engine.kernel.place import Place
from engine.kernel.steps import Attempt, begin
from engine.model import commands as c
from engine.model.errors import EngineError, LedgerError
from engine.model.events import (
    Body,
    CardClosed,
    CardExpired,
    Draft,
    EffectHeld,
    EffectIntended,
    EffectWithdrawn,
    Event,
    RunEnded,
    StepCancelled,
    StepFailed,
    StepSkipped,
    WaitEnded,
)  # fmt: skip
from engine.model.state import RunState
from engine.model.times import later, moment

# How often the owner looks for requests (DESIGN: at least every 100 ms) and how long a hold is waited out in one pass.
LOOK_SECONDS = 0.1
WAIT_OUT = timedelta(seconds=30)


class Loop:
    """Single-threaded: attempts run elsewhere, everything durable happens here."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.journal = Journal(house)
        self._flights = Flights(self.journal)
        self._intents: dict[tuple[str, str], Event] = {}
        self._dues: dict[str, str] = {}
        self._deployed: Deployment | None = None
        self.journal.deployment = self.deployment
        house.records.attach(self.journal, self._flights.nudge)
        self.desk = Desk(journal=self.journal, deployment=self.deployment, poll=self.poll)

    def deployment(self) -> Deployment:
        """What is deployed, read once per pass."""
        if self._deployed is None:
            self._deployed = self.house.deployment()
        return self._deployed

    def poll(self) -> intake.Counts:
        """Read every source once."""
        self._deployed = None
        deployment = self.deployment()
        fired = schedule.fire(self.journal, deployment)
        counts = intake.read_sources(self.journal, deployment)
        return replace(counts, started=counts.started + fired)

    def run(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Go on until every run is terminal or waits for something more than 30 s away, or `until` says so."""
        while True:
            worked = self._requests()
            worked |= self._advance()
            worked |= emitting.announce(self.journal, self.deployment)
            worked |= self._flights.land(0.0)
            worked |= self.house.records.settle()
            if worked:
                continue
            if until():
                # What is under way is followed to its end, so that no outcome is lost.
                while self._flights:
                    self._flights.land(LOOK_SECONDS)
                    self.house.records.settle()
                break
            self.house.ledger.tick(self.house.clock.now())
            if self._flights:
                self._flights.land(LOOK_SECONDS)
                continue
            wait = self._until_due()
            if wait is None:
                break
            self.house.ledger.flush()
            self.house.clock.wait(min(wait, LOOK_SECONDS))
        self.house.ledger.flush()

    def withdraw(self) -> None:
        """Interrupted: what is held is taken back, and nothing that was not sent will be."""
        for id_ in list(self.journal.book.open_runs):
            run = self.journal.book.runs[id_]
            for step, state in run.steps.items():
                if state.status == "held":
                    body = EffectWithdrawn(revision=state.revision, by="operator", because="interrupted")
                    self.journal.write(Draft(body=body, run=id_, step=step, subject=run.subject))

    def _until_due(self) -> float | None:
        """Seconds to the next moment worth waiting for; None when there is none within `WAIT_OUT`."""
        now = self.journal.now()
        limit = later(now, WAIT_OUT)
        dues = [*self._dues.values(), *self._flights.dues().values()]
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
        worked = bool(journal.touched) and intake.start_queued(journal)
        due = {run for run, moment_ in self._dues.items() if moment_ <= now}
        due |= {run for (run, _), moment_ in self._flights.dues().items() if moment_ <= now}
        todo, journal.touched = sorted(journal.touched | due), set()
        for id_ in todo:
            while id_ in journal.book.open_runs and self._one(journal.book.runs[id_]):
                worked = True
            self._dues[id_] = next_due(journal.book.runs[id_])
            if not self._dues[id_]:
                del self._dues[id_]
        return worked

    def _one(self, run: RunState) -> bool:
        """Carry out the first command that is not under way; whether there was one."""
        plan = self.journal.plan(run)
        for command in decide(plan, run, now=self.journal.now()):
            step = getattr(command, "step", "")
            if step and (run.id, step) in self._flights:
                continue
            if isinstance(command, c.Recover) and not self._due(run.id, step):
                continue
            if isinstance(command, c.End) and self._flights.of_run(run.id):
                continue
            self._guarded(run, command)
            return True
        return False

    def _guarded(self, run: RunState, command: c.Command) -> None:
        """Carry out a command; a fault of ours fails the run it happens in and stops no other."""
        try:
            self._carry_out(run, command)
        except LedgerError:
            raise
        except Exception as bug:
            error = f"bug: {type(bug).__name__}" if not isinstance(bug, EngineError) else bug.code
            step = getattr(command, "step", "")
            attempt = run.step(step).attempt if step else 0
            body = (
                StepFailed(attempt=attempt, code=error) if step else RunEnded(status="failed", reason=error)
            )
            self.journal.write(Draft(body=body, run=run.id, step=step, subject=run.subject))

    def _due(self, run: str, step: str) -> bool:
        return self.journal.now() >= self._flights.dues().get((run, step), "")

    def _carry_out(self, run: RunState, command: c.Command) -> None:
        journal, plan = self.journal, self.journal.plan(run)

        def write(body: Body, *, step: str = "", durable: bool = True) -> None:
            journal.write(Draft(body=body, run=run.id, step=step, subject=run.subject), durable=durable)

        match command:
            case c.Skip():
                write(StepSkipped(because=command.because), step=command.step, durable=False)
            case c.Cancel():
                write(StepCancelled(because=command.because), step=command.step)
            case c.OpenCard():
                before = self._replaced(run, command)
                journal.write(*acting.open_card(journal, plan, run, command, replaces=before))
            case c.CloseCard():
                write(CardClosed(card=command.card, because=command.because))
            case c.ExpireCard():
                write(CardExpired(card=command.card))
            case c.Hold():
                write(
                    EffectHeld(revision=run.step(command.step).revision, until=command.until),
                    step=command.step,
                )
            case c.FireTimer():
                outputs = journal.seal({"got": "nothing", "event": None}, run.subject)
                write(WaitEnded(got="nothing", outputs=outputs, labels=("system",)), step=command.step)
            case c.ExpireAsk():
                write(StepFailed(attempt=run.step(command.step).attempt, code="no-answer"), step=command.step)
            case c.Gather():
                fanning.gather(self._place(run, command.step))
            case c.End():
                calling.end(journal, run, command)
            case _:
                self._flights.start((run.id, command.step), self._attempt(run, command))

    def _attempt(
        self, run: RunState, command: c.Begin | c.Release | c.Recover | c.TakeBack
    ) -> Attempt | None:
        """The commands that may leave something to be carried by the executor."""
        place = self._place(run, command.step)
        match command:
            case c.Begin():
                return begin(place, acting.propose)
            case c.Release():
                return acting.release(place)
            case c.Recover():
                return acting.recover(place, self._intent(run.id, command.step))
            case c.TakeBack():
                return acting.take_back(place)
            case _:
                assert_never(command)

    def _place(self, run: RunState, step: str) -> Place:
        return Place.of(self.journal, run.id, step)

    def _replaced(self, run: RunState, command: c.OpenCard) -> str:
        old = [k for k in self.journal.book.cards.values() if k.run == run.id and k.gate == command.gate]
        return old[-1].id if old else ""

    def _intent(self, run: str, step: str) -> Event:
        """The durable intent of a step; read back from the ledger after a restart."""
        known = self._intents.get((run, step))
        if known is not None:
            return known
        for event in self.house.ledger.events():
            if isinstance(event.body, EffectIntended):
                self._intents[event.run, event.step] = event
        return self._intents[run, step]
