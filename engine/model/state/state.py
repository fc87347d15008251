"""What the events of a run add up to. Never holds a value, only names of sealed ones."""

from dataclasses import dataclass, field
from typing import Literal

from engine.model.events.connectors import ConnectorState
from engine.model.events.outages import FLEETING
from engine.model.health import Mark
from engine.model.state.budgets import Acts, Costs

StepStatus = Literal[
    "pending", "running", "retrying", "waiting", "asked", "calling", "fanned",
    "proposed", "gated", "carded", "cleared", "held", "deferred", "intended", "unknown",
    "succeeded", "failed", "skipped", "cancelled", "previewed",
]  # fmt: skip

SETTLED: frozenset[str] = frozenset({"succeeded", "failed", "skipped", "cancelled", "previewed"})
ANSWERED = "answered by you"
NOTHING = "nothing"
"""What a wait got whose time ran out."""
UNANSWERED = "no-answer"
"""Why a step failed whose question's time ran out."""
"""Why a step was cancelled whose card ended with a letter of the operator's own."""
TERMINAL: frozenset[str] = frozenset({"succeeded", "no-op", "failed", "cancelled", "undone"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """One step of one run.

    `done`: its effect happened, whatever the step became. `keys` and `items`: what a `foreach` fanned out to.
    `at` is its recorded time, `due` the moment a wait, hold, retry or question ends. `refused`: a person (or an expiry) said no to it or
    to what it stands behind. `intents` counts calls of the effect. `spared`: attempts of a read that only were asked to wait. `tries`: so often it could not leave, and
    `until` is when it is waited for no more. `wait` is why it is delayed though it is ready (breaker, limit or health), `admitted`: its
    turn came and it has not used it yet. `once` is the HMAC of what it claims when it acts.
    `begun` is when it last began or, where it acts, left.
    `scope` is the budget its question is about, `thrifty`: it goes on without a model. `doubts` are notes of letters that may be what it
    waits for: until a person says so its time does not run out. `lapsed` is when its time ran out; `due` says then until when it had. `since` is when a wait began, `postponed`: it was to end before. `seen` names the files it was read from.
    """

    status: StepStatus = "pending"
    attempt: int = 0
    at: str = ""
    due: str = ""
    outputs: str | None = None
    labels: tuple[str, ...] = ()
    because: str = ""
    code: str = ""
    message: str | None = None
    refused: bool = False
    action: str = ""
    key: str = ""
    once: str = ""
    kind: str = ""
    reach: str = ""
    revision: int = 0
    proposal: str = ""
    digest: str = ""
    answer: str = ""
    rule: str = ""
    strength: int = 1
    gate: str = ""
    card: str = ""
    intents: int = 0
    begun: str = ""
    tries: int = 0
    spared: int = 0
    until: str = ""
    wait: str = ""
    admitted: bool = False
    scope: str = ""
    thrifty: bool = False
    window: str = ""
    provider: str = ""
    names: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()
    ask: str = ""
    who: str = ""
    question: str = ""
    undone: bool = False
    done: bool = False
    kept: bool = False
    child: str = ""
    keys: tuple[str, ...] = ()
    items: str = ""
    subject: str = ""
    doubts: tuple[str, ...] = ()
    since: str = ""
    postponed: bool = False
    lapsed: str = ""
    seen: str | None = None

    @property
    def over_budget(self) -> bool:
        """Whether it waits for somebody to say whether more may be spent."""
        return self.status == "asked" and bool(self.scope)

    @property
    def settled(self) -> bool:
        """Nothing more will happen to it by itself."""
        return self.status in SETTLED

    @property
    def left(self) -> bool:
        """It left, or may have."""
        return self.done or self.status in {"intended", "unknown"}

    @property
    def overtaken(self) -> bool:
        """It is worth something soon or not at all, and can't leave now: what does not read it need not wait for it."""
        stuck = self.status in {"deferred", "unknown"} or (self.status == "cleared" and bool(self.wait))
        return stuck and self.action in FLEETING


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """One execution of one plan digest. `group` is the concurrency group's HMAC, `order` the seq of its creation.

    `labels` are the origins of its event (empty: as its plan says), `given` those of its inputs, `output_labels` those of its outputs.
    `depth` counts the runs whose events and calls led to it. `undoing` are finished steps a person wants taken back, in their order;
    `reopened`: somebody wanted that once. `dismissed`: it failed, and a person leaves it so. `retries`: so often it began again.
    `origin` is the mailbox on a mail server behind it, as of `RunCreated`. `caution`: why nothing of it leaves without a person.
    `ended_by` is the step `run/end` that ended it, if one did.
    """

    id: str
    order: int
    playbook: str
    plan: str
    commit: str
    stage: str
    trigger: str
    source: str
    created: str
    subject: str = ""
    event: str | None = None
    inputs: str | None = None
    group: str = ""
    status: str = "queued"
    reason: str = ""
    ended: str = ""
    once: str = ""
    parent: str = ""
    parent_step: str = ""
    labels: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    depth: int = 0
    project: str = ""
    origin: str = ""
    outputs: str | None = None
    output_labels: tuple[str, ...] = ()
    stopping: str = ""
    stop_names: tuple[str, ...] = ()
    stop_kinds: tuple[str, ...] = ()
    stop_matches: tuple[str, ...] = ()
    undoing: tuple[str, ...] = ()
    reopened: bool = False
    dismissed: bool = False
    retries: int = 0
    caution: str = ""
    ended_by: str = ""
    steps: dict[str, StepState] = field(default_factory=dict)
    gates: dict[str, str] = field(default_factory=dict)

    def step(self, id_: str) -> StepState:
        """Its state, `pending` before anything happened."""
        return self.steps.get(id_, _PENDING)

    @property
    def terminal(self) -> bool:
        """Ended for good."""
        return self.status in TERMINAL

    @property
    def given_up(self) -> bool:
        """It failed, and somebody is to work that off: not where its playbook ended it so."""
        return self.status == "failed" and not self.ended_by

    @property
    def waiting(self) -> str:
        """What a run that can't go on by itself waits for: queued (its turn), approval, budget, person, unknown, health, breaker, limit, retry,
        event, timer; empty
        when it can.
        """
        if self.terminal:
            return ""
        if self.status == "queued":
            return "queued"
        found = {step.wait or ("budget" if step.over_budget else step.status) for step in self.steps.values()}
        if found & {"running", "proposed", "intended"}:
            return ""
        for status, reason in _WAITS:
            if status in found:
                return reason
        if any(step.due for step in self.steps.values() if step.status in _TIMED):
            return "timer"
        return ""


_TIMED = frozenset({"held", "retrying", "cleared", "fanned"})
_PENDING = StepState()
_WAITS = (
    ("unknown", "unknown"),
    ("carded", "approval"),
    ("budget", "budget"),
    ("asked", "person"),
    ("health", "health"),
    ("breaker", "breaker"),
    ("limit", "limit"),
    ("deferred", "retry"),
    ("waiting", "event"),
    ("calling", "event"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardState:
    """One decision. `status`: open, approved, rejected, answered (by a letter the operator wrote elsewhere), expired or closed."""

    id: str
    run: str
    gate: str
    steps: tuple[str, ...]
    revisions: tuple[int, ...]
    opened: str
    expires: str
    strength: int
    digest: str
    content: str
    subject: str = ""
    replaces: str = ""
    status: str = "open"
    snoozed: str = ""
    because: str = ""
    by: str = ""
    decided: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something that was expected and did not come; fields as of `AlarmRaised`. Open until `cleared` (a stamp), by whom and `because` of what."""

    id: str
    kind: str
    playbook: str = ""
    trigger: str = ""
    schedule: str = ""
    due: str = ""
    last: str = ""
    usual: int = 0
    count: int = 1
    code: str = ""
    run: str = ""
    raised: str = ""
    cleared: str = ""
    because: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """A letter that was put aside and may be a person's. `letter` is its source id, `status` open, taken or dismissed.

    `runs` began when it was taken up last, `times` counts how often that was.
    """

    letter: str
    reason: str
    content: str
    subject: str
    at: str
    status: str = "open"
    runs: tuple[str, ...] = ()
    times: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What became of the last notice to the operator: `by` names the channel that took it; `code` says why none did."""

    at: str
    run: str
    step: str
    by: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteState:
    """A letter before the operator; fields as of `LetterNoted`. It stands there until it is `read`, a stamp, `by` somebody."""

    id: str
    why: str
    kind: str
    source: str
    event: str
    at: str
    run: str = ""
    step: str = ""
    letter: str = ""
    name: str = ""
    thread: str = ""
    labels: tuple[str, ...] = ()
    subject: str = ""
    read: str = ""
    by: str = ""
    as_: str = ""


@dataclass(slots=True, kw_only=True)
class State:
    """Everything the ledger adds up to. The one mutable container: its members are frozen and replaced by the fold.

    `notebooks`: path → digest of the bytes that were accepted last. `emitted` are effects that are events to others and were not offered yet: key → (run, step). `delayed` are the steps that are ready and
    wait for their connector, the longest waiting first: (run, step) → connector. `expected` is when each schedule, by playbook and
    expression, fires next, and the time zone that was reckoned in; `arrivals` when each kind of trigger last came to each playbook, oldest
    first, the last one of each hour. `waived` are problems with what is kept that a person lets effects leave in spite of. `vouched` are the actions a person approved for letters of a mailbox on a server: (origin, action). `clock` is the
    last mark that was in order, `seen` the last event's stamp before the clock was doubted, and `doubted` by how many seconds it leapt then.
    `letters` names by Message-ID and author, as an HMAC, the runs and notes that hold a version of the letter, and `places` by where it lay
    the runs that a file or letter started last.
    `told` are the ids of what the operator was notified of, the last time at `notified`; `failures` are the runs that failed and were not
    told of, with when, and `omitted` the steps, (run, step), that were left out because they could not leave in time.
    """

    seq: int = 0
    runs: dict[str, RunState] = field(default_factory=dict)
    open_runs: dict[str, None] = field(default_factory=dict)
    cards: dict[str, CardState] = field(default_factory=dict)
    schedules: dict[tuple[str, str], str] = field(default_factory=dict)
    marks: set[str] = field(default_factory=set)
    sources: dict[str, str] = field(default_factory=dict)
    claims: dict[str, tuple[str, str]] = field(default_factory=dict)
    proofs: set[str] = field(default_factory=set)
    enrolled: set[str] = field(default_factory=set)
    stopped: bool = False
    ignored: dict[str, int] = field(default_factory=dict)
    emitted: dict[str, tuple[str, str]] = field(default_factory=dict)
    notebooks: dict[str, str] = field(default_factory=dict)
    costs: Costs = field(default_factory=Costs)
    acts: Acts = field(default_factory=Acts)
    connectors: dict[str, ConnectorState] = field(default_factory=dict)
    delayed: dict[tuple[str, str], str] = field(default_factory=dict)
    expected: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    arrivals: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    alarms: dict[str, Alarm] = field(default_factory=dict)
    asides: dict[str, Aside] = field(default_factory=dict)
    notice: Notice | None = None
    waived: set[str] = field(default_factory=set)
    vouched: set[tuple[str, str]] = field(default_factory=set)
    clock: Mark | None = None
    seen: str = ""
    doubted: int = 0
    notes: dict[str, NoteState] = field(default_factory=dict)
    letters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    places: dict[str, tuple[str, ...]] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    notified: str = ""
    failures: dict[str, str] = field(default_factory=dict)
    omitted: dict[tuple[str, str], str] = field(default_factory=dict)
