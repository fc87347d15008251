"""Types an expression against its scope and lowers it to the text that a plan keeps, which `engine.language.evaluator` runs.

The text has CEL's syntax. Conversions are explicit in it, so that running it needs no types.
"""

from engine.language import calls, operators, parts
from engine.language import syntax as s
from engine.language.codes import references as code
from engine.language.functions import ELSEWHERE, FUNCTIONS
from engine.language.typed import Typed
from engine.language.walk import Walk

__all__ = ["Checker", "Typed"]


_ANYWAY = frozenset({"success", "succeeded"})
"""What other tools ask before each step: here a step runs after success, and only then."""


class Checker(Walk):
    """Walks one expression. Everything wrong with it is in `diagnostics` afterwards."""

    def infer(self, node: s.Tree) -> Typed:
        """The type and text of a part."""
        match node:
            case s.Literal_():
                return parts.literal(node)
            case s.Name() | s.Member():
                return self.seen_there(node, self.path(node))
            case s.Index():
                return parts.index(self, node)
            case s.Call():
                return self._call(node)
            case s.Unary():
                return parts.unary(self, node)
            case s.Binary():
                return operators.binary(self, node)
            case s.Choice():
                return parts.choice(self, node)
            case s.ListOf():
                return parts.list_of(self, node)
            case s.MapOf():
                return parts.map_of(self, node)

    def _call(self, node: s.Call) -> Typed:
        known = FUNCTIONS.get(node.name)
        span = self.span(node.at, node.at + len(node.name))
        if node.name in _ANYWAY and node.of is None:
            return self.note(code.unasked(self.at(node), name=node.name))
        if known is None:
            same = [name for name, one in FUNCTIONS.items() if one.method == (node.of is not None)]
            return self.note(
                code.unknown_function(span, name=node.name, known=same, meant_=ELSEWHERE.get(node.name))
            )
        return calls.call(self, node, known, span)
