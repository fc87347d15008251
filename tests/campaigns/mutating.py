"""Mechanical mutants of guards: a unit is one of them, put into a copy of the code, and the tests of its module must turn red.

What is turned: an operand of ``and``/``or`` is dropped; an element of what a digest is made of is dropped; a ``return`` of truth is
turned; a guard (``if …: return`` or ``raise``) never holds. The mutants are those of the places that decide whether something may happen
(`GUARDED`), in an order drawn once, so that every slice is a sample of all of them. A mutant that no test notices is a *survivor*; those
that change nothing anybody can see are listed with the reason in ``equivalent.txt`` beside this file and counted apart.

The idea is that of mutation testing (DeMillo, Lipton and Sayward 1978); tools that mutate whole packages take days for what is asked here.
"""

import ast
import hashlib
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.sabotage.test_sabotage import copied

ROOT = Path(__file__).parents[2]
EQUIVALENT = Path(__file__).with_name("equivalent.txt")
MAX_CPU_SECONDS, MAX_SECONDS = 600, 1_200
"""What hangs is noticed: by the work it does, so that a busy machine notices nothing that an idle one does not; by the clock only where it does none."""
_NONE_COLLECTED = 5
_SIMULATED = (
    "tests/simulate/test_approvals.py", "tests/simulate/test_provider.py", "tests/simulate/test_recovery.py",
    "tests/simulate/test_limits.py", "tests/simulate/test_breakers.py", "tests/simulate/test_budgets.py", "tests/simulate/test_policies.py",
    "tests/simulate/test_outages.py", "tests/simulate/test_retrying.py", "tests/simulate/test_redrafting.py", "tests/simulate/test_shadow.py",
    "tests/simulate/test_undo.py", "tests/simulate/test_put_aside.py", "tests/simulate/test_what_a_card_binds.py",
    "tests/simulate/test_health.py", "tests/simulate/test_watched.py", "tests/simulate/test_triggers.py", "tests/simulate/test_alarms.py",
    "tests/simulate/test_language_runs.py", "tests/simulate/test_agents.py",
)  # fmt: skip
GUARDED: dict[str, tuple[str, ...]] = {
    "engine/kernel": ("tests/unit/kernel", "tests/unit/model", *_SIMULATED),
    "engine/governance": ("tests/unit/governance", "tests/simulate/test_approvals.py", "tests/simulate/test_policies.py"),
    "engine/model/effects.py": ("tests/unit/model", *_SIMULATED),
    "engine/model/health.py": ("tests/unit/model", "tests/simulate/test_health.py"),
    "engine/runtime/broker.py": ("tests/unit/runtime", "tests/contract", *_SIMULATED),
    "engine/runtime/model_gateway.py": ("tests/unit/runtime", "tests/unit/agents", "tests/simulate/test_budgets.py"),
    "engine/ledger/verify.py": ("tests/unit/ledger", "tests/simulate/test_verify_at_the_door.py"),
    "engine/ledger/chain.py": ("tests/unit/ledger", "tests/simulate/test_verify_at_the_door.py"),
    "engine/cli/commands/stop_and_secrets.py": ("tests/unit/cli", "tests/simulate/test_verify_at_the_door.py"),
    "engine/cli/commands/approvals.py": ("tests/unit/cli", "tests/simulate/test_approvals.py"),
}  # fmt: skip
"""The code that decides → the tests that say what it decides, those that fail soonest first."""


@dataclass(frozen=True)
class Mutant:
    """One change: `old` at `start` of a file, which becomes `new`. `name` stays when lines move."""

    path: str
    name: str
    start: int
    old: bytes
    new: bytes
    tests: tuple[str, ...]

    def applied(self, data: bytes) -> bytes:
        """The file with the change."""
        return data[: self.start] + self.new + data[self.start + len(self.old) :]


@dataclass
class Tally:
    """What a range of units showed. Survivors are told by name and are no violations: each is looked at."""

    tried: int = 0
    noticed: int = 0
    equivalent: int = 0
    survivors: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def result(self) -> dict[str, object]:
        """As kept in the evidence."""
        counted = {
            "tried": self.tried,
            "noticed": self.noticed,
            "equivalent": self.equivalent,
            "survived": len(self.survivors),
        }
        return {**counted, "survivors": self.survivors}  # fmt: skip


