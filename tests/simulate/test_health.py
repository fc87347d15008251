"""No effect leaves a state that can't be trusted, or under a clock that leapt: what is due waits visibly, and goes on when that is over."""

import os
import shutil
import sqlite3
from datetime import timedelta

import pytest

from engine.app.commands import history, notebook_decisions
from engine.app.workspace import state_check
from engine.app.workspace.state_check import Verdicts
from engine.cli.main import main
from engine.ledger import Keys, Ledger, quick_check
from engine.model import health as h
from engine.model.events.events import CardExpired, EffectIntended
from engine.model.health import Check, ClockDoubted, ClockTrusted
from engine.testing.scenario import PASSPHRASE, Scenario, letter

ACTS = """\
name: Acts
stage: approval
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
steps:
  - { id: thanks, uses: email/acknowledge, with: { template: got-it } }
  - { id: answer, uses: email/reply, with: { body: "We will look at it on Monday." } }
"""
NIGHTLY = """\
name: Nightly
stage: auto
on: { schedule: { cron: "0 3 * * *" } }
steps:
  - { id: tell, uses: notify/me, with: { text: Good night } }
"""
PAGE = 4096


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A workspace in which one letter was acknowledged, and its answer waits at a card."""
    folder = tmp_path_factory.mktemp("health") / "desk"
    made = Scenario.make(folder, files={"playbooks/acts.yaml": ACTS}, bare=True)
    made.clock.machine = "desk"
    made.enrol()
    made.drop("one", letter("A site", "Could you look at it?", sender="Ann <ann@example.org>"))
    made.run()
    assert len(made.outbox()) == 1
    return folder


@pytest.fixture
def desk(template, tmp_path):
    """A copy of the template."""
    shutil.copytree(template, tmp_path / "desk", symlinks=True)
    made = Scenario.at(tmp_path / "desk")
    made.clock.machine = "desk"
    return made


def drop(company, name):
    company.drop(
        name,
        letter(f"About {name}", "Please.", sender=f"{name} <{name}@example.org>", id=f"{name}@example.org"),
    )


def looked(company):
    """What `verify` finds, written down as it does."""
    workspace = company.workspace()
    keys = Keys.open(workspace.state)
    ledger = Ledger.open(workspace.state, keys=keys, owner=None)
    try:
        return state_check.verified(workspace, ledger)[1]
    finally:
        ledger.close()
        keys.close()


def settle(company):
    """Move everything from the log into the file, as a clean end of the last process does."""
    db = sqlite3.connect(company.workspace().state.ledger)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def zero(company, table):
    """Zero the pages of one table's, or index's, tree but its first: what reads nothing of it notices nothing."""
    settle(company)
    path = company.workspace().state.ledger
    db = sqlite3.connect(path)
    root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    db.close()
    with open(path, "r+b") as file:
        file.seek((root - 1) * PAGE)
        file.write(bytes(PAGE))


def alter(company):
    """Overwrite a part of the oldest sealed value, which nothing reads any more."""
    settle(company)
    path = company.workspace().state.ledger
    db = sqlite3.connect(path)
    sealed = db.execute("SELECT sealed FROM sealed_values ORDER BY rowid LIMIT 1").fetchone()[0]
    db.close()
    data = path.read_bytes()
    assert data.count(sealed[-32:]) == 1
    path.write_bytes(data.replace(sealed[-32:], bytes(32)))


def at(monkeypatch, company):
    """Type what follows in the workspace."""
    monkeypatch.chdir(company.root)
    monkeypatch.setenv("NO_COLOR", "1")
    for name, value in company.env.items():
        monkeypatch.setenv(name, value)


# ---------------------------------------------------------------- what is stored


def test_a_failed_verify_holds_effects_until_the_state_is_mended(desk, tmp_path):
    """Bytes that no command needs are overwritten; the letter that comes then is read, and nothing leaves until the backup is back."""
    settle(desk)
    state = desk.workspace().state.path
    shutil.copytree(state, tmp_path / "backup")
    alter(desk)
    assert looked(desk)
    drop(desk, "bob")

    desk.run()

    assert len(desk.outbox()) == 1
    waits = [step for run in desk.runs() for step in run.steps.values() if step.wait == h.UNWELL]
    assert len(waits) == 1
    rows = [row for row in desk.queue() if row.kind == "health"]
    assert len(rows) == 1
    assert "steward verify" in rows[0].needs
    assert not any(run.status == "failed" for run in desk.runs())

    shutil.rmtree(state)
    shutil.copytree(tmp_path / "backup", state)
    assert looked(desk) == ""
    desk.run()

    assert len(desk.outbox()) == 2
    assert not [row for row in desk.queue() if row.kind == "health"]


def test_what_waited_goes_on_when_the_verdict_is_good_again(desk):
    """The run that met the bad verdict is the one that goes on: nothing is begun a second time."""
    Verdicts(desk.workspace().state).put(
        Check(name="verify", at="2026-03-02T09:00:00.000000Z", problem="a page")
    )
    drop(desk, "bob")
    desk.run()
    before = [run.id for run in desk.runs()]
    assert len(desk.outbox()) == 1

    assert looked(desk) == ""
    desk.run()

    assert [run.id for run in desk.runs()] == before
    assert len(desk.outbox()) == 2


@pytest.mark.parametrize(
    "table",
    [
        "answers",
        "requests",
        "epochs",
        "keyring",
        "contents",
        "sealed_values",
        "sqlite_autoindex_sealed_values_1",
    ],
)
def test_a_zeroed_page_of_any_table_is_found_by_the_quick_check(desk, table):
    state = desk.workspace().state
    assert quick_check(state) == ""
    zero(desk, table)
    assert "ledger.db" in quick_check(state)


def test_a_zeroed_page_of_the_key_store_is_found(desk):
    state = desk.workspace().state
    data = bytearray(state.keys.read_bytes())
    data[PAGE * 2 : PAGE * 3] = bytes(PAGE)
    state.keys.write_bytes(data)
    assert "keys.db" in quick_check(state)


def test_a_lost_blob_is_found_by_the_sample_and_nothing_leaves(desk):
    """The letter's bytes are too large for the database; their file goes, and the next letter waits."""
    desk.drop("big", letter("Big", "x" * 200_000, sender="Bea <bea@example.org>"))
    desk.run()
    left = len(desk.outbox())
    files = [one for one in desk.workspace().state.blobs.rglob("*") if one.is_file()]
    assert files
    for one in files:
        one.unlink()
    drop(desk, "bob")

    desk.run()

    assert len(desk.outbox()) == left
    assert any("missing" in row.about for row in desk.queue() if row.kind == "health")


