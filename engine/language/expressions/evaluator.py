"""Runs expressions: the lowered text that a plan keeps becomes closures, and those give a value.

Nothing but JSON goes in or comes out. There are no attributes and no loops but over lists, the Python functions that may be called are in
one table, and each evaluation has a budget. Meaning is that of CEL, which older plans were run by: whole numbers have 64 bits, fractions
are IEEE 754's, and in `&&` and `||` one part that decides makes up for an error of the other.
"""

import math
import operator as op
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from typing import Any

from engine.language.expressions import functions as f
from engine.language.expressions import parser as s
from engine.language.expressions.formatting import NO_NUMBER, as_text, local
from engine.model.errors import PermanentError
from engine.model.values.canonical_json import Json

MAX_ROUNDS = 10_000
"""Entries that all loops of one evaluation may visit."""
MAX_WORK = 10_000_000
"""About one for a character written, eight for an entry looked at, a hundred for a function called: some tenths of a second."""
MAX_RESULT = 4_000_000
"""Characters a result may have in all: a list of one long letter ten thousand times must not fill the memory. An entry is eight."""
MAX_COMPILED = 5_000
"""Compiled expressions that are kept; each takes some kilobytes."""


class Exhausted(Exception):
    """The budget is spent. Unlike any other error, no `&&` or `||` makes up for this one."""


class Frame:
    """One evaluation: the values of variables by name, and what is left of the budget."""

    __slots__ = ("rounds", "values", "work")

    def __init__(self, values: dict[str, Json]) -> None:
        self.values, self.rounds, self.work = values, MAX_ROUNDS, MAX_WORK

    def spend(self, work: int) -> None:
        """Raises Exhausted when the budget does not last."""
        self.work -= work
        if self.work < 0:
            raise Exhausted("too much to compute in one expression; make it a step of its own")


Run = Callable[[Frame], Json]
"""A compiled part."""


def evaluate(text: str, values: dict[str, Json]) -> Json:
    """The value of a lowered text. Raises PermanentError (expression; absent when no path of a `default` has a value)."""
    try:
        result = compiled(text)(Frame(values))
        _measure(result, [MAX_RESULT])
    except Exhausted as error:
        raise _wrong(str(error)) from None
    except RecursionError:
        raise _wrong("nested too deep") from None
    return result


@lru_cache(maxsize=MAX_COMPILED)
def compiled(text: str) -> Run:
    """The closure of a lowered text. Raises PermanentError."""
    try:
        return _part(s.parse_lowered(text))
    except s.SyntaxProblem as problem:
        raise _wrong(problem.message) from None


def _wrong(message: str = "a value of another type than expected") -> PermanentError:
    return PermanentError(message, code="expression")


def _measure(value: Json, left: list[int]) -> None:
    """Holds a result against its budget, leaf by leaf. Raises PermanentError."""
    if isinstance(value, str | list | dict):
        left[0] -= len(value) * (1 if isinstance(value, str) else 8)
        if left[0] < 0:
            raise _wrong("the result is too large")
        for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            _measure(part, left)
    elif isinstance(value, float) and not math.isfinite(value):
        raise _wrong(NO_NUMBER)


def _part(node: s.Tree) -> Run:
    match node:
        case s.Literal_():
            value = node.value
            return lambda _: value
        case s.Name() | s.Member():
            return _variable(node)
        case s.IndexExpr():
            of, key = _part(node.of), _part(node.key)
            return lambda frame: _entry(of(frame), key(frame))
        case s.CallExpr():
            return _loop(node, node.of) if node.name in _LOOPS and node.of is not None else _call(node)
        case s.Unary():
            part = _part(node.of)
            if node.op == "!":
                return lambda frame: not _truth(part(frame))
            return lambda frame: _negative(part(frame))
        case s.Binary():
            return _binary(node)
        case s.Choice():
            test, yes, no = _part(node.test), _part(node.yes), _part(node.no)
            return lambda frame: yes(frame) if _truth(test(frame)) else no(frame)
        case s.ListOf():
            entries = [_part(entry) for entry in node.items]
            return lambda frame: [entry(frame) for entry in entries]
        case s.MapOf():
            fields = [(name, _part(value)) for name, value in node.entries]
            return lambda frame: {name: value(frame) for name, value in fields}


def _variable(node: s.Tree, dots: str = "") -> Run:
    if isinstance(node, s.Member):
        return _variable(node.of, f".{node.name}{dots}")
    if not isinstance(node, s.Name):
        raise _wrong("only a variable has dots")
    name = node.name + dots

    def run(frame: Frame) -> Json:
        if name not in frame.values:
            raise _wrong("a value that isn't there")
        return frame.values[name]

    return run


