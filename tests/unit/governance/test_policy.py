"""Stage × reach × policy: every verdict and its reason."""

from dataclasses import replace

import pytest

from engine.governance.policy import Rules
from engine.model.actions import ActionSpec, EffectClass, Param, Reach, Sink
from engine.model.config import Cap, PolicyRules
from engine.model.effects import Answer, Effect, Preview
from engine.model.ids import EffectKey, RunId
from engine.model.labels import Label
from engine.model.money import Money
from engine.model.plan import Node, Stage
from engine.model.types import BOOL, TEXT
from tests.unit.kernel import plans
from tests.unit.kernel.plans import node, plan


class Today:
    """So many effects of so much, today."""

    def __init__(self, count: int = 0, amounts: tuple[Money, ...] = ()) -> None:
        self.count, self.amounts = count, amounts

    def today(self, action: str, but: str) -> tuple[int, tuple[Money, ...]]:
        """What was said."""
        return self.count, self.amounts


def effect(reach: Reach = Reach.CUSTOMER, **more: object) -> Effect:
    """A frozen effect of that reach."""
    made = Effect(
        action="x/y", key=EffectKey("k"), revision=1, run=RunId("r"), step="a", subject=None,
        kind=EffectClass.IDEMPOTENT, reach=reach, args={}, digest="d", labels={},
        preview=Preview(body=b"", media="text/plain", facts=()),
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def judge(
    one: Effect,
    stage: Stage,
    rules: PolicyRules | None = None,
    *,
    node: Node | None = None,
    usage: Today | None = None,
    stopped: bool = False,
) -> tuple[str, str, int]:
    """(answer, rule, strength)."""
    verdict = Rules(rules=rules or PolicyRules(), usage=usage or Today()).judge(
        one, plan=plan(), node=node or plans.node("a", "effect"), stage=stage, stopped=stopped
    )
    assert verdict.because
    return verdict.answer.value, verdict.rule, verdict.strength


TABLE = {
    "shadow": {
        "internal": "preview",
        "low": "preview",
        "customer": "preview",
        "payment": "preview",
        "legal": "preview",
    },
    "approval": {"internal": "allow", "low": "allow", "customer": "ask", "payment": "ask", "legal": "ask"},
    "canary": {"internal": "allow", "low": "allow", "customer": "ask", "payment": "ask", "legal": "ask"},
    "auto": {"internal": "allow", "low": "allow", "customer": "allow", "payment": "ask", "legal": "ask"},
}


@pytest.mark.parametrize(("stage", "reach"), [(s, r) for s in TABLE for r in TABLE[s]])
def test_the_table_of_stages(stage: str, reach: str) -> None:
    """DESIGN's table; without a canary arm every case of the canary stage asks."""
    assert judge(effect(Reach(reach)), Stage(stage))[0] == TABLE[stage][reach]


def test_a_gate_asks_at_every_stage_above_shadow() -> None:
    """Also for reach low."""
    gated = node("a", "effect", gate="g")
    assert judge(effect(Reach.LOW), Stage.AUTO, node=gated)[:2] == ("ask", "gate g")
    assert judge(effect(Reach.LOW), Stage.SHADOW, node=gated)[0] == "preview"


def test_money_and_contracts_need_strength_two() -> None:
    """A word in a terminal is not enough."""
    assert [
        judge(effect(reach), Stage.APPROVAL)[2] for reach in (Reach.CUSTOMER, Reach.PAYMENT, Reach.LEGAL)
    ] == [1, 2, 2]


def test_stop_and_deny_win_over_everything() -> None:
    """Also over shadow and gates."""
    rules = PolicyRules(deny=("x/*",))
    assert judge(effect(), Stage.AUTO, stopped=True)[:2] == ("deny", "stop")
    assert judge(effect(), Stage.SHADOW, rules)[:2] == ("deny", "deny x/*")


def test_an_untrusted_value_in_a_sink_asks_although_the_reach_is_low() -> None:
    """Unless it is of closed type, or the action only prepares."""
    spec = ActionSpec(
        name="x/y",
        summary="",
        kind=EffectClass.IDEMPOTENT,
        params=(Param(name="path", type=TEXT, sink=Sink.PATH),),
    )
    tainted = effect(Reach.LOW, labels={"path": frozenset({Label.UNTRUSTED})})
    assert judge(tainted, Stage.AUTO, node=replace(node("a", "effect"), action=spec))[:2] == ("ask", "trust")
    closed = replace(spec, params=(Param(name="path", type=BOOL, sink=Sink.PATH),))
    assert judge(tainted, Stage.AUTO, node=replace(node("a", "effect"), action=closed))[0] == "allow"
    prepares = replace(spec, prepares=True)
    assert judge(tainted, Stage.AUTO, node=replace(node("a", "effect"), action=prepares))[0] == "allow"


def euros(text: str) -> Money:
    """So many euros."""
    return Money.parse(f"{text} EUR")


def paying(text: str) -> Effect:
    """An effect that moves that much."""
    return effect(Reach.PAYMENT, args={"amount": {"minor": euros(text).minor, "currency": "EUR"}})


@pytest.mark.parametrize(
    ("cap", "usage", "amount", "answer"),
    [
        (Cap(action="x/y", each=euros("50")), Today(), "50.00", "ask"),
        (Cap(action="x/y", each=euros("50")), Today(), "50.01", "deny"),
        (Cap(action="x/*", per_day=euros("100")), Today(1, (euros("60"),)), "40.00", "ask"),
        (Cap(action="x/*", per_day=euros("100")), Today(1, (euros("60"),)), "40.01", "deny"),
        (Cap(action="x/y", count_per_day=2), Today(1), "1.00", "ask"),
        (Cap(action="x/y", count_per_day=2), Today(2), "1.00", "deny"),
        (Cap(action="x/y", each=Money.parse("50.00 USD")), Today(), "1.00", "deny"),
        (Cap(action="other/y", each=euros("1")), Today(), "99.00", "ask"),
    ],
)
def test_past_a_cap_is_denied_whatever_a_person_approved(
    cap: Cap, usage: Today, amount: str, answer: str
) -> None:
    """A cap in another currency can't be compared, so it denies."""
    assert judge(paying(amount), Stage.APPROVAL, PolicyRules(caps=(cap,)), usage=usage)[0] == answer


@pytest.mark.parametrize("total", ["50.01 EUR", {"minor": 5001, "currency": "EUR"}])
def test_a_cap_holds_for_an_amount_as_text_and_as_data(total: object) -> None:
    """Connectors give amounts as people write them, expressions as data."""
    preview = Preview(body=b"", media="text/plain", facts=(), outputs={"total": total})
    rules = PolicyRules(caps=(Cap(action="x/y", each=euros("50")),))
    assert judge(effect(Reach.LOW, preview=preview), Stage.APPROVAL, rules)[0] == "deny"


def test_answers_are_a_closed_set() -> None:
    """allow, ask, deny, preview."""
    assert {one.value for one in Answer} == {"allow", "ask", "deny", "preview"}
