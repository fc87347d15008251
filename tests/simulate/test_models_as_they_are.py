"""Models as they really are, in a run: being asked to wait uses up no attempt, doubted words reach nobody unseen, and one question tries a model."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.cli.main import main
from engine.testing.model_server import ModelServer, ScriptedReply, answering
from engine.testing.models import in_form
from engine.testing.scenario import letter
from engine.vault import commit_all
from tests.simulate.test_agents import GOOD, LETTER, drafted, hired, shown

CLEAN = {**GOOD, "body": "Hello Ada, thank you. Which of the pages is slow?"}
BUSY = ScriptedReply(
    status=429, pieces=(json.dumps({"error": {"message": "Please try again in 20s."}}).encode(),)
)
DOWN = ScriptedReply(status=500)


@pytest.mark.slow
def test_being_asked_to_wait_uses_up_no_attempt_and_no_template_drafts(tmp_path):
    said = [BUSY] * 3 + [DOWN, BUSY, DOWN] + [answering(in_form(CLEAN))]
    with ModelServer.saying(said) as server:
        company = hired(tmp_path, server)
        company.drop("1", LETTER)
        company.run()
        for _ in range(7):
            company.later(timedelta(hours=2))
        asked = len(server.asked)
    _, outputs = drafted(company)
    assert outputs["body"] == CLEAN["body"]
    assert outputs["doubts"] == []
    assert asked == len(said)


@pytest.mark.slow
def test_a_burst_of_letters_is_drafted_by_the_model_when_the_limit_is_over(tmp_path):
    with ModelServer(script=lambda _: answering(in_form(CLEAN)) if over else BUSY) as server:
        over: list[int] = []
        company = hired(tmp_path, server)
        for n in range(3):
            company.drop(str(n), letter(f"Slow pages {n}", "Hello, could you quote a website check?\nAda"))
        company.run()
        over.append(1)
        for _ in range(4):
            company.later(timedelta(minutes=30))
    found = [company.value(run.steps["draft"].outputs) for run in company.runs("lead-capture")]
    assert [one["body"] for one in found] == [CLEAN["body"]] * 3


def alone(company):
    """The reply leaves by itself at stage auto."""
    book = company.root / "playbooks" / "lead-capture.yaml"
    text = book.read_text().replace("stage: approval", "stage: auto")
    book.write_text(re.sub(r"    gate: offer\n", "", text).replace("  offer: {", "  offered: {"))
    commit_all(company.root, "Answer alone", at=company.clock.now())
    return company


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "asks"),
    [
        (CLEAN["body"], False),
        ("Hello Ada,\n\nWhich of the pages is slow?\n\n[Your Name]", True),
        ("Hello Ada, Which of the pages is slow? Let me know if you want a friendlier tone!", True),
    ],
    ids=["clean", "a blank", "chat"],
)  # fmt: skip
def test_doubted_words_reach_nobody_unless_a_person_has_seen_them(tmp_path, body, asks):
    with ModelServer.saying([answering(in_form({**GOOD, "body": body}))]) as server:
        company = alone(hired(tmp_path, server))
        company.drop("1", LETTER)
        company.run()
        company.later(timedelta(minutes=5))
    left = b"".join(company.outbox().values())
    assert (b"of the pages is slow" in left) is not asks
    if asks:
        _, text = shown(company)
        assert "! draft: " in text
        assert "has doubts about its own words" in text


# -- one question ------------------------------------------------------------------------------------------------------

WORD = "[[ ## word ## ]]\nopen\n\n[[ ## completed ## ]]"


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    """A workspace with the model at `base`, and what a command there says: (exit code, words)."""
    for name in ("HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("STEWARD_WORKSPACE", raising=False)
    root = tmp_path / "company"

    def ready(base, more=""):
        assert main(["init", str(root), "--name", "Robin Park", "--email", "robin@studio.example.com"]) == 0
        models = f"models: {{ default: {{ uses: openai, model: gpt-5-mini, base-url: {base!r}, usd-per-million: {{ in: 1, out: 4 }}{more} }} }}\n"
        settings = root / "steward.yaml"
        settings.write_text(settings.read_text() + models)
        commit_all(root, "Hire a model", at=datetime.now(UTC))
        monkeypatch.chdir(root)
        capsys.readouterr()

    def type_(*words):
        code = main([*words])
        shown_ = capsys.readouterr()
        return code, shown_.out + shown_.err

    return SimpleNamespace(ready=ready, type=type_)


def picky(body):
    if body.get("temperature", 1) != 1:
        no = {"error": {"message": "Unsupported value: 'temperature'", "param": "temperature"}}
        return ScriptedReply(status=400, pieces=(json.dumps(no).encode(),))
    return answering(WORD, tokens=(40, 12))


@pytest.mark.slow
def test_one_question_says_what_works_and_is_counted(typed):
    with ModelServer(script=picky) as server:
        typed.ready(server.base)
        code, words = typed.type("models", "test", "default")
        assert (code, len(server.asked)) == (0, 2)
        for line in ("gpt-5-mini answered", "ended by itself", "in the form", "no temperature (it is left out)", "40 in, 12 out, 0.000088 USD"):  # fmt: skip
            assert line in words
        # Asked again it is asked as if nothing were known.
        assert json.loads(typed.type("models", "test", "default", "--json")[1])["data"]["good"] is True
        assert len(server.asked) == 4
    assert "0.000176 USD" in typed.type("costs")[1]
    assert "gpt-5-mini at 127.0.0.1; takes no temperature" in typed.type("models", "list")[1]
    assert "takes no temperature" in typed.type("doctor")[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "code", "word"),
    [
        (answering("Open!"), 1, "does not answer in the form"),
        (answering(WORD, tokens=None), 0, "counts no tokens: nothing is booked"),
        (ScriptedReply(status=401), 1, "does not take the key"),
        (
            ScriptedReply(status=402, pieces=(b'{"error": {"message": "Insufficient Balance"}}',)),
            1,
            "no money left",
        ),
        (BUSY, 1, "asks to wait"),
        (ScriptedReply(pieces=None), 1, "broke"),
    ],
    ids=["no form", "nothing counted", "key", "money", "busy", "gone"],
)
def test_what_does_not_work_is_said(typed, said, code, word):
    with ModelServer.saying([said]) as server:
        typed.ready(server.base)
        found, words = typed.type("models", "test", "default")
    assert (found, word in words) == (code, True), words
    ill = typed.type("doctor")[1]
    assert ("steward models test default" in ill) == (word in {"does not take the key", "no money left"})


@pytest.mark.slow
def test_a_question_is_held_against_the_budget_and_a_name_that_is_none_is_told(typed):
    with ModelServer(script=picky) as server:
        typed.ready(server.base)
        assert typed.type("models", "test", "defalt")[0] == 2
        assert "did you mean default?" in typed.type("models", "test", "defalt")[1]
        settings = Path("steward.yaml")
        settings.write_text(settings.read_text().replace("usd-per-day: ", "usd-per-day: 0.000") if "usd-per-day" in settings.read_text() else settings.read_text() + "budget: { usd-per-day: 0.0001 }\n")  # fmt: skip
        commit_all(Path.cwd(), "Spend less", at=datetime.now(UTC))
        code, words = typed.type("models", "test", "default")
        assert server.asked == []
    assert code == 1
    assert "USD are left for today" in words
