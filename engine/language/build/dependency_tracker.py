"""What a file's compiler asks about everything but the file itself, and what it was answered.

A result holds for as long as the same questions have the same answers. Dependencies are not listed: a file depends on what its compiler
looks up, and these maps are all it can look into.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from engine.model.values import canonical_json

_V = TypeVar("_V")
_ALL = "*"


class DependencyTracker:
    """The questions of the files under way, the innermost last."""

    def __init__(self) -> None:
        self._open: list[dict[str, str]] = []

    def begin(self) -> dict[str, str]:
        """Another file begins; its questions are kept in what is returned."""
        self._open.append({})
        return self._open[-1]

    def end(self) -> None:
        """It is done."""
        self._open.pop()

    def note(self, question: str, answer: str) -> None:
        """Keep a question of the innermost file."""
        if self._open:
            self._open[-1][question] = answer


class TrackedMap(Mapping[str, _V]):
    """A map that notes what is looked up in it: one name at a time, or which names there are."""

    def __init__(
        self,
        topic: str,
        entries: Mapping[str, _V],
        asked: DependencyTracker,
        *,
        digest: Callable[[_V], str] = str,
    ) -> None:
        self._topic = topic
        self._entries = entries
        self._asked = asked
        self._digest = digest
        self._answers: dict[str, str] = {}

    def __getitem__(self, name: str) -> _V:
        self._note(name)
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        self._note(str(name))
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._note(_ALL)
        return iter(self._entries)

    def __len__(self) -> int:
        self._note(_ALL)
        return len(self._entries)

    def answer(self, name: str) -> str:
        """The digest of what is there under a name; of all names under `*`; empty where there is nothing."""
        if name not in self._answers:
            if name == _ALL:
                self._answers[name] = canonical_json.name_of(list(self._entries))
            else:
                self._answers[name] = self._digest(self._entries[name]) if name in self._entries else ""
        return self._answers[name]

    def _note(self, name: str) -> None:
        self._asked.note(f"{self._topic}:{name}", self.answer(name))
