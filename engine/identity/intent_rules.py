"""What a text wants, by the operator's own words, and abstaining when they do not say one thing.

How the rules decide
--------------------
1. A text that is, word for word, an example of exactly one intent has that intent: this is how a correction is obeyed at once.
2. Else it is folded (case, white space, quotes of earlier letters left out) and every rule of every intent is looked for
   as whole words.
3. No intent found, or more than one: `unsure`, confidence 0. The next tier may say what it is nearest to.
4. One intent: confidence 1.0 when a rule of two or more words or two different rules were found, 0.9 for a single word.
5. Below the intent's `ask-below`: `unsure`, confidence 0.

Spam is held to more, because it gets no answer: a single word never makes spam, and a letter that also says anything a
client would say is not spam but `unsure`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from engine.identity.text_normalize import example, fold, same
from engine.model.definitions.settings import Intent

UNSURE = "unsure"
SPAM = "spam"
_FIRM, _WORD = 1.0, 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentResult:
    """What was decided. `evidence` names the rules that were found, in the operator's words; `found` the intents they belong to."""

    name: str
    confidence: float
    evidence: str
    candidates: tuple[str, ...] = ()


def says(folded: str, phrase: str) -> bool:
    """Whether folded text has the phrase as whole words."""
    folded_phrase = fold(phrase)
    return bool(folded_phrase) and re.search(rf"(?<!\w){re.escape(folded_phrase)}(?!\w)", folded) is not None


def resolve(text: str, intents: tuple[Intent, ...], names: Iterable[str] = ()) -> IntentResult:
    """The intent of a text, or `unsure`. `names` are the writer's, which no example has. Depends on nothing else."""
    if (shown := _shown(text, intents, tuple(names))) is not None:
        return shown
    folded = fold(text)
    hits_by_intent = {intent.name: hits for intent in intents if (hits := _hits(folded, intent))}
    evidence = "; ".join(f"{name}: {', '.join(hits)}" for name, hits in sorted(hits_by_intent.items()))
    unsure = IntentResult(
        name=UNSURE, confidence=0.0, evidence=evidence, candidates=tuple(sorted(hits_by_intent))
    )
    if len(hits_by_intent) != 1:
        return unsure
    name, hits = next(iter(hits_by_intent.items()))
    intent = next(intent_ for intent_ in intents if intent_.name == name)
    firm = len(hits) > 1 or " " in fold(hits[0])
    confidence = _FIRM if firm else _WORD
    if confidence < intent.ask_below or (name == SPAM and not firm):
        return unsure
    return IntentResult(name=name, confidence=confidence, evidence=evidence, candidates=(name,))


def shared_examples(intents: Iterable[Intent]) -> dict[str, tuple[str, ...]]:
    """Examples that stand under more than one intent, with those: they decide nothing and teach nothing."""
    intents_by_text: dict[str, dict[str, str]] = {}
    for intent in intents:
        for example_ in intent.examples:
            intents_by_text.setdefault(same(example_), {})[intent.name] = example_
    return {next(iter(of.values())): tuple(sorted(of)) for of in intents_by_text.values() if len(of) > 1}


def _shown(text: str, intents: tuple[Intent, ...], names: tuple[str, ...]) -> IntentResult | None:
    """What the example that is this very text says; None when there is none, or two that differ."""
    folded_text = same(example(text, names))
    if not folded_text:
        return None
    examples_ = {
        intent.name: example_
        for intent in intents
        for example_ in intent.examples
        if same(example_) == folded_text
    }
    if len(examples_) != 1:
        return None
    name, words = next(iter(examples_.items()))
    return IntentResult(
        name=name, confidence=_FIRM, evidence=f"example of {name}: {words}", candidates=(name,)
    )


def _hits(folded: str, intent: Intent) -> list[str]:
    """The different rules of an intent that were found, longest first; one inside another is counted once."""
    rules: list[str] = []
    for rule in sorted(dict.fromkeys(intent.rules), key=lambda rule_: (-len(rule_), rule_)):
        if says(folded, rule) and not any(says(fold(longer), rule) for longer in rules):
            rules.append(rule)
    return rules
