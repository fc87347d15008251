"""The links of a chain of why: what each of them says of one effect, from the events of its run.

A link that can't be shown says why: `erased` when its subject was forgotten, `missing` when the chain has a hole (a fault).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from engine.model import effects
from engine.model.definitions.taint import Label
from engine.model.errors import EngineError
from engine.model.text.safe_text import line
from engine.model.values import canonical_json
from engine.model.values.canonical_json import Json
from engine.runtime.broker import digest_of

Events: TypeAlias = list[dict[str, Any]]
"""Rows of `events` with their bodies as maps, in order."""

_MAX_OF_AN_ANSWER = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link: what it is, the words for a person, the events it rests on. `hole` says what should be there and is not."""

    name: str
    said: tuple[str, ...]
    seqs: tuple[int, ...] = ()
    hole: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectFacts:
    """What the links of one effect are told from: its row, the events of its run, and those of the first of the run's callers.

    `value` gives a sealed value, None for none. Raises what the ledger raises.
    """

    value: Callable[[str | None], Json]
    effect: dict[str, Any]
    events: Events
    first: Events

    @property
    def last(self) -> int:
        """The number of the last event about the effect's step."""
        return max(int(row["seq"]) for row in self.about(self.effect["step"]))

    def links(self) -> Iterator[Link]:
        """Every link but the last, in order."""
        for name, build in BUILDERS.items():
            try:
                link = build(self)
            except EngineError as error:
                hole = "" if error.code == "erased" else error.message
                link = Link(name=name, said=(f"unknowable: {error.code}",), hole=hole)
            yield link

    def all(self, type_: str) -> Events:
        """The run's events of a type."""
        return [row for row in self.events if row["type"] == type_]

    def about(self, step: str) -> Events:
        """The events about a step."""
        return [row for row in self.events if row["step"] == step]

    def before_proposal(self, type_: str) -> Events:
        """Events of a type that the proposal could rest on."""
        return [row for row in self.all(type_) if row["seq"] < self.effect["seq"]]

    def step_outputs(self) -> Iterator[tuple[dict[str, Any], Json]]:
        """The outputs of the steps before the proposal."""
        for row in self.before_proposal("step.succeeded"):
            yield row, self.value(row["body"].get("outputs"))


def _trigger(facts: EffectFacts) -> Link:
    """What came, from whom, and how far it is trusted; of a called run, what started the first of its callers, too."""
    born, came = facts.all("run.created"), facts.all("trigger.received")
    if not born:
        return _hole("trigger", "the run's creation")
    body = born[0]["body"]
    sentences = _arrived(facts, born[0])
    if body.get("parent"):
        sentences.append(f"called by run {body['parent'][:12]}, step {body['parent_step']}")
        above = next((row for row in facts.first if row["type"] == "run.created"), None)
        if above is None or above["body"].get("parent"):
            return _hole("trigger", "what started the run that called")
        sentences += [f"run {above['run'][:12]}: {sentence}" for sentence in _arrived(facts, above)]
    return Link(name="trigger", said=tuple(sentences), seqs=tuple(row["seq"] for row in (*came, born[0])))


def _arrived(facts: EffectFacts, born: dict[str, Any]) -> list[str]:
    body = born["body"]
    sentences = [f"{body['trigger']} {body['source'][:16]} at {born['ts']}", _trust(body)]
    event = facts.value(body.get("event"))
    if isinstance(event, dict) and "from" in event:
        auth = event.get("auth")
        proven = isinstance(auth, dict) and auth.get("aligned") is True
        sentences.append(
            f"from {event['from']}, {'its domain is proven' if proven else 'its domain is not proven'}"
        )
    return sentences


def _run(facts: EffectFacts) -> Link:
    born = next(iter(facts.all("run.created")), None)
    if born is None:
        return _hole("run", "the run's creation")
    body = born["body"]
    sentence = (
        f"{body['playbook']} at {body['stage']}, commit {body['commit'][:12]}, plan {body['plan'][:12]}"
    )
    return Link(name="run", said=(sentence,), seqs=(born["seq"],))


def _person(facts: EffectFacts) -> Link:
    people = []
    for row, outputs in facts.step_outputs():
        if isinstance(outputs, dict) and "known" in outputs and "email" in outputs:
            note = outputs.get("note")
            known = f"known from {note}" if outputs["known"] else "a stranger"
            people.append((row["seq"], f"{outputs.get('name') or outputs['email']}: {known}"))
    return _plain("person", people, none="nobody was looked up")


