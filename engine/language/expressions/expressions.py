"""Expressions in authored values: found, checked, lowered, evaluated. Implements the port `Evaluate`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from engine.language.diagnostics.codes import references as code
from engine.language.expressions import evaluator, functions, parser
from engine.language.expressions.checker import Checker
from engine.language.expressions.currencies import clashes
from engine.language.expressions.formatting import as_text
from engine.language.expressions.narrowing import bare
from engine.language.expressions.paths import Locate
from engine.language.text.nodes import Scalar
from engine.language.text.source import SourceText, escaped, part
from engine.language.types.assignability import of_field
from engine.language.types.scope import TypeScope, fields_of
from engine.model.definitions.diagnostics import Diagnostic, Fix, Span
from engine.model.definitions.plan import Expr
from engine.model.definitions.types import TEXT, Type
from engine.model.errors import PermanentError
from engine.model.values.canonical_json import Json
from engine.model.values.money import Money
from engine.model.values.timestamps import stamp

MAX_ITEMS = 1_000
"""Entries of a list an expression may touch; beyond that it is a step's work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One `${{ … }}` in a text: the characters from `start` to `end`, its expression from `inner` to `inner_end`."""

    start: int
    end: int
    inner: int
    inner_end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledExpr:
    """An expression ready to run. `flows`: variable → whether its data travels openly in the value.

    `whole` are the paths of which more than a count, a sum or a yes or no is left.
    """

    expr: Expr
    flows: Mapping[str, bool]
    whole: frozenset[str] = frozenset()
    handles_failure: bool = False


_MARKS = re.compile(r"""'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+"|[{}'"]""", re.DOTALL)
"""Texts, braces, and a quote that is never closed."""


def pieces(text: str) -> list[Piece]:
    """Every `${{ … }}` of a text, in order. An open one reaches to the end and has `inner_end` -1."""
    expressions: list[Piece] = []
    at = text.find("${{")
    while at >= 0:
        end = _closing(text, at + 3)
        if end < 0:
            expressions.append(Piece(start=at, end=len(text), inner=at + 3, inner_end=-1))
            break
        expressions.append(Piece(start=at, end=end + 2, inner=at + 3, inner_end=end))
        at = text.find("${{", end + 2)
    return expressions


def _closing(text: str, index: int) -> int:
    """The position of the `}}` that ends an expression: not inside its texts, and not the end of its own maps."""
    end = text.find("}}", index)
    if end >= 0 and not any(char in text[index:end] for char in "'\"{}"):
        return end
    depth, start = 0, index
    for mark in _MARKS.finditer(text, index):
        match mark[0]:
            case "{":
                depth += 1
            case "}":
                if depth == 0:
                    return mark.start() if text.startswith("}}", mark.start()) else -1
                depth -= 1
            case "'" | '"':
                break
            case _:
                pass
    # A quote that is never closed: the expression ends at the first braces, and says so itself.
    return text.find("}}", start)


def whole(text: str) -> Piece | None:
    """The one expression a text is, white space around it aside; None when it is more or less than that."""
    expressions = pieces(text)
    if len(expressions) != 1 or expressions[0].inner_end < 0:
        return None
    outside = text[: expressions[0].start] + text[expressions[0].end :]
    return None if outside.strip() else expressions[0]


def compile_piece(
    source: SourceText, scalar: Scalar, piece: Piece, scope: TypeScope, *, in_if: bool = False
) -> tuple[CompiledExpr | None, tuple[Diagnostic, ...]]:
    """One expression of a scalar."""
    if piece.inner_end < 0:
        span = part(source, scalar, piece.start, piece.start + 3)
        return None, (code.bad_expression(span, problem="its `}}` is missing"),)
    return compile_text(source, scalar, piece.inner, piece.inner_end, scope, in_if=in_if)


def compile_text(
    source: SourceText, scalar: Scalar, start: int, end: int, scope: TypeScope, *, in_if: bool = False
) -> tuple[CompiledExpr | None, tuple[Diagnostic, ...]]:
    """The expression in a scalar from `start` to `end`."""
    inner = scalar.text[start:end]
    text = inner.strip()
    base = start + len(inner) - len(inner.lstrip())

    def locate(begin: int, stop: int) -> Span:
        return part(source, scalar, base + begin, base + stop)

    if not text:
        return None, (
            code.bad_expression(part(source, scalar, max(start - 3, 0), end), problem="it is empty"),
        )
    try:
        tree = parser.parse(text)
    except parser.SyntaxProblem as problem:
        return None, (unreadable(problem, locate),)
    checker = Checker(text, scope, locate, in_if=in_if)
    typed = checker.infer(tree)
    if wrong := checker.diagnostics or clashes(tree, locate):
        return None, tuple(_fixable(source, scalar, diagnostic) for diagnostic in wrong)
    reads = tuple(sorted(checker.reads.values(), key=lambda read: read.path))
    expr = Expr(cel=typed.cel, written=text, type=typed.type, reads=reads)
    whole = frozenset(checker.whole)
    compiled = CompiledExpr(
        expr=expr, flows=typed.flows, whole=whole, handles_failure=checker.handles_failure
    )
    return compiled, tuple(
        _fixable(source, scalar, diagnostic) for diagnostic in bare(tree, text, scope, locate)
    )


