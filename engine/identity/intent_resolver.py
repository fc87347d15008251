"""Rules, then the ensemble, then a person: who decides what a text wants, and how that is told.

The ensemble decides alone only above a *proven* threshold, and never below the intent's `ask-below`. Until the examples are many
enough for a proof it only says which intent is nearest, and a person decides. Where rules found something else it is not believed.

Waiting for the encoder is bounded; then a person decides, and the tier says so. Without an encoder at all (a light install) the
rules are the only tier.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.identity import INTENT
from engine.identity.ensemble import (
    CODE,
    Ensemble,
    Example,
    Opinion,
    build,
    from_bytes,
    name_of,
    opinion,
    seeds,
    to_bytes,
    usable,
)
from engine.identity.example_vectors import Vectors, read, write
from engine.identity.intent_rules import UNSURE, IntentResult, resolve
from engine.identity.text_normalize import digest, example
from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.settings import Intent
from engine.model.definitions.taint import Label, Labels
from engine.model.effects import Call
from engine.model.errors import PermanentError, TransientError
from engine.model.events.readers import IntentResolved
from engine.model.ports import Encoder, Recorder
from engine.model.values.canonical_json import Json

RULES, ENSEMBLE, PERSON = "rules", "ensemble", "person"
_PATIENCE, _PAUSE = 60.0, 0.5
_KEPT = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided, by whom and how sure. `nearest` is the ensemble's first choice also where it may not decide; empty for a text
    that is nearer to what is about nothing we know than to any example.

    `score` and `threshold` are chances from 0 to 1; `scope` is None for a tier that has none. `cases` were judged for the threshold.
    """

    name: str
    confidence: float
    tier: str
    evidence: str
    nearest: str
    score: float
    scope: float | None
    threshold: float
    proven: bool
    versions: str
    cases: int = 0


class Tiers:
    """Decides texts. Safe to use from several threads; the same text, intents and encoder give the same decision.

    `encoder` is None in a light install. `folder` keeps what can be trained again, under a MAC with `key`. `wait` lets seconds pass.
    """

    def __init__(
        self, *, encoder: Encoder | None, folder: Path | None, key: bytes, wait: Callable[[float], None]
    ) -> None:
        self._encoder, self._folder, self._key, self._wait = encoder, folder, key, wait
        self._lock = threading.Lock()
        self._vectors = Vectors(folder / "vectors" if folder else None, key)
        self._trained: dict[str, Ensemble] = {}
        self._said: dict[tuple[str, str], Opinion] = {}

    def decide(self, text: str, intents: tuple[Intent, ...], names: Iterable[str] = ()) -> Decision:
        """The intent of a text. `names` are the writer's: they say nothing about what is wanted."""
        names = tuple(names)
        ruled = resolve(text, intents, names)
        versions = f"examples:{_digest(intents)} code:{CODE}"
        if ruled.name != UNSURE or self._encoder is None:
            return _by_rules(ruled, intents, versions)
        examples = usable([Example(text=phrase, intent=of.name) for of in intents for phrase in of.examples])
        words = example(text, names)
        if not examples or not words:
            why = (
                "there are no words to compare"
                if examples
                else "two intents with two examples each are needed"
            )
            return _by_person(ruled, why, versions)
        try:
            trained, opinion_ = self._patiently(examples, words, self._encoder)
            versions = f"{versions} encoder:{self._encoder.version} ensemble:{trained.name}"
        except (TransientError, PermanentError) as problem:
            return _by_person(ruled, f"nobody could compare it: {problem.code}", versions)
        except ImportError as problem:
            return _by_person(ruled, f"nobody could compare it: {problem.name} is not installed", versions)
        return _by_ensemble(ruled, trained, opinion_, intents, versions)

    def _patiently(
        self, examples: tuple[Example, ...], words: str, encoder: Encoder
    ) -> tuple[Ensemble, Opinion]:
        waited = 0.0
        while True:
            try:
                with self._lock:
                    trained = self._ensemble(examples, encoder)
                    return trained, self._opinion(trained, words, encoder)
            except TransientError:
                if waited >= _PATIENCE:
                    raise
                self._wait(_PAUSE)
                waited += _PAUSE

    def _ensemble(self, examples: tuple[Example, ...], encoder: Encoder) -> Ensemble:
        name = name_of(examples, encoder.version)
        if name not in self._trained:
            ensemble = self._stored(name) or self._train(examples, encoder, name)
            self._trained = {name: ensemble}
        return self._trained[name]

    def _train(self, examples: tuple[Example, ...], encoder: Encoder, name: str) -> Ensemble:
        import numpy as np

        texts = [example_.text for example_ in examples]
        vectors = self._vectors.vectors_of([*texts, *seeds()], encoder)
        rows = np.vstack([np.frombuffer(vector, dtype="<f4") for vector in vectors])
        trained = build(examples, rows[: len(texts)], rows[len(texts) :], name=name)
        write(self._file, to_bytes(trained), self._key)
        return trained

    @property
    def _file(self) -> Path | None:
        return self._folder / "ensemble" if self._folder else None

    def _stored(self, name: str) -> Ensemble | None:
        archived = read(self._file, self._key)
        ensemble = from_bytes(archived) if archived is not None else None
        return ensemble if ensemble is not None and ensemble.name == name else None

    def _opinion(self, trained: Ensemble, words: str, encoder: Encoder) -> Opinion:
        import numpy as np

        place = (trained.name, digest(words))
        if place not in self._said:
            (vector,) = encoder.encode([words])
            while len(self._said) >= _KEPT:
                del self._said[next(iter(self._said))]
            self._said[place] = opinion(trained, words, np.frombuffer(vector, dtype="<f4"))
        return self._said[place]


