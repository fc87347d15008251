"""Connectors that are down, busy or lie: what waits, who is called meanwhile, and how it goes on. Time is virtual."""

import itertools
import shutil
from collections import Counter
from datetime import timedelta

import pytest

from engine.app.queries import connector_status
from engine.model.events import connectors as k
from engine.model.events import events as e
from engine.model.values.timestamps import moment, stamp
from engine.testing.connector import ProviderConnector
from engine.testing.provider import Provider
from engine.testing.scenario import PROVIDER_FILE, Scenario
from tests.campaigns.invariants import judge
from tests.campaigns.standin import DIED, ending
from tests.campaigns.storming import storm
from tests.simulate.terminal import environment, plainly, typed

pytestmark = pytest.mark.slow

ONE = """\
name: {kind}
stage: approval
on: {{ manual: {{}} }}
steps:
  - id: tell
    uses: provider/{kind}
    with: {{ text: hello }}
"""
THREE = """\
name: Three
stage: approval
on: { manual: {} }
steps:
  - id: tell
    uses: provider/idempotent
    foreach: ["a", "b", "c"]
    key: ${{ item }}
    with: { text: "${{ item }}" }
"""
FIVE = THREE.replace("Three", "Five").replace("]\n", ', "d", "e"]\n    continue-on-error: true\n')
LOW, CUSTOMER, QUERYABLE, OPAQUE, QUOTED = (
    ONE.format(kind=one) for one in ("idempotent", "customer", "queryable", "opaque", "quoted")
)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A workspace in which everything is compiled already; copied for each test."""
    texts = {
        "low": LOW, "customer": CUSTOMER, "queryable": QUERYABLE, "opaque": OPAQUE, "quoted": QUOTED, "three": THREE,
        "five": FIVE,
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("scene") / "supplied"
    files = {f"playbooks/{name}.yaml": text for name, text in texts.items()}
    Scenario.make(folder, files=files, provider="127.0.0.1:1", bare=True).run()
    return folder


@pytest.fixture
def both(scene, tmp_path):
    folder = tmp_path / "supplied"
    shutil.copytree(scene, folder, symlinks=True)
    with Provider.start(folder / PROVIDER_FILE) as one:
        made = Scenario.at(folder, provider=one.address)
        yield made, one


@pytest.fixture
def company(both):
    return both[0]


@pytest.fixture
def provider(both):
    return both[1]


def bodies(company, *types):
    return [event.body for event in company.events() if isinstance(event.body, types)]


def state(company):
    return company.book().connectors["provider"]


def opened(company, provider):
    """Five calls fail, and with the fifth the breaker opens. What they were for is withdrawn, so that nothing waits."""
    provider.behave("503", times=10**6)
    company.ask("start", target="five", body={"inputs": {}}, quietly=True)
    company.ask("undo", target=company.runs("five")[-1].id, quietly=True)
    assert state(company).open
    return provider.asked()


def approved(company, *, quietly=True):
    """A run whose effect a customer would notice, and a yes to it."""
    company.ask("start", target="customer", body={"inputs": {}}, quietly=True)
    (shown,) = company.cards()
    company.ask("approve", target=shown.card.id, digest=shown.digest, quietly=quietly)


def begun(company, *names):
    """Runs that are begun, without waiting for anything."""
    for name in names:
        company.ask("start", target=name, body={"inputs": {}}, quietly=True)


def passed(company, length, *, quietly=True):
    """Time passes and what is due is taken up, without a pass: that would try at once what waits."""
    company.clock.advance(length)
    company.ask("start", target="nobody", body={"inputs": {}}, quietly=quietly)


# ---------------------------------------------------------------- the breaker


def test_five_failures_in_a_row_open_it_and_then_nobody_is_called(company, provider, monkeypatch):
    monkeypatch.delattr(ProviderConnector, "alive")
    before = opened(company, provider)
    assert before == Counter(perform=5)
    assert [body.times for body in bodies(company, k.ConnectorFailed)] == [1, 2, 3, 4, 5]
    begun(company, "low", "queryable", "quoted")
    approved(company)
    assert {run.waiting for run in company.runs() if not run.terminal} == {"breaker"}
    assert provider.asked() == before
    provider.calm()
    company.later(timedelta(hours=1))
    assert {run.status for run in company.runs() if run.playbook != "five"} == {"succeeded"}
    assert judge(company.folder).violations == ()


def test_an_answer_between_failures_counts_them_anew(company, provider):
    """A no is an answer, too."""
    for _ in range(3):
        provider.behave("503", times=4)
        company.ask("start", target="five", body={"inputs": {}}, quietly=True)
        company.ask("undo", target=company.runs("five")[-1].id, quietly=True)
    provider.behave("400", times=10)
    company.start("five")
    company.start("five")
    assert not state(company).open
    assert bodies(company, k.BreakerOpened) == []


def test_one_question_that_changes_nothing_closes_it_and_all_that_waited_leaves_once(company, provider):
    before = opened(company, provider)
    begun(company, "low", "low")
    approved(company)
    provider.calm()
    company.later(MINUTE)
    assert provider.asked() == before + Counter(alive=1, perform=3)
    assert [run.status for run in company.runs()][1:] == ["succeeded"] * 3
    assert [body.how for body in bodies(company, k.BreakerProbed)] == ["alive"]
    assert not state(company).open
    assert judge(company.folder).violations == ()


def test_each_probe_that_fails_doubles_the_pause_and_only_probes_call(company, provider):
    opened(company, provider)
    approved(company)
    for _ in range(8):
        company.clock.advance(moment(state(company).until) - company.clock.now())
        company.run()
    probes = bodies(company, k.BreakerProbed)
    assert provider.asked() == Counter(perform=5, alive=len(probes))
    events = [event for event in company.events() if isinstance(event.body, k.BreakerOpened)]
    assert len(events) == 1 + len(probes) >= 9
    for times, event in enumerate(events):
        whole = min(timedelta(seconds=30) * 2**times, timedelta(minutes=15))
        assert whole / 2 <= moment(event.body.until) - moment(event.ts) <= whole


def test_who_answers_questions_and_fails_at_work_is_called_once_a_pause(company, provider):
    """One of the steps that wait pays for each try, not all of them."""
    opened(company, provider)
    provider.calm()
    provider.behave("503", mode="idempotent", times=10**6)
    begun(company, "low", "low", "low", "low")
    passed(company, moment(state(company).until) - company.clock.now())
    passed(company, MINUTE / 60)
    passed(company, timedelta(0))
    assert state(company).open
    assert provider.asked()["perform"] == 6
    assert {run.waiting for run in company.runs("low")} <= {"breaker", "retry"}


def test_without_a_question_a_look_up_is_the_probe_and_no_effect(company, provider, monkeypatch):
    monkeypatch.delattr(ProviderConnector, "alive")
    before = opened(company, provider)
    begun(company, "queryable")
    provider.calm()
    company.later(MINUTE)
    assert [body.how for body in bodies(company, k.BreakerProbed)] == ["look-up"]
    assert provider.asked() == before + Counter(find=1, perform=1)
    assert company.runs("queryable")[0].status == "succeeded"


def test_without_both_one_read_or_one_low_effect_is(company, provider, monkeypatch):
    monkeypatch.delattr(ProviderConnector, "alive")
    before = opened(company, provider)
    approved(company)
    begun(company, "low", "low")
    passed(company, MINUTE, quietly=False)
    assert [body.how for body in bodies(company, k.BreakerProbed)] == ["effect"]
    assert provider.asked() == before + Counter(perform=1)
    begun(company, "quoted")
    provider.calm()
    company.later(2 * MINUTE)
    assert [body.how for body in bodies(company, k.BreakerProbed)] == ["effect", "read"]
    assert provider.asked() == before + Counter(perform=5, quote=1)
    assert company.runs("customer")[0].status == "succeeded"
    assert judge(company.folder).violations == ()


def test_a_customer_effect_is_never_the_probe_it_waits_for_a_person(company, provider, monkeypatch):
    """Until somebody types what `status` and `doctor` show."""
    monkeypatch.delattr(ProviderConnector, "alive")
    before = opened(company, provider)
    approved(company)
    provider.calm()
    company.later(timedelta(hours=1))
    company.later(timedelta(days=1))
    assert provider.asked() == before
    assert company.runs("customer")[0].waiting == "breaker"
    (one,) = connector_status.held_connectors(company.book(), now=stamp(company.clock.now()))
    assert (one.open, one.waiting, one.way_out) == (True, 1, "steward resume --connector provider")
    said = company.ask("resume", target="provider")
    assert (said.verdict, said.exit) == ("accepted", 0)
    assert company.runs("customer")[0].status == "succeeded"
    assert provider.asked() == before + Counter(perform=1)
    assert bodies(company, k.BreakerClosed)[0].by == "robin"
    assert company.ask("resume", target="provider").verdict == "noop"


def test_the_commands_show_it_and_what_to_type(company, provider):
    """The machine's clock is months later than the scenario's: it may be tried, and nothing waits."""
    opened(company, provider)
    env = environment(company.env)
    said = plainly(["status"], cwd=company.root, env=env)
    assert "provider did not answer (unavailable)" in said.text
    assert "steward resume --connector provider" in said.text
    assert "provider is not called before" in plainly(["log"], cwd=company.root, env=env).text
    refused = plainly(["resume", "--connector", "provider"], cwd=company.root, env=env)
    assert (refused.code, "need a terminal" in refused.text) == (5, True)
    assert (
        "provider is called again"
        in typed(["resume", "--connector", "provider"], cwd=company.root, env=env).text
    )
    assert not state(company).open


def test_what_a_person_reset_too_early_opens_at_the_first_failure(company, provider):
    opened(company, provider)
    company.ask("resume", target="provider")
    assert not state(company).open
    # Quietly: within the half-minute of a whole pass the next probe may have its turn, which opens it once more.
    begun(company, "low")
    assert state(company).open
    assert state(company).opened == 2
    assert provider.asked()["perform"] == 6


def test_a_reset_lifts_no_stop(company, provider):
    opened(company, provider)
    approved(company)
    company.ask("stop")
    company.ask("resume", target="provider")
    assert company.book().stopped
    assert provider.asked()["perform"] == 5
    assert company.runs("customer")[0].reason == "tell: denied: stop"


def test_what_waits_for_its_connector_can_be_withdrawn(company, provider):
    opened(company, provider)
    approved(company, quietly=False)
    said = company.ask("undo", target=company.runs("customer")[0].id)
    assert "withdrawn before anything was sent" in said.message
    provider.calm()
    company.later(timedelta(hours=1))
    assert company.runs("customer")[0].status == "cancelled"
    assert provider.asked()["perform"] == 5


def test_nothing_is_taken_back_through_an_open_breaker(company, provider):
    company.start("low")
    done = company.runs()[0]
    opened(company, provider)
    said = company.ask("undo", target=done.id)
    assert said.verdict == "refused"
    assert "steward resume --connector provider" in said.message
    assert provider.asked()["undo"] == 0


def test_a_person_is_asked_while_the_breaker_is_open_and_a_preview_that_asks_the_world_waits(
    company, provider
):
    before = opened(company, provider)
    begun(company, "quoted", "customer")
    assert company.runs("quoted")[0].waiting == "breaker"
    assert company.runs("customer")[0].waiting == "approval"
    assert provider.asked() == before


# ---------------------------------------------------------------- one step that fails


STUBBORN = LOW.replace("    with:", "    retry: { attempts: 12, base: 1s, max: 2s }\n    with:")


def test_one_step_that_always_fails_holds_back_no_other(company, provider):
    """However often it tries: what is wrong may be its own words."""
    company.commit({"playbooks/stubborn.yaml": STUBBORN})
    provider.behave("503", times=12)
    company.start("stubborn")
    for _ in range(12):
        company.later(timedelta(seconds=5))
    assert provider.asked()["perform"] == 13
    assert company.runs("stubborn")[0].status == "succeeded"
    company.start("low")
    assert [run.status for run in company.runs("low")] == ["succeeded"]
    assert bodies(company, k.BreakerOpened) == []


def test_a_second_step_that_fails_opens_the_breaker(company, provider):
    """Five in a row, two of them of another step: that is the connector."""
    company.commit({"playbooks/stubborn.yaml": STUBBORN})
    provider.behave("503", times=10**6)
    company.ask("start", target="stubborn", body={"inputs": {}}, quietly=True)
    for _ in range(6):
        company.later(timedelta(seconds=5))
    assert not state(company).open
    company.start("low")
    assert state(company).open


def test_a_look_up_that_fails_is_not_the_only_probe(company, provider, monkeypatch):
    monkeypatch.delattr(ProviderConnector, "alive")
    opened(company, provider)
    provider.behave("503", mode="find", times=10**6)
    begun(company, "queryable", "queryable")
    for _ in range(4):
        company.clock.advance(moment(state(company).until) - company.clock.now())
        company.run()
    asked = [event.run for event in company.events() if isinstance(event.body, k.BreakerProbed)]
    assert len(asked) == 4
    assert asked[0] == asked[2] != asked[1] == asked[3]


# ---------------------------------------------------------------- limits


def test_who_asks_to_wait_is_not_called_before_and_nothing_is_given_up(company, provider):
    """One attempt is all the playbook has: being asked to wait uses none up."""
    provider.behave("429", times=3, wait_seconds=20)
    company.start("low")
    for _ in range(3):
        company.later(MINUTE)
    assert company.runs()[0].status == "succeeded"
    found = [event for event in company.events() if isinstance(event.body, k.LimitReached)]
    assert [event.body.times for event in found] == [1, 2, 3]
    for event in found:
        assert moment(event.body.until) - moment(event.ts) >= timedelta(seconds=20)
    calls = [moment(ev.ts) for ev in company.events() if isinstance(ev.body, e.EffectIntended)]
    assert all(later - before >= timedelta(seconds=20) for before, later in itertools.pairwise(calls))
    assert provider.asked() == Counter(perform=4)


def test_a_storm_of_429_is_met_with_one_call_at_a_time(company, provider):
    """Eight were under way when the first was refused; what follows does not grow with the runs that wait (docs/reference/performance.md)."""
    found = storm(company, provider, runs=12, minutes=10)
    assert list(provider.effects().values()) == [1] * 12
    assert {run.status for run in company.runs()} == {"succeeded"}
    assert found.refused <= 8 + 16
    assert found.drained <= timedelta(minutes=7)
    assert found.peak <= 21
    assert found.early == 0
    assert found.beside == 0
    assert judge(company.folder).violations == ()


# ---------------------------------------------------------------- lies


LIES = ("200-error-before", "200-error-after", "500-before", "500-after", "drift")


@pytest.mark.parametrize("kind", ["low", "queryable"])
def test_a_lie_about_what_can_be_repeated_or_looked_up_is_seen_through(company, provider, kind):
    for how in LIES:
        provider.behave(how)
        company.start(kind)
    company.later(MINUTE)
    assert [run.status for run in company.runs()] == ["succeeded"] * len(LIES)
    assert list(provider.effects().values()) == [1] * len(LIES)
    assert judge(company.folder).violations == ()


def test_a_lie_about_anything_else_is_asked_about_and_called_neither_done_nor_not_done(company, provider):
    for how in LIES:
        provider.behave(how)
        company.start("opaque")
    assert [run.waiting for run in company.runs()] == ["unknown"] * len(LIES)
    assert provider.asked()["perform"] == len(LIES)
    assert judge(company.folder).violations == ()


def test_a_look_up_that_lies_proves_nothing(company, provider):
    provider.behave("drop-before", mode="queryable")
    provider.behave("200-error-before", mode="find", times=2)
    company.start("queryable")
    for _ in range(3):
        company.later(MINUTE)
    assert company.runs()[0].status == "succeeded"
    assert list(provider.effects().values()) == [1]


# ---------------------------------------------------------------- death


def died(company, *asked, point):
    assert ending(company, *asked, point=point) == DIED
    return Scenario.at(company.folder, provider=company.provider)


def test_a_death_around_the_opening_loses_and_doubles_nothing(company, provider):
    provider.behave("503", times=5)
    company = died(company, "start", "five", point="append:before:breaker.opened")
    company.later(5 * MINUTE)
    assert company.runs()[0].terminal
    assert judge(company.folder).violations == ()


@pytest.mark.parametrize("point", ["append:after:breaker.probed", "append:after:step.admitted"])
def test_a_death_around_a_probe_leaves_an_open_breaker_and_what_waits(company, provider, point):
    before = opened(company, provider)
    begun(company, "low", "low")
    provider.calm()
    company.clock.advance(MINUTE)
    company = died(company, "run", point=point)
    company.later(MINUTE)
    assert [run.status for run in company.runs("low")] == ["succeeded"] * 2
    assert provider.asked()["alive"] <= 2
    assert provider.asked()["perform"] == before["perform"] + 2
    assert judge(company.folder).violations == ()


def test_a_death_in_a_limit_keeps_who_waits(company, provider):
    provider.behave("429", times=2, wait_seconds=5)
    company = died(company, "start", "three", point="append:after:step.delayed")
    company.later(MINUTE)
    assert list(provider.effects().values()) == [1, 1, 1]
    assert judge(company.folder).violations == ()
