"""Looking at the ledger without owning it."""

from dataclasses import dataclass

from engine.app.workspace import Workspace
from engine.ledger import Keys, Ledger
from engine.model.state import Book


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A look at the ledger without owning it."""

    book: Book
    ledger: Ledger
    keys: Keys

    def close(self) -> None:
        """Let go of the files."""
        self.ledger.close()
        self.keys.close()


def look(workspace: Workspace) -> Reading:
    """State as of now, read from the ledger alone."""
    from engine.kernel.fold import fold

    keys = Keys.open(workspace.state)
    ledger = Ledger.open(workspace.state, keys=keys, owner=None)
    return Reading(book=fold(ledger.events()), ledger=ledger, keys=keys)
