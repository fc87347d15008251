"""What starts and ends runs besides letters, files and schedules: our own letters, told events, webhooks, intents. Each once, for ever."""

from datetime import timedelta
from pathlib import Path

import pytest

from engine.app.setup import starter_files
from engine.model.definitions.triggers import MAX_DEEP
from engine.model.events import events as e
from engine.testing.scenario import Scenario, letter
from tests.campaigns.invariants import judge
from tests.campaigns.standin import DIED, ending

pytestmark = pytest.mark.slow

NO_ANSWER = (Path(starter_files.source()) / "playbooks/no-answer.yaml").read_text(encoding="utf-8")
WELCOME = """\
name: Welcome
stage: approval
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
steps:
  - id: hello
    uses: email/reply
    with: { template: just-checking, label: LABEL }
"""
ADA = letter("Hello", "We would like to begin.", id="ada@example.org")
ANSWER = letter("Re: Hello", "Here I am.", id="answer@example.org", answers="ada@example.org")


@pytest.fixture
def bare(tmp_path):
    """Make a workspace with only these playbooks."""

    def make(**playbooks: str) -> Scenario:
        files = {f"playbooks/{name}.yaml": text for name, text in playbooks.items()}
        return Scenario.make(tmp_path / "bare", files=files, bare=True)

    return make


def again(company: Scenario) -> Scenario:
    """The same folder in what might be another process."""
    return Scenario.at(company.folder, provider=company.provider)


def received(company: Scenario, kind: str) -> list[tuple[str, str]]:
    """(outcome, reason) of everything of a kind that came."""
    bodies = [event.body for event in company.events() if isinstance(event.body, e.TriggerReceived)]
    return [(body.outcome, body.reason) for body in bodies if body.kind == kind]


# ---------------------------------------------------------------- our own letters


def greeted(bare, label="awaiting-reply", **others: str) -> Scenario:
    company = bare(welcome=WELCOME.replace("LABEL", label), **{"no-answer": NO_ANSWER, **others})
    company.drop("ada", ADA)
    company.run()
    return company


def test_a_letter_labelled_awaiting_reply_starts_no_answer_and_a_reply_ends_it(bare):
    """The starter's own playbook, from the first letter to the last word."""
    company = greeted(bare)
    (run,) = company.runs("no-answer")
    assert (run.trigger, run.depth, len(company.outbox())) == ("event", 1, 1)
    company.later(timedelta(days=3, minutes=1))
    assert len(company.outbox()) == 2
    company.drop("answer", ANSWER)
    company.run()
    (run,) = company.runs("no-answer")
    assert (run.status, run.stopping) == ("succeeded", "email")
    company.later(timedelta(days=60))
    assert len(company.outbox()) == 2


def test_after_three_silent_weeks_the_last_word_asks_and_the_run_closes(bare):
    company = greeted(bare)
    company.later(timedelta(days=3, minutes=1))
    company.later(timedelta(days=7, minutes=1))
    (shown,) = company.cards()
    company.approve(shown)
    company.later(timedelta(days=14, minutes=1))
    assert [run.status for run in company.runs("no-answer")] == ["succeeded"]
    assert len(company.outbox()) == 3


def test_a_letter_without_the_label_starts_nothing_and_is_noted(bare):
    company = greeted(bare, label="done")
    assert company.runs("no-answer") == []
    assert received(company, "event") == [("unheard", "")]
    assert company.book().ignored == {}


def test_the_event_s_fields_are_the_engine_s_own_words(bare):
    """So a low reply may name the thread, and no card is made of it."""
    company = greeted(bare)
    (run,) = company.runs("no-answer")
    assert run.labels == ("operator", "system")
    event = company.value(run.event)
    assert sorted(event) == ["at", "label", "message-id", "thread", "to", "type"]
    assert (event["to"], event["label"], event["type"]) == ("ada@example.org", "awaiting-reply", "email/sent")


