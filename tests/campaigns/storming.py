"""A storm: many runs meet a provider that answers 429 for half an hour of virtual time, and then drain.

python -m tests.campaigns.storming --runs 1000 --minutes 30    the row goes to docs/evidence

What is measured: the calls beyond the one that each run needs; the calls made before the time the provider asked for was over, by the
provider's own clock and file; those made beside another one before the first was answered; and how long it takes until every run has
ended once the provider is well again.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from engine.app.commands import command_bus
from engine.ledger import Keys, Ledger
from engine.model.events import connectors as k
from engine.model.events import events as e
from engine.model.values.timestamps import moment
from engine.testing.provider import Provider
from engine.testing.scenario import PROVIDER_FILE, Scenario
from tests.campaigns import evidence
from tests.campaigns.invariants import judge

_CODE = (
    "engine/kernel",
    "engine/model",
    "engine/ledger",
    "engine/runtime",
    "engine/testing",
    "tests/campaigns/storming.py",
)
_ASKED = timedelta(seconds=60)
_MAX_DRAIN = timedelta(hours=2)
PLAYBOOK = """\
name: low
stage: approval
on: { manual: {} }
steps:
  - id: tell
    uses: provider/idempotent
    with: { text: hello }
"""


@dataclass(frozen=True)
class Storm:
    """What a storm showed. `refused`: calls that were answered 429; `peak`: the most calls of one second after it."""

    runs: int
    calls: int
    refused: int
    early: int
    beside: int
    peak: int
    drained: timedelta

    def result(self) -> dict[str, object]:
        """As it is kept in the evidence."""
        return {
            "runs": self.runs, "calls": self.calls, "refused": self.refused, "amplification": round(self.calls / self.runs, 4),
            "early": self.early, "beside": self.beside, "peak_per_second": self.peak,
            "drained_seconds": round(self.drained.total_seconds()),
        }  # fmt: skip


def storm(company: Scenario, provider: Provider, *, runs: int, minutes: int) -> Storm:
    """`runs` runs of the playbook ``low`` begin while the provider answers 429 and asks for a minute each time, for `minutes` minutes."""
    provider.keep_time(company.clock.now())
    company.clock.moved = provider.keep_time
    provider.behave("429", times=10**9, wait_seconds=_ASKED.total_seconds())
    begin = company.clock.now()
    asked(company, runs)
    end = begin + timedelta(minutes=minutes)
    while company.clock.now() < end:
        state = company.book().connectors.get("provider")
        due = moment(state.resting) if state is not None else end
        wait = max(due - company.clock.now(), timedelta(seconds=1))
        company.clock.advance(min(wait, end - company.clock.now()))
        company.run(quietly=True)
        company.run(quietly=True)
    provider.calm()
    while any(not run.terminal for run in company.runs()) and company.clock.now() < end + _MAX_DRAIN:
        company.later(timedelta(seconds=10))
    return _seen(company, provider, runs, company.clock.now() - end)


def asked(company: Scenario, runs: int) -> None:
    """That many starts stand in the table of requests, and one pass decides them all."""
    workspace = company.workspace()
    keys = Keys.open(workspace.state)
    ledger = Ledger.open(workspace.state, keys=keys, owner=None)
    for _ in range(runs):
        ledger.ask(command_bus.request("start", actor="robin", target="low", body={"inputs": {}}))
    ledger.close()
    keys.close()
    company.run(quietly=True)


def _seen(company: Scenario, provider: Provider, runs: int, drained: timedelta) -> Storm:
    events = company.events()
    calls = [event for event in events if isinstance(event.body, e.EffectIntended)]
    limits = [(event.seq, event.body.until) for event in events if isinstance(event.body, k.LimitReached)]
    answered = [event.seq for event in events if isinstance(event.body, k.ConnectorAnswered)]
    # Between a request to wait and the next answer or request there is one call, never two.
    marks = sorted([*(seq for seq, _ in limits), *answered])
    beside = sum(
        sum(first < call.seq < last for call in calls) > 1
        for first, last in pairwise(marks)
        if first in {seq for seq, _ in limits}
    )
    last = limits[-1][0] if limits else 0
    after = [moment(one.ts) for one in calls if one.seq > last]
    peak = max((sum(one <= two < one + timedelta(seconds=1) for two in after) for one in after), default=0)
    total = provider.asked()["perform"]
    return Storm(
        runs=runs, calls=total, refused=total - len(provider.effects()), early=len(provider.early()), beside=beside, peak=peak, drained=drained,
    )  # fmt: skip


def main(argv: list[str]) -> int:
    """One storm, and its row."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.storming", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--minutes", type=int, default=30)
    args = parser.parse_args(argv)
    began, commit, digest = time.process_time(), evidence.commit(), evidence.digest(*_CODE)
    with tempfile.TemporaryDirectory(prefix="steward-storm-") as name:
        folder = Path(name) / "supplied"
        folder.mkdir()
        with Provider.start(folder / PROVIDER_FILE) as provider:
            files = {"playbooks/low.yaml": PLAYBOOK}
            company = Scenario.make(folder, files=files, provider=provider.address, bare=True)
            found = storm(company, provider, runs=args.runs, minutes=args.minutes)
            violations = [*judge(folder).violations]
            violations += [
                f"{run.status}: {run.reason}" for run in company.runs() if run.status != "succeeded"
            ]
    row = {
        "campaign": "storming", "commit": commit, "digest": digest, "range": [0, args.runs],
        "result": {**found.result(), "minutes": args.minutes, "violations": len(violations)},
        "cpu_seconds": round(time.process_time() - began),
    }  # fmt: skip
    evidence.add(row)
    print("\n".join(violations[:20]))
    print(json.dumps(row["result"]))
    return 1 if violations or found.early or found.beside else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
