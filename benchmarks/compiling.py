"""What compiling costs, in CPU seconds beyond imports: ``python -m benchmarks.compiling [--only PART] [--loose 3]``.

Prints one line per measurement: the median of several rounds, and the limit it is held against; ends with 1 when one is past it.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import hostile_files as hostile
from benchmarks.limits import Limits, median_of, parser
from engine.app.setup import new_workspace
from engine.app.workspace.action_catalog import declared
from engine.language.build.compile import compile_tree
from engine.language.schemas import schema_check
from engine.language.yaml import reader
from engine.model.definitions.settings import Config, Person

ACTIONS = declared()
MAX_A_STEP = 0.3
"""Milliseconds that each step of a file may add to what any file may cost."""
CONFIG = Config(operator=Person(id="operator", name="The Operator", email="me@example.com"))


class Folder:
    """A tree in memory."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.commit = ""

    def paths(self) -> tuple[tuple[str, str], ...]:
        """(path, blob id); the id only has to change with the bytes."""
        return tuple((path, str(hash(data))) for path, data in sorted(self.files.items()))

    def read(self, path: str) -> bytes:
        """The bytes."""
        return self.files[path]


def playbook(number: int, steps: int) -> bytes:
    """A playbook of so many steps, each of which reads the one above."""
    lines = [f"name: Number {number}", "stage: approval", "on: { manual: {} }", "steps:"]
    lines.append('  - { id: s0, uses: notify/me, with: { text: "begin" } }')
    for step in range(1, steps):
        read = f"${{{{ steps.s{step - 1}.status == 'succeeded' }}}}"
        lines.append(
            f'  - {{ id: s{step}, if: "{read}", uses: notify/me, with: {{ text: "step {step} of {number}" }} }}'
        )
    return "\n".join(lines).encode()


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def command(args: list[str], cwd: Path, env: dict[str, str]) -> float:
    """CPU seconds of a command as a process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "engine.cli.main", *args], cwd=cwd, env=env, capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"steward {' '.join(args)} ended with {done.returncode}: nothing was timed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compiled(files: dict[str, bytes]) -> None:
    """Compile, and make sure that there was something to compile."""
    found = compile_tree(Folder(files), actions=ACTIONS, config=CONFIG)
    if found.diagnostics or len(found.plans) != len(files):
        raise SystemExit(f"the benchmark's own playbooks are wrong: {found.diagnostics[:1]}")


def large_workspace(limits: Limits) -> None:
    """1,000 playbooks of 20 steps, cold, and after one edit in a running engine."""
    files = {f"playbooks/p{n}.yaml": playbook(n, 20) for n in range(1000)}
    compiled({"playbooks/warm.yaml": playbook(0, 3)})
    limits.row("1,000 playbooks of 20 steps, cold", cpu(lambda: compiled(files)) * 1000, "ms", 5000)
    edits = []
    for round_ in range(5):
        changed = {**files, "playbooks/p7.yaml": playbook(10_000 + round_, 20)}
        edits.append(cpu(partial(compiled, changed)))
    limits.row("the same after one edit, running engine", median_of(edits), "ms", 100)
    trees = [reader.read(path, data)[0] for path, data in files.items()]
    read = [one for one in trees if one is not None]
    seconds = cpu(lambda: [schema_check.violations("playbook", one) for one in read])
    limits.row("of which jsonschema", seconds * 1000, "ms")


def large_folder(limits: Limits) -> None:
    """The same as commands: the first `check`, one after one edit among a thousand, one after none."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "w"
        env = {**os.environ, "XDG_STATE_HOME": folder, "PYTHONPATH": str(Path(__file__).parents[1])}
        new_workspace.make(root, name="Robin Park", email="robin@example.com")
        for number in range(1000):
            (root / f"playbooks/p{number}.yaml").write_bytes(playbook(number, 20))
        limits.row(
            "check of 1,000 playbooks, first, whole process", command(["check"], root, env) * 1000, "ms"
        )
        edits = []
        for round_ in range(5):
            (root / "playbooks/p7.yaml").write_bytes(playbook(10_000 + round_, 20))
            edits.append(command(["check"], root, env))
        limits.row("the same after one edit, whole process", median_of(edits), "ms", 900)
        again = [command(["check"], root, env) for _ in range(5)]
        limits.row("the same unchanged, whole process", median_of(again), "ms")


