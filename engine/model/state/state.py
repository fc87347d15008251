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
"""Why a step was cancelled: the operator answered the letter elsewhere, and its card closed."""
NOTHING = "nothing"
"""The result of a wait whose time ran out."""
UNANSWERED = "no-answer"
"""The error code of a step whose question expired."""
TERMINAL: frozenset[str] = frozenset({"succeeded", "no-op", "failed", "cancelled", "undone"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """One step of one run, as its events leave it. Moments are stamps, empty for none; sealed values are named by id."""

    # Where it is, and what it gave.
    status: StepStatus = "pending"
    attempt: int = 0  # which start of its work this is, from 1
    at: str = ""  # when the current attempt began
    begun: str = ""  # when it last began or, for an effect, left
    outputs: str | None = None  # the sealed outputs
    labels: tuple[str, ...] = ()  # the origins of its outputs
    because: str = ""  # why it was skipped, cancelled or gated; for a wait, the name of what ended it
    code: str = ""  # the error it last met
    message: str | None = None  # the sealed words of that error
    seen: str | None = None  # the sealed versions of the files it was read from
    subject: str = ""  # the person whose key seals its values

    # When it goes on.
    due: str = ""  # when a wait, hold, question, card or pause between tries ends; of a lapsed step, until when it had
    lapsed: str = ""  # when its time ran out without an answer
    since: str = ""  # when its wait began
    postponed: bool = False  # the end of its wait was moved back once
    rate_limited_attempts: int = 0  # attempts that only were asked to wait: they use up none of its `retry`
    tries: int = 0  # how often its effect could not leave
    until: str = ""  # the moment after which it is tried no more
    wait: str = ""  # why it is delayed though it is ready: breaker, limit or health
    admitted: bool = False  # its turn at the connector came, and it has not used it yet

    # The effect: the frozen proposal and its way out.
    action: str = ""  # such as `email/send`
    key: str = ""  # the idempotency key
    kind: str = ""  # the effect class
    reach: str = ""  # how far it reaches
    revision: int = 0  # which freezing of the proposal this is
    proposal: str = ""  # the sealed proposal
    digest: str = ""  # what a decision about it binds
    once: str = ""  # the HMAC of what it claims when it acts
    intents: int = 0  # how often its call was intended
    window: str = ""  # until when the provider knows the key
    provider: str = ""  # the provider's own id of what was done
    done: bool = False  # the effect happened, whatever became of the step
    undone: bool = False  # it was taken back
    undo_failed: bool = False  # it was to be taken back, and stays

    # What governance and people say to it.
    answer: str = ""  # the verdict: allow, ask, deny or preview
    rule: str = ""  # the rule behind the verdict
    strength: int = 1  # how strong a proof an approval needs
    gate: str = ""  # the gate that asks about it
    card: str = ""  # the open card it is on
    refused: bool = False  # a person, or an expiry, said no to it or to a step it depends on

    # The question it asks.
    ask: str = ""  # the id of the question
    person: str = ""  # who is asked; of an undo, who wants it
    question: str = ""  # the sealed question
    scope: str = ""  # the budget the question is about
    model_disabled: bool = False  # the budget is used up: it goes on without a model

    # The event it waits for.
    names: tuple[str, ...] = ()  # the names of its waits
    kinds: tuple[str, ...] = ()  # the trigger kind of each
    matches: tuple[str, ...] = ()  # the fields each compares, with HMACs of the values
    doubts: tuple[
        str, ...
    ] = ()  # notes of letters that may be the awaited one: its time does not run out meanwhile

    # The runs and items it spans.
    child: str = ""  # the run it called
    keys: tuple[str, ...] = ()  # the items a `foreach` or `repeat` fanned out to
    items: str = ""  # the sealed items

    @property
    def over_budget(self) -> bool:
        """Whether it waits for a person to decide if more may be spent."""
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

    `labels` are the origins of its event (empty: as its plan says), `input_labels` those of its inputs (``name=label,label``), `output_labels` those of its outputs.
    `depth` counts the runs whose events and calls led to it. `undoing` are finished steps a person wants taken back, in their order;
    `reopened`: a person wanted that once. `dismissed`: it failed, and a person leaves it so. `retries`: so often it began again.
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
    input_labels: tuple[str, ...] = ()
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
        """It failed, and a person has to deal with it; not where its playbook ended it so."""
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
        reasons = {
            step.wait or ("budget" if step.over_budget else step.status) for step in self.steps.values()
        }
        if reasons & {"running", "proposed", "intended"}:
            return ""
        for status, reason in _WAITS:
            if status in reasons:
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
    """A letter shown to the operator; fields as of `LetterNoted`. It stays until it is `read` (a stamp) `by` a person."""

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
    `notified_ids` are the ids of what the operator was notified of, the last time at `notified`; `failures` are the runs that failed
    and are not in a notice yet, with when, and `omitted` the steps, (run, step), that were left out because they could not leave in time.
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
    notified_ids: set[str] = field(default_factory=set)
    notified: str = ""
    failures: dict[str, str] = field(default_factory=dict)
    omitted: dict[tuple[str, str], str] = field(default_factory=dict)