def test_a_run_does_not_hear_its_own_letters(bare):
    """Its `stop-on` names every letter of the thread that leaves, its own among them."""
    own = WELCOME.replace("LABEL", "x").replace(
        "steps:",
        'stop-on: [ { event: { type: email/sent, match: { thread: "${{ event.thread }}" } } } ]\nsteps:',
    )
    company = bare(welcome=own + "  - { id: pause, uses: wait/for, with: { time: 3d } }\n")
    company.drop("ada", ADA)
    company.run()
    (run,) = company.runs()
    assert (run.status, run.stopping) == ("running", "")


def test_playbooks_that_start_each_other_stop_after_so_many(bare):
    """Each letter is the event of the next run; the one that would go too deep is put aside."""
    circle = """\
name: Circle
stage: approval
on: { event: { type: email/sent } }
subject: ${{ event.to }}
steps:
  - { id: more, uses: email/reply, with: { thread: "${{ event.thread }}", body: "again and again" }, stage: approval }
"""
    company = bare(welcome=WELCOME.replace("LABEL", "x"), circle=circle)
    company.drop("ada", ADA)
    company.run()
    for _ in range(MAX_DEEP + 3):
        for shown in company.cards():
            company.approve(shown)
    assert [run.depth for run in company.runs("circle")] == list(range(1, MAX_DEEP + 1))
    assert received(company, "event")[-1] == ("ignored", "too-deep")
    assert company.cards() == []


@pytest.mark.parametrize(
    ("point", "nth"),
    [("append:after:effect.succeeded", 1), ("append:before:run.created", 2), ("append:after:run.created", 2)],
)
def test_a_death_between_the_letter_and_its_event_loses_neither_and_doubles_neither(bare, point, nth):
    company = bare(welcome=WELCOME.replace("LABEL", "awaiting-reply"), **{"no-answer": NO_ANSWER})
    company.drop("ada", ADA)
    assert ending(company, "run", point=point, nth=nth) == DIED
    company = again(company)
    company.run()
    company.run()
    assert len(company.runs("no-answer")) == 1
    assert len(company.outbox()) == 1
    assert judge(company.folder).violations == ()


# ---------------------------------------------------------------- events that a connector vouches for


PAID = """\
name: Paid
stage: approval
on: { event: { type: stripe/invoice.paid, match: { invoice: in_1 } } }
steps:
  - { id: tell, uses: notify/me, with: { text: "paid: ${{ event.invoice }}" } }
"""


def test_a_told_event_starts_one_run_however_often_it_comes(bare):
    """Forty times, half of them after a restart."""
    company = bare(paid=PAID)
    told = [company.tell("stripe/invoice.paid", id="evt_1", invoice="in_1") for _ in range(20)]
    company = again(company)
    told += [company.tell("stripe/invoice.paid", id="evt_1", invoice="in_1") for _ in range(20)]
    assert len(company.runs("paid")) == 1
    assert received(company, "event") == [("started", ""), *[("ignored", "duplicate")] * 39]
    assert [one.verdict for one in told] == ["accepted", *["noop"] * 39]


def test_other_ids_and_accounts_are_other_events(bare):
    company = bare(paid=PAID)
    company.tell("stripe/invoice.paid", id="evt_1", invoice="in_1")
    company.tell("stripe/invoice.paid", id="evt_2", invoice="in_1")
    company.tell("stripe/invoice.paid", id="evt_1", account="acct_2", invoice="in_1")
    company.tell("stripe/invoice.paid", id="evt_3", invoice="in_2")
    assert len(company.runs("paid")) == 3
    assert received(company, "event")[-1] == ("ignored", "no-playbook")


@pytest.mark.parametrize("type_", ["email/sent", "paid", "", "stripe/"])
def test_nobody_tells_what_only_steward_makes(bare, type_):
    company = bare(paid=PAID)
    assert company.tell(type_, id="evt_1").exit == 2
    assert received(company, "event") == []


