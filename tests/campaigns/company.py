"""A company with everything that can start, change and end a run, played once through from a seed."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from engine.app.setup.new_workspace import LETTERS
from engine.model.values.canonical_json import Json
from engine.testing.model_server import ModelServer, ScriptedReply, answering
from engine.testing.models import in_form
from engine.testing.provider import Manner, Mode, Provider, ask
from engine.testing.scenario import PROVIDER_FILE, Scenario, letter
from engine.vault import commit_all
from tests.campaigns.stories import PROVIDER

_SECRET_NAME, _SECRET = "SHOP_HOOK", "shop-secret"
_WANTS = (
    ("Website check", "Could you give us a quote for a website check?"),
    ("Going ahead", "We take the website check. How can I pay?"),
    ("Before we start", "Please send us the contract, so that we can read it."),
    ("Hello", "I met you at the fair and wanted to say hello."),
    ("Offer", "You are not on the first page of Google. We sell high quality SEO backlinks."),
)
_NAMES = ("Ada Byron", "Lee Okafor", "Noor Haddad", "Ines Duarte", "Tom Reyes")
_SAID = (
    "Hello, a website check costs 490.00 EUR.",
    "Thank you, we will write on Monday.",
    "Gladly. Which page is slow?",
)

PLAYBOOKS = {
    **PROVIDER,
    "playbooks/dropped.yaml": """\
name: Dropped
stage: approval
on: { file: { path: "vault/inbox/receipts/*.txt" } }
steps:
  - { id: say, uses: provider/idempotent, with: { text: "${{ event.path }}" } }
""",
    "playbooks/daily.yaml": """\
name: Daily
stage: approval
on: { schedule: { cron: "0 9 * * *" } }
steps:
  - { id: say, uses: provider/idempotent, with: { text: "due ${{ text(event.at) }}" } }
  - { id: ask, uses: provider/customer, with: { text: daily } }
""",
    "playbooks/hook.yaml": """\
name: Hook
stage: approval
on: { webhook: { path: orders, secret: "${{ secrets.SHOP_HOOK }}" } }
steps:
  - { id: tell, uses: notify/me, with: { text: "order ${{ event.order }}" } }
""",
    "playbooks/paid.yaml": """\
name: Paid
stage: approval
on: { event: { type: stripe/invoice.paid, match: { invoice: in_1 } } }
steps:
  - { id: tell, uses: notify/me, with: { text: "paid: ${{ event.invoice }}" } }
""",
    "playbooks/back-money.yaml": """\
name: Money back
stage: approval
on: { intent: { name: refund, at-least: 0.9 } }
subject: ${{ event.from }}
steps:
  - { id: tell, uses: notify/me, with: { text: "${{ event.intent }}" } }
  - { id: thanks, uses: email/acknowledge, with: { template: got-it } }
""",
    "playbooks/asking.yaml": """\
name: Asking
stage: approval
on: { manual: {} }
steps:
  - { id: below, uses: playbook/caller }
  - { id: last, uses: provider/queryable, with: { text: last } }
