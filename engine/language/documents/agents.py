"""vault/agents/*.md as frozen data: the front matter is an agent's signature, the body its instructions, and `[[links]]` its context."""

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from engine.language.diagnostics.codes import agents as code
from engine.language.diagnostics.codes import config_files, playbook_shape, references
from engine.language.diagnostics.verify_fix import with_verified_fixes
from engine.language.documents.config_fields import Checked
from engine.language.text.identifiers import is_id, slug
from engine.language.text.nodes import Entry, Node
from engine.language.text.nodes import Mapping as Map
from engine.language.types import type_syntax
from engine.language.yaml import reader
from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.agents import DEFAULT_MODEL, NO_MODEL, AgentSource, examples_of
from engine.model.definitions.diagnostics import Diagnostic, Severity, Span
from engine.model.definitions.settings import Config
from engine.model.definitions.types import Field, Type

FOLDER = "vault/agents/"
KEYS = (
    "description", "inputs", "outputs", "model", "budget", "tools", "examples",
    "tags", "aliases", "cssclasses", "created", "updated",
)  # fmt: skip
"""The keys of an agent's front matter; from `tags` on they are those of note programs."""

MAX_EXAMPLES = 100

_LINK = re.compile(r"\[\[([^\[\]\|#\n]++)(?:#[^\[\]\|\n]*+)?(?:\|[^\[\]\n]*+)?\]\]")
_CODE = re.compile(r"`[^`\n]*`")
_EXAMPLES = re.compile(r"(?:\.\./)?[\w.*-][\w. *-]*(?:/[\w.*-][\w. *-]*)*")

