"""Stage × reach × policy → a verdict that explains itself (DESIGN: stages)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import getaddresses
from fnmatch import fnmatchcase
from typing import Protocol
from zoneinfo import ZoneInfo

from engine.model import approval_rule
from engine.model.definitions import taint
from engine.model.definitions.actions import ActionSpec, EffectClass, Reach, Sink
from engine.model.definitions.plan import Node, Plan, Stage
from engine.model.definitions.settings import Cap, PolicyRules
from engine.model.effects import Answer, Effect, Verdict
from engine.model.values.money import Money
from engine.model.values.timestamps import midnight, stamp

WATCHED = "the mailbox it answers is new: {action} asks until you approved it once there"
"""Why something that would act alone asks."""


class Usage(Protocol):
    """What an action did since midnight in the workspace's time zone."""

    def count(self, action: str, but: str) -> int:
        """How many effects are intended, done or unknown; the one with key `but` is left out."""

    def amounts(self, action: str, but: str) -> tuple[Money, ...]:
        """What those moved."""


class Consents(Protocol):
    """What templates are for, and what people agreed to."""

    def purpose(self, plan: Plan, node: Node) -> str:
        """The `purpose` of the template this step sends, as the plan pinned it; empty for none."""

    def agreed(self, address: str) -> frozenset[str]:
        """The words under `consent` of the contact note with this address, as it reads now; none for a stranger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The Policy port over policy.yaml. `now` and `zone` (the workspace's time zone) say whether it is quiet."""

    rules: PolicyRules
    usage: Usage
    now: Callable[[], datetime]
    zone: str
    consents: Consents

    def judge(
        self, effect: Effect, *, plan: Plan, node: Node, stage: Stage, stopped: bool, watched: bool = False
    ) -> Verdict:
        """Deny, preview, ask or allow, in that order of precedence. A day's cap changes none of these: it says not before when."""
        if stopped:
            return Verdict(answer=Answer.DENY, rule="stop", because="everything is stopped")
        if denied := self._denied(effect) or self._not_agreed(effect, plan, node):
            return denied
        if approval_rule.answer(stage, effect.reach) is Answer.PREVIEW:
            return Verdict(
                answer=Answer.PREVIEW, rule="stage-shadow", because="the stage is shadow: nothing is called"
            )
        verdict = self._answer(effect, node=node, stage=stage, watched=watched)
        cap = self._full(effect)
        return (
            replace(verdict, not_before=midnight(stamp(self.now()), self.zone), cap=cap) if cap else verdict
        )

    def _answer(self, effect: Effect, *, node: Node, stage: Stage, watched: bool) -> Verdict:
        ask = self._ask(effect, node=node, stage=stage)
        if not ask and watched and effect.reach is not Reach.INTERNAL:
            ask = "watched", WATCHED.format(action=effect.action)
        if ask:
            return Verdict(
                answer=Answer.ASK, rule=ask[0], because=ask[1], strength=approval_rule.strength(effect.reach)
            )
        if self._may_run(effect, stage):
            because = f"vault/policy.yaml lets {effect.action} run up to an amount"
            return Verdict(answer=Answer.ALLOW, rule=f"may-run {effect.action}", because=because)
        return Verdict(
            answer=Answer.ALLOW,
            rule=f"stage-{stage}",
            because=f"reach {effect.reach} acts by itself at stage {stage}",
        )

    def _denied(self, effect: Effect) -> Verdict | None:
        for pattern in self.rules.deny:
            if fnmatchcase(effect.action, pattern):
                return Verdict(
                    answer=Answer.DENY, rule=f"deny {pattern}", because="vault/policy.yaml denies it"
                )
        for cap in self._caps(effect):
            if why := _never(cap, amount_of(effect)):
                return Verdict(answer=Answer.DENY, rule=f"cap {cap.action}", because=why)
        return None

    def _caps(self, effect: Effect) -> list[Cap]:
        return [cap for cap in self.rules.caps if fnmatchcase(effect.action, cap.action)]

    def _full(self, effect: Effect) -> str:
        """Which cap of the day leaves no room for it today; empty for none."""
        caps = self._caps(effect)
        if not caps:
            return ""
        amount = amount_of(effect)
        for cap in caps:
            if cap.count_per_day is not None:
                count = self.usage.count(effect.action, effect.key)
                if count >= cap.count_per_day:
                    return f"{count} today, the cap on {cap.action} is {cap.count_per_day} a day"
            if cap.per_day is None or amount is None:
                continue
            amounts = self.usage.amounts(effect.action, effect.key)
            if any(money.currency != cap.per_day.currency for money in amounts):
                return f"the cap on {cap.action} is in {cap.per_day.currency}, what was done today is not"
            if sum(money.minor for money in (amount, *amounts)) > cap.per_day.minor:
                return f"past the cap on {cap.action} of {cap.per_day.text()} a day"
        return ""

    def _ask(self, effect: Effect, *, node: Node, stage: Stage) -> tuple[str, str] | None:
        if node.gate is not None:
            return f"gate {node.gate}", f"the playbook holds it at gate `{node.gate}`"
        excepted = self._may_run(effect, stage)
        if effect.reach in self.rules.always_ask and not excepted:
            return "always-ask", f"reach {effect.reach} always asks"
        if tainted := tainted_sinks(node.action, effect):
            return "trust", f"{', '.join(tainted)} comes from a source that is not trusted"
        if quiet := self._quiet(effect):
            return quiet
        if excepted or approval_rule.answer(stage, effect.reach) is Answer.ALLOW:
            return None
        return f"stage-{stage}", f"reach {effect.reach} asks at stage {stage}"

    def _may_run(self, effect: Effect, stage: Stage) -> bool:
        """Whether an exception covers it. What ran of this action today counts, even if a person approved it; an unknown amount is too much."""
        amount = amount_of(effect)
        if amount is None:
            return False
        for exception in approval_rule.exceptions(self.rules, stage, effect.reach, effect.action):
            if exception.up_to.currency != amount.currency:
                continue
            amounts = self.usage.amounts(effect.action, effect.key)
            same = all(money.currency == exception.per_day.currency for money in (amount, *amounts))
            total = amount.minor + sum(money.minor for money in amounts)
            if 0 <= amount.minor <= exception.up_to.minor and same and total <= exception.per_day.minor:
                return True
        return False

    def _quiet(self, effect: Effect) -> tuple[str, str] | None:
        quiet = self.rules.quiet
        if quiet is None or effect.reach not in quiet.reach:
            return None
        local = self.now().astimezone(ZoneInfo(self.zone))
        if not quiet.at(local.weekday(), local.hour * 60 + local.minute):
            return None
        return "quiet-hours", f"it is {local:%a %H:%M}, and reach {effect.reach} is quiet {quiet.text()}"

    def _not_agreed(self, effect: Effect, plan: Plan, node: Node) -> Verdict | None:
        rule = self.rules.consent
        if rule is None or self.consents.purpose(plan, node) != rule.purpose:
            return None
        people = recipients(effect)
        if people and all(rule.unless in self.consents.agreed(address) for address in people):
            return None
        # Without an address: what a verdict says is kept in clear.
        because = f"no contact note of theirs says `consent: {rule.unless}`" if people else "it names nobody"
        return Verdict(answer=Answer.DENY, rule=f"consent {rule.purpose}", because=because)


