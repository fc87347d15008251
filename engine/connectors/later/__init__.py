"""Actions that are declared and that nothing performs yet: playbooks can be written and tested with them, not run.

A step that uses one compiles with a warning; when it runs, it fails before anything is called.
"""

from engine.connectors.later.documents import documents, email, files, tables
from engine.connectors.later.events import EVENTS
from engine.connectors.later.money import bills, stripe
from engine.model.definitions.actions import ActionSpec

__all__ = ["EVENTS", "declare_all"]


def declare_all() -> tuple[ActionSpec, ...]:
    """Every action that is declared only."""
    return (*email(), *tables(), *stripe(), *bills(), *documents(), *files())
