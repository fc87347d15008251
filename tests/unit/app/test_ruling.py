"""What a change of the policy, of an agent or of a model means for what may happen: what is loosened is a rise."""

from dataclasses import replace
from decimal import Decimal

import pytest

from engine.app.plans import plan_view
from engine.app.plans.authority_diff import Authority, authority_increases, changes
from engine.app.plans.plan_diff import compare
from engine.app.workspace import snapshots
from engine.model.definitions.actions import Reach
from engine.model.definitions.agents import AgentSource
from engine.model.definitions.plan import Stage
from engine.model.definitions.settings import Consent, MayRun, ModelConfig, PolicyRules, QuietHours, SecretRef
from engine.model.values.money import Money
from tests.unit.language.trees import CONFIG, STARTER, MemoryTree, compiled

NIGHTS = QuietHours(reach=(Reach.CUSTOMER,), begins=1200, ends=480)
LONGER = QuietHours(reach=(Reach.CUSTOMER, Reach.LOW), begins=1140, ends=540, days=(6,))


def may_run(up_to, per_day, action="payments/request"):
    return MayRun(action=action, up_to=Money.parse(up_to), per_day=Money.parse(per_day))


def at(policy=None, config=CONFIG, agents=None):
    return Authority(plan=None, config=config, policy=policy or PolicyRules(), agents=agents or {})


SMALL = PolicyRules(may_run=(may_run("20 EUR", "60 EUR"),))
QUIET = PolicyRules(quiet=NIGHTS)
AGREED = PolicyRules(consent=Consent(purpose="marketing", unless="double-opt-in"))


@pytest.mark.parametrize(
    ("before", "after", "said", "rise"),
    [
        (PolicyRules(), SMALL, "may-run payments/request: 20.00 EUR, 60.00 EUR a day is new", True),
        (SMALL, PolicyRules(), "may-run payments/request: 20.00 EUR, 60.00 EUR a day is gone", False),
        (SMALL, PolicyRules(may_run=(may_run("10 EUR", "60 EUR"),)), "10.00 EUR, 60.00 EUR a day is new", False),
        (SMALL, PolicyRules(may_run=(may_run("20 EUR", "61 EUR"),)), "20.00 EUR, 61.00 EUR a day is new", True),
        (SMALL, PolicyRules(may_run=(may_run("20 USD", "60 USD"),)), "20.00 USD, 60.00 USD a day is new", True),
        (PolicyRules(), QUIET, "quiet-hours: customer: 20:00-08:00 is new", False),
        (QUIET, PolicyRules(), "quiet-hours: customer: 20:00-08:00 is gone", True),
        (QUIET, PolicyRules(quiet=LONGER), "customer, low: 19:00-09:00, sun", False),
        (PolicyRules(quiet=LONGER), QUIET, "→ customer: 20:00-08:00", True),
        (QUIET, PolicyRules(quiet=replace(NIGHTS, ends=479)), "20:00-07:59", True),
        (PolicyRules(), AGREED, "consent: marketing unless double-opt-in is new", False),
        (AGREED, PolicyRules(), "consent: marketing unless double-opt-in is gone", True),
        (AGREED, PolicyRules(consent=Consent(purpose="marketing", unless="yes")), "marketing unless yes", True),
    ],
)  # fmt: skip
def test_a_policy_that_lets_more_happen_is_a_rise(before, after, said, rise):
    found = [one for one in changes(at(before), at(after)) if said in one.text]

    assert [one.raises for one in found] == [rise]
    assert bool(authority_increases(at(before), at(after))) == rise


AGENT = AgentSource(
    name="writer", path="vault/agents/writer.md", description="Writes", budget_usd=Decimal("0.05")
)


@pytest.mark.parametrize(
    ("after", "said", "rise"),
    [
        (replace(AGENT, tools=("memory/recall",)), "agent/writer: tool memory/recall is new", True),
        (replace(AGENT, model="large"), "model default → model large", True),
        (replace(AGENT, model="none"), "model default → model none", False),
        (replace(AGENT, budget_usd=Decimal("0.06")), "0.05 USD → 0.06 USD", True),
        (replace(AGENT, budget_usd=None), "0.05 USD is gone", True),
        (replace(AGENT, budget_usd=Decimal("0.01")), "0.05 USD → 0.01 USD", False),
    ],
)
def test_an_agent_that_may_do_more_is_a_rise(after, said, rise):
    (found,) = changes(at(agents={"writer": AGENT}), at(agents={"writer": after}))

    assert said in found.text
    assert found.raises == rise


def test_an_agent_that_loses_a_tool_or_is_new_without_one_raises_nothing():
    tool = replace(AGENT, tools=("memory/recall",))

    assert authority_increases(at(agents={"writer": tool}), at(agents={"writer": AGENT})) == ()
    assert changes(at(), at(agents={"writer": AGENT})) == ()
    assert [one.kind for one in authority_increases(at(), at(agents={"writer": tool}))] == ["tool"]


def test_a_model_at_another_address_is_another_host():
    model = ModelConfig(name="default", uses="openai", model="m", key=SecretRef(name="KEY"))
    there = replace(model, base_url="https://models.example.com/v1")
    before, after = (replace(CONFIG, models=(one,)) for one in (model, there))

    (found,) = authority_increases(at(config=before), at(config=after))

    assert (found.kind, found.where) == ("host", "models.default.base-url")
    assert {one.kind for one in authority_increases(at(), at(config=before))} == {"connector", "secret"}


def test_two_moments_are_compared_with_their_agents():
    settings = b"operator: { name: Robin Park, email: robin@example.com }\n"
    plain = b"---\ndescription: W\noutputs: { text: text }\n---\nWrite.\n"
    files = {**STARTER, "steward.yaml": settings, "vault/agents/writer.md": plain}
    more = files | {"vault/agents/writer.md": plain.replace(b"outputs", b"tools: [memory/recall]\noutputs")}

    found = compare(
        snapshots.snapshot_at(MemoryTree(files), "a"), snapshots.snapshot_at(MemoryTree(more), "b")
    )

    assert [one.text for one in found.rises] == ["agent/writer: tool memory/recall is new"]


# ---------------------------------------------------------------- `plan`


TEXT = b"""\
name: A
stage: auto
on: { manual: {} }
steps:
  - { id: pay, uses: payments/request, reach: payment, with: { items: [{ what: a, amount: 20 EUR }] } }
  - { id: tell, uses: notify/me, reach: customer, with: { text: hi } }
"""


@pytest.mark.parametrize(
    ("policy", "pay", "tell"),
    [
        (PolicyRules(), "asks (payment)", "acts (customer)"),
        (SMALL, "asks (payment), acts alone up to 20.00 EUR (60.00 EUR a day)", "acts (customer)"),
        (QUIET, "asks (payment)", "acts (customer), asks when it is quiet (20:00-08:00)"),
    ],
)
def test_a_plan_says_what_exceptions_and_quiet_hours_change(policy, pay, tell):
    one = compiled({"playbooks/case.yaml": TEXT}).plans["case"]

    seen = plan_view.analyze(one, policy=policy, unsaid=frozenset())

    assert [row.what for row in seen.rows] == [pay, tell]
    below = plan_view.analyze(replace(one, stage=Stage.APPROVAL), policy=policy, unsaid=frozenset())
    assert below.rows[0].what == "asks (payment)"