def test_an_older_key_store_is_found_by_the_sample(desk):
    """keys.db of yesterday opens the workspace's own values and not those of who wrote since."""
    state = desk.workspace().state
    before = state.keys.read_bytes()
    drop(desk, "bob")
    desk.run()
    left = len(desk.outbox())
    state.keys.write_bytes(before)
    drop(desk, "cid")

    desk.run()

    assert len(desk.outbox()) == left
    assert any("keys.db" in row.about for row in desk.queue() if row.kind == "health")
    assert "keys.db" in looked(desk)


def test_a_key_store_of_another_workspace_writes_nothing(desk, tmp_path):
    other = Scenario.make(tmp_path / "other")
    other.enrol()
    state = desk.workspace().state
    shutil.copy(other.workspace().state.keys, state.keys)
    drop(desk, "bob")

    with pytest.raises(Exception, match=r"keys\.db is not the key store"):
        desk.run()

    assert len(desk.outbox()) == 1


def test_a_ledger_that_lost_its_end_lets_nothing_leave(desk):
    settle(desk)
    state = desk.workspace().state
    db = sqlite3.connect(state.ledger)
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {name}")
    db.execute("DELETE FROM events WHERE seq > (SELECT max(seq) - 2 FROM events)")
    db.commit()
    db.close()
    drop(desk, "bob")

    with pytest.raises(Exception, match="cut off"):
        desk.run()

    assert len(desk.outbox()) == 1


def test_approving_is_refused_while_effects_are_held_and_the_card_stays(desk):
    Verdicts(desk.workspace().state).put(
        Check(name="quick-check", at="2026-03-02T09:00:00.000000Z", problem="a page")
    )
    (card,) = desk.cards()

    decided = desk.approve(card)

    assert decided.verdict == "refused"
    assert "a page" in decided.message
    assert [one.card.id for one in desk.cards()] == [card.card.id]

    Verdicts(desk.workspace().state).put(Check(name="quick-check", at="2026-03-02T10:00:00.000000Z"))
    assert desk.approve(card).verdict == "accepted"
    assert len(desk.outbox()) == 2


