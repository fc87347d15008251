"""A procedure in Markdown to the same shape as a playbook: items are questions to people, fences are steps, prose is the reason."""

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.language.diagnostics.codes import playbook_shape as code
from engine.language.diagnostics.codes import references
from engine.language.documents import playbook
from engine.language.documents.ast import Authored, AuthoredStep, On, Question, Word
from engine.language.documents.playbook_fields import Taker
from engine.language.text import nodes
from engine.language.text.identifiers import is_field, is_id, slug
from engine.language.text.source import MAX_SHOWN, SourceText, with_source_lines
from engine.language.types import type_syntax
from engine.language.yaml import reader
from engine.model.definitions.diagnostics import Diagnostic, Fix, Span
from engine.model.definitions.types import ANY, Type

KEYS = ("type", "title", *(key for key in playbook.KEYS if key not in {"name", "steps"}))
OBSIDIAN = ("tags", "aliases", "cssclasses", "created", "updated")
"""Keys that note programs write and that mean nothing here."""
ITEM_KEYS = tuple(key for key in playbook.STEP_KEYS if key not in {"id", "name"})
MAX_CITED = 1_000

FOLDER = "vault/sops/"
_HEAD, _FRONT = 4096, 40
# Front matter as people write it: another key in capitals, in quotes or indented, a list, a colon with a space before it.
_LIKE = re.compile(
    r"[ \t]*[\"']?(?:type|kind|typ)[\"']?[ \t]*[:=][ \t]*[\"'\[]*[ \t]*sop(?![\w-])", re.IGNORECASE
)
_RULE = re.compile(r"[ \t]*(?:-{3,}|\+{3}|={3,})[ \t]*")
_STEP = re.compile(r"^\s*[-*+] \[[ xX]\] .*\s\^[A-Za-z0-9_-]+\s*$")
_TYPE = re.compile(rb"^type:[ \t]*[\"']?sop[\"']?[ \t]*(?:#.*)?\r?$", re.MULTILINE)
_BOX = re.compile(r"\[[ xX]\][ \t]+")
_ID = re.compile(r"(?:^|\s)\^([A-Za-z0-9_-]+)\s*$")
_PERSON = re.compile(r"(?<![\w.@`])@([a-z][a-z0-9-]*)")
_NOTE = re.compile(r"\[\[([^\[\]\|#\n]++)(?:#[^\[\]\|\n]*+)?(?:\|[^\[\]\n]*+)?\]\]")
_LINK = re.compile(r"\[([^\[\]\n]*+)\]\(([^()\s]++)\)")
_BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
_FIELD = re.compile(r"`([A-Za-z][A-Za-z0-9_-]*\??)\s*:\s*([^`\n]+)`")
_CODE = re.compile(r"`[^`\n]*`")
_EXPRESSION = re.compile(r"\$\{\{.*?\}\}")


def is_sop(raw: bytes) -> bool:
    """Whether a note's front matter says `type: sop`. Looks at the first bytes only."""
    head = raw[:_HEAD].removeprefix(b"\xef\xbb\xbf")
    if not head.startswith((b"---\n", b"---\r")):
        return False
    end = head.find(b"\n---", 3)
    return _TYPE.search(head, 0, end if end >= 0 else len(head)) is not None


