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
from engine.model.values import durations

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
    """One call: its checker, its function and arguments, and the span of its name."""

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

    def typed(self, index: int, expected: str, kinds: frozenset[Kind]) -> Typed | None:
        """An argument, which has to be of one of these kinds or of any."""
        part = self.checker.certainly(self.args[index])
        if part.type.kind in kinds or part.type.kind == "any":
            return part
        node = self.args[index]
        others = sorted(kinds - {"list"}, key=lambda kind: (expected != f"a {kind}", kind))
        type_ = Type(kind=others[0]) if others else listing(ANY)
        self.checker.misfit(node, part, expected, type_)
        return None

    def length(self, arg: s.Tree) -> Typed | None:
        """An argument that is a length: written, or of that type."""
        part = self.checker.certainly(arg)
        literal = part.tree
        known = isinstance(literal, s.Literal_) and durations.parse(str(literal.value)) is not None
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
    call = _Call(checker=checker, node=node, function=function, args=args, span=span)
    if function.method != (node.of is not None) and node.name != "size":
        return _other_form(call)
    if function.many and len(args) < len(function.params):
        return call.wrong(f"takes {len(function.params)} or more, not {len(args)}")
    minimum = len(function.params) - function.optional
    if not function.many and not minimum <= len(args) <= len(function.params):
        count = len(function.params) - (1 if function.method else 0)
        actual = len(args) - (1 if function.method else 0)
        return call.wrong(f"takes {count}, not {actual}")
    if not function.special:
        return _plain(call, call.function.params, _PLAIN[call.function.result])
    special = _loop if node.name in _LISTS else _SPECIAL[node.name]
    return checker.counted(lambda: special(call)) if node.name in _COUNTING else special(call)


def _other_form(call: _Call) -> Typed:
    """`contains(a, b)` for `a.contains(b)`, or the other way round."""
    node, piece = call.node, call.checker.piece
    inner = ", ".join(piece(arg) for arg in node.args)
    if call.function.method and node.args:
        tail = ", ".join(piece(arg) for arg in node.args[1:])
        repaired = f"{piece(node.args[0])}.{node.name}({tail})"
    elif not call.function.method and node.of is not None:
        repaired = f"{node.name}({piece(node.of)}{', ' if inner else ''}{inner})"
    else:
        return call.wrong("a value has to stand before the dot")
    return call.wrong(f"write `{repaired}`", Fix(span=call.checker.at(node), text=repaired))


def _plain(call: _Call, params: tuple[str, ...], type_: Type) -> Typed:
    """Arguments of fixed types, in order."""
    parts: list[Typed] = []
    for expected, arg in zip(params, call.args, strict=True):
        part = call.checker.money(arg) if expected == "money" else _argument(call.checker, arg, expected)
        if part is None:
            return WRONG
        lifted = expected == "number" and part.type.kind != "any"
        parts.append(replace(part, cel=part.number()) if lifted else part)
    name, (first, *others) = call.node.name, [part.cel for part in parts]
    cel = (
        f"{first}.{name}({', '.join(others)})"
        if call.function.method
        else f"{name}({', '.join([first, *others])})"
    )
    return Typed(type=type_, cel=cel, flows=closed(*parts) if type_.closed else joined(*parts))


def _argument(checker: Walk, node: s.Tree, expected: str) -> Typed | None:
    part = checker.certainly(node)
    kind = part.type.kind
    fits = kind == "any" or {
        "number": kind in {"number", "integer"},
        "integer": kind == "integer",
        "text": kind in TEXTUAL,
        "[text]": assignable(part.type, listing(nullable(TEXT))),
    }.get(expected, True)
    if fits:
        return part
    checker.misfit(node, part, expected, {"number": NUMBER, "text": TEXT}.get(expected) or listing(TEXT))
    return None


def _loop(call: _Call) -> Typed:
    checker, node, args = call.checker, call.node, call.args
    if checker.loops >= MAX_LOOPS:
        return checker.note(code.too_big(call.span, problem=f"lists within lists more than {MAX_LOOPS} deep"))
    items = call.typed(0, "a list", frozenset({"list"}))
    if items is None:
        return WRONG
    name = args[1]
    if not isinstance(name, s.Name) or name.name in ROOTS or checker.is_loop(name.name):
        return call.wrong("the second word names each entry, and has to be a new name")
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


