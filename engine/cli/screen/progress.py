"""Progress while something runs: one line per change, in plain words, on stderr."""

import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from engine.app.commands.command_bus import LedgerReader
from engine.app.queries import descriptions
from engine.app.workspace.workspace import Workspace
from engine.cli.output import colour, err, line
from engine.ledger import Ledger, current_owner
from engine.model import effects
from engine.model.errors import EngineError, UsageError
from engine.model.events import events as e
from engine.model.events.alarms import AlarmCleared, AlarmRaised
from engine.model.events.outages import EffectCarried, EffectDeferred, EffectSkipped
from engine.model.events.owner import RequestDecided
from engine.model.events.set_aside import WaitPostponed
from engine.model.state.state import RunState, State
from engine.model.values import ids
from engine.model.values.canonical_json import Json
from engine.model.values.money import Money
from engine.model.values.timestamps import later

_LOUD: tuple[type[Any], ...] = (
    e.EffectHeld, e.EffectSucceeded, e.EffectFailed, e.EffectUnknown, e.EffectWithdrawn, e.CardOpened, e.CardExpired,
    e.HumanAsked, e.StepFailed, e.StepRetried, e.RunEnded, e.WaitEnded, e.EffectPreviewed,
    AlarmRaised, AlarmCleared, EffectDeferred, EffectSkipped, EffectCarried, WaitPostponed,
)  # fmt: skip
_LOOK_SECONDS = 0.1
_QUEUED_LOOKS = 20
_MAX_AT_ONCE = 20
# As long as the owner itself waits out a hold.
_WAITED_OUT = timedelta(seconds=30)


def silent(_event: e.Event) -> None:
    """Ignore every event."""


class Narrator:
    """Hears events as they happen and says those a person cares about. Without `remember` a year of them takes no more room than a day."""

    def __init__(
        self, workspace: Workspace, *, loud: tuple[type[Any], ...] = _LOUD, remember: bool = True
    ) -> None:
        self.workspace = workspace
        self.seen: list[e.Event] = []
        self._about: dict[str, str] = {}
        self._reading: LedgerReader | None = None
        self._loud, self._remember = loud, remember

    def hear(self, event: e.Event) -> None:
        """One event, as it is acknowledged."""
        if self._remember:
            self.seen.append(event)
        if isinstance(event.body, e.RunCreated):
            self._about[event.run] = self._words(event, event.body)
        if isinstance(event.body, self._loud):
            self.tell(event)
        if isinstance(event.body, e.RunEnded) and not self._remember:
            self._about.pop(event.run, None)

    def _words(self, event: e.Event, body: e.RunCreated) -> str:
        """What a run is about: its playbook, and the letter's subject where there is one."""
        if self._reading is None:
            from engine.app.commands import command_bus

            self._reading = command_bus.open_reader(self.workspace)
        try:
            letter = self._reading.ledger.unseal(ids.ValueId(body.event or ""))
        except EngineError:
            return body.playbook
        subject = letter.get("subject") if isinstance(letter, dict) else None
        return f"{body.playbook} · {line(subject, 40)}" if subject else body.playbook

    def _why(self, event: e.Event) -> str:
        if not _message_value(event):
            return ""
        if self._reading is None:
            from engine.app.commands import command_bus

            self._reading = command_bus.open_reader(self.workspace)
        return why(self._reading.ledger, event)

    def tell(self, event: e.Event) -> None:
        """Say it."""
        words = descriptions.describe_event(event, None)
        if words and (why := self._why(event)):
            words = f"{words}: {why}"
        if words:
            about = self._about.get(event.run, "")
            place = f"{event.run[:8]} {about}  " if event.run else ""
            err(
                f"  {colour(mark(event), _COLOUR.get(mark(event), 'dim'), sys.stderr)} {place}{line(words.strip(), 240)}"
            )

    def close(self) -> None:
        """Close the reader."""
        if self._reading is not None:
            self._reading.close()
            self._reading = None

    def notice(self, text: str) -> None:
        """A notice to the operator (`notify/me`)."""
        err(f"  {colour('●', 'yellow', sys.stderr)} {line(text, 300)}")

    def follow(self, run: str, *, since: int, whole: bool = False, known: State | None = None) -> None:
        """Another process carries it: say what happens until the run is over or waits, as if it were carried here.

        Only events after the number `since` are reported. `whole`: holds are waited out, too.
        `known`: a state folded already, which is brought up to date.
        """
        from engine.app.commands import command_bus
        from engine.app.workspace.clock import present_stamp

        queued = 0
        book = known
        while True:
            reading = command_bus.open_reader(self.workspace, book)
            try:
                book = reading.book
                state = reading.book.runs.get(run)
                fresh = [event for event in reading.ledger.events(since) if event.run == run]
                for event in [event for event in fresh if isinstance(event.body, self._loud)][-_MAX_AT_ONCE:]:
                    self.seen.append(event)
                    self.tell(event)
                since = reading.book.seq
            finally:
                reading.close()
            if state is None or state.terminal:
                return
            queued = queued + 1 if state.status == "queued" else 0
            waits = bool(state.waiting) and not (whole and _soon(state, present_stamp()))
            if queued > _QUEUED_LOOKS or (not queued and waits):
                return
            if current_owner(self.workspace.state) is None:
                err("  the process that carried it has ended; the next command takes it up")
                return
            time.sleep(_LOOK_SECONDS)

    def finish(self) -> None:
        """What to type next, if anything waits."""
        self.close()
        if any(isinstance(event.body, e.CardOpened | e.HumanAsked) for event in self.seen):
            err("  steward queue")


