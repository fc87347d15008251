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

# The status line is printed when nothing has happened for this long.
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

    A full disk is waited for; meanwhile the ledger has no owner. Raises UsageError when another process is up, LedgerError when the ledger
    can't be written for another reason.
    """
    while True:
        try:
            return _serve(workspace, up)
        except (DiskFull, OSError) as error:
            if not isinstance(error, DiskFull) and error.errno not in FULL:
                raise
            up.say(_full_disk(workspace))
            if not _room_again(workspace, up.say):
                return "the disk is full, so nothing was done since"
            # By now another commit may be the one to run.
            workspace = open_workspace(workspace.root, up.env)


def _full_disk(workspace: Workspace) -> str:
    return (
        f"the disk is full: {workspace.state.path} takes no more\n  everything acknowledged is kept; nothing is read, begun or sent until there is room"
        "\n  free some space: it is looked again and again, and goes on by itself; Ctrl-C ends it"
    )


def _room_again(workspace: Workspace, say: Callable[[str], None]) -> bool:
    """Wait until the disk takes something again, looking less and less often; False when told to stop before."""
    with _stop_requested(lambda: None) as stopping:
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
    owner = _take_ownership(workspace, up)
    keys = Keys.open(workspace.state)
    ledger = Ledger.open(workspace.state, keys=keys, owner=owner, probe=up.probe)
    eyes = ChangeTracker(workspace.root, lambda: notify_owner(workspace.state))
    try:
        anchor.require(workspace.root, ledger)
        with (
            _stop_requested(lambda: notify_owner(workspace.state)) as stopping,
            _watched(eyes, workspace) as watch,
            daily(workspace, up.say, lambda: notify_owner(workspace.state)),
        ):
            up.say(_beginning(workspace, watch.trouble))
            return _serve_commits(workspace, up, keys, ledger, owner, eyes, stopping)
    finally:
        ledger.close()
        owner.release()
        keys.close()


def _take_ownership(workspace: Workspace, up: DaemonOptions) -> Owner:
    """Take ownership of the ledger. A short command is waited for; a second `up` is refused."""
    began, waits = time.monotonic(), False
    while True:
        owner = Owner.take(workspace.state, stays=True)
        if owner is not None:
            return owner
        holder = current_owner(workspace.state)
        if holder is not None and holder.stays:
            raise UsageError(
                f"steward is up already (process {holder.pid} on {holder.host})",
                code="already-up",
                now_true="It goes on; nothing was started a second time.",
                way_out="steward status",
            )
        # It may just be writing itself down, or be where its number means nothing here.
        if not waits and (holder is not None or time.monotonic() - began > 1):
            waits = True
            description = (
                f"process {holder.pid} on {holder.host}" if holder is not None else "another process"
            )
            up.say(f"a command is under way ({description}): up begins behind it")
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
    """Serve one deployed commit after another, handing the state on. Returns the last status line."""
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
            app = build_app(
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
        house = replace(app, house=_steadied(app.house, eyes))
        try:
            loop = Loop(house.house, book)
            house.settle(loop.journal)
            if book is None:
                loop.own(epoch=owner.epoch, host=owner.host, pid=owner.pid)
            if notice := loop.deployment().notice:
                up.say(notice)
            good = workspace
            with attended(app.house.sources, eyes.news):
                next_one = _serve_until_redeploy(workspace, up, loop, branch, eyes, stopping, words)
            book = loop.journal.book
            if next_one is None:
                raise _vanished(good)
            workspace = next_one
            house.anchor()
        finally:
            house.close()
    return words.render(book, good) if book is not None else ""


@dataclass(slots=True)
class _Words:
    """The status line, printed again after each change once it is calm."""

    say: Callable[[str], None]
    _seq: int = -1
    _since: float = 0.0
    _last: str = ""

    def calm(self, book: State, workspace: Workspace) -> None:
        """Print the status line if it is due; call it often."""
        now = time.monotonic()
        if book.seq != self._seq:
            self._seq, self._since = book.seq, now
        elif self._since and now - self._since >= _CALM_SECONDS:
            self._since = 0.0
            if (words := self.render(book, workspace)) != self._last:
                self._last = words
                self.say(words)

    def render(self, book: State, workspace: Workspace) -> str:
        return status_line.line(book, workspace.config.time_zone, now=present())


def _steadied(house: Services, eyes: ChangeTracker) -> Services:
    """Read where something stirred, files first: a look at one place is a matter of no time.

    What is deployed follows from the commit, which stays the same as long as this app runs.
    """
    ordered = sorted(house.sources, key=lambda source: not isinstance(source, FileSource))
    sources = tuple(SettledSource(source, eyes) for source in ordered)
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
    deployed: list[Workspace] = []
    gone = _Gone(workspace.root)

    def moved() -> bool:
        words.calm(loop.journal.book, workspace)
        if gone():
            return True
        if not stopping() and branch.moved():
            try:
                newest = open_workspace(workspace.root, up.env)
            except EngineError as error:
                up.say(_refused(error))
                return False
            if newest.tree.commit != workspace.tree.commit:
                up.say(f"commit {newest.tree.commit[:8]} is deployed")
                deployed.append(newest)
        return bool(deployed) or stopping()

    loop.serve(look=lambda: not gone.seems and (eyes.look() or loop.due()), until=moved)
    if gone():
        return None
    if deployed:
        eyes.everything()
    return deployed[0] if deployed else workspace


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
    """Watch every top-level folder of the workspace but hidden ones: what git does below its own is no source."""
    watch = Watch(eyes, workspace.root, passed_over=_passed_over)
    try:
        yield watch
    finally:
        watch.close()


def _passed_over(folder: Path) -> bool:
    return folder.name.startswith(".") or folder.is_symlink() or folder.name == "outbox"


@contextmanager
def _stop_requested(poke_: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Turns Ctrl-C and SIGTERM into a word asked for between two steps; the second one ends it at once.

    On Linux SIGIO, which says that another process opens a file under our lease, is caught and ignored (`file_watch.being_written`).
    """
    signals: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, _frame: object) -> None:
        signals.append(number)
        signal.signal(number, previous[signal.Signals(number)])
        poke_()

    try:
        for number in previous:
            signal.signal(number, note)
        if sys.platform == "linux":
            previous[signal.SIGIO] = signal.signal(signal.SIGIO, lambda _number, _frame: None)
        yield lambda: bool(signals)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
