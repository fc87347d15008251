"""`memory/recall`: the index where it is there and of the right commit, full text at once where it is not, and always said which."""

from collections.abc import Callable
from typing import Protocol

from engine.memory import RECALL
from engine.memory.fulltext import FullText, asked
from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.taint import Label, Labels
from engine.model.definitions.triggers import CLAIMED
from engine.model.effects import Call
from engine.model.errors import PermanentError, TransientError
from engine.model.ports import Tree
from engine.model.values.canonical_json import Json

_CONTACT = "contact"


class NoteIndex(Protocol):
    """An index of a commit's notes: the memory process's client."""

    def recall(self, query: str, *, kind: str, limit: int, commit: str) -> list[dict[str, Json]]:
        """Passages of that commit, best first. Raises TransientError while it can't, PermanentError when it never will."""


class Recall:
    """Port Reader. `index` is None where nothing but words is compared; `tree` gives the workspace that runs now."""

    def __init__(self, *, words: FullText, index: NoteIndex | None, tree: Callable[[], Tree]) -> None:
        self._words, self._index, self._tree = words, index, tree

    def declare(self) -> tuple[ActionSpec, ...]:
        """One action."""
        return (RECALL,)

    def read(self, call: Call) -> tuple[dict[str, Json], Labels]:
        """The nearest passages. Raises PermanentError on arguments it does not take."""
        query, kind, limit = asked(call)
        if kind == _CONTACT and call.trigger.get("caution") == CLAIMED:
            return {"notes": []}, frozenset({Label.OPERATOR})
        notes = self.find(query, kind=kind, limit=limit)[0]
        call.seen.update(str(note["path"]) for note in notes)
        return {"notes": list(notes)}, frozenset({Label.OPERATOR})

    def find(self, query: str, *, kind: str, limit: int) -> tuple[list[dict[str, Json]], str]:
        """(passages, best first; why only words were compared, or empty)."""
        why = "nothing compares meanings here"
        if self._index is not None and (commit := self._tree().commit):
            try:
                return self._index.recall(query, kind=kind, limit=limit, commit=commit), ""
            except (TransientError, PermanentError) as problem:
                why = problem.message
        return self._words.find(query, kind=kind, limit=limit), why
