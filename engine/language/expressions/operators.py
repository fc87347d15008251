"""Operators of expressions: which values they fit, and the text they become."""

from engine.language.diagnostics.codes import references as code
from engine.language.expressions import narrowing
from engine.language.expressions import parser as s
from engine.language.expressions.typed_expr import WRONG, Typed, closed, joined, named, written_amount
from engine.language.expressions.visitor import Walk
from engine.language.text.suggest import slip
from engine.language.types.assignability import TEXTUAL, unify
from engine.language.types.type_syntax import certain
from engine.model.definitions.diagnostics import Fix
from engine.model.definitions.types import ANY, BOOL, INTEGER, NUMBER, TEXT, Type

_NUMERIC = frozenset({"number", "integer"})
_ORDERED = frozenset({"number", "integer", "text", "date", "time"})


def binary(checker: Walk, node: s.Binary) -> Typed:
    if node.op in {"&&", "||"}:
        left = checker.boolean(node.left)
        shown = narrowing.non_null_paths(node.left, checker.piece)[node.op == "||"]
        right = checker.boolean(node.right, there=shown)
        return Typed(type=BOOL, cel=f"({left.cel} {node.op} {right.cel})", flows=closed(left, right))
    if node.op in {"==", "!="}:
        return _equal(checker, node)
    left, right = checker.certainly(node.left), checker.certainly(node.right)
    if left is WRONG or right is WRONG:
        return WRONG
    if node.op in {"<", "<=", ">", ">="}:
        return _ordered(checker, node, left, right)
    if node.op == "in":
        return _in(checker, node, left, right)
    return _arithmetic(checker, node, left, right)


def _equal(checker: Walk, node: s.Binary) -> Typed:
    left, right = checker.infer(node.left), checker.infer(node.right)
    if left is WRONG or right is WRONG:
        return WRONG
    flows = closed(left, right)
    for operand, opposite in ((left, right), (right, left)):
        if isinstance(operand.tree, s.Literal_) and operand.tree.kind == "text":
            if opposite.type.kind == "choice" and operand.tree.value not in opposite.type.options:
                return _never(checker, operand.tree, opposite.type)
            if operand.tree.value == "failed" and (stopped := _stops(checker, node)):
                why = f"`{stopped}` stops what comes after it when it fails: {_LET_FAIL}"
                return checker.note(
                    code.no_such_option(
                        checker.at(operand.tree),
                        value="failed",
                        options=opposite.type.options,
                        fix=None,
                        why=why,
                    )
                )
            if opposite.type.kind == "money":
                return _money_equal(checker, node, left, right, flows)
        if (
            isinstance(operand.tree, s.Literal_)
            and operand.tree.kind == "null"
            and not (opposite.type.nullable or opposite.type.kind == "any")
        ):
            return _refused(
                checker, node, left, right, "this value is never null; `default` is for what may be missing"
            )
    if {left.type.kind, right.type.kind} <= {"money", "any"} and "money" in {
        left.type.kind,
        right.type.kind,
    }:
        if isinstance(left.tree, s.Literal_) or isinstance(right.tree, s.Literal_):
            return Typed(type=BOOL, cel=f"({left.cel} {node.op} {right.cel})", flows=flows)
        return _money_equal(checker, node, left, right, flows)
    if unify(left.type, right.type) is None:
        return _refused(checker, node, left, right, "only values of one type can be equal")
    a, b = left.cel, right.cel
    if {left.type.kind, right.type.kind} == _NUMERIC:
        a, b = left.number(), right.number()
    return Typed(type=BOOL, cel=f"({a} {node.op} {b})", flows=flows)


def _money_equal(checker: Walk, node: s.Binary, left: Typed, right: Typed, flows: dict[str, bool]) -> Typed:
    parts = [checker.amount(operand, part) for operand, part in ((node.left, left), (node.right, right))]
    if None in parts:
        return WRONG
    cel = f"same({parts[0]}, {parts[1]})"
    return Typed(type=BOOL, cel=cel if node.op == "==" else f"!{cel}", flows=flows)


_LET_FAIL = "give it `continue-on-error: true`, or this step an `if` with `failure()`"


def _stops(checker: Walk, node: s.Binary) -> str:
    """The step whose status is asked for, where nothing that asks would run after it failed; empty for any other."""
    if node.op != "==":
        return ""
    names = next((path for side in (node.left, node.right) if (path := _path(side))), [])
    known = checker.scope.steps.get(names[0]) if len(names) == 2 and names[1] == "status" else None
    if known is None or known.may_fail or checker.scope.handles_failure:
        return ""
    return names[0]


def _path(node: s.Tree) -> list[str]:
    names: list[str] = []
    while isinstance(node, s.Member):
        names.insert(0, node.name)
        node = node.of
    return names


def _never(checker: Walk, literal: s.Literal_, type_: Type) -> Typed:
    best = slip(str(literal.value), type_.options)
    quote = checker.text[literal.start]
    fix = Fix(span=checker.at(literal), text=f"{quote}{best}{quote}") if best else None
    return checker.note(
        code.no_such_option(checker.at(literal), value=str(literal.value), options=type_.options, fix=fix)
    )


def _refused(
    checker: Walk, node: s.Binary, left: Typed, right: Typed, hint: str, fix: Fix | None = None
) -> Typed:
    for side, opposite in ((node.left, right), (node.right, left)):
        # The other side tells the type this field of a call has to have.
        expected = str(certain(opposite.type))
        expected = "number" if expected == "integer" and node.op != "%" else expected
        undeclared = checker.scope.open_field(checker.piece(side), expected)
        if undeclared is not None:
            return checker.note(undeclared)
    span = checker.span(node.at, node.at + len(node.op))
    return checker.note(
        code.wrong_operands(span, op=node.op, left=named(left), right=named(right), hint=hint, fix=fix)
    )


