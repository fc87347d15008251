"""Carries out what `decide` says: small transitions at once, everything that takes time through the executor."""

from typing import assert_never

from engine.kernel.core.services import LedgerWriter
from engine.kernel.core.step_context import StepContext
from engine.kernel.scheduler.in_flight import InFlight
from engine.kernel.steps import budgets, effects, foreach, subplaybooks
from engine.kernel.steps.execute import Attempt, begin
from engine.model import commands as c
from engine.model.errors import EngineError, LedgerError
from engine.model.events.events import (
    Body,
    CardClosed,
    CardExpired,
    Draft,
    EffectHeld,
    EffectIntended,
    Event,
    RunEnded,
    StepCancelled,
    StepFailed,
    StepPaced,
    StepSkipped,
    WaitEnded,
)
from engine.model.state.state import NOTHING, UNANSWERED, RunState


class Dispatcher:
    """The loop's hands: one command at a time."""

    def __init__(self, journal: LedgerWriter, flights: InFlight) -> None:
        self._journal, self._flights = journal, flights
        self._intents: dict[tuple[str, str], Event] = {}

    def carry_out(self, run: RunState, command: c.Command) -> None:
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
            self._journal.write(Draft(body=body, run=run.id, step=step, subject=run.subject))

    def _carry_out(self, run: RunState, command: c.Command) -> None:
        journal, plan = self._journal, self._journal.plan(run)

        def write(body: Body, *, step: str = "", durable: bool = True) -> None:
            journal.write(Draft(body=body, run=run.id, step=step, subject=run.subject), durable=durable)

        match command:
            case c.Skip():
                write(StepSkipped(because=command.because), step=command.step, durable=False)
            case c.Cancel():
                write(StepCancelled(because=command.because), step=command.step)
            case c.OpenCard():
                replaced = self._replaced(run, command)
                journal.write(*effects.open_card(journal, plan, run, command, replaces=replaced))
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
                outputs = journal.seal({"got": NOTHING, "event": None}, run.subject)
                write(WaitEnded(got=NOTHING, outputs=outputs, labels=("system",)), step=command.step)
            case c.ExpireAsk() if run.step(command.step).over_budget:
                journal.write(budgets.expired(self._place(run, command.step)))
            case c.ExpireAsk():
                write(StepFailed(attempt=run.step(command.step).attempt, code=UNANSWERED), step=command.step)
            case c.GiveUp():
                effects.give_up(self._place(run, command.step))
            case c.Pace():
                write(StepPaced(until=command.until), step=command.step)
            case c.Gather():
                foreach.gather(self._place(run, command.step))
            case c.End():
                subplaybooks.end(journal, run, command)
            case _:
                self._flights.start((run.id, command.step), self._attempt(run, command))

    def _attempt(
        self, run: RunState, command: c.Begin | c.Release | c.Recover | c.UndoStep
    ) -> Attempt | None:
        """The commands that may leave something to be carried by the executor."""
        place = self._place(run, command.step)
        match command:
            case c.Begin():
                return begin(place, effects.propose)
            case c.Release():
                return effects.release(place)
            case c.Recover():
                return effects.recover(place, self._intent(run.id, command.step))
            case c.UndoStep():
                return effects.take_back(place)
            case _:
                assert_never(command)

    def _place(self, run: RunState, step: str) -> StepContext:
        return StepContext.of(self._journal, run.id, step)

    def _replaced(self, run: RunState, command: c.OpenCard) -> str:
        old = [k for k in self._journal.book.cards.values() if k.run == run.id and k.gate == command.gate]
        return old[-1].id if old else ""

    def _intent(self, run: str, step: str) -> Event:
        """The durable intent of a step; read back from the ledger after a restart."""
        known = self._intents.get((run, step))
        if known is not None:
            return known
        for event in self._journal.house.ledger.events():
            if isinstance(event.body, EffectIntended):
                self._intents[event.run, event.step] = event
        return self._intents[run, step]
