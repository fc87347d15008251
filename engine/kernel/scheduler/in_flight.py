"""Attempts under way: handed to the executor, taken in on the loop's thread, given up when they take too long."""

from concurrent.futures import Future
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from engine.kernel.core.services import LedgerWriter
from engine.kernel.core.step_context import StepContext
from engine.kernel.resilience.backoff import backoff
from engine.kernel.resilience.call_guard import record_call_result
from engine.kernel.resilience.circuit_breaker import StepRef
from engine.kernel.steps.execute import Attempt, fail
from engine.model.definitions.plan import Retry
from engine.model.errors import LedgerError, TransientError, UnknownOutcome
from engine.model.values.timestamps import later

# An unanswered call of a repeatable class is looked up or repeated this often before a person is asked.
_LOOKUPS = Retry(attempts=5)


class InFlight:
    """What was started and has not been taken in. One attempt per step at a time."""

    def __init__(self, journal: LedgerWriter) -> None:
        self._journal = journal
        self._flying: dict[StepRef, tuple[str, Attempt]] = {}
        self._landed: SimpleQueue[tuple[StepRef, Attempt, Future[Any]] | None] = SimpleQueue()
        self._unsure: dict[StepRef, tuple[int, str]] = {}

    def __bool__(self) -> bool:
        return bool(self._flying)

    def __contains__(self, step_ref: StepRef) -> bool:
        return step_ref in self._flying

    def has_run(self, run: str) -> bool:
        """Whether a step of this run is under way."""
        return any(run_id == run for run_id, _ in self._flying)

    def dues(self) -> dict[StepRef, str]:
        """Unanswered calls, with the stamp at which each is looked up again, but for those that wait for their connector."""
        delayed = self._journal.book.delayed
        return {step_ref: due for step_ref, (_, due) in self._unsure.items() if step_ref not in delayed}

    def start(self, step_ref: StepRef, attempt: Attempt | None) -> None:
        """Hand an attempt to the executor; nothing for None."""
        if attempt is None:
            return
        timeout = StepContext.of(self._journal, *step_ref).node.timeout
        if attempt.connector:
            self._journal.calling[attempt.connector] += 1
        self._flying[step_ref] = (later(self._journal.now(), timeout), attempt)
        future = self._journal.house.executor.submit(attempt.work)
        future.add_done_callback(partial(self._landing, step_ref, attempt))

    def _landing(self, step_ref: StepRef, attempt: Attempt, future: "Future[Any]") -> None:
        self._landed.put((step_ref, attempt, future))

    def nudge(self) -> None:
        """End a wait in `land`, from any thread: something else is to be done on the loop's thread."""
        self._landed.put(None)

    def land(self, seconds: float) -> bool:
        """Take in what has finished; wait at most `seconds` for the first. Whether anything had."""
        landed = False
        while True:
            try:
                landing = self._landed.get(block=seconds > 0, timeout=seconds or None)
            except Empty:
                self._give_up()
                return landed
            seconds, landed = 0.0, True
            if landing is None:
                continue
            step_ref, attempt, future = landing
            # An attempt that was given up and has another in its place is not taken for it.
            if self._flying.get(step_ref, ("", None))[1] is attempt:
                del self._flying[step_ref]
                self._take_in(step_ref, attempt, future)

    def _take_in(self, step_ref: StepRef, attempt: Attempt, future: "Future[Any]") -> None:
        error = future.exception()
        if attempt.connector:
            self._journal.calling[attempt.connector] -= 1
            record_call_result(
                StepContext.of(self._journal, *step_ref), attempt.connector, error, probe=attempt.probe
            )
        if attempt.probe:
            return
        if error is None:
            self._unsure.pop(step_ref, None)
            try:
                attempt.done(future.result())
            except LedgerError:
                raise
            except Exception as bug:
                attempt.failed(bug)
        elif not self._look_again(step_ref, error):
            self._unsure.pop(step_ref, None)
            attempt.failed(error)

    def _look_again(self, step_ref: StepRef, error: BaseException) -> bool:
        run, step = step_ref
        kind = self._journal.book.runs[run].step(step).kind
        if not isinstance(error, UnknownOutcome) or kind == "opaque":
            return False
        count = self._unsure.get(step_ref, (0, ""))[0] + 1
        if count >= _LOOKUPS.attempts:
            return False
        delay = backoff(_LOOKUPS, count, self._journal.house.chance())
        self._unsure[step_ref] = (count, later(self._journal.now(), delay))
        return True

    def _give_up(self) -> None:
        """Reads that take longer than their step's `timeout` count as failed; calls that may have left are waited for."""
        now = self._journal.now()
        late = {
            step_ref: attempt for step_ref, (deadline, attempt) in self._flying.items() if now >= deadline
        }
        for step_ref, attempt in late.items():
            place = StepContext.of(self._journal, *step_ref)
            if place.state.status == "running":
                del self._flying[step_ref]
                error = TransientError(f"no answer within {place.node.timeout}", code="timeout")
                name = attempt.connector
                if name:
                    self._journal.calling[name] -= 1
                    record_call_result(place, name, error)
                fail(place.fresh(), error, place.state.attempt)
