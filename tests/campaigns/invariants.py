"""What must hold after any number of deaths, read from three witnesses: the ledger, the provider's own file, the outbox."""

import base64
import email
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.app.commands.command_bus import LedgerReader
from engine.connectors.email.message.mime_writer import undated
from engine.kernel.core.fold import fold
from engine.model.events import events as e
from engine.model.state.state import StepState
from engine.model.values.ids import ValueId
from engine.testing.provider import records
from engine.testing.scenario import PROVIDER_FILE, Scenario

ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True)
class Verdict:
    """What was found after one point: violations in words, and what was counted."""

    violations: tuple[str, ...]
    counts: Counter[str] = field(default_factory=Counter)


def judge(folder: Path) -> Verdict:
    """Everything that must hold, of the scenario in `folder`."""
    scenario = Scenario.at(folder)
    with scenario.reading() as reading:
        found = [
            *_chain(reading),
            *_acknowledged(reading, folder),
            *_provider(reading, folder),
            *_unknown(reading),
            *_approvals(reading),
            *_outbox(reading, scenario),
            *_alive(reading),
            *_fold(reading),
        ]
        return Verdict(tuple(found), _counts(reading, folder))


def _chain(reading: LedgerReader) -> Iterator[str]:
    report = reading.ledger.verify()
    if not report.ok or reading.ledger.trouble:
        yield f"verify: {report.problem or reading.ledger.trouble}"


def _acknowledged(reading: LedgerReader, folder: Path) -> Iterator[str]:
    """I1: what a process was told is durable is there, the same, after its death. Answers count, too."""
    hashes = {event.seq: event.hash for event in reading.ledger.events()}
    file = folder / ACKNOWLEDGED
    for line in file.read_text().splitlines() if file.exists() else ():
        kind, name, value = line.split(" ")
        if kind == "event" and hashes.get(int(name)) != value:
            yield f"acknowledged event {name} is not there"
        if kind == "answer":
            decided = reading.ledger.decided(name)
            if decided is None or decided.verdict != value:
                yield f"acknowledged answer to {name} is not there"


def _steps(reading: LedgerReader) -> Iterator[StepState]:
    for run in reading.book.runs.values():
        yield from (step for step in run.steps.values() if step.key)


def _provider(reading: LedgerReader, folder: Path) -> Iterator[str]:
    """I2–I4: no effect without an intent before it, one effect a key, and what the ledger calls done or not done is so."""
    file = folder / PROVIDER_FILE
    rows = [one for one in records(file) if one["what"] == "effect"] if file.exists() else []
    done = Counter(one["key"] for one in rows)
    intended = {ev.body.key for ev in reading.ledger.events() if isinstance(ev.body, e.EffectIntended)}
    for key in done:
        if not key.startswith("undo ") and key not in intended:
            yield f"effect {key[:8]} without an intent"
    # By their bytes, which name run, step and revision: a second key for the same effect is no excuse.
    for body, times in Counter(one["body"] or one["key"] for one in rows).items():
        if times > 1:
            yield f"duplicate: {body[:8]} was done {times} times"
    own = _own_undos(reading)
    for step in _steps(reading):
        if not step.action.startswith("provider/"):
            continue
        times = done.get(step.key, 0)
        if step.status == "succeeded" and times == 0:
            yield f"lost: {step.action} is called done and was not"
        if step.status in {"failed", "cancelled", "skipped", "previewed", "carded"} and times:
            yield f"lie: {step.action} is called {step.status} and was done"
        undo = own.get(step.key, f"undo {step.key}")
        if step.undone and done.get(undo, 0) != 1:
            yield f"undo of {step.action} happened {done.get(undo, 0)} times"


def _own_undos(reading: LedgerReader) -> dict[str, str]:
    """The key of an effect → the key of the effect that took it back, where the step says itself how that is done."""
    steps = [(run, name, step) for run in reading.book.runs.values() for name, step in run.steps.items()]
    return {
        run.step(name.replace("~undo", "")).key: step.key
        for run, name, step in steps
        if "~undo" in name and step.key
    }


