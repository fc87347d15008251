"""Letters that left and whose copy the server did not keep: which, why, since when; filed as soon as it takes them.

One small file in the state folder, for other processes to show. It names letters by their Message-ID; their bytes are in `outbox/sent`.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

from engine.connectors import safe_paths
from engine.connectors.email.imap.sent_folder import SentBox
from engine.connectors.email.sending.outbox import SENT, Outbox, summary
from engine.connectors.email.sending.outbox_index import Sent
from engine.model.errors import EngineError, PermanentError
from engine.model.values.timestamps import moment

_FOLDER, _NAME = ("mail",), ".owed"
_MAX_BYTES, _MAX = 200_000, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """`letters` are Message-IDs, the oldest first. `person`: the operator has to mend it. `since` is in seconds since 1970."""

    letters: tuple[str, ...] = ()
    words: str = ""
    way_out: str = ""
    person: bool = False
    since: float = 0.0

    @property
    def summary(self) -> str:
        """The missing copies in words; empty when none is missing."""
        if not self.letters:
            return ""
        count = len(self.letters)
        return f"{count} letter{'' if count == 1 else 's'} left without a copy among the sent letters: {self.words}"


def get(state: str) -> Owed:
    """What is owed, as it was written down last."""
    try:
        with safe_paths.folder(state, _FOLDER) as here:
            fields = json.loads(safe_paths.read(here, _NAME, _MAX_BYTES))
            return Owed(**{**fields, "letters": tuple(fields["letters"])})
    except (OSError, ValueError, TypeError, LookupError, EngineError):
        return Owed()


def _put(state: str, owed: Owed) -> None:
    # A full disk loses only what is shown: the letter itself has left and is in the outbox.
    try:
        with (
            safe_paths.disk_errors("which copies are owed"),
            safe_paths.folder(state, _FOLDER, create=True) as here,
        ):
            safe_paths.write(here, _NAME, json.dumps(asdict(owed)).encode(), token=_NAME.strip("."))
    except EngineError:
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingCopies:
    """Files copies of what left. `state` is the state folder, empty where nothing is written down; `say` tells the operator."""

    box: SentBox
    outbox: Outbox
    state: str = ""
    now: Callable[[], float] = lambda: 0.0
    say: Callable[[str], None] = lambda _: None
    # One connection at a time: servers refuse a client that has a dozen open.
    turn: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def file(self, letter: Sent, body: bytes) -> None:
        """Put a copy there, and those that are owed; what can't be is owed from now on. Raises nothing of the server's."""
        with self.turn:
            previous = get(self.state) if self.state else Owed()
            letters = (*(id_ for id_ in previous.letters if id_ != letter.message_id), letter.message_id)
            self._file(previous, letters, {letter.message_id: body})

    def settle(self) -> None:
        """File what is owed, if anything is."""
        if not self.state or not get(self.state).letters:
            return
        with self.turn:
            previous = get(self.state)
            self._file(previous, previous.letters, {})

    def _file(self, previous: Owed, letters: tuple[str, ...], bodies: dict[str, bytes]) -> None:
        left = list(letters)
        trouble: EngineError | None = None
        try:
            with self.box.filing() as file:
                for id_ in letters:
                    body = bodies.get(id_) or self.outbox.holds(id_, SENT)
                    # A letter that was removed from the outbox can't be copied any more.
                    if body is not None:
                        file(id_, body, moment(summary(body).at))
                    left.remove(id_)
        except EngineError as error:
            trouble = error
        owed = Owed()
        if trouble is not None and left:
            since = previous.since if previous.letters else self.now()
            person = isinstance(trouble, PermanentError)
            owed = Owed(
                letters=tuple(left[-_MAX:]), words=trouble.message, person=person, since=since,
                way_out=trouble.way_out,
            )  # fmt: skip
        if self.state and replace(owed, since=0.0) != replace(previous, since=0.0):
            _put(self.state, owed)
        if owed.summary and owed.words != previous.words:
            self.say(f"{owed.summary}; they are kept in outbox/sent and filed when the server takes them")
        elif previous.letters and not owed.letters:
            self.say("the copies that were missing among the sent letters are there now")
