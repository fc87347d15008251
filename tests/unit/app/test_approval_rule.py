"""Who asks: stage × reach × policy. Compiler, plan view and governance answer from one rule, so they can't disagree."""

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from engine.app.plans import plan_view
from engine.language.build import session
from engine.language.diagnostics.verify_fix import apply_fix
from engine.language.documents import playbook
from engine.model import approval_rule
from engine.model.definitions.actions import ActionSpec, EffectClass, Param, Reach, Sink, UndoSpec
from engine.model.definitions.plan import Stage
from engine.model.definitions.settings import MayRun, PolicyRules
from engine.model.definitions.taint import Label
from engine.model.definitions.types import TEXT
from engine.model.values.money import Money
from engine.testing.cases import coverage
from tests.unit.governance import test_policy as governance
from tests.unit.kernel import plans
from tests.unit.language.actions import ACTIONS
from tests.unit.language.trees import compiled

ACTS = {
    reach: ActionSpec(
        name=f"case/{reach}", summary="", kind=EffectClass.IDEMPOTENT, reach=reach, undo=UndoSpec(none="no"),
        params=(Param(name="to", type=TEXT, required=True, sink=Sink.RECIPIENT),),
    )
    for reach in Reach
}  # fmt: skip
EXPECTED = {
    Stage.SHADOW: "ppppp",
    Stage.APPROVAL: "rraaa",
    Stage.CANARY: "rraaa",
    Stage.AUTO: "rrraa",
}
"""For each stage what becomes of an effect that is internal, low, customer, payment, legal: preview, run or ask."""
MATRIX = [(stage, reach, EXPECTED[stage][reach.rank]) for stage in Stage for reach in Reach]
FIFTY = Money.parse("50 EUR")
POLICIES = {
    "default": PolicyRules(),
    "no floor": PolicyRules(always_ask=()),
    "customers": PolicyRules(always_ask=(Reach.CUSTOMER,)),
    "everything": PolicyRules(always_ask=tuple(Reach)),
    "an exception": PolicyRules(may_run=(MayRun(action="case/payment", up_to=FIFTY, per_day=FIFTY),)),
}
TAINTED = "${{ event.text }}"


def case(stage: Stage, reach: Reach, *, to: str = "me", own: Stage | None = None) -> tuple[bytes, Any]:
    """A playbook with one effect of that reach, as bytes and compiled; `own` is the step's own stage."""
    step = f", stage: {own}" if own else ""
    text = (
        f"name: Case\nstage: {stage}\non: {{ email: {{ mailbox: leads }} }}\nsubject: ${{{{ event.from }}}}\n"
        f'steps:\n  - {{ id: act, uses: case/{reach}, with: {{ to: "{to}" }}{step} }}\n'
    ).replace("stage: canary", "stage: approval")
    return text.encode(), look(text.encode(), stage, own)


def look(text: bytes, stage: Stage, own: Stage | None = None) -> Any:
    """`canary` is refused in a file until it is built, so it is put in after reading: what is compiled of it has to be right already."""

    def reading(*args: Any) -> Any:
        authored, wrong = playbook.read(*args)
        assert authored is not None
        steps = tuple(
            replace(step, stage=own, stage_span=step.uses.span if own else None) for step in authored.steps
        )
        return replace(authored, stage=stage, steps=steps), wrong

    actions = {**ACTIONS, **{action.name: action for action in ACTS.values()}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "playbook", SimpleNamespace(read=reading))
        # What a file compiles to is remembered by its bytes.
        return compiled(
            {"playbooks/case.yaml": text + f"# read as {stage}, {own}\n".encode()}, actions=actions
        )


def codes(result: Any) -> list[str]:
    return [one.code for one in result.diagnostics]


@pytest.mark.parametrize(("stage", "reach", "expected"), MATRIX)
def test_policy_plan_and_compiler_give_one_answer(stage, reach, expected):
    plan = case(stage, reach)[1].plans["case"]
    effect = governance.effect(reach, action=f"case/{reach}")

    assert plan.stage is stage
    for name, policy in POLICIES.items():
        asks = expected == "a" or (expected == "r" and reach in policy.always_ask)
        word = "a" if asks else expected
        row = plan_view.analyze(plan, policy=policy, unsaid=frozenset()).rows[0]
        verdict = governance.verdict_of(effect, stage, policy, node=plan.nodes[0])
        assert (name, row.does) == (name, {"p": "preview", "r": "run", "a": "ask"}[word])
        assert (name, verdict.answer) == (name, {"p": "preview", "r": "allow", "a": "ask"}[word])
    # Which answers the workspace's own tests have to go through: those to the questions of the stage.
    cases = [part.branch for part in coverage.parts_of(plan) if part.branch]
    assert cases == (["approved", "refused"] if expected == "a" else [])


@pytest.mark.parametrize(("stage", "reach", "expected"), MATRIX)
def test_a_strangers_words_in_a_recipient_are_refused_exactly_where_no_card_shows_them(
    stage, reach, expected
):
    text, result = case(stage, reach, to=TAINTED)
    action = ACTS[reach]
    effect = governance.effect(
        reach, action=action.name, args={"to": "x"}, labels={"to": frozenset({Label.UNTRUSTED})}
    )
    node = replace(plans.node("a", "effect"), action=action)

    assert codes(result) == (["SW301"] if expected == "r" else [])
    for policy in POLICIES.values():
        # Whatever the compiler let through, a person sees it before it leaves.
        verdict = governance.verdict_of(effect, stage, policy, node=node)
        assert verdict.answer == ("preview" if expected == "p" else "ask")
    if expected == "r":
        fix = result.diagnostics[0].fix
        assert fix is not None
        assert fix.text.strip(" ,") == f"reach: {approval_rule.first_asking(stage)}"
        mended = look(apply_fix(text, fix), stage)
        assert codes(mended) == []
        raised = plan_view.analyze(mended.plans["case"], policy=PolicyRules(), unsaid=frozenset()).rows[0]
        assert raised.does == "ask"


@pytest.mark.parametrize("own", Stage)
@pytest.mark.parametrize("of", Stage)
def test_the_lower_stage_of_file_and_step_counts(of, own):
    if own.rank > of.rank:
        assert "SW305" in codes(case(of, Reach.CUSTOMER, own=own)[1])
        return
    plan = case(of, Reach.CUSTOMER, own=own)[1].plans["case"]

    row = plan_view.analyze(plan, policy=PolicyRules(), unsaid=frozenset()).rows[0]

    assert row.does == {"p": "preview", "r": "run", "a": "ask"}[EXPECTED[own][2]]


def test_an_exception_is_told_where_governance_makes_it_and_nowhere_else():
    policy = POLICIES["an exception"]
    paying = replace(governance.paying("50"), action="case/payment")

    for stage, reach, _ in MATRIX:
        plan = case(stage, reach)[1].plans["case"]
        told = plan_view.analyze(plan, policy=policy, unsaid=frozenset()).rows[0].what
        verdict = governance.verdict_of(replace(paying, reach=reach, action=f"case/{reach}"), stage, policy)
        exempt = (stage, reach) == (Stage.AUTO, Reach.PAYMENT)
        assert bool(re.search("acts alone up to 50.00 EUR", told)) == exempt
        assert verdict.rule.startswith("may-run") == exempt