def mistaken(path: str, raw: bytes) -> tuple[Diagnostic, ...]:
    """A diagnostic for a note that was meant to be a SOP and isn't read as one; none for an ordinary note."""
    head = raw[: 4 * _HEAD]
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    if not (wide or path.startswith(FOLDER) or b"sop" in head.lower()):
        return ()
    text = head.decode("utf-16" if wide else "utf-8-sig", "replace")
    lines = text.splitlines()
    first = next((at for at, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return ()
    ruled = _RULE.fullmatch(lines[first]) is not None
    ends = [at for at in range(first + 1, len(lines)) if ruled and _RULE.fullmatch(lines[at])]
    front = lines[first : ends[0] if ends else min(len(lines), first + _FRONT)]
    named = next((at for at, line in enumerate(front, first) if _LIKE.match(line)), None)
    if named is not None and (ruled or path.startswith(FOLDER)):
        why, write, at = _mistake(lines, first, named, ruled=ruled, wide=wide)
    elif path.startswith(FOLDER) and any(map(_STEP.search, lines)):
        why, write, at = "no front matter says `type: sop`", "`---`, `type: sop` and `---` above it", first
    else:
        return ()
    span = Span(path=path, line=at + 1, column=1, end_line=at + 1, end_column=len(lines[at]) + 1)
    return with_source_lines(SourceText.from_bytes(path, raw), (code.no_sop(span, why=why, write=write),))


def _mistake(lines: list[str], first: int, named: int, *, ruled: bool, wide: bool) -> tuple[str, str, int]:
    """(what is wrong, what to write, the line)."""
    if wide:
        return "it is not UTF-8", "it as UTF-8", first
    if not ruled:
        return "its first line is not `---`", "`---` above and below the front matter", first
    if first or lines[first] != "---":
        return "its first line is not exactly `---`", "`---` and nothing else in the very first line", first
    if lines[named] == "type: sop":
        return "`type: sop` stands too far down", "it as the second line", named
    return f"`{lines[named]}` is not `type: sop`", "`type: sop`", named


@dataclass(slots=True, kw_only=True)
class _Checkbox:
    """One item `- [ ]` with the fences and prose below it. Lines count from 1 in the file."""

    line: int
    end: int
    words: str
    fences: list[tuple[int, str]] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)
    heading: str = ""
    prose_above: str = ""


def read(
    source: SourceText, id_: str, raw: bytes, *, notes: Mapping[str, str], is_sop: Callable[[str], bool]
) -> tuple[Authored | None, tuple[Diagnostic, ...]]:
    """A SOP in the shape of a playbook."""
    front, body, offset, diagnostics = reader.front_matter(source.path, raw)
    if front is None or diagnostics:
        return None, diagnostics
    taker = Taker()
    top = taker.mapping(front, example="type: sop")
    if top is None:
        return None, with_source_lines(source, taker.diagnostics)
    mapping = replace(top, entries=tuple(entry for entry in top.entries if entry.key not in OBSIDIAN))
    entries = taker.keys(mapping, of="a SOP", known=KEYS)
    head = playbook.header(taker, entries, Authored(id=id_, source=source, kind="sop", name=id_))
    title = (
        taker.text(entries["title"].value, name="title", example="title: Answer a lead")
        if "title" in entries
        else None
    )
    if "on" not in entries:
        head = replace(head, on=(On(kind=Word(text="manual", span=head.start), params=None),))
    checkboxes, loose = _checkboxes(body, offset)
    for line in loose:
        taker.note(code.loose_fence(_line(source, line)))
    if not checkboxes:
        taker.note(code.no_steps(head.start, subject="this SOP", example="- [ ] Read it ^read"))
    reading = _SopReader(source=source, taker=taker, notes=notes, is_sop=is_sop)
    steps: list[AuthoredStep] = []
    for checkbox in checkboxes:
        if len(taker.diagnostics) > MAX_SHOWN:
            break
        steps.append(reading.step(checkbox))
    head = replace(
        head, name=title or head.name, steps=tuple(steps), room=playbook.room(top, entries.get("type"))
    )
    return head, with_source_lines(source, sorted(taker.diagnostics, key=lambda diagnostic: diagnostic.span))


def _line(source: SourceText, number: int) -> Span:
    content = source.line(number)
    start = len(content) - len(content.lstrip()) + 1
    return Span(
        path=source.path,
        line=number,
        column=start,
        end_line=number,
        end_column=max(len(content.rstrip()) + 1, start + 1),
    )


# ---------------------------------------------------------------- Markdown's blocks


def _checkboxes(body: str, offset: int) -> tuple[list[_Checkbox], list[int]]:
    """The items in order, and the lines of step fences that belong to none."""
    from markdown_it import MarkdownIt

    # Blocks only: inline rules are slow on hostile text, and an item's words are read below by what they may mean.
    parser = MarkdownIt("commonmark")
    parser.core.ruler.disable("inline")
    walk = MarkdownWalk(offset=offset)
    for token in parser.parse(body):
        walk.take(token)
    return walk.checkboxes, walk.loose


@dataclass(slots=True, kw_only=True)
class MarkdownWalk:
    """Markdown tokens to items: which words, fences and prose belong to which."""

    offset: int
    checkboxes: list[_Checkbox] = field(default_factory=list)
    loose: list[int] = field(default_factory=list)
    stack: list[_Checkbox | None] = field(default_factory=list)
    heading: str = ""
    prose: str = ""
    in_heading: bool = False

    def take(self, token: Any) -> None:  # noqa: ANN401 - markdown-it's own type
        """The next token."""
        match token.type:
            case "heading_open":
                self.in_heading = True
            case "heading_close":
                self.in_heading = False
            case "list_item_open":
                self.stack.append(None)
            case "list_item_close":
                self.stack.pop()
            case "inline":
                self._words(token)
            case "fence" if token.info.split() == ["yaml", "step"]:
                self._fence(token)
            case _:
                pass

    def _words(self, token: Any) -> None:  # noqa: ANN401
        if self.in_heading:
            self.heading, self.prose = token.content, ""
            return
        if self.stack and self.stack[-1] is None and (box := _BOX.match(token.content)):
            line, end = token.map[0] + 1 + self.offset, token.map[1] + self.offset
            checkbox = _Checkbox(
                line=line,
                end=end,
                words=token.content[box.end() :],
                heading=self.heading,
                prose_above=self.prose,
            )
            self.stack[-1] = checkbox
            self.checkboxes.append(checkbox)
        elif self.stack and self.stack[-1] is not None:
            self.stack[-1].prose.append(token.content)
        elif not self.stack:
            self.prose = f"{self.prose}\n{token.content}".strip()

    def _fence(self, token: Any) -> None:  # noqa: ANN401
        line = token.map[0] + 1 + self.offset
        owner = self.stack[-1] if self.stack else None
        if owner is None:
            self.loose.append(line)
        else:
            owner.fences.append((line, token.content))


# ---------------------------------------------------------------- an item's words


@dataclass(frozen=True, slots=True, kw_only=True)
class _SopReader:
    """Items to steps."""

    source: SourceText
    taker: Taker
    notes: Mapping[str, str]
    is_sop: Callable[[str], bool]

    def step(self, checkbox: _Checkbox) -> AuthoredStep:
        """The step of one item: a question, or the action of its fence."""
        id_, words = self._id(checkbox)
        name = _EXPRESSION.sub("…", _spoken(words))
        fence = self._fence(checkbox)
        cited = _cited(checkbox)
        span = self._span_of(checkbox, checkbox.words.split("\n", 1)[0][:40])
        if fence is False:
            # What it does is not known, and that is reported: the step stays, so that its readers bring no diagnostics of their own.
            return AuthoredStep(id=id_, name=name, uses=Word(text="", span=span), cite=cited)
        if isinstance(fence, nodes.Mapping) and fence.get("uses") is not None:
            known = {entry.key: entry for entry in fence.entries}
            base = AuthoredStep(id=id_, name=name, uses=Word(text="", span=span))
            return replace(playbook.step_of(self.taker, fence, known, base), name=name, cite=cited)
        called = self._called(checkbox, words)
        if called is not None and (bool(_BOLD.search(words)) or bool(_FIELD.search(words))):
            self.taker.note(code.asks_and_runs(called.span))
        base = AuthoredStep(id=id_, name=name, uses=called or Word(text="human/ask", span=span), cite=cited)
        if isinstance(fence, nodes.Mapping):
            known = self.taker.keys(fence, of="a step", known=ITEM_KEYS)
            base = playbook.common(self.taker, fence, known, base)
        if called is not None:
            return replace(base, name=name)
        return replace(base, name=name, question=self._question(checkbox, words))

    def _id(self, checkbox: _Checkbox) -> tuple[Word, str]:
        match = _ID.search(checkbox.words)
        if match is not None:
            words = checkbox.words[: match.start()].rstrip()
            span = self._span_of(checkbox, f"^{match[1]}", last=True)
            span = replace(span, column=span.column + 1) if span.end_column - span.column > 1 else span
            if not is_id(match[1]):
                self.taker.note(code.bad_id(span, name=match[1], kind="a step", slug=slug(match[1])))
            return Word(text=match[1] if is_id(match[1]) else slug(match[1]), span=span), words
        name = slug(_spoken(checkbox.words))
        end = _line(self.source, max(checkbox.end, checkbox.line))
        at = replace(end, column=end.end_column, end_column=end.end_column)
        self.taker.note(code.no_item_id(at, slug=name))
        return Word(text=name, span=_line(self.source, checkbox.line)), checkbox.words

    def _fence(self, checkbox: _Checkbox) -> nodes.Node | bool | None:
        """The fence's tree; None without one, False when it can't be read."""
        if len(checkbox.fences) > 1:
            self.taker.note(code.two_fences(_line(self.source, checkbox.fences[1][0])))
            return False
        if not checkbox.fences:
            return None
        line, content = checkbox.fences[0]
        node, diagnostics = reader.read_text(
            self.source.path, content, line=line + 1, column=self._indent(line + 1, content) + 1
        )
        self.taker.diagnostics += diagnostics
        if node is None:
            return False
        return self.taker.mapping(node, example="uses: notify/me") or False

    def _indent(self, line: int, content: str) -> int:
        first = content.split("\n", 1)[0]
        raw = self.source.line(line)
        return len(raw) - len(first) if first and raw.endswith(first) else 0

    def _question(self, checkbox: _Checkbox, words: str) -> Question:
        choices = self._choices(checkbox, words)
        fields = self._fields(checkbox, words)
        bare = _CODE.sub("", words)
        people = list(dict.fromkeys(_PERSON.findall(bare)))
        places = [self._span_of(checkbox, f"@{person}", skip=1) for person in people]
        asked_person = Word(text=people[0], span=places[0]) if people else None
        for second, place in zip(people[1:], places[1:], strict=True):
            self.taker.note(code.two_people(place, first=people[0], second=second))
        title = nodes.Scalar(text=_spoken(words), plain=True, span=self._words_span(checkbox))
        context = tuple(self._context(checkbox, words))
        return Question(title=title, person=asked_person, choices=choices, fields=fields, context=context)

    def _words_span(self, checkbox: _Checkbox) -> Span:
        first = _line(self.source, checkbox.line)
        last = _line(self.source, max(checkbox.end, checkbox.line))
        return replace(first, end_line=last.line, end_column=last.end_column)

    def _choices(self, checkbox: _Checkbox, words: str) -> tuple[str, ...]:
        choices = [match[1].strip() for match in _BOLD.finditer(_CODE.sub("", words))]
        if len(choices) == 1:
            span = self._span_of(checkbox, f"**{choices[0]}**")
            self.taker.note(code.one_choice(span, word=choices[0]))
            return ()
        self._twice(checkbox, choices, "**{}**")
        return tuple(dict.fromkeys(choices))

    def _fields(self, checkbox: _Checkbox, words: str) -> tuple[tuple[str, Type], ...]:
        fields: dict[str, Type] = {}
        names = []
        for match in _FIELD.finditer(words):
            name = match[1].removesuffix("?")
            type_ = type_syntax.parse(match[2])
            span = self._span_of(checkbox, match[0])
            if type_ is None:
                at = self._find(checkbox, match[2], inside=match[0]) or span
                best = type_syntax.optional(match[2]) or type_syntax.likeliest(match[2])
                hint = f"did you mean `{best}`?" if best else f"types: {', '.join(type_syntax.SIMPLE)}"
                fix = Fix(span=at, text=best) if best else None
                if type_syntax.optional(match[2]):
                    hint = f"what may be missing has the mark on its name: `{name}?: {best}`"
                    fix = Fix(
                        span=span,
                        text=match[0].replace(f"{match[1]}:", f"{name}?:").replace(match[2], best or ""),
                    )
                self.taker.note(references.bad_type(at, written=match[2].strip(), hint=hint, fix=fix))
                # The field stays, as what was most likely meant.
                fields[name] = (type_syntax.parse(best) if best else None) or ANY
            elif not is_field(name):
                self.taker.note(references.bad_field_name(span, name=name))
            else:
                fields[name] = type_syntax.nullable(type_) if match[1].endswith("?") else type_
            names.append(name)
        self._twice(checkbox, names, "`{}:")
        return tuple(fields.items())

    def _twice(self, checkbox: _Checkbox, names: list[str], shape: str) -> None:
        for name, times in Counter(names).items():
            if times > 1:
                span = self._span_of(checkbox, shape.format(name), last=True)
                self.taker.note(code.same_choice(span, word=name))

    def _context(self, checkbox: _Checkbox, words: str) -> list[Word]:
        context = []
        for match in _NOTE.finditer(words):
            name = match[1].strip()
            span = self._span_of(checkbox, match[1])
            path = self.notes.get(name.lower().removesuffix(".md"))
            if path is None:
                self.taker.note(references.unknown_note(span, name=name, known=self.notes))
            else:
                context.append(Word(text=path, span=span))
        return context

    def _called(self, checkbox: _Checkbox, words: str) -> Word | None:
        """The playbook or SOP that an item's link runs, as a step names it."""
        bare = _CODE.sub("", words)
        for match in _LINK.finditer(bare):
            target = match[2].partition("#")[0]
            runs = target.endswith(".yaml") or (
                target.endswith(".md") and self.is_sop(f"vault/sops/{target.rpartition('/')[2]}")
            )
            if runs and "://" not in target:
                return self._run(checkbox, target, match[2])
            self._followed(checkbox, target, match[2])
        for match in _NOTE.finditer(bare):
            path = self.notes.get(match[1].strip().lower().removesuffix(".md"))
            if path is not None and self.is_sop(path):
                return self._run(checkbox, path, match[1])
        return None

    def _followed(self, checkbox: _Checkbox, target: str, written: str) -> None:
        """A link to a note of the vault leads to one: a misspelt SOP would be asked, and never run."""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(self.source.path), target))
        name = path.rpartition("/")[2].removesuffix(".md")
        outside = "://" in target or not path.startswith("vault/") or not path.endswith(".md")
        if outside or name.lower() in self.notes:
            return
        span = self._span_of(checkbox, name, inside=f"({written}")
        self.taker.note(references.unknown_note(span, name=name, known=self.notes))

    def _run(self, checkbox: _Checkbox, path: str, written: str) -> Word:
        span = self._span_of(checkbox, written)
        return Word(text=f"playbook/{playbook.stem(path)}", span=span)

    def _span_of(
        self, checkbox: _Checkbox, text: str, *, last: bool = False, skip: int = 0, inside: str = ""
    ) -> Span:
        """As `_find`; the item's first line where the text is not found."""
        span = self._find(checkbox, text, last=last, skip=skip, inside=inside)
        return span or _line(self.source, checkbox.line)

    def _find(
        self, checkbox: _Checkbox, text: str, *, last: bool = False, skip: int = 0, inside: str = ""
    ) -> Span | None:
        """The place of a piece of an item's words in the file; `skip` leaves out so many of its first characters."""
        for number in range(checkbox.line, max(checkbox.end, checkbox.line) + 1):
            content = self.source.line(number)
            start = content.find(inside) if inside else 0
            at = content.rfind(text) if last else content.find(text, max(start, 0))
            if at >= 0 and text:
                column = at + 1 + skip
                return Span(
                    path=self.source.path,
                    line=number,
                    column=column,
                    end_line=number,
                    end_column=at + 1 + len(text),
                )
        return None


def _spoken(words: str) -> str:
    """Words as a person reads them: without marks of Markdown. Expressions stay as they are."""
    expressions: list[str] = []

    def keep(match: re.Match[str]) -> str:
        expressions.append(match[0])
        return f"\x00{len(expressions) - 1}\x00"

    text = _EXPRESSION.sub(keep, " ".join(words.split()))
    text = _FIELD.sub(lambda match: match[1].removesuffix("?"), text)
    text = _NOTE.sub(lambda match: match[0][2:-2].rpartition("|")[2].partition("#")[0].strip(), text)
    text = _LINK.sub(r"\1", text)
    text = _BOLD.sub(r"\1", text).replace("`", "")
    return re.sub("\x00(\\d+)\x00", lambda match: expressions[int(match[1])], text).strip()


def _cited(checkbox: _Checkbox) -> str:
    """Why this step is done: its own further words, else the prose above it in its section, else the section's heading."""
    reason = "\n".join(checkbox.prose) or checkbox.prose_above or checkbox.heading
    return _spoken(reason)[:MAX_CITED]
