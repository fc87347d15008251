"""A second look at what decides most: who an address is, and what a thing costs, in the tables of the notes.

A disagreement is a doubt on the card, and takes away what only certainty may have: a doubted contact is not labelled the customer's.
Without DuckDB there is no second look; the reason says so, and nothing else changes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.memory import note_tables
from engine.memory.note_tables import Symbolic
from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.taint import Label, Labels
from engine.model.definitions.triggers import CLAIMED
from engine.model.effects import Call
from engine.model.ports import Reader
from engine.model.values.canonical_json import Json
from engine.model.values.money import Money

DOUBTS = "doubts"
_ONCE = "not looked up a second time: DuckDB is not installed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedPerson:
    """Port Reader for `identity/resolve`: the person, and what the tables say of the same address."""

    reader: Reader
    tables: Symbolic

    def declare(self) -> tuple[ActionSpec, ...]:
        """As without the second look."""
        return self.reader.declare()

    def read(self, call: Call) -> tuple[dict[str, Json], Labels]:
        """The person, what they bought, and doubts. Raises as the reader does."""
        outputs, labels = self.reader.read(call)
        if call.trigger.get("caution") == CLAIMED:
            return {**outputs, "bought": [], DOUBTS: []}, labels
        if not note_tables.available():
            return {**outputs, "reason": f"{outputs['reason']}; {_ONCE}", "bought": [], DOUBTS: []}, labels
        address = note_tables.folded(str(outputs["email"]))
        notes = [str(path) for path, _ in self.tables.ask("holders", address)]
        bought: list[Json] = [
            f"{product} ({day})" if day else product for product, day, _ in self.tables.ask("bought", address)
        ]
        doubts: list[Json] = list(_about_person(outputs, notes))
        if doubts:
            level = "stranger" if outputs["level"] == "stranger" else "unproven"
            outputs, labels = {**outputs, "level": level}, frozenset({Label.UNTRUSTED})
        return {**outputs, "bought": bought, DOUBTS: doubts}, labels


def _about_person(outputs: dict[str, Json], notes: list[str]) -> Iterator[str]:
    note = outputs["note"]
    if len(notes) > 1:
        yield f"{len(notes)} contact notes have this address: {', '.join(notes)}"
    if note is None and notes:
        yield f"taken for a stranger, but {notes[0]} has this address"
    elif note is not None and note not in notes:
        yield f"taken for {note}, but that note does not have this address"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedPrices:
    """Port Reader for agents: what they propose to ask for is looked up in the price lists."""

    reader: Reader
    tables: Symbolic

    def declare(self) -> tuple[ActionSpec, ...]:
        """As without the second look."""
        return self.reader.declare()

    def read(self, call: Call) -> tuple[dict[str, Json], Labels]:
        """The agent's outputs, with a doubt for every price the lists do not have. Raises as the reader does."""
        outputs, labels = self.reader.read(call)
        items = outputs.get("items")
        if not isinstance(items, list) or not items or not note_tables.available():
            return outputs, labels
        earlier = outputs.get(DOUBTS)
        doubts = [
            doubt
            for line_item in items
            if isinstance(line_item, dict)
            for doubt in self._about_price(line_item)
        ]
        return {**outputs, DOUBTS: [*(earlier if isinstance(earlier, list) else []), *doubts]}, labels

    def _about_price(self, line_item: dict[str, Json]) -> Iterator[str]:
        product = str(line_item.get("what") or "")
        listed = self.tables.ask("price", note_tables.plain(product))
        try:
            asked = Money.of(line_item.get("amount"))
        except ValueError:
            yield f"`{product}` has no amount that can be read"
            return
        prices = ", ".join(f"{shown} in {path}" for path, shown, _, _ in listed)
        if not listed:
            yield f"no price list has `{product}`: {asked.text()} is nobody's price"
        elif (asked.minor, asked.currency) not in {(minor, currency) for _, _, minor, currency in listed}:
            yield f"`{product}` is {prices}, not {asked.text()}"
        elif len({(minor, currency) for _, _, minor, currency in listed}) > 1:
            yield f"`{product}` has several prices: {prices}"
