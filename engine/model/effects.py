"""One touch of the world, from proposal to outcome: the type that shadow, approval, edit, hold, send and undo share."""

import base64
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from engine.model.definitions import taint as labels_
from engine.model.definitions.actions import EffectClass, Reach
from engine.model.definitions.taint import Labels
from engine.model.values.canonical_json import Json
from engine.model.values.ids import EffectKey, RunId, SubjectId


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a reader or connector is asked: an action, its evaluated arguments, and where they came from.

    `trigger` is the event that started the run (the letter a reply answers); `key` is set for effects and frozen with the revision;
    `at` is the step's recorded time; `files` are the plan's files, path → text; `budget` is what the run may spend on models, in dollars.
    `last`: when this fails, it is not tried again. `model_disabled`: no model is asked, since its budget is used up.
    `seen` is filled in by the reader: the paths of the workspace's files whose words are in the answer.
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
    budget: Decimal | None = None
    last: bool = True
    model_disabled: bool = False
    seen: set[str] = field(default_factory=set, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The frozen effect. `body` is byte for byte what leaves; nothing else is sent. Where it says of a moment that it is the one at which
    it leaves (a letter's Date), that moment alone is filled in, from the durable intent.

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
    """A frozen proposal with its key: everything `perform` may use.

    `seen` are the files it was made from, (path, version).
    `at` is when the intent of this very call was written down, for bytes that name the moment they leave; empty while nothing is intended.
    """

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
    seen: tuple[tuple[str, str], ...] = ()
    at: str = ""


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
    """An answer that explains itself: `rule` is a stable name, `because` plain words, `strength` what an approval needs (1 or 2).

    `not_before` is the stamp before which it may not leave, even when approved, because the day's cap `cap` is reached; empty for none.
    """

    answer: Answer
    rule: str
    because: str
    strength: Literal[1, 2] = 1
    not_before: str = ""
    cap: str = ""


def dump(effect: Effect) -> Json:
    """A proposal as JSON, to be sealed. The body is base 64."""
    preview = effect.preview
    return {
        "action": effect.action,
        "key": effect.key,
        "revision": effect.revision,
        "run": effect.run,
        "step": effect.step,
        "subject": effect.subject,
        "kind": effect.kind.value,
        "reach": effect.reach.value,
        "args": effect.args,
        "digest": effect.digest,
        "seen": [list(pair) for pair in effect.seen],
        "labels": {name: list(labels_.encode(origins)) for name, origins in effect.labels.items()},
        "preview": {
            "body": base64.b64encode(preview.body).decode(),
            "media": preview.media,
            "facts": [list(fact) for fact in preview.facts],
            "text": preview.text,
            "heads": [list(head) for head in preview.heads],
            "warnings": list(preview.warnings),
            "outputs": preview.outputs,
        },
    }


def words(effect: Effect) -> list[str]:
    """What would leave, as a person reads it: the facts, then the text line by line, or else what kind of bytes and how many."""
    preview = effect.preview
    facts = [f"{name}: {value}" for name, value in preview.facts]
    text = preview.text.splitlines()
    return [*facts, *(text or ([] if facts else [f"{preview.media}, {len(preview.body)} bytes"]))]


def load(record: dict[str, Any]) -> Effect:
    """The proposal `dump` wrote."""
    preview = record["preview"]
    return Effect(
        action=record["action"],
        key=EffectKey(record["key"]),
        revision=record["revision"],
        run=RunId(record["run"]),
        step=record["step"],
        subject=SubjectId(record["subject"]) if record["subject"] else None,
        kind=EffectClass(record["kind"]),
        reach=Reach(record["reach"]),
        args=record["args"],
        digest=record["digest"],
        seen=tuple((path, version) for path, version in record.get("seen", ())),
        labels={name: labels_.decode(names) for name, names in record["labels"].items()},
        preview=Preview(
            body=base64.b64decode(preview["body"]),
            media=preview["media"],
            facts=tuple((name, text) for name, text in preview["facts"]),
            text=preview["text"],
            heads=tuple((name, version) for name, version in preview["heads"]),
            warnings=tuple(preview["warnings"]),
            outputs=preview["outputs"],
        ),
    )
