"""What holds a connector back, purely: what trouble is, how long it rests, and who may call next.

A connector without trouble has no state and nothing here concerns it. Failures in a row open its breaker; being asked to wait
(429, Retry-After) makes it rest. Steps that are ready meanwhile wait in one line, the longest waiting first. Afterwards they leave one
by one, and no call follows the first before that was answered: a bucket that holds one token and is filled faster the longer all goes well.
"""

from datetime import timedelta
from typing import Literal

from engine.kernel.resilience.backoff import MAX_ASKED
from engine.model.errors import PermanentError, TransientError, UnknownOutcome
from engine.model.events.connectors import ConnectorState
from engine.model.rate_limited import retry_after
from engine.model.state.state import StepState
from engine.model.values.durations import exponential
from engine.model.values.timestamps import later

StepRef = tuple[str, str]
"""(run, step)."""

AT_ONCE = 8
"""So many calls of a connector are under way at once: what hangs in the air when it says no."""
FAILURES = 5
"""So many in a row open the breaker."""
PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=15)
REST, LONGEST_REST = timedelta(seconds=1), timedelta(minutes=5)
SLOWEST, FASTEST = timedelta(seconds=1), timedelta(milliseconds=50)
EASE = 8
"""After so many that went well the next so many leave twice as fast."""
CALM = timedelta(minutes=1)
PROBE_TIME = timedelta(minutes=2)

# Ours, not the world's: nothing was asked, or the answer says nothing about who gave it.
_NO_NEWS = frozenset(
    {"no-connector", "secret-missing", "crashed", "window-over", "no-look-up", "no-copy", "changed-since", "memory-warming", "made-to-fail", "budget", "disk", "disk-full"}
)  # fmt: skip

# An answer about the one thing that was asked: who gives it works.
_ANSWERS = frozenset({"smtp-later"})

News = Literal["answered", "busy", "down", ""]


def connector_of(action: str) -> str:
    """Whose breaker an action goes by: its part before the slash."""
    return action.partition("/")[0]


def classify_result(error: BaseException | None) -> News:
    """What the end of a call says about its connector; empty for nothing. A refusal is an answer."""
    if error is None:
        return "answered"
    if getattr(error, "code", "") in _NO_NEWS:
        return ""
    if retry_after(error) is not None:
        return "busy"
    match error:
        case TransientError(code=code) if code in _ANSWERS:
            return "answered"
        case PermanentError():
            return "answered"
        case TransientError() | UnknownOutcome():
            return "down"
        case _:
            return ""


def pause(times: int, chance: float) -> timedelta:
    """How long a breaker stays open that opened `times` times in a row: at least half of the exponential pause, for a probe is a call, too."""
    return exponential(PAUSE, times, LONGEST_PAUSE) * (0.5 + chance / 2)


def rest(times: int, asked_seconds: float, chance: float) -> timedelta:
    """How long nothing is called after being asked to wait `times` times in a row.

    Never shorter than the provider said (`asked_seconds`, a day at most), with full jitter over the exponential rest beyond it: a provider
    that names the same five seconds for half an hour is asked less and less often.
    """
    asked = min(timedelta(seconds=asked_seconds), MAX_ASKED)
    grown = exponential(REST, times, LONGEST_REST) * (chance or 1.0)
    return max(asked * (1 + chance / 10), grown)


def spacing(admitted_count: int, chance: float) -> timedelta:
    """How long after one the next may leave: a second at first, halved with every few that left, jittered by half."""
    return max(SLOWEST / 2.0 ** min(admitted_count // EASE, 10), FASTEST) * (0.5 + chance)


def blocked_reason(
    state: ConnectorState | None, step_ref: StepRef, step: StepState, *, queue: bool, now: str
) -> str:
    """Why a step that is ready may not call yet: breaker, limit, or nothing. `queue`: others wait already."""
    if state is None:
        return ""
    if state.open:
        return "" if state.probe == step_ref and step.admitted else "breaker"
    if now < state.resting:
        return "limit"
    if step.admitted:
        return ""
    return "limit" if queue or is_throttled(state, now) else ""


def is_throttled(state: ConnectorState, now: str) -> bool:
    """Whether calls leave one by one: until no step had to wait for a while."""
    return bool(state.next) and now < later(state.next, CALM)


def troubled(state: ConnectorState) -> bool:
    """Whether a proper answer is news."""
    return state.open or bool(state.failures or state.asked or state.opened) or not state.proved


def earliest_call(state: ConnectorState) -> str:
    """The moment before which nothing is called; empty for none."""
    return state.until if state.open else max(state.resting, state.next)
