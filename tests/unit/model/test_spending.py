"""What calls cost, added up by run and by time."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from engine.model.state.budgets import Cost, Costs
from engine.model.values.timestamps import stamp

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_every_sum_is_that_of_the_costs_as_they_stand_last():
    random, costs, last = Random(7), Costs(), {}
    for _ in range(2000):
        run = f"r{random.randrange(5)}"
        call = f"{run}/draft/{random.randrange(40)}"
        at = stamp(NOON + timedelta(minutes=random.randrange(-5000, 5000)))
        last[call] = Cost(at=at, run=run, model="m", usd=Decimal(random.randrange(1000)) / 1000)
        costs.put(call, last[call])
    assert list(costs.values()) == list(last.values())
    assert len(costs) == len(last)
    for run in ("r0", "r4", "nobody"):
        assert costs.run_total(run) == sum(one.usd for one in last.values() if one.run == run)
        assert costs.calls_of_step(run, "draft") == sum(one.run == run for one in last.values())
    for minutes in (-6000, -15, 0, 45, 6000):
        since = stamp(NOON + timedelta(minutes=minutes))
        assert costs.since(since) == sum(one.usd for one in last.values() if one.at >= since)
