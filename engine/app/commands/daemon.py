"""`steward up`: one process that owns the ledger and stays. Sources are read when something stirs; a commit is a release."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from engine.app.adapters.mailboxes import attended
from engine.app.commands.file_watch import (
    RESCAN_SECONDS,
    SETTLED_SECONDS,
    ChangeTracker,
    DeployBranch,
    SettledSource,
    Watch,
)
from engine.app.composition import build_app
from engine.app.queries import status_line
from engine.app.workspace import anchor
from engine.app.workspace.clock import present
from engine.app.workspace.state_check import daily
from engine.app.workspace.workspace import SETTINGS, Workspace, open_workspace
from engine.kernel.core.services import Services
from engine.kernel.scheduler.loop import LOOK_SECONDS, Loop
from engine.ledger import FULL, Keys, Ledger, Owner, current_owner, has_room, notify_owner
from engine.model.errors import DiskFull, EngineError, UsageError
from engine.model.events.events import Event
from engine.model.ports import FileSource, Probe
from engine.model.state.state import State

# How things stand is said when nothing happened for so long.
_CALM_SECONDS = 2.0
_GONE_SECONDS = 1.0
FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 60.0
"""Between two looks whether a full disk takes something again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonOptions:
    """What `serve` is given: the environment, who hears events, who is told of moves of the deployment, and a test's probe."""

    env: Mapping[str, str]
    listen: Callable[[Event], None]
    say: Callable[[str], None]
    probe: Probe | None = None


def serve(workspace: Workspace, up: DaemonOptions) -> str:
    """Own the ledger and go on until told to stop (SIGINT, SIGTERM); then end what is under way and let go. How things stand then.

    A full disk is waited for: meanwhile nobody owns the ledger. Raises UsageError when another process is up, LedgerError when the ledger
    can't be written for another reason.
    """
    while True:
        try:
            return _serve(workspace, up)
        except (DiskFull, OSError) as error:
            if not isinstance(error, DiskFull) and error.errno not in FULL:
                raise
            up.say(_held(workspace))
            if not _room_again(workspace, up.say):
                return "the disk is full, so nothing was done since"
            # By now another commit may be the one to run.
            workspace = open_workspace(workspace.root, up.env)


def _held(workspace: Workspace) -> str:
    return (
        f"the disk is full: {workspace.state.path} takes no more\n  everything acknowledged is kept; nothing is read, begun or sent until there is room"
        "\n  free some space: it is looked again and again, and goes on by itself; Ctrl-C ends it"
    )


def _room_again(workspace: Workspace, say: Callable[[str], None]) -> bool:
    """Wait until the disk takes something again, looking less and less often; False when told to stop before."""
    with _told_to_stop(lambda: None) as stopping:
        pause = FIRST_PAUSE_SECONDS
        while not stopping():
            again = time.monotonic() + pause
            while time.monotonic() < again and not stopping():
                time.sleep(min(LOOK_SECONDS, pause))
            if not stopping() and has_room(workspace.state.path):
                say("there is room again")
                return True
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
    return False


def _serve(workspace: Workspace, up: DaemonOptions) -> str:
    owner = _owned(workspace, up)
    keys = Keys.open(workspace.state)
    ledger = Ledger.open(workspace.state, keys=keys, owner=owner, probe=up.probe)
    eyes = ChangeTracker(workspace.root, lambda: notify_owner(workspace.state))
    try:
        anchor.require(workspace.root, ledger)
        with (
            _told_to_stop(lambda: notify_owner(workspace.state)) as stopping,
            _watched(eyes, workspace) as watch,
            daily(workspace, up.say, lambda: notify_owner(workspace.state)),
        ):
            up.say(_beginning(workspace, watch.trouble))
            return _serve_commits(workspace, up, keys, ledger, owner, eyes, stopping)
    finally:
        ledger.close()
        owner.release()
        keys.close()


def _owned(workspace: Workspace, up: DaemonOptions) -> Owner:
    """A command that passes by is waited for; whoever stays is not."""
    began, waits = time.monotonic(), False
    while True:
        owner = Owner.take(workspace.state, stays=True)
        if owner is not None:
            return owner
        other = current_owner(workspace.state)
        if other is not None and other.stays:
            raise UsageError(
                f"steward is up already (process {other.pid} on {other.host})",
                code="already-up",
                now_true="It goes on; nothing was started a second time.",
                way_out="steward status",
            )
        # It may just be writing itself down, or be where its number means nothing here.
        if not waits and (other is not None or time.monotonic() - began > 1):
            waits = True
            who = f"process {other.pid} on {other.host}" if other is not None else "another process"
            up.say(f"a command is under way ({who}): up begins behind it")
        time.sleep(LOOK_SECONDS)


def _serve_commits(
    workspace: Workspace,
    up: DaemonOptions,
    keys: Keys,
    ledger: Ledger,
    owner: Owner,
    eyes: ChangeTracker,
    stopping: Callable[[], bool],
) -> str:
    """One house after another, each for the commit that is deployed; the state goes from hand to hand. How it stands in the end."""
    book: State | None = None
    good, words = workspace, _Words(up.say)
    # One for all houses: a commit that lands while a house is furnished is a move that has not been asked for yet.
    name = workspace.config.deploy
    branch = DeployBranch(workspace.root, name)
    while not stopping():
        if workspace.config.deploy != name:
            name = workspace.config.deploy
            branch = DeployBranch(workspace.root, name)
        try:
            made = build_app(
                workspace,
                ledger=ledger,
                keys=keys,
                owner=owner,
                listen=up.listen,
                probe=up.probe,
                screen=up.say,
            )
        except EngineError as error:
            if book is None or workspace is good:
                raise
            up.say(_refused(error))
            workspace = good
            continue
        house = replace(made, house=_steadied(made.house, eyes))
        try:
            loop = Loop(house.house, book)
            house.settle(loop.journal)
            if book is None:
                loop.own(epoch=owner.epoch, host=owner.host, pid=owner.pid)
            if notice := loop.deployment().notice:
                up.say(notice)
            good = workspace
            with attended(made.house.sources, eyes.news):
                next_one = _serve_until_redeploy(workspace, up, loop, branch, eyes, stopping, words)
            book = loop.journal.book
            if next_one is None:
                raise _vanished(good)
            workspace = next_one
            house.anchor()
        finally:
            house.close()
    return words.of(book, good) if book is not None else ""


