"""Events of letters without a run of their own: each is shown to the operator until a person has read it."""

from dataclasses import dataclass
from typing import Literal

Why = Literal["answer", "version", "doubt"]
CHOICES: dict[str, tuple[str, ...]] = {"doubt": ("yes", "no"), "version": ("new",), "answer": ()}
"""What a note can be answered with, besides being dismissed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterNoted:
    """A letter stands before the operator. `why`: it is an answer that ended a wait or a run; another version of a letter under an id that is
    known; or in doubt, may be what a run waits for. The event's run is the one it belongs to, and its step the one that waits.

    `event` is a sealed value, `letter` an HMAC of Message-ID and author, `labels` the origins of what is in it. Of one in doubt `name` is
    what the wait calls it and `thread` the conversation it may belong to.
    """

    note: str
    why: Why
    kind: str
    source: str
    event: str
    letter: str = ""
    name: str = ""
    thread: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterRead:
    """A person has looked at it. `as_` is what it was for them: read, answer (the wait ended with it) or new (it started a run)."""

    note: str
    by: str
    channel: str
    as_: str = "read"


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterReturned:
    """It stands before the operator again: they took back that they had looked at it."""

    note: str
    by: str
    channel: str
