"""Requests that begin something: a run by hand, and an event that a connector vouches for."""

from collections.abc import Callable
from typing import Literal, Protocol

from engine.kernel.core.services import Deployment, LedgerWriter
from engine.kernel.triggers import arrivals, inputs, intake
from engine.language.text.suggest import nearest
from engine.model.definitions.taint import Label
from engine.model.definitions.triggers import IGNORED_REASONS, OWN_EVENTS
from engine.model.errors import UsageError
from engine.model.events.events import Draft, TriggerReceived
from engine.model.ports import Arrival
from engine.model.requests import Decided, Request
from engine.model.values import ids


class StartDesk(Protocol):
    """Where requests are answered, as far as it is needed here."""

    @property
    def journal(self) -> LedgerWriter:
        """The one writer."""

    @property
    def deployment(self) -> Callable[[], Deployment]:
        """What runs now."""

    def accept(self, request: Request, message: str, *drafts: Draft, run: str = "", card: str = "") -> None:
        """Yes."""

    def noop(self, request: Request, message: str, *, run: str = "") -> None:
        """It was so already."""

    def refuse(
        self, request: Request, message: str, *drafts: Draft, code: str, exit_: int = 5, card: str = ""
    ) -> None:
        """No."""

    def verdict(
        self,
        request: Request,
        verdict: Literal["accepted"],
        message: str,
        *,
        code: str,
        exit_: int,
        run: str = "",
    ) -> tuple[Decided, Draft]:
        """The answer, not yet written."""


def start(desk: StartDesk, request: Request) -> None:
    """Start a playbook or SOP by name. What doesn't fit its inputs is refused with what to type."""
    deployment, journal = desk.deployment(), desk.journal
    plan = deployment.plans.get(request.target)
    if plan is None:
        broken = request.target in deployment.broken
        known = ", ".join(sorted(deployment.plans)) or "none"
        best = nearest(request.target, deployment.plans)
        hint = f"did you mean `{best}`?" if best else f"there are: {known}"
        message = (
            f"{request.target} does not compile at the deployed commit\n  steward check"
            if broken
            else f"no playbook or SOP `{request.target}` is deployed; {hint}\n  steward run {best or 'NAME'}"
        )
        desk.refuse(request, message, code="no-playbook", exit_=1 if broken else 2)
        return
    if not any(trigger.kind == "manual" for trigger in plan.triggers):
        message = f"{plan.id} has no `manual: {{}}` under `on:`; it starts by itself"
        desk.refuse(request, message, code="not-manual", exit_=2)
        return
    try:
        values = inputs.parse_inputs(plan, request.body or {})
    except UsageError as error:
        message = f"{error.message}\n  {error.now_true}\n  {error.way_out}"
        desk.refuse(request, message, code=error.code, exit_=2)
        return
    if wrong := intake.outside(plan, values):
        desk.refuse(request, wrong, code="limits", exit_=2)
        return
    source = ids.source_id(journal.house.index_key, "manual", request.id)
    run = ids.run_id(journal.house.workspace, plan.id, "manual", source)
    message = f"started\n  {deployment.notice}" if deployment.notice else "started"
    answer, decided = desk.verdict(request, "accepted", message, code="ok", exit_=0, run=run)
    intake.start_manual(journal, deployment, plan, request.id, values or None, answer, decided)


def event(desk: StartDesk, request: Request) -> None:
    """Take one event in: its type in `target`, and `account`, `id` and `fields` in the body. The same id is one event, for ever.

    What a connector vouches for is still a stranger's words; an event that Steward makes itself can't be told to it.
    """
    journal, body = desk.journal, request.body or {}
    if not request.target.partition("/")[2] or request.target in OWN_EVENTS:
        message = f"`{request.target}` is no event that is told from outside"
        desk.refuse(request, message, code="event-type", exit_=2)
        return
    source = ids.source_id(
        journal.house.index_key, "event", str(body.get("account") or ""), str(body.get("id") or request.id)
    )
    arrival = Arrival(
        kind="event",
        source=source,
        event={"at": journal.now(), **(body.get("fields") or {}), "type": request.target},
        labels=frozenset({Label.UNTRUSTED}),
        mark=source,
    )
    last_seq = journal.book.seq
    became = arrivals.receive(journal, desk.deployment(), arrival)
    if became == "left":
        message = "not taken: a playbook does not compile; tell it again once it does\n  steward check"
        desk.refuse(request, message, code="broken", exit_=1)
    elif became == "ignored":
        why = next(
            received.body.reason
            for received in journal.house.ledger.events(last_seq)
            if isinstance(received.body, TriggerReceived)
        )
        desk.noop(request, f"put aside: {IGNORED_REASONS.get(why, why)}")
    else:
        desk.accept(request, {"started": "started", "offered": "taken by a waiting run"}[became])
