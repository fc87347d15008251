"""What showing the past costs at a million events: ``python -m benchmarks.showing [EVENTS] [--loose 3]``.

Makes a workspace with a ledger of that many events in a folder of its own (runs from letter to outcome, a few of them failed, some cards
open), then measures, each in a process of its own: making the segments once, opening the history, the rows of today's page, one subject's
timeline, and one run; then whole commands, with the process, its imports and the history it opens. Prints CPU and wall time, medians;
ends with 1 when one subject's timeline is past 50 ms of wall time.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.limits import Limits, parser
from engine.app.adapters.memory_process import OFF
from engine.ledger import Keys, Ledger, Owner, StateDir
from engine.model.events import events as e
from engine.model.events.readers import ModelAnswered
from engine.model.values.timestamps import stamp
from engine.observe import today_page
from engine.observe.history import History
from engine.testing.scenario import Scenario

END = datetime(2026, 3, 2, 12, tzinfo=UTC)
SUBJECTS, AT_ONCE, OPEN = 5_000, 200, 200
ADDRESS = "ada@example.org"
"""One of the senders, by the address that a person types."""
ROUNDS = 7
MAX_TIMELINE = 50
"""Milliseconds of wall time that one subject's timeline may take at a million events."""
ROOT = Path(__file__).parents[1]
SETTINGS: dict[str, Any] = {"zone": "Europe/Berlin", "living": frozenset({"lead-capture"})}


def story(number: int, when: datetime, content: str, *, ends: bool, known: str = "") -> Iterator[e.Draft]:
    """The seventeen events of one letter; `ends`: its card is answered. `known` is the subject of one sender in :data:`SUBJECTS`."""
    run, subject, key = f"{number:064x}", f"{number % SUBJECTS:032x}", f"{number:063x}k"
    subject = known if known and number % SUBJECTS == SUBJECTS // 2 else subject
    source = f"{number:062x}ee"
    about: dict[str, Any] = {"run": run, "subject": subject}
    yield e.Draft(
        body=e.TriggerReceived(kind="email", source=source, playbook="lead-capture", outcome="started"),
        **about,
    )
    yield e.Draft(
        body=e.RunCreated(playbook="lead-capture", plan="a" * 64, commit="c" * 40, stage="approval", trigger="email", source=source), **about,
    )  # fmt: skip
    yield e.Draft(body=e.RunStarted(), **about)
    for step in ("who", "intent", "draft"):
        yield e.Draft(body=e.StepStarted(attempt=1), step=step, **about)
        yield e.Draft(body=e.StepSucceeded(attempt=1, outputs=content), step=step, **about)
    if number % 10 == 0:
        answered = ModelAnswered(
            call=f"{run}/draft/1", model="default", served="m", tokens_in=900, tokens_out=200, usd="0.004"
        )
        yield e.Draft(body=answered, step="draft", **about)
    yield e.Draft(
        body=e.EffectProposed(action="email/reply", key=key, revision=1, kind="idempotent", reach="customer", proposal=content, digest="d"),
        step="reply", **about,
    )  # fmt: skip
    yield e.Draft(
        body=e.EffectGated(revision=1, answer="ask", rule="stage", because="approval", gate="offer"),
        step="reply",
        **about,
    )
    card = f"C{number:025d}"
    expires = stamp(when + timedelta(days=7))
    yield e.Draft(
        body=e.CardOpened(card=card, gate="offer", steps=("reply",), revisions=(1,), expires=expires, strength=1, digest="d", content=content),
        **about,
    )  # fmt: skip
    if not ends:
        return
    yield e.Draft(
        body=e.CardApproved(card=card, by="robin", channel="terminal", strength=1, digest="d"), **about
    )
    yield e.Draft(body=e.EffectIntended(key=key, revision=1, attempt=1), step="reply", **about)
    if number % 50 == 0:
        yield e.Draft(body=e.EffectFailed(key=key, code="refused"), step="reply", **about)
        yield e.Draft(body=e.RunEnded(status="failed", reason="reply"), **about)
        return
    yield e.Draft(
        body=e.EffectSucceeded(key=key, outputs=content, provider=f"<{number}@example.com>"),
        step="reply",
        **about,
    )
    yield e.Draft(body=e.RunEnded(status="succeeded"), **about)


def fill(state: StateDir, count: int, end: datetime = END) -> None:
    """A year of letters, evenly spread, up to `end`."""
    owner, keys = Owner.take(state), Keys.open(state)
    ledger = Ledger.open(state, keys=keys, owner=owner)
    content = ledger.seal({
        "title": "Offer", "digest": "d" * 64, "members": [], "findings": [], "letter": {"subject": "A question", "from": "ada@example.org"},
    })  # fmt: skip
    known = str(keys.subject(ADDRESS))
    runs = count // 17 + 1
    began = end - timedelta(days=365)
    gap = (end - began) / runs
    number = 0
    while number < runs:
        drafts: list[e.Draft] = []
        when = began + gap * number
        for _ in range(min(AT_ONCE if runs - number > OPEN else 1, runs - number)):
            drafts += story(number, when, content, ends=runs - number > OPEN, known=known)
            number += 1
        ledger.append(drafts, at=when, durable=True)
    ledger.close()
    keys.close()
    if owner is not None:
        owner.release()


