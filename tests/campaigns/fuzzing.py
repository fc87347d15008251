"""Fuzz cases by the thousand: a unit is 1,000 mutations of good sources for one target, drawn by its own seed.

The front end must answer every one with a plan or diagnostics: what it raises, hangs on (half a second of CPU for one case) or gets
wrong (`tests.property.test_language.good`) is a violation, kept with the seed that makes it again.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.language.reader import front_matter, read
from tests.property import test_language as drawn
from tests.unit.language.expressing import attempt
from tests.unit.language.trees import compiled

CASES = 1000
SLOW_SECONDS = 0.5


@dataclass
class Tally:
    """What a range of units showed."""

    cases: int = 0
    slowest_ms: int = 0
    violations: list[str] = field(default_factory=list)

    def result(self) -> dict[str, object]:
        """As kept in the evidence."""
        return {"cases": self.cases, "violations": len(self.violations), "slowest_ms": self.slowest_ms}


def _playbook(chance: random.Random) -> None:
    data = drawn.mutated(chance, chance.choice(drawn.YAML))
    read("a.yaml", data)
    if chance.random() < 0.1:
        drawn.good(compiled({"playbooks/case.yaml": data}), data)


def _sop(chance: random.Random) -> None:
    data = drawn.mutated(chance, chance.choice(drawn.MARKDOWN))
    front_matter("a.md", data)
    if chance.random() < 0.1:
        drawn.good(compiled({"vault/sops/case.md": data}), data)


def _expression(chance: random.Random) -> None:
    data = drawn.mutated(chance, chance.choice(drawn.EXPRESSIONS).encode())
    found, diagnostics = attempt(data.decode("utf-8", "replace").replace("\n", " "))
    assert (found is None) == bool(diagnostics)


TARGETS: dict[str, Callable[[random.Random], None]] = {
    "playbooks": _playbook,
    "sops": _sop,
    "expressions": _expression,
}


def unit(target: str, index: int, tally: Tally) -> None:
    """One thousand cases of one target."""
    for case in range(CASES):
        seed = f"{target} {index} {case}"
        began = time.process_time()
        try:
            TARGETS[target](random.Random(seed))
        except Exception as raised:
            tally.violations.append(f"{seed!r}: {type(raised).__name__}: {raised}"[:300])
        took = time.process_time() - began
        tally.cases += 1
        tally.slowest_ms = max(tally.slowest_ms, round(took * 1000))
        if took > SLOW_SECONDS:
            tally.violations.append(f"{seed!r}: {took:.2f} s of CPU")
