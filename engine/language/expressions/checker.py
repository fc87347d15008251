"""Types an expression against its scope and lowers it to the text that a plan keeps, which `engine.language.expressions.evaluator` runs.

The text has CEL's syntax. Conversions are explicit in it, so that running it needs no types.
"""

from engine.language.diagnostics.codes import references as code
from engine.language.expressions import calls, literals, operators
from engine.language.expressions import parser as s
from engine.language.expressions.functions import ELSEWHERE, FUNCTIONS
from engine.language.expressions.typed_expr import Typed
from engine.language.expressions.visitor import Walk

__all__ = ["Checker", "Typed"]


_ANYWAY = frozenset({"success", "succeeded"})
"""What other tools ask before each step: here a step runs after success, and only then."""


class Checker(Walk):
    """Walks one expression. Everything wrong with it is in `diagnostics` afterwards."""

    def infer(self, node: s.Tree) -> Typed:
        """The type and text of a part."""
        match node:
            case s.Literal_():
                return literals.literal(node)
            case s.Name() | s.Member():
                return self.seen_there(node, self.path(node))
            case s.IndexExpr():
                return literals.index(self, node)
            case s.CallExpr():
                return self._call(node)
            case s.Unary():
                return literals.unary(self, node)
            case s.Binary():
                return operators.binary(self, node)
            case s.Choice():
                return literals.choice(self, node)
            case s.ListOf():
                return literals.list_of(self, node)
            case s.MapOf():
                return literals.map_of(self, node)

    def _call(self, node: s.CallExpr) -> Typed:
        known = FUNCTIONS.get(node.name)
        span = self.span(node.at, node.at + len(node.name))
        if node.name in _ANYWAY and node.of is None:
            return self.note(code.unasked(self.at(node), name=node.name))
        if known is None:
            same = [name for name, function in FUNCTIONS.items() if function.method == (node.of is not None)]
            return self.note(
                code.unknown_function(span, name=node.name, known=same, meant_=ELSEWHERE.get(node.name))
            )
        return calls.call(self, node, known, span)
