"""Takes keys and plain values out of a playbook's tree and keeps what is wrong. Every method answers None after a diagnostic."""

from collections.abc import Collection, Iterable
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

from engine.language.diagnostics.codes import playbook_shape as code
from engine.language.diagnostics.codes import references
from engine.language.documents.ast import Word
from engine.language.expressions import ranges
from engine.language.expressions.ranges import RANGES
from engine.language.text import scalars
from engine.language.text.identifiers import is_id, slug
from engine.language.text.nodes import Entry, Node, Scalar, Sequence
from engine.language.text.nodes import Mapping as MapNode
from engine.language.text.suggest import corrections
from engine.language.types.type_syntax import place
from engine.model.definitions.diagnostics import Diagnostic, Fix, Span
from engine.model.definitions.plan import Stage
from engine.model.values import durations

_E = TypeVar("_E", bound=StrEnum)


def describe(node: Node) -> str:
    """How a message names a node: its text, `a list` or `a map`."""
    match node:
        case Scalar():
            return "nothing" if not node.text and node.plain else f"`{node.text[:40]}`"
        case Sequence():
            return "a list"
        case MapNode():
            return "a map"


class Taker:
    """One file under inspection."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []

    def note(self, diagnostic: Diagnostic) -> None:
        """Keep a diagnostic."""
        self.diagnostics.append(diagnostic)

    def keys(self, node: MapNode, *, of: str, known: Collection[str]) -> dict[str, Entry]:
        """The known keys of a map."""
        entries: dict[str, Entry] = {}
        missing = {entry.key for entry in node.entries}
        for entry in node.entries:
            if entry.key in known:
                entries[entry.key] = entry
            else:
                free = [name for name in known if name not in missing]
                self.note(code.unknown_key(entry.key_span, key=entry.key, of=of, known=free))
        return entries

    def arguments(self, node: MapNode, *, of: str, known: Collection[str]) -> dict[str, Entry]:
        """The known arguments of one of the engine's own steps."""
        written = {entry.key for entry in node.entries}
        for entry in node.entries:
            if entry.key not in known:
                free = [name for name in known if name not in written]
                self.note(references.unknown_argument(entry.key_span, name=entry.key, of=of, known=free))
        return {entry.key: entry for entry in node.entries if entry.key in known}

    @staticmethod
    def misspelt(node: MapNode, known: Collection[str]) -> set[str]:
        """The known keys that unknown ones of this map were meant to be."""
        written = {entry.key for entry in node.entries}
        return corrections(written - set(known), set(known) - written)

    def mapping(self, node: Node | None, *, example: str) -> MapNode | None:
        """A map."""
        if node is None or isinstance(node, MapNode):
            return node
        self.note(code.wrong_shape(place(node), expected="a map", actual=describe(node), example=example))
        return None

    def items(self, node: Node | None, *, example: str) -> tuple[Node, ...] | None:
        """The items of a list; a single word gets brackets as its fix."""
        if node is None:
            return None
        if isinstance(node, Sequence):
            return node.items
        fix = None
        if isinstance(node, Scalar) and node.text and is_id(node.text):
            fix = Fix(span=node.span, text=f"[{node.text}]")
        self.note(
            code.wrong_shape(place(node), expected="a list", actual=describe(node), example=example, fix=fix)
        )
        return None

    def scalar(self, node: Node | None, *, example: str) -> Scalar | None:
        """One value of any kind, an expression too."""
        if node is None:
            return None
        if isinstance(node, Scalar) and (node.text.strip() or not node.plain):
            return node
        self.note(code.wrong_shape(place(node), expected="text", actual=describe(node), example=example))
        return None

    def fixed(self, node: Node | None, *, name: str, example: str) -> Scalar | None:
        """One value that is not an expression."""
        scalar = self.scalar(node, example=example)
        if scalar is not None and "${{" in scalar.text:
            self.note(references.must_be_fixed(place(scalar), word=f"`{name}`"))
            return None
        return scalar

    def text(self, node: Node | None, *, name: str, example: str) -> str | None:
        """Fixed words."""
        scalar = self.fixed(node, name=name, example=example)
        return None if scalar is None else scalar.text.strip()

    def id(self, node: Node | None, *, of: str) -> Word | None:
        """A kebab-case name."""
        scalar = self.fixed(node, name="id", example="id: first-letter")
        return None if scalar is None else self.named(scalar.text, scalar.span, of=of)

    def named(self, text: str, span: Span, *, of: str) -> Word | None:
        """A word that has to be a kebab-case name."""
        if is_id(text):
            return Word(text=text, span=span)
        self.note(code.bad_id(span, name=text, kind=of, slug=slug(text)))
        return None

    def option(
        self, node: Node | None, options: type[_E], *, name: str, unbuilt: frozenset[_E] = frozenset()
    ) -> _E | None:
        """One of a closed set of words. `unbuilt` are those whose meaning nothing carries out yet: they are refused as such."""
        scalar = self.fixed(node, name=name, example=f"{name}: {next(iter(options)).value}")
        if scalar is None:
            return None
        for option in options:
            if option.value == scalar.text and option in unbuilt:
                self.note(code.unbuilt_stage(scalar.span, value=scalar.text))
                return None
            if option.value == scalar.text:
                return option
        known = [option.value for option in options if option not in unbuilt]
        self.note(code.not_one_of(scalar.span, value=scalar.text, options=known))
        return None

    def stage(self, node: Node | None) -> Stage | None:
        """How far a file or a step may go."""
        return self.option(node, Stage, name="stage", unbuilt=frozenset({Stage.CANARY}))

    def boolean(self, node: Node | None, *, name: str) -> bool | None:
        """`true` or `false`."""
        scalar = self.fixed(node, name=name, example=f"{name}: true")
        if scalar is None:
            return None
        truth = scalars.boolean(scalar.text)
        if truth is None or not scalar.plain:
            self.note(code.not_one_of(scalar.span, value=scalar.text, options=("true", "false")))
            return None
        return truth

    def length(self, node: Node | None, *, name: str, of: str = "") -> timedelta | None:
        """A duration like `5m`, within the range of its key; `of` is the parent key when the range depends on it."""
        scalar = self.fixed(node, name=name, example=f"{name}: 5m")
        if scalar is None:
            return None
        key = f"{of}.{name}" if of else name
        shortest, longest = RANGES[key]
        span = durations.parse(scalar.text)
        if span is not None and shortest <= span <= longest:
            return span
        expected = "a length" if span is None else ranges.words(key)
        example = f"{name}: {durations.exact(min(longest, timedelta(minutes=5)))}"
        self.note(code.bad_number(scalar.span, value=scalar.text, expected=expected, example=example))
        return None

    def number(
        self, node: Node | None, *, name: str, minimum: float, maximum: float, whole: bool = False
    ) -> float | None:
        """A number within its range."""
        scalar = self.fixed(node, name=name, example=f"{name}: {minimum:g}")
        if scalar is None:
            return None
        value = scalars.integer(scalar.text) if whole else scalars.number(scalar.text)
        if value is not None and scalar.plain and minimum <= value <= maximum:
            return value
        kind = "a whole number" if whole else "a number"
        self.note(
            code.bad_number(
                scalar.span,
                value=scalar.text,
                expected=f"{kind} from {minimum:g} to {maximum:g}",
                example=f"{name}: {minimum:g}",
            )
        )
        return None

    def words(self, node: Node | None, *, of: str, example: str) -> tuple[Word, ...] | None:
        """A list of names; the ones that can't be names are left out."""
        items: Iterable[Node] | None = self.items(node, example=example)
        if items is None:
            return None
        names = [self.fixed(child, name=of, example=example) for child in items]
        return tuple(Word(text=name.text, span=name.span) for name in names if name is not None)
