"""What certainly did nothing waits and leaves later, once: mail servers that are gone or busy, full disks, the caps of a day. Time is virtual,
the server is a real one.
"""

import errno
import itertools
import json
import shutil
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.connectors import safe_paths
from engine.model.events import events as e
from engine.model.events import outages as o
from engine.model.values.timestamps import moment
from engine.testing.scenario import Scenario, letter
from tests.simulate.postoffice import SETTINGS, Office, office
from tests.simulate.terminal import environment, plainly, typed

pytestmark = pytest.mark.slow

ANSWERS = """\
name: Answers
stage: approval
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
gates: { offer: { title: Offer, expires-after: 2d } }
steps:
  - { id: thanks, uses: email/acknowledge, with: { template: got-it } }
  - { id: answer, uses: email/reply, with: { body: "We will look at it on Monday." }, gate: offer }
  - { id: noted, uses: files/write, with: { path: notes/answered.md, text: answered } }
"""
PLAIN = ANSWERS.replace("  - { id: thanks, uses: email/acknowledge, with: { template: got-it } }\n", "")
POLICY = "caps: [{{ action: {action}, count-per-day: {count} }}]\n"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene") / "company"
    files = {"playbooks/answers.yaml": ANSWERS, "playbooks/plain.yaml": PLAIN.replace("leads", "plain")}
    Scenario.make(folder, files=files, bare=True).run()
    return folder


@pytest.fixture
def post():
    with office() as one:
        yield one


@pytest.fixture
def company(scene, tmp_path, post: Office):
    """Its letters go through the post office."""
    shutil.copytree(scene, tmp_path / "company", symlinks=True)
    made = Scenario.at(tmp_path / "company")
    settings = (made.root / "steward.yaml").read_text()
    mailboxes = SETTINGS.format(port=post.port).replace(" }", ", plain: vault/inbox/plain }")
    made.commit({"steward.yaml": settings + mailboxes})
    return made


def wrote(company, number=1, *, mailbox="leads"):
    """So many people wrote."""
    for one in range(number):
        text = letter(
            "Site", "Could you look at it?", sender=f"Ann <ann{one}@example.org>", id=f"{mailbox}-{one}"
        )
        company.drop(f"{mailbox}-{one}", text, mailbox=mailbox)
    company.run()


def approved(company):
    """Every open card."""
    for shown in company.cards():
        assert company.ask("approve", target=shown.card.id, digest=shown.digest, quietly=True).exit == 0


def deferred(company):
    return [event.body for event in company.events() if isinstance(event.body, o.EffectDeferred)]


def step(company, name, run=0):
    return company.runs()[run].step(name)


# ---------------------------------------------------------------- a server that is not there


def test_an_approved_letter_waits_for_a_server_that_is_gone_and_leaves_once_it_is_back(company, post):
    wrote(company, mailbox="plain")
    approved(company)
    company.run()
    (run,) = company.runs()
    assert (run.waiting, run.step("answer").status, run.step("answer").code) == (
        "retry",
        "deferred",
        "smtp-unreachable",
    )
    post.open()
    company.run()
    assert company.runs()[0].status == "succeeded"
    assert list(post.taken.values()) == [1]
    tried = [
        event.body.key
        for event in company.events()
        if isinstance(event.body, e.EffectIntended) and event.step == "answer"
    ]
    assert len(tried) > 1
    assert len(set(tried)) == 1


@pytest.mark.parametrize(
    "says",
    [
        {"DATA": "451 4.3.0 greylisted"},
        {"DATA": "452 4.3.1 no room"},
        {"DATA": "421 4.3.2 closing"},
        {"RCPT": "450 4.2.0 try later"},
        {"MAIL": "421 4.3.2 busy"},
        {"MAIL": "451 4.7.1 not now"},
    ],
)
def test_a_server_that_says_later_gets_the_same_letter_later(company, post, says):
    post.open()
    post.says = says
    wrote(company, mailbox="plain")
    approved(company)
    company.run()
    assert step(company, "answer").status == "deferred"
    assert not post.taken.total()
    post.says = {}
    company.later(2 * HOUR)
    assert company.runs()[0].status == "succeeded"
    assert list(post.taken.values()) == [1]
    assert len(post.asked) == 1


def test_tries_are_spread_and_grow_and_end_after_three_days_in_the_queue(company, post):
    """A longer one would have hidden it; the letter is a person's, so the failed run waits for the operator."""
    company.commit({"playbooks/plain.yaml": PLAIN.replace("leads", "plain").replace("2d", "14d")})
    post.open()
    post.says = {"DATA": "451 later"}
    wrote(company, mailbox="plain")
    approved(company)
    began = company.clock.now()
    while company.clock.now() < began + timedelta(days=4):
        company.clock.advance(6 * HOUR)
        # Whatever is asked takes up what is due; only a pass hurries what is not.
        company.ask("start", target="nobody")
    tries = deferred(company)
    waits = [moment(one.due) for one in tries]
    assert all(later > before for before, later in itertools.pairwise(waits))
    assert len({one.key for one in tries}) == 1
    assert {one.until for one in tries} == {tries[0].until}
    run = company.runs("plain")[0]
    assert (run.status, run.reason) == ("failed", "answer: smtp-later")
    assert timedelta(days=3) <= moment(run.ended) - began <= timedelta(days=3, hours=7)
    (row,) = company.queue()
    assert (row.kind, row.run) == ("failed", run.id)
    assert "ann0@example.org" in row.about


