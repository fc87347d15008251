"""Whether `why` can tell everything: the chain of every effect of a company beside what its events say, and planted holes.

A unit is a company (:mod:`tests.campaigns.company`). What each chain must hold is worked out here from the typed events, in another way
than the chain's own; then events, values and bytes are taken away or changed, one at a time, and the chain has to say what is missing.
"""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.app.commands import history as past
from engine.model.errors import LedgerError
from engine.model.events import events as e
from engine.model.events.readers import IntentResolved, ModelAnswered
from engine.model.text.safe_text import line
from engine.model.values.canonical_json import Json
from engine.observe.why import LINKS, Chain, Why
from engine.testing.scenario import Scenario
from tests.campaigns.company import played

RUNS = 40
"""Runs of one company, at least."""

SHOWN = 60


@dataclass
class Tally:
    """What was tried. `counts`: runs, effects, subjects, chains, links that rest on something, planted holes and those that were found."""

    violations: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def result(self) -> dict[str, object]:
        """As kept in the evidence."""
        return {"runs": 0, **dict(sorted(self.counts.items())), "violations": len(self.violations)}


def unit(folder: Path, index: int, tally: Tally) -> None:
    """One company: every chain, then the planted holes."""
    with played(folder, index, runs=RUNS) as scenario:
        examine(scenario, tally, seed=index)


def examine(scenario: Scenario, tally: Tally, *, seed: int) -> None:
    """Resolve every effect, run and subject of a company and compare."""
    events = scenario.events()
    by_run: dict[str, list[e.Event]] = defaultdict(list)
    for one in events:
        by_run[one.run].append(one)
    proposed = [one for one in events if isinstance(one.body, e.EffectProposed)]
    with past.open_past(scenario.workspace()) as found:
        told: list[tuple[e.Event, Chain]] = []
        for run in scenario.runs():
            mine = [one for one in by_run[run.id] if isinstance(one.body, e.EffectProposed)]
            chains = found.chains(run.id)
            if [(one.step, one.body.key) for one in mine] != [(one.step, one.key) for one in chains]:  # type: ignore[union-attr]
                tally.violations.append(f"company {seed}: run {run.id[:8]}: not a chain for each effect")
                continue
            told += zip(mine, chains, strict=True)
        for event, chain in told:
            for problem in _problems(found, event, chain, by_run):
                where = f"{by_run[chain.run][0].run[:8]} {chain.step} {chain.action}"
                tally.violations.append(f"company {seed}: {where}: {problem}")
        last = {chain.key: chain for _, chain in told}
        wrong = [key for key, chain in last.items() if found.chains(key) != (chain,)]
        tally.violations += [f"company {seed}: the chain of key {key[:12]} is another one" for key in wrong]
        subjects = sorted({one.subject for one in proposed} - {""})
        why = Why(found.history, found.ledger, anchored=0)
        for subject in subjects:
            count = sum(one.subject == subject for one in proposed)
            if len(why.subject(subject)) != count:
                tally.violations.append(f"company {seed}: subject {subject[:8]}: not a chain for each effect")
        tally.counts.update(
            runs=len(scenario.runs()), effects=len(last), chains=len(told), subjects=len(subjects),
            holes=sum(len(chain.holes) for _, chain in told),
        )  # fmt: skip
        for _, chain in told:
            tally.counts.update(f"with {one.name}" for one in chain.links if one.seqs)
        _plant(found, told, by_run, tally, seed)


def _problems(
    found: past.Past, event: e.Event, chain: Chain, by_run: Mapping[str, list[e.Event]]
) -> Iterator[str]:
    """What a chain should hold and does not."""
    links = {one.name: one for one in chain.links}
    words = {name: "\n".join(one.said) for name, one in links.items()}
    yield from (f"a hole: {hole}" for hole in chain.holes)
    if tuple(links) != LINKS:
        yield f"links {tuple(links)}"
        return
    if unknowable := [name for name, said in words.items() if "unknowable" in said]:
        yield f"unknowable: {unknowable}"
    if "can't be read" in (since := found.since(chain)) or ("since" not in since and "changed" not in since):
        yield f"since: {since}"
    for name, wanted in _expected(found, event, by_run[chain.run]):
        if wanted not in words[name]:
            yield f"{name} does not say {wanted!r}"
    if "trust: " not in words["trigger"] or not links["trigger"].seqs:
        yield "the trigger's trust"
    born = _born(by_run[chain.run])
    while born.parent:
        born = _born(by_run[born.parent])
    if born.trigger not in words["trigger"]:
        yield f"the first cause, {born.trigger}"
    if "anchored" not in words["chain"]:
        yield "the anchor"


