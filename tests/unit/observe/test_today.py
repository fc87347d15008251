"""The day on one page, as rows: what waits, ran, failed, is absent and was spent; each as the ledger has it."""

import re
import tempfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.ledger import Keys, Ledger, Owner, StateDir
from engine.model.defaults import ABSENT_AFTER
from engine.model.errors import UsageError
from engine.model.events import events as e
from engine.model.events.alarms import AlarmCleared, AlarmRaised
from engine.model.events.readers import ModelAnswered
from engine.model.values.timestamps import stamp
from engine.observe import html as pages
from engine.observe import today_page

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ASK: dict[str, Any] = {"zone": "Europe/Berlin", "living": {"lead-capture", "weekly"}}
CONTENT = {
    "title": "Off\u202eer", "digest": "d" * 64, "letter": {"subject": "see http://evil.example", "from": "a@example.com", "text": "hi"},
    "members": [{"step": "reply", "name": "reply", "action": "email/reply", "reach": "customer", "facts": [["To", "<b>x</b>"]],
                 "text": "<script>alert(1)</script>", "warnings": [], "because": "gate", "undo": "", "cite": "", "digest": "m"}],
    "findings": [{"step": "draft", "uses": "agent/draft", "outputs": {"doubts": ["a price of its own"]}}],
}  # fmt: skip


class Told:
    """A ledger that is told stories."""

    def __init__(self, ledger):
        self.ledger = ledger

    def at(self, when, *bodies, run="r1", step=""):
        drafts = [e.Draft(body=body, run=run, step=step, subject="s1") for body in bodies]
        self.ledger.append(drafts, at=when, durable=True)

    def begun(self, run, when, playbook="lead-capture"):
        self.at(when, e.RunCreated(playbook=playbook, plan="p", commit="c", stage="approval", trigger="email", source="m"), run=run)  # fmt: skip

    def card(self, id, when, *, strength=1, content=None, expires=NOW + timedelta(days=1), run="r1"):
        sealed = self.ledger.seal(CONTENT if content is None else content)
        self.at(
            when,
            e.CardOpened(card=id, gate="offer", steps=("reply",), revisions=(1,), expires=stamp(expires), strength=strength,
                         digest="hmac", content=sealed),
            run=run,
        )  # fmt: skip


@pytest.fixture
def state():
    with tempfile.TemporaryDirectory(prefix="s") as folder:
        yield StateDir.of("workspace", env={"XDG_STATE_HOME": folder})


@pytest.fixture
def told(state):
    owner, keys = Owner.take(state), Keys.open(state)
    assert owner is not None
    ledger = Ledger.open(state, keys=keys, owner=owner)
    yield Told(ledger)
    ledger.close()
    keys.close()
    owner.release()


def rows(state, now=NOW, **more):
    return list(today_page.page(state, now=now, **(ASK | more)).rows)


def test_an_empty_workspace_is_an_empty_page(state, told):
    page = today_page.page(state, now=NOW, **ASK)
    assert (page.rows, page.spent) == ((), ())


def test_cards_wait_until_they_are_decided_expire_or_are_put_off(state, told):
    told.begun("r1", NOW - timedelta(days=3))
    for name in ("open", "approved", "rejected", "snoozed"):
        told.card(name, NOW - timedelta(days=2))
    told.card("expired", NOW - timedelta(days=2), expires=NOW - timedelta(hours=1))
    told.card("money", NOW - timedelta(days=1), strength=2)
    told.at(NOW, e.CardApproved(card="approved", by="robin", channel="terminal", strength=1, digest="h"))
    told.at(NOW, e.CardRejected(card="rejected", by="robin", channel="terminal"))
    told.at(NOW, e.CardSnoozed(card="snoozed", until=stamp(NOW + timedelta(hours=2))))
    found = rows(state)
    assert [(row.id, row.state, row.playbook, row.card, row.strength) for row in found] == [
        ("open", "waits", "lead-capture", True, 1),
        ("money", "waits", "lead-capture", True, 2),
    ]
    assert found[0].about == "see http://evil.example · a@example.com"
    assert "terminal" in found[1].needs
    assert [row.id for row in rows(state, NOW + timedelta(hours=3))] == ["open", "snoozed", "money"]


