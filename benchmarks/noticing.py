"""How soon a dropped file is a run, and what waiting costs: ``python -m benchmarks.noticing [FILES]``.

A tree of 5,000 files that no playbook listens to, twice. Over one stands the engine, over the other a bare watchdog observer that commits one row
to SQLite (WAL, synchronous=FULL) for each file that is moved into place: the floor. Files that have been whole for long are moved in in pairs, one
into each, one after another; counted is the time from the end of `rename` to the moment at which run or row is durable. Then a few are written in
place, as a person's programs do: from the end of `close` to the run, which includes the three seconds for which a file has to be quiet. Then
nothing happens for a minute, and the engine's CPU and memory are read.
"""

import contextlib
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from benchmarks.limits import Limits, parser
from engine.app.adapters.memory_process import OFF
from engine.app.commands.daemon import DaemonOptions, serve
from engine.app.workspace.workspace import open_workspace
from engine.model.events.events import Event, RunCreated
from engine.testing.scenario import Scenario

PAIRS, WRITTEN, FILES, IDLE_SECONDS = 500, 10, 5_000, 60.0
_BOX = "vault/inbox/forms"
_PLAYBOOK = f"""\
name: Form
stage: approval
on: {{ file: {{ path: {_BOX}/**/*.csv }} }}
steps:
  - {{ id: note, uses: notify/me, with: {{ text: A form came. }} }}
"""


def tree(folder: Path, files: int = FILES) -> None:
    """Many files in a hundred folders."""
    for number in range(files):
        place = folder / f"{number % 100:02d}" / f"{number}.txt"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{number}\n")


def engine(root: Path) -> None:
    """Up, in this process; a line with the monotonic time of each durable run."""

    def listen(event: Event) -> None:
        if isinstance(event.body, RunCreated):
            print(time.monotonic_ns(), flush=True)

    def say(text: str) -> None:
        if text.startswith("up:"):
            print("up", flush=True)

    serve(open_workspace(root, os.environ), DaemonOptions(env=os.environ, listen=listen, say=say))


def floor(root: Path) -> None:
    """The least that could do it; the same lines."""
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer

    db = sqlite3.connect(root / "rows.db", check_same_thread=False, isolation_level=None)
    db.execute("PRAGMA journal_mode = wal")
    db.execute("PRAGMA synchronous = full")
    db.execute("CREATE TABLE rows (path TEXT)")

    class Handler(FileSystemEventHandler):
        def on_moved(self, event: FileSystemEvent) -> None:
            db.execute("INSERT INTO rows VALUES (?)", (str(event.dest_path),))
            print(time.monotonic_ns(), flush=True)

    observer = Observer()
    observer.schedule(Handler(), str(root / _BOX), recursive=True)
    observer.start()
    print("up", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        observer.join()


@contextmanager
def started(what: str, root: Path, env: dict[str, str]) -> Iterator[IO[str]]:
    """One of the two as a process of its own; its lines."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.noticing", what, root],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        try:
            if process.stdout is None or process.stdout.readline().strip() != "up":
                raise SystemExit(f"{what} did not begin")
            yield process.stdout
        finally:
            process.send_signal(signal.SIGINT)


def moved(lines: IO[str], root: Path, number: int) -> float:
    """Milliseconds from the end of `rename` to what is durable, of a file that was whole a minute ago."""
    target = root / _BOX / f"{number % 100:02d}" / f"{number}.csv"
    part = target.with_name(f".{number}.part")
    part.write_text(f"name,place\nform {number},Berlin\n")
    before = time.time() - 60
    os.utime(part, (before, before))
    part.rename(target)
    done = time.monotonic_ns()
    return (int(lines.readline()) - done) / 1e6


def written(lines: IO[str], root: Path, number: int) -> float:
    """Milliseconds from the end of `close` to the run, of a file that was written in place."""
    (root / _BOX / f"{number % 100:02d}" / f"written-{number}.csv").write_text(
        f"name,place\nform {number},Lodz\n"
    )
    closed = time.monotonic_ns()
    return (int(lines.readline()) - closed) / 1e6


def told(limits: Limits, what: str, taken: list[float], most: float | None = None) -> None:
    """One row: the 99th of a hundred against its limit."""
    ordered = sorted(taken)
    p99 = ordered[len(ordered) * 99 // 100]
    limits.row(
        what, p99, "ms", most, more=f"p99; median {statistics.median(ordered):.2f}, most {ordered[-1]:.2f}"
    )


def idle(limits: Limits, root: Path, env: dict[str, str]) -> None:
    """The command itself with nothing to do: CPU over a minute, and memory, without the memory process."""
    with subprocess.Popen(
        [sys.executable, "-m", "engine.cli.main", "up"], cwd=root, env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        time.sleep(5)
        before, began = _cpu(process.pid), time.monotonic()
        time.sleep(IDLE_SECONDS)
        used = (_cpu(process.pid) - before) / (time.monotonic() - began)
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        process.send_signal(signal.SIGINT)
    limits.row("a minute of nothing: CPU", used * 100, "%", 1.0)
    limits.row("a minute of nothing: memory", kilobytes / 1000, "MB", 150.0)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def main(files: int, loose: float) -> int:
    """Pairs first, then a minute of nothing; 1 when a figure is past its limit."""
    limits = Limits(loose=loose)
    with tempfile.TemporaryDirectory(prefix="steward-noticing-") as folder:
        company = Scenario.make(Path(folder) / "company", files={"playbooks/form.yaml": _PLAYBOOK}, bare=True)
        tree(company.root / _BOX, files)
        bare = Path(folder) / "bare"
        tree(bare / _BOX, files)
        env = {**os.environ, **company.env, OFF: "off", "PYTHONPATH": str(Path(__file__).parents[1])}
        ours, least = [], []
        with started("engine", company.root, env) as engine_, started("floor", bare, env) as floor_:
            time.sleep(2)
            for number in range(PAIRS):
                ours.append(moved(engine_, company.root, number))
                time.sleep(0.05)
                least.append(moved(floor_, bare, number))
                time.sleep(0.05)
            slow = [written(engine_, company.root, number) for number in range(WRITTEN)]
        print(f"{PAIRS} pairs, {files} files in the tree")
        told(limits, "whole file moved in to durable run", ours, 50.0)
        told(limits, "watchdog and one commit", least)
        limits.row("ratio of the medians", statistics.median(ours) / statistics.median(least), "times", 3.0)
        told(limits, "written file to durable run, three seconds of quiet in it", slow, 3500.0)
        idle(limits, company.root, env)
    return limits.code


if __name__ == "__main__":
    if sys.argv[1:2] in (["engine"], ["floor"]):
        {"engine": engine, "floor": floor}[sys.argv[1]](Path(sys.argv[2]))
    else:
        arguments = parser("noticing", __doc__)
        arguments.add_argument("files", nargs="?", type=int, default=FILES)
        given = arguments.parse_args()
        sys.exit(main(given.files, given.loose))
