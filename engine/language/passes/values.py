"""Authored values to arguments: literals take the type their place asks for, expressions have to fit it."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from engine.language.diagnostics.codes import references as code
from engine.language.expressions import expressions
from engine.language.expressions.expressions import CompiledExpr, Piece
from engine.language.expressions.typed_expr import spell
from engine.language.passes import type_errors
from engine.language.templates import foreign_syntax
from engine.language.text import nodes, scalars
from engine.language.text.source import SourceText
from engine.language.text.suggest import corrections
from engine.language.types.assignability import assignable, of_field
from engine.language.types.scope import TypeScope, fields_of
from engine.language.types.type_syntax import certain, place
from engine.model.definitions.diagnostics import Diagnostic, Fix, Severity, Span
from engine.model.definitions.plan import Arg, Expr, Fixed, ListArg, MapArg, Read, Text
from engine.model.definitions.types import ANY, BOOL, TEXT, Field, Type

Unknown = Callable[[Span, str, list[str]], Diagnostic]
Missing = Callable[[Span, Field], Diagnostic]

_MAPS = frozenset({"map", "person", "file", "note", "any"})
MAX_PIECES = 100
"""Expressions in one text: more is a template."""
_IN_TEXT = frozenset({"text", "any", "url", "email"})
_UNTEXTUAL = frozenset({"list", "map", "person", "file", "note"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Data that reaches a value: the path it was read at, whether openly (as free text), and the expression's place."""

    path: str
    openly: bool
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An argument with all that it reads. `whole` are the paths of which more than a count or a sum is left in it."""

    arg: Arg
    reads: tuple[Read, ...] = ()
    whole: frozenset[str] = frozenset()
    flows: tuple[Flow, ...] = ()
    handles_failure: bool = False


class ValueBuilder:
    """Builds the values of one place. What is wrong is collected; a wrong value is None."""

    def __init__(self, source: SourceText, scope: TypeScope) -> None:
        self.source = source
        self.scope = scope
        self.diagnostics: list[Diagnostic] = []

    def note(self, diagnostic: Diagnostic) -> None:
        """Keep a diagnostic."""
        self.diagnostics.append(diagnostic)

    @property
    def wrong(self) -> bool:
        """Whether something is an error, and no mere warning."""
        return any(one.severity is Severity.ERROR for one in self.diagnostics)

    def for_people(self) -> "ValueBuilder":
        """Builds words that somebody reads; what is wrong is collected here."""
        found = ValueBuilder(self.source, replace(self.scope, for_people=True))
        found.diagnostics = self.diagnostics
        return found

    def value(self, node: nodes.Node, type_: Type, *, name: str) -> Built | None:
        """Any value where `type_` is wanted."""
        match node:
            case nodes.Scalar():
                return self._scalar(node, type_)
            case nodes.Sequence():
                return self._list(node, type_, name=name)
            case nodes.Mapping():
                return self._map(node, type_, name=name)

    # ------------------------------------------------------------ characters

    def _scalar(self, node: nodes.Scalar, type_: Type) -> Built | None:
        if "${{" in node.text:
            piece = expressions.whole(node.text)
            return self._expression(node, piece, type_) if piece else self._text(node, type_)
        if node.plain and scalars.is_null(node.text):
            if type_.nullable or type_.kind == "any":
                return Built(arg=Fixed(value=None))
            self.note(
                code.wrong_type(
                    place(node), expected=str(type_), actual="nothing", hint=type_errors.example(type_)
                )
            )
            return None
        good, value = scalars.of_type(node.text, type_, plain=node.plain)
        if good and not (type_.kind in {"bool", "number", "integer"} and not node.plain):
            self.diagnostics += foreign_syntax.diagnose_value(self.source, node, self.scope)
            return Built(arg=Fixed(value=value))
        self.note(_meant(node, type_, self.scope) or type_errors.literal(node, type_))
        return None

    def _expression(self, node: nodes.Scalar, piece: Piece, type_: Type) -> Built | None:
        found = self.compiled(node, piece)
        if found is None:
            return None
        if spell(found.expr.type, type_):
            found = replace(found, expr=replace(found.expr, type=certain(type_)))
        if not assignable(found.expr.type, type_):
            self.note(type_errors.result(self.source, node, piece, found, type_, self.scope))
            return None
        if type_.kind == "text":
            found = replace(found, expr=expressions.spoken(found.expr, self.scope))
        return self.of(node, piece, found)

    def _text(self, node: nodes.Scalar, type_: Type) -> Built | None:
        if type_.kind not in _IN_TEXT:
            self.note(
                code.wrong_type(
                    place(node),
                    expected=str(certain(type_)),
                    actual="text with expressions inside",
                    hint="write one `${{ … }}` and nothing else",
                )
            )
            return None
        pieces = expressions.pieces(node.text)
        if len(pieces) > MAX_PIECES:
            problem = f"{len(pieces)} expressions in one text; {MAX_PIECES} are read"
            self.note(code.too_big(place(node), problem=problem))
            return None
        parts: list[str | Expr] = []
        built: list[Built] = []
        at, whole = 0, True
        for piece in pieces:
            parts.append(node.text[at : piece.start])
            found = self.compiled(node, piece)
            if found is None or not self._fits_text(node, piece, found):
                whole = False
            else:
                parts.append(expressions.spoken(found.expr, self.scope))
                built.append(self.of(node, piece, found))
            at = piece.end
        parts.append(node.text[at:])
        self.diagnostics += foreign_syntax.diagnose_value(self.source, node, self.scope)
        return joined(Text(parts=tuple(one for one in parts if one != "")), built) if whole else None

    def _fits_text(self, node: nodes.Scalar, piece: Piece, found: CompiledExpr) -> bool:
        type_ = found.expr.type
        span = type_errors.inside(self.source, node, piece)
        if type_.kind in _UNTEXTUAL:
            self.note(code.not_text(span, type_=str(certain(type_))))
            return False
        if type_.nullable:
            self.note(type_errors.missing(self.source, node, piece, found))
            return False
        return True

    def compiled(self, node: nodes.Scalar, piece: Piece, *, in_if: bool = False) -> CompiledExpr | None:
        found, diagnostics = expressions.compile_piece(self.source, node, piece, self.scope, in_if=in_if)
        self.diagnostics += diagnostics
        return found

    def of(self, node: nodes.Scalar, piece: Piece, found: CompiledExpr) -> Built:
        span = type_errors.inside(self.source, node, piece)
        paths = {one.variable: one.path for one in found.expr.reads}
        flows = tuple(
            Flow(path=paths[name], openly=openly, span=span)
            for name, openly in sorted(found.flows.items())
            if name in paths
        )
        return Built(
            arg=found.expr,
            reads=found.expr.reads,
            whole=found.whole,
            flows=flows,
            handles_failure=found.handles_failure,
        )

    # ------------------------------------------------------------ lists and maps

    def _list(self, node: nodes.Sequence, type_: Type, *, name: str) -> Built | None:
        if type_.kind not in {"list", "any"}:
            self.note(
                code.wrong_type(
                    place(node),
                    expected=str(certain(type_)),
                    actual="a list",
                    hint=type_errors.example(type_),
                )
            )
            return None
        wanted = type_.items or ANY
        # Null entries are left out, so that `[default(steps.x.outputs.file, null)]` says "if there is one".
        optional = Type(
            kind=wanted.kind, items=wanted.items, fields=wanted.fields, options=wanted.options, nullable=True
        )
        items = [self.value(one, optional, name=name) for one in node.items]
        if any(one is None for one in items):
            return None
        return listed([one for one in items if one is not None])

    def _map(self, node: nodes.Mapping, type_: Type, *, name: str) -> Built | None:
        if type_.kind not in _MAPS:
            self.note(
                code.wrong_type(
                    place(node), expected=str(certain(type_)), actual="a map", hint=type_errors.example(type_)
                )
            )
            return None
        if type_.kind == "any":
            pairs = [(entry.key, self.value(entry.value, ANY, name=entry.key)) for entry in node.entries]
            return (
                None
                if any(one is None for _, one in pairs)
                else mapped([(key, one) for key, one in pairs if one])
            )
        extra = [type_.field(entry.key) for entry in node.entries] if type_.items is not None else []
        known = fields_of(type_)
        return self.record(
            node,
            (*known, *(one for one in extra if one is not None and one not in known)),
            unknown=lambda span, key, known: code.unknown_field(span, name=key, of=name, known=known),
            missing=lambda span, one: code.wrong_type(
                span,
                expected=f"the field `{one.name}` ({one.type})",
                actual="a map without it",
                hint=f"add `{one.name}:`",
            ),
            at=place(node),
        )

    def record(
        self,
        node: nodes.Mapping | None,
        fields: Sequence[Field],
        *,
        unknown: Unknown,
        missing: Missing,
        at: Span,
    ) -> Built | None:
        """A map with declared fields; `unknown` and `missing` make its diagnostics."""
        found = pairs(self, node, fields, unknown=unknown, missing=missing, at=at)
        return None if found is None else mapped(found)


def _meant(node: nodes.Scalar, type_: Type, scope: TypeScope) -> Diagnostic | None:
    """`{{ x }}` where a number or a list is wanted."""
    meant = foreign_syntax.meant_expression(node.text, scope)
    if not meant:
        return None
    fix = Fix(span=node.span, text=f'"${{{{ {meant} }}}}"') if '"' not in meant else None
    hint = f"values are written `${{{{ {meant} }}}}`"
    return code.wrong_type(
        place(node), expected=str(certain(type_)), actual=f"`{node.text.strip()}`", hint=hint, fix=fix
    )


def pairs(
    values: ValueBuilder,
    node: nodes.Mapping | None,
    fields: Sequence[Field],
    *,
    unknown: Unknown,
    missing: Missing,
    at: Span,
) -> list[tuple[str, Built]] | None:
    """As `record`, the fields one by one."""
    known = {one.name: one for one in fields}
    found: list[tuple[str, Built]] = []
    good = True
    given = {entry.key for entry in node.entries} if node else set()
    for entry in node.entries if node else ():
        field = known.get(entry.key)
        if field is None:
            values.note(unknown(entry.key_span, entry.key, [one for one in known if one not in given]))
            good = False
            continue
        built = values.value(entry.value, of_field(field), name=entry.key)
        good = good and built is not None
        if built is not None:
            found.append((entry.key, built))
    misspelt = corrections(given - known.keys(), known.keys() - given)
    for one in fields:
        if one.name not in given | misspelt and not (one.optional or one.type.nullable):
            values.note(missing(at, one))
            good = False
    return found if good else None


def condition(values: ValueBuilder, scalar: nodes.Scalar) -> Built | None:
    """An `if`: one expression, with or without its braces written, that gives a bool."""
    piece = expressions.whole(scalar.text)
    if piece is None and "${{" in scalar.text:
        values.note(
            code.wrong_type(
                place(scalar),
                expected="bool",
                actual="text with an expression inside",
                hint="write one `${{ … }}`",
            )
        )
        return None
    if piece is None:
        truth = scalars.boolean(scalar.text.strip())
        if truth is not None:
            return Built(arg=Expr(cel=scalar.text.strip(), written=scalar.text.strip(), type=BOOL))
        meant = foreign_syntax.meant_expression(scalar.text, values.scope)
        fix = Fix(span=scalar.span, text=f"${{{{ {scalar.text} }}}}") if _reads_well(values, scalar) else None
        fix = Fix(span=scalar.span, text=f'"${{{{ {meant} }}}}"') if meant and '"' not in meant else fix
        values.note(
            code.wrong_type(
                place(scalar), expected="bool", actual="text", hint="write it as `${{ … }}`", fix=fix
            )
        )
        return None
    found = values.compiled(scalar, piece, in_if=True)
    if found is None:
        return None
    if found.expr.type.kind not in {"bool", "any"} or found.expr.type.nullable:
        values.note(type_errors.result(values.source, scalar, piece, found, BOOL, values.scope))
        return None
    return values.of(scalar, piece, found)


def words(values: ValueBuilder, scalar: nodes.Scalar | None, *, name: str) -> Built | None:
    """A key whose text tells one run or item from another: a path without its braces would be the same for all of them."""
    if scalar is None:
        return None
    bare = scalar.text.strip()
    if _PATH.match(bare) is not None and _compiles(values, scalar):
        fix = Fix(span=scalar.span, text=f'"${{{{ {bare} }}}}"') if '"' not in bare else None
        values.note(
            code.wrong_type(
                place(scalar),
                expected="an expression",
                actual=f"the words `{bare}` themselves",
                hint="write it as `${{ … }}`",
                fix=fix,
            )
        )
        return None
    return values.value(scalar, TEXT, name=name)


_PATH = re.compile(r"(?:event|inputs|item|steps|gates)\.[a-z][^:/@]*$")


def _compiles(values: ValueBuilder, scalar: nodes.Scalar) -> bool:
    found, _ = expressions.compile_text(values.source, scalar, 0, len(scalar.text), values.scope, in_if=False)
    return found is not None


def _reads_well(values: ValueBuilder, scalar: nodes.Scalar) -> bool:
    if not scalar.plain or "#" in scalar.text or "{" in scalar.text:
        return False
    found, _ = expressions.compile_text(values.source, scalar, 0, len(scalar.text), values.scope, in_if=True)
    return found is not None and found.expr.type.kind == "bool"


def joined(arg: Arg, parts: Iterable[Built]) -> Built:
    """An argument made of others."""
    found = list(parts)
    return Built(
        arg=arg,
        reads=tuple(read for one in found for read in one.reads),
        whole=frozenset().union(*(one.whole for one in found)),
        flows=tuple(flow for one in found for flow in one.flows),
        handles_failure=any(one.handles_failure for one in found),
    )


def listed(items: Sequence[Built]) -> Built:
    """A list; fixed when all its items are."""
    if all(isinstance(one.arg, Fixed) for one in items):
        return Built(arg=Fixed(value=[one.arg.value for one in items if isinstance(one.arg, Fixed)]))
    return joined(ListArg(items=tuple(one.arg for one in items)), items)


def mapped(pairs: Sequence[tuple[str, Built]]) -> Built:
    """A map; fixed when all its values are."""
    if all(isinstance(one.arg, Fixed) for _, one in pairs):
        return Built(
            arg=Fixed(value={key: one.arg.value for key, one in pairs if isinstance(one.arg, Fixed)})
        )
    return joined(MapArg(entries=tuple((key, one.arg) for key, one in pairs)), [one for _, one in pairs])