def hostile_files(limits: Limits) -> None:
    """Each hostile file alone: its CPU time and how much the process grew, in a process of its own."""
    compiled({"playbooks/warm.yaml": playbook(0, 20)})
    rows = []
    for name, (path, data) in hostile.files().items():
        read, write = os.pipe()
        if (child := os.fork()) == 0:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            tree = Folder({path: data + b"\n"})
            spent = cpu(partial(compile_tree, tree, actions=ACTIONS, config=CONFIG))
            more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            os.write(write, f"{spent} {more / 1000}".encode())
            os._exit(0)
        os.waitpid(child, 0)
        took, memory = map(float, os.read(read, 100).split())
        rows.append((took, memory, data.count(b"uses:") + data.count(b"- [ ]"), name))
    for seconds, grown, steps, name in sorted(rows, reverse=True):
        most = 100 + steps * MAX_A_STEP
        if seconds > 0.05 or grown > 20:
            limits.row(f"hostile: {name}", seconds * 1000, "ms", most, more=f"{steps} steps; {grown:.0f} MB")
    others = [seconds for seconds, *_ in rows if seconds <= 0.05]
    limits.row(f"hostile: the other {len(others)}, at most", max(others, default=0.0) * 1000, "ms", 100)
    limits.row("hostile: the largest grew the process by", max(grown for _, grown, *_ in rows), "MB")


def one_long_playbook(limits: Limits) -> None:
    """Linear in the number of steps: at ten thousand a step costs at most twice what it costs at a thousand."""
    each = dict[int, float]()
    for steps in (100, 500, 1000, 2000, 5000, 10_000):
        trees = [
            Folder({"playbooks/long.yaml": playbook(20_000 + n, steps)})
            for n in range(1 if steps > 2000 else 3)
        ]
        found = [cpu(partial(compile_tree, tree, actions=ACTIONS, config=CONFIG)) for tree in trees]
        each[steps] = median_of(found) / steps
        limits.row(
            f"one playbook of {steps} steps", median_of(found), "ms", more=f"{each[steps]:.3f} ms a step"
        )
    limits.row("a step of 10,000 against one of 1,000", each[10_000] / each[1000], "times", 2)


def commands(limits: Limits) -> None:
    """`--help`, a first `check` and an unchanged one, as whole processes."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "w"
        env = {**os.environ, "XDG_STATE_HOME": folder, "PYTHONPATH": str(Path(__file__).parents[1])}
        new_workspace.make(root, name="Robin Park", email="robin@example.com")
        helps = [command(["--help"], root, env) for _ in range(7)]
        limits.row("steward --help, whole process", median_of(helps), "ms", 150)
        limits.row("steward check, first, whole process", command(["check"], root, env) * 1000, "ms")
        checks = [command(["check"], root, env) for _ in range(7)]
        limits.row("steward check, unchanged, whole process", median_of(checks), "ms", 150)


PARTS: dict[str, Callable[[Limits], None]] = {
    "commands": commands,
    "hostile": hostile_files,
    "long": one_long_playbook,
    "workspace": large_workspace,
    "folder": large_folder,
}


def main() -> int:
    """Every part, or the one that is asked for."""
    arguments = parser("compiling", __doc__)
    arguments.add_argument("--only", choices=PARTS)
    asked = arguments.parse_args()
    limits = Limits(asked.loose)
    for name, part in PARTS.items():
        if asked.only in {None, name}:
            part(limits)
    return limits.code


if __name__ == "__main__":
    sys.exit(main())