def measured(state: StateDir, what: str) -> dict[str, float]:
    """CPU and wall seconds of the median of several rounds of one thing."""
    works: dict[str, Callable[[], object]] = {
        "segments": lambda: _opened(state),
        "open": lambda: _opened(state),
        "page": lambda: today_page.page(state, now=END, **SETTINGS),
    }
    if what in works:
        return _median(works[what], rounds=1 if what == "segments" else ROUNDS)
    with today_page.look(state) as seen:
        subject = max(
            seen.history.rows("SELECT subject FROM subjects"),
            key=lambda row: not row["subject"].startswith("0"),
        )["subject"]
        run = seen.history.rows("SELECT run FROM runs ORDER BY seq LIMIT 1 OFFSET 1000")[0]["run"]
        open_ones: dict[str, Callable[[], object]] = {
            "timeline": lambda: seen.timeline(subject),
            "steps": lambda: seen.history.rows("SELECT * FROM steps WHERE run = ?", run),
        }
        return _median(open_ones[what], rounds=ROUNDS)


def _opened(state: StateDir) -> int:
    keys = Keys.open(state)
    ledger = Ledger.open(state, keys=keys, owner=None)
    with History(ledger, state.path / "history") as history:
        last = history.last
    ledger.close()
    keys.close()
    return last


def _median(work: Callable[[], object], *, rounds: int) -> dict[str, float]:
    seen = []
    for _ in range(rounds):
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        seen.append((time.process_time() - cpu, time.perf_counter() - wall))
    first = seen[0][1]
    cpus, walls = zip(*seen, strict=True)
    return {"cpu": statistics.median(cpus), "wall": statistics.median(walls), "first": first}


WORDS = {
    "segments": "segments made, once",
    "open": "history opened",
    "page": "today's rows, history opened for it",
    "timeline": "one subject's timeline, history open",
    "steps": "one run's steps, history open",
}


COMMANDS = (
    ("timeline", ADDRESS), ("timeline", f"{1000:064x}"), ("log",), ("log", f"{1000:064x}"), ("costs",), ("costs", "--by", "week"),
)  # fmt: skip


def _commands(company: Scenario, limits: Limits) -> None:
    """Whole commands, as typed."""
    env = {**os.environ, **company.env, "PYTHONPATH": os.fspath(ROOT), OFF: "off"}
    for words in COMMANDS:
        seen = []
        for _ in range(ROUNDS):
            before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            argv = [sys.executable, "-m", "engine.cli.main", *words]
            done = subprocess.run(argv, cwd=company.root, env=env, stdout=subprocess.PIPE, check=True)
            wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
            seen.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall))
        cpu, took = (statistics.median(column) * 1000 for column in zip(*seen, strict=True))
        lines = len(done.stdout.splitlines())
        if not lines:
            raise SystemExit(f"steward {' '.join(words)} showed nothing: nothing was timed")
        command = f"steward {words[0]} {' '.join(words[1:])[:18]}, {lines} lines"
        limits.row(command, cpu, "ms CPU", more=f"{took:.0f} ms wall")


def main() -> int:
    """Fill, then measure each thing in a process of its own."""
    arguments = parser("showing", __doc__)
    arguments.add_argument("events", type=int, nargs="?", default=1_000_000)
    asked = arguments.parse_args()
    limits = Limits(asked.loose)
    with tempfile.TemporaryDirectory(prefix="showing-") as folder:
        company = Scenario.make(Path(folder) / "company")
        company.run()
        state = company.workspace().state
        began = time.perf_counter()
        fill(state, asked.events)
        print(f"{asked.events} events made in {time.perf_counter() - began:.0f} s")
        for what, words in WORDS.items():
            argv = [sys.executable, "-m", "benchmarks.showing", "--measure", str(state.path), what]
            done = subprocess.run(argv, stdout=subprocess.PIPE, check=True)
            found = json.loads(done.stdout)
            most = MAX_TIMELINE if what == "timeline" else None
            cpu = f"{found['cpu'] * 1000:.0f} ms CPU, the first one {found['first'] * 1000:.0f} ms wall"
            limits.row(words, found["wall"] * 1000, "ms", most, more=cpu)
        _commands(company, limits)
    return limits.code


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measured(StateDir(Path(sys.argv[2])), sys.argv[3])))
    else:
        sys.exit(main())
