"""What should have happened and did not: recorded once, seen everywhere, over when it comes or when a person has seen it."""

from datetime import timedelta

import pytest

from engine.app.queries import descriptions
from engine.kernel.triggers.cron import MAX_MISSED
from engine.model.events.alarms import AlarmCleared, AlarmRaised, TriggerExpected
from engine.model.events.events import TriggerReceived
from engine.testing.scenario import Scenario, letter
from tests.simulate.terminal import environment, plainly, typed

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
NIGHTLY = """\
name: Nightly
stage: auto
on:
  schedule: { cron: "0 3 * * *" }
steps:
  - { id: tell, uses: notify/me, with: { text: Good night } }
"""
LISTENS = """\
name: Listens
stage: auto
on:
  email: { mailbox: leads }
steps:
  - { id: tell, uses: notify/me, with: { text: A letter } }
"""
BROKEN = "name: [broken"


@pytest.fixture
def bare(tmp_path):
    def make(**playbooks: str) -> Scenario:
        files = {f"playbooks/{name}.yaml": text for name, text in playbooks.items()}
        return Scenario.make(tmp_path / "company", files=files, bare=True)

    return make


def bodies(company, *kinds):
    return [event.body for event in company.events() if isinstance(event.body, kinds)]


def test_the_next_firing_stands_in_the_ledger_before_it_is_due(bare):
    company = bare(nightly=NIGHTLY)
    company.run()
    company.later(DAY)
    # The scenario begins on 2 March at nine in Warsaw, where it is an hour later than in UTC.
    assert [one.due[:16] for one in bodies(company, TriggerExpected)] == [
        "2026-03-03T02:00",
        "2026-03-04T02:00",
    ]
    settings = (company.root / "steward.yaml").read_text()
    company.commit({"steward.yaml": settings.replace("Europe/Warsaw", "Asia/Tokyo")})
    company.run()
    assert bodies(company, TriggerExpected)[-1].due[:16] == "2026-03-03T18:00"


def test_a_machine_that_slept_tells_of_every_firing_it_missed(bare):
    company = bare(nightly=NIGHTLY)
    company.run()
    company.later(3 * DAY)
    (alarm,) = bodies(company, AlarmRaised)
    assert (alarm.kind, alarm.playbook, alarm.due[:10], alarm.count) == ("absent", "nightly", "2026-03-03", 3)
    fired = [
        (one.due[:10], one.outcome) for one in bodies(company, TriggerReceived) if one.outcome != "armed"
    ]
    assert fired == [("2026-03-03", "ignored"), ("2026-03-04", "ignored"), ("2026-03-05", "started")]
    assert [one.because for one in bodies(company, AlarmCleared)] == ["came"]
    before = len(company.events())
    company.run()
    assert not [one for one in company.events()[before:] if one.type.startswith(("alarm", "trigger"))]


def test_a_year_of_missed_firings_is_counted_where_not_each_has_a_row(bare):
    company = bare(nightly=NIGHTLY)
    company.run()
    company.later(365 * DAY)
    (alarm,) = bodies(company, AlarmRaised)
    rows = [one for one in bodies(company, TriggerReceived) if one.reason == "missed"]
    assert (alarm.count, len(rows)) == (365, MAX_MISSED)


def test_an_alarm_stays_until_a_person_has_seen_it_and_is_raised_once(bare):
    # No commit ever compiled as a whole, so there is no last good one to fall back on.
    company = bare(nightly=NIGHTLY, other=BROKEN)
    company.run()
    company.commit({"playbooks/nightly.yaml": BROKEN})
    for _ in range(3):
        company.later(DAY)
    (alarm,) = bodies(company, AlarmRaised)
    env = environment(company.env)
    status = plainly(["status"], cwd=company.root, env=env)
    assert "nightly should have run at 2026-03-03 03:00 and did not" in status.text
    assert f"steward answer {alarm.alarm[:8]} seen" in status.text
    with company.reading() as reading:
        told = [descriptions.describe_event(event, None) for event in reading.ledger.events()]
        assert descriptions.find_alarm(reading, alarm.alarm[:8]) is not None
    assert "nightly did not run at 2026-03-03T02:00Z, when it was due" in told
    assert company.ask("answer", target=alarm.alarm).verdict == "accepted"
    assert company.ask("answer", target=alarm.alarm).verdict == "noop"
    company.later(DAY)
    assert len(bodies(company, AlarmRaised)) == 1
    assert [(one.by, one.because) for one in bodies(company, AlarmCleared)] == [("robin", "seen")]


