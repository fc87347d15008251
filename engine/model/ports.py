"""What one room needs of another, as Protocols of at most four methods that say what failure means.

Neighbours on a floor meet only here; `engine.app` chooses who stands behind each port.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, runtime_checkable

from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.plan import Expr, Node, Plan, Stage
from engine.model.definitions.taint import Labels
from engine.model.effects import Call, Effect, Outcome, Preview, Verdict
from engine.model.events.events import Body, Event
from engine.model.health import Mark
from engine.model.state.state import State
from engine.model.values.canonical_json import Json
from engine.model.values.ids import SubjectId


class Tree(Protocol):
    """Files of a workspace at one moment: a commit (what runs) or the working folder (what `check` reads)."""

    @property
    def commit(self) -> str:
        """The commit, or empty for a working folder."""

    def paths(self) -> tuple[tuple[str, str], ...]:
        """(path with ``/``, git blob id) of every regular file, sorted by path. No symlink, no submodule."""

    def read(self, path: str) -> bytes:
        """The bytes as stored. Raises KeyError."""


class Clock(Protocol):
    """Time as an argument: the real one in `app`, a virtual one in tests."""

    def now(self) -> datetime:
        """The current time, aware, UTC."""

    def wait(self, seconds: float) -> None:
        """Let that much time pass, or less when woken."""

    def mark(self) -> Mark:
        """Now on two clocks: this one, which people and programs set, and one that only counts."""


class Connector(Protocol):
    """A piece of the world that can be changed. Holds no secret but those the broker hands it."""

    def declare(self) -> tuple[ActionSpec, ...]:
        """Its actions, as data. Never touches the world."""

    def preview(self, call: Call) -> Preview:
        """Freeze the exact bytes. May read, never writes. Raises PermanentError when the call makes no sense."""

    def perform(self, effect: Effect) -> Outcome:
        """Do it, from `effect.preview.body`, `effect.key` and, for bytes that name the moment they leave, `effect.at` alone.

        Raises TransientError (certainly not done), PermanentError (certainly not done) or UnknownOutcome.
        """

    def find(self, effect: Effect) -> Outcome | None:
        """Look the key up. None means certainly not done; raises UnknownOutcome when unsure."""


class Undo(Protocol):
    """Takes a finished effect back. Only connectors whose action names an undo have it."""

    def undo(self, effect: Effect, outputs: Mapping[str, Json]) -> Outcome:
        """Take it back; repeating is harmless. Raises like `perform`."""


class HealthCheck(Protocol):
    """Can be asked a question that changes nothing, to see whether the world behind it answers again. Few connectors have it."""

    def alive(self) -> None:
        """Ask. Raises TransientError or UnknownOutcome without an answer, Busy when it asks to wait."""


class Reader(Protocol):
    """Answers without changing anything: identity, intent, memory, agents without tools."""

    def declare(self) -> tuple[ActionSpec, ...]:
        """Its actions, all of class pure or read."""

    def read(self, call: Call) -> tuple[dict[str, Json], Labels]:
        """Outputs and their origins. Raises TransientError or PermanentError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Something a source holds. `source` is the id that keeps it from starting twice; `ignored` is a reason of the closed list, or empty.

    `place` is where it lies (a path below the workspace or state folder), shown to the operator only; `mark` is what `seen` is asked
    with (a digest of place, size and time: the same untouched file gives the same mark). `files` are
    (name, media type, bytes) whose handles the intake makes before the run exists. `doubt`: it is ignored and may be a person's, so that it
    stands before the operator. `away`: its author is out of office until this moment (empty: nobody knows when); None for any other.

    Of a letter `letter` is an HMAC of its Message-ID and author, empty without one; `kin` are conversations that it does not name and
    may belong to by who wrote it and its subject, the newest first; `proven`: its author is, or it lies in a folder of this machine; `opens`:
    it names no letter before it. `replied` is the conversation that the operator answered in with it, from a program of their own. `origin` is
    an opaque mark of the mailbox on a mail server by which it came; empty for what lies on this machine.
    """

    kind: str
    source: str
    event: dict[str, Json]
    labels: Labels
    ignored: str = ""
    place: str = ""
    mark: str = ""
    files: tuple[tuple[str, str, bytes], ...] = ()
    letter: str = ""
    kin: tuple[str, ...] = ()
    proven: bool = False
    opens: bool = False
    origin: str = ""
    doubt: bool = False
    away: str | None = None
    replied: str = ""


class Source(Protocol):
    """Where triggers come from."""

    def poll(self, seen: Callable[[str], bool]) -> Iterable[Arrival]:
        """Everything there is now, in a stable order; `seen(mark)` may spare reading the bytes again. Never deletes what is the operator's."""

    def head(self, name: str) -> str:
        """The present version of what a preview read under this name; empty when it is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """Something of which the operator knows nothing yet: its id, since when, and a line about it."""

    id: str
    since: str
    words: str


class NoticeSource(Protocol):
    """What there is to tell the operator unasked."""

    def untold(self, book: State, now: str) -> list[Untold]:
        """What waits for the operator or failed, told or not, oldest first."""

    def words(self, untold: tuple[Untold, ...]) -> str:
        """The notice."""

    def playbook(self) -> tuple[Plan, dict[str, bytes]]:
        """The playbook whose runs notices are, with one input `text`, and the bytes of its files by their digest."""


@runtime_checkable
class FileSource(Source, Protocol):
    """A source whose arrivals are files of the workspace, each at its `place`."""

    def among(self, places: Collection[str], seen: Callable[[str], bool]) -> Iterable[Arrival]:
        """Those of `poll` at one of these places."""

    def same(self, arrival: Arrival) -> bool:
        """Whether the file that was read is still there."""


class Blobs(Protocol):
    """Content kept sealed under a subject's key; the handle is opaque and made here only."""

    def put(self, content: bytes, subject: SubjectId | None) -> str:
        """Store durably; the same bytes may get another handle. Raises DiskFull."""

    def keep(self, content: bytes, subject: SubjectId | None) -> str:
        """Store with the event that names it, which is appended next. Raises as `put`."""

    def get(self, handle: str) -> bytes:
        """The bytes. Raises PermanentError when they are gone or were altered."""


