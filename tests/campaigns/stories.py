"""Short stories that together make every kind of event: the flagship with its people, and a provider with every class of effect.

A story is told again from its beginning after each death. What was decided before is not asked again: every request has an id that
follows from its place in the story, and the ledger decides an id once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from engine.model.requests import Decided, RequestKind
from engine.model.state.state import RunState
from engine.model.values.canonical_json import Json
from engine.testing.clock import START
from engine.testing.provider import Manner, Mode, ask
from engine.testing.scenario import PASSPHRASE, Scenario, Shown, letter
from tests.campaigns.aftermath import AFTERMATH, MORE

DAY = timedelta(days=1)

QUOTE = letter(
    "Website check", "Could you give us a quote for a website check? Thank you, Ada", id="quote@example.org"
)
VAGUE = letter("Hello", "I met you at the fair and wanted to say hello.", id="vague@example.org")
PAYMENT = letter("Going ahead", "We take the website check. How can I pay?", id="payment@example.org")
CONTRACT = letter(
    "Before we start", "Please send us the contract, so that we can read it.", id="contract@example.org"
)
SPAM = letter(
    "Offer",
    "You are not on the first page of Google. We sell high quality SEO backlinks.",
    id="spam@example.org",
)
AUTOMATIC = letter("Away", "I am on holiday.", id="away@example.org", Auto_Submitted="auto-replied")
LIST = letter("News", "This month: prices.", id="news@example.org", List_Id="<news.example.org>")

PROVIDER = {
    **MORE,
    "playbooks/classes.yaml": """\
name: Every class
stage: approval
on: { manual: {} }
steps:
  - id: twice-is-once
    uses: provider/idempotent
    with: { text: one }
    retry: { attempts: 3 }
  - id: looked-up
    uses: provider/queryable
    with: { text: two }
  - id: nobody-knows
    needs: []
    uses: provider/opaque
    with: { text: three }
  - id: asked
    needs: [looked-up]
    uses: provider/customer
    with: { text: four }
""",
    "playbooks/held.yaml": """\
name: Held
stage: approval
on: { manual: {} }
steps:
  - id: first
    uses: provider/queryable
    with: { text: held }
    undo-within: 20s
  - id: second
    uses: provider/idempotent
    with: { text: after it }
""",
    "playbooks/reading.yaml": """\
name: Reading
stage: approval
on: { manual: {} }
steps:
  - id: quoted
    uses: provider/quoted
    with: { text: what it costs }
    retry: { attempts: 3 }
  - id: told
    uses: provider/legal
    with: { text: told }
  - id: missed
    if: ${{ failure() }}
    uses: notify/me
    with: { text: it failed }
""",
    "playbooks/shade.yaml": """\
name: Shade
stage: shadow
on: { manual: {} }
steps:
  - id: one
    uses: provider/idempotent
    with: { text: never }
  - id: two
    uses: provider/opaque
    with: { text: never either }
""",
    "playbooks/wide.yaml": """\
name: Wide
stage: approval
on: { manual: {} }
once: only this time
steps:
  - id: each
    uses: provider/idempotent
    foreach: ["a", "b", "c"]
    key: ${{ item }}
    with: { text: "${{ item }}" }
  - id: asked
    uses: provider/customer
    foreach: ["x", "y"]
    key: ${{ item }}
    with: { text: "${{ item }}" }
""",
    "playbooks/caller.yaml": """\
name: Caller
stage: approval
on: { manual: {} }
steps:
  - id: below
    uses: playbook/called
    with: { what: hello }
  - id: after
    uses: provider/queryable
    with: { text: done }
""",
    "playbooks/called.yaml": """\
name: Called
stage: approval
on: { call: {} }
inputs: { what: text }
steps:
  - id: tell
    uses: provider/idempotent
    with: { text: "${{ inputs.what }}" }
""",
    "playbooks/stopped.yaml": """\
name: Stopped
stage: approval
on: { email: { mailbox: other } }
stop-on: [{ email: { thread: "${{ event.thread }}" } }]
steps:
  - id: ask
    uses: provider/customer
    with: { text: still there }
""",
    "playbooks/outage.yaml": """\
name: Outage
stage: approval
on: { manual: {} }
steps:
  - { id: each, uses: provider/idempotent, foreach: ["a", "b", "c", "d", "e", "f", "g", "h", "i"], key: "${{ item }}", continue-on-error: true, with: { text: "${{ item }}" } }
""",
    "playbooks/back.yaml": """\
name: Back
stage: approval
on: { manual: {} }
steps:
  - id: there
    uses: provider/queryable
    with: { text: there }
    undo: { uses: provider/idempotent, with: { text: and back } }
""",
    "playbooks/sorry.yaml": """\
name: Sorry
stage: approval
if-failed: undo
on: { manual: {} }
steps:
  - id: back
    uses: provider/idempotent
    with: { text: taken back }
  - id: stays
    uses: provider/opaque
    with: { text: stays }
  - id: fails
    uses: provider/quoted
    with: { text: fails }