def test_an_event_ends_the_wait_that_names_it(supplied):
    wait = """\
name: Wait
stage: approval
on: { manual: {} }
inputs: { invoice: text }
steps:
  - id: money
    uses: wait/for
    with: { any: { paid: { event: { type: stripe/invoice.paid, match: { invoice: "${{ inputs.invoice }}" } } } }, time: 14d }
"""
    company = supplied(wait=wait, paid=PAID.replace(", match: { invoice: in_1 }", ""))
    company.start("wait", invoice="in_1")
    company.tell("stripe/invoice.paid", id="evt_1", invoice="in_2")
    company.tell("stripe/invoice.paid", id="evt_2", invoice="in_1")
    assert [run.status for run in company.runs("wait")] == ["succeeded"]
    assert len(company.runs("paid")) == 1


def test_a_field_that_is_no_text_is_put_aside_and_blocks_nothing(bare):
    grouped = PAID.replace(
        "steps:", "concurrency: ${{ text(event.invoice.contains('in')) }}\nsteps:"
    ).replace(", match: { invoice: in_1 }", "")
    company = bare(paid=grouped)
    company.tell("stripe/invoice.paid", id="evt_1", invoice={"id": 1})
    company.tell("stripe/invoice.paid", id="evt_2", invoice="in_1")
    assert len(company.runs("paid")) == 1
    assert received(company, "event") == [("ignored", "unfit"), ("started", "")]


# ---------------------------------------------------------------- webhooks


HOOK = """\
name: Hook
stage: approval
on: { webhook: { path: orders, secret: "${{ secrets.SHOP_HOOK }}" } }
steps:
  - { id: tell, uses: notify/me, with: { text: "order ${{ event.order }}" } }
"""
SECRET = "shop-secret"


@pytest.fixture
def shop(bare, monkeypatch):
    monkeypatch.setenv("SHOP_HOOK", SECRET)
    return bare(hook=HOOK)


def test_a_signed_call_starts_one_run_and_a_hundred_repetitions_none(shop):
    """In other files, in any order, across a restart, with another body under the same id."""
    for number in range(50):
        shop.call("orders", {"order": f"A-{number % 3}"}, id="msg_1", secret=SECRET, token=f"{99 - number}")
    shop.run()
    shop = again(shop)
    for number in range(50):
        shop.call("orders", {"order": "B"}, id="msg_1", secret=SECRET, token=f"b{number}")
    shop.run()
    shop.later(timedelta(days=400))
    assert len(shop.runs("hook")) == 1
    assert received(shop, "webhook") == [("started", ""), *[("ignored", "duplicate")] * 99]


def test_calls_that_prove_nothing_start_nothing_and_are_named(shop):
    shop.call("orders", {"order": "A"}, id="m1", secret="another")
    shop.call("orders", {"order": "A"}, id="m2", secret=SECRET, age=timedelta(minutes=6))
    shop.call("orders", {"order": "A" * 1_100_000}, id="m3", secret=SECRET)
    shop.call("orders", ["A"], id="m4", secret=SECRET)
    shop.call("elsewhere", {"order": "A"}, id="m5", secret=SECRET)
    shop.run()
    assert shop.runs() == []
    found = sorted(reason for _, reason in received(shop, "webhook"))
    assert found == ["forged", "no-playbook", "stale", "too-big", "unreadable"]


def test_a_forged_call_does_not_silence_the_real_one(shop):
    shop.call("orders", {"order": "A"}, id="m1", secret="another", token="a")
    shop.run()
    shop.call("orders", {"order": "A"}, id="m1", secret=SECRET, token="b")
    shop.run()
    assert len(shop.runs("hook")) == 1


def test_a_call_that_lay_while_nobody_looked_is_fresh(shop):
    """Its age is counted from when it came, not from when it is read."""
    shop.call("orders", {"order": "A"}, id="m1", secret=SECRET)
    shop.later(timedelta(days=3))
    assert len(shop.runs("hook")) == 1


