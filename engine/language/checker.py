"""Types an expression against its scope and lowers it to CEL. Our own pass, because CEL knows neither money nor the fields of rows.

What comes out is checked once more by CEL's typed compiler (`engine.language.expressions`), which then evaluates it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from engine.language import syntax as s
from engine.language import written
from engine.language.assign import TEXTUAL, of_field, unify
from engine.language.codes import references as code
from engine.language.codes import shape
from engine.language.functions import ELSEWHERE, FUNCTIONS, LATER
from engine.language.names import lowered, variable
from engine.language.paths import Found, Place, follow, no_field
from engine.language.scope import Scope
from engine.language.typeexpr import certain, empty_value
from engine.model.plan import Read
from engine.model.span import Diagnostic, Fix, Span
from engine.model.types import ANY, BOOL, INTEGER, MONEY, NUMBER, TEXT, Type, listing

_NUMERIC = frozenset({"number", "integer"})
_ORDERED = frozenset({"number", "integer", "text", "date", "time"})
MOST_LOOPS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A part of an expression: its type, its CEL text, and which variables' data its value carries.

    `flows` maps a variable to whether it travels openly: False once only a closed type (a bool, a number) of it is left.
    """

    type: Type
    cel: str
    flows: Mapping[str, bool] = field(default_factory=dict)
    tree: s.Tree | None = None

    def number(self) -> str:
        """The CEL text as a double: a literal without a point is a number wherever a number is wanted."""
        if self.type.kind == "number":
            return self.cel
        if isinstance(self.tree, s.Literal_) and self.tree.kind == "integer":
            return f"{float(self.tree.value or 0)!r}"
        return f"double({self.cel})"


_WRONG = Typed(type=ANY, cel="null")
"""Stands for a part that has its diagnostic already, so that it brings no second one."""


def _joined(*parts: Typed) -> dict[str, bool]:
    found: dict[str, bool] = {}
    for part in parts:
        for name, openly in part.flows.items():
            found[name] = found.get(name, False) or openly
    return found


