"""Types an expression against its scope and lowers it to CEL. Our own pass, because CEL knows neither money nor the fields of rows.

What comes out is checked once more by CEL's typed compiler (`engine.language.expressions`), which then evaluates it.
"""

from collections.abc import Callable
from dataclasses import replace

from engine.language import calls, operators
from engine.language import syntax as s
from engine.language.assign import of_field, unify
from engine.language.codes import references as code
from engine.language.codes import shape
from engine.language.functions import ELSEWHERE, FUNCTIONS, LATER
from engine.language.names import lowered, variable
from engine.language.paths import Found, Place, follow, no_field
from engine.language.scope import Scope
from engine.language.typed import WRONG, Typed, closed, either, joined, named, quoted, written_amount
from engine.language.typeexpr import certain, empty_value
from engine.model.plan import Read
from engine.model.span import Diagnostic, Fix, Span
from engine.model.types import ANY, BOOL, INTEGER, MONEY, NUMBER, TEXT, Field, Type, listing

__all__ = ["Checker", "Typed"]


class Checker:
    """Walks one expression. Everything wrong with it is in `diagnostics` afterwards."""

    def __init__(self, text: str, scope: Scope, span: Callable[[int, int], Span], *, in_if: bool) -> None:
        self.text = text
        self.scope = scope
        self.span = span
        self.in_if = in_if
        self.diagnostics: list[Diagnostic] = []
        self.reads: dict[str, Read] = {}
        self.handles_failure = False
        self._loops: list[tuple[str, Typed]] = []
        self._soft = False

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

    def infer(self, node: s.Tree) -> Typed:
        """The type and CEL text of a part."""
        match node:
            case s.Literal_():
                return self._literal(node)
            case s.Name() | s.Member():
                return self._path(node)
            case s.Index():
                return self._index(node)
            case s.Call():
                return self._call(node)
            case s.Unary():
                return self._unary(node)
            case s.Binary():
                return operators.binary(self, node)
            case s.Choice():
                return self._choice(node)
            case s.ListOf():
                return self._list(node)
            case s.MapOf():
                return self._map(node)

    def certainly(self, node: s.Tree) -> Typed:
        """As `infer`, refusing a value that may be missing."""
        found = self.infer(node)
        if not found.type.nullable:
            return found
        self.note(
            code.may_be_missing(self.at(node), path=self.piece(node), fix=self.defaulted(node, found.type))
        )
        return replace(found, type=certain(found.type))

    def defaulted(self, node: s.Tree, type_: Type) -> Fix | None:
        """`default(path, …)` round a path, where its type has a word for nothing."""
        empty = empty_value(type_)
        if empty is None or not isinstance(node, s.Member):
            return None
        other = "''" if empty == "" else str(empty).lower()
        return Fix(span=self.at(node), text=f"default({self.piece(node)}, {other})")

    def _literal(self, node: s.Literal_) -> Typed:
        match node.kind:
            case "text":
                return Typed(type=TEXT, cel=quoted(str(node.value)), tree=node)
            case "integer":
                return Typed(type=INTEGER, cel=str(node.value), tree=node)
            case "number":
                return Typed(type=NUMBER, cel=f"{float(node.value or 0)!r}", tree=node)
            case "bool":
                return Typed(type=BOOL, cel="true" if node.value else "false", tree=node)
            case "null":
                return Typed(type=replace(ANY, nullable=True), cel="null", tree=node)

    def _path(self, node: s.Name | s.Member) -> Typed:
        names: list[Place] = []
        inner: s.Tree = node
        while isinstance(inner, s.Member):
            names.append(Place(name=inner.name, start=inner.at, end=inner.end))
            inner = inner.of
        names.reverse()
        if not isinstance(inner, s.Name):
            return self._below(self.certainly(inner), names, inner)
        loop = next((typed for name, typed in reversed(self._loops) if name == inner.name), None)
        if loop is not None:
            return self._below(replace(loop, cel=lowered(inner.name)), names, inner)
        found = follow(self.scope, inner, names, self.span)
        if isinstance(found, Diagnostic):
            return self.note(found)
        return self._below(self.read(found), names[found.used :], node)

    def read(self, found: Found) -> Typed:
        """Note that a path is read."""
        name = variable(found.path)
        before = self.reads.get(name)
        # One strict reading is enough for a skipped step to skip the reader.
        soft = self._soft and (before is None or before.through_default)
        self.reads[name] = Read(path=found.path, variable=name, type=found.type, through_default=soft)
        return Typed(type=found.type, cel=name, flows={name: not found.type.closed})

    def _below(self, of: Typed, names: list[Place], node: s.Tree) -> Typed:
        for place in names:
            if of.type.nullable:
                self.note(code.may_be_missing(self.at(node), path=self.piece(node), fix=None))
                return WRONG
            if of.type.kind == "any":
                of = Typed(type=ANY, cel=f"{of.cel}[{quoted(place.name)}]", flows=of.flows)
                continue
            member = of.type.field(place.name)
            if member is None:
                what = self.text[node.start : place.start - 1] or str(of.type)
                return self.note(no_field(place, what, of.type, self.span))
            type_ = of_field(member)
            flows = of.flows if not type_.closed else dict.fromkeys(of.flows, False)
            of = Typed(type=type_, cel=f"{of.cel}[{quoted(place.name)}]", flows=flows)
        return of

    def _index(self, node: s.Index) -> Typed:
        of, key = self.certainly(node.of), self.certainly(node.key)
        flows = joined(of)
        if of.type.kind == "list" and key.type.kind in {"integer", "any"}:
            return Typed(type=of.type.items or ANY, cel=f"{of.cel}[{key.cel}]", flows=flows)
        if of.type.kind == "any":
            return Typed(type=ANY, cel=f"{of.cel}[{key.cel}]", flows=flows)
        if isinstance(node.key, s.Literal_) and node.key.kind == "text":
            place = Place(name=str(node.key.value), start=node.key.start, end=node.key.end)
            return self._below(of, [place], node.of)
        return self.note(
            code.wrong_operands(
                self.at(node),
                op="[ ]",
                left=str(of.type),
                right=str(key.type),
                hint="lists are read as `list[0]`, fields as `.name`",
            )
        )

    def _unary(self, node: s.Unary) -> Typed:
        of = self.certainly(node.of)
        wanted = "bool" if node.op == "!" else "number"
        fits = of.type.kind in ({"bool", "any"} if node.op == "!" else {"number", "integer", "any"})
        if not fits:
            return self.note(code.wrong_type(self.at(node.of), wanted=wanted, got=str(of.type)))
        type_ = BOOL if node.op == "!" else of.type
        return Typed(type=type_, cel=f"{node.op}({of.cel})", flows=closed(of))

    def _choice(self, node: s.Choice) -> Typed:
        test = self.boolean(node.test)
        yes, no = self.infer(node.yes), self.infer(node.no)
        type_ = unify(yes.type, no.type)
        if type_ is None:
            return self.note(
                code.wrong_operands(
                    self.at(node),
                    op="? :",
                    left=str(yes.type),
                    right=str(no.type),
                    hint="both answers have to be of one type",
                )
            )
        # The test chooses among values; nothing of it is in them.
        left, right = self.fitted(yes, type_), self.fitted(no, type_)
        return Typed(
            type=type_,
            cel=f"({test.cel} ? {either(left, yes.type)} : {either(right, no.type)})",
            flows=joined(yes, no),
        )

    def boolean(self, node: s.Tree) -> Typed:
        """A part that has to be a bool."""
        found = self.certainly(node)
        if found.type.kind in {"bool", "any"}:
            return found
        return self.note(
            code.wrong_type(
                self.at(node), wanted="bool", got=str(found.type), hint="compare it with something"
            )
        )

    def fitted(self, part: Typed, type_: Type) -> str:
        """The CEL text of a part where `type_` is wanted: numbers lifted, amounts read."""
        if type_.kind == "number" and part.type.kind == "integer":
            return part.number()
        if type_.kind == "money" and (amount := written_amount(part)) is not None:
            return amount
        return part.cel

    def _list(self, node: s.ListOf) -> Typed:
        parts = [self.infer(one) for one in node.items]
        type_: Type | None = parts[0].type if parts else ANY
        for one in parts[1:]:
            type_ = None if type_ is None else unify(type_, one.type)
        items = type_ or ANY
        cel = ", ".join(f"dyn({self.fitted(one, items)})" for one in parts)
        return Typed(type=listing(items), cel=f"[{cel}]", flows=joined(*parts))

    def _map(self, node: s.MapOf) -> Typed:
        parts = [(name, self.infer(one)) for name, one in node.entries]
        fields = tuple(Field(name=name, type=part.type) for name, part in parts)
        cel = ", ".join(f"{quoted(name)}: dyn({part.cel})" for name, part in parts)
        return Typed(
            type=Type(kind="map", fields=fields),
            cel=f"{{{cel}}}",
            flows=joined(*(part for _, part in parts)),
        )

    def _call(self, node: s.Call) -> Typed:
        known = FUNCTIONS.get(node.name)
        span = self.span(node.at, node.at + len(node.name))
        if known is None:
            if node.name in LATER:
                return self.note(
                    shape.not_yet(span, what=LATER[node.name], way_out="compute it in a step before")
                )
            same = [name for name, one in FUNCTIONS.items() if one.method == (node.of is not None)]
            return self.note(
                code.unknown_function(span, name=node.name, known=same, meant_=ELSEWHERE.get(node.name))
            )
        return calls.call(self, node, known, span)

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
        return any(one == name for one, _ in self._loops)

    def softly(self, node: s.Tree) -> Typed:
        """A path read so that a missing value doesn't skip the reader."""
        self._soft = True
        try:
            return self.infer(node)
        finally:
            self._soft = False

    def amount(self, node: s.Tree, part: Typed) -> str | None:
        """The CEL text of an amount, or None after a diagnostic."""
        if part.type.kind in {"money", "any"}:
            return part.cel
        if (amount := written_amount(part)) is not None:
            return amount
        hint = "write an amount like '49.00 EUR'" if part.type.kind == "text" else ""
        self.note(code.wrong_type(self.at(node), wanted="money", got=named(part), hint=hint))
        return None

    def money(self, node: s.Tree) -> Typed | None:
        """An argument that has to be an amount."""
        part = self.certainly(node)
        cel = self.amount(node, part)
        return None if cel is None else replace(part, type=MONEY, cel=cel)
