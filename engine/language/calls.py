"""Calls in expressions: arguments against the one table of functions, and their CEL text."""

from engine.language import syntax as s
from engine.language import written
from engine.language.assign import TEXTUAL, assignable, unify
from engine.language.checker import Checker, Typed, named
from engine.language.codes import references as code
from engine.language.functions import Function
from engine.language.names import lowered
from engine.language.scope import ROOTS
from engine.language.typeexpr import certain, nullable
from engine.model.span import Diagnostic, Fix, Span
from engine.model.types import ANY, BOOL, DATE, INTEGER, MONEY, TEXT, TIME, Type, listing

_WRONG = Typed(type=ANY, cel="null")
_LISTS = ("map", "filter", "exists", "all")
_PLAIN: dict[str, Type] = {"money": MONEY, "bool": BOOL, "text": TEXT}
MOST_LOOPS = 2


def call(checker: Checker, node: s.Call, function: Function, span: Span) -> Typed:
    """The type and CEL text of a call of a known function."""
    if function.method != (node.of is not None) and node.name != "size":
        return checker.note(_other_form(checker, node, function, span))
    args = (node.of, *node.args) if node.of is not None else node.args
    if len(args) != len(function.params):
        count = len(function.params) - (1 if function.method else 0)
        got = len(args) - (1 if function.method else 0)
        return checker.note(_wrong(node, function, span, f"takes {count}, not {got}"))
    if not function.special:
        return _plain(checker, node, function, args)
    if node.name in _LISTS:
        return _loop(checker, node, function, args, span)
    return _SPECIAL[node.name](checker, node, function, args, span)


def _wrong(node: s.Call, function: Function, span: Span, problem: str, fix: Fix | None = None) -> Diagnostic:
    return code.wrong_call(
        span, name=node.name, signature=function.signature(node.name), problem=problem, fix=fix
    )


def _other_form(checker: Checker, node: s.Call, function: Function, span: Span) -> Diagnostic:
    inner = ", ".join(checker.piece(one) for one in node.args)
    if function.method and node.args:
        first, rest = checker.piece(node.args[0]), ", ".join(checker.piece(one) for one in node.args[1:])
        repaired = f"{first}.{node.name}({rest})"
    elif not function.method and node.of is not None:
        first = checker.piece(node.of)
        repaired = f"{node.name}({first}{', ' if inner else ''}{inner})"
    else:
        return _wrong(node, function, span, "a value has to stand before the dot")
    fix = Fix(span=checker.at(node), text=repaired)
    return _wrong(node, function, span, f"write `{repaired}`", fix)


def _plain(checker: Checker, node: s.Call, function: Function, args: tuple[s.Tree, ...]) -> Typed:
    """Arguments of fixed types, in order."""
    cels: list[str] = []
    flows: dict[str, bool] = {}
    for wanted, one in zip(function.params, args, strict=True):
        part = checker.money(one) if wanted == "money" else _argument(checker, one, wanted)
        if part is None:
            return _WRONG
        cels.append(part.number() if wanted == "number" and part.type.kind != "any" else part.cel)
        for name, openly in part.flows.items():
            flows[name] = flows.get(name, False) or openly
    type_ = _PLAIN[function.result]
    if type_.closed:
        flows = dict.fromkeys(flows, False)
    cel = (
        f"{cels[0]}.{node.name}({', '.join(cels[1:])})"
        if function.method
        else f"{node.name}({', '.join(cels)})"
    )
    return Typed(type=type_, cel=cel, flows=flows)


def _argument(checker: Checker, node: s.Tree, wanted: str) -> Typed | None:
    part = checker.certainly(node)
    kind = part.type.kind
    fits = kind == "any" or {
        "number": kind in {"number", "integer"},
        "text": kind in TEXTUAL,
        "[text]": assignable(part.type, listing(nullable(TEXT))),
    }.get(wanted, True)
    if fits:
        return part
    checker.note(code.wrong_type(checker.at(node), wanted=wanted, got=named(part)))
    return None


def _loop(checker: Checker, node: s.Call, function: Function, args: tuple[s.Tree, ...], span: Span) -> Typed:
    if checker.loops >= MOST_LOOPS:
        return checker.note(code.too_big(span, problem=f"lists within lists more than {MOST_LOOPS} deep"))
    items = checker.certainly(args[0])
    if items.type.kind not in {"list", "any"}:
        return checker.note(code.wrong_type(checker.at(args[0]), wanted="a list", got=named(items)))
    name = args[1]
    if not isinstance(name, s.Name) or name.name in ROOTS or checker.is_loop(name.name):
        return checker.note(
            _wrong(node, function, span, "the second word names each entry, and has to be a new name")
        )
    wants_bool = node.name != "map"
    body = checker.loop(
        name.name, items, lambda: checker.boolean(args[2]) if wants_bool else checker.infer(args[2])
    )
    cel = f"{items.cel}.{node.name}({lowered(name.name)}, {body.cel})"
    if node.name == "map":
        return Typed(type=listing(body.type), cel=cel, flows=body.flows)
    if node.name == "filter":
        return Typed(
            type=items.type if items.type.kind == "list" else listing(ANY), cel=cel, flows=items.flows
        )
    return Typed(type=BOOL, cel=cel, flows=dict.fromkeys(items.flows, False))


