"""Stage × reach × policy: every verdict and its reason."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.governance.policy import Rules
from engine.model.definitions.actions import ActionSpec, EffectClass, Param, Reach, Sink
from engine.model.definitions.plan import Node, Plan, Stage
from engine.model.definitions.settings import Cap, Consent, MayRun, PolicyRules, QuietHours
from engine.model.definitions.taint import Label
from engine.model.definitions.types import BOOL, MONEY, TEXT
from engine.model.effects import Answer, Effect, Preview, Verdict
from engine.model.values.ids import EffectKey, RunId
from engine.model.values.money import Money
from tests.unit.kernel import plans
from tests.unit.kernel.plans import node, plan


class Today:
    """So many effects of so much, today."""

    def __init__(self, count: int = 0, amounts: tuple[Money, ...] = ()) -> None:
        self._count, self._amounts = count, amounts

    def count(self, action: str, but: str) -> int:
        """What was said."""
        return self._count

    def amounts(self, action: str, but: str) -> tuple[Money, ...]:
        """What was said."""
        return self._amounts


class People:
    """What templates are for, and who agreed to what."""

    def __init__(self, purpose: str = "", agreed: dict[str, frozenset[str]] | None = None) -> None:
        self._purpose, self._agreed = purpose, agreed or {}

    def purpose(self, plan: Plan, node: Node) -> str:
        """What was said."""
        return self._purpose

    def agreed(self, address: str) -> frozenset[str]:
        """What was said."""
        return self._agreed.get(address, frozenset())


NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
"""A Wednesday."""
MIDNIGHT = "2026-03-05T00:00:00.000000Z"


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
    now: datetime = NOON,
    zone: str = "UTC",
    people: People | None = None,
) -> tuple[str, str, int]:
    """(answer, rule, strength)."""
    said = verdict_of(
        one, stage, rules, node=node, usage=usage, stopped=stopped, now=now, zone=zone, people=people
    )
    return said.answer.value, said.rule, said.strength


def verdict_of(
    one: Effect,
    stage: Stage,
    rules: PolicyRules | None = None,
    *,
    node: Node | None = None,
    usage: Today | None = None,
    stopped: bool = False,
    now: datetime = NOON,
    zone: str = "UTC",
    people: People | None = None,
) -> Verdict:
    """The whole answer."""
    made = Rules(
        rules=rules or PolicyRules(), usage=usage or Today(), now=lambda: now, zone=zone, consents=people or People()
    )  # fmt: skip
    verdict = made.judge(
        one, plan=plan(), node=node or plans.node("a", "effect"), stage=stage, stopped=stopped
    )
    assert verdict.because
    return verdict


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
        (Cap(action="x/*", per_day=euros("100")), Today(1, (euros("60"),)), "40.01", "not today"),
        (Cap(action="x/y", count_per_day=2), Today(1), "1.00", "ask"),
        (Cap(action="x/y", count_per_day=2), Today(2), "1.00", "not today"),
        (Cap(action="x/y", count_per_day=0), Today(), "1.00", "deny"),
        (Cap(action="x/*", per_day=euros("100")), Today(), "100.01", "deny"),
        (Cap(action="x/y", each=Money.parse("50.00 USD")), Today(), "1.00", "deny"),
        (Cap(action="other/y", each=euros("1")), Today(), "99.00", "ask"),
    ],
)
def test_past_a_cap_nothing_leaves_whatever_a_person_approved(
    cap: Cap, usage: Today, amount: str, answer: str
) -> None:
    """A day that is full holds it back until midnight in the workspace's zone; what no day has room for is denied, as is a currency that
    can't be compared.
    """
    verdict = verdict_of(paying(amount), Stage.APPROVAL, PolicyRules(caps=(cap,)), usage=usage)
    assert ("not today" if verdict.not_before else verdict.answer.value) == answer
    assert verdict.not_before in {"", MIDNIGHT}


def test_a_cap_on_money_is_no_cap_on_what_moves_none() -> None:
    """A letter may leave."""
    rules = PolicyRules(caps=(Cap(action="x/y", each=euros("50"), per_day=euros("50")),))
    assert judge(effect(), Stage.APPROVAL, rules)[0] == "ask"


@pytest.mark.parametrize("total", ["50.01 EUR", {"minor": 5001, "currency": "EUR"}])
def test_a_cap_holds_for_an_amount_as_text_and_as_data(total: object) -> None:
    """Connectors give amounts as people write them, expressions as data."""
    preview = Preview(body=b"", media="text/plain", facts=(), outputs={"total": total})
    rules = PolicyRules(caps=(Cap(action="x/y", each=euros("50")),))
    assert judge(effect(Reach.LOW, preview=preview), Stage.APPROVAL, rules)[0] == "deny"


def test_answers_are_a_closed_set() -> None:
    """allow, ask, deny, preview."""
    assert {one.value for one in Answer} == {"allow", "ask", "deny", "preview"}


# ---------------------------------------------------------------- may-run


REFUND = MayRun(action="x/y", up_to=euros("20"), per_day=euros("60"))
EXCEPT = PolicyRules(may_run=(REFUND,))


def paying_back(amount: str, **more: object) -> Effect:
    return effect(Reach.PAYMENT, args={"amount": amount}, **more)


@pytest.mark.parametrize(
    ("amount", "before", "answer"),
    [
        ("20.00 EUR", (), "allow"),
        ("20.01 EUR", (), "ask"),
        ("20.00 EUR", ("20", "20"), "allow"),
        ("20.00 EUR", ("20", "20.01"), "ask"),
        ("5.00 USD", (), "ask"),
        ("a lot", (), "ask"),
        ("-5.00 EUR", (), "ask"),
    ],
)
def test_an_exception_covers_an_amount_up_to_its_ceilings(amount, before, answer):
    usage = Today(len(before), tuple(euros(one) for one in before))

    found = judge(paying_back(amount), Stage.AUTO, EXCEPT, usage=usage)

    assert found[0] == answer
    assert found[1] == ("may-run x/y" if answer == "allow" else "always-ask")


@pytest.mark.parametrize("stage", [Stage.APPROVAL, Stage.CANARY])
def test_an_exception_holds_at_stage_auto_only(stage):
    assert judge(paying_back("1 EUR"), stage, EXCEPT)[0] == "ask"


def test_an_exception_covers_no_legal_effect_and_no_other_action():
    assert judge(replace(paying_back("1 EUR"), reach=Reach.LEGAL), Stage.AUTO, EXCEPT)[0] == "ask"
    assert judge(paying_back("1 EUR", action="x/z"), Stage.AUTO, EXCEPT)[0] == "ask"


def test_what_was_paid_in_another_currency_today_can_not_be_counted_so_it_asks():
    usage = Today(1, (Money(minor=100, currency="USD"),))

    assert judge(paying_back("1 EUR"), Stage.AUTO, EXCEPT, usage=usage)[0] == "ask"


def test_a_gate_a_denial_a_cap_and_an_untrusted_amount_win_over_an_exception():
    amount = Param(name="amount", type=MONEY, sink=Sink.AMOUNT)
    spec = ActionSpec(
        name="x/y", summary="", kind=EffectClass.IDEMPOTENT, params=(amount,), reach=Reach.PAYMENT
    )
    cap = replace(EXCEPT, caps=(Cap(action="x/y", each=euros("1")),))
    from_outside = paying_back("2 EUR", labels={"amount": frozenset({Label.UNTRUSTED})})

    assert judge(paying_back("2 EUR"), Stage.AUTO, EXCEPT, node=node("a", "effect", gate="g"))[1] == "gate g"
    assert judge(paying_back("2 EUR"), Stage.AUTO, replace(EXCEPT, deny=("x/*",)))[0] == "deny"
    assert judge(paying_back("2 EUR"), Stage.AUTO, cap)[0] == "deny"
    assert (
        judge(from_outside, Stage.AUTO, EXCEPT, node=replace(node("a", "effect"), action=spec))[1] == "trust"
    )


# ---------------------------------------------------------------- quiet hours


QUIET = PolicyRules(
    quiet=QuietHours(reach=(Reach.CUSTOMER, Reach.LOW), begins=20 * 60, ends=8 * 60, days=(5, 6))
)


@pytest.mark.parametrize(
    ("hour", "minute", "answer"),
    [(19, 59, "allow"), (20, 0, "ask"), (23, 59, "ask"), (0, 0, "ask"), (7, 59, "ask"), (8, 0, "allow")],
)
def test_between_two_times_what_would_act_asks_over_midnight(hour, minute, answer):
    now = NOON.replace(hour=hour, minute=minute)

    found = judge(effect(Reach.CUSTOMER), Stage.AUTO, QUIET, now=now)

    assert (found[0], found[1] == "quiet-hours") == (answer, answer == "ask")


def test_a_quiet_day_is_quiet_from_midnight_to_midnight():
    days = [judge(effect(), Stage.AUTO, QUIET, now=NOON + timedelta(days=at))[0] for at in range(7)]

    assert days == ["allow", "allow", "allow", "ask", "ask", "allow", "allow"]


def test_quiet_hours_are_those_of_the_workspaces_own_clock():
    winter, summer = NOON.replace(hour=19, minute=30), datetime(2026, 7, 1, 18, 30, tzinfo=UTC)

    found = [
        judge(effect(), Stage.AUTO, QUIET, now=now, zone=zone)[0]
        for now in (winter, summer)
        for zone in ("UTC", "Europe/Warsaw")
    ]

    assert found == ["allow", "ask", "allow", "ask"]


def test_quiet_hours_hold_for_their_reaches_and_change_no_other_answer():
    night = NOON.replace(hour=22)

    assert judge(effect(Reach.LOW), Stage.APPROVAL, QUIET, now=night)[1] == "quiet-hours"
    assert judge(effect(Reach.INTERNAL), Stage.APPROVAL, QUIET, now=night)[0] == "allow"
    assert judge(effect(), Stage.SHADOW, QUIET, now=night)[0] == "preview"
    assert judge(effect(), Stage.AUTO, replace(QUIET, deny=("x/*",)), now=night)[0] == "deny"
    assert judge(effect(Reach.PAYMENT), Stage.AUTO, QUIET, now=night)[1] == "always-ask"


def test_within_one_day_quiet_hours_end_before_midnight():
    lunch = PolicyRules(quiet=QuietHours(reach=(Reach.CUSTOMER,), begins=12 * 60, ends=13 * 60))

    assert judge(effect(), Stage.AUTO, lunch)[0] == "ask"
    assert judge(effect(), Stage.AUTO, lunch, now=NOON.replace(hour=13))[0] == "allow"


# ---------------------------------------------------------------- consent


AGREED = PolicyRules(consent=Consent(purpose="marketing", unless="double-opt-in"))
TWICE = frozenset({"double-opt-in"})


def letter(shown: str, **args: object) -> Effect:
    preview = Preview(body=b"", media="text/plain", facts=(("To", shown),))
    return effect(Reach.CUSTOMER, preview=preview, args=args)


@pytest.mark.parametrize(
    ("people", "answer"),
    [
        (People("marketing", {"ada@example.com": TWICE}), "allow"),
        (People("marketing", {"ada@example.com": frozenset({"newsletter"})}), "deny"),
        (People("marketing"), "deny"),
        (People("invoice"), "allow"),
        (People(), "allow"),
    ],
)
def test_a_purpose_needs_the_agreement_of_whom_it_goes_to(people, answer):
    found = judge(letter("Ada Winter <ada@example.com>"), Stage.AUTO, AGREED, people=people)

    assert (found[0], found[1] == "consent marketing") == (answer, answer == "deny")


def test_everybody_it_goes_to_has_to_have_agreed():
    people = People("marketing", {"ada@example.com": TWICE})

    assert judge(letter("ada@example.com, bo@example.com"), Stage.AUTO, AGREED, people=people)[0] == "deny"
    assert (
        judge(letter("ada@example.com", to="bo@example.com"), Stage.AUTO, AGREED, people=people)[0] == "deny"
    )
    assert judge(effect(), Stage.AUTO, AGREED, people=people)[0] == "deny"


def test_without_agreement_nothing_leaves_whatever_a_person_approved_and_no_address_is_said():
    made = Rules(
        rules=AGREED, usage=Today(), now=lambda: NOON, zone="UTC", consents=People("marketing")
    )  # fmt: skip
    verdict = made.judge(
        letter("ada@example.com"), plan=plan(), node=node("a", "effect", gate="g"), stage=Stage.APPROVAL, stopped=False
    )  # fmt: skip

    assert (verdict.answer, verdict.rule) == (Answer.DENY, "consent marketing")
    assert "ada" not in verdict.because
