"""Calls in expressions: arguments against the one table of functions, and their text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from engine.language.diagnostics.codes import references as code
from engine.language.expressions import dates
from engine.language.expressions import parser as s
from engine.language.expressions.functions import Function
from engine.language.expressions.paths import PathMatch
from engine.language.expressions.typed_expr import WRONG, Typed, closed, joined, named, quoted, spell
from engine.language.expressions.visitor import Walk
from engine.language.text import scalars
from engine.language.text.identifiers import lowered
from engine.language.types.assignability import TEXTUAL, assignable, unify
from engine.language.types.scope import ROOTS
from engine.language.types.type_syntax import certain, nullable
from engine.model.definitions.diagnostics import Fix, Span
from engine.model.definitions.types import (
    ANY,
    BOOL,
    DATE,
    INTEGER,
    LENGTH,
    MONEY,
    NUMBER,
    TEXT,
    TIME,
    Field,
    Kind,
    Type,
    listing,
)

MAX_LOOPS = 2
_LISTS = ("map", "filter", "exists", "all")
_COUNTING = frozenset({"sum", "size", "exists", "all"})
_PLAIN: dict[str, Type] = {
    "money": MONEY, "bool": BOOL, "text": TEXT, "number": NUMBER, "[text]": listing(TEXT),
}  # fmt: skip
_SPELLED = frozenset({"length", "date", "time", "url", "email"})
_CONTAINERS = frozenset({"map", "person", "file", "note", "list"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One call: who checks it, what is called with what, and where its name stands."""

    checker: Walk
    node: s.CallExpr
    function: Function
    args: tuple[s.Tree, ...]
    span: Span

    def wrong(self, problem: str, fix: Fix | None = None) -> Typed:
        """Refused, with the signature as the hint."""
        name = self.node.name
        return self.checker.note(
            code.wrong_call(
                self.span, name=name, signature=self.function.signature(name), problem=problem, fix=fix
            )
        )

    def typed(self, index: int, wanted: str, kinds: frozenset[Kind]) -> Typed | None:
        """An argument, which has to be of one of these kinds or of any."""
        part = self.checker.certainly(self.args[index])
        if part.type.kind in kinds or part.type.kind == "any":
            return part
        node = self.args[index]
        others = sorted(kinds - {"list"}, key=lambda kind: (wanted != f"a {kind}", kind))
        type_ = Type(kind=others[0]) if others else listing(ANY)
        self.checker.misfit(node, part, wanted, type_)
        return None

    def length(self, arg: s.Tree) -> Typed | None:
        """An argument that is a length: written, or of that type."""
        part = self.checker.certainly(arg)
        literal = part.tree
        known = isinstance(literal, s.Literal_) and scalars.length(str(literal.value)) is not None
        known = known or spell(part.type, LENGTH)
        if known or part.type.kind in {"length", "any"}:
            return part
        hint = "write a length like '3d'"
        self.checker.note(
            code.wrong_type(self.checker.at(arg), expected="a length", actual=named(part), hint=hint)
        )
        return None


def call(checker: Walk, node: s.CallExpr, function: Function, span: Span) -> Typed:
    """The type and text of a call of a known function."""
    args = (node.of, *node.args) if node.of is not None else node.args
    one = _Call(checker=checker, node=node, function=function, args=args, span=span)
    if function.method != (node.of is not None) and node.name != "size":
        return _other_form(one)
    if function.many and len(args) < len(function.params):
        return one.wrong(f"takes {len(function.params)} or more, not {len(args)}")
    least = len(function.params) - function.optional
    if not function.many and not least <= len(args) <= len(function.params):
        count = len(function.params) - (1 if function.method else 0)
        got = len(args) - (1 if function.method else 0)
        return one.wrong(f"takes {count}, not {got}")
    if not function.special:
        return _plain(one, one.function.params, _PLAIN[one.function.result])
    special = _loop if node.name in _LISTS else _SPECIAL[node.name]
    return checker.counted(lambda: special(one)) if node.name in _COUNTING else special(one)


def _other_form(one: _Call) -> Typed:
    """`contains(a, b)` for `a.contains(b)`, or the other way round."""
    node, piece = one.node, one.checker.piece
    inner = ", ".join(piece(arg) for arg in node.args)
    if one.function.method and node.args:
        rest = ", ".join(piece(arg) for arg in node.args[1:])
        repaired = f"{piece(node.args[0])}.{node.name}({rest})"
    elif not one.function.method and node.of is not None:
        repaired = f"{node.name}({piece(node.of)}{', ' if inner else ''}{inner})"
    else:
        return one.wrong("a value has to stand before the dot")
    return one.wrong(f"write `{repaired}`", Fix(span=one.checker.at(node), text=repaired))


