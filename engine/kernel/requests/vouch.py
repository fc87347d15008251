"""What a person vouches for: that the clock is right, that what is kept is to be used as it is, that a notebook is harmless."""

from typing import Protocol

from engine.kernel.resilience import clock_leaps, health_gate
from engine.kernel.triggers import manual_start
from engine.model.events.events import Draft
from engine.model.events.owner import MAX_NOTEBOOK_BYTES, NOTEBOOK, NotebookAccepted
from engine.model.health import HealthWaived
from engine.model.requests import Request
from engine.model.values.canonical_json import sha256


class VouchDesk(manual_start.StartDesk, Protocol):
    """Where requests are answered, as far as it is needed here."""

    def proven(self, request: Request, needed: int) -> str | None:
        """The proof's name, or None after refusing."""


def refuse_when_unhealthy(desk: VouchDesk, request: Request, now_true: str) -> bool:
    """Whether no effect may leave because of what is kept, or because of the clock; the request is refused then."""
    ill = health_gate.ill(desk.journal)
    if ill is not None:
        desk.refuse(request, f"{ill.sentence}\n  {now_true}\n  {ill.way_out}", code=f"health-{ill.kind}")
    return ill is not None


def clock(desk: VouchDesk, request: Request) -> None:
    """A person says that the clock is right as it stands."""
    if not desk.journal.book.doubted:
        desk.noop(request, "nobody doubts the clock")
        return
    body = health_gate.trusted(desk.journal, by=request.actor, channel=request.channel)
    desk.accept(
        request,
        "the clock counts as it stands: what is due goes on",
        Draft(body=body),
        *clock_leaps.reopened(desk.journal),
    )


def waive(desk: VouchDesk, request: Request) -> None:
    """Effects may leave in spite of exactly the problem that was shown."""
    ill = health_gate.ill(desk.journal)
    if ill is None:
        desk.noop(request, "nothing holds effects back")
    elif not ill.name:
        desk.refuse(request, f"this can't be passed over: {ill.problem}\n  {ill.way_out}", code="no-waiver")
    elif ill.name != request.digest:
        desk.refuse(request, f"that is not what holds effects back now\n  {ill.sentence}", code="digest")
    elif (proof := desk.proven(request, 2)) is not None:
        body = HealthWaived(problem=ill.name, by=request.actor, channel=request.channel, proof=proof)
        desk.accept(request, f"effects may leave in spite of it: {ill.problem}", Draft(body=body))


def accept(desk: VouchDesk, request: Request) -> None:
    """Vouch for a notebook. The request carries the bytes that were shown: no file is read between a person's yes and this."""
    text = request.body.get("text") if isinstance(request.body, dict) else None
    if (
        not isinstance(text, str)
        or len(text.encode()) > MAX_NOTEBOOK_BYTES
        or NOTEBOOK.fullmatch(request.target) is None
    ):
        desk.refuse(request, "that is no notebook of the workspace\n  Nothing was accepted.", code="notebook")
    elif sha256(text.encode()) != request.digest:
        desk.refuse(request, "what was shown is not what was sent\n  Nothing was accepted.", code="digest")
    elif desk.journal.book.notebooks.get(request.target) == request.digest:
        desk.noop(request, f"{request.target} is accepted as it is")
    else:
        digest = desk.journal.house.ledger.keep(text.encode())
        accepted = NotebookAccepted(
            path=request.target, digest=digest, by=request.actor, channel=request.channel
        )
        desk.accept(request, f"{request.target} accepted, digest {digest[:16]}…", Draft(body=accepted))
