"""YAML in stages, so that no file can hurt: bytes, characters, events, tree. The one module that knows PyYAML.

Nothing is resolved: `no`, `010` and `12:30` stay the characters they are, and the place of a value asks for its type.
The tree is built from parse events, which cost the same however hostile the file; composing (as libraries do) recurses.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from engine.language.diagnostics.codes import yaml as code
from engine.language.text.nodes import Entry, Mapping, Node, Scalar, Sequence
from engine.language.text.quoting import (
    MAX_CHARACTERS,
    foreign_value,
    needs_quotes,
    quoted,
    quoted_line,
    quoted_throughout,
)
from engine.language.text.source import SourceText, with_source_lines
from engine.language.yaml.error_causes import ODD_SPACES, causes, plain_words
from engine.model.definitions.diagnostics import Diagnostic, Fix, Span

MAX_DEPTH = 40
MAX_BYTES = 32_000
MAX_NOTE = 64_000
MAX_NODES = 5_000
BYTES_OF_A_STEP = 250
NODES_OF_A_STEP = 40
"""What one more step may add to what a file may hold: a long playbook is read, and no file is long without steps."""

MAX_STEPS = 10_000
MAX_EXPRESSIONS = 1_500
EXPRESSIONS_OF_A_STEP = 4
_SMALL_HEAD = 8_000
"""Longer front matter is read anew each time: what stays read must not fill the memory."""
_BLOCKS = frozenset("|>")

# What YAML takes for a line break or refuses, and people can't see. Tab, line feed and CR LF are read.
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
# Brackets in quoted text count too, hence far above MAX_DEPTH: this wall only stops what would hold up the scanner.
_MAX_BRACKETS = 400
# Reported at once; a file with more is not a playbook, and each costs a look for its fix.
_MAX_TRAPS = 100
_MAX_REPAIRS = 6
"""How many are tried before the place where reading broke off has to do: each is another reading of the file."""

Read = tuple[Node | None, tuple[Diagnostic, ...]]


def read(path: str, raw: bytes) -> Read:
    """The tree of a YAML file, or None with what keeps it from being read. An empty file is an empty map."""
    text, diagnostics = text_of(path, raw)
    if text is None:
        return None, diagnostics
    return read_text(path, text)


def text_of(path: str, raw: bytes) -> tuple[str | None, tuple[Diagnostic, ...]]:
    """The characters of a file within the caps, or why they can't be had."""
    start = Span(path=path)
    base_limit = MAX_NOTE if path.endswith(".md") else MAX_BYTES
    if len(raw) > base_limit:
        max_bytes = base_limit + BYTES_OF_A_STEP * min(raw.count(b"uses:"), MAX_STEPS)
        if len(raw) > max_bytes:
            return None, (code.too_large(start, size=len(raw), max_bytes=max_bytes),)
    if (expressions := raw.count(b"${{")) > MAX_EXPRESSIONS:
        max_expressions = MAX_EXPRESSIONS + EXPRESSIONS_OF_A_STEP * min(raw.count(b"uses:"), MAX_STEPS)
        if expressions > max_expressions:
            return None, (code.too_many(start, limit=max_expressions, unit="expressions"),)
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = len(raw[raw.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8", "replace")) + 1
        return None, (code.not_utf8(_at(path, line, column)),)
    if (match := _INVISIBLE.search(text)) is not None:
        span = _place(path, text, match.start())
        diagnostic = code.bad_character(span, character=match[0], fix=Fix(span=span, text=" "))
        return None, with_source_lines(SourceText(path=path, lines=tuple(text.split("\n"))), (diagnostic,))
    return text, ()


def read_text(path: str, text: str, *, line: int = 1, column: int = 1) -> Read:
    """The tree of YAML that begins at `line` of the file and was indented by `column` - 1 there."""
    if _brackets(text) > _MAX_BRACKETS:
        return None, (code.too_deep(_at(path, line, column), limit=MAX_DEPTH),)
    builder = _Builder(path=path, down=line - 1, right=column - 1, text=text)
    tree = builder.build(text)
    source = SourceText(path=path, lines=tuple(text.split("\n")))
    diagnostics = builder.diagnostics
    if tree is not None:
        diagnostics = [*diagnostics, *_traps(tree, source, down=line - 1, right=column - 1)]
    if line == 1 and column == 1:
        diagnostics = list(with_source_lines(source, diagnostics))
    return (None if diagnostics else tree), tuple(diagnostics)


def front_matter(path: str, raw: bytes) -> tuple[Node | None, str, int, tuple[Diagnostic, ...]]:
    """(front matter, body, lines before the body, diagnostics) of a Markdown file; no front matter is None and no diagnostic."""
    text, diagnostics = text_of(path, raw)
    if text is None:
        return None, "", 0, diagnostics
    if not text.startswith("---\n"):
        return None, text, 0, ()
    end = re.compile(r"^---[ \t]*$", re.MULTILINE).search(text, 4)
    if end is None:
        return (
            None,
            text,
            0,
            (code.not_yaml(_at(path, 1, 1), problem="the front matter has no closing `---`"),),
        )
    lines_above = text.count("\n", 0, end.end()) + 1
    head = text[4 : end.start()]
    read = _head if len(head) <= _SMALL_HEAD else _head.__wrapped__
    tree, diagnostics = read(path, head)
    return (
        tree,
        text[end.end() + 1 :],
        lines_above,
        with_source_lines(SourceText(path=path, lines=tuple(text.split("\n"))), diagnostics),
    )


@functools.lru_cache(maxsize=1024)
def _head(path: str, text: str) -> Read:
    """Front matter as a tree. The address book, the tables and the full-text index of one command read the same notes."""
    return read_text(path, text, line=2)


def _brackets(text: str) -> int:
    depth = deepest = 0
    for match in re.finditer(r"[\[\]{}]", text):
        depth = depth + 1 if match[0] in "[{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


def _at(path: str, line: int, column: int, *, width: int = 1) -> Span:
    return Span(path=path, line=line, column=column, end_line=line, end_column=column + width)


def _place(path: str, text: str, index: int) -> Span:
    return _at(path, text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))


@dataclass(slots=True, kw_only=True)
class OpenNode:
    """A list or map under construction."""

    start: Any
    keyed: bool
    items: list[Node] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    keys: dict[str, int] = field(default_factory=dict)
    key: Scalar | None = None


@dataclass(slots=True, kw_only=True)
class _Builder:
    """Events to tree. Stops at the first refused event, because what follows can't be trusted to mean anything."""

    path: str
    down: int
    right: int
    text: str = ""
    max_nodes: int = MAX_NODES
    steps: OpenNode | None = None
    diagnostics: list[Diagnostic] = field(default_factory=list)
    stack: list[OpenNode] = field(default_factory=list)
    root: Node | None = None
    nodes: int = 0
    documents: int = 0

    def build(self, text: str) -> Node | None:
        """The tree, or None after a diagnostic."""
        import yaml

        try:
            for event in _events(text):
                # Most events are plain words of which nothing is refused: they take the short way.
                diagnostic = self._word(event) if type(event) is yaml.ScalarEvent else self._take(event, text)
                if diagnostic is not None:
                    self.diagnostics.append(diagnostic)
                    return None
        except yaml.MarkedYAMLError as error:
            broken = _Break(path=self.path, down=self.down, right=self.right, text=text)
            self.diagnostics.append(broken.diagnostic(error))
            return None
        except yaml.YAMLError as error:
            self.diagnostics.append(code.not_yaml(self.span(1, 1), problem=str(error).split("\n", 1)[0]))
            return None
        return self.root or Mapping(entries=(), span=self.span(1, 1))

    def _take(self, event: Any, text: str) -> Diagnostic | None:
        match type(event).__name__:
            case "DocumentStartEvent":
                self.documents += 1
                if self.documents > 1 or event.version or event.tags:
                    return code.documents(self._between(event.start_mark, event.end_mark))
            case "AliasEvent":
                return code.alias(self._between(event.start_mark, event.end_mark), text=f"*{event.anchor}")
            case "SequenceStartEvent":
                return self._refused(event, text) or self._begin(event, keyed=False)
            case "MappingStartEvent":
                return self._refused(event, text) or self._begin(event, keyed=True)
            case "SequenceEndEvent" | "MappingEndEvent":
                self._close(event)
            case "ScalarEvent":
                return self._refused(event, text) or self._word(event)
            case _:
                pass
        return None

    def refuses(self, event: Any) -> bool:
        """Whether this event is refused, after all that came before it."""
        return self._take(event, "") is not None

    def _refused(self, event: Any, text: str) -> Diagnostic | None:
        """Anchors, tags, and more nodes than there may be."""
        mark = event.start_mark
        if event.anchor:
            return code.alias(
                _at(self.path, mark.line + 1 + self.down, mark.column + 1 + self.right),
                text=f"&{event.anchor}",
            )
        if event.tag:
            # An empty tagged value begins where the next token does, which may be behind the last line.
            lines = text.split("\n")[mark.line :]
            written = lines[0][mark.column :].split() if lines else []
            at = _at(self.path, mark.line + 1 + self.down, mark.column + 1 + self.right)
            return code.tag(at, text=written[0] if written else event.tag)
        return None

    def _begin(self, event: Any, *, keyed: bool) -> Diagnostic | None:
        self.nodes += 1
        top = self.stack[-1] if self.stack else None
        mark = event.start_mark
        at = _at(self.path, mark.line + 1 + self.down, mark.column + 1 + self.right)
        if self.nodes > self.max_nodes:
            return code.too_many(at, limit=MAX_NODES)
        if top is not None and top.keyed and top.key is None:
            return self._foreign(mark) or code.odd_key(at)
        if len(self.stack) >= MAX_DEPTH:
            return code.too_deep(at, limit=MAX_DEPTH)
        if len(self.stack) == 2 and not self.stack[-1].keyed and self.steps is self.stack[-1]:
            self.max_nodes += NODES_OF_A_STEP
        self.stack.append(OpenNode(start=mark, keyed=keyed))
        if len(self.stack) == 2 and top is not None and top.key is not None and top.key.text == "steps":
            self.steps = self.stack[-1]
        return None

    def _foreign(self, mark: Any) -> Diagnostic | None:
        """`text: {{ x }}`: a map in a map to YAML, and meant as a value in text."""
        lines = self.text.split("\n")
        line = lines[mark.line] if mark.line < len(lines) else ""
        replacement = foreign_value(line, mark.column - 1) if len(line) <= MAX_CHARACTERS else None
        if replacement is None:
            return None
        end, text = replacement
        span = replace(self.span(mark.line + 1, mark.column), end_column=end + 1 + self.right)
        because = "`{{` begins a map in a map to YAML; values are written `${{ … }}`"
        return code.unquoted(span, because=because, fix=Fix(span=span, text=text))

    def _word(self, event: Any) -> Diagnostic | None:
        if event.anchor or event.tag:
            return self._refused(event, self.text)
        self.nodes += 1
        start, end = event.start_mark, event.end_mark
        line, column = start.line + 1 + self.down, start.column + 1 + self.right
        last, stop = end.line + 1 + self.down, end.column + 1 + self.right
        style = event.style
        if style in _BLOCKS and stop == 1 + self.right and last > line:
            # A block scalar's end mark is where the next thing begins; its own last line is the one before.
            last, stop = last - 1, 10_000
        span = Span(path=self.path, line=line, column=column, end_line=last, end_column=stop)
        if self.nodes > self.max_nodes:
            return code.too_many(span, limit=MAX_NODES)
        scalar = Scalar(text=event.value, plain=not style, span=span)
        if not self.stack:
            self.root = scalar
            return None
        top = self.stack[-1]
        if not top.keyed:
            top.items.append(scalar)
            return None
        if top.key is None or (diagnostic := None if style or event.value else _cut(self, top, column)):
            return self._key(scalar) if top.key is None else diagnostic
        top.entries.append(Entry(key=top.key.text, key_span=top.key.span, value=scalar))
        top.key = None
        return None

    def _key(self, scalar: Scalar) -> Diagnostic | None:
        top = self.stack[-1]
        if scalar.plain and scalar.text == "<<":
            return code.merge_key(scalar.span)
        if not scalar.text or "\n" in scalar.text:
            return code.odd_key(scalar.span)
        if (odd := ODD_SPACES.search(scalar.text)) is not None and scalar.plain:
            place = replace(
                scalar.span,
                column=scalar.span.column + odd.start(),
                end_column=scalar.span.column + odd.end(),
            )
            return code.bad_character(place, character=odd[0], fix=Fix(span=place, text=" "))
        first = top.keys.setdefault(scalar.text, scalar.span.line)
        if len(top.keys) == len(top.entries):
            return code.duplicate_key(scalar.span, key=scalar.text, line=first)
        top.key = scalar
        return None

    def _put(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        if top.keyed and top.key is not None:
            top.entries.append(Entry(key=top.key.text, key_span=top.key.span, value=node))
            top.key = None
        else:
            top.items.append(node)

    def _close(self, event: Any) -> None:
        node = self.stack.pop()
        span = self._between(node.start, event.end_mark)
        if node.keyed:
            self._put(Mapping(entries=tuple(node.entries), span=span))
        else:
            self._put(Sequence(items=tuple(node.items), span=span))

    def _between(self, start: Any, end: Any) -> Span:
        return Span(
            path=self.path,
            line=start.line + 1 + self.down,
            column=start.column + 1 + self.right,
            end_line=end.line + 1 + self.down,
            end_column=end.column + 1 + self.right,
        )

    def span(self, line: int, column: int) -> Span:
        """A place of the text as one of the file."""
        return _at(self.path, line + self.down, column + self.right)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Break:
    """A text that YAML could not read to its end, and where it begins in its file."""

    path: str
    down: int
    right: int
    text: str

    def span(self, line: int, column: int) -> Span:
        """A place of the text as one of the file."""
        return _at(self.path, line + self.down, column + self.right)

    def diagnostic(self, error: Any) -> Diagnostic:
        """What the parser's error comes from, in the author's words and place."""
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        words = self.text.split("\n")
        content = words[line - 1] if line <= len(words) else ""
        span = self.span(line, column)
        if "\t" in content[: len(content) - len(content.lstrip())] or content[column - 1 : column] == "\t":
            return _tab(self, content, line)
        if (named := self._caused(words, line - 1)) is not None:
            return named
        # Some mistakes are noticed a line late: an open bracket swallows the next line.
        for at in (line, line - 1):
            line_text = words[at - 1] if 0 < at <= len(words) else ""
            if (diagnostic := self._unquoted(line_text, at)) is not None:
                return diagnostic
        return code.not_yaml(span, problem=plain_words(error.problem))

    def _caused(self, lines: list[str], broke: int) -> Diagnostic | None:
        """The first slip whose repair lets the text be read on."""
        for cause in islice((slip for slip in causes(lines, broke) if slip.repair), _MAX_REPAIRS):
            if cause.repair is None:
                continue
            line, (start, end, repair) = lines[cause.line], cause.repair
            mended = [*lines[: cause.line], line[:start] + repair + line[end:], *lines[cause.line + 1 :]]
            if self._first_error(mended) <= broke + 1:
                continue
            span = self._within(cause.line, cause.start, cause.end)
            fix = Fix(span=self._within(cause.line, start, end), text=repair)
            match cause.kind:
                case "invisible":
                    return code.bad_character(span, character=line[cause.start], fix=fix)
                case "unquoted":
                    return code.unquoted(span, because=cause.message, kind="value", fix=fix)
                case "broken":
                    return code.not_yaml(span, problem=cause.message, hint=cause.hint, fix=fix)
        return None

    def _within(self, line: int, start: int, end: int) -> Span:
        return replace(self.span(line + 1, start + 1), end_column=end + 1 + self.right)

    def _unquoted(self, content: str, line: int) -> Diagnostic | None:
        replacement = quoted_throughout(content)
        if replacement is None:
            return None
        start, end, repaired = replacement
        span = replace(self.span(line, start + 1), end_column=end + 1 + self.right)
        lines = self.text.split("\n")
        lines[line - 1] = content[:start] + repaired + content[end:]
        mended = self._first_error(lines) > line
        fix = Fix(span=span, text=repaired) if mended else None
        return code.unquoted(span, because="YAML would read it as a map or a comment", fix=fix)

    def _first_error(self, lines: list[str]) -> int:
        """The line where reading these breaks off for want of YAML; past the end when it doesn't."""
        import yaml

        builder = _Builder(path=self.path, down=self.down, right=self.right)
        try:
            for event in _events("\n".join(lines)):
                if builder.refuses(event):
                    return int(event.start_mark.line if event.start_mark else 0) + 1
        except yaml.MarkedYAMLError as error:
            mark: Any = error.problem_mark
            return int(mark.line) + 1 if mark is not None else 0
        return len(lines) + 1


def _cut(builder: _Builder, top: OpenNode, column: int) -> Diagnostic | None:
    """`{ price: 20,00 EUR, … }`: the comma ends the value, and what follows is a key with neither colon nor value."""
    last, key = top.entries[-1].value if top.entries else None, top.key
    if not builder.text or key is None or not isinstance(last, Scalar) or not last.plain:
        return None
    if not last.text or last.span.end_line != key.span.line or last.span.end_column > key.span.column:
        return None
    line = builder.text.split("\n")[key.span.line - 1 - builder.down]
    start, end = last.span.column - 1 - builder.right, key.span.end_column - 1 - builder.right
    if line[end : column - 1 - builder.right].strip() or line[end:].lstrip()[:1] not in {",", "}"}:
        return None
    match = re.compile(r"(?:,[^,:\[\]{}\"'#]+)*(?=[,}])").match(line, end)
    end = end if match is None else start + len(line[start : match.end()].rstrip())
    span = replace(last.span, end_column=end + 1 + builder.right)
    because = "its comma ends the value, and the rest becomes a key"
    return code.unquoted(
        span, because=because, kind="value", fix=Fix(span=span, text=quoted(line[start:end]))
    )


def _tab(builder: _Break, content: str, line: int) -> Diagnostic:
    at = content.find("\t")
    blank = content[: len(content) - len(content.lstrip())]
    width = len(blank) if "\t" in blank else 1
    start = 1 if "\t" in blank else at + 1
    span = replace(builder.span(line, start), end_column=start + width + builder.right)
    return code.tab(builder.span(line, at + 1), fix=Fix(span=span, text=(blank or "\t").replace("\t", "  ")))


def _events(text: str) -> Iterator[Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        while (event := loader.get_event()) is not None:
            yield event
    finally:
        loader.dispose()


def _traps(tree: Node, source: SourceText, *, down: int, right: int) -> list[Diagnostic]:
    """Plain scalars with an expression that YAML has cut or that only works outside of a flow map."""
    traps: list[Diagnostic] = []
    waiting = [tree]
    while waiting and len(traps) < _MAX_TRAPS:
        node = waiting.pop()
        match node:
            case Scalar():
                if node.plain and "${{" in node.text and (because := needs_quotes(node.text)):
                    traps.append(_trap(node, source, because, down=down, right=right))
            case Sequence():
                waiting.extend(reversed(node.items))
            case Mapping():
                waiting.extend(entry.value for entry in reversed(node.entries))
    return sorted(traps, key=lambda trap: trap.span)


def _trap(node: Scalar, source: SourceText, because: str, *, down: int, right: int) -> Diagnostic:
    content = source.line(node.span.line - down)
    repaired = quoted_line(content, start=node.span.column - 1 - right)
    if repaired is None:
        return code.unquoted(node.span, because=because, fix=None)
    start, end, text = repaired
    span = _at(node.span.path, node.span.line, start + 1 + right, width=end - start)
    return code.unquoted(span, because=because, fix=Fix(span=span, text=text))
