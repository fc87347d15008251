"""Which effects act alone and which wait for a person: stage × reach × policy, in one place.

The compiler (which steps get a card, which values need one), the plan view, governance and the coverage of tests all ask here.
"""

from collections.abc import Collection
from typing import Literal

from engine.model.definitions.actions import Reach
from engine.model.definitions.plan import Stage
from engine.model.definitions.settings import MayRun, PolicyRules
from engine.model.effects import Answer

_FARTHEST_ALONE: dict[Stage, Reach] = {
    Stage.APPROVAL: Reach.LOW,
    Stage.CANARY: Reach.LOW,
    Stage.AUTO: Reach.CUSTOMER,
}
"""How far an effect may reach by itself. In shadow nothing is called."""


def lowest(*stages: Stage | None) -> Stage:
    """The stage that counts for a step: the file's, a run's and the step's own word, whichever goes least far."""
    return min((stage for stage in stages if stage is not None), key=lambda stage: stage.rank)


def answer(stage: Stage, reach: Reach, always_ask: Collection[Reach] = ()) -> Answer:
    """What happens to an effect of this reach at this stage: preview, ask or allow.

    `always_ask` is the operator's word in policy.yaml. It can add questions and take none away.
    """
    if stage is Stage.SHADOW:
        return Answer.PREVIEW
    alone = reach.rank <= _FARTHEST_ALONE[stage].rank and reach not in always_ask
    return Answer.ALLOW if alone else Answer.ASK


def first_asking(stage: Stage) -> Reach:
    """The nearest reach that waits for a person at this stage whatever policy.yaml says. Raises ValueError in shadow."""
    if stage is Stage.SHADOW:
        raise ValueError("in shadow nothing asks")
    return next(reach for reach in Reach if answer(stage, reach) is Answer.ASK)


def exceptions(rules: PolicyRules, stage: Stage, reach: Reach, action: str) -> list[MayRun]:
    """The amounts up to which policy.yaml lets this action move money alone; only at stage auto."""
    if stage is not Stage.AUTO or reach is not Reach.PAYMENT:
        return []
    return [exception for exception in rules.may_run if exception.action == action]


def strength(reach: Reach) -> Literal[1, 2]:
    """What an approval needs: 1 a yes, 2 a proof too (money and contracts)."""
    return 2 if reach.rank >= Reach.PAYMENT.rank else 1
