"""The text of one expression to a tree: CEL's grammar without messages, bytes and unsigned numbers, with kebab names.

After the dot of a root or a variable a hyphen without spaces belongs to the name; subtraction needs spaces.
"""

import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, TypeAlias, TypeVar

_T = TypeVar("_T")

MAX_CHARACTERS = 500
MAX_DEPTH = 24
MAX_LOWERED_DEPTH = 100
"""Of a lowered text: conversions and parentheses add some levels to each that was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spanned:
    """A part of a tree and the range of its characters."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal_(Spanned):  # noqa: N801 - `Literal` is typing's
    """A written value. `kind` is how it was written: an `integer` may still be lifted to a number."""

    kind: Literal["text", "integer", "number", "bool", "null"]
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Name(Spanned):
    """A root, or the variable of a comprehension."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(Spanned):
    """`of.name`; `at` is where the name begins."""

    of: "Tree"
    name: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexExpr(Spanned):
    """`of[key]`."""

    of: "Tree"
    key: "Tree"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallExpr(Spanned):
    """`name(…)` or `of.name(…)`; `at` is where the name begins."""

    name: str
    of: "Tree | None"
    args: tuple["Tree", ...]
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unary(Spanned):
    """`!x` or `-x`."""

    op: str
    of: "Tree"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary(Spanned):
    """`left op right`; `at` is where the operator begins."""

    op: str
    left: "Tree"
    right: "Tree"
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Spanned):
    """`test ? yes : no`."""

    test: "Tree"
    yes: "Tree"
    no: "Tree"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf(Spanned):
    """`[a, b]`."""

    items: tuple["Tree", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapOf(Spanned):
    """`{'a': b}`; keys are written texts."""

    entries: tuple[tuple[str, "Tree"], ...]


Tree: TypeAlias = Literal_ | Name | Member | IndexExpr | CallExpr | Unary | Binary | Choice | ListOf | MapOf


class SyntaxProblem(Exception):
    """Raised inside this module's callers only: where and why the text is not an expression; `repair` is (start, end, text)."""

    def __init__(
        self, message: str, start: int, end: int, repair: tuple[int, int, str] | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.start, self.end, self.repair = message, start, end, repair


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<number>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)
    |(?P<integer>\d+)
    |(?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<op>&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}])""",
    re.VERBOSE,
)
_KEBAB = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*")
_ESCAPE = re.compile(r"\\(U[0-9A-Fa-f]{8}|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "`": "`", "?": "?"}
_REPAIRS = {"=": "==", "&": "&&", "|": "||", "and": "&&", "or": "||", "not": "!"}


def parse(text: str) -> Tree:
    """The tree of an expression. Raises SyntaxProblem."""
    if len(text) > MAX_CHARACTERS:
        raise SyntaxProblem(f"{len(text)} characters; {MAX_CHARACTERS} are read", 0, len(text))
    tokens = _tokens(text)
    tree = _whole(_Parser(tokens))
    # No tree is higher than it has tokens.
    if len(tokens) > MAX_DEPTH and _height(tree) > MAX_DEPTH:
        raise SyntaxProblem(f"nested more than {MAX_DEPTH} deep", tree.start, tree.end)
    return tree


def parse_lowered(text: str) -> Tree:
    """The tree of a text that the checker wrote: its names hold no hyphens, its numbers up to 19 digits. Raises SyntaxProblem."""
    return _whole(_Parser(_tokens(text, kebab=False), depth=MAX_LOWERED_DEPTH, digits=19))


def _whole(parser: "_Parser") -> Tree:
    tree = parser.expression(0)
    if (token := parser.peek()) is not None:
        raise SyntaxProblem(*_unexpected(token, "an operator or the end"))
    return tree


def children(node: Tree) -> tuple[Tree, ...]:
    """The parts of a tree, in order."""
    match node:
        case MapOf():
            return tuple(value for _, value in node.entries)
        case ListOf():
            return node.items
        case CallExpr():
            return node.args if node.of is None else (node.of, *node.args)
        case _:
            return tuple(getattr(node, name) for name in _CHILDREN.get(type(node), ()))


_CHILDREN: dict[type, tuple[str, ...]] = {
    Member: ("of",), Unary: ("of",), IndexExpr: ("of", "key"), Binary: ("left", "right"), Choice: ("test", "yes", "no"),
}  # fmt: skip


def _height(tree: Tree) -> int:
    highest = 0
    waiting = [(tree, 1)]
    while waiting:
        node, level = waiting.pop()
        highest = max(highest, level)
        waiting.extend((child, level + 1) for child in children(node))
    return highest


def _tokens(text: str, *, kebab: bool = True) -> list[_Token]:
    tokens: list[_Token] = []
    index = 0
    while index < len(text):
        after_dot = kebab and bool(tokens) and tokens[-1].text == "." and tokens[-1].end == index
        match = _KEBAB.match(text, index) if after_dot else _TOKEN.match(text, index)
        if match is None:
            raise _lexical(text, index)
        kind = "name" if after_dot else str(match.lastgroup)
        if kind != "space":
            tokens.append(_Token(kind=kind, text=match[0], start=index, end=match.end()))
        index = match.end()
    return tokens


def _lexical(text: str, index: int) -> SyntaxProblem:
    char = text[index]
    if char in "'\"":
        return SyntaxProblem("a text without its closing quote", index, len(text))
    if char in _REPAIRS:
        word = _REPAIRS[char]
        return SyntaxProblem(
            f"`{char}` alone means nothing here; write `{word}`", index, index + 1, (index, index + 1, word)
        )
    return SyntaxProblem(f"`{char}` means nothing here", index, index + 1)


def _unexpected(token: _Token, expected: str) -> tuple[str, int, int, tuple[int, int, str] | None]:
    word = _REPAIRS.get(token.text) if token.kind == "name" else None
    if word is not None:
        message = f"`{token.text}` is no operator here; write `{word}`"
        return message, token.start, token.end, (token.start, token.end, word)
    return f"`{token.text}` where {expected} should stand", token.start, token.end, None


def unescaped(text: str) -> str:
    """The content of a written text."""

    def character(match: re.Match[str]) -> str:
        body = match[1]
        if body[0] in "Uux" and len(body) > 1:
            code = int(body[1:], 16)
            sound = 0 < code < 0xD800 or 0xDFFF < code <= sys.maxunicode
            return chr(code) if sound else "\ufffd"
        return _ESCAPES.get(body, body)

    return _ESCAPE.sub(character, text[1:-1])


_LEVELS: dict[str, int] = {
    "||": 2, "&&": 3, "==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4, "in": 4, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6,
}  # fmt: skip


class _Parser:
    """Precedence climbing with a depth cap, so that no text can exhaust the stack."""

    def __init__(self, tokens: list[_Token], *, depth: int = MAX_DEPTH, digits: int = 15) -> None:
        self.tokens = tokens
        self.index = 0
        self.depth = 0
        self.max_depth = depth
        self.max_digits = digits

    def _deeper(self, index: int) -> None:
        self.depth += 1
        if self.depth > self.max_depth:
            token = self.tokens[min(index, len(self.tokens) - 1)]
            raise SyntaxProblem(f"nested more than {self.max_depth} deep", token.start, token.end)

    def peek(self) -> _Token | None:
        """The next token."""
        return self.tokens[self.index] if self.index < len(self.tokens) else None

    def at(self, text: str) -> bool:
        """Whether the next token is this operator."""
        if self.index >= len(self.tokens):
            return False
        token = self.tokens[self.index]
        return token.text == text and token.kind != "text"

    def take(self, expected: str) -> _Token:
        """The next token, whatever it is."""
        token = self.peek()
        if token is None:
            end = self.tokens[-1].end if self.tokens else 0
            raise SyntaxProblem(f"it ends where {expected} should stand", max(end - 1, 0), max(end, 1))
        self.index += 1
        return token

    def expect(self, text: str) -> _Token:
        """The next token, which has to be this operator."""
        token = self.take(f"`{text}`")
        if token.text != text or token.kind == "text":
            raise SyntaxProblem(*_unexpected(token, f"`{text}`"))
        return token

    def expression(self, level: int) -> Tree:
        """An expression whose operators bind at least as tightly as `level`."""
        self._deeper(self.index)
        left = self._unary()
        while (
            (token := self.peek()) is not None
            and token.kind in {"op", "name"}
            and _LEVELS.get(token.text, 0) >= max(level, 2)
        ):
            self.index += 1
            right = self.expression(_LEVELS[token.text] + 1)
            left = Binary(
                op=token.text, left=left, right=right, at=token.start, start=left.start, end=right.end
            )
        if level <= 1 and self.at("?"):
            self.index += 1
            yes = self.expression(2)
            self.expect(":")
            no = self.expression(1)
            left = Choice(test=left, yes=yes, no=no, start=left.start, end=no.end)
        self.depth -= 1
        return left

    def _unary(self) -> Tree:
        token = self.take("a value")
        if token.kind == "op" and token.text in {"!", "-"}:
            self._deeper(self.index - 1)
            of = self._unary()
            self.depth -= 1
            if token.text == "-" and isinstance(of, Literal_) and of.kind in {"integer", "number"}:
                return replace(of, value=-of.value, start=token.start)  # type: ignore[operator]  # a number by its kind
            return Unary(op=token.text, of=of, start=token.start, end=of.end)
        return self._members(self._primary(token))

    def _members(self, of: Tree) -> Tree:
        steps = 0
        while self.at(".") or self.at("["):
            steps += 1
            if steps > MAX_DEPTH:
                raise SyntaxProblem(f"more than {MAX_DEPTH} dots in a row", of.start, of.end)
            if self.take("`.`").text == ".":
                name = self.take("a name")
                if name.kind != "name":
                    raise SyntaxProblem(*_unexpected(name, "a name"))
                if self.at("("):
                    args, end = self._arguments()
                    of = CallExpr(name=name.text, of=of, args=args, at=name.start, start=of.start, end=end)
                else:
                    of = Member(of=of, name=name.text, at=name.start, start=of.start, end=name.end)
            else:
                key = self.expression(0)
                of = IndexExpr(of=of, key=key, start=of.start, end=self.expect("]").end)
        return of

    def _separated(self, close: str, part: Callable[[], _T]) -> tuple[tuple[_T, ...], int]:
        parts: list[_T] = []
        while not self.at(close):
            parts.append(part())
            if not self.at(close):
                self.expect(",")
        return tuple(parts), self.expect(close).end

    def _arguments(self) -> tuple[tuple[Tree, ...], int]:
        self.expect("(")
        return self._separated(")", lambda: self.expression(0))

    def _primary(self, token: _Token) -> Tree:
        start, end = token.start, token.end
        match token.kind:
            case "text":
                return Literal_(kind="text", value=unescaped(token.text), start=start, end=end)
            case "integer":
                if len(token.text) > self.max_digits:
                    raise SyntaxProblem(f"a number of more than {self.max_digits} digits", start, end)
                return Literal_(kind="integer", value=int(token.text), start=start, end=end)
            case "number":
                if math.isinf(float(token.text)):
                    raise SyntaxProblem("a number too large", start, end)
                return Literal_(kind="number", value=float(token.text), start=start, end=end)
            case "name":
                return self._name(token)
            case _:
                return self._bracketed(token)

    def _name(self, token: _Token) -> Tree:
        start, end = token.start, token.end
        if token.text in {"true", "false"}:
            return Literal_(kind="bool", value=token.text == "true", start=start, end=end)
        if token.text == "null":
            return Literal_(kind="null", value=None, start=start, end=end)
        if self.at("("):
            args, end = self._arguments()
            return CallExpr(name=token.text, of=None, args=args, at=start, start=start, end=end)
        if (
            (following := self.peek()) is not None
            and following.kind in {"text", "name"}
            and token.text in _REPAIRS
        ):
            raise SyntaxProblem(*_unexpected(token, "a value"))
        return Name(name=token.text, start=start, end=end)

    def _bracketed(self, token: _Token) -> Tree:
        if token.text == "(":
            inner = self.expression(0)
            return replace(inner, start=token.start, end=self.expect(")").end)
        if token.text == "[":
            items, end = self._separated("]", lambda: self.expression(0))
            return ListOf(items=items, start=token.start, end=end)
        if token.text == "{":
            entries, end = self._separated("}", self._entry)
            names = [name for name, _ in entries]
            twice = [name for name in names if names.count(name) > 1]
            if twice:
                raise SyntaxProblem(f"the key '{twice[0]}' stands here twice", token.start, end)
            return MapOf(entries=entries, start=token.start, end=end)
        raise SyntaxProblem(*_unexpected(token, "a value"))

    def _entry(self) -> tuple[str, Tree]:
        key = self.take("a key")
        if key.kind != "text":
            raise SyntaxProblem("a key of a map is a text in quotes", key.start, key.end, None)
        self.expect(":")
        return unescaped(key.text), self.expression(0)