def _default(call: _Call) -> Typed:
    checker, (*paths, otherwise) = call.checker, call.args
    for path in paths:
        if not isinstance(path, s.Member):
            fix = _inward(call) if len(paths) == 1 else None
            return checker.note(code.never_read_this_way(checker.at(path), path=checker.piece(path), fix=fix))
    old_count = len(checker.diagnostics)
    parts = [checker.softly(path) for path in paths]
    # The last may be a path as well: then the reader is skipped only when none of them has a value.
    soft = isinstance(otherwise, s.Member)
    fallback = checker.softly(otherwise) if soft else checker.infer(otherwise)
    if len(checker.diagnostics) > old_count:
        return WRONG
    path_type: Type | None = certain(parts[0].type)
    for part in parts[1:]:
        path_type = None if path_type is None else unify(path_type, certain(part.type))
    if path_type is None:
        return call.wrong(f"the paths are {', '.join(str(certain(part.type)) for part in parts)}")
    literal = fallback.tree if isinstance(fallback.tree, s.Literal_) else None
    if literal is not None and literal.kind == "null":
        fitted = [_fitted(checker, part, path_type) for part in parts]
        cel = parts[0].cel if len(parts) == 1 else _first_of(parts, fitted, "null")
        return Typed(type=nullable(path_type), cel=cel, flows=joined(*parts))
    type_ = unify(path_type, fallback.type)
    if path_type.kind == "money" and checker.fitted(fallback, MONEY) != fallback.cel:
        type_ = MONEY
    elif (path_type.kind == "choice" and literal is not None and literal.value in path_type.options) or (
        literal is not None and _spells(literal.value, path_type)
    ):
        type_ = path_type
    if type_ is None:
        return call.wrong(f"`other` is {named(fallback)}, the path is {parts[0].type}")
    last = checker.fitted(fallback, certain(type_))
    if soft and not fallback.type.nullable:
        nowhere = quoted(", ".join(f"`{checker.piece(arg)}`" for arg in call.args))
        last = _first_of([fallback], [last], f"absent({nowhere})")
    fitted = [_fitted(checker, part, certain(type_)) for part in parts]
    return Typed(type=type_, cel=_first_of(parts, fitted, last), flows=joined(*parts, fallback))


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


def _inward(call: _Call) -> Fix | None:
    """`default(size(path), 0)` as `size(default(path, []))`: only where the meaning is certain."""
    inner = call.args[0]
    if (
        not isinstance(inner, s.CallExpr)
        or inner.name != "size"
        or not isinstance((inner.of or inner.args[0]), s.Member)
    ):
        return None
    piece = call.checker.piece
    path = inner.of if inner.of is not None else inner.args[0]
    old_count = len(call.checker.diagnostics)
    typed = call.checker.softly(path)
    del call.checker.diagnostics[old_count:]
    empty = {"list": "[]", "text": "''"}.get(typed.type.kind)
    if empty is None or piece(call.args[1]) != "0":
        return None
    return Fix(span=call.checker.at(call.node), text=f"size(default({piece(path)}, {empty}))")


def _failure(call: _Call) -> Typed:
    if not call.checker.in_if:
        return call.wrong("is for a step's `if`")
    call.checker.handles_failure = True
    if call.node.name == "always":
        return Typed(type=BOOL, cel="true")
    read = call.checker.read(PathMatch(path="run.failed-step", type=TEXT, used=1))
    return Typed(type=BOOL, cel=f"({read.cel} != '')")


def _sum(call: _Call) -> Typed:
    part = call.typed(0, "[money]", frozenset({"list"}))
    if part is None:
        return WRONG
    items = part.type.items or ANY
    if certain(items).kind not in {"money", "any"} and not spell(items, MONEY):
        return call.checker.misfit(call.args[0], part, "[money]", listing(MONEY))
    return Typed(type=MONEY, cel=f"sum({part.cel}, '{call.checker.scope.currency}')", flows=part.flows)


