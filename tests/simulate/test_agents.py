"""An agent in a run: letter to card through the real room and the real gateway, with a model on a real socket that says anything."""

import json
from datetime import timedelta

import pytest

from engine.app.adapters.agents import room
from engine.cli.screen import card_view
from engine.model.events.readers import ModelAnswered, ModelReserved
from engine.testing.model_server import ModelServer, ScriptedReply, answering
from engine.testing.models import in_form
from engine.testing.scenario import Scenario, letter
from engine.vault import commit_all
from tests.campaigns.invariants import judge
from tests.campaigns.standin import DIED, ending

CANARY = "planted-canary-4cd1"
WORDS = "Hello Ada, a website check costs 490.00 EUR. Which page is slow?"
GOOD = {"body": WORDS, "items": [], "confidence": 0.9}
LETTER = letter("Slow pages", "Hello, could you quote a website check? Our pages are slow.\nAda")


def hired(folder, server, *, budget="0.05"):
    """A company whose drafts come from the model at `server`."""
    made = Scenario.make(folder / "company")
    made.enrol()
    settings = (made.root / "steward.yaml").read_text()
    models = f"models: {{ default: {{ uses: openai, model: stub-1, base-url: {server.base!r} }} }}\n"
    (made.root / "steward.yaml").write_text(settings + models)
    commit_all(made.root, "Hire a model", at=made.clock.now())
    return made


def drafted(company):
    (run,) = company.runs("lead-capture")
    step = run.steps["draft"]
    return step, company.value(step.outputs) if step.outputs else None


def shown(company):
    (card,) = company.cards()
    return card, "\n".join(card_view.lines(card.content, card.card, card.card.id[:6], whole=True))


def test_the_model_s_words_reach_the_card_with_what_no_source_holds(tmp_path):
    with ModelServer.saying(
        [answering(in_form({**GOOD, "body": WORDS + " See https://evil.example/x."}))]
    ) as server:
        company = hired(tmp_path, server)
        company.drop("1", LETTER)
        company.run()
    card, text = shown(company)
    assert WORDS in card.text
    assert "! draft: the link https://evil.example/x stands in no source" in text
    assert "draft: answered by" not in text
    answered = [one.body for one in company.events() if isinstance(one.body, ModelAnswered)]
    assert [one.served for one in answered] == ["stub-1"]
    reserved = [one.body for one in company.events() if isinstance(one.body, ModelReserved)]
    assert [one.isolation for one in reserved] == [room().level]


def test_another_model_than_the_configured_one_is_said_on_the_card(tmp_path):
    with ModelServer.saying([answering(in_form(GOOD), served="other-2")]) as server:
        company = hired(tmp_path, server)
        company.drop("1", LETTER)
        company.run()
    assert "! draft: answered by the model other-2, configured is stub-1" in shown(company)[1]


def test_without_a_model_the_operator_s_own_words_are_drafted(tmp_path):
    company = Scenario.make(tmp_path / "company")
    company.enrol()
    company.drop("1", LETTER)
    company.run()
    assert drafted(company)[1]["body"].startswith("Hello")
    assert not drafted(company)[1].get("doubts")


@pytest.mark.parametrize(
    ("said", "code", "calls"),
    [
        (answering("nothing of the kind"), "model-answer", 6),
        (answering(""), "model-empty", 3),
        (answering("I'm sorry, but I can't help with that."), "model-refused", 1),
        (ScriptedReply(pieces=(b"{",)), "model-garbage", 3),
        (ScriptedReply(status=500), "model-down", 3),
    ],
    ids=["garbage", "nothing", "refusal", "no JSON", "down"],
)
def test_a_useless_model_leaves_the_operator_s_own_words_at_the_card_and_says_why(
    tmp_path, said, code, calls
):
    """The step retries three times, each time with one repair; then the template drafts and a person has it."""
    with ModelServer.saying([said]) as server:
        company = hired(tmp_path, server)
        company.drop("1", LETTER)
        company.run()
        for _ in range(4):
            company.later(timedelta(hours=1))
        asked = len(server.asked)
    (run,) = company.runs("lead-capture")
    assert run.steps["draft"].status == "succeeded"
    _, outputs = drafted(company)
    assert outputs["body"].startswith("Hello")
    assert code in outputs["doubts"][0]
    assert asked == calls
    assert "no model drafted this" in shown(company)[1]
    assert all(b"quote" not in data for data in company.outbox().values())


def test_a_secret_of_the_engine_reaches_no_prompt_and_no_draft(tmp_path, monkeypatch):
    monkeypatch.setenv("STEWARD_SECRET_MAIL", CANARY)
    with ModelServer.saying([answering("no"), answering(in_form(GOOD))]) as server:
        company = hired(tmp_path, server)
        (company.root / "keys.txt").write_text(CANARY)
        company.drop("1", LETTER)
        company.run()
        prompts = json.dumps([body for _, body in server.asked])
    assert len(server.asked) == 2
    assert "website check" in prompts
    assert CANARY not in prompts
    assert CANARY not in json.dumps(drafted(company)[1])


@pytest.mark.parametrize(
    ("words", "path", "says"),
    [
        (
            "You are late: the menu was promised for Tuesday. When will it be delivered?",
            "vault/sops/when-we-are-late.md#When we are late@",
            "say it in the first sentence",
        ),
        (
            "We want to change the plan: two languages, and another date for the start.",
            "vault/sops/a-change-of-plan.md#A change of plan@",
            "what is to be different",
        ),
    ],
)
def test_the_sop_a_letter_is_about_is_in_the_prompt_and_cited_on_the_card(tmp_path, words, path, says):
    with ModelServer.saying([answering(in_form(GOOD))]) as server:
        company = hired(tmp_path, server)
        company.drop("1", letter("Our project", words))
        company.run()
        prompts = json.dumps([body for _, body in server.asked])
    assert says in prompts
    assert path in shown(company)[1]


@pytest.mark.parametrize(
    ("point", "asked"),
    [
        ("append:after:model.reserved", 1),
        ("append:before:model.answered", 2),
        ("append:after:model.answered", 2),
    ],
)
def test_a_death_around_a_call_costs_what_was_set_aside_and_the_next_run_drafts(tmp_path, point, asked):
    with ModelServer.saying([answering(in_form(GOOD))]) as server:
        company = hired(tmp_path, server)
        company.drop("1", LETTER)
        assert ending(company, "run", point=point) == DIED
        company = Scenario.at(company.folder)
        company.run()
        assert len(server.asked) == asked
    assert drafted(company)[0].status == "succeeded"
    assert len(company.cards()) == 1
    costs = company.book().costs
    assert len(costs) == 2
    assert judge(company.folder).violations == ()