def _plain(one: _Call, params: tuple[str, ...], type_: Type) -> Typed:
    """Arguments of fixed types, in order."""
    parts: list[Typed] = []
    for wanted, arg in zip(params, one.args, strict=True):
        part = one.checker.money(arg) if wanted == "money" else _argument(one.checker, arg, wanted)
        if part is None:
            return WRONG
        lifted = wanted == "number" and part.type.kind != "any"
        parts.append(replace(part, cel=part.number()) if lifted else part)
    name, (first, *others) = one.node.name, [part.cel for part in parts]
    cel = (
        f"{first}.{name}({', '.join(others)})"
        if one.function.method
        else f"{name}({', '.join([first, *others])})"
    )
    return Typed(type=type_, cel=cel, flows=closed(*parts) if type_.closed else joined(*parts))


def _argument(checker: Walk, node: s.Tree, wanted: str) -> Typed | None:
    part = checker.certainly(node)
    kind = part.type.kind
    fits = kind == "any" or {
        "number": kind in {"number", "integer"},
        "integer": kind == "integer",
        "text": kind in TEXTUAL,
        "[text]": assignable(part.type, listing(nullable(TEXT))),
    }.get(wanted, True)
    if fits:
        return part
    checker.misfit(node, part, wanted, {"number": NUMBER, "text": TEXT}.get(wanted) or listing(TEXT))
    return None


def _loop(one: _Call) -> Typed:
    checker, node, args = one.checker, one.node, one.args
    if checker.loops >= MAX_LOOPS:
        return checker.note(code.too_big(one.span, problem=f"lists within lists more than {MAX_LOOPS} deep"))
    items = one.typed(0, "a list", frozenset({"list"}))
    if items is None:
        return WRONG
    name = args[1]
    if not isinstance(name, s.Name) or name.name in ROOTS or checker.is_loop(name.name):
        return one.wrong("the second word names each entry, and has to be a new name")
    wants_bool = node.name != "map"
    body = checker.loop(
        name.name, items, lambda: checker.boolean(args[2]) if wants_bool else checker.infer(args[2])
    )
    cel = f"{items.cel}.{node.name}({lowered(name.name)}, {body.cel})"
    if node.name == "map":
        return Typed(type=listing(body.type), cel=cel, flows=body.flows)
    if node.name == "filter":
        type_ = items.type if items.type.kind == "list" else listing(ANY)
        return Typed(type=type_, cel=cel, flows=items.flows)
    return Typed(type=BOOL, cel=cel, flows=dict.fromkeys(items.flows, False))


def _default(one: _Call) -> Typed:
    checker, (*paths, otherwise) = one.checker, one.args
    for path in paths:
        if not isinstance(path, s.Member):
            fix = _inward(one) if len(paths) == 1 else None
            return checker.note(code.never_read_this_way(checker.at(path), path=checker.piece(path), fix=fix))
    before = len(checker.diagnostics)
    parts = [checker.softly(path) for path in paths]
    # The last may be a path as well: then it skips the reader only where nothing stands at any of them.
    soft = isinstance(otherwise, s.Member)
    other = checker.softly(otherwise) if soft else checker.infer(otherwise)
    if len(checker.diagnostics) > before:
        return WRONG
    wanted: Type | None = certain(parts[0].type)
    for part in parts[1:]:
        wanted = None if wanted is None else unify(wanted, certain(part.type))
    if wanted is None:
        return one.wrong(f"the paths are {', '.join(str(certain(part.type)) for part in parts)}")
    literal = other.tree if isinstance(other.tree, s.Literal_) else None
    if literal is not None and literal.kind == "null":
        fitted = [_fitted(checker, part, wanted) for part in parts]
        cel = parts[0].cel if len(parts) == 1 else _first_of(parts, fitted, "null")
        return Typed(type=nullable(wanted), cel=cel, flows=joined(*parts))
    type_ = unify(wanted, other.type)
    if wanted.kind == "money" and checker.fitted(other, MONEY) != other.cel:
        type_ = MONEY
    elif (wanted.kind == "choice" and literal is not None and literal.value in wanted.options) or (
        literal is not None and _spells(literal.value, wanted)
    ):
        type_ = wanted
    if type_ is None:
        return one.wrong(f"`other` is {named(other)}, the path is {parts[0].type}")
    last = checker.fitted(other, certain(type_))
    if soft and not other.type.nullable:
        nowhere = quoted(", ".join(f"`{checker.piece(arg)}`" for arg in one.args))
        last = _first_of([other], [last], f"absent({nowhere})")
    fitted = [_fitted(checker, part, certain(type_)) for part in parts]
    return Typed(type=type_, cel=_first_of(parts, fitted, last), flows=joined(*parts, other))


