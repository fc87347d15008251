"""Why an effect happened, link by link, from the ledger alone: who asked, by which rules, what a person saw, what left.

A link that can't be shown says why: `erased` when its subject was forgotten, `missing` when the chain has a hole (a fault).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from engine.ledger import Ledger
from engine.model import canonical, effects
from engine.model.canonical import Json
from engine.model.errors import EngineError
from engine.observe.history import body_of
from engine.runtime.broker import digest_of


class Asked(Protocol):
    """A history, as far as it is needed here."""

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """The rows of a fixed query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link: what it is, the words for a person, the events it rests on. `hole` says what should be there and is not."""

    name: str
    said: tuple[str, ...]
    seqs: tuple[int, ...] = ()
    hole: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The links of one effect, `key`; `action` is what it did, `run` and `step` where."""

    key: str
    action: str
    run: str
    step: str
    links: tuple[Link, ...]

    @property
    def holes(self) -> tuple[str, ...]:
        """What is missing; empty when the chain resolves completely."""
        return tuple(f"{one.name}: {one.hole}" for one in self.links if one.hole)


class Why:
    """Tells chains. `anchored` is the seq up to which the head is anchored outside the ledger."""

    def __init__(self, past: Asked, ledger: Ledger, *, anchored: int) -> None:
        self._past, self._ledger, self._anchored = past, ledger, anchored

    def run(self, run: str) -> tuple[Chain, ...]:
        """The chain of every effect of a run, in the order of their proposals; of each key once."""
        return self._chains("SELECT * FROM effects WHERE run = ? ORDER BY seq", run)

    def subject(self, subject: str) -> tuple[Chain, ...]:
        """The chain of every effect about a subject."""
        return self._chains("SELECT * FROM effects WHERE subject = ? ORDER BY seq", subject)

    def effect(self, key: str) -> Chain | None:
        """The chain of one effect by its key; None when there is none of that key."""
        found = self._chains("SELECT * FROM effects WHERE key = ? ORDER BY seq DESC LIMIT 1", key)
        return found[0] if found else None

    def _chains(self, sql: str, value: str) -> tuple[Chain, ...]:
        rows, events = self._past.rows(sql, value), dict[str, list[dict[str, Any]]]()
        for run in dict.fromkeys(row["run"] for row in rows):
            found = self._past.rows("SELECT * FROM events WHERE run = ? ORDER BY seq", run)
            events[run] = [row | {"body": body_of(row)} for row in found]
        return tuple(self._chain(row, events[row["run"]]) for row in rows)

    def _chain(self, effect: dict[str, Any], events: list[dict[str, Any]]) -> Chain:
        teller = _Teller(self._value, effect, events)
        links = [*teller.links(), self._proof(effect, teller.last)]
        return Chain(
            key=effect["key"],
            action=effect["action"],
            run=effect["run"],
            step=effect["step"],
            links=tuple(links),
        )

    def _proof(self, effect: dict[str, Any], last: int) -> Link:
        anchored = "anchored outside the ledger" if last <= self._anchored else "not anchored yet"
        return Link(name="chain", said=(f"events {effect['seq']} to {last}, {anchored}",), seqs=(last,))

    def _value(self, id_: str | None) -> Json:
        return None if id_ is None else self._ledger.unseal(id_)