def _round(call: _Call) -> Typed:
    number = call.typed(0, "a number", frozenset({"number", "integer"}))
    digits = call.typed(1, "integer", frozenset({"integer"})) if call.args[1:] else None
    if number is None or (digits is None and call.args[1:]):
        return WRONG
    places = digits.cel if digits is not None else "0"
    return Typed(type=NUMBER, cel=f"round({number.cel}, {places})", flows=closed(number))


def _text(call: _Call) -> Typed:
    part = call.checker.certainly(call.args[0])
    if part.type.kind in _CONTAINERS:
        return call.checker.note(code.not_text(call.checker.at(call.args[0]), type_=named(part)))
    if part.type.kind == "time":
        return Typed(type=TEXT, cel=call.checker.spoken(part), flows=part.flows)
    return Typed(type=TEXT, cel=f"text({part.cel})", flows=part.flows)


def _size(call: _Call) -> Typed:
    part = call.typed(0, "a text or a list", TEXTUAL | {"list"})
    return WRONG if part is None else Typed(type=INTEGER, cel=f"size({part.cel})", flows=closed(part))


def _now(call: _Call) -> Typed:
    today = call.node.name == "today"
    return Typed(type=DATE if today else TIME, cel="day(now_, zone_)" if today else "now_")


def _moved(call: _Call) -> Typed:
    part, sign = call.length(call.args[0]), -1 if call.node.name == "ago" else 1
    if part is None:
        return WRONG
    return Typed(type=TIME, cel=f"moved(now_, {part.cel}, zone_, {sign})", flows=closed(part))


def _clock(call: _Call) -> Typed:
    day, hour = call.typed(0, "a date", _DAYS), call.typed(1, "an hour like '09:00'", TEXTUAL)
    if day is None or hour is None:
        return WRONG
    literal = hour.tree
    if isinstance(literal, s.Literal_) and dates.clock(str(literal.value)) is None:
        hint = "write it like '09:00'"
        at = call.checker.at(call.args[1])
        return call.checker.note(
            code.wrong_type(at, expected="an hour of the day", actual=named(hour), hint=hint)
        )
    return Typed(type=TIME, cel=f"at({day.cel}, {hour.cel}, zone_)", flows=closed(day, hour))


def _written(call: _Call) -> Typed:
    """The language is that of the template, or named."""
    day = call.typed(0, "a date", _DAYS)
    if day is None:
        return WRONG
    if len(call.args) == 1:
        known = call.checker.scope.language
        if not known:
            return call.wrong(
                "doesn't know the language here: name it, like `'en'`, or give the template a `language:`"
            )
        language = Typed(type=TEXT, cel=quoted(known))
    else:
        named_ = call.typed(1, "a language like 'en'", TEXTUAL)
        if named_ is None:
            return WRONG
        language = named_
        known = str(named_.tree.value) if isinstance(named_.tree, s.Literal_) else dates.LANGUAGES[0]
    if not dates.base(known):
        return call.wrong(f"has no words in `{known}`: known are {', '.join(dates.LANGUAGES)}")
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


def _of_days(call: _Call) -> Typed:
    """What the calendar of the workspace says of days."""
    type_, parameters = _OF_DAYS[call.node.name]
    parts = [call.typed(index, words, kinds) for index, (words, kinds) in enumerate(parameters)]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return WRONG
    cel = ", ".join(part.cel for part in known)
    return Typed(type=type_, cel=f"{call.node.name}({cel}, zone_)", flows=closed(*known))


def _sum_of_two(call: _Call) -> Typed:
    """`plus` and `minus`: amounts with amounts, days and times with lengths."""
    first = call.checker.certainly(call.args[0])
    if first.type.kind not in _DAYS:
        return _plain(call, ("money", "money"), MONEY)
    length = call.length(call.args[1])
    if length is None:
        return WRONG
    lengths = (str(length.tree.value),) if isinstance(length.tree, s.Literal_) else length.type.options
    spans = [span for written in lengths if (span := durations.parse(written)) is not None]
    if first.type.kind == "date" and any(span % timedelta(days=1) for span in spans):
        hint = "write whole days, like `'3d'`, or take an hour of the day: `at(day, '09:00')`"
        at = call.checker.at(call.args[1])
        return call.checker.note(
            code.wrong_type(at, expected="a length of whole days", actual=named(length), hint=hint)
        )
    sign = -1 if call.node.name == "minus" else 1
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