Parsed: TypeAlias = tuple[AgentSource | None, tuple[Diagnostic, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentContext:
    """What an agent's file may name: `notes` (name in lower case → path), `paths` of the workspace, models, and actions."""

    notes: Mapping[str, str]
    paths: Collection[str]
    models: Collection[str]
    actions: Mapping[str, ActionSpec]

    def tools(self) -> tuple[str, ...]:
        """Names of actions that only read and are not agents."""
        return tuple(
            name
            for name, spec in self.actions.items()
            if not spec.kind.acts and not name.startswith("agent/")
        )


def context_for(
    config: Config, actions: Mapping[str, ActionSpec], *, notes: Mapping[str, str], paths: Collection[str]
) -> AgentContext:
    """What the agents of one workspace may name."""
    models = (DEFAULT_MODEL, NO_MODEL, *(model.name for model in config.models))
    return AgentContext(notes=notes, paths=paths, models=models, actions=actions)


def parse(path: str, raw: bytes, world: AgentContext) -> Parsed:
    """The agent, or None when an error keeps it from being used."""
    agent, diagnostics = _read(path, raw, world)
    if not diagnostics:
        return agent, ()
    return agent, with_verified_fixes(raw, diagnostics, lambda mended: _read(path, mended, world)[1])


def _read(path: str, raw: bytes, world: AgentContext) -> Parsed:
    node, body, lines_above, unread = reader.front_matter(path, raw)
    if unread:
        return None, unread
    checked = Checked(path, raw)
    name = name_of(path)
    if not is_id(name):
        kind = "an agent (rename the file)"
        checked.note(
            playbook_shape.bad_id(Span(path=path), name=name, kind=kind, slug=slug(name), fixable=False)
        )
    entries = checked.entries(node, known=KEYS)
    top = Span(path=path, end_column=4 if node is not None else 2)
    needed = [
        ("description", "description: What it does, in one line"),
        ("outputs", "outputs: { text: text }"),
    ]
    checked.required(entries, needed, top)
    front = {key: entry.value for key, entry in entries.items()}
    if not body.strip():
        checked.note(code.no_instructions(top))
    agent = AgentSource(
        name=name,
        path=path,
        description=checked.text(front.get("description")) or "",
        inputs=_fields(checked, front.get("inputs")),
        outputs=_outputs(checked, entries.get("outputs")),
        model=_model(checked, front.get("model"), world),
        budget_usd=_budget(checked, front.get("budget")),
        tools=tuple(_tools(checked, front.get("tools"), world)),
        examples=_examples(checked, front.get("examples"), path, world),
        instructions=body.strip("\n"),
        links=tuple(dict.fromkeys(_links(checked, path, body, lines_above, world))),
    )
    diagnostics = checked.diagnostics()
    return (
        None if any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics) else agent
    ), diagnostics


def declared_interface(path: str, raw: bytes) -> AgentSource | None:
    """What an agent that can't be used takes and gives all the same; None where its front matter doesn't tell."""
    node, _, _, unread = reader.front_matter(path, raw)
    if unread:
        return None
    front = Checked(path, raw)
    entries = front.entries(node, known=KEYS)
    inputs, outputs = (entries[key].value if key in entries else None for key in ("inputs", "outputs"))
    takes, gives = type_syntax.declared_fields(inputs), type_syntax.declared_fields(outputs)
    # Beside a key that doesn't exist, the one that is missing may be what was meant.
    if not takes and (takes is None or (inputs is None and front.diagnostics())):
        return None
    if not gives:
        return None
    return AgentSource(name=name_of(path), path=path, description="", inputs=takes, outputs=gives)


def _fields(checked: Checked, node: Node | None) -> tuple[Field, ...]:
    if not isinstance(node, Map):
        checked.mapping(node)
        return ()
    declared, diagnostics = type_syntax.declared(node)
    for diagnostic in diagnostics:
        checked.note(diagnostic)
    for value in declared:
        for key, at in (("default", value.default), *((entry.key, entry.value) for entry in value.extra)):
            if at is not None:
                span = type_syntax.place(at)
                checked.note(
                    config_files.unknown_key(span, key=key, known=("type", "description", "optional"))
                )
    return tuple(value.field for value in declared)


def _outputs(checked: Checked, entry: Entry | None) -> tuple[Field, ...]:
    if entry is None:
        return ()
    fields = _fields(checked, entry.value)
    if isinstance(entry.value, Map) and not entry.value.entries:
        checked.note(config_files.missing_key(entry.key_span, key="an output", example="text: text"))
    places = {output.key.removesuffix("?"): output.key_span for output in _entries(entry.value)}
    for field in fields:
        if _holds_file(field.type):
            checked.note(code.not_given(places[field.name], name=field.name, type_="a file"))
    return fields


def _entries(node: Node) -> tuple[Entry, ...]:
    return node.entries if isinstance(node, Map) else ()


def _holds_file(type_: Type) -> bool:
    """Whether a value of this type holds a file."""
    if type_.items is not None and _holds_file(type_.items):
        return True
    return type_.kind == "file" or any(_holds_file(field.type) for field in type_.fields)


def _model(checked: Checked, node: Node | None, world: AgentContext) -> str:
    name = checked.text(node)
    if name is None or node is None:
        return DEFAULT_MODEL
    if name not in world.models:
        checked.note(code.unknown_model(node.span, name=name, known=world.models))
    return name


def _budget(checked: Checked, node: Node | None) -> Decimal | None:
    entries = checked.entries(node, known=("usd",))
    if isinstance(node, Map):
        checked.required(entries, [("usd", "usd: 0.05")], node.span)
    usd = entries["usd"].value if "usd" in entries else None
    return checked.number(usd, low=0, high=None, expected="a number of dollars")


def _tools(checked: Checked, node: Node | None, world: AgentContext) -> Iterator[str]:
    for tool in checked.items(node):
        name = checked.text(tool)
        if name is None:
            continue
        spec = world.actions.get(name)
        if spec is None or name not in world.tools():
            acts = spec is not None and spec.kind.acts
            checked.note(code.bad_tool(tool.span, name=name, acts=acts, known=world.tools()))
        yield name


def _examples(checked: Checked, node: Node | None, path: str, world: AgentContext) -> str:
    """The pattern from the workspace's root. It stays below vault/, where what a run may read is kept."""
    expected = "a pattern of notes below vault/, like ../knowledge/replies/*.md"
    written = checked.matching(node, _EXAMPLES, expected)
    if written is None or node is None or not _EXAMPLES.fullmatch(written):
        return ""
    own = written.startswith("../")
    pattern = posixpath.normpath(posixpath.join(posixpath.dirname(path), written) if own else written)
    agent = AgentSource(name="", path=path, description="", examples=pattern)
    example_paths = examples_of(agent, world.paths)
    if not pattern.startswith("vault/"):
        checked.note(config_files.not_allowed(node.span, value=written, allowed=(), expected=expected))
    elif not example_paths:
        checked.note(code.no_examples(node.span, pattern=pattern))
    elif len(example_paths) > MAX_EXAMPLES:
        checked.note(code.too_many_examples(node.span, count=len(example_paths), limit=MAX_EXAMPLES))
    return pattern


def _links(checked: Checked, path: str, body: str, lines_above: int, world: AgentContext) -> Iterator[str]:
    """The notes that the instructions name, outside of code."""
    fenced = False
    for number, line in enumerate(body.split("\n"), start=lines_above + 1):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
            continue
        if fenced:
            continue
        bare = _CODE.sub(lambda match: " " * len(match[0]), line)
        for match in _LINK.finditer(bare):
            name = match[1].strip()
            note_path = world.notes.get(name.lower().removesuffix(".md"))
            if note_path is not None:
                yield note_path
                continue
            start = match.start(1) + len(match[1]) - len(match[1].lstrip())
            span = Span(
                path=path,
                line=number,
                column=start + 1,
                end_line=number,
                end_column=start + len(name) + 1,
            )
            checked.note(references.unknown_note(span, name=name, known=world.notes))


def reads(agent: AgentSource, paths: Collection[str]) -> tuple[str, ...]:
    """Everything of the workspace that a call of this agent may read: its own file, the notes it names, its examples."""
    return tuple(dict.fromkeys((agent.path, *agent.links, *examples_of(agent, paths))))


def names_of(paths: Iterable[str]) -> dict[str, str]:
    """Notes by the names links use: the file's stem, and its path below vault/, in lower case."""
    notes: dict[str, str] = {}
    for path in paths:
        if path.startswith("vault/") and path.endswith(".md"):
            inner = path.removeprefix("vault/").removesuffix(".md").lower()
            notes.setdefault(inner.rpartition("/")[2], path)
            notes[inner] = path
    return notes


def name_of(path: str) -> str:
    """What an agent's file is called without folder and ending."""
    return path.rpartition("/")[2].removesuffix(".md")


def is_agent(path: str) -> bool:
    """Whether a path is an agent's file: directly in the folder, since folders below hold its examples."""
    return path.startswith(FOLDER) and path.endswith(".md") and "/" not in path.removeprefix(FOLDER)