def _entry(container: Json, at: Json) -> Json:
    if isinstance(container, dict) and not (at is None or isinstance(at, list | dict)):
        if type(at) is str and at in container:
            return container[at]
        raise _wrong("a field that isn't there; read it with default(…)")
    if not isinstance(container, list):
        raise _wrong()
    if type(at) not in _NUMBERS or not 0 <= at < len(container) or at != int(at):
        raise _wrong("the list has no entry at that place")
    return container[int(at)]


def _truth(value: Json) -> bool:
    if value is True or value is False:
        return bool(value)
    raise _wrong()


def _negative(value: Json) -> Json:
    if type(value) not in _NUMBERS:
        raise _wrong()
    return -value if type(value) is float else _whole(-value)


_NUMBERS = frozenset({int, float})


def _whole(number: int) -> int:
    if -(2**63) <= number < 2**63:
        return number
    raise _wrong("a number too large")


def _equal(a: Json, b: Json, frame: Frame) -> bool:
    """JSON's equality: 1 is 1.0, but `true` is not 1."""
    kind = type(a)
    if kind is not type(b):
        return kind in _NUMBERS and type(b) in _NUMBERS and bool(a == b)
    if kind is list:
        frame.spend(8 * len(a))
        return len(a) == len(b) and all(_equal(left, right, frame) for left, right in zip(a, b, strict=True))
    if kind is dict:
        frame.spend(8 * len(a))
        return len(a) == len(b) and all(
            name in b and _equal(value, b[name], frame) for name, value in a.items()
        )
    return bool(a == b)


def _in(a: Json, b: Json, frame: Frame) -> bool:
    if isinstance(b, list):
        frame.spend(len(b))
        return a in b if type(a) is str else any(_equal(a, entry, frame) for entry in b)
    if isinstance(b, dict) and not (a is None or isinstance(a, list | dict)):
        return type(a) is str and a in b
    raise _wrong()


def _ordered(compare: Callable[[Any, Any], bool], a: Json, b: Json, _: Frame) -> bool:
    kind, other_kind = type(a), type(b)
    if (kind is other_kind and kind in {str, bool}) or (kind in _NUMBERS and other_kind in _NUMBERS):
        return compare(a, b)
    raise _wrong()


def _computed(compute: Callable[[Any, Any], Any], a: Json, b: Json, _: Frame) -> Json:
    """Of two numbers of one kind."""
    if type(a) is not type(b) or type(a) not in _NUMBERS:
        raise _wrong()
    return compute(a, b) if type(a) is float else _whole(compute(a, b))


def _added(a: Json, b: Json, frame: Frame) -> Json:
    for kind, work in ((str, 1), (list, 8)):
        if type(a) is kind and type(b) is kind:
            frame.spend(work * (len(a) + len(b)))
            return a + b
    return _computed(op.add, a, b, frame)


def _quotient(a: Any, b: Any) -> Any:  # noqa: ANN401 - two numbers of one kind
    """Of whole numbers towards zero."""
    if type(a) is int:
        if b == 0:
            raise _wrong("a division by zero")
        return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    if b:
        return a / b
    return math.copysign(math.inf, a) * math.copysign(1.0, b) if a else math.nan


def _remainder(a: Any, b: Any) -> int:  # noqa: ANN401 - as above
    """Its sign is that of `a`."""
    if type(a) is not int:
        raise _wrong()
    return int(a - b * _whole(_quotient(a, b)))


_ORDERED = {"<": op.lt, "<=": op.le, ">": op.gt, ">=": op.ge}
_COMPUTED = {"-": op.sub, "*": op.mul, "/": _quotient, "%": _remainder}
_OPERATORS: dict[str, Callable[[Json, Json, Frame], Json]] = {
    "==": _equal, "!=": lambda a, b, frame: not _equal(a, b, frame), "in": _in, "+": _added,
    **{sign: partial(_ordered, apply) for sign, apply in _ORDERED.items()},
    **{sign: partial(_computed, apply) for sign, apply in _COMPUTED.items()},
}  # fmt: skip


def _binary(node: s.Binary) -> Run:
    left, right = _part(node.left), _part(node.right)
    if node.op in {"&&", "||"}:
        parts, decisive = (left, right), node.op == "||"
        return lambda frame: _either(parts, frame, decisive=decisive)
    apply = _OPERATORS[node.op]
    return lambda frame: apply(left(frame), right(frame), frame)


def _either(parts: Iterable[Run], frame: Frame, *, decisive: bool) -> bool:
    """`||` where `decisive` is True, `&&` where it is False: one decisive part decides, even when an earlier one fails."""
    failure: PermanentError | None = None
    for part in parts:
        try:
            if _truth(part(frame)) is decisive:
                return decisive
        except PermanentError as error:
            failure = failure or error
    if failure is not None:
        raise failure
    return not decisive


_LOOPS = frozenset({"map", "filter", "exists", "all"})