def test_without_its_secret_a_call_waits_and_is_not_lost(bare, monkeypatch):
    monkeypatch.delenv("SHOP_HOOK", raising=False)
    company = bare(hook=HOOK)
    company.call("orders", {"order": "A"}, id="m1", secret=SECRET)
    assert "1 left lying" in company.run().message
    assert company.runs() == []
    monkeypatch.setenv("SHOP_HOOK", SECRET)
    company.run()
    assert len(company.runs("hook")) == 1


def test_the_spool_is_empty_once_the_ledger_has_it(shop):
    shop.call("orders", {"order": "A"}, id="m1", secret=SECRET)
    shop.call("orders", {"order": "A"}, id="m2", secret="another")
    shop.run()
    shop.run()
    spool = shop.workspace().state.path / "spool/webhooks"
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize("point", ["append:before:run.created", "append:after:run.created"])
def test_a_death_while_a_call_is_taken_in_starts_it_once(shop, point):
    shop.call("orders", {"order": "A"}, id="m1", secret=SECRET)
    assert ending(shop, "run", point=point) == DIED
    shop = again(shop)
    shop.run()
    shop.run()
    assert len(shop.runs("hook")) == 1
    assert judge(shop.folder).violations == ()


BOOKED = """\
name: Booked
stage: approval
on: { webhook: { path: orders, secret: "${{ secrets.SHOP_HOOK }}" } }
stop-on: [ { webhook: { path: orders, match: { cancels: "${{ event.order }}" } } } ]
steps:
  - id: paid
    uses: wait/for
    with: { any: { call: { webhook: { path: orders, match: { pays: "${{ event.order }}" } } } }, time: 3d }
  - { id: tell, uses: notify/me, with: { text: "${{ steps.paid.outputs.got }}" } }
"""


def test_only_the_call_that_matches_ends_a_wait_or_the_run(bare, monkeypatch):
    """Each of two runs is ended by the call about its own order; a call about another one, or none, changes nothing of it."""
    monkeypatch.setenv("SHOP_HOOK", SECRET)
    company = bare(booked=BOOKED)
    for number, fields in enumerate(({"order": "A"}, {"order": "B"}, {"pays": "C"}, {"cancels": "A"})):
        company.call("orders", {"order": "", **fields}, id=f"m{number}", secret=SECRET)
        company.run()
    assert [run.status for run in company.runs("booked")[:2]] == ["succeeded", "running"]
    company.call("orders", {"order": "", "pays": "B"}, id="m9", secret=SECRET)
    company.run()
    assert [run.step("paid").status for run in company.runs("booked")[:2]] == ["cancelled", "succeeded"]


# ---------------------------------------------------------------- intents


MONEY_BACK = """\
name: Money back
stage: approval
on: { intent: { name: refund, at-least: 0.9 } }
subject: ${{ event.from }}
steps:
  - { id: tell, uses: notify/me, with: { text: "${{ event.intent }}" } }
"""
LEADS = """\
name: Leads
stage: approval
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
steps:
  - { id: tell, uses: notify/me, with: { text: "a letter" } }
"""
REFUND = letter("Order 7", "Please give me a refund, I want my money back.", id="refund@example.org")


def test_what_a_letter_wants_chooses_the_playbook_when_none_reads_its_mailbox(bare):
    company = bare(back=MONEY_BACK, leads=LEADS)
    company.drop("one", REFUND, mailbox="other")
    company.drop(
        "two", letter("Order 7", "I want a refund, my money back.", id="b@example.org"), mailbox="leads"
    )
    company.run()
    assert [run.playbook for run in company.runs()] == ["leads", "back"]
    (run,) = company.runs("back")
    event = company.value(run.event)
    assert (run.trigger, event["intent"], event["confidence"]) == ("intent", "refund", 1.0)
    (told,) = [
        ev.body for ev in company.events() if isinstance(ev.body, e.TriggerReceived) and ev.body.intent
    ]
    assert (told.intent, told.tier) == ("refund", "rules")


