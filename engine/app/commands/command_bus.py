"""How every command acts: it writes a durable request, and the ledger's owner decides it; this process becomes the owner if there is none."""

import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from engine.app.workspace import anchor
from engine.app.workspace.ledger_reader import LedgerReader, brought_up, open_reader
from engine.app.workspace.workspace import Workspace
from engine.ledger import Keys, Ledger, Owner
from engine.model.events.events import Event
from engine.model.ports import Probe
from engine.model.requests import Decided, Request, RequestKind
from engine.model.state.state import State
from engine.model.values.canonical_json import Json

if TYPE_CHECKING:
    # Only a name here: a decision while another process owns the ledger wires nothing.
    from engine.app.composition import App
    from engine.kernel.core.services import Services

__all__ = ["Carried", "LedgerReader", "Listener", "connector_event", "open_reader", "request", "submit"]

# How long a command waits for another process to answer before it says so (the owner looks every 0.1 s).
PATIENCE_SECONDS = 60.0

Listener = Callable[[Event], None]
Wire = Callable[..., "App"]


def request(
    kind: RequestKind, *, actor: str, target: str = "", digest: str = "", strength: int = 1, body: Json = None
) -> Request:
    """A request with a fresh nonce."""
    return Request(
        id=secrets.token_hex(16), kind=kind, actor=actor, channel="terminal", target=target, digest=digest,
        strength=strength, body=body,
    )  # fmt: skip


def connector_event(type_: str, *, account: str, id: str, fields: Mapping[str, Json]) -> Request:
    """An event that a connector has verified, ready to be carried: `type_` like ``stripe/invoice.paid``, `id` the provider's own.

    The same id of the same account is one event for ever, however often it is told. The words in it stay a stranger's.
    """
    body = {"account": account, "id": id, "fields": dict(fields)}
    return replace(request("event", actor=account, target=type_, body=body), channel="connector")


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """The result of a request. `book` is the state when this process was the owner, else None: another process carries on. `since` is the
    number of the last event before it was asked.
    """

    decided: Decided
    book: State | None
    by: Literal["here", "elsewhere"]
    since: int = 0


def submit(
    workspace: Workspace,
    asked: Request,
    *,
    listen: Listener,
    quietly: bool = False,
    probe: Probe | None = None,
    screen: Callable[[str], None] | None = None,
    wire: "Wire | None" = None,
    known: State | None = None,
    stay: timedelta | None = None,
) -> Carried:
    """Write the request durably; become the owner if there is none and run until everything waits, else wait for the owner's answer.

    `quietly`: stop when the request is decided instead of running everything (nothing that left the gate is left behind: the
    next command takes it up). `stay`: how far off what is waited for may be, else as :mod:`engine.kernel.scheduler.loop` says. `wire` furnishes the
    house, for the simulator only. `known` is a state folded already: it is brought up to date in place. Raises LedgerError
    when the ledger cannot be written.
    """
    keys = Keys.open(workspace.state)
    try:
        ledger = Ledger.open(workspace.state, keys=keys, owner=None)
        try:
            since = ledger.head()[0]
            ledger.ask(asked)
            deadline = time.monotonic() + PATIENCE_SECONDS
            while True:
                owner = Owner.take(workspace.state)
                if owner is not None:
                    ledger.close()
                    try:
                        return _run_as_owner(
                            workspace,
                            keys,
                            owner,
                            asked,
                            listen=listen,
                            quietly=quietly,
                            probe=probe,
                            screen=screen,
                            wire=wire,
                            known=known,
                            stay=stay,
                        )
                    finally:
                        owner.release()
                decided = ledger.decided(asked.id)
                if decided is not None:
                    return Carried(decided=decided, book=None, by="elsewhere", since=since)
                if time.monotonic() > deadline:
                    return Carried(decided=_unanswered(asked), book=None, by="elsewhere", since=since)
                time.sleep(0.05)
        finally:
            ledger.close()
    finally:
        keys.close()


def _unanswered(asked: Request) -> Decided:
    return Decided(
        request=asked.id,
        verdict="noop",
        exit=1,
        message="kept, but the steward process that owns the ledger has not answered; it will be decided when it does\n  steward status",
    )


def _run_as_owner(
    workspace: Workspace,
    keys: Keys,
    owner: Owner,
    asked: Request,
    *,
    listen: Listener,
    quietly: bool,
    probe: Probe | None,
    screen: Callable[[str], None] | None,
    wire: "Wire | None",
    known: State | None,
    stay: timedelta | None,
) -> Carried:
    from engine.app.composition import build_app
    from engine.kernel.scheduler.loop import STAY, Loop

    ledger = Ledger.open(workspace.state, keys=keys, owner=owner, probe=probe)
    try:
        anchor.require(workspace.root, ledger)
        house = (wire or build_app)(
            workspace, ledger=ledger, keys=keys, owner=owner, listen=listen, probe=probe, screen=screen
        )
        try:
            patient = house.house if wire else _patient(house.house, workspace)
            loop = Loop(patient, None if known is None else brought_up(ledger, known))
            house.settle(loop.journal)
            loop.own(epoch=owner.epoch, host=owner.host, pid=owner.pid)
            with _interruptible() as interrupted:
                loop.run(
                    until=lambda: interrupted() or (quietly and ledger.decided(asked.id) is not None),
                    stay=STAY if stay is None else stay,
                )
            if interrupted():
                loop.withdraw()
                ledger.flush()
                raise KeyboardInterrupt
            decided = ledger.decided(asked.id) or _unanswered(asked)
            house.anchor()
            return Carried(decided=decided, book=loop.journal.book, by="here")
        finally:
            house.close()
    finally:
        ledger.close()


def _patient(house: "Services", workspace: Workspace) -> "Services":
    """The same, with an eye on files that are still being written."""
    from engine.app.commands.file_watch import ChangeTracker, SettlingSource

    eyes = ChangeTracker(workspace.root, lambda: None)
    return replace(
        house, sources=tuple(SettlingSource(source, eyes, house.clock.wait) for source in house.sources)
    )


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Turns the first Ctrl-C into a word the loop asks for between two steps, so that none is cut in half; the second one raises."""
    pressed: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    previous = signal.getsignal(signal.SIGINT)

    def note(number: int, _frame: object) -> None:
        pressed.append(number)
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, previous)
