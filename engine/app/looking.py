"""Looking at the ledger without owning it."""

from dataclasses import dataclass

from engine.app.health import Health
from engine.app.workspace import Workspace
from engine.ledger import Keys, Ledger
from engine.model.health import Ill
from engine.model.state import Book


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A look at the ledger without owning it. `ill` says why no effect leaves."""

    book: Book
    ledger: Ledger
    keys: Keys
    ill: Ill | None = None

    def close(self) -> None:
        """Let go of the files."""
        self.ledger.close()
        self.keys.close()


def look(workspace: Workspace) -> Reading:
    """State as of now, read from the ledger alone."""
    from engine.kernel.fold import fold

    keys = Keys.open(workspace.state)
    ledger = Ledger.open(workspace.state, keys=keys, owner=None)
    book = fold(ledger.events())
    return Reading(book=book, ledger=ledger, keys=keys, ill=Health(workspace, ledger).ask(book))