def _unknown(reading: LedgerReader) -> Iterator[str]:
    """Only of an opaque action is a person ever asked whether it happened, and of a letter of which no copy is found: that proves nothing."""
    for event in reading.ledger.events():
        if isinstance(event.body, e.EffectUnknown):
            step = reading.book.runs[event.run].step(event.step)
            if step.kind != "opaque" and not step.action.startswith("email/"):
                yield f"unknown although {step.kind}: {step.action}"


def _approvals(reading: LedgerReader) -> Iterator[str]:
    """I5, I6: what asked has an approval of exactly this revision before its intent; nothing above low left without; shadow calls nothing."""
    book = reading.book
    approved: set[tuple[str, str, int]] = set()
    gated: dict[tuple[str, str], e.EffectGated] = {}
    reach: dict[tuple[str, str], str] = {}
    for event in reading.ledger.events():
        place = (event.run, event.step)
        match event.body:
            case e.CardApproved(card=card):
                known = book.cards[card]
                approved |= {(event.run, s, r) for s, r in zip(known.steps, known.revisions, strict=True)}
            case e.EffectProposed():
                reach[place] = event.body.reach
            case e.EffectGated():
                gated[place] = event.body
            case e.EffectIntended(revision=revision):
                verdict = gated[place]
                if verdict.answer in {"deny", "preview"}:
                    yield f"{event.step} was called although the answer was {verdict.answer}"
                needs = verdict.answer == "ask" or reach[place] in {"customer", "payment", "legal"}
                if needs and (*place, revision) not in approved:
                    yield f"{event.step} (reach {reach[place]}) was called without an approval of revision {revision}"
            case _:
                pass


def _outbox(reading: LedgerReader, scenario: Scenario) -> Iterator[str]:
    """One letter a Message-ID, every letter intended, its bytes those that were frozen but for the moment it left, and every one called sent there."""
    intended = {ev.body.key for ev in reading.ledger.events() if isinstance(ev.body, e.EffectIntended)}
    frozen, sent = {}, {}
    for step in _steps(reading):
        if step.action.startswith("email/") and step.proposal:
            preview = reading.ledger.unseal(ValueId(step.proposal))["preview"]
            frozen[hashlib.sha256(base64.b64decode(preview["body"])).hexdigest()] = step
    ids: Counter[str] = Counter()
    for name, data in scenario.outbox().items():
        id_ = str(email.message_from_bytes(data)["Message-ID"])
        ids[id_] += 1
        known = frozen.get(hashlib.sha256(undated(data)).hexdigest())
        if known is None or known.key not in intended:
            yield f"outbox/{name} was never intended with these bytes"
        else:
            sent[known.key] = id_
    yield from (f"duplicate: {count} letters with one Message-ID" for count in ids.values() if count > 1)
    for step in _steps(reading):
        if not step.action.startswith("email/") or step.status != "succeeded":
            continue
        outputs = reading.ledger.unseal(ValueId(step.outputs)) if step.outputs else {}
        if outputs.get("sent") and step.key not in sent:
            yield f"lost: {step.action} is called sent and is not in the outbox"


def _alive(reading: LedgerReader) -> Iterator[str]:
    """I8: every run is over or waits for something that has a name."""
    for run in reading.book.runs.values():
        if not run.terminal and not run.waiting:
            states = {name: step.status for name, step in run.steps.items()}
            yield f"{run.playbook} hangs: {states}"


def _fold(reading: LedgerReader) -> Iterator[str]:
    """The state is a function of the events, however they are cut."""
    events = list(reading.ledger.events())
    half = fold(events[: len(events) // 2])
    if fold(events[len(events) // 2 :], half) != reading.book:
        yield "fold: two halves make another state than the whole"


def _counts(reading: LedgerReader, folder: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    for event in reading.ledger.events():
        match event.body:
            case e.EffectIntended():
                counts["intents"] += 1
            case e.EffectUnknown():
                counts["unknown"] += 1
                counts[f"unknown {reading.book.runs[event.run].step(event.step).action}"] += 1
            case e.EffectSucceeded(repeated=True):
                counts["repeated"] += 1
            case _:
                pass
    file = folder / PROVIDER_FILE
    if file.exists():
        counts["effects"] += sum(one["what"] == "effect" for one in records(file))
    counts["runs"] += len(reading.book.runs)
    return counts
