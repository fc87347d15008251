"""How long what could not happen waits before it is tried again, purely: the one rule of back-off, and when waiting ends.

Chance comes from the name of what waits and how often it was tried, so that two machines and every replay agree, and a thousand letters
that wait for one server still don't come back together.
"""

import hashlib
from datetime import timedelta

from engine.model.definitions.plan import Retry
from engine.model.errors import PermanentError, TransientError
from engine.model.events.outages import FLEETING
from engine.model.rate_limited import retry_after
from engine.model.values.durations import exponential
from engine.model.values.timestamps import later, midnight

FIRST, LONGEST = timedelta(seconds=5), timedelta(hours=1)
PATIENCE = timedelta(days=3)
"""What waits longer has failed, and a person decides."""
MAX_ASKED = timedelta(days=1)
SPREAD = timedelta(minutes=30)
"""What a day's cap held back begins within this after midnight."""

# The setting or the secret is missing, not the letter wrong: it waits until a person mends that.
_MENDED = frozenset({"secret-missing", "no-address", "setting"})
# The world answered, and what it said was no use: asked again it costs again. And a test that wants to see what follows.
_ANSWERED = frozenset({"model-garbage", "model-refused", "model-empty", "model-answer", "made-to-fail"})


def share(name: str, times: int) -> float:
    """A number above 0, at most 1, that looks random and follows from the name."""
    digest = hashlib.sha256(f"{name} {times}".encode()).digest()
    return (int.from_bytes(digest[:7], "big") + 1) / 2**56


def certainly_nothing(error: BaseException) -> bool:
    """Whether nothing was done and another try may go better: then it is no failure, but waited for."""
    code = getattr(error, "code", "")
    if isinstance(error, TransientError):
        return code not in _ANSWERED
    return isinstance(error, PermanentError) and code in _MENDED


def backoff(retry: Retry, attempt: int, chance: float) -> timedelta:
    """Full jitter: a share of the exponential delay (AWS architecture blog, "Exponential backoff and jitter")."""
    attempt = attempt if retry.backoff == "exponential" else 1
    return exponential(retry.base, attempt, retry.max) * (chance or 1.0)


def next_try(name: str, tries: int, error: BaseException | None, *, now: str, until: str) -> str:
    """When what could not happen `tries` times is tried again: full jitter up to an hour, never sooner than it was asked for."""
    wait = backoff(Retry(base=FIRST, max=LONGEST), tries, share(name, tries))
    asked = min(timedelta(seconds=retry_after(error) or 0.0), MAX_ASKED)
    return min(later(now, max(wait, asked)), max(until, now))


def next_day(name: str, midnight: str, *, until: str) -> str:
    """When what a day's cap holds back is tried again: after midnight, spread over half an hour."""
    return min(later(midnight, SPREAD * share(name, 0)), until)


def until(action: str, *, now: str, zone: str, expires: str = "") -> str:
    """When it is waited for no more: after three days, or when what a person approved has expired. What is worth something soon only is
    never done on another day.
    """
    if action in FLEETING:
        return min(later(now, FLEETING[action]), midnight(now, zone))
    whole = later(now, PATIENCE)
    return min(whole, expires) if expires else whole
