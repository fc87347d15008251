"""A budget that is used up: a person is asked once, and everything that waits for it goes on as they say."""

from datetime import timedelta

import pytest

from engine.model.events.readers import BudgetDecided, ModelReserved
from engine.testing.model_server import ModelServer, answering
from engine.testing.models import in_form
from engine.testing.scenario import Scenario, letter
from engine.vault import commit_all
from tests.campaigns.invariants import judge
from tests.campaigns.standin import DIED, ending

GOOD = {"body": "Hello, a website check costs 490.00 EUR.", "items": [], "confidence": 0.9}
ADA = letter("Slow pages", "Hello, could you quote a website check? Our pages are slow.\nAda")
BEN = letter("A quote", "Hello, could you quote a website check for our shop?\nBen", sender="ben@example.net")


@pytest.fixture
def server():
    with ModelServer.saying([answering(in_form(GOOD))]) as one:
        yield one


def hired(folder, server, budget):
    made = Scenario.make(folder / "company")
    made.enrol()
    model = (
        f"{{ uses: openai, model: stub-1, base-url: {server.base!r}, usd-per-million: {{ in: 1, out: 1 }} }}"
    )
    lines = (made.root / "steward.yaml").read_text().splitlines()
    kept = [line for line in lines if not line.startswith("budget:")]
    kept += [f"models: {{ default: {model} }}", f"budget: {{ {budget} }}"]
    (made.root / "steward.yaml").write_text("\n".join(kept) + "\n")
    commit_all(made.root, "Hire a model", at=made.clock.now())
    return made


def drafts(company):
    found = []
    for run in company.runs("lead-capture"):
        step = run.step("draft")
        found.append(company.value(step.outputs) if step.status == "succeeded" else step.status)
    return found


def decide(company, choice):
    (question,) = company.queue()
    return company.ask("answer", target=question.id, body={"choice": choice})


def test_past_the_budget_a_person_is_asked_and_nobody_else(tmp_path, server):
    company = hired(tmp_path, server, "usd-per-day: 0.0001")
    company.drop("ada", ADA)
    company.run()
    (run,) = company.runs("lead-capture")
    assert run.step("draft").status == "asked"
    assert run.waiting == "budget"
    assert server.asked == []
    (question,) = company.queue()
    assert question.title.startswith("The budget is used up: 0.0")
    assert (
        "0.000100 USD are left for today" in question.title
        or "0.0001 USD are left for today" in question.title
    )
    assert question.needs.endswith("more|without")


def test_more_is_added_once_for_everything_that_waits(tmp_path, server):
    company = hired(tmp_path, server, "usd-per-day: 0.0001")
    company.drop("ada", ADA)
    company.drop("ben", BEN)
    company.run()
    assert drafts(company) == ["asked", "asked"]
    said = decide(company, "more")
    assert said.verdict == "accepted"
    company.run()
    # What was added is the most one call may cost; the second asks again.
    done = [one for one in drafts(company) if one != "asked"]
    assert [one["body"] for one in done] == [GOOD["body"]] * len(done)
    assert done
    assert len(server.asked) == len(done)
    grants = [event.body.usd for event in company.events() if isinstance(event.body, BudgetDecided)]
    assert [usd != "0" for usd in grants] == [True, False]


def test_without_a_model_the_templates_draft_and_nobody_asks_again_today(tmp_path, server):
    company = hired(tmp_path, server, "usd-per-day: 0.0001")
    company.drop("ada", ADA)
    company.run()
    decide(company, "without")
    company.drop("ben", BEN)
    company.run()
    assert server.asked == []
    words = drafts(company)
    assert all("budget" in one["doubts"][0] for one in words)
    assert len(words) == 2
    assert {one.kind for one in company.queue()} == {"card"}


def test_a_new_day_has_a_budget_of_its_own(tmp_path, server):
    """Enough for either of them, and for Ada's, which is the longer one, only when nothing was spent before."""
    company = hired(tmp_path, server, "usd-per-day: 0.0067")
    company.drop("ben", BEN)
    company.run()
    company.drop("ada", ADA)
    company.run()
    assert [one == "asked" for one in drafts(company)] == [False, True]
    company.later(timedelta(days=1))
    assert "asked" not in drafts(company)
    assert len(server.asked) == 2
    verdicts = [event.body.verdict for event in company.events() if isinstance(event.body, BudgetDecided)]
    assert verdicts == ["renewed"]


@pytest.mark.parametrize("point", ["append:before:request.decided", "append:after:request.decided"])
def test_a_death_around_the_answer_spends_nothing_twice(tmp_path, server, point):
    company = hired(tmp_path, server, "usd-per-day: 0.0001")
    company.drop("ada", ADA)
    company.run()
    (question,) = company.queue()
    assert ending(company, "answer", question.id, point=point, given={"choice": "more"}) == DIED
    company = Scenario.at(company.folder)
    company.run()
    (one,) = drafts(company)
    assert one["body"] == GOOD["body"]
    assert len(server.asked) == 1
    assert len([e for e in company.events() if isinstance(e.body, ModelReserved)]) == 1
    assert judge(company.folder).violations == ()