def test_questions_and_lost_outcomes_wait_until_somebody_knows(state, told):
    told.begun("r1", NOW)
    for step in ("check", "known"):
        asked = e.HumanAsked(
            ask=f"ASK{step}", who="robin", question=told.ledger.seal({"title": "Is it so?"}), until=""
        )
        told.at(NOW, asked, step=step)
    told.at(NOW, e.HumanAnswered(ask="ASKknown", by="robin", channel="terminal", outputs="v"), step="known")
    told.at(NOW, e.EffectUnknown(key="k1", code="timeout"), step="pay")
    told.at(NOW, e.EffectUnknown(key="k2", code="timeout"), step="sent")
    told.at(NOW, e.EffectResolved(key="k2", happened=True, by="robin"), step="sent")
    assert [(row.id, row.what) for row in rows(state)] == [
        ("ASKcheck", "Is it so?"),
        ("k1", "did `pay` happen?"),
    ]
    told.at(NOW, e.RunEnded(status="cancelled"))
    assert "ASKcheck" not in [row.id for row in rows(state)]


def test_what_ran_and_failed_counts_from_midnight_where_the_operator_lives(state, told):
    for run, when, status in (
        ("late", datetime(2026, 3, 1, 22, 59, tzinfo=UTC), "succeeded"),
        ("early", datetime(2026, 3, 1, 23, 1, tzinfo=UTC), "succeeded"),
        ("bad", NOW, "failed"),
    ):
        told.begun(run, when)
        if status == "failed":
            told.at(when, e.StepFailed(attempt=1, code="no-such-file"), run=run, step="read")
        told.at(when, e.RunEnded(status=status, reason="because"), run=run)
    found = rows(state)
    assert [(row.state, row.run) for row in found] == [("failed", "bad"), ("ran", "early")]
    assert found[0].about == "because · read: no-such-file"


def test_a_firing_that_is_due_and_did_not_come_is_absent(state, told):
    def fired(playbook, due, outcome="started", reason=""):
        told.at(due, e.TriggerReceived(kind="schedule", source=f"{playbook}{due}", playbook=playbook, outcome=outcome, reason=reason,
                                       schedule="0 9 * * *", due=stamp(due)), run="")  # fmt: skip

    fired("weekly", datetime(2026, 3, 1, 8, tzinfo=UTC))
    fired("gone", datetime(2026, 3, 1, 8, tzinfo=UTC))
    fired("lead-capture", datetime(2026, 3, 2, 7, tzinfo=UTC), "ignored", "missed")
    fired("lead-capture", datetime(2026, 3, 2, 8, tzinfo=UTC))
    assert [(row.playbook, row.about) for row in rows(state) if row.state == "absent"] == [
        ("weekly", "due and not fired: steward up"),
        ("lead-capture", "missed: nobody was up"),
    ]
    # The same minute as for alarms and `doctor`.
    due = datetime(2026, 3, 2, 8, tzinfo=UTC)
    for late, absent in ((ABSENT_AFTER - timedelta(seconds=1), False), (ABSENT_AFTER, True)):
        shown = [row.playbook for row in rows(state, due + late) if row.state == "absent"]
        assert ("weekly" in shown) == absent


def test_an_alarm_is_absent_while_it_is_open_and_on_its_own_day(state, told):
    def raised(name, when, **more):
        told.at(when, AlarmRaised(alarm=name * 64, playbook="weekly", due=stamp(when), **more), run="")

    yesterday = NOW - timedelta(days=1)
    raised("a", NOW, kind="absent", schedule="0 9 * * *")
    raised("b", yesterday, kind="silent", trigger="email", last=stamp(yesterday))
    raised("c", yesterday, kind="untold", code="unreachable")
    for name, because in (("a", "came"), ("c", "seen")):
        told.at(NOW, AlarmCleared(alarm=name * 64, by="engine", because=because), run="")
    assert [(row.what[:12], row.about, row.needs) for row in rows(state) if row.state == "absent"] == [
        ("should have ", "came late", ""),
        ("email: nothi", "and nothing since", "steward answer bbbbbbbb seen"),
    ]


def test_money_spent_today_is_added_up_by_playbook(state, told):
    told.begun("r1", NOW)
    for call, when, usd in (("a", NOW, "0.25"), ("b", NOW, "0.50"), ("c", NOW - timedelta(days=2), "9")):
        told.at(when, ModelAnswered(call=call, model="m", served="m", tokens_in=3, tokens_out=1, usd=usd))
    (spent,) = today_page.page(state, now=NOW, **ASK).spent
    assert (spent.playbook, spent.calls, spent.tokens, spent.usd) == ("lead-capture", 2, 8, 0.75)


