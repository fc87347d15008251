"""The closed union of everything that can have happened. `noun.verbed`; one event is one complete transition.

Texts that may contain personal data are sealed values, referred to by `ValueId`; digests of them are HMACs. Types are ``v0`` for now.
"""

from dataclasses import dataclass, fields
from typing import Any, TypeAlias, get_args

from engine.model.events.alarms import AlarmCleared, AlarmRaised, OperatorNotified, TriggerExpected
from engine.model.events.connectors import Connection
from engine.model.events.letters import LetterNoted, LetterRead, LetterReturned
from engine.model.events.outages import Outage, RunRedrafted
from engine.model.events.owner import (
    NotebookAccepted,
    OwnerTaken,
    RequestDecided,
    StopLifted,
    StopSet,
    StrengthEnrolled,
)
from engine.model.events.readers import BudgetDecided, IntentResolved, ModelAnswered, ModelReserved
from engine.model.events.set_aside import AsideDismissed, AsideReturned, AsideTaken, WaitPostponed
from engine.model.health import CardReopened, ClockDoubted, ClockTrusted, HealthWaived, StepReopened
from engine.model.values.canonical_json import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerReceived:
    """Something arrived. `outcome` is started, offered, noted (for a person to read), ignored, armed (a schedule) or unheard (an effect's).

    `reason` is from a closed list; `mark` an HMAC of where it lay, so that the same untouched file is not read again, or the key of the effect
    that made the event; `place` one of where it lay alone, `letter` one of Message-ID and author. `intent` is what a letter was resolved to
    want, `tier` who decided it. `content` is the sealed letter of one put aside that may be a person's: it stands before the operator.
    """

    kind: str
    source: str
    playbook: str
    outcome: str
    reason: str = ""
    mark: str = ""
    schedule: str = ""
    due: str = ""
    intent: str = ""
    tier: str = ""
    letter: str = ""
    place: str = ""
    content: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCreated:
    """A run exists and may still queue behind its concurrency group. `event` and `inputs` are sealed values.

    `labels` are the origins of the event, `given` those of each input that is not the operator's alone, as ``name=label,label``.
    `depth` counts the runs whose events and calls led to it, one after the other. `project` is the name of a project note, or empty.
    `origin` marks the mailbox on a server that the letter behind it came by, `caution` says why nothing of it leaves without a person.
    """

    playbook: str
    plan: str
    commit: str
    stage: str
    trigger: str
    source: str
    event: str | None = None
    inputs: str | None = None
    group: str = ""
    once: str = ""
    parent: str = ""
    parent_step: str = ""
    labels: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    depth: int = 0
    project: str = ""
    origin: str = ""
    caution: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A queued run's turn came. What ends it early (`stop-on`) runs in parallel: `names`, `kinds`, `matches` (HMACs)."""

    names: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStopped:
    """Something named under `stop-on` came: nothing new begins, what waits is withdrawn, and the run ends well."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """Terminal. `status` is succeeded, no-op, failed, cancelled or undone, `outputs` a sealed value, `by` the `run/end` that ended it."""

    status: str
    reason: str = ""
    outputs: str | None = None
    labels: tuple[str, ...] = ()
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnceClaimed:
    """`once` was used up by this run (and step): nothing of the same text acts again. `claim` is an HMAC."""

    claim: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted:
    """A step called another playbook; `child` is its run."""

    child: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFanned:
    """A step runs once per item of its `foreach`: `keys` name them, `items` is the sealed list. With `repeat`, `keys` number its rounds."""

    keys: tuple[str, ...]
    items: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPaced:
    """The next item or round of a step begins, or leaves, at `until` at the earliest."""

    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    """An attempt began; `at` of the event is the step's recorded time. `once` is the HMAC of what it will claim when it acts."""

    attempt: int
    once: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSucceeded:
    """Done. `outputs` is a sealed value, `labels` the origins of what is in it; `seen` the files it was read from, path → version, sealed."""

    attempt: int
    outputs: str | None = None
    labels: tuple[str, ...] = ()
    seen: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSkipped:
    """Not run: its `if` was false, or it reads what is not there."""

    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRetried:
    """An attempt failed in a way that may pass; the next one is due at `due`. `until`: its attempts are used up, and it is waited for so long."""

    attempt: int
    due: str
    code: str
    message: str | None = None
    until: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailed:
    """Failed for good. `message` is a sealed value."""

    attempt: int
    code: str
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCancelled:
    """Will not run."""

    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitStarted:
    """The run listens. `until` is a time or empty; `names`, `kinds` and `matches` (HMACs) run in parallel."""

    until: str
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    matches: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitEnded:
    """`got` is one of the names, or nothing."""

    got: str
    outputs: str | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanAsked:
    """A person is asked; `question` is a sealed value, `ask` the id the answer names.

    `scope`: no playbook asks, but the engine, about the budget of this scope (:mod:`engine.model.state.budgets`).
    """

    ask: str
    who: str
    question: str
    until: str
    scope: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanAnswered:
    """A person answered; `outputs` is a sealed value, `defaults` are the fields that were left as they had been proposed."""

    ask: str
    by: str
    channel: str
    outputs: str
    defaults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectProposed:
    """A frozen effect. `proposal` is a sealed value holding the exact bytes; `digest` their HMAC."""

    action: str
    key: str
    revision: int
    kind: str
    reach: str
    proposal: str
    digest: str
    edited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectGated:
    """Governance answered: allow, ask, deny or preview."""

    revision: int
    answer: str
    rule: str
    because: str
    strength: int = 1
    gate: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectHeld:
    """Approved or allowed, and held until `until` so that it can be withdrawn."""

    revision: int
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectWithdrawn:
    """Taken back before anything was sent."""

    revision: int
    by: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectIntended:
    """Durable before the call. From here on every attempt carries `key`. `window` is when the provider may forget the key."""

    key: str
    revision: int
    attempt: int
    window: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectSucceeded:
    """The world did it. `emits` is the type of event it is to playbooks that listen; empty for none."""

    key: str
    outputs: str
    provider: str = ""
    labels: tuple[str, ...] = ()
    repeated: bool = False
    emits: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectFailed:
    """The world said no, or was waited for long enough; certainly not done. `retry`: tried again then, in ledgers from before `EffectDeferred`."""

    key: str
    code: str
    message: str | None = None
    retry: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectUnknown:
    """Whether it happened is unknown; a person decides."""

    key: str
    code: str
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectResolved:
    """A person looked: it happened, or it did not."""

    key: str
    happened: bool
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectPreviewed:
    """Shadow: nothing was called. `proposal` is what would have left, sealed; None for all the items of a step together."""

    revision: int
    proposal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoAsked:
    """A person wants a finished effect taken back; what the playbook says to that end begins, also after the run's end."""

    by: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectUndone:
    """What a finished effect did was taken back; `outputs` is a sealed value."""

    key: str
    by: str
    outputs: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectKept:
    """It could not be taken back: it stays done. `message` is a sealed value."""

    key: str
    code: str
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardOpened:
    """A person is asked about frozen effects. `steps` and `revisions` run in parallel; `content` is a sealed value."""

    card: str
    gate: str
    steps: tuple[str, ...]
    revisions: tuple[int, ...]
    expires: str
    strength: int
    digest: str
    content: str
    replaces: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardApproved:
    """The person said yes to exactly the bytes with this digest, less the steps that were struck out."""

    card: str
    by: str
    channel: str
    strength: int
    digest: str
    proof: str = ""
    struck: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRejected:
    """The person said no; `because` is a sealed value. `answered`: they wrote themselves, from another program."""

    card: str
    by: str
    channel: str
    because: str | None = None
    answered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSnoozed:
    """Hidden from the queue until then; its expiry did not move."""

    card: str
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardExpired:
    """The card expired without a decision: that is a no."""

    card: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardClosed:
    """The card died unanswered: `because` is edited, drift, late (approved, and it could not leave in time), superseded, run-ended or stopped."""

    card: str
    because: str


