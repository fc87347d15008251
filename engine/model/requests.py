"""What other processes ask of the owner: rows of the `requests` table, never events."""

from dataclasses import dataclass
from typing import Literal

from engine.model.values.canonical_json import Json

RequestKind = Literal[
    "approve", "edit", "redraft", "reject", "snooze", "undo", "answer", "stop", "resume", "start", "event", "pass", "enrol",
    "accept", "waive", "retry", "take", "dismiss",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A durable ask. `id` is a nonce made by the asking process; the same id is decided once.

    `digest` is what the person was shown (cards); `strength` 2 carries a verified proof in `proof` (method and counter), never the secret.
    `channel` is where the person was: ``terminal``. `body` holds the kind's own fields.
    """

    id: str
    kind: RequestKind
    actor: str
    channel: str
    target: str = ""
    digest: str = ""
    strength: int = 1
    proof: str = ""
    body: Json = None
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The owner's answer. `exit` is the exit code the asking command ends with, `message` what it prints."""

    request: str
    verdict: Literal["accepted", "noop", "refused"]
    message: str
    exit: int = 0
    run: str = ""
    card: str = ""
