"""Expressions inside a template: their roots are the template's own values and the names of its loops."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from engine.language.diagnostics.codes import config_files
from engine.language.diagnostics.codes import references as code
from engine.language.expressions import parser as syntax
from engine.language.expressions.checker import Checker, Typed
from engine.language.expressions.currencies import clashes
from engine.language.expressions.expressions import spoken, unreadable
from engine.language.expressions.paths import Locate
from engine.language.types.scope import TypeScope
from engine.language.types.type_syntax import certain
from engine.model.definitions.diagnostics import Diagnostic, Fix, Span
from engine.model.definitions.plan import Expr
from engine.model.definitions.types import ANY, Field, Type

ROOT = "inputs"
"""Values are checked and bound as the fields of this root, which no template writes."""

_CONTAINERS = frozenset({"list", "map", "person", "file", "note"})
_LOOPS = frozenset({"map", "filter", "exists", "all"})
_CLOCK = frozenset({"now", "today", "ago", "ahead"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Blanks:
    """What can be read at one place of a template, and where mistakes are noted."""

    values: Mapping[str, Field]
    loops: Mapping[str, Type]
    note: Callable[[Diagnostic], None]
    language: str = ""

    def text(self, written: str, locate: Locate) -> Expr | None:
        """A value inside words: not a list or map, and never missing."""
        inferred = self._typed(written, locate)
        if inferred is None:
            return None
        tree, typed, expr, checker = inferred
        kind = certain(typed.type).kind
        if kind in _CONTAINERS:
            self.note(code.not_text(checker.at(tree), type_=str(certain(typed.type))))
            return None
        if typed.type.nullable:
            fix = checker.defaulted(tree, certain(typed.type))
            self.note(code.may_be_missing(checker.at(tree), path=checker.piece(tree), fix=fix))
            return None
        return spoken(expr, checker.scope)

    def condition(self, written: str, locate: Locate) -> Expr | None:
        """What an `if` asks."""
        inferred = self._typed(written, locate)
        if inferred is None:
            return None
        tree, typed, expr, checker = inferred
        if typed.type.kind in {"bool", "any"} and not typed.type.nullable:
            return expr
        hint, fix = "compare it with something", None
        if typed.type.kind == "list" and not typed.type.nullable:
            fix = Fix(span=checker.at(tree), text=f"size({checker.piece(tree)}) > 0")
            hint = f"write `{fix.text}`"
        self.note(
            config_files.wrong_type(
                checker.at(tree),
                message=f"`if` asks a yes or no, this is {_type_name(typed)}",
                hint=hint,
                fix=fix,
            )
        )
        return None

    def items(self, written: str, locate: Locate) -> Expr | None:
        """What a `for` goes through; a list that is missing has no entries."""
        inferred = self._typed(written, locate)
        if inferred is None:
            return None
        tree, typed, expr, checker = inferred
        if typed.type.kind in {"list", "any"}:
            return expr
        lists = sorted(name for name, field in self.values.items() if field.type.kind == "list")
        hint = f"lists here: {', '.join(lists)}" if lists else "declare it as a list: `name: [text]`"
        self.note(
            config_files.wrong_type(
                checker.at(tree), message=f"`for` needs a list, this is {_type_name(typed)}", hint=hint
            )
        )
        return None

    def _typed(self, written: str, locate: Locate) -> tuple[syntax.Tree, Typed, Expr, Checker] | None:
        text = written.strip()
        base = len(written) - len(written.lstrip())

        def place(start: int, end: int) -> Span:
            return locate(base + start, base + end)

        if not text:
            self.note(code.bad_expression(locate(0, max(len(written), 1)), problem="it is empty"))
            return None
        try:
            written_tree = syntax.parse(text)
        except syntax.SyntaxProblem as problem:
            self.note(unreadable(problem, place))
            return None
        unknown: list[Diagnostic] = []
        tree = self._rooted(written_tree, frozenset(), place, unknown)
        checker = Checker(text, self._scope(), place, in_if=False)
        typed = checker.infer(tree)
        if wrong := unknown or checker.diagnostics or clashes(written_tree, place):
            for diagnostic in wrong:
                self.note(_unrooted(diagnostic))
            return None
        reads = tuple(sorted(checker.reads.values(), key=lambda read: read.path))
        return tree, typed, Expr(cel=typed.cel, written=text, type=typed.type, reads=reads), checker

    def _scope(self) -> TypeScope:
        loops = tuple(Field(name=name, type=type_) for name, type_ in self.loops.items())
        inputs = Type(kind="map", fields=(*self.values.values(), *loops))
        return TypeScope(inputs=inputs, now_only=True, language=self.language, for_people=True)

    def _rooted(
        self, tree: syntax.Tree, bound: frozenset[str], place: Locate, unknown: list[Diagnostic]
    ) -> syntax.Tree:
        """The tree with every free name as a field of the one root."""

        def go(node: syntax.Tree, loop_names: frozenset[str] = frozenset()) -> syntax.Tree:
            return self._rooted(node, bound | loop_names, place, unknown)

        match tree:
            case syntax.Literal_():
                return tree
            case syntax.Name():
                if tree.name in bound:
                    return tree
                known = [*self.values, *self.loops]
                if tree.name not in known:
                    unknown.append(
                        code.unknown_root(place(tree.start, tree.end), name=tree.name, known=known)
                    )
                root = syntax.Name(name=ROOT, start=tree.start, end=tree.end)
                return syntax.Member(of=root, name=tree.name, at=tree.start, start=tree.start, end=tree.end)
            case syntax.Member() | syntax.Unary():
                return replace(tree, of=go(tree.of))
            case syntax.IndexExpr():
                return replace(tree, of=go(tree.of), key=go(tree.key))
            case syntax.Binary():
                return replace(tree, left=go(tree.left), right=go(tree.right))
            case syntax.Choice():
                return replace(tree, test=go(tree.test), yes=go(tree.yes), no=go(tree.no))
            case syntax.ListOf():
                return replace(tree, items=tuple(map(go, tree.items)))
            case syntax.MapOf():
                return replace(tree, entries=tuple((key, go(value)) for key, value in tree.entries))
            case syntax.CallExpr():
                if tree.name in _CLOCK:
                    unknown.append(
                        config_files.no_clock(place(tree.at, tree.at + len(tree.name)), name=tree.name)
                    )
                of = None if tree.of is None else go(tree.of)
                head = tree.args[0] if tree.args else None
                if of is not None and tree.name in _LOOPS and isinstance(head, syntax.Name):
                    loop_variable = frozenset({head.name})
                    return replace(
                        tree, of=of, args=(head, *(go(argument, loop_variable) for argument in tree.args[1:]))
                    )
                return replace(tree, of=of, args=tuple(map(go, tree.args)))


def _type_name(typed: Typed) -> str:
    return f"{certain(typed.type)} that may be missing" if typed.type.nullable else str(typed.type)


def _unrooted(diagnostic: Diagnostic) -> Diagnostic:
    """The message in the author's words, without the root that was put in front."""
    prefix = f"`{ROOT}."
    return replace(
        diagnostic, message=diagnostic.message.replace(prefix, "`"), hint=diagnostic.hint.replace(prefix, "`")
    )


ANYTHING = Expr(cel="[]", written="[]", type=Type(kind="list", items=ANY))
"""Takes the place of a list that has its diagnostic already."""