def _born(events: list[e.Event]) -> e.RunCreated:
    return next(one.body for one in events if isinstance(one.body, e.RunCreated))


def _expected(found: past.Past, event: e.Event, events: list[e.Event]) -> Iterator[tuple[str, str]]:
    """(link, words it must hold) for what the events of the run say about one proposal."""
    proposed = event.body
    assert isinstance(proposed, e.EffectProposed)
    sent = any(isinstance(one.body, e.EffectIntended) and one.body.key == proposed.key for one in events)
    cards: dict[str, e.CardOpened] = {}
    for one in events:
        before, mine = one.seq < event.seq, one.step == event.step
        match one.body:
            case e.RunCreated(trigger=trigger, commit=commit, plan=plan):
                yield from (("trigger", trigger), ("run", commit[:12]), ("run", plan[:12]))
            case IntentResolved(name=name, tier=tier) if before:
                yield "intent", f"{name} by {tier}"
            case ModelAnswered() if before:
                yield "model", one.body.prompt_digest[:12]
                if one.body.answer and (raw := found.ledger.unseal(one.body.answer)):
                    yield "model", line(str(raw), 200)[:SHOWN]
            case e.StepSucceeded(outputs=str(id_)) if before:
                outputs = found.ledger.unseal(id_)
                notes = outputs.get("notes") if isinstance(outputs, dict) else None
                for note in notes if isinstance(notes, list) else ():
                    yield "passages", str(note["path"])
            case e.EffectGated(revision=revision, rule=rule) if mine and revision == proposed.revision:
                yield "rule", rule
            case e.CardOpened():
                cards[one.body.card] = one.body
            case e.CardApproved(card=card, by=by) if (
                (event.step, proposed.revision) in zip(cards[card].steps, cards[card].revisions, strict=True)
            ) and sent:
                yield "approval", f"by {by}"
                yield "approval", "shown, approved and executed are the same bytes"
            case e.EffectIntended(key=key) if key == proposed.key:
                yield "sent", key[:16]
            case e.EffectSucceeded(key=key, provider=str(provider)) if key == proposed.key and provider:
                yield "sent", provider
            case e.EffectUndone(key=key) if key == proposed.key:
                yield "undo", "taken back"
            case e.EffectKept(key=key) if key == proposed.key:
                yield "undo", "could not be taken back"
            case e.EffectWithdrawn() if mine:
                yield "undo", "withdrawn"
            case _:
                pass


# ---------------------------------------------------------------- planted holes


class Altered:
    """A history in which one event is missing or another one, or the row of an effect says something else."""

    def __init__(self, real: Any, *, drop: frozenset[int] = frozenset(), change: Mapping[int, Mapping[str, Json]] | None = None,
                 effect: Mapping[str, None] | None = None) -> None:  # fmt: skip
        self.real, self.drop, self.change, self.effect = real, drop, change or {}, effect or {}

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """As asked, altered."""
        found = [
            row
            for row in self.real.rows(sql, *values)
            if row.get("type") is None or row["seq"] not in self.drop
        ]
        for row in found:
            if "type" in row and row["seq"] in self.change:
                row["body"] = json.dumps(json.loads(row["body"]) | self.change[row["seq"]])
            if "calls" in row:
                row.update(self.effect)
        return found


@dataclass
class Values:
    """A ledger in which one value is lost, or another one."""

    real: Any
    id: str
    instead: Callable[[Any], Json] | None = None

    def unseal(self, id_: str) -> Json:
        """As stored, but for the one."""
        if id_ != self.id:
            return self.real.unseal(id_)
        if self.instead is None:
            raise LedgerError(f"the value {id_[:8]} is missing", code="altered")
        return self.instead(self.real.unseal(id_))