def _default(
    checker: Checker, node: s.Call, function: Function, args: tuple[s.Tree, ...], span: Span
) -> Typed:
    if not isinstance(args[0], s.Member):
        return checker.note(
            code.never_read_this_way(checker.at(args[0]), path=checker.piece(args[0]), fix=None)
        )
    first, other = checker.softly(args[0]), checker.infer(args[1])
    if checker.diagnostics:
        return _WRONG
    type_ = unify(certain(first.type), other.type)
    if type_ is None and certain(first.type).kind == "money" and checker.fitted(other, MONEY) != other.cel:
        type_ = MONEY
    if type_ is None:
        problem = f"`other` is {named(other)}, the path is {first.type}"
        return checker.note(_wrong(node, function, span, problem))
    if isinstance(other.tree, s.Literal_) and other.tree.kind == "null":
        return Typed(type=nullable(certain(first.type)), cel=first.cel, flows=first.flows)
    if (
        certain(first.type).kind == "choice"
        and isinstance(other.tree, s.Literal_)
        and other.tree.value in first.type.options
    ):
        type_ = certain(first.type)
    flows = {**first.flows, **{n: o or first.flows.get(n, False) for n, o in other.flows.items()}}
    path = checker.fitted(first, certain(type_)) if first.type.kind != "integer" else first.cel
    # dyn: what is missing is null, whatever the type says.
    cel = f"(dyn({first.cel}) != null ? dyn({path}) : dyn({checker.fitted(other, certain(type_))}))"
    return Typed(type=type_, cel=cel, flows=flows)


def _failure(
    checker: Checker, node: s.Call, function: Function, args: tuple[s.Tree, ...], span: Span
) -> Typed:
    from engine.language.paths import Found

    if not checker.in_if:
        return checker.note(_wrong(node, function, span, "is for a step's `if`"))
    checker.handles_failure = True
    if node.name == "always":
        return Typed(type=BOOL, cel="true")
    read = checker._read(Found(path="run.failed-step", type=TEXT, used=1))  # noqa: SLF001  # one class in two files
    return Typed(type=BOOL, cel=f"({read.cel} != '')")


def _sum(checker: Checker, node: s.Call, function: Function, args: tuple[s.Tree, ...], span: Span) -> Typed:
    part = checker.certainly(args[0])
    items = part.type.items or ANY
    if part.type.kind not in {"list", "any"} or certain(items).kind not in {"money", "any"}:
        return checker.note(code.wrong_type(checker.at(args[0]), wanted="[money]", got=named(part)))
    return Typed(type=MONEY, cel=f"sum({part.cel}, '{checker.scope.currency}')", flows=part.flows)


def _text(checker: Checker, node: s.Call, function: Function, args: tuple[s.Tree, ...], span: Span) -> Typed:
    part = checker.certainly(args[0])
    if part.type.kind in {"map", "person", "file", "note", "list"}:
        return checker.note(code.not_text(checker.at(args[0]), type_=named(part)))
    return Typed(type=TEXT, cel=f"text({part.cel})", flows=part.flows)


def _size(checker: Checker, node: s.Call, function: Function, args: tuple[s.Tree, ...], span: Span) -> Typed:
    part = checker.certainly(args[0])
    if part.type.kind not in {*TEXTUAL, "list", "any"}:
        return checker.note(code.wrong_type(checker.at(args[0]), wanted="a text or a list", got=named(part)))
    return Typed(type=INTEGER, cel=f"size({part.cel})", flows=dict.fromkeys(part.flows, False))


def _now(checker: Checker, node: s.Call, function: Function, args: tuple[s.Tree, ...], span: Span) -> Typed:
    return Typed(type=TIME, cel="now_")


def _today(checker: Checker, node: s.Call, function: Function, args: tuple[s.Tree, ...], span: Span) -> Typed:
    return Typed(type=DATE, cel="day(now_, zone_)")


def _day(checker: Checker, node: s.Call, function: Function, args: tuple[s.Tree, ...], span: Span) -> Typed:
    part = checker.certainly(args[0])
    if part.type.kind not in {"time", "date", "any"}:
        return checker.note(code.wrong_type(checker.at(args[0]), wanted="a time", got=named(part)))
    return Typed(type=DATE, cel=f"day({part.cel}, zone_)", flows=dict.fromkeys(part.flows, False))


def _moved(checker: Checker, node: s.Call, function: Function, args: tuple[s.Tree, ...], span: Span) -> Typed:
    part = checker.certainly(args[0])
    literal = part.tree
    known = isinstance(literal, s.Literal_) and written.length(str(literal.value)) is not None
    if not known and part.type.kind not in {"length", "any"}:
        hint = "write a length like '3d'"
        return checker.note(
            code.wrong_type(checker.at(args[0]), wanted="a length", got=named(part), hint=hint)
        )
    sign = -1 if node.name == "ago" else 1
    return Typed(
        type=TIME, cel=f"moved(now_, {part.cel}, zone_, {sign})", flows=dict.fromkeys(part.flows, False)
    )


_SPECIAL = {
    "default": _default,
    "failure": _failure,
    "always": _failure,
    "now": _now,
    "today": _today,
    "day": _day,
    "ago": _moved,
    "ahead": _moved,
    "sum": _sum,
    "text": _text,
    "size": _size,
}
