"""Six hours in which letters can't leave, in the middle of many: on a clock that several real processes share and that runs faster.

    python -m tests.campaigns.outage [--letters N] [--speed N] [--seed N]

Letters come one after another while `steward up` serves them and each answer is approved by a command of its own. The mail server is gone
for two hours, says 451 for two (to MAIL, then to the final dot), the disk is full for two (the outbox's, then that of the whole state;
NOT RUN where nothing may be mounted), and then the day's cap is reached, so that the rest leaves after midnight. In the end every answer
was taken exactly once, counted by the server, and what was not settled in between stood where the operator sees it.
"""

import argparse
import email
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiosmtpd.controller import Controller

from engine.app.queries.waiting_steps import outstanding
from engine.model.events import outages as o
from engine.model.state.state import RunState
from engine.model.values.ids import ValueId
from engine.testing.scenario import Scenario
from engine.testing.scenario import letter as written
from tests.campaigns import evidence
from tests.campaigns.invariants import judge
from tests.campaigns.mailing import accounts
from tests.campaigns.scaled import NAME, Scaled
from tests.simulate.postoffice import SETTINGS
from tests.simulate.terminal import Said, coldly, environment

HOUR = timedelta(hours=1)
BEGAN = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
ANSWER, THANKS = "We will look at it on Monday.", "thanks"
STATE_ROOM, OUTBOX_ROOM = "96m", "8m"
_UP_AGAIN, _LOOK = 1.0, 0.3
_CODE = (
    "engine/connectors",
    "engine/app",
    "engine/kernel",
    "tests/campaigns/outage.py",
    "tests/campaigns/scaled.py",
)
_COMMAND = (sys.executable, "-m", "tests.campaigns.scaled")
_PLAYBOOK = f"""\
name: Answers
stage: approval
on: {{ email: {{ mailbox: leads }} }}
subject: ${{{{ event.from }}}}
steps:
  - {{ id: thanks, uses: email/acknowledge, with: {{ template: got-it }} }}
  - {{ id: answer, uses: email/reply, with: {{ body: "{ANSWER}" }}, needs: [] }}
"""
_POLICY = "caps: [{{ action: email/reply, count-per-day: {count} }}]\n"


def sender(n: int) -> str:
    """Who wrote letter `n`."""
    return f"ada-{n}@winterlight.example.com"


