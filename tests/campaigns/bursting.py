"""Bursts of files before the eyes of a real `steward up`: each content that was finished starts one run, and nothing else does.

    python -m tests.campaigns.bursting [--files N]

`git checkout` over many files, forth and back; saves as editors make them; slow and empty writers; links, folders that are moved, a file that is too
large; and, the process frozen meanwhile, more events than the kernel's queue holds. The row goes to docs/evidence.
"""

import argparse
import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from engine.app.commands.file_watch import SETTLED_SECONDS
from engine.connectors.file_source import MAX_BYTES
from engine.model.events import events as e
from engine.testing.scenario import Scenario
from tests.campaigns import evidence
from tests.campaigns.invariants import judge
from tests.campaigns.standing import Standing

_CODE = ("engine/app", "engine/connectors/file_source.py", "engine/kernel", "tests/campaigns/bursting.py")
_BOX = "forms"
_PLAYBOOK = f"""\
name: Form
stage: approval
on: {{ file: {{ path: {_BOX}/**/*.csv }} }}
steps:
  - {{ id: note, uses: notify/me, with: {{ text: A form came. }} }}
"""
_OPEN, _PAUSE = 3.4, 0.3
_QUIET = SETTLED_SECONDS + 0.5
QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")


@dataclass
class Desk:
    """The folder, and what ought to come of what was done in it: (path, SHA-256) of each run; `perhaps` may be one."""

    root: Path
    ought: set[tuple[str, str]] = field(default_factory=set)
    perhaps: set[tuple[str, str]] = field(default_factory=set)

    def at(self, name: str) -> Path:
        path = self.root / _BOX / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def expect(self, name: str, content: bytes, *, perhaps: bool = False) -> bytes:
        (self.perhaps if perhaps else self.ought).add((f"{_BOX}/{name}", sha256(content).hexdigest()))
        return content

    def git(self, *words: str) -> None:
        subprocess.run(["git", "-C", self.root, *words], check=True, capture_output=True)


def _content(name: str, version: int = 1) -> bytes:
    return f"name,version\n{name},{version}\n".encode()


# ---------------------------------------------------------------- git


def branches(desk: Desk, files: int) -> None:
    """Two branches with many files: the second changes three in ten, moves one in twenty, and lacks one in ten of the first."""
    desk.git("checkout", "-q", "-b", "many")
    for number in range(files):
        name = f"{number % 20:02d}/{number}.csv"
        desk.at(name).write_bytes(_content(name))
    desk.git("add", "-A")
    desk.git("commit", "-q", "-m", "Many")
    desk.git("checkout", "-q", "-b", "more")
    for number in range(files):
        name = f"{number % 20:02d}/{number}.csv"
        if number % 10 < 3:
            desk.at(name).write_bytes(_content(name, 2))
        elif number % 20 == 9:
            desk.at(name).rename(desk.at(f"moved/{number}.csv"))
        elif number % 10 == 4:
            desk.at(name).unlink()
    desk.git("add", "-A")
    desk.git("commit", "-q", "-m", "More")
    desk.git("checkout", "-q", "main")


def checkouts(desk: Desk, files: int) -> Iterator[str]:
    """Forth and back and forth; what is yielded names the step that was just done."""
    desk.git("checkout", "-q", "many")
    for number in range(files):
        name = f"{number % 20:02d}/{number}.csv"
        desk.expect(name, _content(name))
    yield "checkout"
    desk.git("checkout", "-q", "main")
    yield "back"
    desk.git("checkout", "-q", "many")
    yield "again"
    desk.git("checkout", "-q", "more")
    for number in range(files):
        name = f"{number % 20:02d}/{number}.csv"
        if number % 10 < 3:
            desk.expect(name, _content(name, 2))
        elif number % 20 == 9:
            desk.expect(f"moved/{number}.csv", _content(name))
    yield "another"


# ---------------------------------------------------------------- editors and other writers


def atomic(desk: Desk, n: int) -> None:
    """A temporary file, synced, and moved into place; hidden, by its ending, or as a CSV of its own folder outside."""
    name = f"saved/atomic-{n}.csv"
    target = desk.at(name)
    part = [
        target.with_name(f".{target.name}.swp"),
        target.with_name(f"{target.name}.tmp"),
        desk.root / f"atomic-{n}.csv",
    ][n % 3]
    for version in (1, 2):
        with part.open("wb") as file:
            file.write(desk.expect(name, _content(name, version), perhaps=version == 1))
            os.fsync(file.fileno())
        part.replace(target)
        time.sleep(_PAUSE if version == 1 else 0)