def _fitted(checker: Walk, part: Typed, type_: Type) -> str:
    return checker.fitted(part, type_) if part.type.kind != "integer" else part.cel


def _first_of(parts: Sequence[Typed], fitted: Sequence[str], last: str) -> str:
    """The text of the first part that is there, else of `last`."""
    cel = last
    for part, text in zip(reversed(parts), reversed(fitted), strict=True):
        cel = f"({part.cel} != null ? {text} : {cel})"
    return cel


def _spells(value: object, type_: Type) -> bool:
    """Whether a word in quotes is a value of that type exactly as it would be kept: `'3d'` where the path is a length."""
    return (
        isinstance(value, str)
        and type_.kind in _SPELLED
        and scalars.of_type(value, type_, plain=False) == (True, value)
    )


def _inward(one: _Call) -> Fix | None:
    """`default(size(path), 0)` as `size(default(path, []))`: only where the meaning is certain."""
    inner = one.args[0]
    if (
        not isinstance(inner, s.CallExpr)
        or inner.name != "size"
        or not isinstance((inner.of or inner.args[0]), s.Member)
    ):
        return None
    piece = one.checker.piece
    path = inner.of if inner.of is not None else inner.args[0]
    kept = len(one.checker.diagnostics)
    typed = one.checker.softly(path)
    del one.checker.diagnostics[kept:]
    empty = {"list": "[]", "text": "''"}.get(typed.type.kind)
    if empty is None or piece(one.args[1]) != "0":
        return None
    return Fix(span=one.checker.at(one.node), text=f"size(default({piece(path)}, {empty}))")


def _failure(one: _Call) -> Typed:
    if not one.checker.in_if:
        return one.wrong("is for a step's `if`")
    one.checker.handles_failure = True
    if one.node.name == "always":
        return Typed(type=BOOL, cel="true")
    read = one.checker.read(PathMatch(path="run.failed-step", type=TEXT, used=1))
    return Typed(type=BOOL, cel=f"({read.cel} != '')")


def _sum(one: _Call) -> Typed:
    part = one.typed(0, "[money]", frozenset({"list"}))
    if part is None:
        return WRONG
    items = part.type.items or ANY
    if certain(items).kind not in {"money", "any"} and not spell(items, MONEY):
        return one.checker.misfit(one.args[0], part, "[money]", listing(MONEY))
    return Typed(type=MONEY, cel=f"sum({part.cel}, '{one.checker.scope.currency}')", flows=part.flows)


def _round(one: _Call) -> Typed:
    number = one.typed(0, "a number", frozenset({"number", "integer"}))
    digits = one.typed(1, "integer", frozenset({"integer"})) if one.args[1:] else None
    if number is None or (digits is None and one.args[1:]):
        return WRONG
    places = digits.cel if digits is not None else "0"
    return Typed(type=NUMBER, cel=f"round({number.cel}, {places})", flows=closed(number))


def _text(one: _Call) -> Typed:
    part = one.checker.certainly(one.args[0])
    if part.type.kind in _CONTAINERS:
        return one.checker.note(code.not_text(one.checker.at(one.args[0]), type_=named(part)))
    if part.type.kind == "time":
        return Typed(type=TEXT, cel=one.checker.spoken(part), flows=part.flows)
    return Typed(type=TEXT, cel=f"text({part.cel})", flows=part.flows)


def _size(one: _Call) -> Typed:
    part = one.typed(0, "a text or a list", TEXTUAL | {"list"})
    return WRONG if part is None else Typed(type=INTEGER, cel=f"size({part.cel})", flows=closed(part))


def _now(one: _Call) -> Typed:
    today = one.node.name == "today"
    return Typed(type=DATE if today else TIME, cel="day(now_, zone_)" if today else "now_")


def _moved(one: _Call) -> Typed:
    part, sign = one.length(one.args[0]), -1 if one.node.name == "ago" else 1
    if part is None:
        return WRONG
    return Typed(type=TIME, cel=f"moved(now_, {part.cel}, zone_, {sign})", flows=closed(part))