def _fixable(source: SourceText, scalar: Scalar, diagnostic: Diagnostic) -> Diagnostic:
    if diagnostic.fix is None:
        return diagnostic
    return replace(diagnostic, fix=replace(diagnostic.fix, text=escaped(source, scalar, diagnostic.fix.text)))


def unreadable(problem: parser.SyntaxProblem, locate: Locate) -> Diagnostic:
    """The diagnostic of a text that is not an expression."""
    span = locate(problem.start, problem.end)
    fix = None
    if problem.repair is not None:
        start, end, text = problem.repair
        fix = Fix(span=locate(start, end), text=text)
    if "nested more" in problem.message or "are read" in problem.message:
        return code.too_big(span, problem=problem.message)
    return code.bad_expression(span, problem=problem.message, fix=fix)


def spoken(expr: Expr, scope: TypeScope) -> Expr:
    """An expression inside text: for people, a time is shown on the clock of the workspace."""
    if expr.type.kind != "time" or not scope.for_people:
        return expr
    cel = f"local({expr.cel}, zone_)"
    if expr.type.nullable:
        cel = f"({expr.cel} != null ? {cel} : null)"
    return replace(expr, cel=cel, type=replace(TEXT, nullable=expr.type.nullable))


class Expressions:
    """Evaluates lowered expressions: the port `Evaluate`. Safe to use from several threads."""

    def evaluate(self, expr: Expr, bindings: Mapping[str, Json], *, now: datetime, zone: str) -> Json:
        """The value, from lowered variable names to values. Raises PermanentError(code='expression') on a run-time error."""
        values: dict[str, Json] = {"now_": stamp(now), "zone_": zone}
        for read in expr.reads:
            value = bindings.get(read.variable)
            if value is None and not (read.through_default or read.type.nullable or read.type.kind == "any"):
                raise PermanentError(f"{read.path} has no value", code="expression")
            if expr.cel == read.variable:
                return value
            values[read.variable] = conform(value, read.type, read.path)
        return _result(evaluator.evaluate(expr.cel, values), expr.type)

    def as_text(self, value: Json) -> str:
        """How a value is rendered inside text."""
        return as_text(value)


def conform(value: Json, type_: Type, path: str) -> Json:
    """A value as expressions read it by its type: whole numbers as doubles, absent optional fields as null, text that is text.

    Raises PermanentError(code='expression') for a value of another type, so that data never decides how it is read.
    """
    if value is None:
        return None
    match type_.kind:
        case "number" | "integer" as kind:
            number = _float(value, path) if type(value) in {int, float} else None
            if number is not None and kind == "number":
                return number
            if number is not None and number.is_integer():
                return _open(int(value), path)
        case "bool":
            if isinstance(value, bool):
                return value
        case "any":
            return _open(value, path)
        case "list":
            if isinstance(value, list):
                _within(value, path)
                return [conform(entry, type_.items, path) if type_.items else entry for entry in value]
        case "money":
            if isinstance(value, dict):
                return _open(value, path)
            if isinstance(value, str):
                try:
                    return functions.of_money(Money.of(value))
                except ValueError as error:
                    raise PermanentError(f"{path}: {error}", code="expression") from None
        case "map" | "person" | "file" | "note":
            if isinstance(value, dict):
                known = {
                    field.name: conform(value.get(field.name), of_field(field), path)
                    for field in fields_of(type_)
                }
                return {
                    **{
                        _sound(str(name)): _open(entry, path)
                        for name, entry in value.items()
                        if name not in known
                    },
                    **known,
                }
        case _:
            if isinstance(value, str):
                return _sound(value)
    raise PermanentError(f"{path} is not {type_}", code="expression")


def _open(value: Json, path: str) -> Json:
    match value:
        case str():
            return _sound(value)
        case list():
            _within(value, path)
            return [_open(entry, path) for entry in value]
        case dict():
            return {_sound(str(name)): _open(entry, path) for name, entry in value.items()}
        case int() if not -(2**63) <= value < 2**63:
            raise PermanentError(f"{path} holds a number too large", code="expression")
        case _:
            return value


def _float(value: float, path: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise PermanentError(f"{path} holds a number too large", code="expression") from None


def _within(value: list[Json], path: str) -> None:
    if len(value) > MAX_ITEMS:
        raise PermanentError(
            f"{path} has {len(value):,} entries; expressions read {MAX_ITEMS:,}", code="expression"
        )


def _sound(text: str) -> str:
    """The text without halves of characters, which UTF-8 can't hold, and without NUL, at which the texts of other programs end."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _result(value: Json, type_: Type) -> Json:
    if type_.kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    if type_.kind == "money" and isinstance(value, str):
        return functions.of_money(Money.of(value))
    if type_.kind == "list" and isinstance(value, list) and type_.items is not None:
        return [_result(entry, type_.items) for entry in value]
    return value
