"""A correction as a person makes it: shown, asked, written where git sees it, and obeyed once it is committed."""

import json
import subprocess

import pytest

from engine.testing.scenario import letter
from tests.simulate.terminal import environment, plainly, typed

pytestmark = pytest.mark.slow

SAID = "Hello Robin,\n\ncould we have the blue one instead?\n\nAda Byron\n\nOn Monday Robin wrote:\n> secret words\n"


def changed(company) -> str:
    done = subprocess.run(
        ["git", "diff", "--unified=0"], cwd=company.root, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def asked(company):
    company.drop("one", letter("Blue", SAID))
    company.run()
    (run,) = company.runs("lead-capture")
    return run.id[:8]


def test_a_correction_is_shown_and_written_after_a_yes_and_obeyed_after_a_commit(company, asked):
    env = environment(company.env, STEWARD_MEMORY="off")
    said = typed(["intent", "--correct", asked, "support"], [("write it?", "y")], cwd=company.root, env=env)
    assert said.code == 0
    assert "│ Hello Robin, could we have the blue one instead?" in said.text
    assert "secret" not in said.text
    added = [one for one in changed(company).splitlines() if one.startswith("+ ")]
    assert added == ['+    - "Hello Robin, could we have the blue one instead?"']
    company.commit({})
    again = plainly(
        ["intent", "--json", "Hello Robin, could we have the blue one instead?"], cwd=company.root, env=env
    )
    found = json.loads(again.text)["data"]
    assert (found["name"], found["confidence"], found["tier"]) == ("support", 1.0, "rules")


@pytest.mark.parametrize(
    ("words", "answers", "code"),
    [
        (["--correct", "RUN", "support"], [("write it?", "n")], 0),
        (["--correct", "RUN", "nonsense"], [], 2),
        (["--correct", "ffffffff", "support"], [], 2),
    ],
)
def test_without_a_yes_or_a_known_intent_nothing_is_changed(company, asked, words, answers, code):
    env = environment(company.env, STEWARD_MEMORY="off")
    given = [asked if one == "RUN" else one for one in words]
    assert typed(["intent", *given], answers, cwd=company.root, env=env).code == code
    assert changed(company) == ""


def test_a_program_can_not_correct(company, asked):
    env = environment(company.env, STEWARD_MEMORY="off")
    assert plainly(["intent", "--correct", asked, "support"], cwd=company.root, env=env).code == 5
    assert changed(company) == ""


def test_without_words_the_intents_are_listed(company):
    said = plainly(["intent"], cwd=company.root, env=environment(company.env, STEWARD_MEMORY="off"))
    assert said.code == 0
    assert "quote" in said.text
