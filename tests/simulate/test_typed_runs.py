"""`steward run NAME` in real processes: what is typed, what another process carries, and why something failed."""

import json

import pytest

from engine.testing.scenario import Scenario, letter
from tests.simulate.terminal import Typed, environment, plainly

pytestmark = pytest.mark.slow

GREET = """\
name: Greet
stage: approval
on: { manual: {} }
inputs: { who: email, price: money, words: "[text]", loud: { type: bool, default: false } }
steps:
  - { id: tell, uses: notify/me, with: { text: "${{ inputs.who }} pays ${{ text(inputs.price) }}: ${{ inputs.words.join(', ') }}" } }
subject: ${{ inputs.who }}
"""
HELD = """\
name: Held
stage: approval
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
steps:
  - { id: reply, uses: email/reply, with: { template: just-checking }, undo-within: 8s }
"""
LATER = """\
name: Later
stage: approval
on: { manual: {} }
steps:
  - { id: back, uses: stripe/refund, with: { charge: ch_1, amount: 5.00 EUR } }
"""


class Company:
    """A workspace with these playbooks, as a shell sees it."""

    def __init__(self, folder, **playbooks):
        files = {f"playbooks/{name}.yaml": text for name, text in playbooks.items()}
        self.scenario = Scenario.make(folder / "c", files=files, bare=True)
        self.root, self.env = self.scenario.root, environment(self.scenario.env)

    def plainly(self, *words):
        return plainly(words, cwd=self.root, env=self.env)


def test_typed_inputs_and_a_file_of_them_start_the_same_run(tmp_path):
    company = Company(tmp_path, greet=GREET)
    done = company.plainly("run", "greet", "who=ada@example.org", "price=49.00 EUR", "words=[one, two]")
    assert done.code == 0, done.text
    assert "ada@example.org pays 49.00 EUR: one, two" in done.text
    given = {"who": "ada@example.org", "price": "49.00 EUR", "words": ["one", "two"]}
    (company.root / "given.json").write_text(json.dumps(given))
    assert company.plainly("run", "greet", "--inputs", "given.json").code == 0
    first, second = company.scenario.runs()
    assert company.scenario.value(first.inputs) == company.scenario.value(second.inputs)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["hwo=ada@example.org", "price=1 EUR", "words=[]"], "did you mean `who`?"),
        (["who=ada@example.org", "words=[]"], "greet needs `price`"),
        (["who=ada@example.org", "price=much", "words=[]"], "write it like 49.00 EUR"),
        (["--inputs", "nowhere.json"], "nowhere.json can't be read"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_to_type(tmp_path, words, said):
    company = Company(tmp_path, greet=GREET)
    done = company.plainly("run", "greet", *words)
    assert done.code == 2, done.text
    assert said in done.text
    assert "Nothing was started." in done.text
    assert "steward run" in done.text
    assert company.scenario.runs() == []


def test_a_run_that_another_process_carries_is_followed_to_its_end(tmp_path):
    """The other one waits out a hold; this one says what happened to its own run, and how it ended."""
    company = Company(tmp_path, held=HELD, greet=GREET)
    company.scenario.drop("one", letter("Hello", "Are you there?", id="one@example.org"))
    owner = Typed(("run",), cwd=company.root, env=company.env)
    owner.until("held until")
    done = company.plainly("run", "greet", "who=ada@example.org", "price=1 EUR", "words=[]", "--json")
    assert done.code == 0, done.text
    found = json.loads(done.text[done.text.index("{") : done.text.rindex("}") + 1])
    (row,) = found["data"]["runs"]
    assert (row["playbook"], row["status"]) == ("greet", "succeeded")
    assert owner.end().code == 0


def test_run_and_log_say_why_a_step_failed_and_what_to_do(tmp_path):
    company = Company(tmp_path, later=LATER)
    company.scenario.enrol()
    done = company.plainly("run", "later")
    for text in (done.text, company.plainly("log").text):
        assert "no-connector: nothing does stripe/refund yet: do it by hand (steward explain SW307)" in text


def test_show_names_the_thread_and_a_queued_run_says_so(tmp_path):
    grouped = HELD.replace("steps:", "concurrency: all\nsteps:").replace("undo-within: 8s", "reach: customer")
    company = Company(tmp_path, held=grouped)
    company.scenario.drop("one", letter("Hello", "Are you there?", id="one@example.org"))
    company.scenario.drop("two", letter("Other", "And you?", id="two@example.org"))
    done = company.plainly("run", "--json")
    assert sorted(
        (row["status"], row["waiting"])
        for row in json.loads(done.text[: done.text.rindex("}") + 1])["data"]["runs"]
    ) == [
        ("queued", "queued"),
        ("running", "approval"),
    ]
    first, _ = company.scenario.runs()
    thread = company.scenario.value(first.event)["thread"]
    (shown,) = company.scenario.cards()
    assert f"thread {thread}" in company.plainly("show", first.id[:8]).text
    assert thread in company.plainly("show", shown.card.id).text
