"""Words that an agent doubts reach nobody unseen, through whatever calls they came: a called playbook's, one it called, a run's that was looked up."""

from datetime import timedelta

import pytest

from engine.cli.screen import card_view
from engine.testing.model_server import ModelServer, answering
from engine.testing.models import in_form
from engine.testing.scenario import letter
from engine.vault import commit_all
from tests.simulate.test_agents import GOOD, hired

pytestmark = pytest.mark.slow

DOUBTED = "Hello Ada,\n\nWhich of the pages is slow?\n\n[Your Name]"
ON = "stage: auto\non: { email: { mailbox: %s } }\nsubject: ${{ event.from }}\nsteps:\n"
REPLY = '  - { id: reply, uses: email/reply, with: { body: "${{ %s }}" } }\n'
BOOKS = {
    "writes": """\
name: Writes
stage: auto
on: { call: {} }
subject: ada@example.org
inputs: { about: text }
outputs: { body: "${{ steps.draft.outputs.body }}" }
steps:
  - { id: who, uses: identity/resolve, with: { email: ada@example.org } }
  - { id: notes, uses: memory/recall, with: { query: "${{ inputs.about }}" } }
  - id: draft
    uses: agent/draft-reply
    with: { message: "${{ inputs.about }}", contact: "${{ steps.who.outputs }}", sources: "${{ steps.notes.outputs.notes }}" }
""",
    "asks": f"name: Asks\n{ON % 'asks'}"
    "  - { id: below, uses: playbook/writes, with: { about: the pages } }\n" + REPLY % "steps.below.outputs.body",
    # One playbook more in between.
    "between": "name: Between\nstage: auto\non: { call: {} }\n"
    'outputs: { words: "${{ steps.below.outputs.body }}" }\nsteps:\n'
    "  - { id: below, uses: playbook/writes, with: { about: the pages } }\n",
    "deep": f"name: Deep\n{ON % 'deep'}  - {{ id: far, uses: playbook/between }}\n" + REPLY % "steps.far.outputs.words",
    # Each of several calls.
    "many": f"name: Many\n{ON % 'many'}"
    '  - { id: each, uses: playbook/writes, foreach: [one, two], key: "${{ item }}", with: { about: "${{ item }}" } }\n'
    + REPLY % "steps.each.outputs[1].body",
    # What it could do without.
    "spare": f"name: Spare\n{ON % 'spare'}"
    "  - { id: below, uses: playbook/writes, with: { about: the pages } }\n" + REPLY % "default(steps.below.outputs.body, 'nothing')",
    # What an earlier run gave.
    "looks": f"name: Looks\n{ON % 'looks'}  - {{ id: before, uses: run/find, with: {{ playbook: writes, limit: 1 }} }}\n"
    + REPLY % "default(steps.before.outputs.runs[0].outputs.body, 'nothing')",
}  # fmt: skip


@pytest.fixture(
    scope="module",
    params=[DOUBTED, "Hello Ada, thank you. Which of the pages is slow?"],
    ids=["doubted", "clean"],
)
def told(request, tmp_path_factory):
    """A letter to each of five playbooks, with what their agent says; whether it is doubted, what left by step, and what the cards say."""
    with ModelServer.saying([answering(in_form({**GOOD, "body": request.param}))] * 9) as server:
        company = hired(tmp_path_factory.mktemp("doubts"), server)
        for name, text in BOOKS.items():
            (company.root / f"playbooks/{name}.yaml").write_text(text)
        commit_all(company.root, "Call each other", at=company.clock.now())
        for box in ("asks", "deep", "many", "looks", "spare"):
            company.drop(
                box, letter("Slow pages", "Which of my pages is slow?", id=f"{box}@example.org"), mailbox=box
            )
            company.run()
        company.later(timedelta(minutes=5))
    shown = {
        company.book().runs[one.card.run].playbook: "\n".join(
            card_view.lines(one.content, one.card, "X", whole=True)
        )
        for one in company.cards()
    }
    assert not [run for run in company.runs() if run.status == "failed"], [
        run.reason for run in company.runs()
    ]
    left = b"".join(company.outbox().values()).count(b"of the pages is slow")
    return request.param is DOUBTED, left, shown


WAYS = {
    "asks": "below › draft",
    "deep": "far › below › draft",
    "many": "each › draft",
    "looks": "before › draft",
    "spare": "below › draft",
}


def test_doubted_words_of_another_run_leave_nowhere_unseen(told):
    doubted, left, shown = told
    assert left == (0 if doubted else len(WAYS))
    assert set(shown) == (set(WAYS) if doubted else set())


@pytest.mark.parametrize("playbook", WAYS)
def test_the_card_says_where_the_doubt_comes_from(told, playbook):
    doubted, _, shown = told
    if doubted:
        assert f"`{WAYS[playbook]}` has doubts about its own words" in shown[playbook]
        assert f"! {WAYS[playbook]}: " in shown[playbook]
    else:
        assert playbook not in shown
