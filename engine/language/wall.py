"""The one module that knows Google's CEL. Compiles lowered text with types, evaluates it with values; nothing else gets through.

CEL is total: no loops but over lists, no attributes but of data, an iteration budget. What Python code it may call is the table
of `engine.language.functions`.
"""

import functools
import itertools
import math
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from engine.language.functions import IMPLEMENTED, NOWHERE
from engine.language.spoken import NO_NUMBER
from engine.model.canonical import Json
from engine.model.errors import ABSENT, PermanentError
from engine.model.plan import Read
from engine.model.types import Type

MOST_TEXT = 4_000_000
"""Characters a result may have in all: a list of one long letter ten thousand times must not fill the memory."""

_Types = tuple[tuple[str, str], ...]
"""(variable, its CEL type)."""
_Key = tuple[str, _Types]

_TEXTS = r"'(?:[^'\\]|\\.)*'"
_LITERAL = re.compile(rf"({_TEXTS})|(?<![\w.])\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])")


class Wall:
    """Compiled expressions by text and types of their variables. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._compiled: dict[_Key, Any] = {}
        self._good: dict[_Key, None] = {}
        self._envs: dict[tuple[tuple[str, str], ...], Any] = {}
        self._functions: list[Any] | None = None

    def check(self, cel: str, reads: Iterable[Read]) -> str:
        """CEL's own objection to a lowered text, or empty. A variable alone has none."""
        known = tuple(reads)
        if len(known) == 1 and known[0].variable == cel:
            return ""
        own = (cel, _types(known))
        if own in self._good:
            return ""
        text, types, _ = _alike(*own)
        # Only types are checked, so texts that differ in their literals are checked once.
        shape = (_shaped(text), types)
        if shape not in self._good:
            try:
                self._compile(text, types)
            except RuntimeError:
                return self._objection(*own)
        _bounded(self._good, most=20_000).update({own: None, shape: None})
        return ""

    def _objection(self, cel: str, types: _Types) -> str:
        """What CEL says of a text, in the operator's own names."""
        try:
            self._compile(cel, types)
        except RuntimeError as error:
            return str(error).split("\n", 1)[0].partition(": ERROR: ")[2] or str(error)
        return "it can't be compiled"

    def evaluate(
        self, cel: str, reads: Iterable[Read], data: Mapping[str, Json], *, now: str, zone: str
    ) -> Json:
        """The value. Raises PermanentError (expression; absent where nothing stands at any path of a `default`)."""
        try:
            text, types, names = _alike(cel, _types(tuple(reads)))
            given = {alike: data[name] for name, alike in names.items() if name in data}
            result = self._compile(text, types).eval(data={**given, "now_": now, "zone_": zone})
            # cel-cpp hands a run-time error out as a value, whose content is the message.
            if result.type().name() == "ERROR":
                raise ValueError(str(result.value()))
            return _plain(result, [MOST_TEXT])
        except (RuntimeError, ValueError, TypeError, OverflowError) as error:
            _, missing, paths = str(error).partition(NOWHERE)
            if missing:
                raise PermanentError(f"{missing}{paths}", code=ABSENT) from None
            raise PermanentError(_plain_words(str(error)), code="expression") from None

    def _compile(self, cel: str, types: _Types) -> Any:  # noqa: ANN401 - the library has no types
        key = (cel, types)
        found = self._compiled.get(key)
        if found is not None:
            return found
        with self._lock:
            from cel_expr_python import cel as google

            if self._functions is None:
                self._functions = _declared(google)
            env = self._envs.get(key[1])
            if env is None:
                variables = {name: _named(google, type_) for name, type_ in key[1]}
                variables |= {"now_": google.Type.STRING, "zone_": google.Type.STRING}
                env = google.NewEnv(variables=variables, functions=self._functions)
                _bounded(self._envs)[key[1]] = env
            found = _bounded(self._compiled)[key] = env.compile(cel)
        return found


def _types(reads: tuple[Read, ...]) -> _Types:
    return tuple((one.variable, cel_type(one)) for one in reads)


@functools.lru_cache(maxsize=5_000)
def _alike(cel: str, reads: _Types) -> tuple[str, _Types, dict[str, str]]:
    """(the text with its variables numbered, their types, name → number).

    What CEL needs to know of the variables of one expression takes 200 kB; with names of their own, every expression would need
    its own. No name of the language ends in `_`.
    """
    names = {name: f"v{at}_" for at, (name, _) in enumerate(reads)}
    types = tuple((names[name], type_) for name, type_ in reads)
    if not names:
        return cel, types, names
    longest = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    parts = re.compile(rf"{_TEXTS}|(?<![\w.])(?:{longest})(?!\w)", re.DOTALL)
    return parts.sub(lambda found: names.get(found[0], found[0]), cel), types, names


def _shaped(cel: str) -> str:
    """The text with its literals numbered: equal ones alike, so that what is said twice stays said twice."""
    seen: dict[str, str] = {}

    def numbered(found: re.Match[str]) -> str:
        # A whole number, a fraction and a text are of three types.
        kind = "t" if found[1] is not None else "d" if "." in found[0] or "e" in found[0] else "i"
        # CEL's whole numbers end at 19 digits; what may be too large keeps its own text.
        return (
            found[0]
            if len(found[0]) > 15 and kind != "t"
            else seen.setdefault(found[0], f"{kind}{len(seen)}_")
        )

    return _LITERAL.sub(numbered, cel)


_T = TypeVar("_T")
_V = TypeVar("_V")

