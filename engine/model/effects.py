"""One touch of the world, from proposal to outcome: the type that shadow, approval, edit, hold, send and undo share."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from engine.model.actions import EffectClass, Reach
from engine.model.canonical import Json
from engine.model.ids import EffectKey, RunId, SubjectId
from engine.model.labels import Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a reader or connector is asked: an action, its evaluated arguments, and where they came from.

    `trigger` is the event that started the run (the letter a reply answers); `key` is set for effects and frozen with the revision;
    `at` is the step's recorded time; `files` are the plan's files, path → text.
    """

    action: str
    args: dict[str, Json]
    run: RunId
    step: str
    subject: SubjectId | None
    trigger: dict[str, Json]
    at: datetime
    key: EffectKey | None = None
    revision: int = 1
    files: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The frozen effect. `body` is byte for byte what leaves; nothing else is sent.

    `facts` are (name, text) lines for the card, made from `body`; `text` is its readable, editable part (empty: not editable);
    `heads` are what the preview read, (name, version), checked again before release; `outputs` are what later steps may read
    before the outcome is known, only for fields the action lists as previewed.
    """

    body: bytes
    media: str
    facts: tuple[tuple[str, str], ...]
    text: str = ""
    heads: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    outputs: dict[str, Json] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A frozen proposal with its key: everything `perform` may use."""

    action: str
    key: EffectKey
    revision: int
    run: RunId
    step: str
    subject: SubjectId | None
    kind: EffectClass
    reach: Reach
    args: dict[str, Json]
    preview: Preview
    digest: str
    labels: dict[str, Labels]
    synthetic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The world did it (or had done it: `repeated`). `provider_id` is the world's own name for it."""

    outputs: dict[str, Json]
    provider_id: str = ""
    repeated: bool = False


class Answer(StrEnum):
    """What governance says to a proposal."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"
    PREVIEW = "preview"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """An answer that explains itself: `rule` is a stable name, `because` plain words, `strength` what an approval needs (1 or 2)."""

    answer: Answer
    rule: str
    because: str
    strength: Literal[1, 2] = 1
