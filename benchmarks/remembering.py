"""What remembering costs, and that it stays true: ``python -m benchmarks.remembering --data FOLDER [--loose 3]``.

FOLDER holds Markdown in any arrangement. Ends with 1 when a figure is past its limit or a part can't be run. Notes are committed in a scratch repository and
read from git as the product does. Counting uses an instant encoder; what names the real one uses the real one.
"""

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

from benchmarks.limits import Limits, parser
from engine.app.adapters.memory_process import client
from engine.app.adapters.registry import front_matter
from engine.app.workspace.workspace import Workspace
from engine.ledger import StateDir
from engine.memory.chunking import CHUNKER, cut
from engine.memory.encoder import SentenceEncoder
from engine.memory.index import NoteIndexFiles, Synced
from engine.memory.markdown_sections import body, trails
from engine.memory.model import find
from engine.memory.service import LocalEncoder
from engine.memory.vector_cache import VectorCache
from engine.model.definitions.settings import Config, MemoryConfig, Person
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

    def __init__(self, folder: Path, encoder: LocalEncoder) -> None:
        self.folder, self.encoder = folder, encoder

    def open(self, name: str, cache: str = "vectors.db") -> NoteIndexFiles:
        """An index in a folder of its own."""
        vectors = VectorCache(self.folder / cache, version=f"{self.encoder.version} {CHUNKER}")
        return NoteIndexFiles(
            self.folder / name, model=self.encoder.version, encode=self.encoder.encode, cache=vectors,
            reading=front_matter,
        )  # fmt: skip


def sync(index: NoteIndexFiles, root: Path, commit: str) -> tuple[Synced, float]:
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


def missing(limits: Limits, what: str, why: str) -> None:
    """A part that can't be run here counts as one that failed: nothing was measured."""
    print(f"{what:<60} NOT RUN: {why}", flush=True)
    limits.past.append(what)


def texts(root: Path) -> set[str]:
    """The digests of all passages of the working folder."""
    found = set()
    for path in (root / "vault").rglob("*.md"):
        matter = front_matter(str(path), path.read_bytes()) or {}
        found |= {one.hash for one in cut(path.read_bytes(), str(matter.get("title") or "")).chunks}
    return found


def counting(limits: Limits, folder: Path, sources: Sequence[Path]) -> None:
    """What is encoded after edits, moves and deletions, and what following a commit costs."""
    company = Company(folder, sources, seeded(1))
    company.add(_NOTES)
    index = Shelf(folder, HashEncoder()).open("counting")
    made, cpu = sync(index, company.root, company.commit())
    limits.row(f"{made.notes} notes, {made.passages} passages, instant encoder: first index", cpu, "CPU s")
    made, cpu = sync(index, company.root, company.commit())
    limits.equal("a commit that changes no note: texts encoded", made.encoded, 0)
    limits.row("  what it costs", cpu, "CPU s", 0.1)
    known = texts(company.root)
    for path in company.some(10):
        company.edit(path)
    new = len(texts(company.root) - known)
    made, cpu = sync(index, company.root, company.commit())
    limits.equal(
        "10 notes edited: texts encoded, as many as are new", made.encoded, new, more=f"{cpu:.2f} CPU s"
    )
    for path in company.some(10):
        company.move(path)
    made, cpu = sync(index, company.root, company.commit())
    limits.equal("10 notes moved: texts encoded", made.encoded, 0, more=f"{cpu:.2f} CPU s")
    for path in company.some(10):
        path.unlink()
    made, cpu = sync(index, company.root, company.commit())
    limits.equal("10 notes deleted: texts encoded", made.encoded, 0, more=f"{cpu:.2f} CPU s")
    queries = list(questions(sources))[:_QUERIES]
    seconds, hits = [], 0
    for query in queries:
        began = time.process_time()
        hits += bool(index.search(query, kind="", limit=5))
        seconds.append(time.process_time() - began)
    limits.row(
        f"search in {made.passages} passages without the encoder, p50",
        statistics.median(seconds) * 1000,
        "ms CPU",
    )
    limits.equal("  questions that found something", hits, len(queries))
    index.close()