def test_what_could_not_leave_before_its_card_expired_asks_again(company, post):
    wrote(company, mailbox="plain")
    company.clock.advance(2 * DAY - HOUR)
    approved(company)
    (first,) = company.cards(status="approved")
    company.later(2 * HOUR)
    assert company.book().cards[first.card.id].because == "late"
    (again,) = company.cards()
    assert again.card.replaces == first.card.id
    assert again.content["since"] == ["+ approved, and it could not leave before that expired"]
    post.open()
    company.later(HOUR)
    assert not post.taken
    approved(company)
    company.run()
    assert list(post.taken.values()) == [1]


def test_what_changed_while_it_waited_asks_again(company, post):
    """They wrote once more."""
    wrote(company, mailbox="plain")
    approved(company)
    company.run()
    post.open()
    more = letter(
        "Re: Site", "And another thing.", sender="Ann <ann0@example.org>", id="more", answers="plain-0"
    )
    company.drop("more", more, mailbox="plain")
    company.run()
    assert not post.taken
    assert [card.card.because for card in company.cards(status="closed")] == ["drift"]
    assert len(company.cards()) >= 1


def test_what_waits_can_be_withdrawn(company, post):
    wrote(company, mailbox="plain")
    approved(company)
    company.run()
    said = company.ask("undo", target=company.runs()[0].id)
    assert "withdrawn before anything was sent" in said.message
    post.open()
    company.later(HOUR)
    assert company.runs()[0].status == "cancelled"
    assert not post.taken


# ---------------------------------------------------------------- disks and caps


def test_a_full_disk_is_waited_for(company, post, monkeypatch):
    """Letters are noted before they leave; without room for the note none does."""
    write = safe_paths.write

    def full(within, name, data, *, token):
        if name.endswith(".eml"):
            raise OSError(errno.ENOSPC, "No space left on device")
        write(within, name, data, token=token)

    post.open()
    wrote(company, mailbox="plain")
    monkeypatch.setattr(safe_paths, "write", full)
    approved(company)
    company.run()
    assert (step(company, "answer").status, step(company, "answer").code) == ("deferred", "disk-full")
    assert not post.asked
    monkeypatch.undo()
    company.later(HOUR)
    assert list(post.taken.values()) == [1]


def test_past_a_day_s_cap_letters_wait_for_midnight_of_the_operator_and_none_is_lost(company, post):
    post.open()
    company.commit({"vault/policy.yaml": POLICY.format(action="email/reply", count=2)})
    wrote(company, 3, mailbox="plain")
    approved(company)
    company.run()
    assert post.taken.total() == 2
    (wait,) = deferred(company)
    assert wait.code == "cap"
    zone = company.workspace().config.time_zone
    due = moment(wait.due).astimezone(ZoneInfo(zone))
    assert (due.hour, due.minute < 30) == (0, True)
    company.run()
    assert len(deferred(company)) == 1, "a cap that still holds is not tried again before its day is over"
    company.later(moment(wait.due) - company.clock.now())
    assert sorted(post.taken.values()) == [1, 1, 1]
    assert {run.status for run in company.runs()} == {"succeeded"}


def test_a_cap_that_was_raised_lets_what_waited_leave_at_the_next_run(company, post):
    post.open()
    company.commit({"vault/policy.yaml": POLICY.format(action="email/reply", count=1)})
    wrote(company, 2, mailbox="plain")
    approved(company)
    company.run()
    company.commit({"vault/policy.yaml": POLICY.format(action="email/reply", count=5)})
    company.run()
    assert post.taken.total() == 2


def test_a_server_that_says_later_uses_up_no_cap(company, post):
    """What certainly did not leave leaves room for what does."""
    post.open()
    post.says = {"DATA": "451 later"}
    company.commit({"vault/policy.yaml": POLICY.format(action="email/reply", count=1)})
    wrote(company, 2, mailbox="plain")
    approved(company)
    company.run()
    assert not post.taken.total()
    assert len(post.asked) == 2
    post.says = {}
    company.run()
    assert post.taken.total() == 1
    company.later(DAY)
    assert post.taken.total() == 2