def _intent(facts: EffectFacts) -> Link:
    resolved = facts.before_proposal("intent.resolved")
    intents = [
        (
            row["seq"],
            "{name} by {tier}, score {score}, in scope {scope}, threshold {threshold}, versions {versions}".format(
                **row["body"]
            ),
        )
        for row in resolved
    ]
    intents += [
        (row["seq"], f"{row['body']['intent']} by {row['body']['tier']}, when it came")
        for row in facts.all("trigger.received")
        if row["body"].get("intent")
    ]
    for row, outputs in facts.step_outputs():
        if isinstance(outputs, dict) and "tier" in outputs and "evidence" in outputs:
            intents.append(
                (
                    row["seq"],
                    f"{outputs['name']} by {outputs['tier']}: {outputs['evidence'] or 'no evidence'}",
                )
            )
    return _plain("intent", intents, none="no intent was asked for")


def _passages(facts: EffectFacts) -> Link:
    passages = []
    for row, outputs in facts.step_outputs():
        notes = outputs.get("notes") if isinstance(outputs, dict) else None
        for note in notes if isinstance(notes, list) else []:
            heading = f"#{note['heading']}" if note.get("heading") else ""
            commit = f"@{note['commit'][:12]}" if note.get("commit") else ""
            passages.append((row["seq"], f"{note['path']}{heading}{commit}"))
    return _plain("passages", passages, none="no passage was recalled")


def _model(facts: EffectFacts) -> Link:
    """Which model answered what: the prompt by its digest, the answer as it came."""
    answers, hole = [], ""
    for row in facts.before_proposal("model.answered"):
        body = row["body"]
        raw = facts.value(body.get("answer"))
        asked = f"{body['model']} ({body['served'] or 'unnamed'}), {body['usd']} USD"
        ended = f", {body['code']}" if body["code"] else ""
        summary = f"{asked}, prompt {body['prompt_digest'][:12]}{ended}"
        answers.append((row["seq"], f"{summary}: {line(str(raw or 'nothing'), _MAX_OF_AN_ANSWER)}"))
        if not body["code"] and (not raw or facts.value(body.get("prompt")) is None):
            hole = "the prompt and the raw answer"
    answered = {row["step"] for row in facts.all("model.answered")}
    succeeded = {row["step"] for row in facts.before_proposal("step.succeeded")}
    if lost := {row["step"] for row in facts.before_proposal("model.reserved")} & succeeded - answered:
        hole = f"what the model answered in {', '.join(sorted(lost))}"
    link = _plain("model", answers, none="no model was asked")
    return replace(link, hole=hole)


def _proposal(facts: EffectFacts) -> Link:
    sealed = facts.value(facts.effect["proposal"])
    if not isinstance(sealed, dict):
        return _hole("proposal", "the frozen proposal")
    try:
        effect = effects.load(sealed)
    except (KeyError, TypeError, ValueError):
        return _hole("proposal", "a proposal that can be read")
    hole = "" if digest_of(effect) == effect.digest else "the bytes are not those that were frozen"
    sentences = (
        f"{effect.action}, revision {effect.revision}, reach {effect.reach.value}, digest {effect.digest[:16]}",
    )
    return Link(name="proposal", said=sentences, seqs=(facts.effect["seq"],), hole=hole)


def _rule(facts: EffectFacts) -> Link:
    gated = [
        row
        for row in facts.about(facts.effect["step"])
        if row["type"] == "effect.gated" and row["body"]["revision"] == facts.effect["revision"]
    ]
    if not gated:
        return _hole("rule", "governance's answer")
    body = gated[-1]["body"]
    sentence = f"{body['answer']} by {body['rule']}: {body['because']}"
    return Link(name="rule", said=(sentence,), seqs=(gated[-1]["seq"],))


def _approval(facts: EffectFacts) -> Link:
    if facts.effect["answer"] != "ask":
        return Link(name="approval", said=("not asked",))
    cards = [
        row
        for row in facts.events
        if row["type"] in {"card.opened", "card.reopened"}
        and (facts.effect["step"], facts.effect["revision"])
        in zip(row["body"]["steps"], row["body"]["revisions"], strict=True)
    ]
    if not cards:
        waits = facts.effect["intended"] is None
        return Link(name="approval", said=("no card yet",)) if waits else _hole("approval", "the card")
    opened = cards[-1]["body"]
    decided = [
        row
        for row in facts.events
        if row["type"] in {"card.approved", "card.rejected", "card.expired", "card.closed"}
        and row["body"]["card"] == opened["card"]
    ]
    if not decided or decided[-1]["type"] != "card.approved":
        ended = decided[-1]["type"].removeprefix("card.") if decided else "open"
        hole = "an approval before the intent" if facts.effect["intended"] is not None else ""
        return Link(name="approval", said=(f"card {opened['card'][:8]}: {ended}",), hole=hole)
    body = decided[-1]["body"]
    hole = _differs(facts, opened, body, at=cards[-1]["seq"])
    same = hole or "shown, approved and executed are the same bytes"
    sentence = (
        f"card {opened['card'][:8]} by {body['by']} on {body['channel']}, strength {body['strength']}: {same}"
    )
    return Link(name="approval", said=(sentence,), seqs=(cards[-1]["seq"], decided[-1]["seq"]), hole=hole)