def _ordered(checker: Walk, node: s.Binary, left: Typed, right: Typed) -> Typed:
    kinds = {left.type.kind, right.type.kind}
    flows = closed(left, right)
    if "money" in kinds:
        word = "above" if node.op in {">", ">="} else "below"
        fix = None
        if node.op in {">", "<"} and (right.type.kind == "money" or written_amount(right) is not None):
            fix = Fix(
                span=checker.at(node), text=f"{word}({checker.piece(node.left)}, {checker.piece(node.right)})"
            )
        return _refused(checker, node, left, right, f"amounts are compared with `{word}(a, b)`", fix)
    if kinds <= _NUMERIC:
        a, b = (left.cel, right.cel) if kinds == {"integer"} else (left.number(), right.number())
        return Typed(type=BOOL, cel=f"({a} {node.op} {b})", flows=flows)
    comparable = kinds <= {*_ORDERED, "any"} and (
        len(kinds) == 1 or "any" in kinds or kinds <= {"date", "text"} | {"time"}
    )
    if not comparable or (kinds == {"date", "time"}):
        hint = (
            "`day(…)` makes a date of a time, `at(…, '09:00')` a time of a date"
            if kinds == {"date", "time"}
            else "only numbers, dates, times and texts have an order"
        )
        return _refused(checker, node, left, right, hint)
    return Typed(type=BOOL, cel=f"({left.cel} {node.op} {right.cel})", flows=flows)


def _in(checker: Walk, node: s.Binary, left: Typed, right: Typed) -> Typed:
    if right.type.kind not in {"list", "any"}:
        return _refused(
            checker, node, left, right, "`in` looks in a list; `text.contains(…)` looks in a text"
        )
    if isinstance(node.right, s.ListOf) and left.type.kind == "choice":
        for entry in node.right.items:
            if (
                isinstance(entry, s.Literal_)
                and entry.kind == "text"
                and entry.value not in left.type.options
            ):
                return _never(checker, entry, left.type)
    if right.type.items is not None and unify(left.type, right.type.items) is None:
        return _refused(checker, node, left, right, "the list holds values of another type")
    return Typed(type=BOOL, cel=f"({left.cel} in {right.cel})", flows=closed(left, right))


def _arithmetic(checker: Walk, node: s.Binary, left: Typed, right: Typed) -> Typed:
    kinds = {left.type.kind, right.type.kind}
    flows = joined(left, right)
    if node.op in {"/", "%"} and isinstance(right.tree, s.Literal_) and right.tree.value == 0:
        return _refused(checker, node, left, right, "nothing can be divided by zero")
    if "money" in kinds:
        word = {"+": "plus", "-": "minus", "*": "times"}.get(node.op, "times")
        fits = (
            kinds == {"money"}
            if node.op in {"+", "-"}
            else left.type.kind == "money" and kinds & _NUMERIC and node.op == "*"
        )
        fix = (
            Fix(
                span=checker.at(node), text=f"{word}({checker.piece(node.left)}, {checker.piece(node.right)})"
            )
            if fits
            else None
        )
        return _refused(checker, node, left, right, f"amounts are computed with `{word}(…)`", fix)
    if kinds <= _NUMERIC:
        whole = kinds == {"integer"} and node.op != "/"
        if node.op == "%" and not whole:
            return _refused(checker, node, left, right, "`%` is for integers")
        a, b = (left.cel, right.cel) if whole else (left.number(), right.number())
        return Typed(
            type=INTEGER if whole else NUMBER,
            cel=f"({a} {node.op} {b})",
            flows=dict.fromkeys(flows, False),
        )
    if kinds <= {*_NUMERIC, "any"} and kinds & _NUMERIC:
        if node.op == "%" and "number" in kinds:
            return _refused(checker, node, left, right, "`%` is for integers")
        if node.op == "%":
            return Typed(type=INTEGER, cel=f"({left.cel} % {right.cel})", flows=closed(left, right))
        return Typed(type=NUMBER, cel=f"({left.number()} {node.op} {right.number()})", flows=flows)
    if node.op == "+":
        return _added(checker, node, left, right, flows)
    if kinds == {"any"}:
        return Typed(type=ANY, cel=f"({left.cel} {node.op} {right.cel})", flows=flows)
    return _refused(checker, node, left, right, f"`{node.op}` is for numbers")


def _added(checker: Walk, node: s.Binary, left: Typed, right: Typed, flows: dict[str, bool]) -> Typed:
    kinds = {left.type.kind, right.type.kind}
    if kinds <= {*TEXTUAL, "any"}:
        type_ = ANY if kinds == {"any"} else TEXT
        a, b = (checker.fitted(part, type_) for part in (left, right))
        return Typed(type=type_, cel=f"({a} + {b})", flows=flows)
    lists = unify(left.type, right.type) if kinds == {"list"} else None
    if lists is not None:
        return Typed(type=lists, cel=f"({left.cel} + {right.cel})", flows=flows)
    if kinds & TEXTUAL and kinds & {*_NUMERIC, "bool"}:
        operand = node.left if right.type.kind in TEXTUAL else node.right
        fix = Fix(span=checker.at(operand), text=f"text({checker.piece(operand)})")
        return _refused(checker, node, left, right, "`text(…)` makes text of a number", fix)
    return _refused(checker, node, left, right, "`+` is for numbers, texts and lists")
