"""What the operator has not been told yet, and the words for it: how many, of what playbook, under which id; never a stranger's words.

They go through other people's servers to a screen that others may see. The words themselves are in the queue.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from engine.app.queries import queue
from engine.app.queries.queue import QueueRow
from engine.app.workspace.ledger_reader import LedgerReader
from engine.app.workspace.workspace import Workspace
from engine.ledger import Keys, Ledger
from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.plan import Plan
from engine.model.events.alarms import HISTORY
from engine.model.ports import Untold
from engine.model.state.state import State
from engine.model.values import ids
from engine.model.values.canonical_json import sha256
from engine.model.values.timestamps import later

NAME = "steward-notices"
_PATH = f"playbooks/{NAME}.yaml"
_PLAYBOOK = b"""\
name: Notices
description: Tell the operator what began to wait for them, and what failed.
stage: approval
on: { manual: {} }
inputs: { text: text }
steps:
  - id: tell
    uses: notify/me
    with: { text: "${{ inputs.text }}" }
    retry: { attempts: 40, base: 1m, max: 1h }
"""
_MAX_NAMED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorNotices:
    """Port Office. Without a channel under `connectors.notify` there is no Office: then only the queue tells."""

    workspace: Workspace
    ledger: Ledger
    keys: Keys
    specs: Mapping[str, ActionSpec]
    _compiled: list[Plan] = field(default_factory=list)

    def untold(self, book: State, now: str) -> list[Untold]:
        """What waits for the operator or failed, told or not, oldest first. Letters that look automatic are left out."""
        reading = LedgerReader(self.workspace, self.ledger, self.keys, book, still=True)
        rows = [row for row in queue.rows(reading, now=now) if not row.fold]
        # What is wrong with the state may be mended and come again, and is told again then.
        untold = [
            Untold(
                id=f"{row.id} {row.since}" if row.kind == "health" else row.id,
                since=row.since or now,
                words=_words(row),
            )
            for row in rows
        ]
        known = {row.id for row in rows} | {row.run for row in rows if row.kind == "failed"}
        # A failure from before the first notice is history.
        earliest = "" if book.notified else later(now, -HISTORY)
        for id_, at in book.failures.items():
            run = book.runs[id_]
            if at >= earliest and id_ not in known and run.status == "failed" and run.playbook != NAME:
                untold.append(Untold(id=id_, since=at, words=f"failed: {run.playbook}, run {ids.short(id_)}"))
        for (id_, step), at in book.omitted.items():
            if at >= earliest:
                words = f"could not leave in time and was left out: {step} of {book.runs[id_].playbook}, run {ids.short(id_)}"
                untold.append(Untold(id=f"{id_} {step}", since=at, words=words))
        return sorted(untold, key=lambda notice: (notice.since, notice.id))

    def words(self, untold: tuple[Untold, ...]) -> str:
        """A line that says how many, then one for each of the first few."""
        named = [notice.words for notice in untold[:_MAX_NAMED]]
        others = [f"and {len(untold) - _MAX_NAMED} more"] if len(untold) > _MAX_NAMED else []
        count = "1 thing is new" if len(untold) == 1 else f"{len(untold)} things are new"
        return "\n".join([f"Steward: {count}. steward queue", *named, *others])

    def playbook(self) -> tuple[Plan, dict[str, bytes]]:
        """The playbook whose runs notices are, and the bytes of its file by their digest."""
        if not self._compiled:
            from engine.language.build.compile import compile_tree

            compiled = compile_tree(_OneFile(), actions=self.specs, config=self.workspace.config)
            self._compiled.append(compiled.plans[NAME])
        return self._compiled[0], {sha256(_PLAYBOOK): _PLAYBOOK}


class _OneFile:
    """Port Tree: the engine's own playbook alone."""

    commit = ""

    def paths(self) -> tuple[tuple[str, str], ...]:
        return ((_PATH, sha256(_PLAYBOOK)),)

    def read(self, path: str) -> bytes:
        return {_PATH: _PLAYBOOK}[path]


def _words(row: QueueRow) -> str:
    """A row without anything that came from outside."""
    of = f" of {row.playbook}" if row.playbook else ""
    match row.kind:
        case "card" | "question":
            return f"a {row.kind}{of} waits: {row.short}"
        case "new":
            return f"a letter is new: {row.short}"
        case "put-aside":
            return f"a letter was put aside: {row.short}"
        case "failed":
            return f"failed: {row.playbook}, {row.short}"
        case "unknown":
            return f"{row.playbook} asks {row.title} {row.short}"
        case "health":
            return "no effect leaves: steward doctor"
        case _:
            assert_never(row.kind)