@dataclass(slots=True)
class _Words:
    """How things stand, said again whenever something happened and it is calm."""

    say: Callable[[str], None]
    _seq: int = -1
    _since: float = 0.0
    _said: str = ""

    def calm(self, book: State, workspace: Workspace) -> None:
        """Call it often."""
        now = time.monotonic()
        if book.seq != self._seq:
            self._seq, self._since = book.seq, now
        elif self._since and now - self._since >= _CALM_SECONDS:
            self._since = 0.0
            if (words := self.of(book, workspace)) != self._said:
                self._said = words
                self.say(words)

    def of(self, book: State, workspace: Workspace) -> str:
        return status_line.line(book, workspace.config.time_zone, now=present())


def _steadied(house: Services, eyes: ChangeTracker) -> Services:
    """Read where something stirred, files first: a look at one place is a matter of no time.

    What is deployed follows from the commit, which is one as long as the house stands.
    """
    ordered = sorted(house.sources, key=lambda one: not isinstance(one, FileSource))
    sources = tuple(SettledSource(one, eyes) for one in ordered)
    return replace(house, sources=sources, deployment=cache(house.deployment))


def _serve_until_redeploy(
    workspace: Workspace,
    up: DaemonOptions,
    loop: Loop,
    branch: DeployBranch,
    eyes: ChangeTracker,
    stopping: Callable[[], bool],
    words: _Words,
) -> Workspace | None:
    """Serve until another commit is deployed or it is time to stop; the workspace to go on with, None when its folder is gone."""
    found: list[Workspace] = []
    gone = _Gone(workspace.root)

    def moved() -> bool:
        words.calm(loop.journal.book, workspace)
        if gone():
            return True
        if not stopping() and branch.moved():
            try:
                other = open_workspace(workspace.root, up.env)
            except EngineError as error:
                up.say(_refused(error))
                return False
            if other.tree.commit != workspace.tree.commit:
                up.say(f"commit {other.tree.commit[:8]} is deployed")
                found.append(other)
        return bool(found) or stopping()

    loop.serve(look=lambda: not gone.seems and (eyes.look() or loop.due()), until=moved)
    if gone():
        return None
    if found:
        eyes.everything()
    return found[0] if found else workspace


class _Gone:
    """Whether the workspace's folder, or its repository, is gone: not for a moment, as when something is put in its place."""

    def __init__(self, root: Path) -> None:
        self._root, self._since = root, 0.0
        self.seems = False

    def __call__(self) -> bool:
        self.seems = not (self._root / SETTINGS).exists() and not (self._root / ".git").exists()
        if not self.seems:
            self._since = 0.0
            return False
        self._since = self._since or time.monotonic()
        return time.monotonic() - self._since >= _GONE_SECONDS


def _vanished(workspace: Workspace) -> EngineError:
    return EngineError(
        f"the workspace is gone: there is nothing at {workspace.root} any more",
        code="workspace-gone",
        now_true=f"What was under way was brought to its end. Ledger and letters that left lie in {workspace.state.path}.",
        way_out="put the folder back where it was, or clone it anew with the same id, then: steward up",
    )


def _refused(error: EngineError) -> str:
    return f"the new commit can't be used: {error.message}\n  {error.now_true}\n  the one before goes on; {error.way_out}"


def _beginning(workspace: Workspace, trouble: str) -> str:
    seen = (
        f"files are looked at every {RESCAN_SECONDS:.0f} s ({trouble})"
        if trouble
        else f"a file counts once it has been quiet for {SETTLED_SECONDS:.0f} s"
    )
    return f"up: {workspace.root}, commit {workspace.tree.commit[:8]} of {workspace.config.deploy}; {seen}; Ctrl-C ends it"


@contextmanager
def _watched(eyes: ChangeTracker, workspace: Workspace) -> Iterator[Watch]:
    """Every folder of the workspace's top but hidden ones: what git does below its own is nobody's file."""
    watch = Watch(eyes, workspace.root, passed_over=_passed_over)
    try:
        yield watch
    finally:
        watch.close()


def _passed_over(folder: Path) -> bool:
    return folder.name.startswith(".") or folder.is_symlink() or folder.name == "outbox"


@contextmanager
def _told_to_stop(poke_: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Turns Ctrl-C and SIGTERM into a word asked for between two steps; the second one ends it at once.

    On Linux the word that somebody opens a file we are asking about is heard, too, and means nothing (`noticing.being_written`).
    """
    told: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, _frame: object) -> None:
        told.append(number)
        signal.signal(number, before[signal.Signals(number)])
        poke_()

    try:
        for number in before:
            signal.signal(number, note)
        if sys.platform == "linux":
            before[signal.SIGIO] = signal.signal(signal.SIGIO, lambda _number, _frame: None)
        yield lambda: bool(told)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