def _closed(*parts: Typed) -> dict[str, bool]:
    return dict.fromkeys(_joined(*parts), False)


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
        self.uses_step = False
        self._loops: list[tuple[str, Typed]] = []
        self._soft = False

    # ------------------------------------------------------------ what goes wrong

    def note(self, diagnostic: Diagnostic) -> Typed:
        """Keep a diagnostic; the part counts as anything from here on."""
        self.diagnostics.append(diagnostic)
        return _WRONG

    def at(self, node: s.Tree) -> Span:
        """The place of a part."""
        return self.span(node.start, node.end)

    def piece(self, node: s.Tree) -> str:
        """The characters of a part."""
        return self.text[node.start : node.end]

    # ------------------------------------------------------------ the walk

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
                return self._binary(node)
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
        return self._below(self._read(found), names[found.used :], node)

    def _read(self, found: Found) -> Typed:
        name = variable(found.path)
        before = self.reads.get(name)
        # One strict reading is enough for a skipped step to skip the reader.
        soft = self._soft and (before is None or before.through_default)
        self.reads[name] = Read(path=found.path, variable=name, type=found.type, through_default=soft)
        self.uses_step = self.uses_step or found.path.startswith("steps.")
        return Typed(type=found.type, cel=name, flows={name: not found.type.closed})

    def _below(self, of: Typed, names: list[Place], node: s.Tree) -> Typed:
        for place in names:
            if of.type.nullable:
                self.note(code.may_be_missing(self.at(node), path=self.piece(node), fix=None))
                return _WRONG
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
        flows = _joined(of)
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
        fits = of.type.kind in ({"bool", "any"} if node.op == "!" else {*_NUMERIC, "any"})
        if not fits:
            return self.note(code.wrong_type(self.at(node.of), wanted=wanted, got=str(of.type)))
        type_ = BOOL if node.op == "!" else of.type
        return Typed(type=type_, cel=f"{node.op}({of.cel})", flows=_closed(of))

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
            flows=_joined(yes, no),
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
        if type_.kind == "money" and (amount := self._amount(part)) is not None:
            return amount
        return part.cel

    def _amount(self, part: Typed) -> str | None:
        if not isinstance(part.tree, s.Literal_) or part.tree.kind != "text":
            return None
        good, value = written.of_type(str(part.tree.value), MONEY, plain=False)
        if not good:
            return None
        return f"{{'minor': {value['minor']}, 'currency': {quoted(value['currency'])}}}"

    def _list(self, node: s.ListOf) -> Typed:
        parts = [self.infer(one) for one in node.items]
        type_: Type | None = parts[0].type if parts else ANY
        for one in parts[1:]:
            type_ = None if type_ is None else unify(type_, one.type)
        items = type_ or ANY
        cel = ", ".join(f"dyn({self.fitted(one, items)})" for one in parts)
        return Typed(type=listing(items), cel=f"[{cel}]", flows=_joined(*parts))

    def _map(self, node: s.MapOf) -> Typed:
        from engine.model.types import Field

        parts = [(name, self.infer(one)) for name, one in node.entries]
        fields = tuple(Field(name=name, type=part.type) for name, part in parts)
        cel = ", ".join(f"{quoted(name)}: dyn({part.cel})" for name, part in parts)
        return Typed(
            type=Type(kind="map", fields=fields),
            cel=f"{{{cel}}}",
            flows=_joined(*(part for _, part in parts)),
        )

    # ------------------------------------------------------------ operators

    def _binary(self, node: s.Binary) -> Typed:
        if node.op in {"&&", "||"}:
            left, right = self.boolean(node.left), self.boolean(node.right)
            return Typed(type=BOOL, cel=f"({left.cel} {node.op} {right.cel})", flows=_closed(left, right))
        if node.op in {"==", "!="}:
            return self._equal(node)
        left, right = self.certainly(node.left), self.certainly(node.right)
        if left is _WRONG or right is _WRONG:
            return _WRONG
        if node.op in {"<", "<=", ">", ">="}:
            return self._ordered(node, left, right)
        if node.op == "in":
            return self._in(node, left, right)
        return self._arithmetic(node, left, right)

    def _equal(self, node: s.Binary) -> Typed:
        left, right = self.infer(node.left), self.infer(node.right)
        if left is _WRONG or right is _WRONG:
            return _WRONG
        flows = _closed(left, right)
        for one, other in ((left, right), (right, left)):
            if isinstance(one.tree, s.Literal_) and one.tree.kind == "text":
                if other.type.kind == "choice" and one.tree.value not in other.type.options:
                    return self._never(one.tree, other.type)
                if other.type.kind == "money":
                    return self._money_equal(node, left, right, flows)
            if (
                isinstance(one.tree, s.Literal_)
                and one.tree.kind == "null"
                and not (other.type.nullable or other.type.kind == "any")
            ):
                return self._refused(
                    node, left, right, "this value is never null; `default` is for what may be missing"
                )
        if {left.type.kind, right.type.kind} <= {"money", "any"} and "money" in {
            left.type.kind,
            right.type.kind,
        }:
            if isinstance(left.tree, s.Literal_) or isinstance(right.tree, s.Literal_):
                return Typed(type=BOOL, cel=f"(dyn({left.cel}) {node.op} dyn({right.cel}))", flows=flows)
            return self._money_equal(node, left, right, flows)
        if unify(left.type, right.type) is None:
            return self._refused(node, left, right, "only values of one type can be equal")
        a, b = left.cel, right.cel
        if {left.type.kind, right.type.kind} == _NUMERIC:
            a, b = left.number(), right.number()
        if not plainly(left.type, right.type):
            a, b = f"dyn({a})", f"dyn({b})"
        return Typed(type=BOOL, cel=f"({a} {node.op} {b})", flows=flows)

    def _money_equal(self, node: s.Binary, left: Typed, right: Typed, flows: dict[str, bool]) -> Typed:
        parts = [self._money(one, part) for one, part in ((node.left, left), (node.right, right))]
        if None in parts:
            return _WRONG
        cel = f"same({parts[0]}, {parts[1]})"
        return Typed(type=BOOL, cel=cel if node.op == "==" else f"!{cel}", flows=flows)

    def _never(self, literal: s.Literal_, type_: Type) -> Typed:
        from engine.language.near import nearest

        best = nearest(str(literal.value), type_.options)
        quote = self.text[literal.start]
        fix = Fix(span=self.at(literal), text=f"{quote}{best}{quote}") if best else None
        return self.note(
            code.no_such_option(self.at(literal), value=str(literal.value), options=type_.options, fix=fix)
        )

    def _refused(self, node: s.Binary, left: Typed, right: Typed, hint: str, fix: Fix | None = None) -> Typed:
        span = self.span(node.at, node.at + len(node.op))
        return self.note(
            code.wrong_operands(span, op=node.op, left=named(left), right=named(right), hint=hint, fix=fix)
        )

    def _ordered(self, node: s.Binary, left: Typed, right: Typed) -> Typed:
        kinds = {left.type.kind, right.type.kind}
        flows = _closed(left, right)
        if "money" in kinds:
            word = "above" if node.op in {">", ">="} else "below"
            fix = None
            if node.op in {">", "<"} and (right.type.kind == "money" or self._amount(right) is not None):
                fix = Fix(
                    span=self.at(node), text=f"{word}({self.piece(node.left)}, {self.piece(node.right)})"
                )
            return self._refused(node, left, right, f"amounts are compared with `{word}(a, b)`", fix)
        if kinds <= _NUMERIC:
            a, b = (left.cel, right.cel) if kinds == {"integer"} else (left.number(), right.number())
            return Typed(type=BOOL, cel=f"({a} {node.op} {b})", flows=flows)
        comparable = kinds <= {*_ORDERED, "any"} and (
            len(kinds) == 1 or "any" in kinds or kinds <= {"date", "text"} | {"time"}
        )
        if not comparable or (kinds == {"date", "time"}):
            hint = (
                "`day(…)` makes a date of a time"
                if kinds == {"date", "time"}
                else "only numbers, dates, times and texts have an order"
            )
            return self._refused(node, left, right, hint)
        a, b = (
            (left.cel, right.cel)
            if plainly(left.type, right.type)
            else (f"dyn({left.cel})", f"dyn({right.cel})")
        )
        return Typed(type=BOOL, cel=f"({a} {node.op} {b})", flows=flows)

    def _in(self, node: s.Binary, left: Typed, right: Typed) -> Typed:
        if right.type.kind not in {"list", "any"}:
            return self._refused(
                node, left, right, "`in` looks in a list; `text.contains(…)` looks in a text"
            )
        if isinstance(node.right, s.ListOf) and left.type.kind == "choice":
            for one in node.right.items:
                if isinstance(one, s.Literal_) and one.kind == "text" and one.value not in left.type.options:
                    return self._never(one, left.type)
        if right.type.items is not None and unify(left.type, right.type.items) is None:
            return self._refused(node, left, right, "the list holds values of another type")
        return Typed(type=BOOL, cel=f"(dyn({left.cel}) in {right.cel})", flows=_closed(left, right))

    def _arithmetic(self, node: s.Binary, left: Typed, right: Typed) -> Typed:
        kinds = {left.type.kind, right.type.kind}
        flows = _joined(left, right)
        if "money" in kinds:
            word = {"+": "plus", "-": "minus", "*": "times"}.get(node.op, "times")
            fits = (
                kinds == {"money"}
                if node.op in {"+", "-"}
                else left.type.kind == "money" and kinds & _NUMERIC and node.op == "*"
            )
            fix = (
                Fix(span=self.at(node), text=f"{word}({self.piece(node.left)}, {self.piece(node.right)})")
                if fits
                else None
            )
            return self._refused(node, left, right, f"amounts are computed with `{word}(…)`", fix)
        if kinds <= _NUMERIC:
            whole = kinds == {"integer"} and node.op != "/"
            if node.op == "%" and not whole:
                return self._refused(node, left, right, "`%` is for integers")
            a, b = (left.cel, right.cel) if whole else (left.number(), right.number())
            return Typed(
                type=INTEGER if whole else NUMBER,
                cel=f"({a} {node.op} {b})",
                flows=dict.fromkeys(flows, False),
            )
        if kinds <= {*_NUMERIC, "any"} and kinds & _NUMERIC:
            return Typed(
                type=NUMBER, cel=f"({self._double(left)} {node.op} {self._double(right)})", flows=flows
            )
        if node.op == "+":
            return self._added(node, left, right, flows)
        if kinds == {"any"}:
            return Typed(type=ANY, cel=f"({left.cel} {node.op} {right.cel})", flows=flows)
        return self._refused(node, left, right, f"`{node.op}` is for numbers")

    def _double(self, part: Typed) -> str:
        return f"double({part.cel})" if part.type.kind == "any" else part.number()

    def _added(self, node: s.Binary, left: Typed, right: Typed, flows: dict[str, bool]) -> Typed:
        kinds = {left.type.kind, right.type.kind}
        if kinds <= {*TEXTUAL, "any"}:
            type_ = ANY if kinds == {"any"} else TEXT
            return Typed(type=type_, cel=f"({left.cel} + {right.cel})", flows=flows)
        lists = unify(left.type, right.type) if kinds == {"list"} else None
        if lists is not None:
            return Typed(type=lists, cel=f"(dyn({left.cel}) + dyn({right.cel}))", flows=flows)
        if kinds & TEXTUAL and kinds & {*_NUMERIC, "bool"}:
            other = node.left if right.type.kind in TEXTUAL else node.right
            fix = Fix(span=self.at(other), text=f"text({self.piece(other)})")
            return self._refused(node, left, right, "`text(…)` makes text of a number", fix)
        return self._refused(node, left, right, "`+` is for numbers, texts and lists")

    # ------------------------------------------------------------ functions

    def _call(self, node: s.Call) -> Typed:
        from engine.language import calls

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

    def _money(self, node: s.Tree, part: Typed) -> str | None:
        """The CEL text of an amount, or None after a diagnostic."""
        if part.type.kind in {"money", "any"}:
            return part.cel
        if (amount := self._amount(part)) is not None:
            return amount
        hint = "write an amount like '49.00 EUR'" if part.type.kind == "text" else ""
        self.note(code.wrong_type(self.at(node), wanted="money", got=named(part), hint=hint))
        return None

    def money(self, node: s.Tree) -> Typed | None:
        """An argument that has to be an amount."""
        part = self.certainly(node)
        cel = self._money(node, part)
        return None if cel is None else replace(part, type=MONEY, cel=cel)


_SCALARS = frozenset({*TEXTUAL, "number", "integer", "bool"})


def plainly(a: Type, b: Type) -> bool:
    """Whether CEL's own checker can compare these: scalars that are never null. All else is compared as `dyn`."""
    return not (a.nullable or b.nullable) and a.kind in _SCALARS and b.kind in _SCALARS


def either(cel: str, type_: Type) -> str:
    """One of two answers, which CEL wants to be of one type."""
    return cel if plainly(type_, type_) else f"dyn({cel})"


def named(part: Typed) -> str:
    """A part in a message: a literal as written, else its type."""
    if isinstance(part.tree, s.Literal_):
        return f"`{part.tree.value}`" if part.tree.kind != "null" else "`null`"
    return str(part.type)


def quoted(text: str) -> str:
    """A text as a CEL literal."""
    found = (
        text.replace("\\", "\\\\")
        .replace("'", "\\'")
        .replace("\n", "\\n")
        .replace("\r", "\\r")
        .replace("\t", "\\t")
    )
    return "'" + "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in found) + "'"