def vim(desk: Desk, n: int) -> None:
    """It tries whether the folder can be written, moves the old file away, writes a new one, and removes the backup."""
    name = f"saved/vim-{n}.csv"
    target = desk.at(name)
    target.write_bytes(desk.expect(name, _content(name), perhaps=True))
    time.sleep(_PAUSE)
    probe = target.with_name("4913.csv")
    probe.touch()
    probe.unlink()
    backup = target.with_name(f"{target.name}~")
    target.rename(backup)
    with target.open("wb") as file:
        file.write(desk.expect(name, _content(name, 2)))
        os.fsync(file.fileno())
    backup.unlink()


def in_place(desk: Desk, n: int) -> None:
    """Cut to nothing, and written again a moment later, through one handle."""
    name = f"saved/in-place-{n}.csv"
    target = desk.at(name)
    target.write_bytes(desk.expect(name, _content(name), perhaps=True))
    time.sleep(_PAUSE)
    with target.open("wb") as file:
        time.sleep(0.05 * (n % 4))
        file.write(desk.expect(name, _content(name, 2)))


def emptied(desk: Desk, n: int) -> None:
    """Cut to nothing and closed, as a shell's redirection does; the words come with another handle."""
    name = f"saved/emptied-{n}.csv"
    target = desk.at(name)
    target.touch()
    time.sleep(0.05 * (n % 4))
    with target.open("ab") as file:
        file.write(desk.expect(name, _content(name)))


def twice(desk: Desk, n: int) -> None:
    """Two whole saves right behind each other: the second is a run, the first one may be."""
    name = f"saved/twice-{n}.csv"
    target = desk.at(name)
    target.write_bytes(desk.expect(name, _content(name), perhaps=True))
    time.sleep(0.002 * (n % 4))
    target.write_bytes(desk.expect(name, _content(name, 2)))


def slow(desk: Desk, n: int) -> None:
    """Written bit by bit, with pauses longer than the time after which a file counts."""
    name = f"saved/slow-{n}.csv"
    content = desk.expect(name, _content(name))
    with desk.at(name).open("wb", buffering=0) as file:
        for start in range(0, len(content), 12):
            file.write(content[start : start + 12])
            time.sleep(_OPEN if start == 12 else 0.01)


def same(desk: Desk, n: int) -> None:
    """The same content again, other times, other rights: nothing new."""
    name = f"saved/same-{n}.csv"
    target = desk.at(name)
    target.write_bytes(desk.expect(name, _content(name)))
    time.sleep(_PAUSE)
    target.write_bytes(_content(name))
    os.utime(target)
    target.chmod(0o600)


def links(desk: Desk, n: int) -> None:
    """A hard link is a file; what is linked softly is not followed."""
    outside = desk.root.parent / f"outside-{n}"
    outside.mkdir()
    (outside / "one.csv").write_bytes(_content(f"outside {n}"))
    desk.expect(f"saved/hard-{n}.csv", _content(f"outside {n}"))
    os.link(outside / "one.csv", desk.at(f"saved/hard-{n}.csv"))
    desk.at(f"saved/soft-{n}.csv").symlink_to(outside / "one.csv")
    desk.at(f"saved/folder-{n}").symlink_to(outside)


def folders(desk: Desk, n: int) -> None:
    """A whole folder comes, is renamed, and has another one made in it."""
    made = desk.root.parent / f"made-{n}"
    (made / "deep").mkdir(parents=True)
    for name in ("a.csv", "deep/b.csv"):
        (made / name).write_bytes(desk.expect(f"came-{n}/{name}", _content(f"{n}/{name}")))
    made.rename(desk.at(f"came-{n}"))
    time.sleep(_QUIET)
    desk.at(f"came-{n}").rename(desk.at(f"renamed-{n}"))
    for name in ("a.csv", "deep/b.csv"):
        desk.expect(f"renamed-{n}/{name}", _content(f"{n}/{name}"))
    desk.at(f"renamed-{n}/new/and/deep/c.csv").write_bytes(
        desk.expect(f"renamed-{n}/new/and/deep/c.csv", _content(f"{n}"))
    )


def nobody_s(desk: Desk, n: int) -> None:
    """Git's own, hidden and unfinished files, backups, other endings, and one that is too large: no run."""
    for name in (f".git/x-{n}.csv", f".hidden-{n}.csv", f"x-{n}.csv.part", f"x-{n}.csv~", f"x-{n}.txt"):
        desk.at(name).write_bytes(b"nobody's")
    with desk.at(f"large-{n}.csv").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    gone = desk.at(f"gone-{n}.csv")
    with gone.open("wb") as file:
        file.write(b"gone before it was closed")
        gone.unlink()


