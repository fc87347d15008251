"""A tree to plans and diagnostics. Nothing a workspace contains is executed; nothing is raised; everything wrong is collected.

Passes: read → shape (playbook, sop) → resolve and type → order and gates → trust → lower. Each file is compiled by itself, and its
result is remembered within the process by its blob id and those of the files it names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from engine.language import (
    blocks,
    each,
    fits,
    intents,
    kinds,
    listening,
    lower,
    order,
    playbook,
    policy_file,
    reader,
    sop,
    starting,
    trust,
)
from engine.language.authored import Authored
from engine.language.blocks import Template
from engine.language.codes import shape
from engine.language.heads import heads_of
from engine.language.proving import proven
from engine.language.resolve import Resolver
from engine.language.resolved import Resolved, World
from engine.language.source import Source, shown
from engine.model import canonical
from engine.model.actions import ActionSpec
from engine.model.config import Config
from engine.model.plan import Plan
from engine.model.ports import Tree
from engine.model.span import Diagnostic, Severity, Span
from engine.model.triggers import EventSpec

_TEMPLATES = "vault/templates/"
_MOST_PROVEN = 160_000
"""Bytes compiled to try out one file's fixes before they are printed; the rest of them are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """Everything a tree compiles to. `broken` are the playbooks and SOPs that exist and don't compile."""

    plans: dict[str, Plan]
    diagnostics: tuple[Diagnostic, ...]
    broken: frozenset[str] = frozenset()

    def plus(self, more: tuple[Diagnostic, ...]) -> "Compiled":
        """With the diagnostics of other files."""
        return replace(self, diagnostics=tuple(sorted({*self.diagnostics, *more}, key=_place)))


def _place(one: Diagnostic) -> tuple[Span, str]:
    return one.span, one.code


def compile_tree(
    tree: Tree,
    *,
    actions: Mapping[str, ActionSpec],
    config: Config,
    events: Mapping[str, EventSpec] | None = None,
) -> Compiled:
    """Every playbook and SOP of a tree, and what is wrong in it. `events` are the types of event that connectors declare."""
    files = _Files(tree)
    diagnostics = list(_others(files))
    plans: dict[str, Plan] = {}
    broken: set[str] = set()
    taken: dict[str, str] = {}
    world = World(
        actions=actions,
        config=config,
        template=files.template,
        templates=files.templates(),
        people=tuple(one.id for one in config.people),
        events=events or {},
        intents=files.intents(),
    )
    _KNOWN.trim()
    context = files.context(world)
    for path in files.sources():
        if (bad := playbook.bad_name(path)) is not None:
            diagnostics.append(bad)
            continue
        id_ = playbook.stem(path)
        if id_ in taken:
            # Two files claim one name: neither runs until the operator says which.
            diagnostics.append(shape.same_id(Span(path=path), id_=id_, other=taken[id_]))
            plans.pop(id_, None)
            broken.add(id_)
            continue
        taken[id_] = path
        key = (path, files.blobs[path], context)
        if key not in _KNOWN.compiled:
            _KNOWN.compiled[key] = _one(files, path, id_, world)
        plan, found = _KNOWN.compiled[key]
        diagnostics += found
        if plan is None:
            broken.add(id_)
        else:
            plans[id_] = plan
    return Compiled(plans=plans, diagnostics=tuple(sorted(diagnostics, key=_place)), broken=frozenset(broken))


class _Remembered:
    """What this process already knows, by content: whether a blob is a SOP, its SHA-256, and what a file compiled to."""

    MOST = 20_000

    def __init__(self) -> None:
        self.sop: dict[str, bool] = {}
        self.sha: dict[str, str] = {}
        self.compiled: dict[tuple[str, ...], tuple[Plan | None, tuple[Diagnostic, ...]]] = {}

    def trim(self) -> None:
        """Forget everything once it is much: a cache, and cheap to fill again."""
        for cache in (self.sop, self.sha, self.compiled):
            if len(cache) > self.MOST:
                cache.clear()


_KNOWN = _Remembered()


class _Files:
    """The tree's files, each read and parsed at most once."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.blobs: dict[str, str] = dict(tree.paths())
        self._data: dict[str, bytes] = {}
        self._templates: dict[str, blocks.Parsed] = {}

    def read(self, path: str) -> bytes:
        """The bytes of a file; none for one that went away."""
        if path not in self._data:
            try:
                self._data[path] = self._tree.read(path)
            except KeyError:
                self._data[path] = b""
        return self._data[path]

    def under(self, folder: str, ending: str) -> list[str]:
        """Paths of files in a folder, sorted."""
        return [path for path in self.blobs if path.startswith(folder) and path.endswith(ending)]

    def sources(self) -> list[str]:
        """Playbooks and SOPs."""
        playbooks = [
            path for path in self.under("playbooks/", ".yaml") if not path.startswith("playbooks/tests/")
        ]
        return [*playbooks, *(path for path in self.under("vault/", ".md") if self.is_sop(path))]

    def is_sop(self, path: str) -> bool:
        """Whether a note is a SOP."""
        blob = self.blobs.get(path, "")
        if blob not in _KNOWN.sop:
            _KNOWN.sop[blob] = path in self.blobs and sop.is_sop(self.read(path))
        return _KNOWN.sop[blob]

    def sha(self, path: str) -> str:
        """SHA-256 of a file's bytes."""
        blob = self.blobs[path]
        if blob not in _KNOWN.sha:
            _KNOWN.sha[blob] = canonical.sha256(self.read(path))
        return _KNOWN.sha[blob]

    def context(self, world: World) -> str:
        """Names everything a file may depend on but itself: actions, settings, and what the vault holds."""
        vault = [one for one in self.blobs.items() if one[0].startswith("vault/")]
        known = (sorted(world.actions.items()), sorted(world.events.items()), world.config, vault)
        return canonical.sha256(repr(known).encode())

    def templates(self) -> tuple[str, ...]:
        """Names of templates, as steps write them."""
        return tuple(
            path.removeprefix(_TEMPLATES).removesuffix(".md") for path in self.under(_TEMPLATES, ".md")
        )

    def parsed(self, path: str) -> blocks.Parsed:
        """A template with its diagnostics."""
        if path not in self._templates:
            self._templates[path] = blocks.parse(path, self.read(path))
        return self._templates[path]

    def template(self, name: str) -> Template | None:
        """A template by name; None when it is broken, which is said where it stands."""
        return self.parsed(f"{_TEMPLATES}{name}.md")[0]

    def intents(self) -> tuple[str, ...]:
        """Names of intents."""
        found = intents.parse([(path, self.read(path)) for path in self.under("vault/intents/", ".yaml")])[0]
        return tuple(one.name for one in found)

    def notes(self) -> dict[str, str]:
        """Notes by the names links use: the file's stem and its path below vault/, in lower case."""
        found: dict[str, str] = {}
        for path in self.under("vault/", ".md"):
            found.setdefault(playbook.stem(path).lower(), path)
            found[path.removeprefix("vault/").removesuffix(".md").lower()] = path
        return found

    def pinned(self, used: set[str]) -> tuple[tuple[str, str], ...]:
        """(path, SHA-256) of files a run may read, sorted."""
        always = [
            *self.under(f"{_TEMPLATES}replies/", ".md"),
            *self.under("vault/intents/", ".yaml"),
            *(["vault/policy.yaml"] if "vault/policy.yaml" in self.blobs else []),
        ]
        paths = sorted({*always, *used} & self.blobs.keys())
        return tuple((path, self.sha(path)) for path in paths)


