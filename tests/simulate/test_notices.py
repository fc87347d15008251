"""What waits for the operator, or failed, is told through the channels of `notify`: several together, each once, and no stranger's words."""

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from engine.app.composition import build_app
from engine.kernel.scheduler import notices
from engine.kernel.scheduler.loop import Loop
from engine.ledger import Keys, Ledger, Owner
from engine.model.events.alarms import OperatorNotified
from engine.runtime.executor import InLine
from engine.testing.provider import Provider
from engine.testing.scenario import PROVIDER_FILE, Scenario, letter

pytestmark = pytest.mark.slow

ASKS = """\
name: Asks
stage: approval
on: { manual: {} }
inputs: { title: text }
gates: { go: { title: "Secret ${{ inputs.title }}", expires-after: 2d } }
steps:
  - { id: tell, uses: provider/customer, with: { text: "${{ inputs.title }}" }, gate: go }
"""
FAILS = """\
name: Fails
stage: approval
on: { manual: {} }
steps:
  - { id: tell, uses: provider/idempotent, with: { text: hello } }
"""
CALLS = "name: Calls\nstage: approval\non: { manual: {} }\nsteps:\n  - { id: one, uses: playbook/called }\n"
CALLED = FAILS.replace("Fails", "Called").replace("manual", "call")
REFUSES = FAILS.partition("steps")[0] + "steps: [{ id: no, uses: run/end, with: { as: failed } }]\n"
QUESTION = """\
name: Question
stage: approval
on: { manual: {} }
steps:
  - { id: which, uses: human/ask, with: { title: Secret which, choices: [this, that] } }
"""
OPAQUE = FAILS.replace("Fails", "Opaque").replace("idempotent", "opaque")


class Phone:
    """Takes what a chat's address would take; `says` is its answer."""

    def __init__(self, port):
        self.url, self.says, self.took = f"http://127.0.0.1:{port}/chat", 200, []

    @property
    def texts(self):
        return [took["text"] for took in self.took]


@pytest.fixture
def phone():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if one.says == 200:
                one.took.append(body)
            self.send_response(one.says)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        one = Phone(http.server_port)
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield one
        http.shutdown()


@pytest.fixture
def company(tmp_path, phone):
    folder = tmp_path / "supplied"
    playbooks = {
        "asks": ASKS,
        "fails": FAILS,
        "question": QUESTION,
        "opaque": OPAQUE,
        "calls": CALLS,
        "called": CALLED,
        "refuses": REFUSES,
    }
    with Provider.start(tmp_path / PROVIDER_FILE) as provider:
        made = Scenario.make(
            folder, files={f"playbooks/{name}.yaml": text for name, text in playbooks.items()},
            provider=provider.address, bare=True,
        )  # fmt: skip
        attach(made, phone)
        yield made, provider


def attach(company, phone):
    settings = (company.root / "steward.yaml").read_text()
    block = f"connectors:\n  notify:\n    channels:\n      - {{ to: post, url: {phone.url} }}\n"
    company.commit({"steward.yaml": f"{settings}\n{block}"})


def told(company):
    return [event.body.about for event in company.events() if isinstance(event.body, OperatorNotified)]


def test_a_card_a_question_a_failure_and_an_unknown_are_told_in_one_notice(company, phone):
    """Of each who asks and under which id; what is written on it stays at home."""
    made, provider = company
    made.ask("start", target="asks", body={"inputs": {"title": "Anna"}}, quietly=True)
    made.ask("start", target="question", body={"inputs": {}}, quietly=True)
    provider.behave("400", times=1)
    made.ask("start", target="fails", body={"inputs": {}}, quietly=True)
    provider.behave("drop-after", times=1)
    made.ask("start", target="opaque", body={"inputs": {}}, quietly=True)
    assert phone.took == []
    made.run()
    (text,) = phone.texts
    shorts = {row.short for row in made.queue()}
    assert text.startswith("Steward: 4 things are new. steward queue\n")
    assert all(short in text for short in shorts)
    for words in (
        "a card of asks waits",
        "a question of question waits",
        "failed: fails, run",
        "did `tell` happen?",
    ):
        assert words in text
    assert "Anna" not in text
    assert "Secret" not in text
    made.run()
    made.later(timedelta(hours=5))
    assert len(phone.took) == 1