""",
}  # fmt: skip


@dataclass
class Company:
    """The company of one seed. `play` makes every kind of move, and goes on until there are so many runs."""

    scenario: Scenario
    seed: int
    number: int = 0
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def play(self, runs: int) -> None:
        """Let things happen."""
        moves: list[Callable[[], None]] = []
        self.scenario.enrol()
        self.scenario.run()
        for move in self.chance.sample(self._moves(), len(self._moves())):
            move()
        while len(self.scenario.runs()) < runs:
            moves = moves or self.chance.sample(self._moves(), len(self._moves()))
            moves.pop()()
        for shown in self.scenario.cards()[:3]:
            self.scenario.approve(shown)
        self.scenario.later(timedelta(days=1))

    def _moves(self) -> tuple[Callable[[], None], ...]:
        return (
            self._letters, self._demo, self._world, self._days, self._calls, self._wide, self._undone, self._sorry, self._classes,
            self._held, self._shade, self._reading, self._stopped,
        )  # fmt: skip

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _drop(self, *, mailbox: str = "leads", want: tuple[str, str] | None = None) -> str:
        number = self._next()
        subject, text = want or self.chance.choice(_WANTS)
        name = self.chance.choice(_NAMES)
        sender = f"{name} <{name.split()[0].lower()}{number}@example.org>"
        id_ = f"{self.seed}-{number}@example.org"
        self.scenario.drop(f"{number:04d}", letter(subject, text, sender=sender, id=id_), mailbox=mailbox)
        return id_

    def _decide(self) -> None:
        """Some of what waits: yes, no, other words first, or not now."""
        for shown in self.scenario.cards():
            match self.chance.randrange(8):
                case 0:
                    self.scenario.ask(
                        "reject", target=shown.card.id, digest=shown.digest, body={"because": "no"}
                    )
                case 1 if shown.text:
                    self.scenario.edit(shown, f"{shown.text}\n\nPS: number {self._next()}")
                    for other in self.scenario.cards():
                        if other.card.run == shown.card.run:
                            self.scenario.approve(other)
                case 2:
                    self.scenario.ask(
                        "snooze", target=shown.card.id, body={"until": "2026-03-20T09:00:00.000000Z"}
                    )
                case _:
                    self.scenario.approve(shown)

    def _answer(self) -> None:
        for one in self.scenario.queue():
            if one.kind == "unknown":
                self.scenario.ask("answer", target=one.id, body={"happened": self.chance.random() < 0.5})

    def _told(self, how: Manner, mode: Mode) -> None:
        ask(self.scenario.provider, {"do": "behave", "how": how, "mode": mode, "times": 1})

    def _letters(self) -> None:
        ids = [self._drop(want=want) for want in _WANTS]
        self.scenario.run()
        self._decide()
        self.scenario.drop(
            f"re-{self._next()}", letter("Re: Website check", "Yes.", id=f"re{ids[0]}", answers=ids[0])
        )
        self.scenario.later(timedelta(days=4))

    def _demo(self) -> None:
        for file in self.chance.sample(sorted(LETTERS.glob("*.eml")), 4):
            self.scenario.drop(file.stem, file.read_bytes())
        self.scenario.run()
        self._decide()

    def _world(self) -> None:
        """A file, a signed call, a told event and a letter nobody's mailbox takes, in one pass."""
        number = self._next()
        folder = self.scenario.root / "vault" / "inbox" / "receipts"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.txt").write_text(f"{number} EUR")
        self.scenario.call("orders", {"order": f"A-{number}"}, id=f"msg_{number}", secret=_SECRET)
        self._drop(mailbox="orders", want=("Order 7", "Please give me a refund, I want my money back."))
        self.scenario.tell("stripe/invoice.paid", id=f"evt_{number}", invoice="in_1")

    def _days(self) -> None:
        for _ in range(2):
            self.scenario.later(timedelta(days=1))
        self._decide()

    def _calls(self) -> None:
        self.scenario.start("asking")

    def _wide(self) -> None:
        self.scenario.start("wide")
        self._decide()

    def _undone(self) -> None:
        self.scenario.start("back")
        self.scenario.ask("undo", target=self.scenario.runs()[-1].id)

    def _sorry(self) -> None:
        self._told("400", "quote")
        self.scenario.start("sorry")
        self._answer()

    def _classes(self) -> None:
        self._told("429", "idempotent")
        self._told(self.chance.choice(("drop-after", "drop-before")), "opaque")
        self._told("500-after", "queryable")
        self.scenario.start("classes")
        self._answer()
        self._decide()

    def _held(self) -> None:
        self.scenario.ask("start", target="held", body={"inputs": {}}, quietly=True)
        self.scenario.ask("undo", target=self.scenario.runs()[-1].id)

    def _shade(self) -> None:
        self.scenario.start("shade")

    def _reading(self) -> None:
        self._told("429", "quote")
        self.scenario.start("reading")
        self._decide()

    def _stopped(self) -> None:
        id_ = self._drop(mailbox="other")
        self.scenario.run()
        self.scenario.drop(
            f"re-{self._next()}",
            letter("Re: Hello", "Never mind.", id=f"re{id_}", answers=id_),
            mailbox="other",
        )
        self.scenario.run()


@contextmanager
def played(folder: Path, seed: int, *, runs: int) -> Iterator[Scenario]:
    """The company of a seed after at least so many runs, its provider and its model gone."""
    chance = random.Random(seed)

    def said(_: Any) -> ScriptedReply:
        if chance.random() < 0.1:
            return answering("I don't know.")
        words: dict[str, Json] = {"body": chance.choice(_SAID), "items": [], "confidence": 0.9}
        return answering(in_form(words))

    before = os.environ.get(_SECRET_NAME)
    os.environ[_SECRET_NAME] = _SECRET
    place = folder / f"company-{seed}"
    place.mkdir(parents=True)
    try:
        with ModelServer(script=said) as server, Provider.start(place / PROVIDER_FILE) as provider:
            scenario = Scenario.make(place, files=PLAYBOOKS, provider=provider.address)
            settings = scenario.root / "steward.yaml"
            models = f"models: {{ default: {{ uses: openai, model: stub-1, base-url: {server.base!r} }} }}\n"
            settings.write_text(settings.read_text(encoding="utf-8") + models, encoding="utf-8")
            commit_all(scenario.root, "Hire a model", at=scenario.clock.now())
            Company(scenario=scenario, seed=seed).play(runs)
        yield scenario
    finally:
        os.environ.pop(_SECRET_NAME)
        if before is not None:
            os.environ[_SECRET_NAME] = before