class _Teller:
    """The links of one effect from the events of its run."""

    def __init__(
        self, value: Callable[[str | None], Json], effect: dict[str, Any], events: list[dict[str, Any]]
    ) -> None:
        self._value, self._effect, self._events = value, effect, events
        self.last = max(row["seq"] for row in self._about(effect["step"]))

    def links(self) -> Iterator[Link]:
        """All but the last."""
        for name, told in _TOLD.items():
            try:
                found = told(self)
            except EngineError as error:
                hole = "" if error.code == "erased" else error.message
                found = Link(name=name, said=(f"unknowable: {error.code}",), hole=hole)
            yield found

    def _all(self, type_: str) -> list[dict[str, Any]]:
        return [row for row in self._events if row["type"] == type_]

    def _about(self, step: str) -> list[dict[str, Any]]:
        return [row for row in self._events if row["step"] == step]

    def _before(self, type_: str) -> list[dict[str, Any]]:
        """Events of a type that the proposal could rest on."""
        return [row for row in self._all(type_) if row["seq"] < self._effect["seq"]]

    def trigger(self) -> Link:
        born, came = self._all("run.created"), self._all("trigger.received")
        if not born:
            return _hole("trigger", "the run's creation")
        body = born[0]["body"]
        event = self._value(body.get("event"))
        said = [f"{body['trigger']} {body['source'][:16]} at {born[0]['ts']}"]
        if isinstance(event, dict) and "from" in event:
            auth = event.get("auth")
            proven = isinstance(auth, dict) and auth.get("aligned") is True
            said.append(
                f"from {event['from']}, {'its domain is proven' if proven else 'its domain is not proven'}"
            )
        if body.get("parent"):
            said.append(f"called by run {body['parent'][:12]}, step {body['parent_step']}")
        return Link(name="trigger", said=tuple(said), seqs=tuple(row["seq"] for row in (*came, born[0])))

    def run(self) -> Link:
        born = next(iter(self._all("run.created")), None)
        if born is None:
            return _hole("run", "the run's creation")
        body = born["body"]
        said = (
            f"{body['playbook']} at {body['stage']}, commit {body['commit'][:12]}, plan {body['plan'][:12]}"
        )
        return Link(name="run", said=(said,), seqs=(born["seq"],))

    def person(self) -> Link:
        found = []
        for row, outputs in self._read():
            if isinstance(outputs, dict) and "known" in outputs and "email" in outputs:
                note = outputs.get("note")
                known = f"known from {note}" if outputs["known"] else "a stranger"
                found.append((row["seq"], f"{outputs.get('name') or outputs['email']}: {known}"))
        return _plain("person", found, none="nobody was looked up")

    def intent(self) -> Link:
        resolved = self._before("intent.resolved")
        found = [
            (
                row["seq"],
                "{name} by {tier}, score {score}, in scope {scope}, threshold {threshold}, versions {versions}".format(
                    **row["body"]
                ),
            )
            for row in resolved
        ]
        for row, outputs in self._read():
            if isinstance(outputs, dict) and "tier" in outputs and "evidence" in outputs:
                found.append(
                    (
                        row["seq"],
                        f"{outputs['name']} by {outputs['tier']}: {outputs['evidence'] or 'no evidence'}",
                    )
                )
        return _plain("intent", found, none="no intent was asked for")

    def passages(self) -> Link:
        found = []
        for row, outputs in self._read():
            notes = outputs.get("notes") if isinstance(outputs, dict) else None
            for note in notes if isinstance(notes, list) else []:
                heading = f"#{note['heading']}" if note.get("heading") else ""
                commit = f"@{note['commit'][:12]}" if note.get("commit") else ""
                found.append((row["seq"], f"{note['path']}{heading}{commit}"))
        return _plain("passages", found, none="no passage was recalled")

    def model(self) -> Link:
        found = []
        for row in self._before("model.answered"):
            body = row["body"]
            raw = str(self._value(body.get("answer")) or "")
            asked = f"{body['model']} ({body['served'] or 'unnamed'}), {body['usd']} USD"
            ended = f", {body['code']}" if body["code"] else ""
            said = f"{asked}, prompt {body['prompt_digest'][:12]}, answered {len(raw)} characters{ended}"
            found.append((row["seq"], said))
        return _plain("model", found, none="no model was asked")

    def proposal(self) -> Link:
        sealed = self._value(self._effect["proposal"])
        if not isinstance(sealed, dict):
            return _hole("proposal", "the frozen proposal")
        effect = effects.load(sealed)
        hole = "" if digest_of(effect) == effect.digest else "the bytes are not those that were frozen"
        said = (
            f"{effect.action}, revision {effect.revision}, reach {effect.reach.value}, digest {effect.digest[:16]}",
        )
        return Link(name="proposal", said=said, seqs=(self._effect["seq"],), hole=hole)

    def rule(self) -> Link:
        gated = [
            row
            for row in self._about(self._effect["step"])
            if row["type"] == "effect.gated" and row["body"]["revision"] == self._effect["revision"]
        ]
        if not gated:
            return _hole("rule", "governance's answer")
        body = gated[-1]["body"]
        said = f"{body['answer']} by {body['rule']}: {body['because']}"
        return Link(name="rule", said=(said,), seqs=(gated[-1]["seq"],))

    def approval(self) -> Link:
        if self._effect["answer"] != "ask":
            return Link(name="approval", said=("not asked",))
        cards = [
            row
            for row in self._all("card.opened")
            if (self._effect["step"], self._effect["revision"])
            in zip(row["body"]["steps"], row["body"]["revisions"], strict=True)
        ]
        if not cards:
            waits = self._effect["intended"] is None
            return Link(name="approval", said=("no card yet",)) if waits else _hole("approval", "the card")
        opened = cards[-1]["body"]
        decided = [
            row
            for row in self._events
            if row["type"] in {"card.approved", "card.rejected", "card.expired", "card.closed"}
            and row["body"]["card"] == opened["card"]
        ]
        if not decided or decided[-1]["type"] != "card.approved":
            ended = decided[-1]["type"].removeprefix("card.") if decided else "open"
            hole = "an approval before the intent" if self._effect["intended"] is not None else ""
            return Link(name="approval", said=(f"card {opened['card'][:8]}: {ended}",), hole=hole)
        body = decided[-1]["body"]
        hole = self._differs(opened, body)
        same = hole or "shown, approved and executed are the same bytes"
        said = f"card {opened['card'][:8]} by {body['by']} on {body['channel']}, strength {body['strength']}: {same}"
        return Link(name="approval", said=(said,), seqs=(cards[-1]["seq"], decided[-1]["seq"]), hole=hole)

    def _differs(self, opened: dict[str, Any], approved: dict[str, Any]) -> str:
        """Why what was shown is not what was approved or frozen; empty when all three are one."""
        content = self._value(opened["content"])
        sealed = self._value(self._effect["proposal"])
        if not isinstance(content, dict) or not isinstance(sealed, dict):
            return "the card's content"
        if opened["digest"] != approved["digest"]:
            return "another digest was approved than shown"
        member = next((one for one in content["members"] if one["step"] == self._effect["step"]), None)
        if member is None or member["digest"] != digest_of(effects.load(sealed)):
            return "the card showed other bytes than were frozen"
        plan = next((row["body"]["plan"] for row in self._all("run.created")), "")
        whole = canonical.name_of([plan, content["expires"], [one["digest"] for one in content["members"]]])
        return "" if whole == content["digest"] else "the card's digest does not bind what it showed"

    def sent(self) -> Link:
        effect = self._effect
        if effect["intended"] is None:
            return Link(name="sent", said=("nothing left",))
        said = [f"intended at {effect['intended']}, key {effect['key'][:16]}, {effect['calls']} call(s)"]
        if effect["outcome"] is None:
            return Link(name="sent", said=(*said, "no outcome yet"), seqs=(effect["intent_seq"],))
        known = f"{effect['outcome'].removeprefix('effect.')}{' ' + effect['code'] if effect['code'] else ''}"
        named = f", the provider calls it {effect['provider']}" if effect["provider"] else ""
        hole = "" if effect["intent_seq"] < effect["outcome_seq"] else "the intent before the outcome"
        seqs = (effect["intent_seq"], effect["outcome_seq"])
        return Link(name="sent", said=(*said, known + named), seqs=seqs, hole=hole)

    def undo(self) -> Link:
        types = {
            "effect.undone": "taken back",
            "effect.kept": "could not be taken back",
            "effect.withdrawn": "withdrawn before it left",
        }
        about = [row for row in self._about(self._effect["step"]) if row["type"] in types]
        return _plain("undo", [(row["seq"], types[row["type"]]) for row in about], none="it stands")

    def _read(self) -> Iterator[tuple[dict[str, Any], Json]]:
        """What steps before the proposal gave."""
        for row in self._before("step.succeeded"):
            yield row, self._value(row["body"].get("outputs"))


_TOLD: dict[str, Callable[[_Teller], Link]] = {
    "trigger": _Teller.trigger,
    "run": _Teller.run,
    "person": _Teller.person,
    "intent": _Teller.intent,
    "passages": _Teller.passages,
    "model": _Teller.model,
    "proposal": _Teller.proposal,
    "rule": _Teller.rule,
    "approval": _Teller.approval,
    "sent": _Teller.sent,
    "undo": _Teller.undo,
}
LINKS = (*_TOLD, "chain")
"""Every link, in the order of what led to what."""


def _plain(name: str, found: list[tuple[int, str]], *, none: str) -> Link:
    said = tuple(dict.fromkeys(text for _, text in found)) or (none,)
    return Link(name=name, said=said, seqs=tuple(dict.fromkeys(seq for seq, _ in found)))


def _hole(name: str, what: str) -> Link:
    return Link(name=name, said=(f"missing: {what}",), hole=what)
