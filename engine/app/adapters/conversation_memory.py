"""What an earlier letter of a conversation brought to mind, for the next one: passages that were recalled, and what was wanted.

Both are only offered. A remembered passage takes the last place of a full answer, and only while its note is unchanged; a remembered
intent is named as the nearest one when no tier decides, and decides nothing itself.
"""

from collections.abc import Callable
from dataclasses import dataclass

from engine.memory.conversation_store import Working
from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.settings import Intent
from engine.model.definitions.taint import Labels
from engine.model.definitions.types import EARLIER
from engine.model.effects import Call
from engine.model.ports import Reader, Tree
from engine.model.values.canonical_json import Json

RECALLED, WANTED = "recalled", "wanted"
_KEPT = 3
_UNSURE = "unsure"


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedRecall:
    """Port Reader for `memory/recall`. `tree` gives the workspace that runs now."""

    reader: Reader
    working: Working
    tree: Callable[[], Tree]

    def declare(self) -> tuple[ActionSpec, ...]:
        """As without a memory."""
        return self.reader.declare()

    def read(self, call: Call) -> tuple[dict[str, Json], Labels]:
        """The nearest passages, the last of them one that an earlier letter recalled. Raises as the reader does."""
        outputs, labels = self.reader.read(call)
        notes = outputs["notes"]
        if not isinstance(notes, list):
            return outputs, labels
        blobs = dict(self.tree().paths())
        earlier = self._earlier(call, notes, blobs)
        remembered: Json = [
            {"note": note, "blob": blobs.get(str(note["path"]), "")}
            for note in notes[:_KEPT]
            if isinstance(note, dict)
        ]
        self.working.put(call, RECALLED, {"kind": call.args.get("kind"), "notes": remembered})
        limit = call.args.get("limit")
        max_notes = int(limit) if isinstance(limit, int | float) else max(len(notes), 5)
        if earlier is None or max_notes < 2:
            return outputs, labels
        return {**outputs, "notes": [*notes[: max_notes - 1], {**earlier, "found-by": EARLIER}]}, labels

    def _earlier(self, call: Call, notes: list[Json], blobs: dict[str, str]) -> dict[str, Json] | None:
        """The best passage of the newest earlier letter that is not among those found, of the same kind, from a note as it still is."""
        there = {(note["path"], note["text"]) for note in notes if isinstance(note, dict)}
        for entry in self.working.find(call, RECALLED):
            if not isinstance(entry, dict) or entry["kind"] != call.args.get("kind"):
                continue
            for remembered in entry["notes"]:
                note = remembered["note"]
                if (
                    blobs.get(note["path"]) == remembered["blob"]
                    and (note["path"], note["text"]) not in there
                ):
                    return dict(note)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedIntent:
    """Port Reader for `intent/resolve`. `intents` are those the run may use."""

    reader: Reader
    working: Working
    intents: Callable[[Call], tuple[Intent, ...]]

    def declare(self) -> tuple[ActionSpec, ...]:
        """As without a memory."""
        return self.reader.declare()

    def read(self, call: Call) -> tuple[dict[str, Json], Labels]:
        """The decision; what the conversation was about is the nearest where nothing else is. Raises as the reader does."""
        outputs, labels = self.reader.read(call)
        if outputs["name"] != _UNSURE:
            self.working.put(call, WANTED, outputs["name"])
            return outputs, labels
        known = {intent.name for intent in self.intents(call)}
        earlier = next((str(name) for name in self.working.find(call, WANTED) if name in known), None)
        if earlier is None or outputs["nearest"]:
            return outputs, labels
        evidence = [str(outputs["evidence"]), f"earlier in this conversation: {earlier}"]
        return {**outputs, "nearest": earlier, "evidence": "; ".join(filter(None, evidence))}, labels