def test_rows_are_filtered_by_playbook_and_state():
    made = [
        today_page.DayRow(state=state, at="", playbook=book, what="")
        for state in today_page.STATES
        for book in ("a", "b")
    ]
    assert len(today_page.filtered(made)) == 8
    assert {row.playbook for row in today_page.filtered(made, playbook="a")} == {"a"}
    assert [row.playbook for row in today_page.filtered(made, playbook="b", state="failed")] == ["b"]


def test_a_card_is_shown_whole_and_nothing_in_it_becomes_markup_or_a_link(state, told):
    told.begun("r1", NOW)
    told.card("one", NOW)
    (row,) = rows(state)
    card, why = today_page.card(state, "one")
    assert card is not None
    assert why is None
    html = pages.card(card, "Europe/Warsaw")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert "Off\\u{202e}er" in html
    assert "a price of its own" in html
    assert "href" not in html
    (cell,) = pages.cells([row], "Europe/Warsaw")
    assert "http://" not in cell["about"]
    assert cell["what"] == "Off\\u{202e}er"
    assert today_page.card(state, "none") == (None, "no open card none. Nothing happened. steward queue")


@pytest.mark.parametrize("odd", ["<img src=x>", "{0.__class__}", "%s", "a\u202eb", "&lt;", "' onload='x"])
def test_what_is_put_into_markup_is_a_value_and_nothing_else(odd):
    cost = today_page.ModelSpending(playbook=odd, calls=1, tokens=2, usd=1.5)
    row = today_page.DayRow(state="waits", at="2026-03-02T12:00:00Z", playbook=odd, what=odd, about=odd)
    (cell,) = pages.cells([row], "Europe/Warsaw")
    shown = [
        pages.heading(odd),
        pages.headline([row], [cost]),
        pages.first([row], [cost], NOW, "Europe/Warsaw"),
    ]
    shown += [
        pages.Html("<p>{}</p>").format(odd),
        pages.Html("<br/>").join([odd, odd]),
        pages.Html("<p>") + odd,
    ]
    as_text = pages.text(odd)
    assert all(as_text in html for html in shown)
    assert not any(mark in as_text for mark in ("<", "\u202e", "'"))
    assert pages.text(cell["what"]) == as_text


def test_what_cannot_be_opened_says_so_and_cannot_be_decided(state, told):
    told.begun("r1", NOW)
    subject = Keys.open(state).subject("a@example.com")
    sealed = told.ledger.seal(CONTENT, subject)
    opened = e.CardOpened(card="one", gate="offer", steps=("reply",), revisions=(1,), expires=stamp(NOW + timedelta(days=1)),
                          strength=1, digest="h", content=sealed)  # fmt: skip
    told.at(NOW, opened)
    told.ledger.erase(subject)
    (row,) = rows(state)
    assert (row.what, row.card) == ("offer", False)
    assert "erased" in row.about


def test_a_subject_has_a_timeline(state, told):
    told.begun("r1", NOW)
    told.at(NOW, e.RunStarted(), e.RunEnded(status="succeeded"))
    with today_page.look(state) as seen:
        assert [row["type"] for row in seen.timeline("s1", 2)] == ["run.started", "run.ended"]
        with pytest.raises(UsageError):
            seen.card("none")


def test_every_moment_of_the_pages_is_by_the_operators_clock(state, told):
    told.begun("r1", NOW)
    told.card("one", NOW)
    told.at(NOW, AlarmRaised(alarm="a" * 64, playbook="weekly", due=stamp(NOW), kind="absent"), run="")
    page = today_page.page(state, now=NOW, **ASK)
    card, _ = today_page.card(state, "one")
    assert card is not None
    shown = [
        pages.day(NOW, "Asia/Kathmandu"),
        pages.card(card, "Asia/Kathmandu"),
        pages.first(page.rows, page.spent, NOW, "Asia/Kathmandu"),
        *(value for cell in pages.cells(page.rows, "Asia/Kathmandu") for value in cell.values()),
    ]
    assert pages.day(NOW, "Asia/Kathmandu") == "Today, 2026-03-02 17:45"
    assert "expires 2026-03-03 17:45; silence means no" in shown[1]
    assert "should have run at 2026-03-02 17:45" in shown
    assert not [text for text in shown if "UTC" in text or re.search(r"\d:\d\dZ", text)]
