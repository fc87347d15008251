"""Tests and their branches: what a test shows to be there, and what a branch reads of a step that may not have run."""

from collections.abc import Callable, Iterator

from engine.language.diagnostics.codes import references as code
from engine.language.expressions import parser as s
from engine.language.expressions.paths import Locate
from engine.language.types.scope import TypeScope
from engine.model.definitions.diagnostics import Diagnostic, Fix

_NOTHING: frozenset[str] = frozenset()
_NonNullPaths = tuple[frozenset[str], frozenset[str]]


def non_null_paths(test: s.Tree, piece: Callable[[s.Tree], str]) -> _NonNullPaths:
    """The paths that have a value when the test is true, and those that have one when it is false: `x != null`, `x == null`."""
    match test:
        case s.Unary(op="!"):
            return non_null_paths(test.of, piece)[::-1]
        case s.Binary(op="&&"):
            return non_null_paths(test.left, piece)[0] | non_null_paths(test.right, piece)[0], _NOTHING
        case s.Binary(op="||"):
            return _NOTHING, non_null_paths(test.left, piece)[1] | non_null_paths(test.right, piece)[1]
        case s.Binary(op="!=" | "=="):
            for path, opposite in ((test.left, test.right), (test.right, test.left)):
                null = isinstance(opposite, s.Literal_) and opposite.kind == "null"
                if null and isinstance(path, s.Name | s.Member):
                    there = frozenset({piece(path)})
                    return (there, _NOTHING) if test.op == "!=" else (_NOTHING, there)
        case _:
            pass
    return _NOTHING, _NOTHING


def bare(tree: s.Tree, text: str, scope: TypeScope, locate: Locate) -> list[Diagnostic]:
    """What the branches of `? :` read of steps with an `if` of their own: the reader is skipped with such a step, whatever the test says."""
    whole = {_step(path) for path, within in _paths(tree, None) if within is None}
    diagnostics: dict[str, Diagnostic] = {}
    for path, within in _paths(tree, None):
        step = _step(path)
        known = scope.steps.get(step)
        if within is None or known is None or step in diagnostics or step in whole:
            continue
        if known.order >= scope.here or known.condition in {"", scope.condition}:
            continue
        fix, both = _through_default(path, within, text, scope, locate)
        for step_id in (step, *both):
            diagnostics.setdefault(
                step_id,
                code.bare_in_branch(
                    locate(path.start, path.end), path=text[path.start : path.end], step=step, fix=fix
                ),
            )
    return list(dict.fromkeys(diagnostics.values()))


def _through_default(
    path: s.Member, within: s.Choice, text: str, scope: TypeScope, locate: Locate
) -> tuple[Fix | None, tuple[str, ...]]:
    """The fix, and the other steps it mends as well: `default(a, b)` of two branches, `default(a, 'none')` beside a written value."""
    ends = (within.yes, within.no)
    if path not in ends:
        return None, ()
    other_branch = within.no if path is within.yes else within.yes
    yes, no, word = (text[branch.start : branch.end] for branch in (within.yes, within.no, other_branch))
    if isinstance(other_branch, s.Literal_):
        piece = text[path.start : path.end]
        return Fix(span=locate(path.start, path.end), text=f"default({piece}, {word})"), ()
    known = scope.steps.get(_step(other_branch)) if isinstance(other_branch, s.Member) else None
    if known is None or not known.condition:
        return None, ()
    return Fix(span=locate(within.start, within.end), text=f"default({yes}, {no})"), (_step(other_branch),)


def _paths(node: s.Tree, within: s.Choice | None) -> Iterator[tuple[s.Member, s.Choice | None]]:
    """Each path to a step's outputs that is read strictly, with the innermost choice of whose branches it is part."""
    match node:
        case s.Member() if _step(node):
            yield node, within
        case s.CallExpr(name="default"):
            pass  # softly
        case s.Choice():
            yield from _paths(node.test, within)
            for branch in (node.yes, node.no):
                yield from _paths(branch, node)
        case _:
            for child in s.children(node):
                yield from _paths(child, within)


def _step(node: s.Tree) -> str:
    """The step of a path `steps.x.outputs…`; empty for any other."""
    names: list[str] = []
    while isinstance(node, s.Member):
        names.append(node.name)
        node = node.of
    names.reverse()
    known = isinstance(node, s.Name) and node.name == "steps" and names[1:2] == ["outputs"]
    return names[0] if known else ""