def _by_rules(ruled: IntentResult, intents: tuple[Intent, ...], versions: str) -> Decision:
    bar = next((intent.ask_below for intent in intents if intent.name == ruled.name), 0.0)
    return Decision(
        name=ruled.name, confidence=ruled.confidence, tier=RULES, evidence=ruled.evidence,
        nearest="" if ruled.name == UNSURE else ruled.name, score=ruled.confidence, scope=None, threshold=bar,
        proven=False, versions=versions,
    )  # fmt: skip


def _by_person(ruled: IntentResult, why: str, versions: str) -> Decision:
    return Decision(
        name=UNSURE, confidence=0.0, tier=PERSON, evidence="; ".join(filter(None, (ruled.evidence, why))), nearest="",
        score=0.0, scope=None, threshold=0.0, proven=False, versions=versions,
    )  # fmt: skip


def _by_ensemble(
    ruled: IntentResult, trained: Ensemble, opinion_: Opinion, intents: tuple[Intent, ...], versions: str
) -> Decision:
    bar = next(intent.ask_below for intent in intents if intent.name == opinion_.intent)
    calibration = trained.calibration
    proven = calibration.proven <= 1
    threshold = min(1.0, max(bar, calibration.proven if proven else calibration.likely))
    contradicted = bool(ruled.candidates) and opinion_.intent not in ruled.candidates
    decides = proven and opinion_.score >= threshold and not contradicted
    inside = decides or opinion_.scope >= 0
    evidence = (
        f"nearest example of {opinion_.intent}: {opinion_.example}"
        if inside
        else "nearer to what is about nothing we know than to any example"
    )
    return Decision(
        name=opinion_.intent if decides else UNSURE,
        confidence=opinion_.score if decides else 0.0,
        tier=ENSEMBLE if decides else PERSON,
        evidence=f"{ruled.evidence}; {evidence}" if ruled.evidence else evidence,
        nearest=opinion_.intent if inside else "", score=opinion_.score, scope=opinion_.scope, threshold=threshold, proven=proven,
        versions=versions, cases=calibration.cases,
    )  # fmt: skip


def _digest(intents: tuple[Intent, ...]) -> str:
    """Names the operator's words that decide."""
    digested = [
        [intent.name, list(intent.rules), list(intent.examples), intent.ask_below]
        for intent in sorted(intents, key=lambda i: i.name)
    ]
    return hashlib.sha256(json.dumps(digested).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intents:
    """Port Reader for `intent/resolve`. `intents` gives those the run may use (of the plan's files, or of the tree).

    Every decision is an event before anything follows from it; `record` is None only where there is no ledger.
    """

    intents: Callable[[Call], tuple[Intent, ...]]
    tiers: Tiers
    record: Recorder | None = None

    def declare(self) -> tuple[ActionSpec, ...]:
        """One action."""
        return (INTENT,)

    def decide(self, call: Call, text: str) -> Decision:
        """The decision, without writing it down: for a reader that needs it for its own answer."""
        return self.tiers.decide(text, self.intents(call), writers(call.trigger))

    def read(self, call: Call) -> tuple[dict[str, Json], Labels]:
        """The decision. Its words are the operator's: a text can choose among them and add nothing."""
        text = call.args.get("text")
        if not isinstance(text, str) or set(call.args) != {"text"}:
            raise PermanentError("intent/resolve takes a `text`", code="wrong-argument")
        decision = self.decide(call, text)
        if self.record is not None:
            self.record.record(_event(decision), call=call)
        outputs: dict[str, Json] = {
            "name": decision.name,
            "confidence": decision.confidence,
            "tier": decision.tier,
            "evidence": decision.evidence,
            "threshold": decision.threshold,
            "proven": decision.proven,
            "nearest": decision.nearest or None,
        }
        return outputs, frozenset({Label.OPERATOR, Label.SYSTEM})


def writers(trigger: dict[str, Json]) -> tuple[str, ...]:
    """The names of the author of the letter that started a run."""
    return tuple(
        name for name in (trigger.get("name"), trigger.get("from")) if isinstance(name, str) and name
    )


def _event(decision: Decision) -> IntentResolved:
    return IntentResolved(
        name=decision.name, tier=decision.tier, score=f"{decision.score:.4f}", scope="" if decision.scope is None else f"{decision.scope:.4f}",
        threshold=f"{decision.threshold:.4f}", proven=decision.proven, versions=decision.versions,
    )  # fmt: skip
