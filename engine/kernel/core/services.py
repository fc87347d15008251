"""What the loop works with: the services wired in by `engine.app`, and the journal that keeps ledger and state in step."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.kernel.core.event_recorder import EventQueue
from engine.kernel.core.fold import apply, fold
from engine.language.passes import plan_codec
from engine.ledger import Keys, Ledger
from engine.model import effects
from engine.model.definitions.plan import Plan
from engine.model.effects import Effect
from engine.model.events.events import Draft, Event
from engine.model.health import Ill
from engine.model.ports import (
    Blobs,
    Clock,
    Connectors,
    Evaluate,
    Executor,
    NoticeSource,
    Policy,
    Source,
    Templates,
)
from engine.model.requests import Decided
from engine.model.state.state import RunState, State, StepState
from engine.model.values import canonical_json
from engine.model.values.canonical_json import Json
from engine.model.values.ids import ValueId
from engine.model.values.timestamps import stamp
from engine.runtime.broker import Broker


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What runs now: compiled plans, and the bytes of the files they name (by SHA-256). `notice` is for the operator."""

    commit: str
    plans: dict[str, Plan]
    contents: dict[str, bytes]
    broken: frozenset[str] = frozenset()
    notice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Every service the loop needs. `flag` says whether the stop flag is up, `lower` takes it down, `chance` a number in [0, 1) for jitter, `listen` shows progress,
    `health` says why no effect may leave, from the state and from what was found in the stored bytes.
    """

    ledger: Ledger
    keys: Keys
    clock: Clock
    executor: Executor
    evaluate: Evaluate
    templates: Templates
    connectors: Connectors
    broker: Broker
    policy: Policy
    blobs: Blobs
    sources: tuple[Source, ...]
    deployment: Callable[[], Deployment]
    workspace: str
    index_key: bytes
    flag: Callable[[], bool]
    lower: Callable[[], None]
    chance: Callable[[], float]
    listen: Callable[[Event], None]
    health: Callable[[State], Ill | None] = lambda _book: None
    records: EventQueue = field(default_factory=EventQueue)
    office: NoticeSource | None = None
    version: Callable[[str], str] = lambda _path: ""
    project: Callable[[Json, Json], str] = lambda _event, _inputs: ""


class LedgerWriter:
    """The one writer. Appends, folds what it appended, and reads sealed values back.

    `touched` are the runs something happened to since they were last taken out: only those need a decision. `calling` counts the calls
    of each connector that are under way, `crowded` are the steps, (run, step), that wait for one of them to end, the longest waiting first.
    """

    def __init__(self, house: Services, book: State | None = None) -> None:
        self.house = house
        self.book: State = fold(house.ledger.events()) if book is None else book
        self.deployment = house.deployment
        self.touched: set[str] = set(self.book.open_runs)
        self.calling: Counter[str] = Counter()
        self.crowded: dict[str, dict[tuple[str, str], None]] = {}
        self._plans: dict[str, Plan] = {}
        self._files: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = {}
        self._kept: dict[str, tuple[Plan, str]] = {}

    def now(self) -> str:
        """The present moment as a stamp."""
        return stamp(self.house.clock.now())

    def write(
        self, *drafts: Draft, durable: bool = True, answers: Sequence[Decided] = ()
    ) -> tuple[Event, ...]:
        """Append and fold. `durable` events are committed before this returns."""
        events = self.house.ledger.append(
            drafts, at=self.house.clock.now(), durable=durable, answers=tuple(answers)
        )
        for event in events:
            apply(self.book, event)
            if event.run:
                self.touched.add(event.run)
        for event in events:
            self.house.listen(event)
        return events

    def seal(self, value: Json, subject: str) -> ValueId:
        """Keep a value sealed under the subject's key; stored with the next append."""
        return self.house.ledger.seal(value, subject)

    def value(self, id_: str | None) -> Json:
        """A sealed value; None for no id."""
        return None if id_ is None else self.house.ledger.unseal(ValueId(id_))

    def plan(self, run: RunState) -> Plan:
        """The plan a run executes: the one it started with."""
        plan = self._plans.get(run.plan)
        if plan is None:
            plan = self._plans[run.plan] = plan_codec.from_bytes(self.house.ledger.load_content(run.plan))
        return plan

    def files(self, plan: Plan) -> tuple[tuple[str, str], ...]:
        """(path, text) of every file the plan pinned."""
        if plan.files not in self._files:
            read_bytes = self.house.ledger.load_content
            self._files[plan.files] = tuple(
                (path, read_bytes(sha).decode("utf-8", "replace")) for path, sha in plan.files
            )
        return self._files[plan.files]

    def effect(self, step: StepState) -> Effect:
        """The frozen proposal of a step."""
        return effects.load(self.value(step.proposal))

    def keep_plan(self, plan: Plan, contents: dict[str, bytes]) -> str:
        """Store plan bytes and the files it names; the name is the digest of the stored bytes."""
        cached = self._kept.get(plan.id)
        if cached is not None and cached[0] is plan:
            return cached[1]
        for _, sha in plan.files:
            self.house.ledger.keep(contents[sha])
        digest = self.house.ledger.keep(plan_codec.to_bytes(plan))
        self._kept[plan.id] = (plan, digest)
        return digest

    def commitment(self, value: Json, subject: str) -> str:
        """HMAC of a value under its subject's key, for events."""
        return self.house.ledger.commitment(canonical_json.encode(value), subject)
