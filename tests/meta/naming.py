"""Names that tell a stranger nothing, and packages he can't take in at a glance."""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator

VAGUE = frozenset(
    "one found said told what this that it them other more most least kept held made given wanted who where rest early before after "
    "item thing data obj val res tmp got x".split()
)
"""The closed list: words that could name anything."""

MAX_FILES = 20
"""Python files in one package, its `__init__` included."""


def bindings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of everything that gets a name: variables, arguments, exceptions, captures of patterns."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                yield node.lineno, name
            case _:
                pass


def vague_share(texts: Iterable[str]) -> float:
    """The share of vague names among all bindings, from 0 to 1."""
    names = [name for text in texts for _, name in bindings(ast.parse(text))]
    return sum(name in VAGUE for name in names) / max(1, len(names))


def class_names(texts: Iterable[str]) -> Counter[str]:
    """How often each class name is defined."""
    return Counter(
        node.name for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)
    )


def crowded(paths: Iterable[str]) -> dict[str, int]:
    """Packages with more than :data:`MAX_FILES` Python files, with their number."""
    counts = Counter(path.rpartition("/")[0] for path in paths)
    return {package: number for package, number in counts.items() if number > MAX_FILES}