""",
}


@dataclass(slots=True)
class Teller:
    """Tells a story in a scenario. Every move may be told again."""

    name: str
    scenario: Scenario
    moves: int = 0

    def ask(
        self, kind: RequestKind, target: Callable[[], Json] = dict, *, quietly: bool = False
    ) -> Decided | None:
        """The next request, unless it was decided before: `target` finds what it is about, and None means it has become moot."""
        self.moves += 1
        id_ = f"{self.name}-{self.moves}"
        with self.scenario.reading() as reading:
            known = reading.ledger.decided(id_)
        if known is not None:
            return known
        given = target()
        return None if given is None else self.scenario.ask(kind, id=id_, quietly=quietly, **given)

    def drop(self, name: str, data: bytes, *, mailbox: str = "leads") -> None:
        """A letter arrives."""
        if not (self.scenario.root / "vault/inbox" / mailbox / f"{name}.eml").exists():
            self.scenario.drop(name, data, mailbox=mailbox)

    def run(self, *, quietly: bool = False) -> None:
        """One pass."""
        self.ask("pass", quietly=quietly)

    def until(self, length: timedelta) -> None:
        """It is that long after the beginning, or later."""
        missing = START + length - self.scenario.clock.now()
        if missing > timedelta():
            self.scenario.clock.advance(missing)

    def told(self, how: Manner, mode: Mode) -> None:
        """The provider will do so, once, unless the next request was decided already."""
        with self.scenario.reading() as reading:
            if reading.ledger.decided(f"{self.name}-{self.moves + 1}") is not None:
                return
        ask(self.scenario.provider, {"do": "behave", "how": how, "mode": mode, "times": 1})

    def card(self, gate: str = "") -> Shown | None:
        """The open card (of a gate), if there is one."""
        return next((one for one in self.scenario.cards() if gate in {"", one.card.gate}), None)

    def on_card(self, kind: RequestKind, gate: str = "", **body: Json) -> None:
        """Decide the open card of a gate."""

        def target() -> Json:
            shown = self.card(gate)
            if shown is None:
                return None
            proof = PASSPHRASE if shown.card.strength == 2 and kind == "approve" else ""
            return {"target": shown.card.id, "digest": shown.digest, "body": body, "passphrase": proof}

        self.ask(kind, target)

    def on_run(self, kind: RequestKind) -> None:
        """Ask about the newest run."""
        self.ask(kind, lambda: {"target": self.newest().id})

    def newest(self) -> RunState:
        """The run that was made last."""
        return self.scenario.runs()[-1]

    def start(self, playbook: str) -> None:
        """By hand."""
        self.ask("start", lambda: {"target": playbook, "body": {"inputs": {}}})

    def answer(self, **words: Json) -> None:
        """Answer the oldest open question or unknown effect."""

        def target() -> Json:
            open_ = [one for one in self.scenario.queue() if one.kind in {"question", "unknown"}]
            return {"target": open_[0].id, "body": words} if open_ else None

        self.ask("answer", target)

    def answer_unknown(self) -> None:
        """Look into the provider's books and say what they say."""

        def target() -> Json:
            unknown = [one for one in self.scenario.queue() if one.kind == "unknown"]
            if not unknown:
                return None
            from engine.testing.provider import records
            from engine.testing.scenario import PROVIDER_FILE

            done = {o["key"] for o in records(self.scenario.folder / PROVIDER_FILE) if o["what"] == "effect"}
            return {"target": unknown[0].id, "body": {"happened": unknown[0].id in done}}

        self.ask("answer", target)


def _quote(t: Teller) -> None:
    t.drop("quote", QUOTE)
    t.run()
    t.on_card("approve", "offer")
    t.drop(
        "thanks",
        letter("Re: Website check", "Thank you, yes.", id="thanks@example.org", answers="quote@example.org"),
    )
    t.run()


def _edit(t: Teller) -> None:
    t.drop("vague", VAGUE)
    t.run()
    t.on_card("edit", "offer", text="Dear Ada,\n\nit was good to meet you.\n\nRobin")
    t.on_card("approve", "offer")
    t.until(4 * DAY)
    t.run()
    t.on_card("approve", "nudge")


def _no(t: Teller) -> None:
    t.drop("quote", QUOTE)
    t.run()
    t.on_card("reject", "offer", because="not now")


def _expiry(t: Teller) -> None:
    t.drop("quote", QUOTE)
    t.run()
    t.until(8 * DAY)
    t.run()


def _snooze(t: Teller) -> None:
    t.drop("vague", VAGUE)
    t.run()
    t.on_card("snooze", "offer", until="2026-03-03T09:00:00.000000Z")
    t.until(2 * DAY)
    t.on_card("approve", "offer")


