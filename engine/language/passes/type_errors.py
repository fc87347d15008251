"""The diagnostic, and what to write instead, when a value doesn't fit its place."""

import re

from engine.language.diagnostics.codes import playbook_shape
from engine.language.diagnostics.codes import references as code
from engine.language.documents.playbook_fields import describe
from engine.language.expressions.expressions import CompiledExpr, Piece
from engine.language.text import nodes, scalars
from engine.language.text.source import SourceText, escaped, part
from engine.language.types.assignability import assignable
from engine.language.types.conversions import way
from engine.language.types.scope import TypeScope
from engine.language.types.type_syntax import certain, empty_value, place
from engine.model.definitions.diagnostics import Diagnostic, Fix, Span
from engine.model.definitions.types import Type


def example(type_: Type) -> str:
    """How a value of this type is written."""
    written = scalars.EXAMPLES.get(type_.kind)
    return (
        f"write it like `{written}`" if written else _SHAPED.get(type_.kind, f"write it as {certain(type_)}")
    )


_SHAPED = {
    "list": "write a list, like `[…]`",
    "map": "write a map, like `{ name: … }`",
    "text": "write it as text, in quotes",
    **dict.fromkeys(("file", "person", "note"), "read it from an event or a step: `${{ … }}`"),
}


def literal(node: nodes.Scalar, type_: Type) -> Diagnostic:
    """A literal of another type than expected."""
    span = place(node)
    if type_.kind == "choice":
        return playbook_shape.not_one_of(span, value=node.text, options=type_.options)
    best = None
    if not node.plain and scalars.of_type(node.text, type_, plain=True)[0]:
        best = node.text  # a number in quotes
    elif (
        type_.kind == "list"
        and type_.items is not None
        and scalars.of_type(node.text, type_.items, plain=node.plain)[0]
    ):
        best = f"[{node.text}]" if node.plain and not set(node.text) & set(",[]{}#:") else None
    fix = Fix(span=node.span, text=best) if best else None
    return code.wrong_type(
        span, expected=str(certain(type_)), actual=describe(node), hint=example(type_), fix=fix
    )


def inside(source: SourceText, node: nodes.Scalar, piece: Piece) -> Span:
    """The place of an expression without its braces."""
    inner = node.text[piece.inner : piece.inner_end]
    start = piece.inner + len(inner) - len(inner.lstrip())
    return part(source, node, start, start + len(inner.strip()))


def result(
    source: SourceText,
    node: nodes.Scalar,
    piece: Piece,
    compiled: CompiledExpr,
    expected: Type,
    scope: TypeScope,
) -> Diagnostic:
    """An expression whose result doesn't fit."""
    actual = compiled.expr.type
    span = inside(source, node, piece)
    if actual.nullable and assignable(certain(actual), expected):
        return missing(source, node, piece, compiled)
    if (undeclared := scope.open_field(compiled.expr.written, str(certain(expected)))) is not None:
        return undeclared
    conversion = way(actual, expected, compiled.expr.written, scope)
    sound = conversion.instead is not None and not actual.nullable
    fix = (
        Fix(span=span, text=escaped(source, node, conversion.instead))
        if sound and conversion.instead
        else None
    )
    return code.wrong_type(
        span, expected=str(certain(expected)), actual=str(actual), hint=conversion.hint, fix=fix
    )


def missing(source: SourceText, node: nodes.Scalar, piece: Piece, compiled: CompiledExpr) -> Diagnostic:
    """An expression whose value may be missing where one is required."""
    empty = empty_value(compiled.expr.type)
    span, fix = inside(source, node, piece), None
    path_alone = len(compiled.expr.reads) == 1 and compiled.expr.reads[0].path == compiled.expr.written
    if empty is not None and path_alone:
        fallback = "''" if empty == "" else str(empty).lower()
        fix = Fix(span=span, text=escaped(source, node, f"default({compiled.expr.written}, {fallback})"))
    return code.may_be_missing(span, path=compiled.expr.written, fix=fix, hint=_nothing_else(compiled))


_NULL = re.compile(r"default\((.+),\s*null\s*\)")


def _nothing_else(compiled: CompiledExpr) -> str:
    """The hint for `default(x, null)` where a value is required."""
    match = _NULL.fullmatch(compiled.expr.written)
    if match is None:
        return ""
    return "`null` says that nothing else counts: write what does, or leave the step out with an `if`"