@dataclass
class Server:
    """A mail server that writes down what it took, by its own clock, one line a letter. `says`: what it answers instead of 250."""

    port: int
    file: Path
    clock: Scaled
    says: dict[str, str] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    _controller: Controller | None = None

    async def handle_MAIL(self, _server, _session, envelope, address, _options):
        envelope.mail_from = address
        return self._say("MAIL")

    async def handle_DATA(self, _server, _session, envelope):
        said = self._say("DATA")
        if said.startswith("250"):
            content = email.message_from_bytes(envelope.original_content)
            kind = "answer" if ANSWER in str(content.get_payload()) else THANKS
            row = {
                "at": self.clock.now().isoformat(), "to": envelope.rcpt_tos, "kind": kind, "id": content["Message-ID"],
            }  # fmt: skip
            with self.file.open("a", encoding="utf-8") as out:
                out.write(json.dumps(row) + "\n")
        return said

    def _say(self, what: str) -> str:
        said = self.says.get(what, "250 OK")
        self.refused[f"{said[:3]} to {what}"] += not said.startswith("250")
        return said

    def open(self) -> None:
        """Be there."""
        with warnings.catch_warnings():
            # The library warns about its own `loop` argument.
            warnings.simplefilter("ignore")
            self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
            self._controller.start()

    def close(self) -> None:
        """Be gone: connections are refused."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def taken(self) -> list[dict[str, Any]]:
        """All it took, from its file."""
        return [json.loads(line) for line in self.file.read_text(encoding="utf-8").splitlines()]


@dataclass
class Disks:
    """Small file systems of their own for the state and for the outbox within. Without any when mounting is refused."""

    state: Path
    outbox: Path
    mounted: list[Path] = field(default_factory=list)

    def mount(self) -> None:
        for place, room in ((self.state, STATE_ROOM), (self.outbox, OUTBOX_ROOM)):
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            options = ["-t", "tmpfs", "-o", f"size={room},mode=700", "tmpfs", os.fspath(place)]
            if not sys.platform.startswith("linux") or not _done(["mount", *options]):
                return
            self.mounted.append(place)

    def unmount(self) -> None:
        while self.mounted:
            _done(["umount", os.fspath(self.mounted.pop())])

    @property
    def there(self) -> bool:
        return self.mounted == [self.state, self.outbox]

    def fill(self, place: Path) -> None:
        """Leave no byte."""
        with (place / ".ballast").open("wb", buffering=0) as out:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        out.write(bytes(size))
                except OSError:
                    continue

    def empty(self, place: Path) -> None:
        (place / ".ballast").unlink()


def _done(argv: Sequence[str]) -> bool:
    try:
        return subprocess.run(argv, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


@dataclass
class World:
    """The company, its clock, its server, its disks and the engine that is up."""

    company: Scenario
    clock: Scaled
    server: Server
    disks: Disks
    letters: int
    process: subprocess.Popen | None = None
    full: bool = False
    dropped: int = 0
    approved: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        code = os.fspath(self.company.folder / "code")
        return environment(self.company.env, **{NAME: self.clock.words, "PYTHONPATH": code})

    def said(self, *words: str) -> Said:
        """What one command of the operator's says."""
        return coldly([*_COMMAND, *words], cwd=self.company.root, env=self.env)

    def up(self) -> None:
        with (self.company.folder / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_COMMAND, "up"], cwd=self.company.root, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def down(self, how: int) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None

    def attend(self) -> None:
        """As the unit of the service does: what ended comes back. It may end for one reason only."""
        if self.process is None or self.process.poll() is None:
            return
        if self.full:
            self.counts["ends-of-up"] += 1
        else:
            self.violations.append(f"up ended with {self.process.returncode}: {self.log()[-300:]}")
        time.sleep(_UP_AGAIN)
        self.up()

    def log(self) -> str:
        return (self.company.folder / "up.log").read_text(encoding="utf-8", errors="replace")

    def drop(self, share: float) -> None:
        """Let letters come until that share of all is there."""
        while self.dropped < min(share, 1) * self.letters:
            n = self.dropped
            text = written(
                "Site", f"Could you look at site {n}?", sender=f"Ada <{sender(n)}>", id=f"{n}@example.com"
            )
            self.company.drop(f"{n:04}", text)
            self.dropped += 1

    def decide(self, most: int) -> None:
        """Say yes to the oldest open cards, each by a command of its own."""
        open_ = [card for card in self.company.book().cards.values() if card.status == "open"]
        for card in open_[:most]:
            said = self.said("approve", card.id, "--yes")
            self.counts[f"approve-exit-{said.code}"] += 1
            if said.code in {0, 4} and "approved" in said.text:
                self.approved.add(card.id)
            elif not self.full:
                self.violations.append(f"approve ended with {said.code}: {said.text[-300:]}")

    def look(self) -> None:
        """Whether what is not settled stands where somebody sees it: as `queue` says it, and the same before and after."""
        runs, waits = self._states()
        queue = self.said("queue", "--json")
        after, still = self._states()
        if queue.code not in {0, 4}:
            self.violations.append(f"queue ended with {queue.code}: {queue.text[-300:]}")
            return
        rows = {row["run"] for row in json.loads(queue.text)["data"]}
        same = [
            run
            for id_, run in runs.items()
            if (run.waiting, run.ended) == (after[id_].waiting, after[id_].ended)
        ]
        self.counts["looks"] += 1
        self.violations += unseen(same, rows, waits | still)

    def _states(self) -> tuple[dict[str, RunState], set[str]]:
        with self.company.reading() as reading:
            return dict(reading.book.runs), {one.run for one in outstanding(reading)}


def unseen(runs: Iterable[RunState], rows: Collection[str], waits: Collection[str]) -> list[str]:
    """Runs that neither ended well, nor stand in the queue, nor are said to wait, nor are under way."""
    return [
        f"run {run.id} ({run.status}, {run.reason or run.waiting}) is seen nowhere"
        for run in runs
        if run.status != "succeeded"
        and run.id not in rows
        and run.id not in waits
        and (run.ended or run.waiting in {"approval", "retry"})
    ]


