"""A call of a model that does not fit its budget: a person is asked, once for each budget, whether to spend more or to go on without."""

from collections.abc import Iterator

from engine.kernel.core.services import LedgerWriter
from engine.kernel.core.step_context import StepContext
from engine.model.defaults import DECISION_TIMEOUT
from engine.model.events.events import Draft, HumanAsked
from engine.model.events.readers import BudgetDecided, Verdict
from engine.model.state.budgets import OverBudget
from engine.model.values import ids
from engine.model.values.timestamps import later


def ask_for_budget(place: StepContext, error: OverBudget) -> None:
    """Ask, unless the same was refused before: then the step goes on without a model."""
    journal, scope = place.journal, error.scope
    costs = journal.book.costs
    # The same for all that wait for one budget; another one once something was added to it.
    ask = ids.card_id(ids.RunId(journal.house.workspace), scope, f"budget {costs.granted(scope)}")
    until = later(journal.now(), DECISION_TIMEOUT)
    until = min(until, error.renews) if error.renews else until
    grant = max(error.limit, error.needs - error.left)
    question = {
        "title": f"The budget is used up: {error.needs} USD at most are needed, {error.left} USD are left {error.scope_words}",
        "choices": ["more", "without"],
        "fields": [],
        "context": [
            f"more: adds {grant} USD to it, for everything that waits for it",
            "without: goes on without a model: your templates draft, or the step fails",
            f"no answer: it goes on with the next budget at {until[:16]}Z"
            if error.renews
            else "no answer: as without",
        ],
        "playbook": place.plan.name,
        "grant": str(grant),
    }
    sealed = place.sealed(question)
    drafts = [place.draft(HumanAsked(ask=ask, who="operator", question=sealed, until=until, scope=scope))]
    if scope in costs.refused:
        drafts.append(place.draft(BudgetDecided(ask=ask, scope=scope, by="engine", verdict="without")))
    journal.write(*drafts)


def answered(journal: LedgerWriter, ask: str, choice: Verdict, *, by: str, channel: str) -> list[Draft]:
    """What an answer means for every step that waits for it; the first carries the money."""
    drafts: list[Draft] = []
    for run, step in list(_waiting(journal, ask)):
        state = journal.book.runs[run].step(step)
        grant = journal.value(state.question)["grant"] if choice == "more" and not drafts else "0"
        body = BudgetDecided(ask=ask, scope=state.scope, by=by, channel=channel, verdict=choice, usd=grant)
        drafts.append(Draft(body=body, run=run, step=step, subject=state.subject))
    return drafts


def expired(place: StepContext) -> Draft:
    """The question expired without an answer: silence adds no money, a new day does."""
    state = place.state
    verdict: Verdict = "renewed" if state.scope.startswith(("day ", "month ")) else "without"
    return place.draft(BudgetDecided(ask=state.ask, scope=state.scope, by="engine", verdict=verdict))


def _waiting(journal: LedgerWriter, ask: str) -> Iterator[tuple[str, str]]:
    for id_ in journal.book.open_runs:
        for name, step in journal.book.runs[id_].steps.items():
            if step.status == "asked" and step.ask == ask:
                yield id_, name