Body: TypeAlias = (
    OwnerTaken | RequestDecided | StopSet | StopLifted | StrengthEnrolled | NotebookAccepted | TriggerReceived
    | HealthWaived | ClockDoubted | ClockTrusted
    | TriggerExpected | AlarmRaised | AlarmCleared | OperatorNotified | AsideTaken | AsideDismissed | AsideReturned
    | RunCreated | RunStarted | RunStopped | RunEnded | RunRedrafted | OnceClaimed | CallStarted | StepFanned | StepPaced
    | StepStarted | StepSucceeded | StepSkipped | StepRetried | StepFailed | StepCancelled | StepReopened
    | WaitStarted | WaitPostponed | WaitEnded | HumanAsked | HumanAnswered
    | EffectProposed | EffectGated | EffectHeld | EffectWithdrawn | EffectIntended | EffectSucceeded | EffectFailed
    | EffectUnknown | EffectResolved | EffectPreviewed | UndoAsked | EffectUndone | EffectKept
    | CardOpened | CardApproved | CardRejected | CardSnoozed | CardExpired | CardClosed | CardReopened
    | ModelReserved | ModelAnswered | BudgetDecided | IntentResolved
    | Connection | Outage
    | LetterNoted | LetterRead | LetterReturned
)  # fmt: skip


def _noun_verbed(name: str) -> str:
    for index, letter in enumerate(name[1:], 1):
        if letter.isupper():
            return f"{name[:index].lower()}.{name[index:].lower()}"
    raise ValueError(name)


TYPES: dict[str, type[Any]] = {_noun_verbed(cls.__name__): cls for cls in get_args(Body)}
NAMES: dict[type[Any], str] = {cls: name for name, cls in TYPES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An event that is not in the ledger yet. `cause` is the seq of the event that led to it."""

    body: Body
    run: str = ""
    step: str = ""
    subject: str = ""
    actor: str = "engine"
    cause: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event of the ledger. `ts` is RFC 3339 UTC with microseconds; `hash` chains over the stored bytes."""

    seq: int
    ts: str
    body: Body
    run: str = ""
    step: str = ""
    subject: str = ""
    actor: str = "engine"
    cause: int = 0
    prev: str = ""
    hash: str = ""

    @property
    def type(self) -> str:
        """``noun.verbed``."""
        return NAMES[type(self.body)]


def body_to_json(body: Body) -> Json:
    """The body as a JSON object; the type travels beside it, never inside."""
    return {f.name: list(v) if isinstance(v := getattr(body, f.name), tuple) else v for f in fields(body)}


def body_from_json(type_: str, fields_: dict[str, Any]) -> Body:
    """The body `body_to_json` wrote. Raises ValueError on an unknown type or field: a newer ledger is refused, not skipped."""
    cls = TYPES.get(type_)
    if cls is None:
        raise ValueError(f"unknown event type {type_!r}")
    if extra := fields_.keys() - _FIELDS[type_]:
        raise ValueError(f"{type_} has no field {', '.join(sorted(extra))}")
    body: Body = cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields_.items()})
    return body


_FIELDS = {name: frozenset(f.name for f in fields(cls)) for name, cls in TYPES.items()}
