"""What the next process makes of an intent without an outcome, by the class of the action and by what the provider says then."""

from datetime import timedelta

import pytest

from engine.model.events import events as e
from engine.testing.scenario import Counting, Scenario
from tests.campaigns.invariants import judge
from tests.campaigns.standin import DIED, ending

pytestmark = pytest.mark.slow

ONE = """\
name: One
stage: approval
on: {{ manual: {{}} }}
steps:
  - id: tell
    uses: provider/{kind}
    with: {{ text: once }}
"""


def dead(supplied, kind, point):
    company = supplied(one=ONE.format(kind=kind))
    assert ending(company, "start", "one", point=point) == DIED
    return Scenario.at(company.folder, provider=company.provider)


def step(company):
    return company.runs()[0].step("tell")


@pytest.mark.parametrize("kind", ["idempotent", "queryable"])
@pytest.mark.parametrize(
    "point", ["append:after:effect.intended", "call:before", "call:after", "append:before:effect.succeeded"]
)
def test_what_can_be_repeated_or_looked_up_converges(supplied, provider, kind, point):
    company = dead(supplied, kind, point)
    company.run()
    assert step(company).status == "succeeded"
    assert list(provider.effects().values()) == [1]
    assert judge(company.folder).violations == ()


@pytest.mark.parametrize(("point", "happened"), [("call:before", False), ("call:after", True)])
def test_what_cannot_be_known_is_asked_and_never_repeated(supplied, provider, point, happened):
    company = dead(supplied, "opaque", point)
    company.run()
    company.later(timedelta(days=1))
    assert step(company).status == "unknown"
    assert sum(provider.calls().values()) == happened
    (waiting,) = company.queue()
    assert waiting.kind == "unknown"
    company.ask("answer", target=waiting.id, body={"happened": happened})
    assert step(company).status == ("succeeded" if happened else "failed")
    assert sum(provider.calls().values()) == happened


@pytest.mark.parametrize("how", ["kill-before", "kill-after"])
@pytest.mark.parametrize("kind", ["idempotent", "queryable", "opaque"])
def test_death_by_the_provider_s_own_hand(supplied, provider, kind, how):
    company = supplied(one=ONE.format(kind=kind))
    provider.behave(how)
    assert ending(company, "start", "one") == DIED
    company = Scenario.at(company.folder, provider=company.provider)
    company.run()
    assert step(company).status == ("unknown" if kind == "opaque" else "succeeded")
    assert judge(company.folder).violations == ()


@pytest.mark.parametrize("how", ["429", "400", "500-before", "drop-before"])
@pytest.mark.parametrize("kind", ["idempotent", "queryable"])
def test_a_refused_repetition_is_no_proof_that_nothing_happened(supplied, provider, kind, how):
    """The call before the death went through. Whatever becomes of the second one, the first is not called undone."""
    company = dead(supplied, kind, "call:after")
    provider.behave(how)
    company.run()
    company.later(timedelta(minutes=5))
    assert step(company).status in {"succeeded", "unknown"}
    assert list(provider.effects().values()) == [1]


def test_a_provider_that_stays_busy_leaves_it_to_a_person(supplied, provider):
    company = dead(supplied, "idempotent", "call:after")
    provider.behave("429", times=1000)
    company.run()
    for _ in range(10):
        company.later(timedelta(minutes=5))
    assert step(company).status == "unknown"
    assert [one.kind for one in company.queue()] == ["unknown"]


@pytest.mark.parametrize("how", ["drop-before", "drop-after", "500-before", "500-after"])
@pytest.mark.parametrize("kind", ["idempotent", "queryable"])
def test_no_answer_is_looked_into_before_anybody_is_asked(supplied, provider, kind, how):
    company = supplied(one=ONE.format(kind=kind))
    provider.behave(how)
    company.start("one")
    company.later(timedelta(minutes=5))
    assert step(company).status == "succeeded"
    assert list(provider.effects().values()) == [1]


def test_a_key_the_provider_may_have_forgotten_is_not_used_again(supplied, provider):
    company = dead(supplied, "forgetful", "call:after")
    provider.prune()
    company.clock.advance(timedelta(hours=25))
    company.run()
    assert step(company).status == "unknown"
    assert list(provider.effects().values()) == [1]


def test_inside_the_window_the_same_key_is_used_again(supplied, provider):
    company = dead(supplied, "forgetful", "call:after")
    company.clock.advance(timedelta(hours=23))
    company.run()
    assert step(company).status == "succeeded"
    assert (list(provider.calls().values()), list(provider.effects().values())) == ([2], [1])


def test_every_intent_is_durable_before_its_call(supplied, provider):
    """Asked of a process that died inside the call: the ledger already knew."""
    company = supplied(one=ONE.format(kind="opaque"))
    provider.behave("kill-before")
    assert ending(company, "start", "one") == DIED
    intents = [event.body.key for event in company.events() if isinstance(event.body, e.EffectIntended)]
    assert intents == [step(company).key]


def test_a_death_between_approval_and_call_still_sends_once(supplied, provider):
    company = supplied(one=ONE.format(kind="customer"))
    company.start("one")
    (shown,) = company.cards()
    assert ending(company, "approve", shown, point="append:after:effect.intended") == DIED
    company = Scenario.at(company.folder, provider=company.provider)
    assert provider.effects() == {}
    said = company.approve(shown)
    assert said.verdict == "noop"
    assert list(provider.effects().values()) == [1]


def test_a_death_inside_the_approval_leaves_it_asked(supplied, provider):
    """Killed before the commit: the request is still there, and the next process decides it."""
    company = supplied(one=ONE.format(kind="customer"))
    company.start("one")
    (shown,) = company.cards()
    assert ending(company, "approve", shown, point="append:written:request.decided") == DIED
    company = Scenario.at(company.folder, provider=company.provider)
    assert provider.effects() == {}
    assert [one.card.id for one in company.cards()] == [shown.card.id]
    company.run()
    assert list(provider.effects().values()) == [1]


def test_retries_carry_the_same_key(supplied, provider):
    company = supplied(one=ONE.format(kind="idempotent") + "    retry: { attempts: 3 }\n")
    provider.behave("429", times=2)
    company.start("one")
    company.later(timedelta(minutes=5))
    intents = [event.body for event in company.events() if isinstance(event.body, e.EffectIntended)]
    assert [intent.attempt for intent in intents] == [1, 2, 3]
    assert len({intent.key for intent in intents}) == 1
    assert step(company).status == "succeeded"
    assert list(provider.effects().values()) == [1]


def test_points_are_counted_in_order(supplied):
    company = supplied(one=ONE.format(kind="opaque"))
    company.probe = Counting()
    company.start("one")
    points = company.probe.points
    assert (
        points.index("append:after:effect.intended")
        < points.index("call:before")
        < points.index("call:after")
    )
    assert points.index("call:after") < points.index("append:before:effect.succeeded")
