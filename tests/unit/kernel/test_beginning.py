"""What a start by hand is told when there is no such playbook."""

from types import SimpleNamespace
from typing import Any

import pytest

from engine.kernel.core.services import Deployment
from engine.kernel.triggers import manual_start
from engine.model.definitions.plan import Plan
from engine.model.requests import Request
from tests.unit.kernel.journals import Books
from tests.unit.kernel.plans import node, plan


class Desk:
    """Keeps what was refused."""

    def __init__(self, **plans: Plan) -> None:
        self.journal = Books(plan(node("a")))
        self.deployment = lambda: Deployment(
            commit="", plans=plans, contents={}, broken=frozenset({"broken"})
        )
        self.refused = SimpleNamespace()

    def refuse(self, _request: Request, message: str, **more: Any) -> None:
        """No."""
        self.refused = SimpleNamespace(message=message, **more)


@pytest.mark.parametrize(
    ("deployed", "target", "said"),
    [
        (["invoice"], "invoce", "did you mean `invoice`?\n  steward run invoice"),
        (["invoice", "bill"], "zzz", "there are: bill, invoice\n  steward run NAME"),
        ([], "zzz", "there are: none\n  steward run NAME"),
        (["invoice"], "broken", "does not compile at the deployed commit\n  steward check"),
    ],
)
def test_a_name_that_is_none_is_answered_with_what_to_type(
    deployed: list[str], target: str, said: str
) -> None:
    """The nearest name, else all of them."""
    desk = Desk(**{name: plan(node("a")) for name in deployed})
    request = Request(id="r", kind="start", actor="me", channel="terminal", target=target)
    manual_start.start(desk, request)  # type: ignore[arg-type]  # as much of a desk as is asked for
    assert desk.refused.message.endswith(said)
    assert desk.refused.code == "no-playbook"
