"""Authored values to arguments: literals get the type their place expects, expressions have to fit it."""

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
    """An argument with all that it reads. `whole` are the paths of which more than a count or a sum remains in it."""

    arg: Arg
    reads: tuple[Read, ...] = ()
    whole: frozenset[str] = frozenset()
    flows: tuple[Flow, ...] = ()
    handles_failure: bool = False


class ValueBuilder:
    """Builds the values of one place and collects diagnostics; a wrong value is None."""

    def __init__(self, source: SourceText, scope: TypeScope) -> None:
        self.source = source
        self.scope = scope
        self.diagnostics: list[Diagnostic] = []

    def note(self, diagnostic: Diagnostic) -> None:
        """Keep a diagnostic."""
        self.diagnostics.append(diagnostic)

    @property
    def wrong(self) -> bool:
        """Whether any diagnostic is an error, not a mere warning."""
        return any(diagnostic.severity is Severity.ERROR for diagnostic in self.diagnostics)

    def for_people(self) -> "ValueBuilder":
        """A builder of words that a person reads; its diagnostics are collected here."""
        builder = ValueBuilder(self.source, replace(self.scope, for_people=True))
        builder.diagnostics = self.diagnostics
        return builder

    def value(self, node: nodes.Node, type_: Type, *, name: str) -> Built | None:
        """Any value where `type_` is expected."""
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
        self.note(_foreign_value(node, type_, self.scope) or type_errors.literal(node, type_))
        return None

    def _expression(self, node: nodes.Scalar, piece: Piece, type_: Type) -> Built | None:
        compiled = self.compiled(node, piece)
        if compiled is None:
            return None
        if spell(compiled.expr.type, type_):
            compiled = replace(compiled, expr=replace(compiled.expr, type=certain(type_)))
        if not assignable(compiled.expr.type, type_):
            self.note(type_errors.result(self.source, node, piece, compiled, type_, self.scope))
            return None
        if type_.kind == "text":
            compiled = replace(compiled, expr=expressions.spoken(compiled.expr, self.scope))
        return self.built_from(node, piece, compiled)

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
            compiled = self.compiled(node, piece)
            if compiled is None or not self._fits_text(node, piece, compiled):
                whole = False
            else:
                parts.append(expressions.spoken(compiled.expr, self.scope))
                built.append(self.built_from(node, piece, compiled))
            at = piece.end
        parts.append(node.text[at:])
        self.diagnostics += foreign_syntax.diagnose_value(self.source, node, self.scope)
        return joined(Text(parts=tuple(part for part in parts if part != "")), built) if whole else None

    def _fits_text(self, node: nodes.Scalar, piece: Piece, compiled: CompiledExpr) -> bool:
        type_ = compiled.expr.type
        span = type_errors.inside(self.source, node, piece)
        if type_.kind in _UNTEXTUAL:
            self.note(code.not_text(span, type_=str(certain(type_))))
            return False
        if type_.nullable:
            self.note(type_errors.missing(self.source, node, piece, compiled))
            return False
        return True

    def compiled(self, node: nodes.Scalar, piece: Piece, *, in_if: bool = False) -> CompiledExpr | None:
        compiled, diagnostics = expressions.compile_piece(self.source, node, piece, self.scope, in_if=in_if)
        self.diagnostics += diagnostics
        return compiled

    def built_from(self, node: nodes.Scalar, piece: Piece, compiled: CompiledExpr) -> Built:
        span = type_errors.inside(self.source, node, piece)
        paths = {read.variable: read.path for read in compiled.expr.reads}
        flows = tuple(
            Flow(path=paths[name], openly=openly, span=span)
            for name, openly in sorted(compiled.flows.items())
            if name in paths
        )
        return Built(
            arg=compiled.expr,
            reads=compiled.expr.reads,
            whole=compiled.whole,
            flows=flows,
            handles_failure=compiled.handles_failure,
        )

    # ------------------------------------------------------------ lists and maps

    def _list(self, node: nodes.Sequence, type_: Type, *, name: str) -> Built | None:
        if type_.kind not in {"list", "any"}:
            self._note_mismatch(node, type_, actual="a list")
            return None
        element_type = type_.items or ANY
        # Null entries are left out, so that `[default(steps.x.outputs.file, null)]` says "if there is one".
        optional = Type(
            kind=element_type.kind,
            items=element_type.items,
            fields=element_type.fields,
            options=element_type.options,
            nullable=True,
        )
        items = [self.value(element, optional, name=name) for element in node.items]
        if any(built is None for built in items):
            return None
        return listed([built for built in items if built is not None])

    def _map(self, node: nodes.Mapping, type_: Type, *, name: str) -> Built | None:
        if type_.kind not in _MAPS:
            self._note_mismatch(node, type_, actual="a map")
            return None
        if type_.kind == "any":
            pairs = [(entry.key, self.value(entry.value, ANY, name=entry.key)) for entry in node.entries]
            return (
                None
                if any(built is None for _, built in pairs)
                else mapped([(key, built) for key, built in pairs if built])
            )
        extra = [type_.field(entry.key) for entry in node.entries] if type_.items is not None else []
        known = fields_of(type_)
        return self.record(
            node,
            (*known, *(field for field in extra if field is not None and field not in known)),
            unknown=lambda span, key, known: code.unknown_field(span, name=key, of=name, known=known),
            missing=lambda span, field: code.wrong_type(
                span,
                expected=f"the field `{field.name}` ({field.type})",
                actual="a map without it",
                hint=f"add `{field.name}:`",
            ),
            at=place(node),
        )

    def _note_mismatch(self, node: nodes.Node, type_: Type, *, actual: str) -> None:
        expected, hint = str(certain(type_)), type_errors.example(type_)
        self.note(code.wrong_type(place(node), expected=expected, actual=actual, hint=hint))

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
        entries = pairs(self, node, fields, unknown=unknown, missing=missing, at=at)
        return None if entries is None else mapped(entries)