def test_only_a_proof_of_strength_two_lets_effects_leave_as_it_is(desk):
    """And only in spite of the problem that was shown: another one holds them again."""
    verdicts = Verdicts(desk.workspace().state)
    verdicts.put(Check(name="verify", at="2026-03-02T09:00:00.000000Z", problem="a page"))
    drop(desk, "bob")
    desk.run()
    with desk.reading() as reading:
        name = reading.ill.name

    assert desk.ask("waive", digest=name).verdict == "refused"
    assert desk.ask("waive", digest="another", passphrase=PASSPHRASE).verdict == "refused"
    assert len(desk.outbox()) == 1
    assert desk.ask("waive", digest=name, passphrase=PASSPHRASE).verdict == "accepted"
    assert len(desk.outbox()) == 2

    verdicts.put(Check(name="verify", at="2026-03-02T11:00:00.000000Z", problem="another page"))
    drop(desk, "cid")
    desk.run()
    assert len(desk.outbox()) == 2


def test_without_a_passphrase_the_waiver_names_how_to_get_one(tmp_path, capsys, monkeypatch):
    company = Scenario.make(tmp_path / "new", files={"playbooks/acts.yaml": ACTS}, bare=True)
    company.run()
    Verdicts(company.workspace().state).put(
        Check(name="verify", at="2026-03-02T09:00:00.000000Z", problem="a page")
    )
    at(monkeypatch, company)
    monkeypatch.setattr("engine.cli.context.need_person", lambda _verb: None)

    assert main(["resume", "--damaged"]) == 5
    assert "steward secrets enrol passphrase" in capsys.readouterr().err


def test_a_bad_verdict_is_written_on_a_full_disk(desk, monkeypatch):
    """The file has its size from the first start: nothing has to be found room for."""
    state = desk.workspace().state
    size, blocks = state.health.stat().st_size, state.health.stat().st_blocks
    assert size == state_check.SIZE

    looks = Verdicts(state)
    looks.put(Check(name="verify", at="2026-03-02T09:00:00.000000Z", problem="p" * 2000))

    assert (state.health.stat().st_size, state.health.stat().st_blocks) == (size, blocks)
    assert [one.problem[:3] for one in looks.all() if one.name == "verify"] == ["ppp"]


@pytest.mark.parametrize(
    "damage", [b"\xff" * 100, b"0" * 16 + b" []", b'deadbeefdeadbeef [["verify","","" ]]']
)
def test_a_verdict_that_cannot_be_read_is_no_good_verdict(desk, damage):
    state = desk.workspace().state
    state.health.write_bytes(damage)
    with desk.reading() as reading:
        assert reading.ill is not None
    assert looked(desk) == ""
    with desk.reading() as reading:
        assert reading.ill is None


def test_every_verb_that_speaks_of_effects_says_that_they_are_held_and_how_to_go_on(
    desk, capsys, monkeypatch
):
    Verdicts(desk.workspace().state).put(
        Check(name="verify", at="2026-03-02T09:00:00.000000Z", problem="a page")
    )
    at(monkeypatch, desk)

    for verb in ("status", "doctor", "queue", "run"):
        main([verb])
        told = capsys.readouterr()
        assert "a page" in told.out + told.err, verb
        assert "may leave" not in told.out.replace("let effects leave", ""), verb
        assert "steward verify" in told.out + told.err, verb


# ---------------------------------------------------------------- the clock


@pytest.mark.parametrize("days", [1, 40, 4000])
def test_a_clock_that_leaps_ahead_expires_no_card_and_fires_no_schedule(desk, days):
    desk.commit({"playbooks/nightly.yaml": NIGHTLY})
    desk.run()
    desk.clock.leap(timedelta(days=days))

    desk.run()

    assert [type(event.body) for event in desk.events()].count(ClockDoubted) == 1
    assert {one.card.status for one in desk.cards()} == {"open"}
    assert not desk.runs("nightly")
    rows = [row for row in desk.queue() if row.kind == "health"]
    assert "steward answer clock right" in rows[0].needs
    assert [row.kind for row in desk.queue()].count("card") == 1

    desk.clock.leap(-timedelta(days=days))
    desk.run()

    assert not [row for row in desk.queue() if row.kind == "health"]
    (card,) = desk.cards()
    assert desk.approve(card).verdict == "accepted"