MOST_KEPT = 5_000
"""Compiled expressions kept; one is some kilobytes."""


def _bounded(cache: dict[_T, _V], *, most: int = MOST_KEPT) -> dict[_T, _V]:
    if len(cache) >= most:
        cache.clear()
    return cache


def cel_type(read: Read) -> str:
    """The CEL type a variable is declared with. What may be null is `dyn`: CEL's own types have no null."""
    return "dyn" if read.through_default or read.type.nullable else _cel_type(read.type)


def _cel_type(type_: Type) -> str:
    match type_.kind:
        case "number":
            return "double"
        case "integer":
            return "int"
        case "bool":
            return "bool"
        case "money" | "person" | "file" | "note" | "map":
            return "map"
        case "list":
            return "list"
        case "any":
            return "dyn"
        case _:
            return "string"


def _named(google: Any, name: str) -> Any:  # noqa: ANN401 - as above
    kind = google.Type
    match name:
        case "map":
            return kind.Map(kind.STRING, kind.DYN)
        case "list":
            return kind.List(kind.DYN)
        case _:
            return {"double": kind.DOUBLE, "int": kind.INT, "bool": kind.BOOL, "string": kind.STRING}.get(
                name, kind.DYN
            )


_MONEY = ("map", "string")
_NUMBER = ("double", "int")
_SCALAR = ("string", "double", "int", "bool", "map")
# name → (what each argument may be at run time, result, whether it is written after a dot).
# Every combination is an overload of its own, because CEL chooses by the run-time kinds and knows no unions.
_OVERLOADS: dict[str, tuple[tuple[tuple[str, ...], ...], str, bool]] = {
    "absent": ((("string",),), "dyn", False),
    "plus": ((_MONEY, _MONEY), "map", False),
    "minus": ((_MONEY, _MONEY), "map", False),
    "times": ((_MONEY, _NUMBER), "map", False),
    "percent": ((_MONEY, _NUMBER), "map", False),
    "sum": ((("list",), ("string",)), "map", False),
    "above": ((_MONEY, _MONEY), "bool", False),
    "below": ((_MONEY, _MONEY), "bool", False),
    "same": ((_MONEY, _MONEY), "bool", False),
    "join": ((("list",), ("string",)), "string", True),
    "round": ((_NUMBER, ("int",)), "double", False),
    "lower": ((("string",),), "string", True),
    "split": ((("string",), ("string",)), "list", True),
    "replace": ((("string",), ("string",), ("string",)), "string", True),
    "at": ((("string",), ("string",), ("string",)), "string", False),
    "written": ((("string",), ("string",), ("string",)), "string", False),
    "day": ((("string",), ("string",)), "string", False),
    "moved": ((("string",), ("string",), ("string",), ("int",)), "string", False),
    "days": ((("string",), ("string",), ("string",)), "int", False),
    "month": ((("string",), ("int",), ("string",)), "map", False),
    "week": ((("string",), ("int",), ("string",)), "map", False),
    "shifted": ((("string",), ("string",), ("string",), ("int",)), "string", False),
    "seconds": ((("string",), ("string",), ("string",)), "double", False),
    "text": ((_SCALAR,), "string", False),
    "local": ((("string",), ("string",)), "string", False),
}


def _declared(google: Any) -> list[Any]:  # noqa: ANN401 - as above
    found = []
    for name, (params, result, method) in _OVERLOADS.items():
        overloads = [
            google.Overload(
                f"{name}_{'_'.join(kinds)}",
                return_type=_named(google, result),
                parameters=[_named(google, kind) for kind in kinds],
                is_member=method,
                impl=IMPLEMENTED[name],
            )
            for kinds in itertools.product(*params)
        ]
        found.append(google.FunctionDecl(name, overloads))
    return found


def _plain(value: Any, left: list[int]) -> Json:  # noqa: ANN401 - as above
    """A CEL value as JSON, leaf by leaf within the budget of characters. Raises ValueError."""
    found = value.value()
    match found:
        case str():
            left[0] -= len(found)
        case list():
            left[0] -= len(found)
            if left[0] >= 0:
                return [_plain(one, left) for one in found]
        case dict():
            left[0] -= len(found)
            if left[0] >= 0:
                return {str(name): _plain(one, left) for name, one in found.items()}
        case float():
            if not math.isfinite(found):
                raise ValueError(NO_NUMBER)
        case None | bool() | int():
            pass
        case _:
            raise ValueError(f"a value that is no data: {type(found).__name__}")
    if left[0] < 0:
        raise ValueError("the result is too large")
    return found


_MEANT: tuple[tuple[str, str], ...] = (
    (
        "Iteration budget exceeded",
        "too many entries: more than 10,000 rounds through lists; make it a step of its own",
    ),
    ("divide by zero", "a division by zero"),
    ("modulus by zero", "a division by zero"),
    ("Index error", "the list has no entry at that place"),
    ("Key not found in map", "a field that isn't there; read it with default(…)"),
    ("overflow", "a number too large"),
    ("No matching overload", "a value of another type than expected"),
    ("no value with name", "a value that isn't there"),
)


def _plain_words(text: str) -> str:
    first = text.split("\n", 1)[0]
    head, colon, rest = first.partition(": ")
    first = rest if colon and head.isupper() else first
    for found, words in _MEANT:
        if found.lower() in first.lower():
            return words
    return first


WALL = Wall()
"""One cache for the process: compiling is checking, so a plan compiled here is evaluated without compiling again."""
