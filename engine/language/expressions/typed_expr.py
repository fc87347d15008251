"""A typed part of an expression, and how parts combine."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.language.expressions import parser as s
from engine.language.text import scalars
from engine.model.definitions.types import ANY, MONEY, Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A part of an expression: its type, its text in the plan, and which variables' data its value carries.

    `flows` maps a variable to whether it travels openly: False once only a closed type (a bool, a number) of it is left.
    """

    type: Type
    cel: str
    flows: Mapping[str, bool] = field(default_factory=dict)
    tree: s.Tree | None = None

    def number(self) -> str:
        """The text as a double: a literal without a point is a number wherever a number is wanted."""
        if self.type.kind == "number":
            return self.cel
        if isinstance(self.tree, s.Literal_) and self.tree.kind == "integer":
            return f"{float(self.tree.value or 0)!r}"
        return f"double({self.cel})"


WRONG = Typed(type=ANY, cel="null")
"""Stands for a part that has its diagnostic already, so that it brings no second one."""


def joined(*parts: Typed) -> dict[str, bool]:
    """The data of all parts together."""
    flows: dict[str, bool] = {}
    for part in parts:
        for name, openly in part.flows.items():
            flows[name] = flows.get(name, False) or openly
    return flows


def closed(*parts: Typed) -> dict[str, bool]:
    """The same data where only a closed value of it is left."""
    return dict.fromkeys(joined(*parts), False)


def named(part: Typed) -> str:
    """A part in a message: a literal as written, else its type."""
    if isinstance(part.tree, s.Literal_):
        return f"`{part.tree.value}`" if part.tree.kind != "null" else "`null`"
    return str(part.type)


def quoted(text: str) -> str:
    """A text as a literal."""
    escaped = (
        text.replace("\\", "\\\\")
        .replace("'", "\\'")
        .replace("\n", "\\n")
        .replace("\r", "\\r")
        .replace("\t", "\\t")
    )
    return "'" + "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in escaped) + "'"


_SPELLED = frozenset({"money", "length", "date", "email", "url"})


def spell(words: Type, type_: Type) -> bool:
    """Whether each of a closed set of words is a value of a type: `rush ? '2d' : '7d'` is a length, whichever it is."""
    return (
        words.kind == "choice"
        and not words.nullable
        and type_.kind in _SPELLED
        and all(scalars.of_type(option, type_, plain=False)[0] for option in words.options)
    )


def written_amount(part: Typed) -> str | None:
    """The text of an amount written as a literal text; None for anything else."""
    if not isinstance(part.tree, s.Literal_) or part.tree.kind != "text":
        return None
    good, value = scalars.of_type(str(part.tree.value), MONEY, plain=False)
    if not good:
        return None
    return f"{{'minor': {value['minor']}, 'currency': {quoted(value['currency'])}}}"
