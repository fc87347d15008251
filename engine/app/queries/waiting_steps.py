"""What waits by itself: steps that could not act, why, when they are tried again. Nothing of it needs a person."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from engine.app.workspace.ledger_reader import LedgerReader
from engine.kernel.resilience import circuit_breaker
from engine.model.errors import EngineError
from engine.model.events.outages import FLEETING
from engine.model.state.state import RunState, StepState
from engine.model.text.safe_text import line
from engine.model.values import ids
from engine.model.values.canonical_json import Json
from engine.model.values.timestamps import moment

WAY_OUT = "steward run   tries now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outstanding:
    """A step that waits. `why` is in plain words, `due` and `until` are stamps; `tries` counts how often it was tried."""

    run: str
    playbook: str
    step: str
    action: str
    code: str
    why: str
    due: str
    until: str
    tries: int

    def sentence(self, zone: str, now: datetime) -> str:
        """In one line, in the workspace's time."""
        sentence = f"`{self.step}` waits: {line(self.why, 160)}"
        if not self.due:
            return sentence
        if self.action in FLEETING and self.due >= self.until:
            return f"{sentence}; left out at {clock(self.until, zone, now)}"
        number = f", {ordinal(self.tries + 1)} try" if self.tries else ""
        return f"{sentence}; next try {clock(self.due, zone, now)}{number}"

    def as_json(self) -> Json:
        """For machines."""
        return {name: getattr(self, name) for name in self.__slots__}


def outstanding(reading: LedgerReader, *, run: str = "") -> list[Outstanding]:
    """Everything that waits by itself, the next first; of one run only when it is named."""
    book = reading.book
    runs = [run] if run else list(book.open_runs)
    waiting = [step for id_ in runs if id_ in book.open_runs for step in _waiting_of(reading, book.runs[id_])]
    return sorted(waiting, key=lambda step: (step.due or "~", step.run))


def _waiting_of(reading: LedgerReader, run: RunState) -> Iterator[Outstanding]:
    for id_, step in run.steps.items():
        delayed = reading.book.delayed.get((run.id, id_), "")
        if not (step.status == "deferred" or delayed or (step.status == "retrying" and step.until)):
            continue
        state = reading.book.connectors.get(delayed)
        due = circuit_breaker.earliest_call(state) if state is not None else step.due
        yield Outstanding(
            run=run.id, playbook=run.playbook, step=id_, action=step.action, code=step.code or step.wait,
            why=_why(reading, step, delayed), due=due, until=step.until, tries=step.tries,
        )  # fmt: skip


def _why(reading: LedgerReader, step: StepState, connector: str) -> str:
    words = ""
    if step.message:
        try:
            words = str(reading.ledger.unseal(ids.ValueId(step.message)) or "")
        except EngineError:
            words = step.code
    if connector:
        reason = f"{connector} {'is not called while it does not answer' if step.wait == 'breaker' else 'takes one call after another'}"
        return f"{words}; {reason}" if words else reason
    return words or step.code


def clock(stamp: str, zone: str, now: datetime) -> str:
    """A moment in a time zone, without its date when that is today."""
    from zoneinfo import ZoneInfo

    at, here = moment(stamp).astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    return f"{at:%H:%M}" if at.date() == here.date() else f"{at:%Y-%m-%d %H:%M}"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th."""
    end = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{end}"
