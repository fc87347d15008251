"""Verification of everything that is stored, trusting none of it."""

import json
import re
import sqlite3
from dataclasses import dataclass

from engine.ledger.appender import PAGE
from engine.ledger.chain import GENESIS, EventRow, Tail, fault
from engine.ledger.keys import Keys
from engine.ledger.sealed_values import SealedValues
from engine.ledger.spot_checks import keyless
from engine.ledger.sql import statements
from engine.model.errors import LedgerError
from engine.model.values.canonical_json import sha256

# Members that name a sealed value; quotes inside JSON texts are escaped, so a text can't imitate one.
_VALUE = re.compile(rb'"(?:because|content|event|inputs|message|outputs|proposal|question)":"([0-9a-f]{64})"')
# Members that name a kept content, by the type of their event: a plan, a notebook a person vouched for.
_CONTENT = {
    "run.created": re.compile(rb'"plan":"([0-9a-f]{64})"'),
    "notebook.accepted": re.compile(rb'"digest":"([0-9a-f]{64})"'),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What `verify` saw. `bad` is the seq of the first bad event, 0 when the damage is not at one; `problem` says what, or is empty."""

    events: int
    values: int
    contents: int
    head: tuple[int, str]
    bad: int | None = None
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Nothing was altered, cut off or lost."""
        return not self.problem


class ChainVerifier:
    def __init__(self, db: sqlite3.Connection, values: SealedValues) -> None:
        self.db, self.values, self.sql = db, values, statements("ledger")
        self.tail, self.seen, self.contents = Tail(0, GENESIS), 0, 0
        self.needed: set[str] = set()

    def events(self, anchor: Tail | None) -> str:
        """The first fault of the chain and of the values it names, or empty."""
        while True:
            page = self.db.execute(self.sql["page_of_events"], (self.tail.seq, PAGE)).fetchall()
            if not page:
                return ""
            for columns in page:
                row = EventRow(*columns)
                if problem := fault(row, self.tail) or self._named(row):
                    return problem
                self.tail = Tail(row.seq, row.hash)
                if anchor is not None and anchor.seq == row.seq and anchor.hash != row.hash:
                    return f"the anchor names another event {row.seq}"

    def _named(self, row: EventRow) -> str:
        if (content := _CONTENT.get(row.type)) is not None:
            self.needed.update(sha.decode() for sha in content.findall(row.envelope))
        for id_ in _VALUE.findall(row.envelope):
            self.seen += 1
            if problem := self.values.fault(id_.decode()):
                return problem
        return ""

    def broken_content(self) -> str:
        """The first content whose bytes are not what its name says, or that an event or a plan names and that is missing; or empty."""
        stored: set[str] = set()
        for sha, content in self.db.execute(self.sql["all_contents"]):
            if sha256(content) != sha.hex():
                return f"the content {sha.hex()[:8]} was altered"
            stored.add(sha.hex())
            if sha.hex() in self.needed:
                self.needed.update(_files_of(content))
            self.contents += 1
        lost = sorted(self.needed - stored)
        return f"{len(lost)} contents are lost, the first is {lost[0][:8]}" if lost else ""

    def subject_without_key(self, keys: Keys) -> str:
        """The first person whose values are stored and whose key is missing, though they were not erased; or empty."""
        subjects = [str(row[0]) for row in self.db.execute(self.sql["subjects_of_values"])]
        return next((problem for subject in subjects if (problem := keyless(keys, subject))), "")


def _files_of(plan: bytes) -> list[str]:
    """The digests of the files a kept plan names; none of a content that is not a plan."""
    try:
        files = json.loads(plan)["plan"]["files"]
        return [sha for _, sha in files]
    except (ValueError, KeyError, TypeError):
        return []


def verify(db: sqlite3.Connection, values: SealedValues, keys: Keys, anchor: Tail | None) -> Report:
    """Walk the chain, its values and the kept contents. Never raises on what it finds."""
    walk = ChainVerifier(db, values)
    bad: int | None = None
    try:
        problem = walk.events(anchor)
        if problem:
            bad = walk.tail.seq + 1
        elif anchor is None:
            problem, bad = ("the head file is missing or unreadable", 0) if walk.tail.seq else ("", None)
        elif anchor.seq > walk.tail.seq:
            problem, bad = (
                f"cut off: the anchor names event {anchor.seq}, the last one is {walk.tail.seq}",
                walk.tail.seq + 1,
            )
        if not problem and (problem := walk.broken_content() or walk.subject_without_key(keys)):
            bad = 0
    except (sqlite3.Error, LedgerError, OSError, TypeError, ValueError, AttributeError) as error:
        problem, bad = f"the file is damaged ({error})", walk.tail.seq + 1
    return Report(
        events=walk.tail.seq, values=walk.seen, contents=walk.contents,
        head=(walk.tail.seq, walk.tail.hash.hex()), bad=bad, problem=problem,
    )  # fmt: skip
