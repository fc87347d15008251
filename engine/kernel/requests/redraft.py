"""A card is made again of today's files: prices, templates and notes that changed since. One letter, never two: the old card is closed first."""

from collections.abc import Callable
from typing import Protocol

from engine.kernel.core.services import Deployment, LedgerWriter
from engine.kernel.steps import effects
from engine.model.events.events import CardClosed, Draft
from engine.model.events.outages import RunRedrafted
from engine.model.requests import Request
from engine.model.state.redrafts import again, misfit
from engine.model.state.state import CardState


class CardDesk(Protocol):
    """Answers requests about cards."""

    @property
    def journal(self) -> LedgerWriter:
        """What is known and written."""

    @property
    def deployment(self) -> Callable[[], Deployment]:
        """What runs now."""

    def card(self, request: Request) -> CardState | None:
        """The card a request names, if it is still open; else it is answered, and None comes back."""

    def accept(self, request: Request, message: str, *drafts: Draft, run: str = "", card: str = "") -> None:
        """Yes, with the events it causes."""

    def refuse(
        self, request: Request, message: str, *drafts: Draft, code: str, exit_: int = 5, card: str = ""
    ) -> None:
        """No; nothing happened."""


def redraft(desk: CardDesk, request: Request) -> None:
    """Close the card and let the run go on from what it read, with the playbook as it is deployed now."""
    card = desk.card(request)
    if card is None:
        return
    journal = desk.journal
    if effects.stopped(journal):
        # What would be proposed would be denied, and the run would end with it.
        desk.refuse(
            request, "everything is stopped; the card stays as it is\n  steward resume", code="stopped"
        )
        return
    run, deployment = journal.book.runs[card.run], desk.deployment()
    plan = deployment.plans.get(run.playbook)
    if plan is None:
        message = (
            f"{run.playbook} is not deployed or does not compile; the card stays as it is\n  steward check"
        )
        desk.refuse(request, message, code="no-playbook")
        return
    if step := misfit(journal.plan(run), plan, run):
        message = (
            f"`{step}` is another step in today's {run.playbook}, so this run can't go on with it; the card stays as it is\n"
            f"  steward edit {card.id[:6]}   or   steward reject {card.id[:6]}"
        )
        desk.refuse(request, message, code="replanned")
        return
    steps = again(plan, run, card.steps)
    body = RunRedrafted(
        by=request.actor, card=card.id, plan=journal.keep_plan(plan, deployment.contents), commit=deployment.commit, steps=steps
    )  # fmt: skip
    closed = CardClosed(card=card.id, because="redrafted")
    drafts = [Draft(body=event_body, run=run.id, subject=run.subject) for event_body in (closed, body)]
    message = "drafted again with today's files; the card before is closed\n  steward queue"
    desk.accept(request, message, *drafts, run=run.id)
