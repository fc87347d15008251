"""Values written as other template languages write them: what was meant, and where it is."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from engine.language.diagnostics.codes import foreign_syntax as code
from engine.language.expressions import parser
from engine.language.expressions.checker import Checker
from engine.language.expressions.expressions import pieces
from engine.language.text.nodes import Scalar
from engine.language.text.source import SourceText, escaped
from engine.language.types.scope import TypeScope
from engine.language.types.type_syntax import place
from engine.model.definitions.diagnostics import Diagnostic, Fix, Span
from engine.model.text.placeholders import Leftover, leftovers

MAX = 20
"""The most diagnostics of one value, or of one line of a template; the rest are reported once these are mended."""

_WORD = re.compile(r"[A-Za-z_$][\w.$-]*")
_UNTEXTUAL = frozenset({"list", "map", "person", "file", "note"})
_MARKED = "\ufffc"


def masked(text: str) -> str:
    """The text with our own expressions blotted out, so that their insides are not searched."""
    chunks, at = [], 0
    for piece in pieces(text):
        chunks += [text[at : piece.start], _MARKED * (piece.end - piece.start)]
        at = piece.end
    return "".join([*chunks, text[at:]])


def diagnose_value(source: SourceText, node: Scalar, scope: TypeScope) -> Iterator[Diagnostic]:
    """Warnings about the foreign syntax in one authored value."""
    names = [field.name for field in scope.inputs.fields]
    text = masked(node.text)
    begun = False
    for leftover in islice(leftovers(text, names), MAX):
        ends = leftover.inner.startswith(("end", "/"))
        begun = begun or (leftover.block and not ends)
        if leftover.block and ends and begun:
            continue  # reported where it begins
        meant = (
            ""
            if leftover.block or _MARKED in leftover.inner
            else next(_candidates(leftover.inner, scope), "")
        )
        span = _span_in_file(source, node, text, leftover)
        alone = not (node.text[: leftover.start] + node.text[leftover.end :]).strip()
        instead = f"${{{{ {_as_text(meant, scope) if alone else meant} }}}}" if meant else ""
        fix = None
        if span is not None and instead:
            quotes = node.plain and alone
            fix = Fix(span=span, text=f'"{instead}"' if quotes else escaped(source, node, instead))
        yield code.left_as_it_stands(
            span or place(node),
            written=leftover.written.replace(_MARKED, ""),
            hint=_hint(leftover, instead, in_template=False),
            fix=fix,
        )


def meant_expression(text: str, scope: TypeScope) -> str:
    """The expression meant by a value that is foreign syntax and nothing else; empty where that cannot be read here."""
    written_values = list(leftovers(text.strip()))
    if len(written_values) != 1 or written_values[0].written != text.strip() or written_values[0].block:
        return ""
    return next(_candidates(written_values[0].inner, scope, without=frozenset()), "")


def diagnose_line(
    text: str,
    names: Iterable[str],
    locate: Callable[[int, int], Span],
    paired: dict[int, Fix | None],
    line: int,
) -> Iterator[Diagnostic]:
    """Warnings about the foreign syntax in one line of a template, whose values have these names."""
    known = list(names)
    for leftover in islice(leftovers(masked(text), known), MAX):
        if leftover.block and line in paired:
            fix = paired[line]
            if fix is None:
                continue  # the end of a block that is reported at its beginning
            instead = fix.text.split("\n", 1)[0]
        else:
            best = next((name for name in _spellings(leftover.inner) if name in known), "")
            instead = f"${{{{ {best} }}}}" if best and not leftover.block else ""
            fix = Fix(span=locate(leftover.start, leftover.end), text=instead) if instead else None
        written = leftover.written.replace(_MARKED, "")
        hint = _hint(leftover, instead, in_template=True)
        yield code.left_as_it_stands(
            locate(leftover.start, leftover.end), written=written, hint=hint, fix=fix
        )


_BEGIN = re.compile(r"\s*(?:\{%[-+~]?\s*(if|for)\s+(.+?)\s*[-+~]?%\}|\{\{#(if)\s+(.+?)\}\})\s*")
_END = re.compile(r"\s*(?:\{%[-+~]?\s*end(?:if|for)?\s*[-+~]?%\}|\{\{/if\}\})\s*")
_LONGEST = 50
"""The most lines of a block that is mended whole."""
_ELSE = re.compile(r"\{%[-+~]?\s*el(?:se|if)|\{\{\s*else")


def block_fixes(path: str, lines: Sequence[tuple[int, str]]) -> dict[int, Fix | None]:
    """Blocks of other languages on lines of their own: the line where one begins → the fix that rewrites all of it; where it ends → None."""
    fixes: dict[int, Fix | None] = {}
    open_: list[tuple[int, str]] = []
    for index, (number, text) in enumerate(lines):
        begin = _BEGIN.fullmatch(text)
        if begin is not None:
            open_.append((index, f"${{{{ {begin[1] or begin[3]} {begin[2] or begin[4]} }}}}"))
        elif _END.fullmatch(text) and open_:
            first, head = open_.pop()
            if index - first > _LONGEST:
                continue
            body = [line for _, line in lines[first + 1 : index]]
            if any(_ELSE.search(line) for line in body):
                continue
            span = Span(
                path=path,
                line=lines[first][0],
                column=1,
                end_line=number,
                end_column=len(text) + 1,
            )
            fixes[lines[first][0]] = Fix(span=span, text="\n".join([head, *body, "${{ end }}"]))
            fixes[number] = None
    return fixes


def _hint(leftover: Leftover, instead: str, *, in_template: bool) -> str:
    if instead:
        return f"write `{instead}`; `${{{{ '…' }}}}` writes what is meant as it stands"
    if leftover.block and in_template:
        return "blocks are `${{ if … }}`, `${{ for x in … }}` and `${{ end }}`, each on a line of its own; there is no else"
    if leftover.block:
        return "a text chooses by `${{ test ? 'yes' : 'no' }}`, a step by its `if:`"
    inner = leftover.inner.split("|", 1)[0].strip()
    path = inner if _WORD.fullmatch(inner) else "…"
    return f"values are written `${{{{ {path} }}}}`; `${{{{ '…' }}}}` writes what is meant as it stands"


def _spellings(inner: str) -> Iterator[str]:
    """How a name may be spelt here: unchanged, without the path before its last dot, in lower case, with `-` or `_` between words."""
    name = inner.strip().lstrip("$@")
    if not _WORD.fullmatch(name):
        return
    last = name.rpartition(".")[2]
    for spelling in (name, last):
        yield spelling
        yield spelling.lower()
        yield re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", "-", spelling).lower()
        yield re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", spelling).lower()


def _candidates(inner: str, scope: TypeScope, without: frozenset[str] = _UNTEXTUAL) -> Iterator[str]:
    """What may have been meant, as expressions that can be read here."""
    if "|" in inner.replace("||", ""):
        return  # a filter, which would be lost
    whole = inner.strip()
    names = list(dict.fromkeys(_spellings(inner)))
    roots = [f"{root}.{name}" for name in names for root in ("inputs", "event", "item")]
    for candidate in dict.fromkeys([whole, *names, *roots]):
        if _kind(candidate, scope) not in {"", *without}:
            yield candidate


def _kind(text: str, scope: TypeScope) -> str:
    """The kind of type an expression gives; empty where the text is not an expression, or its value may be missing."""
    try:
        tree = parser.parse(text)
    except parser.SyntaxProblem:
        return ""
    checker = Checker(text, scope, lambda _start, _end: _NOWHERE, in_if=False)
    typed = checker.infer(tree)
    return "" if checker.diagnostics or typed.type.nullable else typed.type.kind


_NOWHERE = Span(path="")


def _as_text(text: str, scope: TypeScope) -> str:
    return f"text({text})" if _kind(text, scope) in {"number", "integer", "bool", "money"} else text


def _span_in_file(source: SourceText, node: Scalar, text: str, leftover: Leftover) -> Span | None:
    """Where it is in the file: the same occurrence of the same characters, counted from the value's beginning. None where that is unsure."""
    span = node.span
    written = escaped(source, node, node.text[leftover.start : leftover.end])
    preceding = text.count(leftover.written, 0, leftover.start)
    for number in range(span.line, min(span.end_line, len(source.lines)) + 1):
        line = source.line(number)
        at = line.find(written, span.column - 1 if number == span.line else 0)
        while at >= 0:
            if preceding == 0:
                return Span(
                    path=span.path,
                    line=number,
                    column=at + 1,
                    end_line=number,
                    end_column=at + 1 + len(written),
                )
            preceding -= 1
            at = line.find(written, at + 1)
    return None