@pytest.mark.parametrize("days", [-1, 40])
def test_a_clock_that_is_wrong_after_a_restart_is_asked_about_until_it_is_right(desk, days):
    """Not once, and then taken for granted: also the second and the third command hold everything."""
    desk.clock.reboot()
    desk.clock.leap(timedelta(days=days))
    for name in ("bob", "cid", "dee"):
        drop(desk, name)
        desk.run()
    assert len(desk.outbox()) == 1
    assert {one.card.status for one in desk.cards()} == {"open"}

    desk.clock.leap(-timedelta(days=days))
    desk.run()

    # What is a day late by then is skipped, and says so; nothing is held any more.
    assert len(desk.outbox()) == (4 if days > 0 else 1)
    assert not [row for row in desk.queue() if row.kind == "health"]
    assert not [run for run in desk.runs() if run.waiting == h.UNWELL]


def test_twenty_days_switched_off_are_no_leap(desk):
    desk.clock.reboot()
    desk.later(timedelta(days=20))
    assert not [one for one in desk.events() if isinstance(one.body, ClockDoubted)]


def test_time_that_passes_is_no_leap(desk):
    """Asleep for two months, by both clocks: the card expires, as it says."""
    desk.later(timedelta(days=60))
    assert not [one for one in desk.events() if isinstance(one.body, ClockDoubted)]
    assert [one for one in desk.events() if isinstance(one.body, CardExpired)]


def test_a_clock_set_back_is_asked_about_and_lets_nothing_leave(desk):
    desk.clock.leap(-timedelta(hours=3))
    drop(desk, "bob")
    desk.run()
    assert len(desk.outbox()) == 1

    assert desk.ask("answer", target="clock").verdict == "accepted"

    assert len(desk.outbox()) == 2
    assert [type(event.body) for event in desk.events()].count(ClockTrusted) == 1
    assert desk.ask("answer", target="clock").verdict == "noop"


def test_what_a_person_calls_right_is_right(desk):
    desk.clock.leap(timedelta(days=40))
    desk.run()
    assert desk.ask("answer", target="clock").verdict == "accepted"
    assert not desk.cards()


def test_what_a_leap_expired_is_asked_again_when_the_clock_is_back(desk):
    """A person called the wrong clock right; the card that expired by it is open again under an id of its own, and leaves as ever."""
    (before,) = desk.cards()
    desk.clock.leap(timedelta(days=40))
    desk.run()
    desk.ask("answer", target="clock")
    assert not desk.cards()
    assert desk.runs()[0].status == "cancelled"

    desk.clock.leap(-timedelta(days=40))
    desk.run()
    desk.ask("answer", target="clock")

    (after,) = desk.cards()
    assert after.card.id != before.card.id
    assert (after.digest, after.card.expires) == (before.digest, before.card.expires)
    page = notebook_decisions.day(desk.workspace(), desk.clock.now())
    assert [(row.id, row.card) for row in page.rows if row.state == "waits"] == [(after.card.id, True)]
    assert desk.ask("approve", target=before.card.id, digest=before.digest).verdict == "refused"
    assert desk.approve(after).verdict == "accepted"
    assert len(desk.outbox()) == 2
    assert desk.runs()[0].status == "succeeded"
    desk.run()
    assert not desk.cards()
    with history.open_past(desk.workspace()) as found:
        assert [chain.holes for chain in found.chains(after.card.id[:8])] == [()]


def test_what_expired_in_its_time_stays_expired(desk):
    desk.later(timedelta(days=8))
    desk.clock.leap(timedelta(days=2))
    desk.run()
    desk.clock.leap(-timedelta(days=2))
    desk.run()
    assert not desk.cards()


def test_no_effect_is_intended_while_the_clock_is_doubted(desk):
    before = sum(isinstance(one.body, EffectIntended) for one in desk.events())
    desk.clock.leap(timedelta(days=2))
    for name in ("bob", "cid", "dee"):
        drop(desk, name)
        desk.run()
    assert sum(isinstance(one.body, EffectIntended) for one in desk.events()) == before
    assert os.path.exists(desk.workspace().state.health)
