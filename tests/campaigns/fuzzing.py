"""Fuzz cases by the thousand: a unit is 1,000 mutations of good sources for one target, drawn by its own seed.

The front end must answer every one with a plan or diagnostics: what it raises, hangs on (half a second of CPU for one case) or gets
wrong (`tests.property.test_language.good`) is a violation, kept with the seed that makes it again.
"""

import contextlib
import json
import random
import resource
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from engine.language.documents import agents, intents, playbook, policy, settings, sop, test_file
from engine.language.expressions.expressions import Expressions
from engine.language.templates import parser
from engine.language.text.source import SourceText
from engine.language.yaml.reader import read
from engine.model.definitions.diagnostics import Diagnostic, Severity
from engine.model.definitions.plan import Plan
from engine.model.errors import PermanentError
from tests.property import test_language as drawn
from tests.unit.language.actions import ACTIONS
from tests.unit.language.expressing import NOW, attempt
from tests.unit.language.expressing import read as read_value
from tests.unit.language.trees import CONFIG, compiled

ROOT = Path(__file__).parents[2]
CASES = 1000
SLOW_SECONDS = 0.5
HUNG_SECONDS = 60
MAX_BYTES = 4 << 30


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
    root, _ = read("a.yaml", data)
    if root is not None:
        made, found = playbook.read(SourceText.from_bytes("a.yaml", data), "a", root)
        assert made is not None or found
    if chance.random() < 0.1:
        drawn.good(compiled({"playbooks/case.yaml": data}), data)


def _sop(chance: random.Random) -> None:
    data = drawn.mutated(chance, chance.choice(drawn.MARKDOWN))
    made, found = sop.read(
        SourceText.from_bytes("a.md", data), "a", data, notes={}, is_sop=lambda path: path == "b.md"
    )
    assert made is not None or found or not sop.is_sop(data)
    if chance.random() < 0.1:
        drawn.good(compiled({"vault/sops/case.md": data}), data)


@cache
def _plans() -> dict[str, Plan]:
    sources = {
        path.relative_to(ROOT).as_posix(): path.read_bytes() for path in (ROOT / "playbooks").glob("*.yaml")
    }
    return dict(compiled(sources).plans)


def _files(*patterns: str) -> list[bytes]:
    return [path.read_bytes() for pattern in patterns for path in sorted(ROOT.glob(pattern))]


_RULES = policy.PolicyContext(actions=ACTIONS, purposes=frozenset({"newsletter"}))
_AROUND = agents.context_for(CONFIG, ACTIONS, notes={}, paths=())
_PARSERS: dict[str, Callable[[bytes], tuple[object, Iterable[Diagnostic]]]] = {
    "settings": lambda data: settings.parse("steward.yaml", data),
    "policy": lambda data: policy.parse("vault/policy.yaml", data, context=_RULES),
    "intents": lambda data: intents.parse([("vault/intents/a.yaml", data)]),
    "agent": lambda data: agents.parse("vault/agents/a.md", data, _AROUND),
    "template": lambda data: parser.parse("vault/templates/a.md", data),
    "test": lambda data: test_file.parse("playbooks/tests/a.test.yaml", data, _plans()),
}
_SEEDS = {
    "settings": _files("steward.yaml"),
    "policy": _files("vault/policy.yaml"),
    "intents": _files("vault/intents/*.yaml"),
    "agent": _files("vault/agents/*.md"),
    "template": _files("vault/templates/*.md", "vault/templates/replies/*.md"),
    "test": _files("playbooks/tests/*.test.yaml"),
}


def _file(chance: random.Random) -> None:
    """Every other kind of file: read, or refused at a place that is in it."""
    kind = chance.choice(list(_PARSERS))
    data = drawn.mutated(chance, chance.choice(_SEEDS[kind]))
    made, found = _PARSERS[kind](data)
    lines = data.count(b"\n") + data.count(b"\r") + 2
    assert made is not None or any(one.severity is Severity.ERROR for one in found)
    assert all(1 <= one.span.line <= lines and one.message for one in found)


def _expression(chance: random.Random) -> None:
    data = drawn.mutated(chance, chance.choice(drawn.EXPRESSIONS).encode())
    found, diagnostics = attempt(data.decode("utf-8", "replace").replace("\n", " "))
    assert (found is None) == bool(diagnostics)
    if found is not None:
        bindings = {one.variable: read_value(one.path) for one in found.expr.reads}
        with contextlib.suppress(PermanentError):
            json.dumps(
                Expressions().evaluate(found.expr, bindings, now=NOW, zone="Europe/Warsaw"), allow_nan=False
            )


TARGETS: dict[str, Callable[[random.Random], None]] = {
    "playbooks": _playbook,
    "sops": _sop,
    "expressions": _expression,
    "files": _file,
}


def unit(target: str, index: int, tally: Tally) -> None:
    """One thousand cases of one target."""
    for case in range(CASES):
        seed = f"{target} {index} {case}"
        try:
            took = _seconds(target, seed)
            if took > SLOW_SECONDS:
                # Cores that are shared count the same work up to three times as long: what was slow is timed once more.
                took = min(took, _seconds(target, seed))
        except Exception as raised:
            tally.violations.append(f"{seed!r}: {type(raised).__name__}: {raised}"[:300])
            continue
        finally:
            tally.cases += 1
        tally.slowest_ms = max(tally.slowest_ms, round(took * 1000))
        if took > SLOW_SECONDS:
            tally.violations.append(f"{seed!r}: {took:.2f} s of CPU")


def _seconds(target: str, seed: str) -> float:
    """CPU seconds of one case. Raises what the front end raises, and TimeoutError past a minute where `bounded` was called."""
    began = time.process_time()
    if signal.getsignal(signal.SIGVTALRM) is _hung:
        signal.setitimer(signal.ITIMER_VIRTUAL, HUNG_SECONDS)
    try:
        TARGETS[target](random.Random(seed))
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return time.process_time() - began


def bounded() -> None:
    """From here on, in this whole process, a case that eats memory or never ends is a violation with its seed, not the death of the campaign."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, hard))

    signal.signal(signal.SIGVTALRM, _hung)


def _hung(*_: object) -> None:
    raise TimeoutError(f"more than {HUNG_SECONDS} s of CPU")
