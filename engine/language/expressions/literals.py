"""Written values, lists, maps and choices inside expressions."""

from collections.abc import Sequence

from engine.language.diagnostics.codes import references as code
from engine.language.expressions import narrowing
from engine.language.expressions import parser as s
from engine.language.expressions.paths import PathStep
from engine.language.expressions.typed_expr import Typed, closed, joined, quoted
from engine.language.expressions.visitor import Walk
from engine.language.types.assignability import unify
from engine.model.definitions.types import ANY, BOOL, INTEGER, NUMBER, TEXT, Field, Type, listing
from engine.model.definitions.types import choice as closed_set

_NULL = Type(kind="any", nullable=True)


def literal(node: s.Literal_) -> Typed:
    """A written value."""
    match node.kind:
        case "text":
            return Typed(type=TEXT, cel=quoted(str(node.value)), tree=node)
        case "integer":
            return Typed(type=INTEGER, cel=str(node.value), tree=node)
        case "number":
            return Typed(type=NUMBER, cel=f"{float(node.value or 0)!r}", tree=node)
        case "bool":
            return Typed(type=BOOL, cel="true" if node.value else "false", tree=node)
        case "null":
            return Typed(type=_NULL, cel="null", tree=node)


def index(checker: Walk, node: s.IndexExpr) -> Typed:
    """`of[key]`: an entry of a list, a field of a map."""
    of, key = checker.certainly(node.of), checker.certainly(node.key)
    flows = joined(of)
    if of.type.kind == "list" and key.type.kind in {"integer", "any"}:
        return Typed(type=of.type.items or ANY, cel=f"{of.cel}[{key.cel}]", flows=flows)
    if of.type.kind == "any":
        return Typed(type=ANY, cel=f"{of.cel}[{key.cel}]", flows=flows)
    if isinstance(node.key, s.Literal_) and node.key.kind == "text":
        place = PathStep(name=str(node.key.value), start=node.key.start, end=node.key.end)
        return checker.below(of, [place], node.of)
    return checker.note(
        code.wrong_operands(
            checker.at(node),
            op="[ ]",
            left=str(of.type),
            right=str(key.type),
            hint="lists are read as `list[0]`, fields as `.name`",
        )
    )


def unary(checker: Walk, node: s.Unary) -> Typed:
    """`!x` and `-x`."""
    of = checker.certainly(node.of)
    expected = "bool" if node.op == "!" else "number"
    fits = of.type.kind in ({"bool", "any"} if node.op == "!" else {"number", "integer", "any"})
    if not fits:
        return checker.misfit(node.of, of, expected, BOOL if node.op == "!" else NUMBER)
    type_ = BOOL if node.op == "!" else of.type
    return Typed(type=type_, cel=f"{node.op}({of.cel})", flows=closed(of))


def choice(checker: Walk, node: s.Choice) -> Typed:
    """`test ? yes : no`."""
    test = checker.boolean(node.test)
    there, missing = narrowing.non_null_paths(node.test, checker.piece)
    yes, no = checker.where_there(there, node.yes), checker.where_there(missing, node.no)
    type_ = _words([yes, no]) or unify(yes.type, no.type)
    if type_ is None:
        return checker.note(
            code.wrong_operands(
                checker.at(node),
                op="? :",
                left=str(yes.type),
                right=str(no.type),
                hint="both answers have to be of one type",
            )
        )
    # The test chooses among values; nothing of it is in them.
    left, right = checker.fitted(yes, type_), checker.fitted(no, type_)
    return Typed(
        type=type_,
        cel=f"({test.cel} ? {left} : {right})",
        flows=joined(yes, no),
    )


def _words(parts: Sequence[Typed]) -> Type | None:
    """The closed set of words that these are, so that they fit a choice of such words; None when one of them is not a word."""
    options: list[str] = []
    for part in parts:
        if isinstance(part.tree, s.Literal_) and part.tree.kind == "text" and part.tree.value:
            options.append(str(part.tree.value))
        elif part.type.kind == "choice" and not part.type.nullable:
            options += part.type.options
        else:
            return None
    return closed_set(*dict.fromkeys(options)) if options else None


def list_of(checker: Walk, node: s.ListOf) -> Typed:
    """`[a, b]`."""
    parts = [checker.infer(child) for child in node.items]
    type_: Type | None = parts[0].type if parts else ANY
    for part in parts[1:]:
        type_ = None if type_ is None else unify(type_, part.type)
    items = _words(parts) or type_ or ANY
    cel = ", ".join(checker.fitted(part, items) for part in parts)
    return Typed(type=listing(items), cel=f"[{cel}]", flows=joined(*parts))


def map_of(checker: Walk, node: s.MapOf) -> Typed:
    """`{'a': b}`."""
    parts = [(name, checker.infer(child)) for name, child in node.entries]
    fields = tuple(Field(name=name, type=part.type) for name, part in parts)
    cel = ", ".join(f"{quoted(name)}: {part.cel}" for name, part in parts)
    return Typed(
        type=Type(kind="map", fields=fields),
        cel=f"{{{cel}}}",
        flows=joined(*(part for _, part in parts)),
    )