def mutants_of(path: str, data: bytes, tests: tuple[str, ...] = ()) -> Iterator[Mutant]:
    """Every mutant of one file, in the order of the file."""
    lines = [0]
    for line in data.split(b"\n"):
        lines.append(lines[-1] + len(line) + 1)

    def at(node: ast.AST) -> tuple[int, int]:
        first = lines[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
        return first, lines[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]

    def made(kind: str, function: str, node: ast.AST, new: bytes) -> Mutant:
        first, last = at(node)
        old = data[first:last]
        mark = hashlib.sha256(old + b"\0" + new).hexdigest()[:8]
        return Mutant(path, f"{path} {function} {kind} {mark}", first, old, new, tests)

    def text(node: ast.AST) -> bytes:
        first, last = at(node)
        return data[first:last]

    for function, node in _within(ast.parse(data), ""):
        match node:
            case ast.BoolOp():
                word = b" and " if isinstance(node.op, ast.And) else b" or "
                for number in range(len(node.values)):
                    rest = [
                        b"(" + text(one) + b")" for index, one in enumerate(node.values) if index != number
                    ]
                    yield made(f"operand-{number}", function, node, b"(" + word.join(rest) + b")")
            case ast.Return(value=ast.expr() as value) if _is_truth(value):
                yield made("return", function, value, b"(not (" + text(value) + b"))")
            case ast.If(body=[ast.Return() | ast.Raise()], orelse=[]):
                yield made("guard", function, node.test, b"(False and (" + text(node.test) + b"))")
            case ast.Call() if _makes_digest(node):
                for display in ast.walk(node):
                    yield from _dropped(display, function, text, made)
                if len(node.args) > 2:
                    for number in range(1, len(node.args)):
                        rest = [text(one) for index, one in enumerate(node.args) if index != number]
                        yield made(
                            f"element-{number}",
                            function,
                            node,
                            text(node.func) + b"(" + b", ".join(rest) + b")",
                        )


def _dropped(
    display: ast.AST,
    function: str,
    text: Callable[[ast.AST], bytes],
    made: Callable[[str, str, ast.AST, bytes], Mutant],
) -> Iterator[Mutant]:
    if isinstance(display, ast.List | ast.Tuple) and len(display.elts) > 1:
        left, right = (b"[", b"]") if isinstance(display, ast.List) else (b"(", b",)")
        for number in range(len(display.elts)):
            rest = [text(one) for index, one in enumerate(display.elts) if index != number]
            yield made(f"element-{number}", function, display, left + b", ".join(rest) + right)
    elif isinstance(display, ast.Dict) and len(display.values) > 1:
        pairs = [
            (b"**" if key is None else text(key) + b": ") + text(value)
            for key, value in zip(display.keys, display.values, strict=True)
        ]
        for number in range(len(pairs)):
            rest = [pair for index, pair in enumerate(pairs) if index != number]
            yield made(f"element-{number}", function, display, b"{" + b", ".join(rest) + b"}")


def _within(node: ast.AST, function: str) -> Iterator[tuple[str, ast.AST]]:
    """Every node with the name of what it stands in."""
    for child in ast.iter_child_nodes(node):
        inner = function
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{function}.{child.name}" if function else child.name
        yield inner, child
        yield from _within(child, inner)


def _is_truth(value: ast.expr) -> bool:
    match value:
        case ast.Constant():
            return isinstance(value.value, bool)
        case ast.Compare() | ast.UnaryOp(op=ast.Not()):
            return True
        case ast.Call(func=ast.Name(id="any" | "all" | "isinstance" | "bool")):
            return True
        case _:
            return False


def _makes_digest(call: ast.Call) -> bool:
    named = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return named in {"name_of", "_joined", "mac", "_digest", "digest", "commitment"}


@cache
def mutants() -> tuple[Mutant, ...]:
    """All of them, in the drawn order."""
    every: dict[str, Mutant] = {}
    for place, tests in GUARDED.items():
        base = ROOT / place
        for path in sorted(base.rglob("*.py")) if base.is_dir() else [base]:
            for mutant in mutants_of(path.relative_to(ROOT).as_posix(), path.read_bytes(), tests):
                every[mutant.name] = mutant
    return tuple(sorted(every.values(), key=lambda one: hashlib.sha256(one.name.encode()).digest()))


@cache
def equivalents() -> frozenset[str]:
    """The names of mutants that change nothing anybody can see."""
    lines = EQUIVALENT.read_text(encoding="utf-8").splitlines()
    return frozenset(line.partition(" # ")[0].strip() for line in lines if line and not line.startswith("#"))


def noticed(folder: Path, mutant: Mutant) -> bool:
    """Whether the tests of its module turn red in a copy with the mutant. The copy is as before afterwards."""
    target = folder / mutant.path
    whole = target.read_bytes()
    target.write_bytes(mutant.applied(whole))
    try:
        return not (_green(folder, mutant.tests, "not slow") and _green(folder, mutant.tests, "slow"))
    finally:
        target.write_bytes(whole)


def _green(folder: Path, tests: tuple[str, ...], which: str) -> bool:
    words = ["-m", "pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider", "-m", which]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    process = subprocess.Popen(
        [sys.executable, *words, *tests], cwd=folder, env={**env, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    resource.prlimit(process.pid, resource.RLIMIT_CPU, (MAX_CPU_SECONDS, MAX_CPU_SECONDS))
    try:
        return process.wait(MAX_SECONDS) in {0, _NONE_COLLECTED}
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False


def unit(folder: Path, index: int, tally: Tally) -> None:
    """One mutant. Past the last one there is nothing left to try."""
    if index >= len(mutants()):
        return
    copy = folder / "copy"
    if not copy.exists():
        copied(copy)
    mutant = mutants()[index]
    tally.tried += 1
    if mutant.name in equivalents():
        tally.equivalent += 1
    elif noticed(copy, mutant):
        tally.noticed += 1
    else:
        tally.survivors.append(mutant.name)
        print(
            f"mutating: survived: {mutant.name}\n  - {mutant.old.decode()}\n  + {mutant.new.decode()}",
            file=sys.stderr,
        )