def test_what_waited_for_another_day_counts_for_the_day_on_which_it_leaves(company, post):
    """Or the day after a rush would know no cap."""
    post.open()
    company.commit({"vault/policy.yaml": POLICY.format(action="email/reply", count=1)})
    wrote(company, 2, mailbox="plain")
    approved(company)
    company.run()
    assert post.taken.total() == 1
    company.commit({"vault/policy.yaml": POLICY.format(action="email/reply", count=2)})
    wrote(company, 3, mailbox="plain")
    approved(company)
    company.run()
    assert post.taken.total() == 2, "the second leaves, and the third waits for tomorrow"
    company.later(DAY)
    assert post.taken.total() == 3
    wrote(company, 5, mailbox="plain")
    approved(company)
    company.run()
    assert post.taken.total() == 4, "one of today's two was the one that had waited"


# ---------------------------------------------------------------- acknowledgements


@pytest.mark.parametrize("trouble", ["gone", "cap", "refused", "denied"])
def test_an_acknowledgement_that_can_not_leave_holds_nothing_up_and_is_never_sent_late(
    company, post, trouble
):
    if trouble == "cap":
        post.open()
        company.commit({"vault/policy.yaml": POLICY.format(action="email/acknowledge", count=1)})
    if trouble == "denied":
        company.commit({"vault/policy.yaml": "deny: [email/acknowledge]\n"})
    if trouble == "refused":
        post.open()
        post.says = {"RCPT": "550 no such user"}
    wrote(company, 2)
    assert len(company.cards()) == 2
    sent = post.taken.total()
    company.later(HOUR)
    company.later(timedelta(minutes=1))
    skipped = [event for event in company.events() if isinstance(event.body, o.EffectSkipped)]
    assert len(skipped) == 2 - sent
    post.close()
    post.says = {}
    post.open()
    company.commit({"vault/policy.yaml": "deny: []\n"})
    company.later(DAY)
    assert post.taken.total() == sent
    assert all(run.waiting == "approval" for run in company.runs())


def test_an_acknowledgement_leaves_when_its_server_is_back_within_the_hour(company, post):
    wrote(company)
    assert company.runs()[0].waiting == "approval"
    post.open()
    company.later(timedelta(minutes=30))
    assert step(company, "thanks").status == "succeeded"
    assert list(post.taken.values()) == [1]


def test_after_a_hundred_forged_letters_the_honest_one_has_its_card(company, post):
    """The cap on acknowledgements is used up by strangers; here it is two."""
    post.open()
    company.commit({"vault/policy.yaml": POLICY.format(action="email/acknowledge", count=2)})
    wrote(company, 4)
    company.drop("honest", letter("Quote", "Could you send one?", sender="Ada <ada@client.example>"))
    company.run()
    run = company.runs()[-1]
    assert [shown.card.run for shown in company.cards()].count(run.id) == 1


# ---------------------------------------------------------------- the command


def test_the_command_says_what_waits_and_ends_with_4_and_with_1_once_it_failed(tmp_path, post):
    """`run` and `approve` as they are typed, on the machine's own clock."""
    made = Scenario.make(tmp_path / "company", files={"playbooks/plain.yaml": PLAIN}, bare=True)
    made.commit({"steward.yaml": (made.root / "steward.yaml").read_text() + SETTINGS.format(port=post.port)})
    made.drop("one", letter("Site", "Could you look at it?", sender="Ann <ann@example.org>"))
    env = environment(made.env)
    assert plainly(["run", "--no-wait"], cwd=made.root, env=env).code == 4
    card = json.loads(plainly(["queue", "--json"], cwd=made.root, env=env).text)["data"][0]["short"]
    said = typed(["approve", card], [("[y/N]", "y")], cwd=made.root, env=env)
    assert said.code == 4
    assert "approved" in said.text
    assert "1 waits and will be tried again by itself" in said.text
    assert "Connection refused; next try" in said.text
    asked = plainly(["run", "--no-wait", "--json"], cwd=made.root, env=env)
    assert (asked.code, '"code": "smtp-unreachable"' in asked.text) == (4, True)
    assert "waits for another try" not in plainly(["status"], cwd=made.root, env=env).text
    post.open()
    post.says = {"RCPT": "550 no such user"}
    failed = plainly(["run", "--no-wait"], cwd=made.root, env=env)
    assert failed.code == 1
    assert "steward retry" in failed.text
    queue = plainly(["queue"], cwd=made.root, env=env)
    assert (queue.code, "smtp-refused" in queue.text) == (4, True)


# ---------------------------------------------------------------- an older state


def test_letters_that_left_since_an_older_copy_are_not_sent_again_and_end_no_run(company, tmp_path, post):
    """The same letter with another date: it was done before, and the ledger says so."""
    post.open()
    state, copy = company.workspace().state.make().path, tmp_path / "copy"
    shutil.copytree(state, copy)
    wrote(company)
    assert post.taken.total() == 1
    shutil.rmtree(state)
    shutil.copytree(copy, state)
    company.later(3 * DAY)
    assert post.taken.total() == 1
    (done,) = [event.body for event in company.events() if isinstance(event.body, e.EffectSucceeded)]
    assert done.repeated
    assert company.runs()[0].waiting == "approval"