THANKS = """\
name: Thanks
stage: auto
on: { email: { mailbox: leads } }
steps:
  - { id: thanks, uses: email/acknowledge, with: { template: got-it } }
"""
NOBODY_THERE = """\
  email: { host: 127.0.0.1, port: 1, tls: none, mailboxes: { leads: vault/inbox/leads } }
"""


@pytest.mark.parametrize(("policy", "count"), [("deny: []\n", 2), ("deny: [email/acknowledge]\n", 0)])
def test_an_acknowledgement_that_was_left_out_is_told_once_unless_it_was_denied(
    tmp_path, phone, policy, count
):
    made = Scenario.make(tmp_path / "s", files={"playbooks/thanks.yaml": THANKS}, bare=True)
    attach(made, phone)
    settings = (made.root / "steward.yaml").read_text()
    made.commit({"steward.yaml": settings + NOBODY_THERE, "vault/policy.yaml": policy})
    for name in ("Anna", "Bert"):
        made.drop(
            name, letter(f"Secret {name}", "Hello", sender=f"{name}@example.org", id=f"{name}@example.org")
        )
    made.run()
    assert phone.took == []
    made.later(timedelta(hours=1))
    made.later(timedelta(hours=1))
    assert len(phone.texts) == bool(count)
    for text in phone.texts:
        assert text.startswith(f"Steward: {count} things are new.")
        assert text.count("could not leave in time and was left out: thanks of thanks, run ") == count
        assert "Secret" not in text
        assert "example.org" not in text


def test_what_comes_later_is_told_alone(company, phone):
    made, _ = company
    made.start("asks", title="one")
    made.start("asks", title="two")
    assert [text.splitlines()[0] for text in phone.texts] == ["Steward: 1 thing is new. steward queue"] * 2
    first, second = told(made)
    assert len(first) == len(second) == 1
    assert first != second


def test_a_failed_call_is_one_failure(company, phone):
    made, provider = company
    provider.behave("400", times=1)
    made.start("calls")
    (text,) = phone.texts
    assert "failed: calls" in text
    assert "called" not in text


def test_what_a_playbook_ended_as_failed_is_told_once_and_waits_for_nobody(company, phone):
    made, _ = company
    made.start("refuses")
    made.run()
    made.later(timedelta(hours=5))
    assert [text.splitlines()[1].startswith("failed: refuses, run") for text in phone.texts] == [True]
    assert made.queue() == []


def test_a_channel_that_is_down_loses_no_notice_and_makes_none_of_its_own(company, phone):
    made, _ = company
    phone.says = 500
    made.start("asks", title="one")
    assert phone.took == []
    phone.says = 200
    made.later(timedelta(hours=2))
    assert len(phone.texts) == 1
    assert len(told(made)) == 1


def test_a_notice_that_no_channel_ever_took_is_not_told_of(company, phone):
    """An alarm says so (`steward status`); a notice of it would be the next that nobody takes."""
    made, _ = company
    phone.says = 404
    made.start("asks", title="one")
    made.later(timedelta(hours=1))
    phone.says = 200
    made.later(timedelta(hours=1))
    assert phone.took == []
    assert [alarm.kind for alarm in made.book().alarms.values()] == ["untold"]


def test_under_a_stop_nothing_is_told_and_afterwards_all_of_it(company, phone):
    made, _ = company
    made.enrol()
    made.ask("start", target="question", body={"inputs": {}}, quietly=True)
    made.ask("stop")
    made.run()
    assert phone.took == []
    made.ask("resume", passphrase="correct horse battery staple")
    made.run()
    assert len(phone.took) == 1