WRITERS: tuple[Callable[[Desk, int], None], ...] = (
    atomic, vim, in_place, emptied, twice, slow, same, links, folders, nobody_s,
)  # fmt: skip


def frozen(desk: Desk, one: Standing, noise: int) -> None:
    """While nobody reads the queue, more happens than it holds; what comes last is not told."""
    one.send(signal.SIGSTOP)
    places = [desk.at("noise/a.txt"), desk.at("noise/b.txt")]
    for number in range(noise):
        places[number % 2].write_text("x")
    for number in range(20):
        name = f"late/{number}.csv"
        desk.at(name).write_bytes(desk.expect(name, _content(name)))
    one.send(signal.SIGCONT)


# ---------------------------------------------------------------- what came of it


@contextmanager
def office(folder: Path) -> Iterator[tuple[Desk, Standing]]:
    """A company that listens to forms; nothing is up yet."""
    company = Scenario.make(folder / "company", files={"playbooks/form.yaml": _PLAYBOOK}, bare=True)
    one = Standing(company)
    try:
        yield Desk(company.root), one
    finally:
        one.down(signal.SIGKILL)


def found(desk: Desk, one: Standing) -> dict[str, object]:
    """What ran against what ought to."""
    runs = Counter((str(said["path"]), str(said["sha256"])) for said in one.started())
    events = [event.body for event in one.company.events()]
    put_aside = Counter(
        body.reason for body in events if isinstance(body, e.TriggerReceived) and body.outcome == "ignored"
    )
    violations = list(judge(one.company.folder).violations)
    violations += [f"no run: {path}" for path, _ in sorted(desk.ought - runs.keys())]
    violations += [
        f"a run of what was never finished: {path}"
        for path, _ in sorted(runs.keys() - desk.ought - desk.perhaps)
    ]
    violations += [f"{n} runs: {path}" for (path, _), n in runs.items() if n > 1]
    violations += [f"put aside: {reason}" for reason in put_aside if reason not in {"duplicate", "too-big"}]
    return {
        "ought": len(desk.ought), "runs": sum(runs.values()), "perhaps": len(runs.keys() & desk.perhaps - desk.ought),
        "duplicates-noted": put_aside["duplicate"], "too-big": put_aside["too-big"], "violations": violations,
    }  # fmt: skip


def _come(desk: Desk, one: Standing, seconds: float) -> None:
    """Until everything is there that ought to be and nothing more comes, or the time is over: then it will be missed."""
    end = time.monotonic() + seconds
    while one.events("run.created") < len(desk.ought) and time.monotonic() < end:
        time.sleep(0.3)
    one.quiet(_QUIET)


def burst(desk: Desk, one: Standing, *, files: int, each: int, noise: int) -> dict[str, object]:
    """All of it; `each` writer so many times, and `noise` so many writes while the process is frozen. What came of it, and after which step how many runs there were."""
    branches(desk, files)
    one.up()
    counts: dict[str, object] = {}
    for step in checkouts(desk, files):
        _come(desk, one, 30 + files / 10)
        counts[step] = one.events("run.created")
    for n in range(each):
        for write in WRITERS:
            with contextlib.suppress(FileExistsError):
                write(desk, n)
    _come(desk, one, 20)
    if noise:
        frozen(desk, one, noise)
        began = time.monotonic()
        _come(desk, one, 60)
        counts["overflow-seconds"] = round(time.monotonic() - began, 1)
    one.quiet(_QUIET)
    if code := one.down():
        raise RuntimeError(f"it ended with {code}")
    return {**counts, **found(desk, one)}


def main(argv: list[str]) -> int:
    """One burst, and its row."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.bursting", description=__doc__)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--each", type=int, default=12)
    args = parser.parse_args(argv)
    noise = int(QUEUE.read_text()) if QUEUE.exists() else 0
    with (
        tempfile.TemporaryDirectory(prefix="steward-bursting-") as folder,
        office(Path(folder)) as (desk, one),
    ):
        result = burst(desk, one, files=args.files, each=args.each, noise=noise)
    print(result)
    violations = result.pop("violations")
    assert isinstance(violations, list)
    used = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    row = {
        "campaign": "bursting", "commit": evidence.commit(), "digest": evidence.digest(*_CODE), "range": [0, args.files],
        "result": {**result, "violations": len(violations)}, "cpu_seconds": round(used),
    }  # fmt: skip
    evidence.add(row)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
