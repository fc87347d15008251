"""What compiling costs, in CPU seconds beyond imports: ``python -m benchmarks.compiling``.

Prints one line per measurement: the median of several rounds, and the limit it is held against.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import hostile
from engine.app import making
from engine.app.actions import declared
from engine.language import reader, shape
from engine.language.compile import compile_tree
from engine.model.config import Config, Person

ACTIONS = declared()
MOST_A_STEP = 0.3
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
    subprocess.run(
        [sys.executable, "-m", "engine.cli.main", *args], cwd=cwd, env=env, capture_output=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def say(what: str, seconds: list[float], limit: str) -> None:
    """One row."""
    print(f"{what:<52} {statistics.median(seconds) * 1000:9.1f} ms   {limit}")


def compiled(files: dict[str, bytes]) -> None:
    """Compile, and make sure that there was something to compile."""
    found = compile_tree(Folder(files), actions=ACTIONS, config=CONFIG)
    if found.diagnostics or len(found.plans) != len(files):
        raise SystemExit(f"the benchmark's own playbooks are wrong: {found.diagnostics[:1]}")


def large_workspace() -> None:
    """1,000 playbooks of 20 steps, cold, and after one edit in a running engine."""
    files = {f"playbooks/p{n}.yaml": playbook(n, 20) for n in range(1000)}
    compiled({"playbooks/warm.yaml": playbook(0, 3)})
    say(
        "1,000 playbooks of 20 steps, cold",
        [cpu(lambda: compiled(files))],
        "<= 5000",
    )
    edits = []
    for round_ in range(5):
        changed = {**files, "playbooks/p7.yaml": playbook(10_000 + round_, 20)}
        edits.append(cpu(partial(compiled, changed)))
    say("the same after one edit, running engine", edits, "<= 100")
    trees = [reader.read(path, data)[0] for path, data in files.items()]
    read = [one for one in trees if one is not None]
    seconds = cpu(lambda: [shape.violations("playbook", one) for one in read])
    say("of which jsonschema", [seconds], "")


def large_folder() -> None:
    """The same as commands: the first `check`, one after one edit among a thousand, one after none."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "w"
        env = {**os.environ, "XDG_STATE_HOME": folder, "PYTHONPATH": str(Path(__file__).parents[1])}
        making.make(root, name="Robin Park", email="robin@example.com")
        for number in range(1000):
            (root / f"playbooks/p{number}.yaml").write_bytes(playbook(number, 20))
        say("check of 1,000 playbooks, first, whole process", [command(["check"], root, env)], "")
        edits = []
        for round_ in range(5):
            (root / "playbooks/p7.yaml").write_bytes(playbook(10_000 + round_, 20))
            edits.append(command(["check"], root, env))
        say("the same after one edit, whole process", edits, "<= 900")
        again = [command(["check"], root, env) for _ in range(5)]
        say("the same unchanged, whole process", again, "")


def hostile_files() -> None:
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
        limit = f"<= {100 + steps * MOST_A_STEP:.0f}: {steps} steps; {grown:.0f} MB"
        if seconds > 0.05 or grown > 20:
            say(f"hostile: {name}", [seconds], limit)
    say(
        f"hostile: the other {sum(one[0] <= 0.05 for one in rows)}, at most",
        [max(one[0] for one in rows if one[0] <= 0.05)],
        "<= 100",
    )


def one_long_playbook() -> None:
    """Linear in the number of steps."""
    for steps in (100, 500, 1000, 2000, 5000, 10_000):
        trees = [
            Folder({"playbooks/long.yaml": playbook(20_000 + n, steps)})
            for n in range(1 if steps > 2000 else 3)
        ]
        found = [cpu(partial(compile_tree, tree, actions=ACTIONS, config=CONFIG)) for tree in trees]
        say(f"one playbook of {steps} steps", found, "linear")


def commands() -> None:
    """`--help`, a first `check` and an unchanged one, as whole processes."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "w"
        env = {**os.environ, "XDG_STATE_HOME": folder, "PYTHONPATH": str(Path(__file__).parents[1])}
        making.make(root, name="Robin Park", email="robin@example.com")
        say("steward --help, whole process", [command(["--help"], root, env) for _ in range(7)], "<= 150")
        say("steward check, first, whole process", [command(["check"], root, env)], "")
        say(
            "steward check, unchanged, whole process",
            [command(["check"], root, env) for _ in range(7)],
            "<= 150",
        )


if __name__ == "__main__":
    commands()
    hostile_files()
    one_long_playbook()
    large_workspace()
    large_folder()
