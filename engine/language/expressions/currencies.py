"""Amounts written in an expression: where two currencies meet in it. Of amounts that are read nothing is known before it runs."""

from collections.abc import Callable, Sequence

from engine.language.diagnostics.codes import foreign_syntax as code
from engine.language.expressions import parser as s
from engine.language.expressions.paths import Locate
from engine.language.text import scalars
from engine.model.definitions.diagnostics import Diagnostic
from engine.model.definitions.types import MONEY

Amounts = dict[str, s.Literal_]
"""Currency → the first amount in it."""

_ADDED = frozenset({"plus", "minus", "sum"})
_COMPARED = frozenset({"above", "below"})


def clashes(node: s.Tree, locate: Locate) -> list[Diagnostic]:
    """Sums and comparisons of written amounts that can never be computed."""
    diagnostics: list[Diagnostic] = []

    def note(parts: Sequence[Amounts], *, added: bool) -> None:
        first, second = _two(_together(parts))
        diagnostics.append(
            code.two_currencies(
                locate(second.start, second.end),
                amounts=(str(first.value).strip(), str(second.value).strip()),
                at=locate(first.start, first.end),
                added=added,
            )
        )

    _amounts(node, note)
    return diagnostics


def either(node: s.Tree, locate: Locate, *, name: str) -> list[Diagnostic]:
    """An output that is in one currency or in another, whichever way the run went."""
    amounts = _amounts(node, _unheard)
    if len(amounts) < 2:
        return []
    first, second = _two(amounts)
    words = (str(first.value).strip(), str(second.value).strip())
    span, at = locate(second.start, second.end), locate(first.start, first.end)
    return [code.either_currency(span, name=name, amounts=words, at=at)]


def _unheard(parts: Sequence[Amounts], *, added: bool) -> None:
    """What can't be computed was told when the expression was compiled."""


def _amounts(node: s.Tree, note: Callable[..., None]) -> Amounts:
    """The amounts that a part may be, by currency."""
    parts = [_amounts(child, note) for child in s.children(node)]
    match node:
        case s.Literal_(kind="text"):
            good, value = scalars.of_type(str(node.value), MONEY, plain=False)
            return {str(value["currency"]): node} if good else {}
        case s.Choice():
            return _together(parts[1:])
        case s.ListOf() | s.CallExpr(name="default"):
            return _together(parts)
        case s.CallExpr(name="times" | "percent" | "filter"):
            return parts[0]
        case s.CallExpr(name="map"):
            return parts[-1]
        case s.CallExpr(name=name) if name in _ADDED | _COMPARED:
            each = [_amounts(summand, _unheard) for summand in _summands(node)]
            if _clash(each):
                note(each, added=name in _ADDED)
                return {}
            return _together(each) if name in _ADDED else {}
        case s.Binary(op="==" | "!=") if s.CallExpr in {type(node.left), type(node.right)} and _clash(parts):
            note(parts, added=False)
        case _:
            pass
    return {}


def _summands(node: s.CallExpr) -> tuple[s.Tree, ...]:
    listed = node.args[0] if node.name == "sum" and node.args else None
    return listed.items if isinstance(listed, s.ListOf) else node.args


def _clash(parts: Sequence[Amounts]) -> bool:
    """Whether some way through the branches can't be computed: one part is in one currency, and another may be in another."""
    return len(_together(parts)) > 1 and any(len(amounts) == 1 for amounts in parts)


def _together(parts: Sequence[Amounts]) -> Amounts:
    merged: Amounts = {}
    for amounts in parts:
        merged = {**amounts, **merged}
    return merged


def _two(amounts: Amounts) -> tuple[s.Literal_, s.Literal_]:
    """The first two, in the order they stand in."""
    first, second, *_ = sorted(amounts.values(), key=lambda amount: amount.start)
    return first, second