class Secrets(Protocol):
    """Resolves secret references, for the broker only."""

    def secret(self, name: str) -> str:
        """The value. Raises PermanentError(code='secret-missing') when no resolver has it."""


class Evaluate(Protocol):
    """Evaluates lowered expressions. Total: bounded in time and memory, no attribute of a value but its data."""

    def evaluate(self, expr: Expr, bindings: Mapping[str, Json], *, now: datetime, zone: str) -> Json:
        """The value, from lowered variable names to values. Raises PermanentError(code='expression') on a run-time error."""

    def as_text(self, value: Json) -> str:
        """How a value is rendered inside text."""


class Templates(Protocol):
    """Renders the workspace's fixed words."""

    def render(self, source: str, values: Mapping[str, Json], *, path: str, zone: str) -> dict[str, Json]:
        """``{subject, body, language}``. Raises PermanentError(code='template') naming file and line."""

    def words(self, source: str, *, path: str) -> str:
        """Its own words, without what is filled in. Raises as `render` does."""


class Policy(Protocol):
    """Says allow, ask, deny or preview to a frozen effect; knows nothing of how it will be done."""

    def judge(
        self, effect: Effect, *, plan: Plan, node: Node, stage: Stage, stopped: bool, watched: bool
    ) -> Verdict:
        """Deny wins over ask wins over allow; what no rule covers asks. `watched`: no person has approved this kind of effect yet for letters
        of this mailbox.
        """


class Connectors(Protocol):
    """The literal table of what is wired in."""

    def connector(self, action: str) -> Connector:
        """Who performs `action`. Raises PermanentError(code='no-connector')."""

    def reader(self, action: str) -> Reader:
        """Who answers `action`. Raises PermanentError(code='no-connector')."""

    def spec(self, action: str) -> ActionSpec | None:
        """What `action` was declared as."""


class Recorder(Protocol):
    """How work that is under way puts an event into the ledger before it goes on."""

    def record(self, body: Body, *, call: Call, sealed: Mapping[str, Json] | None = None) -> Event:
        """Append durably from an attempt's thread, and wait for it. Fields named in `sealed` get the name of that value, sealed under the
        call's subject. Raises LedgerError when it did not become durable: then nothing may follow from it.
        """


class Encoder(Protocol):
    """Texts to vectors of one fixed model, for comparing meanings."""

    @property
    def version(self) -> str:
        """Names the model's bytes and how texts are cut for it; vectors of different versions are never compared."""

    def encode(self, texts: Sequence[str]) -> tuple[bytes, ...]:
        """One unit vector a text, little-endian float32, each text encoded by itself so that it never depends on its neighbours.

        Raises TransientError(code='memory-warming') while it can't answer yet, PermanentError(code='no-memory') when it never will.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """A prompt for the model called `model` in steward.yaml. `messages` are (role, text); `max_tokens` bounds the answer.

    `isolation` is the level of the room that asks, 0 for none.
    """

    model: str
    messages: tuple[tuple[str, str], ...]
    max_tokens: int
    isolation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReply:
    """What the model said. `served` is the name the provider answered under; `usd` what it cost, at most where nothing was counted.

    `cut`: it did not end by itself. `ended` is the provider's own word for how it did, empty when it said none.
    """

    text: str
    served: str
    tokens_in: int
    tokens_out: int
    usd: Decimal
    cut: bool = False
    ended: str = ""


class Models(Protocol):
    """The gateway to models, in the broker: it holds the keys, the prices and the budget; every call is two events."""

    def available(self, name: str) -> bool:
        """Whether there is a model of this name; `none` is none."""

    def complete(self, request: ModelRequest, *, call: Call, budget: Decimal | None) -> ModelReply:
        """Ask once; retries belong to the scheduler. `budget` is the most this one call may cost, in dollars.

        Raises PermanentError(code='budget') when the reservation does not fit, PermanentError(code='no-model'),
        TransientError on timeouts, 429 and 5xx, PermanentError on other refusals of the provider.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a room gives a child: `seconds` of wall time, `cpu` seconds, `memory` and `output` bytes, `processes`."""

    seconds: float = 300.0
    cpu: int = 60
    memory: int = 2_000_000_000
    output: int = 1_000_000
    processes: int = 32


class Sandbox(Protocol):
    """A sandboxed place for a program that reads hostile text."""

    @property
    def level(self) -> int:
        """1 to 3 (DESIGN: sandbox levels), 0 without any isolation."""

    def run(
        self, program: str, arguments: Json, *, serve: Callable[[Json], Json], limits: Limits, needs: int
    ) -> Json:
        """Run one of our named programs on `arguments` in a process of its own; what it asks over the pipe is answered by `serve`.

        Raises PermanentError(code='no-room') when the level is below `needs`, TransientError(code='timeout') when it was killed for time,
        PermanentError(code='room-limit') for any other limit, PermanentError(code='room-failed') when it died or wrote nonsense.
        """


class Executor(Protocol):
    """Transport for attempts: threads in the product, in line in the simulator."""

    def submit(self, work: Callable[[], Any], /) -> "Future[Any]":
        """Run it somewhere; the future carries its result or exception."""


class Probe(Protocol):
    """Named points where a test may kill the process. The product passes none."""

    def __call__(self, point: str, /) -> None:
        """Reached."""