def recipients(effect: Effect) -> tuple[str, ...]:
    """Every address an effect goes to: its argument `to`, and whom the card shows under "To"."""
    to = effect.args.get("to")
    written = [
        *(to if isinstance(to, list) else [to]),
        *(text for name, text in effect.preview.facts if name == "To"),
    ]
    addresses = getaddresses([text for text in written if isinstance(text, str)])
    return tuple(dict.fromkeys(address for _, address in addresses if address))


def tainted_sinks(spec: ActionSpec | None, effect: Effect) -> list[str]:
    """Arguments that decide who, how much, where or what is run, and that carry an untrusted label.

    A preparing action passes: the label travels on with its output, and the gate is on the step that sends. A value of closed
    type is no reach, except in an amount.
    """
    if spec is None or spec.kind in {EffectClass.PURE, EffectClass.READ} or spec.prepares:
        return []
    return [
        param.name
        for param in spec.params
        if param.sink is not None
        and (param.sink is Sink.AMOUNT or not param.type.closed)
        and taint.untrusted(effect.labels.get(param.name, frozenset()))
    ]


def _never(cap: Cap, amount: Money | None) -> str:
    """Why no day has room for it under this cap; empty when one may."""
    for limit in (cap.each, cap.per_day):
        if limit is None or amount is None:
            continue
        if amount.currency != limit.currency:
            return f"the cap is in {limit.currency}, the amount is not"
        if amount.minor > limit.minor:
            return f"past the cap of {limit.text()}"
    return "none of it may leave" if cap.count_per_day == 0 else ""


def amount_of(effect: Effect) -> Money | None:
    """The money an effect moves, as its preview says under `total` or `amount`; None when it moves none."""
    for name in ("total", "amount"):
        value = (effect.preview.outputs or {}).get(name) or effect.args.get(name)
        try:
            return Money.of(value)
        except ValueError:
            continue
    return None
