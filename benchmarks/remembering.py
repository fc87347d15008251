"""What remembering costs, and that it stays true: ``python -m benchmarks.remembering --data FOLDER``.

FOLDER holds Markdown in any arrangement; parts that need it say NOT RUN without it. Notes are committed in a scratch repository and
read from git as the product does. Counting uses an instant encoder; what names the real one uses the real one.
"""

import argparse
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from engine.app.remembering import client
from engine.app.rooms import front_matter
from engine.app.workspace import Workspace
from engine.ledger import StateDir
from engine.memory.chunks import CHUNKER, cut
from engine.memory.encoder import SentenceEncoder
from engine.memory.headings import body, trails
from engine.memory.index import Index, Synced
from engine.memory.keeper import OneEncoder
from engine.memory.model import find
from engine.memory.vectors import VectorCache
from engine.model.config import Config, MemoryConfig, Person
from engine.model.errors import PermanentError
from engine.testing.encoder import HashEncoder
from engine.vault import GitTree

_NOTES, _REAL_NOTES, _COMMITS, _QUERIES = 900, 60, 50, 50


def seeded(number: int) -> random.Random:
    """Chance that is the same each time."""
    return random.Random(number)  # noqa: S311 - nothing secret is drawn


class Company:
    """A scratch repository whose notes come from a folder of Markdown, in a seeded order."""

    def __init__(self, folder: Path, sources: Sequence[Path], chance: random.Random) -> None:
        self.root, self.chance, self._sources = folder / "company", chance, list(sources)
        self._next = 0
        (self.root / "vault").mkdir(parents=True)
        self._git("init", "-qb", "main")

    def add(self, count: int) -> None:
        """That many more notes. Once all were used they come again with another first line."""
        for _ in range(count):
            source = self._sources[self._next % len(self._sources)]
            again = f"Copy {self._next}\n\n".encode() if self._next >= len(self._sources) else b""
            path = self.root / "vault" / f"shelf-{self._next % 40}" / f"{self._next}-{source.name}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(again + source.read_bytes())
            self._next += 1

    def some(self, count: int) -> list[Path]:
        """Notes at random."""
        found = sorted((self.root / "vault").rglob("*.md"))
        return self.chance.sample(found, min(count, len(found)))

    def edit(self, path: Path) -> None:
        """Change words, add a section, or take lines away, somewhere in a note."""
        lines = path.read_text(errors="replace").split("\n")
        place = self.chance.randrange(len(lines) + 1)
        match self.chance.randrange(3):
            case 0:
                lines.insert(
                    place, f"## Added {self.chance.random()}\n\n{' '.join(self.chance.choices(lines, k=5))}\n"
                )
            case 1:
                del lines[place : place + 10]
            case _:
                lines[place:place] = [f"One more remark, number {self.chance.randrange(10**6)}."]
        path.write_text("\n".join(lines))

    def change(self, path: Path) -> None:
        """Mostly an edit, sometimes a move, sometimes a deletion."""
        match self.chance.randrange(5):
            case 0:
                self.move(path)
            case 1:
                path.unlink()
            case _:
                self.edit(path)

    def move(self, path: Path) -> None:
        """Another folder, the same name."""
        target = self.root / "vault" / f"moved-{self.chance.randrange(30)}"
        target.mkdir(exist_ok=True)
        path.rename(target / path.name)

    def commit(self) -> str:
        """Commit everything; the commit's id."""
        self._git("add", "-A")
        self._git("commit", "-qm", "x", "--allow-empty")
        return self._git("rev-parse", "HEAD")

    def _git(self, *words: str) -> str:
        who = (
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@example.com",
            "-c",
            "commit.gpgSign=false",
            "-c",
            "gc.auto=0",
        )
        done = subprocess.run(
            ["git", *who, *words], cwd=self.root, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()


class Shelf:
    """Where indexes are made, each with the encoder given."""

    def __init__(self, folder: Path, encoder: OneEncoder) -> None:
        self.folder, self.encoder = folder, encoder

    def open(self, name: str, cache: str = "vectors.db") -> Index:
        """An index in a folder of its own."""
        vectors = VectorCache(self.folder / cache, version=f"{self.encoder.version} {CHUNKER}")
        return Index(
            self.folder / name, model=self.encoder.version, backend="faiss", encode=self.encoder.encode_one, cache=vectors,
            reading=front_matter,
        )  # fmt: skip


def sync(index: Index, root: Path, commit: str) -> tuple[Synced, float]:
    """Bring it there; what it took, and the CPU seconds of this process and of git."""
    began = _cpu()
    with closing(GitTree.named(root, commit)) as tree:
        made = index.sync(tree)
    return made, _cpu() - began


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _cpu_of(pid: int) -> str:
    """CPU seconds another process has used so far, where the system tells."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.is_file():
        return "?"
    ticks = [int(one) for one in stat.read_text().rpartition(")")[2].split()[11:13]]
    return f"{sum(ticks) / os.sysconf('SC_CLK_TCK'):.1f}"


def say(what: str, seen: str, limit: str = "") -> None:
    """One row."""
    print(f"{what:<64} {seen:<40} {limit}", flush=True)


def texts(root: Path) -> set[str]:
    """The digests of all passages of the working folder."""
    found = set()
    for path in (root / "vault").rglob("*.md"):
        matter = front_matter(str(path), path.read_bytes()) or {}
        found |= {one.hash for one in cut(path.read_bytes(), str(matter.get("title") or "")).chunks}
    return found


def counting(folder: Path, sources: Sequence[Path]) -> None:
    """What is encoded after edits, moves and deletions, and what following a commit costs."""
    company = Company(folder, sources, seeded(1))
    company.add(_NOTES)
    index = Shelf(folder, HashEncoder()).open("counting")
    made, cpu = sync(index, company.root, company.commit())
    say(f"{made.notes} notes, {made.passages} passages, instant encoder: first index", f"{cpu:.2f} CPU s")
    made, cpu = sync(index, company.root, company.commit())
    say("a commit that changes no note", f"{made.encoded} encoded, {cpu:.3f} CPU s", "0; 0.1 CPU s")
    known = texts(company.root)
    for path in company.some(10):
        company.edit(path)
    new = len(texts(company.root) - known)
    made, cpu = sync(index, company.root, company.commit())
    say("10 notes edited", f"{made.encoded} encoded, {new} new texts, {cpu:.2f} CPU s", "equal")
    for path in company.some(10):
        company.move(path)
    made, cpu = sync(index, company.root, company.commit())
    say("10 notes moved", f"{made.encoded} encoded, {cpu:.2f} CPU s", "0")
    for path in company.some(10):
        path.unlink()
    made, cpu = sync(index, company.root, company.commit())
    say("10 notes deleted", f"{made.encoded} encoded, {cpu:.2f} CPU s", "0")
    queries = list(questions(sources))[:_QUERIES]
    seconds = []
    for query in queries:
        began = time.process_time()
        index.search(query, kind="", limit=5)
        seconds.append(time.process_time() - began)
    say(
        f"search in {made.passages} passages without the encoder",
        f"{statistics.median(seconds) * 1000:.1f} ms CPU p50",
    )
    index.close()


def questions(sources: Sequence[Path]) -> Iterator[str]:
    """Headings of the notes, spread over all of them: what somebody might ask."""
    chance = seeded(3)
    for path in chance.sample(list(sources), len(sources)):
        found = [way[-1][1] for way, _ in trails(body(path.read_text(errors="replace"))) if way]
        if found:
            yield chance.choice(found)


def history(folder: Path, sources: Sequence[Path], encoder: OneEncoder, notes: int, *, name: str) -> bool:
    """Follow a history commit by commit, each time beside an index made afresh. Whether they were equal every time."""
    chance = seeded(5)
    company = Company(folder, sources, chance)
    company.add(notes)
    shelf = Shelf(folder, encoder)
    index = shelf.open("grown")
    queries = list(questions(sources))[:_QUERIES]
    wrong, encoded, written, cpu = 0, 0, 0, 0.0
    for step in range(_COMMITS):
        if step:
            company.add(chance.randrange(3))
            for path in company.some(chance.randrange(1, 8)):
                company.change(path)
        commit = company.commit()
        made, took = sync(index, company.root, commit)
        encoded, written, cpu = encoded + made.encoded, written + made.written, cpu + (took if step else 0.0)
        # The last one is encoded afresh, too: what was kept has to equal what is computed.
        fresh = shelf.open(f"fresh-{step}", cache="fresh.db" if step == _COMMITS - 1 else "vectors.db")
        sync(fresh, company.root, commit)
        ranks = sum(ranked(index, query) != ranked(fresh, query) for query in queries)
        if fresh.contents() != index.contents() or ranks:
            wrong += 1
            print(f"  commit {step}: the index differs, {ranks} of {len(queries)} questions rank otherwise")
        fresh.close()
        shutil.rmtree(folder / f"fresh-{step}")
        if step % 10 == 9:
            index.close()
            index = shelf.open("grown")
    say(
        f"{_COMMITS} commits over {notes} notes, {name}: commits at which the index differs", f"{wrong}",
        "0 (ids, digests, vectors, ranks of 50 questions)",
    )  # fmt: skip
    say(
        "  encoded and written over that history",
        f"{encoded} encoded, {written} written, {cpu:.1f} CPU s after the first",
    )
    index.close()
    return not wrong


def ranked(index: Index, query: str) -> list[tuple[str, str, float]]:
    """The first twenty, as they are shown."""
    return [
        (one["path"], one["heading"], round(one["score"], 4))
        for one in index.search(query, kind="", limit=20)
    ]


def recalling(folder: Path, sources: Sequence[Path]) -> None:
    """How long the process takes to get warm, and to answer."""
    company = Company(folder, sources, seeded(9))
    company.add(_REAL_NOTES)
    commit = company.commit()
    workspace = Workspace(
        root=company.root, tree=GitTree.named(company.root, commit), id="bench",
        config=Config(operator=Person(id="operator", name="The Operator"), memory=MemoryConfig()),
        state=StateDir.of("bench", env={"XDG_STATE_HOME": str(folder)}),
    )  # fmt: skip
    memory = client(workspace, {})
    if memory is None:
        return say("warm recall through the process", "NOT RUN: the heavy half is not installed", "60 ms p50")
    try:
        began = time.monotonic()
        memory.wake()
        say("starting the process, until the command goes on", f"{(time.monotonic() - began) * 1000:.0f} ms")
        made = memory.sync(commit, seconds=600)
        seconds = time.monotonic() - began
        pid = memory.status()["pid"]
        say(
            f"until {made['passages']} passages of {made['notes']} notes can be recalled", f"{seconds:.1f} s wall, {_cpu_of(pid)} CPU s"
        )  # fmt: skip
        taken = []
        for query in list(questions(sources))[:_QUERIES]:
            began = time.monotonic()
            memory.recall(query, kind="", limit=5, commit=commit)
            taken.append(time.monotonic() - began)
        taken.sort()
        p50, p95 = taken[len(taken) // 2] * 1000, taken[len(taken) * 95 // 100] * 1000
        say("warm recall through the process", f"{p50:.0f} ms p50, {p95:.0f} ms p95 wall", "60 ms p50")
        status = Path(f"/proc/{pid}/status")
        if status.is_file():
            used = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
            say("memory of the process", f"{int(used.split()[1]) // 1024} MB")
    finally:
        memory.quit()


def main() -> int:
    """Every part; 1 when an index differed from a fresh one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder of Markdown")
    parser.add_argument("--only", choices=["counting", "history", "real-history", "recalling"])
    args = parser.parse_args()
    sources = sorted(args.data.rglob("*.md")) if args.data else []
    if not sources:
        say("remembering", "NOT RUN: no Markdown, name a folder with --data")
        return 0
    seeded(0).shuffle(sources)
    print(f"load {os.getloadavg()[0]:.1f}, {len(sources)} files of Markdown", flush=True)
    good = True
    with tempfile.TemporaryDirectory() as place:
        if args.only in {None, "counting"}:
            counting(Path(place) / "counting", sources)
        if args.only in {None, "history"}:
            good = history(Path(place) / "history", sources, HashEncoder(), 200, name="instant encoder")
        if args.only in {None, "real-history"}:
            try:
                encoder = SentenceEncoder(find(MemoryConfig()))
            except PermanentError as problem:
                say("the same with the real encoder", f"NOT RUN: {problem.message}")
            else:
                encoder.load()
                good = history(Path(place) / "real", sources, encoder, 40, name="real encoder") and good
        if args.only in {None, "recalling"}:
            recalling(Path(place) / "recalling", sources)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