def test_who_owns_the_ledger_only_for_a_moment_leaves_the_notice_to_the_next(company, phone):
    """Begun and not carried out: it is in the ledger, and goes out once."""
    made, _ = company
    made.ask("start", target="asks", body={"inputs": {"title": "x"}}, quietly=True)
    made.ask("pass", quietly=True)
    made.run()
    made.run()
    assert len(phone.took) == 1


def test_without_a_channel_the_queue_is_all_there_is(tmp_path):
    made = Scenario.make(tmp_path / "bare", files={"playbooks/question.yaml": QUESTION}, bare=True)
    made.start("question")
    assert told(made) == []
    assert [run.playbook for run in made.runs()] == ["question"]


def test_failures_from_before_there_was_a_channel_are_history(tmp_path, phone):
    with Provider.start(tmp_path / PROVIDER_FILE) as provider:
        made = Scenario.make(
            tmp_path / "s", files={"playbooks/fails.yaml": FAILS, "playbooks/asks.yaml": ASKS}, provider=provider.address, bare=True
        )  # fmt: skip
        provider.behave("400", times=1)
        made.start("fails")
        made.clock.advance(timedelta(days=2))
        attach(made, phone)
        made.start("asks", title="one")
    (text,) = phone.texts
    assert "card of asks" in text


# ---------------------------------------------------------------- staying up


def serving(made, seconds, *, step, meanwhile):
    """The loop as `up` runs it, for so many virtual seconds; `meanwhile` is called before each look, with the loop and what has passed."""
    workspace = made.workspace()
    keys, owner = Keys.open(workspace.state), Owner.take(workspace.state, stays=True)
    assert owner is not None
    ledger = Ledger.open(workspace.state, keys=keys, owner=owner)
    passed = [0.0]
    try:
        house = build_app(
            workspace, ledger=ledger, keys=keys, owner=owner, listen=lambda _event: None, clock=made.clock, executor=InLine()
        )  # fmt: skip
        loop = Loop(house.house)
        house.settle(loop.journal)

        def over():
            meanwhile(loop, passed[0])
            made.clock.advance(timedelta(seconds=step))
            passed[0] += step
            return passed[0] > seconds

        loop.serve(look=lambda: False, until=over)
        house.close()
    finally:
        ledger.close()
        owner.release()
        keys.close()


@pytest.fixture
def asking(tmp_path, phone):
    made = Scenario.make(tmp_path / "up", files={"playbooks/question.yaml": QUESTION}, bare=True)
    attach(made, phone)
    return made


def test_who_is_up_waits_until_it_has_settled_and_then_a_while(asking, phone):
    seen = {}

    def meanwhile(_loop, passed):
        seen[passed] = len(phone.took)

    asking.ask("start", target="question", body={"inputs": {}}, quietly=True)
    serving(asking, 100, step=5, meanwhile=meanwhile)
    assert seen[max(one for one in seen if one < notices.SETTLE.total_seconds() - 10)] == 0
    assert len(phone.took) == 1
    for _ in range(3):
        asking.ask("start", target="question", body={"inputs": {}}, quietly=True)
    seen.clear()
    serving(asking, 700, step=5, meanwhile=meanwhile)
    assert seen[300.0] == 1
    assert [text.splitlines()[0] for text in phone.texts][1:] == ["Steward: 3 things are new. steward queue"]


def test_what_is_answered_before_it_has_settled_is_not_told(asking, phone):
    asking.ask("start", target="question", body={"inputs": {}}, quietly=True)
    (row,) = asking.queue()
    assert asking.ask("answer", target=row.id, body={"choice": "this"}, quietly=True).exit == 0
    serving(asking, 900, step=10, meanwhile=lambda *_: None)
    assert phone.took == []