def _clock(one: _Call) -> Typed:
    day, hour = one.typed(0, "a date", _DAYS), one.typed(1, "an hour like '09:00'", TEXTUAL)
    if day is None or hour is None:
        return WRONG
    literal = hour.tree
    if isinstance(literal, s.Literal_) and dates.clock(str(literal.value)) is None:
        hint = "write it like '09:00'"
        at = one.checker.at(one.args[1])
        return one.checker.note(
            code.wrong_type(at, expected="an hour of the day", actual=named(hour), hint=hint)
        )
    return Typed(type=TIME, cel=f"at({day.cel}, {hour.cel}, zone_)", flows=closed(day, hour))


def _written(one: _Call) -> Typed:
    """The language is that of the template, or named."""
    day = one.typed(0, "a date", _DAYS)
    if day is None:
        return WRONG
    if len(one.args) == 1:
        known = one.checker.scope.language
        if not known:
            return one.wrong(
                "doesn't know the language here: name it, like `'en'`, or give the template a `language:`"
            )
        language = Typed(type=TEXT, cel=quoted(known))
    else:
        named_ = one.typed(1, "a language like 'en'", TEXTUAL)
        if named_ is None:
            return WRONG
        language = named_
        known = str(named_.tree.value) if isinstance(named_.tree, s.Literal_) else dates.LANGUAGES[0]
    if not dates.base(known):
        return one.wrong(f"has no words in `{known}`: known are {', '.join(dates.LANGUAGES)}")
    return Typed(type=TEXT, cel=f"written({day.cel}, {language.cel}, zone_)", flows=closed(day, language))


_DAYS: frozenset[Kind] = frozenset({"date", "time"})
PERIOD = Type(
    kind="map",
    fields=(Field(name="first", type=DATE), Field(name="last", type=DATE), Field(name="name", type=TEXT)),
)
"""What `month` and `week` give."""


_OF_DAYS: dict[str, tuple[Type, tuple[tuple[str, frozenset[Kind]], ...]]] = {
    "day": (DATE, (("a time", _DAYS),)),
    "days": (INTEGER, (("a date", _DAYS), ("a date", _DAYS))),
    "month": (PERIOD, (("a time", _DAYS), ("integer", frozenset({"integer"})))),
    "week": (PERIOD, (("a time", _DAYS), ("integer", frozenset({"integer"})))),
}


def _of_days(one: _Call) -> Typed:
    """What the calendar of the workspace says of days."""
    type_, wanted = _OF_DAYS[one.node.name]
    parts = [one.typed(index, words, kinds) for index, (words, kinds) in enumerate(wanted)]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return WRONG
    cel = ", ".join(part.cel for part in known)
    return Typed(type=type_, cel=f"{one.node.name}({cel}, zone_)", flows=closed(*known))


def _sum_of_two(one: _Call) -> Typed:
    """`plus` and `minus`: amounts with amounts, days and times with lengths."""
    first = one.checker.certainly(one.args[0])
    if first.type.kind not in _DAYS:
        return _plain(one, ("money", "money"), MONEY)
    length = one.length(one.args[1])
    if length is None:
        return WRONG
    said = (str(length.tree.value),) if isinstance(length.tree, s.Literal_) else length.type.options
    spans = [span for one in said if (span := scalars.length(one)) is not None]
    if first.type.kind == "date" and any(span % timedelta(days=1) for span in spans):
        hint = "write whole days, like `'3d'`, or take an hour of the day: `at(day, '09:00')`"
        at = one.checker.at(one.args[1])
        return one.checker.note(
            code.wrong_type(at, expected="a length of whole days", actual=named(length), hint=hint)
        )
    sign = -1 if one.node.name == "minus" else 1
    cel = f"shifted({first.cel}, {length.cel}, zone_, {sign})"
    return Typed(type=certain(first.type), cel=cel, flows=closed(first, length))


_SPECIAL: dict[str, Callable[[_Call], Typed]] = {
    "default": _default,
    "failure": _failure,
    "always": _failure,
    "now": _now,
    "today": _now,
    **dict.fromkeys(_OF_DAYS, _of_days),
    "at": _clock,
    "written": _written,
    "plus": _sum_of_two,
    "minus": _sum_of_two,
    "ago": _moved,
    "ahead": _moved,
    "sum": _sum,
    "round": _round,
    "text": _text,
    "size": _size,
}