def _differs(facts: EffectFacts, opened: dict[str, Any], approved: dict[str, Any], *, at: int) -> str:
    """Why what was shown is not what was approved or frozen; empty when all three are one."""
    content = facts.value(opened["content"])
    sealed = facts.value(facts.effect["proposal"])
    if not isinstance(content, dict) or not isinstance(sealed, dict):
        return "the card's content"
    if opened["digest"] != approved["digest"]:
        return "another digest was approved than shown"
    shown = next((member for member in content["members"] if member["step"] == facts.effect["step"]), None)
    if shown is None or shown["digest"] != digest_of(effects.load(sealed)):
        return "the card showed other bytes than were frozen"
    planned = {"run.created", "run.retried", "run.redrafted"}
    plans = [row for row in facts.events if row["type"] in planned and row["seq"] < at]
    plan = plans[-1]["body"]["plan"] if plans else ""
    whole = canonical_json.name_of(
        [plan, content["expires"], [member["digest"] for member in content["members"]]]
    )
    return "" if whole == content["digest"] else "the card's digest does not bind what it showed"


def _sent(facts: EffectFacts) -> Link:
    effect = facts.effect
    if effect["intended"] is None:
        if effect["outcome"] not in {None, "effect.failed", "effect.deferred"}:
            return _hole("sent", "the intent")
        shadow = [row for row in facts.about(effect["step"]) if row["type"] == "effect.previewed"]
        sealed: Any = facts.value(effect["proposal"]) if shadow else None
        would = ("in shadow; it would have been:", *effects.words(effects.load(sealed))) if sealed else ()
        return Link(name="sent", said=(" ".join(("nothing left", *would[:1])), *would[1:]))
    sentences = [f"intended at {effect['intended']}, key {effect['key'][:16]}, {effect['calls']} call(s)"]
    if effect["outcome"] is None:
        hole = "the outcome" if facts.all("run.ended") else ""
        return Link(name="sent", said=(*sentences, "no outcome yet"), seqs=(effect["intent_seq"],), hole=hole)
    known = f"{effect['outcome'].removeprefix('effect.')}{' ' + effect['code'] if effect['code'] else ''}"
    named = f", the provider calls it {effect['provider']}" if effect["provider"] else ""
    hole = "" if effect["intent_seq"] < effect["outcome_seq"] else "the intent before the outcome"
    seqs = (effect["intent_seq"], effect["outcome_seq"])
    return Link(name="sent", said=(*sentences, known + named), seqs=seqs, hole=hole)


def _undo(facts: EffectFacts) -> Link:
    types = {
        "effect.undone": "taken back",
        "effect.kept": "could not be taken back",
        "effect.withdrawn": "withdrawn before it left",
    }
    about = [row for row in facts.about(facts.effect["step"]) if row["type"] in types]
    return _plain("undo", [(row["seq"], types[row["type"]]) for row in about], none="it stands")


def _trust(born: dict[str, Any]) -> str:
    """How far the words that started a run are trusted, by where they came from."""
    labels = {
        *born.get("labels", ()),
        *(label for binding in born.get("given", ()) for label in binding.partition("=")[2].split(",")),
    }
    phrases = [words for label, words in _TRUST.items() if label in labels]
    return f"trust: {', '.join(phrases) or _TRUST[Label.SYSTEM]}"


_TRUST = {
    Label.UNTRUSTED: "a stranger's words",
    Label.CUSTOMER: "a customer's words",
    Label.MODEL: "a model's words",
    Label.OPERATOR: "the operator's own",
    Label.SYSTEM: "the engine's own",
}


def _plain(name: str, evidence: list[tuple[int, str]], *, none: str) -> Link:
    sentences = tuple(dict.fromkeys(text for _, text in evidence)) or (none,)
    return Link(name=name, said=sentences, seqs=tuple(dict.fromkeys(seq for seq, _ in evidence)))


def _hole(name: str, missing: str) -> Link:
    return Link(name=name, said=(f"missing: {missing}",), hole=missing)


BUILDERS: dict[str, Callable[[EffectFacts], Link]] = {
    "trigger": _trigger,
    "run": _run,
    "person": _person,
    "intent": _intent,
    "passages": _passages,
    "model": _model,
    "proposal": _proposal,
    "rule": _rule,
    "approval": _approval,
    "sent": _sent,
    "undo": _undo,
}
LINKS = (*BUILDERS, "chain")
"""Every link, in the order of what led to what."""
