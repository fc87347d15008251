"""What calls of models cost, with the sums that budgets are held against, and what a person added to a budget.

A *scope* names whose budget it is: ``agent RUN/STEP``, ``run RUN``, ``day 2026-03-02`` or ``month 2026-03``, days and months in the
operator's time zone.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from engine.model.errors import PermanentError


class OverBudget(PermanentError):
    """A call does not fit a budget; nothing was asked or spent.

    `scope` is whose budget, `needs` the most the call may cost, `left` what the budget of `limit` has left, all in dollars; `renews` is the
    stamp at which the scope is over by itself, empty for never.
    """

    def __init__(
        self, scope_words: str, *, scope: str, needs: Decimal, left: Decimal, limit: Decimal, renews: str = ""
    ) -> None:
        super().__init__(
            f"this call may cost {needs} USD, and {left} USD are left {scope_words}",
            code="budget",
            now_true="No model was asked and nothing was spent.",
            way_out="raise the budget (steward.yaml, the playbook or the agent), commit it, and run again",
        )
        self.scope_words, self.scope, self.renews = scope_words, scope, renews
        self.needs, self.left, self.limit = needs, left, limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one call of a model cost, or has set aside while its answer is out. `at` is a stamp, `usd` dollars.

    `aside` counts in budgets alone: dollars at most, of an answer whose provider counted nothing. `code` says why there was no answer.
    """

    at: str
    run: str
    model: str
    usd: Decimal
    aside: Decimal = Decimal(0)
    code: str = ""


@dataclass(slots=True)
class Costs:
    """Costs by the call's name, ``RUN/STEP/NUMBER``. Sums are kept as costs come, by run and by quarter of an hour.

    `refused` are the scopes to which a person added nothing when asked.
    """

    refused: set[str] = field(default_factory=set)
    _granted: dict[str, Decimal] = field(default_factory=dict)

    _calls: dict[str, Cost] = field(default_factory=dict)
    _runs: dict[str, Decimal] = field(default_factory=dict)
    _steps: dict[str, int] = field(default_factory=dict)
    _quarters: dict[str, Decimal] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._calls)

    def values(self) -> Iterator[Cost]:
        """Each call's cost, in the order in which the calls were first heard of."""
        return iter(self._calls.values())

    def put(self, call: str, cost: Cost) -> None:
        """A call's cost, in place of what was known of that call before."""
        previous = self._calls.get(call)
        if previous is None:
            step = call.rpartition("/")[0]
            self._steps[step] = self._steps.get(step, 0) + 1
        else:
            self._add(previous, -1)
        self._calls[call] = cost
        self._add(cost, 1)

    def grant(self, scope: str, usd: Decimal) -> None:
        """Add so many dollars to a budget."""
        self._granted[scope] = self.granted(scope) + usd

    def granted(self, scope: str) -> Decimal:
        """What was added to a budget, in dollars."""
        return self._granted.get(scope, Decimal(0))

    def run_total(self, run: str) -> Decimal:
        """What a run's calls cost, in dollars."""
        return self._runs.get(run, Decimal(0))

    def calls_of_step(self, run: str, step: str) -> int:
        """How many calls a step has made."""
        return self._steps.get(f"{run}/{step}", 0)

    def since(self, stamp: str) -> Decimal:
        """What was spent from a moment on, in dollars. The moment is a full quarter of an hour: every day begins at one, in every time zone."""
        # All of them are looked at: a clock that was set back has put some behind later ones.
        first = _quarter(stamp)
        return sum((usd for quarter, usd in self._quarters.items() if quarter >= first), Decimal(0))

    def _add(self, cost: Cost, sign: int) -> None:
        quarter, usd = _quarter(cost.at), cost.usd + cost.aside
        self._runs[cost.run] = self.run_total(cost.run) + sign * usd
        self._quarters[quarter] = self._quarters.get(quarter, Decimal(0)) + sign * usd


@dataclass(slots=True)
class Acts:
    """Effects that were intended and did not certainly fail, by action and quarter of an hour: what a day's caps are held against."""

    _quarters: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    _order: dict[str, list[str]] = field(default_factory=dict)
    _where: dict[str, tuple[str, str]] = field(default_factory=dict)

    def begin(self, action: str, key: str, *, at: str, proposal: str) -> None:
        """An effect was intended at this stamp; a repeat under the same key is the same one."""
        if key in self._where:
            return
        quarter = _quarter(at)
        quarters = self._quarters.setdefault(action, {})
        if quarter not in quarters:
            quarters[quarter] = {}
            insort(self._order.setdefault(action, []), quarter)
        quarters[quarter][key] = proposal
        self._where[key] = (action, quarter)

    def drop(self, key: str) -> None:
        """The effect certainly did not happen: it no longer counts."""
        if (place := self._where.pop(key, None)) is not None:
            del self._quarters[place[0]][place[1]][key]

    def count(self, action: str, stamp: str, *, but: str) -> int:
        """How many of an action since a moment, which is a full quarter of an hour; the one with key `but` left out."""
        quarter = self._where.get(but, ("", ""))
        own = quarter[0] == action and quarter[1] >= _quarter(stamp)
        return sum(len(keys) for keys in self._since(action, stamp)) - own

    def proposals(self, action: str, stamp: str, *, but: str) -> list[str]:
        """The sealed proposals of those that `count` counts."""
        return [
            proposal for keys in self._since(action, stamp) for key, proposal in keys.items() if key != but
        ]

    def _since(self, action: str, stamp: str) -> Iterator[dict[str, str]]:
        # Effects with a stamp in the future count, too: a clock that was set back leaves some.
        order = self._order.get(action, [])
        for quarter in order[bisect_left(order, _quarter(stamp)) :]:
            yield self._quarters[action][quarter]


def _quarter(stamp: str) -> str:
    """The quarter of an hour a stamp is in: its text up to the hour, and 0 to 3."""
    return f"{stamp[:13]}/{int(stamp[14:16]) // 15}"