def _withdraw(t: Teller) -> None:
    t.drop("quote", QUOTE)
    t.run(quietly=True)
    t.on_run("undo")
    t.run()
    t.on_card("reject", "offer")


def _stop(t: Teller) -> None:
    t.drop("quote", QUOTE)
    t.run(quietly=True)
    t.ask("stop")
    t.run()
    t.ask("resume", lambda: {"passphrase": PASSPHRASE})
    t.drop("vague", VAGUE)
    t.run()
    t.on_card("approve", "offer")


def _payment(t: Teller) -> None:
    t.drop("payment", PAYMENT)
    t.run()
    t.on_card("approve", "offer")
    t.on_run("undo")


def _contract(t: Teller) -> None:
    t.drop("contract", CONTRACT)
    t.run()
    t.on_card("approve", "offer")
    t.until(9 * DAY)
    t.run()
    t.on_card("reject", "nudge")


def _noise(t: Teller) -> None:
    for name, data in (
        ("spam", SPAM),
        ("away", AUTOMATIC),
        ("news", LIST),
        ("quote", QUOTE),
        ("again", QUOTE),
    ):
        t.drop(name, data)
    t.run()
    t.on_card("reject", "offer")


def _drift(t: Teller) -> None:
    t.drop("quote", QUOTE)
    t.run()
    t.drop(
        "more",
        letter("Re: Website check", "One more thing.", id="more@example.org", answers="quote@example.org"),
    )
    t.on_card("approve", "offer")
    t.run()
    t.on_card("approve", "offer")
    t.until(4 * DAY)
    t.run()


def _checklist(t: Teller) -> None:
    t.start("answer-a-lead")
    t.answer()
    t.answer(choice="answer")
    t.start("answer-a-lead")
    t.until(15 * DAY)
    t.run()


def _classes(t: Teller) -> None:
    t.told("429", "idempotent")
    t.start("classes")
    t.answer_unknown()
    t.on_card("approve")
    t.on_run("undo")


def _lost(t: Teller) -> None:
    t.told("drop-after", "opaque")
    t.told("drop-after", "queryable")
    t.told("500-after", "idempotent")
    t.start("classes")
    t.answer_unknown()
    t.on_card("approve")


def _refused(t: Teller) -> None:
    t.told("400", "queryable")
    t.start("classes")
    t.answer_unknown()
    t.start("held")


def _held(t: Teller) -> None:
    t.ask("start", lambda: {"target": "held", "body": {"inputs": {}}}, quietly=True)
    t.run()
    t.ask("start", lambda: {"target": "held", "body": {"inputs": {}}}, quietly=True)
    t.on_run("undo")


def _reading(t: Teller) -> None:
    t.told("429", "quote")
    t.start("reading")
    t.on_card("approve")
    t.told("400", "quote")
    t.start("reading")


def _shade(t: Teller) -> None:
    t.start("shade")


def _enrol(t: Teller) -> None:
    t.ask("enrol", lambda: {"target": "passphrase"})
    t.ask("stop")
    t.ask("resume", lambda: {"passphrase": "not the passphrase"})
    t.ask("resume", lambda: {"passphrase": PASSPHRASE})


def _outage(t: Teller) -> None:
    for _ in range(8):
        t.told("503", "idempotent")
    t.start("outage")
    t.ask("resume", lambda: {"target": "provider"})


def _wide(t: Teller) -> None:
    t.start("wide")
    t.start("wide")
    t.on_card("approve")


def _calls(t: Teller) -> None:
    t.start("caller")
    t.start("caller")


def _stopped(t: Teller) -> None:
    t.drop("hello", VAGUE, mailbox="other")
    t.run()
    t.drop(
        "again",
        letter("Re: Hello", "Never mind.", id="again@example.org", answers="vague@example.org"),
        mailbox="other",
    )
    t.run()


def _sorry(t: Teller) -> None:
    t.told("400", "quote")
    t.start("sorry")
    t.answer_unknown()


def _back(t: Teller) -> None:
    t.start("back")
    t.on_run("undo")


STORIES: dict[str, Callable[[Teller], None]] = {
    "quote": _quote, "edit": _edit, "no": _no, "expiry": _expiry, "snooze": _snooze, "withdraw": _withdraw, "stop": _stop,
    "payment": _payment, "contract": _contract, "noise": _noise, "drift": _drift, "checklist": _checklist,
    "classes": _classes, "lost": _lost, "refused": _refused, "held": _held, "reading": _reading, "shade": _shade, "enrol": _enrol,
    "wide": _wide, "calls": _calls, "stopped": _stopped, "sorry": _sorry,
    "back": _back, "outage": _outage, **AFTERMATH,
}  # fmt: skip


def settle(scenario: Scenario) -> None:
    """Let everything that can end by itself end: no letter, no decision, a month."""
    scenario.run()
    for _ in range(2):
        scenario.later(10 * DAY)
