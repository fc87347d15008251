"""The past of a workspace: history and chains of why, with what only git knows beside them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from engine.app import views
from engine.app.passing import Reading, look
from engine.app.workspace import Workspace
from engine.model.errors import EngineError, UsageError
from engine.model.plan import Plan
from engine.model.state import RunState
from engine.observe.history import History
from engine.observe.why import Chain, Why
from engine.vault import GitTree, anchored

GROUPS = {"playbook": "playbook", "project": "project", "model": "model", "week": "week"}
"""What costs can be added up by: the word on the command line → the column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A workspace's history beside a look at its ledger."""

    workspace: Workspace
    reading: Reading
    history: History

    def chains(self, given: str) -> tuple[Chain, ...]:
        """The chains of a run, a card, an effect or a person, by the beginning of an id or by an address. Raises UsageError."""
        known = anchored(self.workspace.root)
        why = Why(self.history, self.reading.ledger, anchored=known[0] if known else 0)
        if subject := self.subject(given):
            return why.subject(subject)
        rows = self.history.rows("SELECT DISTINCT key FROM effects WHERE starts_with(key, ?)", given.lower())
        if len(given) >= views.SHORTEST and len(rows) == 1:
            found = why.effect(rows[0]["key"])
            return (found,) if found else ()
        try:
            card = views.find_card(self.reading, given)
        except UsageError:
            return why.run(views.find_run(self.reading, given).id)
        return tuple(one for one in why.run(card.run) if one.step in card.steps)

    def subject(self, given: str) -> str:
        """The subject with this address; empty when the text is no address, or nobody's here."""
        return str(self.reading.keys.find(given.strip().casefold()) or "") if "@" in given else ""

    def since(self, chain: Chain) -> str:
        """Which of the files the run's plan was made of are other ones now, in words."""
        run = self.reading.book.runs[chain.run]
        try:
            before = dict(GitTree.named(self.workspace.root, run.commit).paths())
        except EngineError as error:
            return f"commit {run.commit[:12]} can't be read any more: {error.message}"
        now = dict(self.workspace.tree.paths())
        pinned = [path for path, _ in self._plan(run).files]
        changed = [path for path in pinned if before.get(path) != now.get(path)]
        return f"changed since: {', '.join(changed)}" if changed else "no file of its plan has changed since"

    def _plan(self, run: RunState) -> Plan:
        from engine.language import serial

        return serial.from_bytes(self.reading.ledger.kept(run.plan))

    def costs(self, by: str) -> list[dict[str, object]]:
        """What models cost, added up by one of :data:`GROUPS`: (name, calls, tokens, usd), the dearest first."""
        column = GROUPS[by]
        return self.history.rows(
            f"SELECT coalesce({column}, '') AS name, count(*) AS calls, sum(tokens_in + tokens_out) AS tokens, sum(usd) AS usd "
            "FROM costs GROUP BY ALL ORDER BY usd DESC, name"
        )

    def timeline(self, given: str, most: int) -> list[dict[str, object]]:
        """The last events about a person or of a run, oldest first. Raises UsageError when nobody and nothing is called that."""
        if subject := self.subject(given):
            where, value = "subject", subject
        else:
            where, value = "run", views.find_run(self.reading, given).id
        rows = self.history.rows(
            f"SELECT * FROM events WHERE {where} = ? ORDER BY seq DESC LIMIT ?", value, most
        )
        return rows[::-1]


@contextmanager
def of(workspace: Workspace) -> Iterator[Past]:
    """The past as it is now. Raises PermanentError(code='no-history') without DuckDB."""
    reading = look(workspace)
    try:
        with History(reading.ledger, workspace.state.path / "history") as history:
            yield Past(workspace=workspace, reading=reading, history=history)
    finally:
        reading.close()