def why(ledger: Ledger, event: e.Event) -> str:
    """What an event has to say beside its sentence: why something failed and the way out, or what a shadow run would have said.

    Empty when it says nothing or was erased.
    """
    value = _message_value(event)
    if not value:
        return ""
    try:
        content: Any = ledger.unseal(ids.ValueId(value))
    except EngineError:
        return ""
    if isinstance(event.body, e.EffectPreviewed):
        return " · ".join(effects.words(effects.load(content)))
    return str(content or "")


def _message_value(event: e.Event) -> str:
    """The sealed value that says more of an event; empty for none."""
    match event.body:
        case RequestDecided():
            return ""
        case e.EffectPreviewed(proposal=proposal):
            return proposal or ""
        case _:
            message = getattr(event.body, "message", None)
            return message if isinstance(message, str) else ""


def _soon(state: RunState, now: str) -> bool:
    """Whether a moment it waits for comes while its owner waits it out."""
    return any(now < step.due <= later(now, _WAITED_OUT) for step in state.steps.values() if step.due)


_COLOUR = {"✓": "green", "✗": "red", "●": "yellow", "…": "dim"}


def mark(event: e.Event) -> str:
    """A sign for a kind of event."""
    match event.body:
        case e.EffectSucceeded():
            return "✓"
        case e.StepFailed() | e.EffectFailed() | e.EffectUnknown():
            return "✗"
        case e.CardOpened() | e.HumanAsked() | AlarmRaised() | EffectSkipped():
            return "●"
        case _:
            return "…"


def typed(kind: str, text: str) -> Json:
    """A word from the command line as a value of a kind. Raises UsageError."""
    try:
        return _TYPED.get(kind, str)(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no {kind}: {error}", way_out=_EXAMPLES.get(kind, "")) from error


def _money(text: str) -> Json:
    amount = Money.parse(text)
    return {"minor": amount.minor, "currency": amount.currency}


def _bool(text: str) -> bool:
    if text.lower() not in {"true", "false", "yes", "no"}:
        raise ValueError("write true or false")
    return text.lower() in {"true", "yes"}


_TYPED: dict[str, Callable[[str], Json]] = {"number": float, "integer": int, "bool": _bool, "money": _money}
_EXAMPLES = {
    "money": "write it like 49.00 EUR",
    "integer": "write a whole number",
    "number": "write a number",
}


def outcome_of(book: State, run: str) -> str:
    """A run's status, in a word or two."""
    state = book.runs[run]
    if state.status == "queued":
        return "queued"
    return state.status if state.terminal else f"waits: {state.waiting or 'timer'}"