@contextmanager
def world(folder: Path, *, letters: int, speed: float) -> Iterator[World]:
    """A company whose letters go through a server of its own; nothing is up yet."""
    company = Scenario.make(folder / "company", files={"playbooks/answers.yaml": _PLAYBOOK}, bare=True)
    (company.root / "vault" / "policy.yaml").unlink()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = (company.root / "steward.yaml").read_text() + SETTINGS.format(port=port)
    company.commit({"steward.yaml": settings})
    # Every process that is started imports the same code, whatever somebody writes into the checkout meanwhile.
    code, launcher = company.folder / "code", "tests/campaigns/scaled.py"
    shutil.copytree(evidence.ROOT / "engine", code / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    (code / launcher).parent.mkdir(parents=True)
    shutil.copy(evidence.ROOT / launcher, code / launcher)
    disks = Disks(company.folder / "state", company.workspace().state.letters / "outbox")
    clock = Scaled.start(BEGAN, speed)
    file = folder / "taken.jsonl"
    file.touch()
    made = World(company, clock, Server(port, file, clock), disks, letters)
    try:
        disks.mount()
        made.server.open()
        yield made
    finally:
        made.down(signal.SIGKILL)
        made.server.close()
        disks.unmount()


def phases(made: World) -> Iterator[tuple[str, timedelta, Callable[[], None], Callable[[], None]]]:
    """(name, how long, what begins it, what ends it)."""
    server, disks = made.server, made.disks

    def says(**answers: str) -> Callable[[], None]:
        return lambda: server.says.update(answers)

    def fills(place: Path) -> Callable[[], None]:
        def fill() -> None:
            made.full = True
            disks.fill(place)

        return fill

    def empties(place: Path) -> Callable[[], None]:
        def empty() -> None:
            disks.empty(place)
            made.attend()
            made.full = False

        return empty

    yield "well", HOUR, lambda: None, lambda: None
    yield "gone", 2 * HOUR, server.close, server.open
    yield "451-mail", HOUR, says(MAIL="451 4.7.1 not now"), server.says.clear
    yield "451-dot", HOUR, says(DATA="451 4.3.0 greylisted"), server.says.clear
    if disks.there:
        yield "outbox-full", HOUR, fills(disks.outbox), empties(disks.outbox)
        yield "state-full", HOUR, fills(disks.state), empties(disks.state)
    yield "cap", HOUR, capped(made), lambda: None


def capped(made: World) -> Callable[[], None]:
    """Commit a cap that is reached on this day, and lets what is left leave on the next."""

    def commit() -> None:
        left = sum(row["kind"] == "answer" for row in made.server.taken())
        count = (made.letters + left + 1) // 2
        made.counts["cap"] = count
        made.company.commit({"vault/policy.yaml": _POLICY.format(count=count)})

    return commit


def serve(made: World, *, seed: int) -> dict[str, Any]:
    """Serve all letters through the outages; what came of it. Violations are in words."""
    chance, real = random.Random(seed), time.monotonic()
    made.up()
    all_phases = list(phases(made))
    whole = sum((length for _, length, _, _ in all_phases), timedelta())
    for name, length, begin, end in all_phases:
        until = made.clock.now() + length
        begin()
        while made.clock.now() < until:
            passed = (made.clock.now() - BEGAN) / whole
            made.drop(passed + chance.random() / made.letters)
            made.attend()
            made.decide(2)
            time.sleep(_LOOK)
        made.counts[f"tried-{name}"] = _deferred(made)
        made.look()
        end()
    made.drop(1)
    _settle(made)
    made.down(signal.SIGTERM)
    return {**found(made), "seconds": round(time.monotonic() - real, 1), "speed": made.clock.speed}


def _deferred(made: World) -> int:
    """How many answers wait for another try."""
    with made.company.reading() as reading:
        return sum(one.step == "answer" for one in outstanding(reading))


def _settle(made: World) -> None:
    """Go on until every run ended, or until three days have passed."""
    last = BEGAN + timedelta(days=3)
    while made.clock.now() < last:
        made.attend()
        made.decide(4)
        runs = made.company.runs()
        if len(runs) == made.letters and all(run.ended for run in runs):
            return
        time.sleep(_LOOK)
    made.violations.append("not everything was settled after three days")


def found(made: World) -> dict[str, Any]:
    """What the server, the ledger and the desk say in the end."""
    rows, company = made.server.taken(), made.company
    answers = _per_person(rows, "answer")
    thanks = _per_person(rows, THANKS)
    everybody = [sender(n) for n in range(made.letters)]
    violations = [*made.violations, *judge(company.folder).violations]
    queue = made.said("queue", "--json")
    asked = {row["run"] for row in json.loads(queue.text)["data"]}
    with company.reading() as reading:
        runs = list(reading.book.runs.values())
        waits = {one.run for one in outstanding(reading)}
        wrote = {
            run.id: parseaddr(str(reading.ledger.unseal(ValueId(run.event or ""))["from"]))[1] for run in runs
        }
        events = list(reading.ledger.events())
        cards = dict(reading.book.cards)
    skipped = {wrote[event.run] for event in events if isinstance(event.body, o.EffectSkipped)}
    violations += accounts(everybody, answers, {wrote[run] for run in asked})
    violations += once_or_left_out(everybody, thanks, skipped)
    violations += unseen(runs, asked, waits)
    violations += [f"{who} has {n} runs" for who, n in Counter(wrote.values()).items() if n != 1]
    violations += [f"{card} was called approved and is {cards[card].status}" for card in made.approved
                   if cards[card].status not in {"approved", "closed"}]  # fmt: skip
    violations += over(rows, made.counts["cap"], company.workspace().config.time_zone)
    return {
        "letters": made.letters, "answers": sum(answers.values()), "thanks": sum(thanks.values()), "left-out": len(skipped),
        "asked": len(asked), "succeeded": sum(run.status == "succeeded" for run in runs),
        "deferred": sum(isinstance(event.body, o.EffectDeferred) for event in events),
        "days": len(days(rows, company.workspace().config.time_zone)), "disk": "small tmpfs" if made.disks.there else "NOT RUN",
        **{name.replace(" ", "-"): n for name, n in (made.counts + made.server.refused).items()},
        "violations": violations,
    }  # fmt: skip


def _per_person(rows: Iterable[Mapping[str, Any]], kind: str) -> Counter[str]:
    return Counter(str(to) for row in rows if row["kind"] == kind for to in row["to"])


def once_or_left_out(
    everybody: Iterable[str], thanks: Mapping[str, int], skipped: Collection[str]
) -> list[str]:
    """Violations of "an acknowledgement leaves once, or is left out and told"."""
    violations = [f"{who} was thanked {n} times" for who, n in sorted(thanks.items()) if n > 1]
    violations += [
        f"{who} was thanked and that is called left out" for who in sorted(set(thanks) & set(skipped))
    ]
    return violations + [
        f"{who} is neither thanked nor left out"
        for who in sorted(set(everybody) - set(skipped))
        if not thanks.get(who)
    ]


def days(rows: Iterable[Mapping[str, Any]], zone: str) -> Counter[str]:
    """How many answers the server took on each of the operator's days."""
    return Counter(
        datetime.fromisoformat(str(row["at"])).astimezone(ZoneInfo(zone)).date().isoformat()
        for row in rows
        if row["kind"] == "answer"
    )


def over(rows: Iterable[Mapping[str, Any]], cap: int, zone: str) -> list[str]:
    """Days on which more left than may."""
    return [f"{n} left on {day}, and {cap} may" for day, n in days(rows, zone).items() if n > cap]


def main(argv: list[str]) -> int:
    """Serve many letters through the outages and keep the row."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.outage", description=__doc__)
    parser.add_argument("--letters", type=int, default=200)
    parser.add_argument("--speed", type=float, default=200.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    commit, digest = evidence.commit(), evidence.digest(*_CODE)
    with (
        tempfile.TemporaryDirectory(prefix="steward-outage-") as folder,
        world(Path(folder), letters=args.letters, speed=args.speed) as made,
    ):
        result = serve(made, seed=args.seed)
    print(result)
    violations = result.pop("violations")
    assert isinstance(violations, list)
    used = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    evidence.add(
        {
            "campaign": "outage",
            "commit": commit,
            "digest": digest,
            "range": [0, args.letters],
            "result": {**result, "violations": len(violations)},
            "cpu_seconds": round(used),
        }
    )
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
