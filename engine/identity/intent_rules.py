"""What a text wants, by the operator's own words, and abstaining when they do not say one thing.

How the rules decide
--------------------
1. A text that is, word for word, an example of exactly one intent has that intent: this is how a correction is obeyed at once.
2. Else it is folded (case, white space, quotes of earlier letters left out) and every rule of every intent is looked for
   as whole words.
3. No intent found, or more than one: `unsure`, confidence 0. The next tier may say what it is nearest to.
4. One intent: confidence 1.0 when a rule of two or more words or two different rules were found, 0.9 for a single word.
5. Below the intent's `ask-below`: `unsure`, confidence 0.

Spam is held to more, because nobody answers it: a single word never makes spam, and a letter that also says anything a
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
    found: tuple[str, ...] = ()


def says(folded: str, phrase: str) -> bool:
    """Whether folded text has the phrase as whole words."""
    wanted = fold(phrase)
    return bool(wanted) and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", folded) is not None


def resolve(text: str, intents: tuple[Intent, ...], names: Iterable[str] = ()) -> IntentResult:
    """The intent of a text, or `unsure`. `names` are the writer's, which no example has. Depends on nothing else."""
    if (shown := _shown(text, intents, tuple(names))) is not None:
        return shown
    folded = fold(text)
    found = {intent.name: hits for intent in intents if (hits := _hits(folded, intent))}
    evidence = "; ".join(f"{name}: {', '.join(hits)}" for name, hits in sorted(found.items()))
    unsure = IntentResult(name=UNSURE, confidence=0.0, evidence=evidence, found=tuple(sorted(found)))
    if len(found) != 1:
        return unsure
    name, hits = next(iter(found.items()))
    intent = next(one for one in intents if one.name == name)
    firm = len(hits) > 1 or " " in fold(hits[0])
    confidence = _FIRM if firm else _WORD
    if confidence < intent.ask_below or (name == SPAM and not firm):
        return unsure
    return IntentResult(name=name, confidence=confidence, evidence=evidence, found=(name,))


def shared_examples(intents: Iterable[Intent]) -> dict[str, tuple[str, ...]]:
    """Examples that stand under more than one intent, with those: they decide nothing and teach nothing."""
    where: dict[str, dict[str, str]] = {}
    for intent in intents:
        for one in intent.examples:
            where.setdefault(same(one), {})[intent.name] = one
    return {next(iter(of.values())): tuple(sorted(of)) for of in where.values() if len(of) > 1}


def _shown(text: str, intents: tuple[Intent, ...], names: tuple[str, ...]) -> IntentResult | None:
    """What the example that is this very text says; None when there is none, or two that differ."""
    wanted = same(example(text, names))
    if not wanted:
        return None
    found = {intent.name: one for intent in intents for one in intent.examples if same(one) == wanted}
    if len(found) != 1:
        return None
    name, words = next(iter(found.items()))
    return IntentResult(name=name, confidence=_FIRM, evidence=f"example of {name}: {words}", found=(name,))


def _hits(folded: str, intent: Intent) -> list[str]:
    """The different rules of an intent that were found, longest first; one inside another is counted once."""
    found: list[str] = []
    for rule in sorted(dict.fromkeys(intent.rules), key=lambda one: (-len(one), one)):
        if says(folded, rule) and not any(says(fold(longer), rule) for longer in found):
            found.append(rule)
    return found
