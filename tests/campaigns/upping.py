"""A real `steward up` that is killed at random moments while letters, files, minutes, approvals and commits come; then everything is counted.

A unit is one company that dies twenty-five times. Its witnesses are the ledger, the provider's own file, the outbox, and what a terminal was told.
"""

import email
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from engine.model.events import events as e
from engine.model.values.timestamps import moment
from engine.testing.provider import Provider
from engine.testing.scenario import PROVIDER_FILE, Scenario, letter
from tests.campaigns.executed import LAUNCH
from tests.campaigns.invariants import judge
from tests.campaigns.standing import Standing
from tests.simulate.terminal import Typed, environment

DEATHS = 25
_LONGEST = 1.5
_EARLY = 0.3
_ANSWER = "We will look at it on Monday."
_BOX = "forms"
_PLAYBOOKS = {
    "playbooks/letter.yaml": f"""\
name: Letter
stage: approval
on: {{ email: {{ mailbox: leads }} }}
subject: ${{{{ event.from }}}}
steps:
  - {{ id: thanks, uses: email/acknowledge, with: {{ template: got-it }} }}
  - {{ id: answer, uses: email/reply, with: {{ body: "{_ANSWER}" }} }}
""",
    "playbooks/form.yaml": f"""\
name: Form
stage: approval
on: {{ file: {{ path: {_BOX}/*.csv }} }}
steps:
  - {{ id: looked-up, uses: provider/queryable, with: {{ text: one }} }}
  - {{ id: twice-is-once, uses: provider/idempotent, with: {{ text: two }} }}
""",
    "playbooks/minute.yaml": """\
name: Minute
stage: approval
on: { schedule: { cron: "* * * * *" } }
steps:
  - { id: tick, uses: provider/idempotent, with: { text: tick } }
""",
}


@dataclass
class Tally:
    """What a range of companies showed."""

    companies: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def result(self) -> dict[str, object]:
        """As it is kept in the evidence."""
        return {"companies": self.companies, **self.counts, "violations": len(self.violations)}