def _loop(node: s.CallExpr, of: s.Tree) -> Run:
    if len(node.args) != 2 or not isinstance(node.args[0], s.Name):
        raise _wrong(f"`{node.name}` takes a name and a value")
    container, name, body = _part(of), node.args[0].name, _part(node.args[1])

    def visited(frame: Frame) -> Iterator[Json]:
        entries = container(frame)
        if not isinstance(entries, list | dict):
            raise _wrong()
        for entry in entries:
            frame.rounds -= 1
            if frame.rounds < 0:
                raise Exhausted(
                    f"too many entries: more than {MAX_ROUNDS:,} rounds through lists; make it a step of its own"
                )
            frame.values[name] = entry
            yield entry

    def run(frame: Frame) -> Json:
        outer = frame.values
        frame.values = dict(outer)
        try:
            if node.name == "map":
                return [body(frame) for _ in visited(frame)]
            if node.name == "filter":
                return [entry for entry in visited(frame) if _truth(body(frame))]
            return _either((body for _ in visited(frame)), frame, decisive=node.name == "exists")
        finally:
            frame.values = outer

    return run


_WRITTEN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def _double(value: Any) -> float:  # noqa: ANN401 - a text or a number
    if isinstance(value, str) and _WRITTEN.fullmatch(value.strip()) is None:
        raise ValueError(f"not a number: {value[:40]!r}")
    return float(value)


_TEXT, _WHOLE, _LIST, _MAP = (frozenset({kind}) for kind in (str, int, list, dict))
_MONEY = _MAP | _TEXT
_SCALAR = _TEXT | _NUMBERS | _MAP | {bool}
_FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[frozenset[type], ...]]] = {
    "double": (_double, (_NUMBERS | _TEXT,)),
    "size": (len, (_TEXT | _LIST | _MAP,)),
    "text": (as_text, (_SCALAR,)),
    "local": (local, (_TEXT, _TEXT)),
    "contains": (op.contains, (_TEXT, _TEXT)),
    "startsWith": (str.startswith, (_TEXT, _TEXT)),
    "lower": (str.lower, (_TEXT,)),
    "split": (f.split, (_TEXT, _TEXT)),
    "replace": (f.replaced, (_TEXT, _TEXT, _TEXT)),
    "join": (f.joined, (_LIST, _TEXT)),
    "absent": (f.absent, (_TEXT,)),
    **{of.__name__: (of, (_MONEY, _MONEY)) for of in (f.plus, f.minus, f.above, f.below, f.same)},
    "times": (f.times, (_MONEY, _NUMBERS)),
    "percent": (f.percent, (_MONEY, _NUMBERS)),
    "sum": (f.total, (_LIST, _TEXT)),
    "round": (f.rounded, (_NUMBERS, _WHOLE)),
    "at": (f.clocked, (_TEXT, _TEXT, _TEXT)),
    "written": (f.in_words, (_TEXT, _TEXT, _TEXT)),
    "day": (f.local_day, (_TEXT, _TEXT)),
    "days": (f.days, (_TEXT, _TEXT, _TEXT)),
    "month": (f.month, (_TEXT, _WHOLE, _TEXT)),
    "week": (f.week, (_TEXT, _WHOLE, _TEXT)),
    "moved": (f.moved, (_TEXT, _TEXT, _TEXT, _WHOLE)),
    "shifted": (f.shifted, (_TEXT, _TEXT, _TEXT, _WHOLE)),
    "seconds": (f.seconds, (_TEXT, _TEXT, _TEXT)),
}
"""Name → what is called, and the types each value may be of. What an `any` holds is only known here."""


def _call(node: s.CallExpr) -> Run:
    written = node.args if node.of is None else (node.of, *node.args)
    args = [_part(arg) for arg in written]
    # CEL's checker had to be told where a type is only known at run time; plans of that time still say so.
    if node.name == "dyn" and len(args) == 1:
        return args[0]
    function, accepted = _FUNCTIONS.get(node.name, (None, ()))
    if function is None or len(accepted) != len(args):
        raise _wrong(f"`{node.name}` is no function of {len(args)} values")

    def run(frame: Frame) -> Json:
        values = [arg(frame) for arg in args]
        if not all(type(value) in kinds for value, kinds in zip(values, accepted, strict=True)):
            raise _wrong()
        lengths = sum(len(value) for value in values if isinstance(value, str | list))
        frame.spend(100 + lengths // 8)
        try:
            result = function(*values)
        except ArithmeticError:
            raise _wrong("a number or a day out of range") from None
        except TypeError:
            raise _wrong() from None
        except (ValueError, LookupError) as error:
            raise _wrong(str(error)) from None
        frame.spend(len(result) if isinstance(result, str | list) else 0)
        return result

    return run