def _others(files: _Files) -> list[Diagnostic]:
    """What is wrong in templates, intents and policy, and playbooks with another ending."""
    found: list[Diagnostic] = []
    for path in files.under(_TEMPLATES, ".md"):
        found += files.parsed(path)[1]
    found += intents.parse([(path, files.read(path)) for path in files.under("vault/intents/", ".yaml")])[1]
    if "vault/policy.yaml" in files.blobs:
        found += policy_file.parse("vault/policy.yaml", files.read("vault/policy.yaml"))[1]
    for path in files.under("playbooks/", ".yml"):
        found.append(shape.other_ending(Span(path=path), name=f"{playbook.stem(path)}.yaml"))
    return found


def _one(files: _Files, path: str, id_: str, world: World) -> tuple[Plan | None, tuple[Diagnostic, ...]]:
    data = files.read(path)
    plan, found = _once(files, path, id_, world, data)
    if any(one.fix for one in found):
        found = _affordable(found, _MOST_PROVEN // max(len(data), 1))
        found = proven(data, found, lambda mended: _once(files, path, id_, world, mended)[1])
    return plan, found


def _affordable(found: tuple[Diagnostic, ...], most: int) -> tuple[Diagnostic, ...]:
    kept = []
    for one in found:
        most -= one.fix is not None
        kept.append(one if most >= 0 else replace(one, fix=None))
    return tuple(kept)


def _once(
    files: _Files, path: str, id_: str, world: World, data: bytes
) -> tuple[Plan | None, tuple[Diagnostic, ...]]:
    source = Source.of(path, data)
    authored, diagnostics = _authored(files, path, id_, data, source)
    if authored is None:
        return None, diagnostics
    plan, more = compile_one(authored, world, files.pinned)
    found = (*diagnostics, *shown(source, more))
    wrong = any(one.severity is Severity.ERROR for one in found)
    return (None if wrong else plan), found


def _authored(
    files: _Files, path: str, id_: str, data: bytes, source: Source
) -> tuple[Authored | None, tuple[Diagnostic, ...]]:
    if path.endswith(".md"):
        return sop.read(source, id_, data, notes=files.notes(), is_sop=files.is_sop)
    node, diagnostics = reader.read(path, data)
    if node is None:
        return None, diagnostics
    return playbook.read(source, id_, node)


Pin = Callable[[set[str]], tuple[tuple[str, str], ...]]


def compile_one(authored: Authored, world: World, pin: Pin) -> tuple[Plan | None, tuple[Diagnostic, ...]]:
    """One file in its shape to its plan."""
    started, starts_wrong = starting.read(authored, world)
    event = listening.together(started.heard)
    inputs, bad_defaults = lower.inputs(authored)
    resolver = Resolver(
        authored=authored, world=world, event=event, inputs=lower.inputs_type(authored), special=kinds.KINDS
    )
    steps = resolver.run()
    found = [*starts_wrong, *bad_defaults, *order.unique_steps(authored), *resolver.diagnostics]
    resolved = {one.step.id.text: one for one in steps}
    heads, heads_wrong = heads_of(authored, event, resolver, steps)
    edges, wrong = order.edges(authored, steps, heads.titles)
    facts = trust.Facts(
        authored=authored,
        resolved=resolved,
        event=listening.labels(started.heard),
        readers=_readers(resolved),
    )
    found += [
        *heads_wrong,
        *wrong,
        *fits.check(steps),
        *each.check(steps),
        *order.check_gates(authored, resolved, edges),
    ]
    found += [*trust.check_steps(facts), *trust.check_sinks(facts), *trust.check_subject(facts, event)]
    diagnostics = tuple(sorted(found, key=_place))
    if any(one.severity is Severity.ERROR for one in diagnostics):
        return None, diagnostics
    used = {authored.path, *(f"{_TEMPLATES}{name}.md" for name in resolver.templates)}
    used |= {
        f"vault/agents/{one.step.uses.text.removeprefix('agent/')}.md"
        for one in steps
        if one.step.uses.text.startswith("agent/")
    }
    used |= {word.text for step in authored.steps if step.question for word in step.question.context}
    plan = lower.plan(
        authored,
        steps,
        edges,
        triggers=started.triggers,
        inputs=inputs,
        heads=heads,
        facts=facts,
        files=pin(used),
        config=world.config,
    )
    return plan, diagnostics


def _readers(resolved: Mapping[str, Resolved]) -> dict[str, tuple[str, ...]]:
    """Step → the steps that read its outputs."""
    found: dict[str, dict[str, None]] = {}
    for id_, one in resolved.items():
        for built in one.built():
            for read in built.reads:
                parts = read.path.split(".")
                if parts[0] == "steps" and parts[2] == "outputs":
                    found.setdefault(parts[1], {})[id_] = None
    return {name: tuple(ids) for name, ids in found.items()}
