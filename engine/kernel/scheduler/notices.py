"""What the operator is told unasked: what began to wait for them, and what failed; several together, each once.

A notice is a run like any other, of a playbook that comes with the engine: it is tried again while no channel takes it, and stands in the
log and in `why`. What it tells is written down with the run's creation, in one transaction, so that nothing is told twice or forgotten.
"""

from datetime import timedelta

from engine.kernel.core.services import Deployment, LedgerWriter
from engine.kernel.steps.effects import stopped
from engine.kernel.triggers import intake
from engine.model.definitions.taint import Label
from engine.model.events.alarms import OperatorNotified
from engine.model.events.events import Draft
from engine.model.ports import Arrival, Untold
from engine.model.values import ids
from engine.model.values.timestamps import later

SETTLE = timedelta(minutes=1)
"""How long a matter settles before a notice: what a person at the desk decides within it needs none."""
PAUSE = timedelta(minutes=10)
"""Between two notices of this kind."""


class Notices:
    """Tells what is untold. Nothing is looked at again before something happened."""

    def __init__(self, journal: LedgerWriter) -> None:
        self._journal = journal
        self._seq = -1
        self._fresh: tuple[Untold, ...] = ()

    def tell(self, *, at_once: bool = False) -> bool:
        """Begin a notice of everything untold once it has settled, or `at_once`; whether one was begun.

        Under a stop nothing is begun: it would be denied, and its words lost.
        """
        journal, office = self._journal, self._journal.house.office
        if office is None or stopped(journal):
            return False
        if journal.book.seq != self._seq:
            self._seq = journal.book.seq
            known = journal.book.notified_ids
            self._fresh = tuple(
                untold for untold in office.untold(journal.book, journal.now()) if untold.id not in known
            )
        if not self._fresh or not (at_once or journal.now() >= self._due()):
            return False
        self._begin(office.words(self._fresh))
        return True

    def _due(self) -> str:
        oldest, last = min(untold.since for untold in self._fresh), self._journal.book.notified
        return max(later(oldest, SETTLE), later(last, PAUSE) if last else "")

    def _begin(self, words: str) -> None:
        journal = self._journal
        about = tuple(sorted(untold.id for untold in self._fresh))
        office = journal.house.office
        if office is None:
            return
        plan, contents = office.playbook()
        source = ids.source_id(journal.house.index_key, "notice", *about)
        arrival = Arrival(
            kind="notice", source=source, event={"at": journal.now()}, labels=frozenset({Label.SYSTEM}), mark=source
        )  # fmt: skip
        own = Deployment(commit=journal.deployment().commit, plans={plan.id: plan}, contents=contents)
        drafts = intake.create(
            journal, own, plan, arrival, inputs={"text": words}, origins={"text": frozenset({Label.SYSTEM})}
        )
        journal.write(*drafts, Draft(body=OperatorNotified(about=about), run=drafts[0].run))