def test_what_is_scheduled_no_more_is_expected_no_more_and_owes_nothing_when_it_returns(bare):
    company = bare(nightly=NIGHTLY, other=BROKEN)
    company.run()
    company.commit({"playbooks/nightly.yaml": BROKEN})
    company.later(DAY)
    company.commit(
        {"playbooks/nightly.yaml": NIGHTLY.replace("0 3 * * *", "0 4 * * *"), "playbooks/other.yaml": LISTENS}
    )
    company.run()
    assert [one.because for one in bodies(company, AlarmCleared)] == ["gone"]
    company.later(5 * DAY)
    company.commit({"playbooks/nightly.yaml": NIGHTLY})
    company.run()
    assert bodies(company, TriggerReceived)[-1].outcome == "armed"
    assert list(company.book().expected) == [("nightly", "0 3 * * *")]


def test_a_trigger_that_used_to_come_and_is_silent_raises_an_alarm_until_it_comes_again(bare):
    company = bare(listens=LISTENS)

    def arrives(n):
        company.drop(f"letter-{n}", letter(f"Hello {n}", "Hi", id=f"{n}@example.org"))
        company.later(timedelta(hours=2))

    for n in range(7):
        arrives(n)
    company.later(timedelta(hours=20))
    assert not bodies(company, AlarmRaised)
    company.later(DAY)
    company.later(DAY)
    (alarm,) = bodies(company, AlarmRaised)
    assert (alarm.kind, alarm.trigger, alarm.playbook, alarm.usual) == ("silent", "email", "listens", 7200)
    arrives(7)
    assert [one.because for one in bodies(company, AlarmCleared)] == ["came"]
    company.later(3 * DAY)
    (_, again) = bodies(company, AlarmRaised)
    said = typed(["answer", again.alarm[:8], "seen"], cwd=company.root, env=environment(company.env))
    assert (said.code, "noted as seen" in said.text) == (0, True)
    assert bodies(company, AlarmCleared)[-1].because == "seen"


def test_a_full_mailbox_read_at_once_is_no_busy_one(bare):
    company = bare(listens=LISTENS)
    for n in range(8):
        company.drop(f"letter-{n}", letter(f"Hello {n}", "Hi", id=f"{n}@example.org"))
    company.run()
    company.later(2 * DAY)
    assert not bodies(company, AlarmRaised)


def test_what_nobody_expects_by_itself_is_never_silent(bare):
    company = bare(by_hand=NIGHTLY.replace('schedule: { cron: "0 3 * * *" }', "manual: {}"))
    for _ in range(7):
        company.start("by_hand")
    company.later(30 * DAY)
    assert not bodies(company, AlarmRaised)


@pytest.mark.parametrize("ahead", [timedelta(days=9), timedelta(days=400)])
def test_a_clock_that_was_ahead_once_silences_no_schedule(bare, ahead):
    company = bare(nightly=NIGHTLY)
    company.run()
    company.clock.advance(ahead)
    company.run()
    company.run()
    # What was due under the wrong clock has run, once.
    assert len(company.runs()) == 1
    company.clock.advance(-ahead)
    company.run()
    for night in range(1, 4):
        company.later(DAY)
        assert len(company.runs()) == 1 + night
        assert len({run.id for run in company.runs()}) == 1 + night


def test_a_schedule_armed_by_a_clock_that_was_ahead_fires_when_it_is_due(bare):
    company = bare(nightly=NIGHTLY)
    company.clock.advance(timedelta(days=30))
    company.run()
    company.clock.advance(-timedelta(days=30))
    company.run()
    assert [len(company.later(DAY) and company.runs()) for _ in range(3)] == [1, 2, 3]


def test_a_firing_that_came_before_its_time_does_not_come_again(bare):
    company = bare(nightly=NIGHTLY)
    company.run()
    company.clock.advance(3 * DAY)
    company.run()
    company.clock.advance(-3 * DAY)
    company.run()
    # The third night's run came on the first day; the others were only missed under the wrong clock.
    assert [len(company.later(DAY) and company.runs()) for _ in range(4)] == [2, 3, 3, 4]


def test_a_clock_that_steps_back_by_a_second_after_a_firing_repeats_nothing(bare):
    company = bare(nightly=NIGHTLY)
    company.run()
    company.clock.advance(timedelta(hours=17))
    company.run()
    assert len(company.runs()) == 1
    company.clock.advance(-timedelta(seconds=1))
    company.run()
    company.clock.advance(timedelta(seconds=2))
    company.run()
    assert len(company.runs()) == 1
    company.later(DAY)
    assert len(company.runs()) == 2