@dataclass
class World:
    """One company, what was given to it, and what its operator was told."""

    one: Standing
    provider: Provider
    letters: set[str] = field(default_factory=set)
    files: set[tuple[str, str]] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _typing: list[threading.Thread] = field(default_factory=list)

    @property
    def company(self) -> Scenario:
        return self.one.company

    def write(self, chance: random.Random) -> None:
        """A letter, moved into place as mail servers do."""
        who = f"ada-{len(self.letters)}@example.org"
        self.letters.add(who)
        self.company.drop(
            who,
            letter(f"Site {who}", "Could you look at it?", id=f"{chance.random()}@example.org", sender=who),
        )

    def save(self, chance: random.Random) -> None:
        """A file, new or another content of one that is there, moved into place or written slowly."""
        path = self.company.root / _BOX / f"{chance.randrange(12)}.csv"
        path.parent.mkdir(exist_ok=True)
        content = f"name,number\nform,{len(self.files)}\n".encode()
        if (
            path.exists()
            and (f"{_BOX}/{path.name}", sha256(path.read_bytes()).hexdigest()) not in self._read()
        ):
            # What is replaced before a living engine saw it is nobody's loss.
            path = path.with_name(f"{chance.random()}.csv")
        self.files.add((f"{_BOX}/{path.name}", sha256(content).hexdigest()))
        if chance.random() < 0.5:
            part = path.with_name(f".{path.name}")
            part.write_bytes(content)
            part.replace(path)
            return
        with path.open("wb", buffering=0) as file:
            file.write(content[:9])
            time.sleep(chance.random() * 0.1)
            file.write(content[9:])

    def deploy(self, chance: random.Random) -> None:
        """A commit that changes nothing of what runs."""
        self.company.commit({"vault/knowledge/note.md": f"# {chance.random()}"})
        self.counts["commits"] += 1

    def approve(self, chance: random.Random) -> None:
        """`steward approve` on a terminal of its own; the engine may die meanwhile."""
        cards = [shown.card.id for shown in self.company.cards() if shown.card.id not in self.told]
        if cards:
            self._typing.append(threading.Thread(target=self._type, args=[chance.choice(cards)]))
            self._typing[-1].start()

    def _type(self, card: str) -> None:
        env = environment(self.company.env, STEWARD_TEST_PROVIDER=self.provider.address)
        said = Typed(["approve", card, "--yes"], cwd=self.company.root, env=env, program=LAUNCH).end()
        if re.search(r"(?m)^✓ approved", said.text):
            self.told.append(card)

    def typed(self) -> None:
        """Wait until every terminal is done."""
        for thread in self._typing:
            thread.join()
        self._typing.clear()

    def live(self, chance: random.Random) -> None:
        """One life: things come before and while it stands, and it dies, whatever it was doing."""
        kinds: list[Callable[[random.Random], None]] = [
            self.write,
            self.save,
            self.save,
            self.approve,
            self.deploy,
        ]
        weights = (3, 3, 3, 2, 1)
        early = chance.random() < _EARLY
        length = chance.uniform(0.1, _LONGEST)
        todo = sorted(
            (chance.uniform(-0.2, length), n, kind)
            for n, kind in enumerate(chance.choices(kinds, weights, k=4))
        )
        began = 0.0
        for when, _, kind in [*todo, (length, 9, None)]:
            if when >= 0 and not began:
                self.one.begin()
                if not early:
                    self.one.until(lambda: self.one.stands)
                began = time.monotonic()
            if began:
                time.sleep(max(0.0, began + when - time.monotonic()))
            if kind is not None:
                kind(chance)
        self.counts["before it stood"] += not self.one.stands
        self.one.down(signal.SIGKILL)
        self.counts["deaths"] += 1

    def finish(self) -> None:
        """Start it a last time, let it do what is left, and end it as an operator does."""
        self.typed()
        self.one.up()
        end = time.monotonic() + 60
        while time.monotonic() < end and self._begun() < len(self.letters) + len(self.files):
            time.sleep(0.3)
        self.one.quiet(1.5)
        if code := self.one.down(signal.SIGINT):
            raise RuntimeError(f"it ended with {code}: {self.one.log()[-2000:]}")

    def _begun(self) -> int:
        """How many runs there are of letters and files."""
        return len(self.one.started("email")) + len(self.one.started("file"))

    # ------------------------------------------------------------ what came of it

    def violations(self) -> Iterator[str]:
        """What must hold of any company, and then each letter, file, minute and approval by its own name."""
        yield from judge(self.company.folder).violations
        yield from self._once("letter", self.letters, [one["from"] for one in self.one.started("email")])
        yield from self._once("file", self.files, self._read())
        yield from self._answered()
        yield from self._minutes()
        wanted = 2 * len(self.files) + len(self.one.started("schedule"))
        done = sum(self.provider.effects().values())
        if done != wanted:
            yield f"the provider did {done} things, not {wanted}"
        book = self.company.book()
        yield from (
            f"told approval of {card[:6]} is not there"
            for card in self.told
            if book.cards[card].status != "approved"
        )
        for run in book.runs.values():
            waits = run.trigger == "email" and any(
                card.run == run.id and card.status == "open" for card in book.cards.values()
            )
            if run.status != "succeeded" and not waits:
                yield f"a run of {run.playbook} is {run.status}, waits for {run.waiting or 'nothing'}"

    def _read(self) -> list[tuple[str, str]]:
        """(path, SHA-256) of each file that began a run."""
        return [(str(said["path"]), str(said["sha256"])) for said in self.one.started("file")]

    def _once(self, what: str, wanted: Iterable[object], runs: Iterable[object]) -> Iterator[str]:
        counted: Counter[object] = Counter(runs)
        yield from (f"lost: {what} {one}" for one in wanted if not counted[one])
        yield from (f"duplicate: {n} runs of {what} {one}" for one, n in counted.items() if n > 1)
        yield from (f"nobody's {what}: {one}" for one in counted if one not in wanted)

    def _answered(self) -> Iterator[str]:
        """Each sender was thanked once, and answered once when that was approved."""
        thanked, answered = Counter[str](), Counter[str]()
        for data in self.company.outbox().values():
            sent = email.message_from_bytes(data)
            body = str(sent) if sent.is_multipart() else bytes(sent.get_payload(decode=True) or b"").decode()
            (answered if _ANSWER in body else thanked)[str(sent["To"])] += 1
        book = self.company.book()
        approved = sum(card.status == "approved" for card in book.cards.values())
        self.counts["approved"] = approved
        yield from (f"{who} was thanked {thanked[who]} times" for who in self.letters if thanked[who] != 1)
        yield from (f"{who} was answered {n} times" for who, n in answered.items() if n != 1)
        if len(answered) != approved:
            yield f"{approved} answers were approved, {len(answered)} were sent"

    def _minutes(self) -> Iterator[str]:
        """From the first look on, each minute either began a run or is noted as missed, once."""
        bodies = [event.body for event in self.company.events() if isinstance(event.body, e.TriggerReceived)]
        came = [body for body in bodies if body.kind == "schedule" and body.outcome != "armed"]
        self.counts["minutes"] = len(came)
        self.counts["minutes missed"] = sum(body.outcome == "ignored" for body in came)
        dues: list[datetime] = sorted(moment(body.due) for body in came)
        yield from (f"minute {b} follows {a}" for a, b in pairwise(dues) if b - a != timedelta(minutes=1))
        if self.one.started("schedule") and len(self.one.started("schedule")) != sum(
            body.outcome == "started" for body in came
        ):
            yield "a minute began another number of runs"


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """A company that listens to letters, files and the clock; nothing is up yet."""
    (folder / "company").mkdir()
    with Provider.start(folder / "company" / PROVIDER_FILE) as provider:
        company = Scenario.make(folder / "company", files=_PLAYBOOKS, provider=provider.address, bare=True)
        # The starter's says how many letters may leave in a day.
        (company.root / "vault" / "policy.yaml").unlink()
        company.commit({})
        one = Standing(company, module="tests.campaigns.launch", STEWARD_TEST_PROVIDER=provider.address)
        try:
            yield World(one, provider)
        finally:
            one.down(signal.SIGKILL)


def unit(folder: Path, index: int, tally: Tally, *, deaths: int = DEATHS) -> None:
    """The `index`-th company."""
    chance = random.Random(index)
    place = folder / str(index)
    place.mkdir()
    with world(place) as made:
        for _ in range(deaths):
            made.live(chance)
        try:
            made.finish()
            tally.violations += [f"company {index}: {one}" for one in made.violations()]
        except AssertionError as error:
            tally.violations.append(f"company {index}: it could not go on: {error}")
        tally.companies += 1
        tally.counts += (
            Counter(letters=len(made.letters), files=len(made.files), told=len(made.told)) + made.counts
        )