def _foreign_value(node: nodes.Scalar, type_: Type, scope: TypeScope) -> Diagnostic | None:
    """The diagnostic of `{{ x }}` where a number or a list is expected."""
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
    """As `ValueBuilder.record`, but with each field by itself."""
    known = {field.name: field for field in fields}
    built_pairs: list[tuple[str, Built]] = []
    good = True
    keys = {entry.key for entry in node.entries} if node else set()
    for entry in node.entries if node else ():
        field = known.get(entry.key)
        if field is None:
            values.note(unknown(entry.key_span, entry.key, [name for name in known if name not in keys]))
            good = False
            continue
        built = values.value(entry.value, of_field(field), name=entry.key)
        good = good and built is not None
        if built is not None:
            built_pairs.append((entry.key, built))
    misspelt = corrections(keys - known.keys(), known.keys() - keys)
    for known_field in fields:
        if known_field.name not in keys | misspelt and not (
            known_field.optional or known_field.type.nullable
        ):
            values.note(missing(at, known_field))
            good = False
    return built_pairs if good else None


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
    compiled = values.compiled(scalar, piece, in_if=True)
    if compiled is None:
        return None
    if compiled.expr.type.kind not in {"bool", "any"} or compiled.expr.type.nullable:
        values.note(type_errors.result(values.source, scalar, piece, compiled, BOOL, values.scope))
        return None
    return values.built_from(scalar, piece, compiled)


def words(values: ValueBuilder, scalar: nodes.Scalar | None, *, name: str) -> Built | None:
    """A key whose text tells one run or item from another; a path without its braces would be the same for all of them."""
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
    compiled, _ = expressions.compile_text(
        values.source, scalar, 0, len(scalar.text), values.scope, in_if=False
    )
    return compiled is not None


def _reads_well(values: ValueBuilder, scalar: nodes.Scalar) -> bool:
    if not scalar.plain or "#" in scalar.text or "{" in scalar.text:
        return False
    compiled, _ = expressions.compile_text(
        values.source, scalar, 0, len(scalar.text), values.scope, in_if=True
    )
    return compiled is not None and compiled.expr.type.kind == "bool"


def joined(arg: Arg, parts: Iterable[Built]) -> Built:
    """An argument composed of others, with all that they read."""
    built_parts = list(parts)
    return Built(
        arg=arg,
        reads=tuple(read for part in built_parts for read in part.reads),
        whole=frozenset().union(*(part.whole for part in built_parts)),
        flows=tuple(flow for part in built_parts for flow in part.flows),
        handles_failure=any(part.handles_failure for part in built_parts),
    )


def listed(items: Sequence[Built]) -> Built:
    """A list; fixed when all its items are."""
    if all(isinstance(built.arg, Fixed) for built in items):
        return Built(arg=Fixed(value=[built.arg.value for built in items if isinstance(built.arg, Fixed)]))
    return joined(ListArg(items=tuple(built.arg for built in items)), items)


def mapped(pairs: Sequence[tuple[str, Built]]) -> Built:
    """A map; fixed when all its values are."""
    if all(isinstance(built.arg, Fixed) for _, built in pairs):
        return Built(
            arg=Fixed(value={key: built.arg.value for key, built in pairs if isinstance(built.arg, Fixed)})
        )
    return joined(
        MapArg(entries=tuple((key, built.arg) for key, built in pairs)), [built for _, built in pairs]
    )
