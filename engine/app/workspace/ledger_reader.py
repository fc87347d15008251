"""Looking at the ledger without owning it."""

from functools import cached_property

from engine.app.workspace.state_check import Health
from engine.app.workspace.workspace import Workspace
from engine.ledger import Keys, Ledger, SealedBlobs
from engine.model.health import Ill
from engine.model.state.state import State


class LedgerReader:
    """A look at the ledger without owning it. Who asks only for values pays for no state: that is folded when it is first asked for."""

    def __init__(
        self,
        workspace: Workspace,
        ledger: Ledger,
        keys: Keys,
        known: State | None = None,
        *,
        still: bool = False,
    ) -> None:
        """`known` is a state folded already; `still`: it is looked at as it is, whatever came since."""
        self._still = still
        self.ledger, self.keys = ledger, keys
        self._workspace, self._known = workspace, known

    @cached_property
    def book(self) -> State:
        """The state as of now. Raises LedgerError when the ledger can't be read."""
        if self._still and self._known is not None:
            return self._known
        return brought_up(self.ledger, self._known)

    @cached_property
    def ill(self) -> Ill | None:
        """Why no effect leaves, or None."""
        return Health(self._workspace, self.ledger).ask(self.book)

    def file(self, handle: str) -> bytes:
        """The bytes of a file that hangs on an event. Raises PermanentError (codes: erased, gone, altered, handle)."""
        return SealedBlobs(self._workspace.state, self.keys, self.ledger).get(handle)

    def close(self) -> None:
        """Let go of the files."""
        self.ledger.close()
        self.keys.close()


def open_reader(workspace: Workspace, known: State | None = None) -> LedgerReader:
    """A look at the ledger alone. Of a state that is `known` only what came since is read; it is brought up to date in place."""
    keys = Keys.open(workspace.state)
    try:
        ledger = Ledger.open(workspace.state, keys=keys, owner=None)
    except BaseException:
        keys.close()
        raise
    return LedgerReader(workspace, ledger, keys, known)


def brought_up(ledger: Ledger, known: State | None) -> State:
    """The state at the ledger's end, from one that is known where there is one. Raises LedgerError."""
    from engine.kernel.core.fold import fold

    if known is None or known.seq > ledger.head()[0]:
        return fold(ledger.events())
    return fold(ledger.events(known.seq), known)
