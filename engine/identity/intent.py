"""What a text wants, by the operator's own words, and abstaining when they do not say one thing.

How the rules decide
--------------------
1. The text is folded (case, white space, quotes of earlier letters left out) and every rule of every intent is looked for
   as whole words.
2. No intent found, or more than one: `unsure`, confidence 0. A person reads the letter.
3. One intent: confidence 1.0 when a rule of two or more words or two different rules were found, 0.9 for a single word.
4. Below the intent's `ask-below`: `unsure`, confidence 0.

Spam is held to more, because nobody answers it: a single word never makes spam, and a letter that also says anything a
client would say is not spam but `unsure`.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from engine.identity import INTENT
from engine.model.actions import ActionSpec
from engine.model.canonical import Json
from engine.model.config import Intent
from engine.model.effects import Call
from engine.model.errors import PermanentError
from engine.model.labels import Label, Labels

UNSURE = "unsure"
SPAM = "spam"
_MOST = 200_000
_FIRM, _WORD = 1.0, 0.9
_APOSTROPHES = str.maketrans(
    {"’": "'", "‘": "'", "`": "'", "–": "-", "—": "-", "\u00a0": " ", "\u00ad": None}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What was decided. `evidence` names the rules that were found, in the operator's words."""

    name: str
    confidence: float
    evidence: str


def fold(text: str) -> str:
    """Text as rules are looked for in it: lower case, single spaces, without the quoted lines of earlier letters."""
    lines = [line for line in text[:_MOST].split("\n") if not line.lstrip().startswith(">")]
    text = unicodedata.normalize("NFC", " ".join(lines)).translate(_APOSTROPHES)
    return " ".join(text.casefold().split())


def says(folded: str, phrase: str) -> bool:
    """Whether folded text has the phrase as whole words."""
    wanted = fold(phrase)
    return bool(wanted) and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", folded) is not None


def resolve(text: str, intents: tuple[Intent, ...]) -> Resolved:
    """The intent of a text, or `unsure`. Depends on nothing else."""
    folded = fold(text)
    found = {intent.name: hits for intent in intents if (hits := _hits(folded, intent))}
    evidence = "; ".join(f"{name}: {', '.join(hits)}" for name, hits in sorted(found.items()))
    if len(found) != 1:
        return Resolved(name=UNSURE, confidence=0.0, evidence=evidence)
    name, hits = next(iter(found.items()))
    intent = next(one for one in intents if one.name == name)
    firm = len(hits) > 1 or " " in fold(hits[0])
    confidence = _FIRM if firm else _WORD
    if confidence < intent.ask_below or (name == SPAM and not firm):
        return Resolved(name=UNSURE, confidence=0.0, evidence=evidence)
    return Resolved(name=name, confidence=confidence, evidence=evidence)


def _hits(folded: str, intent: Intent) -> list[str]:
    """The different rules of an intent that were found, longest first; one inside another is counted once."""
    found: list[str] = []
    for rule in sorted(dict.fromkeys(intent.rules), key=lambda one: (-len(one), one)):
        if says(folded, rule) and not any(says(fold(longer), rule) for longer in found):
            found.append(rule)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Intents:
    """Port Reader for `intent/resolve`. `intents` gives those the run may use (of the plan's files, or of the tree)."""

    intents: Callable[[Call], tuple[Intent, ...]]

    def declare(self) -> tuple[ActionSpec, ...]:
        """One action."""
        return (INTENT,)

    def read(self, call: Call) -> tuple[dict[str, Json], Labels]:
        """The decision. Its words are the operator's: a text can choose among them and add nothing."""
        text = call.args.get("text")
        if not isinstance(text, str) or set(call.args) != {"text"}:
            raise PermanentError("intent/resolve takes a `text`", code="wrong-argument")
        found = resolve(text, self.intents(call))
        outputs = {
            "name": found.name,
            "confidence": found.confidence,
            "tier": "rules",
            "evidence": found.evidence,
        }
        return outputs, frozenset({Label.OPERATOR, Label.SYSTEM})