@dataclass(frozen=True)
class Plant:
    """One hole: what is altered, and the link that has to name it."""

    what: str
    link: str
    history: Any = None
    ledger: Any = None


def _plant(
    found: past.Past,
    told: list[tuple[e.Event, Chain]],
    by_run: Mapping[str, list[e.Event]],
    tally: Tally,
    seed: int,
) -> None:
    """Each kind of hole, in three effects that it fits."""
    chance, done = random.Random(seed), Counter[str]()
    for event, chain in chance.sample(told, len(told)):
        for plant in _plants(found, event, by_run):
            if done[plant.what] == 3:
                continue
            done[plant.what] += 1
            why = Why(plant.history or found.history, plant.ledger or found.ledger, anchored=0)
            chains = [one for one in why.run(chain.run) if (one.key, one.step) == (chain.key, chain.step)]
            seen = [hole for one in chains for hole in one.holes if hole.startswith(f"{plant.link}:")]
            tally.counts.update(planted=1, planted_found=bool(seen))
            if not seen:
                tally.violations.append(f"company {seed}: planted in {chain.step}, not seen: {plant.what}")


def _plants(found: past.Past, event: e.Event, by_run: Mapping[str, list[e.Event]]) -> Iterator[Plant]:
    proposed, events = event.body, by_run[event.run]
    assert isinstance(proposed, e.EffectProposed)

    def without(*seqs: int) -> Altered:
        return Altered(found.history, drop=frozenset(seqs))

    ended = any(isinstance(one.body, e.RunEnded) for one in events)
    cards: dict[str, e.Event] = {}
    sent = [one.body.key for one in events if isinstance(one.body, e.EffectIntended)]
    for one in events:
        mine = one.step == event.step
        match one.body:
            case e.RunCreated(parent=parent):
                yield Plant("the run's creation", "trigger", without(one.seq))
                if parent:
                    above = next(row.seq for row in by_run[parent] if isinstance(row.body, e.RunCreated))
                    yield Plant("the caller's creation", "trigger", without(above))
            case e.EffectGated(revision=revision) if mine and revision == proposed.revision:
                again = [
                    row.seq for row in events if row.step == one.step and isinstance(row.body, e.EffectGated)
                ]
                yield Plant("the policy's answer", "rule", without(*again))
            case e.CardOpened():
                cards[one.body.card] = one
            case e.CardApproved(card=card) if proposed.key in sent:
                opened = cards[card].body
                assert isinstance(opened, e.CardOpened)
                if (event.step, proposed.revision) in zip(opened.steps, opened.revisions, strict=True):
                    yield Plant("the card", "approval", without(cards[card].seq))
                    yield Plant("the approval", "approval", without(one.seq))
                    other = Altered(found.history, change={one.seq: {"digest": "0" * 64}})
                    yield Plant("another digest approved", "approval", other)
                    shown = Values(found.ledger, opened.content, _other_member)
                    yield Plant("other bytes shown", "approval", ledger=shown)
            case e.EffectSucceeded(key=key) if key == proposed.key:
                yield Plant("the intent", "sent", Altered(found.history, effect={"intended": None}))
                if ended:
                    yield Plant("the outcome", "sent", Altered(found.history, effect={"outcome": None}))
            case ModelAnswered(answer=str(answer), code="") if one.seq < event.seq:
                yield Plant("the raw answer", "model", ledger=Values(found.ledger, answer))
                step = [row for row in events if row.step == one.step]
                if any(isinstance(row.body, e.StepSucceeded) for row in step):
                    gone = [row.seq for row in step if isinstance(row.body, ModelAnswered)]
                    yield Plant("the model's answer", "model", without(*gone))
            case e.StepSucceeded(outputs=str(outputs)) if one.seq < event.seq:
                yield Plant("what a step gave", "passages", ledger=Values(found.ledger, outputs))
            case _:
                pass
    yield Plant("the proposal", "proposal", ledger=Values(found.ledger, proposed.proposal))
    yield Plant("other bytes", "proposal", ledger=Values(found.ledger, proposed.proposal, _other_digest))


def _other_digest(value: Any) -> Json:
    return {**value, "digest": "0" * 64}


def _other_member(value: Any) -> Json:
    return {**value, "members": [{**one, "digest": "0" * 64} for one in value["members"]]}
