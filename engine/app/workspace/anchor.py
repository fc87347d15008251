"""The second anchor of the ledger's end: a git ref that a push takes off this machine.

It moves at most every 15 minutes, and after each payment or legal effect (DESIGN: ledger). A chain cannot see records cut off at
its end; an anchor that the chain does not contain can.
"""

from datetime import timedelta
from pathlib import Path

from engine.ledger import Ledger
from engine.model.definitions.actions import Reach
from engine.model.errors import LedgerError
from engine.model.events.events import EffectIntended, Event
from engine.model.state.state import State
from engine.model.values.timestamps import later
from engine.vault import anchor, anchored

_EVERY = timedelta(minutes=15)


def check(root: Path, ledger: Ledger) -> str:
    """Why the ledger can't be the one that was anchored, or empty."""
    known = anchored(root)
    if known is None:
        return ""
    event = _event(ledger, known[0])
    if event is None:
        return f"the ledger ends before event {known[0]}, which refs/steward/anchor names: its end was cut off, or it is another ledger"
    return (
        ""
        if event.hash == known[1]
        else f"event {known[0]} is not the one that refs/steward/anchor names: the ledger was rewritten"
    )


def require(root: Path, ledger: Ledger) -> None:
    """Raises LedgerError unless the anchor fits: no effect leaves on a ledger that lost its end."""
    if trouble := check(root, ledger):
        raise LedgerError(
            trouble,
            code="anchor",
            now_true="Nothing was written and nothing was sent.",
            way_out="restore the state directory from a backup (`steward status` shows where), then: steward verify",
        )


def settle(root: Path, ledger: Ledger, book: State, now: str) -> None:
    """Move the anchor if it is time; a repository that can't be written keeps the old one, and the head file still holds."""
    seq, head = ledger.head()
    known = anchored(root)
    if seq and (known is None or _due(ledger, book, known[0], now)):
        anchor(root, seq, head)


def _due(ledger: Ledger, book: State, seq: int, now: str) -> bool:
    event = _event(ledger, seq)
    if event is None or later(event.ts, _EVERY) <= now:
        return True
    far = {Reach.PAYMENT.value, Reach.LEGAL.value}
    return any(
        isinstance(event.body, EffectIntended) and book.runs[event.run].step(event.step).reach in far
        for event in ledger.events(seq)
    )


def _event(ledger: Ledger, seq: int) -> Event | None:
    event = next(iter(ledger.events(seq - 1)), None)
    return event if event is not None and event.seq == seq else None
