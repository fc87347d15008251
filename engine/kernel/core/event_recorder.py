"""Events from work that is under way: asked for on an attempt's thread, appended on the loop's."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Protocol

from engine.model.effects import Call
from engine.model.errors import LedgerError
from engine.model.events.events import Body, Draft, Event
from engine.model.values.canonical_json import Json


class Writer(Protocol):
    """The journal, as far as it is needed here."""

    def write(self, *drafts: Draft) -> tuple[Event, ...]:
        """Append durably and fold."""

    def seal(self, value: Json, subject: str) -> str:
        """Keep a value sealed, stored with the next append."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingEvent:
    body: Body
    call: Call
    sealed: Mapping[str, Json]
    answer: "Future[Event]"


class EventQueue:
    """Port Recorder. Made before the loop, which attaches its journal and carries out what is asked between its steps.

    On the loop's own thread (an executor that runs work in line) a wish is carried out at once.
    """

    def __init__(self) -> None:
        self._journal: Writer | None = None
        self._nudge: Callable[[], None] | None = None
        self._thread = 0
        self._wishes: SimpleQueue[PendingEvent] = SimpleQueue()

    def attach(self, journal: Writer, nudge: Callable[[], None]) -> None:
        """From now on events go into this journal, on the calling thread; `nudge` makes that thread look here."""
        self._journal, self._nudge, self._thread = journal, nudge, threading.get_ident()

    def record(self, body: Body, *, call: Call, sealed: Mapping[str, Json] | None = None) -> Event:
        """Append durably and wait for it. Raises LedgerError."""
        if self._journal is None or self._nudge is None:
            raise LedgerError("nothing is written before the loop runs", code="no-loop")
        wish = PendingEvent(body=body, call=call, sealed=sealed or {}, answer=Future())
        if threading.get_ident() == self._thread:
            self._grant(self._journal, wish)
        else:
            self._wishes.put(wish)
            self._nudge()
        return wish.answer.result()

    def settle(self) -> bool:
        """Carry out what was asked meanwhile; whether there was anything."""
        settled = False
        while self._journal is not None:
            try:
                wish = self._wishes.get_nowait()
            except Empty:
                break
            self._grant(self._journal, wish)
            settled = True
        return settled

    def _grant(self, journal: Writer, wish: PendingEvent) -> None:
        call = wish.call
        subject = str(call.subject or "")
        try:
            names = {name: journal.seal(value, subject) for name, value in wish.sealed.items()}
            body: Body = replace(wish.body, **names)  # type: ignore[arg-type]  # the caller names fields that hold values
            draft = Draft(body=body, run=str(call.run), step=call.step, subject=subject)
            wish.answer.set_result(journal.write(draft)[0])
        except LedgerError as error:
            wish.answer.set_exception(error)
            raise
