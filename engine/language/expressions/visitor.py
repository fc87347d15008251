"""A walk over one expression: paths to what they name, reads, open lists, diagnostics. The parts of the tree are walked elsewhere."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from engine.language.diagnostics.codes import references as code
from engine.language.expressions import parser as s
from engine.language.expressions.paths import PathMatch, PathStep, follow, no_field
from engine.language.expressions.typed_expr import WRONG, Typed, named, quoted, spell, written_amount
from engine.language.text.identifiers import lowered, variable
from engine.language.types.assignability import of_field
from engine.language.types.conversions import like, way
from engine.language.types.scope import TypeScope
from engine.language.types.type_syntax import certain, empty_value
from engine.model.definitions.diagnostics import Diagnostic, Fix, Span
from engine.model.definitions.plan import Read
from engine.model.definitions.types import ANY, MONEY, Type

_T = TypeVar("_T")


class Walk(ABC):
    """What a walk knows: its scope, what it reads, what is wrong; `whole` are paths of which more than a count or a yes is left."""

    def __init__(self, text: str, scope: TypeScope, span: Callable[[int, int], Span], *, in_if: bool) -> None:
        self.text = text
        self.scope = scope
        self.span = span
        self.in_if = in_if
        self.diagnostics: list[Diagnostic] = []
        self.reads: dict[str, Read] = {}
        self.whole: set[str] = set()
        self._counting = 0
        self.handles_failure = False
        self._loops: list[tuple[str, Typed]] = []
        self._soft = False
        self._there: list[frozenset[str]] = []

    def note(self, diagnostic: Diagnostic) -> Typed:
        """Keep a diagnostic; the part counts as anything from here on."""
        self.diagnostics.append(diagnostic)
        return WRONG

    def at(self, node: s.Tree) -> Span:
        """The place of a part."""
        return self.span(node.start, node.end)

    def piece(self, node: s.Tree) -> str:
        """The characters of a part."""
        return self.text[node.start : node.end]

    @abstractmethod
    def infer(self, node: s.Tree) -> Typed:
        """The type and text of a part."""

    def certainly(self, node: s.Tree) -> Typed:
        """As `infer`, refusing a value that may be missing."""
        typed = self.infer(node)
        if not typed.type.nullable:
            return typed
        self.note(
            code.may_be_missing(self.at(node), path=self.piece(node), fix=self.defaulted(node, typed.type))
        )
        return replace(typed, type=certain(typed.type))

    def defaulted(self, node: s.Tree, type_: Type) -> Fix | None:
        """`default(path, …)` round a path, where its type has a word for nothing."""
        empty = empty_value(type_)
        if empty is None or not isinstance(node, s.Member):
            return None
        fallback = "''" if empty == "" else str(empty).lower()
        return Fix(span=self.at(node), text=f"default({self.piece(node)}, {fallback})")

    def path(self, node: s.Name | s.Member) -> Typed:
        names: list[PathStep] = []
        inner: s.Tree = node
        while isinstance(inner, s.Member):
            names.append(PathStep(name=inner.name, start=inner.at, end=inner.end))
            inner = inner.of
        names.reverse()
        if not isinstance(inner, s.Name):
            return self.below(self.certainly(inner), names, inner)
        loop = next((typed for name, typed in reversed(self._loops) if name == inner.name), None)
        if loop is not None:
            return self.below(replace(loop, cel=lowered(inner.name)), names, inner)
        match = follow(self.scope, inner, names, self.span)
        if isinstance(match, Diagnostic):
            return self.note(match)
        return self.below(self.read(match), names[match.used :], node)

    def seen_there(self, node: s.Name | s.Member, typed: Typed) -> Typed:
        """A part without its null where a test around it has shown that it is there."""
        path = self.piece(node)
        if typed.type.nullable and any(path in shown for shown in self._there):
            return replace(typed, type=certain(typed.type))
        return typed

    def where_there(self, shown: frozenset[str], node: s.Tree) -> Typed:
        """A part that is only evaluated when these paths have a value."""
        self._there.append(shown)
        try:
            return self.infer(node)
        finally:
            self._there.pop()

    def read(self, match: PathMatch) -> Typed:
        """Note that a path is read."""
        name = variable(match.path)
        previous = self.reads.get(name)
        if not self._counting:
            self.whole.add(match.path)
        # One strict reading is enough for a skipped step to skip the reader.
        soft = self._soft and (previous is None or previous.through_default)
        self.reads[name] = Read(path=match.path, variable=name, type=match.type, through_default=soft)
        return Typed(type=match.type, cel=name, flows={name: not match.type.closed})

    def below(self, of: Typed, names: list[PathStep], node: s.Tree) -> Typed:
        for place in names:
            if of.type.nullable:
                self.note(code.may_be_missing(self.at(node), path=self.piece(node), fix=None))
                return WRONG
            if of.type.kind == "any":
                of = Typed(type=ANY, cel=f"{of.cel}[{quoted(place.name)}]", flows=of.flows)
                continue
            member = of.type.field(place.name)
            if member is None:
                owner = self.text[node.start : place.start - 1] or str(of.type)
                return self.note(no_field(place, owner, of.type, self.span))
            type_ = of_field(member)
            flows = of.flows if not type_.closed else dict.fromkeys(of.flows, False)
            of = Typed(type=type_, cel=f"{of.cel}[{quoted(place.name)}]", flows=flows)
        return of

    def boolean(self, node: s.Tree, *, there: frozenset[str] = frozenset()) -> Typed:
        """A part that has to be a bool. `there` are paths known to have a value."""
        self._there.append(there)
        try:
            typed = self.certainly(node)
        finally:
            self._there.pop()
        if typed.type.kind in {"bool", "any"}:
            return typed
        undeclared, hint = self.scope.open_field(self.piece(node), "bool"), "compare it with something"
        return self.note(
            undeclared or code.wrong_type(self.at(node), expected="bool", actual=str(typed.type), hint=hint)
        )

    def fitted(self, part: Typed, type_: Type) -> str:
        """The text of a part where `type_` is wanted: numbers lifted, amounts read, times written out."""
        if type_.kind == "text" and part.type.kind == "time":
            return self.spoken(part)
        if type_.kind == "number" and part.type.kind == "integer":
            return part.number()
        if type_.kind == "money" and (amount := written_amount(part)) is not None:
            return amount
        return part.cel

    def spoken(self, part: Typed) -> str:
        """The text of a time in words: for people, on the clock of the workspace."""
        return f"local({part.cel}, zone_)" if self.scope.for_people else part.cel

    def loop(self, name: str, items: Typed, body: Callable[[], Typed]) -> Typed:
        """The type of a body in which `name` is each entry of a list."""
        self._loops.append((name, Typed(type=items.type.items or ANY, cel=lowered(name), flows=items.flows)))
        try:
            return body()
        finally:
            self._loops.pop()

    @property
    def loops(self) -> int:
        """How many comprehensions are open here."""
        return len(self._loops)

    def is_loop(self, name: str) -> bool:
        """Whether a comprehension has taken this name."""
        return any(loop_name == name for loop_name, _ in self._loops)

    def counted(self, part: Callable[[], _T]) -> _T:
        """A part of which only a count, a sum or a yes or no goes on."""
        self._counting += 1
        try:
            return part()
        finally:
            self._counting -= 1

    def softly(self, node: s.Tree) -> Typed:
        """A path read so that a missing value doesn't skip the reader."""
        self._soft = True
        try:
            return self.infer(node)
        finally:
            self._soft = False

    def amount(self, node: s.Tree, part: Typed) -> str | None:
        """The text of an amount, or None after a diagnostic."""
        if part.type.kind in {"money", "any"} or spell(part.type, MONEY):
            return part.cel
        if (amount := written_amount(part)) is not None:
            return amount
        self.misfit(node, part, "money", MONEY)
        return None

    def misfit(self, node: s.Tree, part: Typed, expected: str, type_: Type) -> Typed:
        """A part that is of another type than wanted; how one of it is made, where something does that."""
        if (undeclared := self.scope.open_field(self.piece(node), str(type_))) is not None:
            return self.note(undeclared)
        out = way(part.type, type_, self.piece(node), self.scope)
        fix = Fix(span=self.at(node), text=out.instead) if out.instead is not None else None
        spelt = isinstance(part.tree, s.Literal_) and fix is None
        hint = (like(type_) if spelt else "") or out.hint
        return self.note(
            code.wrong_type(self.at(node), expected=expected, actual=named(part), hint=hint, fix=fix)
        )

    def money(self, node: s.Tree) -> Typed | None:
        """An argument that has to be an amount."""
        part = self.certainly(node)
        cel = self.amount(node, part)
        return None if cel is None else replace(part, type=MONEY, cel=cel)