def test_an_abstention_starts_nothing_and_can_be_seen(bare):
    company = bare(back=MONEY_BACK)
    company.drop("one", letter("Hello", "Nice weather today.", id="hello@example.org"), mailbox="other")
    company.run()
    assert company.runs() == []
    assert company.book().ignored == {"unsure": 1}
    (told,) = [ev.body for ev in company.events() if isinstance(ev.body, e.TriggerReceived)]
    assert (told.kind, told.intent, told.tier) == ("intent", "unsure", "rules")


def test_another_intent_and_too_little_confidence_start_nothing(bare):
    company = bare(back=MONEY_BACK.replace("0.9", "1"), quotes=MONEY_BACK.replace("refund", "spam"))
    company.drop(
        "one", letter("Hello", "Could you give us a quote for it?", id="q@example.org"), mailbox="other"
    )
    company.run()
    assert company.runs() == []
    assert company.book().ignored == {"no-playbook": 1}


def test_without_a_playbook_for_intents_no_letter_is_resolved(bare):
    company = bare(leads=LEADS)
    company.drop("one", REFUND, mailbox="other")
    company.run()
    assert received(company, "email") == [("ignored", "no-playbook")]


def test_a_waiting_run_takes_the_letter_that_wants_what_it_waits_for(bare):
    wait = """\
name: Wait
stage: approval
on: { manual: {} }
steps:
  - { id: money, uses: wait/for, with: { any: { back: { intent: { name: refund } } }, time: 14d } }
"""
    company = bare(wait=wait, leads=LEADS)
    company.start("wait")
    company.drop("one", letter("Hello", "Nice weather today.", id="hello@example.org"))
    company.drop("two", REFUND)
    company.run()
    assert [run.status for run in company.runs("wait")] == ["succeeded"]
    assert len(company.runs("leads")) == 1


def test_the_same_letter_a_hundred_times_is_one_run(bare):
    company = bare(back=MONEY_BACK)
    for number in range(50):
        company.drop(f"n{number}", REFUND, mailbox="other")
    company.run()
    company = again(company)
    for number in range(50):
        company.drop(f"m{number}", REFUND, mailbox="third")
    company.run()
    assert len(company.runs("back")) == 1
    assert company.book().ignored == {"duplicate": 99}


# ---------------------------------------------------------------- where inputs and outputs come from


def test_a_called_playbook_knows_whose_words_its_inputs_are(supplied):
    """A stranger's date passes as a closed type; what it becomes there is still the stranger's."""
    caller = """\
name: Caller
stage: approval
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
steps:
  - { id: inner, uses: playbook/inner, with: { day: "${{ event.at }}", word: fixed } }
"""
    inner = """\
name: Inner
stage: approval
on: { call: {} }
inputs: { day: time, word: text }
steps:
  - { id: tell, uses: provider/idempotent, with: { text: "${{ inputs.word }}" } }
outputs:
  day: ${{ inputs.day }}
"""
    company = supplied(caller=caller, inner=inner)
    company.drop("one", REFUND)
    company.run()
    (run,) = company.runs("inner")
    assert run.input_labels == ("day=operator,untrusted",)
    assert run.output_labels == ("operator", "untrusted")
    (outer,) = company.runs("caller")
    assert outer.steps["inner"].labels == ("operator", "untrusted")


def test_what_earlier_runs_gave_keeps_its_origins(supplied):
    look = """\
name: Look
stage: approval
on: { manual: {} }
steps:
  - { id: before, uses: run/find, with: { playbook: gives } }
"""
    gives = """\
name: Gives
stage: approval
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
steps:
  - { id: tell, uses: provider/idempotent, with: { text: x } }
outputs:
  said: ${{ event.subject }}
"""
    company = supplied(gives=gives, look=look)
    company.start("look")
    company.drop("one", REFUND)
    company.run()
    company.start("look")
    first, second = company.runs("look")
    assert first.steps["before"].labels == ("system",)
    assert second.steps["before"].labels == ("operator", "system", "untrusted")