def questions(sources: Sequence[Path]) -> Iterator[str]:
    """Headings of the notes, spread over all of them: what somebody might ask."""
    chance = seeded(3)
    for path in chance.sample(list(sources), len(sources)):
        found = [way[-1][1] for way, _ in trails(body(path.read_text(errors="replace"))) if way]
        if found:
            yield chance.choice(found)


def history(
    limits: Limits, folder: Path, sources: Sequence[Path], encoder: LocalEncoder, notes: int, *, name: str
) -> None:
    """Follow a history commit by commit, each time beside an index made afresh: ids, digests, vectors and ranks have to be equal."""
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
    limits.equal(f"{_COMMITS} commits over {notes} notes, {name}: the index differs at", wrong, 0)
    print(f"  over that history {encoded} encoded, {written} written, {cpu:.1f} CPU s after the first")
    index.close()


def ranked(index: NoteIndexFiles, query: str) -> list[tuple[str, str, float]]:
    """The first twenty, as they are shown."""
    return [
        (one["path"], one["heading"], round(one["score"], 4))
        for one in index.search(query, kind="", limit=20)
    ]


def recalling(limits: Limits, folder: Path, sources: Sequence[Path]) -> None:
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
        return missing(limits, "warm recall through the process", "the heavy half is not installed")
    try:
        began = time.monotonic()
        memory.wake()
        limits.row("starting the process, until the command goes on", (time.monotonic() - began) * 1000, "ms")
        made = memory.sync(commit, seconds=600)
        seconds = time.monotonic() - began
        pid = memory.status()["pid"]
        warm = f"until {made['passages']} passages of {made['notes']} notes can be recalled"
        limits.row(warm, seconds, "s", more=f"{_cpu_of(pid)} CPU s")
        taken = []
        for query in list(questions(sources))[:_QUERIES]:
            began = time.monotonic()
            if not memory.recall(query, kind="", limit=5, commit=commit):
                raise SystemExit(f"nothing was recalled for {query!r}: nothing was timed")
            taken.append(time.monotonic() - began)
        taken.sort()
        p50, p95 = taken[len(taken) // 2] * 1000, taken[len(taken) * 95 // 100] * 1000
        limits.row("warm recall through the process, p50", p50, "ms", 60, more=f"p95 {p95:.0f} ms wall")
        status = Path(f"/proc/{pid}/status")
        if status.is_file():
            used = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
            limits.row("memory of the process", int(used.split()[1]) / 1024, "MB")
    finally:
        memory.quit()


def main() -> int:
    """Every part, or the one that is asked for."""
    arguments = parser("remembering", __doc__)
    arguments.add_argument("--data", type=Path, required=True, help="a folder of Markdown")
    arguments.add_argument("--only", choices=["counting", "history", "real-history", "recalling"])
    asked = arguments.parse_args()
    sources, limits = sorted(asked.data.rglob("*.md")), Limits(asked.loose)
    if not sources:
        arguments.error(f"there is no Markdown in {asked.data}")
    seeded(0).shuffle(sources)
    print(f"load {os.getloadavg()[0]:.1f}, {len(sources)} files of Markdown", flush=True)
    with tempfile.TemporaryDirectory() as place:
        if asked.only in {None, "counting"}:
            counting(limits, Path(place) / "counting", sources)
        if asked.only in {None, "history"}:
            history(limits, Path(place) / "history", sources, HashEncoder(), 200, name="instant encoder")
        if asked.only in {None, "real-history"}:
            try:
                encoder = SentenceEncoder(find(MemoryConfig()))
            except PermanentError as problem:
                missing(limits, "the same with the real encoder", problem.message)
            else:
                encoder.load()
                history(limits, Path(place) / "real", sources, encoder, 40, name="real encoder")
        if asked.only in {None, "recalling"}:
            recalling(limits, Path(place) / "recalling", sources)
    return limits.code


if __name__ == "__main__":
    sys.exit(main())
