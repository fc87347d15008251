"""A tree to plans and diagnostics. Nothing a workspace contains is executed; nothing is raised; everything wrong is collected.

Passes: read → shape (playbook, sop) → resolve and type → order and gates → trust → lower. Each file is compiled by itself and
knows of others only what they take and give. Its result is remembered within the process, by its blob id, those of the files of
the vault, and what the playbooks it names take and give.
"""

import gc
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from engine.language import calling, files, passes, playbook, policy_file, reader, sop
from engine.language.authored import Authored, Step
from engine.language.codes import shape
from engine.language.files import TEMPLATES, Files
from engine.language.passes import place_of
from engine.language.proving import proven
from engine.language.resolved import Signature, World
from engine.language.source import MOST_SHOWN, Source, shown
from engine.model.actions import ActionSpec
from engine.model.config import Config
from engine.model.plan import Plan
from engine.model.ports import Tree
from engine.model.span import Diagnostic, Severity, Span
from engine.model.triggers import EventSpec

_MOST_PROVEN = 160_000
"""Bytes compiled to try out one file's fixes before they are printed; the rest of them are left out."""
_MOST_KNOWN = 20_000
_NAMES = re.compile(rb"\bplaybook(?:/|:\s*[\"']?)([a-z][a-z0-9-]*)|\bsops?/([a-z][a-z0-9-]*)\.md")
"""What may be the name of another file, for the order in which files are compiled and for nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """Everything a tree compiles to. `broken` are the playbooks and SOPs that exist and don't compile."""

    plans: dict[str, Plan]
    diagnostics: tuple[Diagnostic, ...]
    broken: frozenset[str] = frozenset()

    def plus(self, more: tuple[Diagnostic, ...]) -> "Compiled":
        """With the diagnostics of other files."""
        return replace(self, diagnostics=tuple(sorted({*self.diagnostics, *more}, key=place_of)))


def compile_tree(
    tree: Tree,
    *,
    actions: Mapping[str, ActionSpec],
    config: Config,
    events: Mapping[str, EventSpec] | None = None,
    unperformed: frozenset[str] = frozenset(),
) -> Compiled:
    """Every playbook and SOP of a tree, and what is wrong in it. `events` are the types of event that connectors declare.

    `unperformed` names the actions that are declared only.
    """
    held = Files(tree)
    diagnostics = _others(held)
    paths: dict[str, str] = {}
    broken: set[str] = set()
    for path in held.sources():
        if (bad := playbook.bad_name(path)) is not None:
            diagnostics.append(bad)
            continue
        id_ = playbook.stem(path)
        if id_ in paths:
            # Two files claim one name: neither runs until the operator says which.
            diagnostics.append(shape.same_id(Span(path=path), id_=id_, other=paths[id_]))
            broken.add(id_)
            continue
        paths[id_] = path
    world = World(
        actions=actions,
        config=config,
        template=held.template,
        templates=held.templates(),
        people=tuple(one.id for one in config.people),
        events=events or {},
        intents=tuple(one.name for one in held.intents()[0]),
        playbooks=tuple(sorted(paths)),
        unperformed=unperformed,
    )
    session = _Session(held, paths, world)
    with _uncollected():
        results = {id_: session.result(id_) for id_ in paths}
    for id_, wrong in calling.circles({id_: one.calls for id_, one in results.items()}).items():
        diagnostics += shown(Source.of(paths[id_], held.read(paths[id_])), wrong)
        broken.add(id_)
    diagnostics += [one for result in results.values() for one in result.diagnostics]
    broken |= {id_ for id_, result in results.items() if result.plan is None}
    plans = {id_: one.plan for id_, one in results.items() if one.plan is not None and id_ not in broken}
    return Compiled(
        plans=plans, diagnostics=tuple(sorted(diagnostics, key=place_of)), broken=frozenset(broken)
    )


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the search for circles: what compiling makes has none, is much, and stays. Looking through it took a seventh of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _others(held: Files) -> list[Diagnostic]:
    """What is wrong in templates, intents and policy, and playbooks with another ending."""
    found: list[Diagnostic] = []
    for path in held.under(TEMPLATES, ".md"):
        found += held.parsed(path)[1]
    found += held.intents()[1]
    if "vault/policy.yaml" in held.blobs:
        found += policy_file.parse("vault/policy.yaml", held.read("vault/policy.yaml"))[1]
    for path in held.under("playbooks/", ".yml"):
        found.append(shape.other_ending(Span(path=path), name=f"{playbook.stem(path)}.yaml"))
    return found


# ---------------------------------------------------------------- one file after another


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """What one file compiled to. `asked` is what it was told of others, which is what it depends on."""

    plan: Plan | None
    diagnostics: tuple[Diagnostic, ...]
    signature: Signature
    early: Signature
    calls: tuple[Step, ...] = ()
    asked: Mapping[str, Signature | None] = field(default_factory=dict)
    names: tuple[str, ...] = ()


_KNOWN: dict[tuple[str, str, str], _Result] = {}
"""What this process compiled before, by path, blob and everything else it depends on: a cache, and cheap to fill again."""


class _Session:
    """One compilation. A file that names another one has it compiled first; one that is under way is known by its outer shape."""

    def __init__(self, held: Files, paths: Mapping[str, str], world: World) -> None:
        if len(_KNOWN) > _MOST_KNOWN:
            _KNOWN.clear()
        files.trim()
        self._held = held
        self._paths = paths
        self._context = held.context(world)
        self._world = replace(world, signature=self.signature)
        self._done: dict[str, _Result] = {}
        self._open: dict[str, Signature] = {}
        self._asking: list[dict[str, Signature | None]] = []

    def signature(self, id_: str) -> Signature | None:
        """What a file takes and gives; None when there is no such file."""
        if id_ in self._open:
            found: Signature | None = self._open[id_]
        else:
            found = self.result(id_).signature if id_ in self._paths else None
        if self._asking:
            self._asking[-1][id_] = found
        return found

    def result(self, id_: str) -> _Result:
        """What a file compiles to. Those it may name come first, so that a long chain of calls is no deep recursion."""
        left, seen = [id_], {id_}
        while id_ not in self._done:
            later = [one for one in self._named(left[-1]) if one in self._paths and one not in seen]
            seen.update(later)
            left += [one for one in later if one not in self._done and one not in self._open]
            if not later:
                self._finish(left.pop())
        return self._done[id_]

    def _key(self, id_: str) -> tuple[str, str, str]:
        path = self._paths[id_]
        return path, self._held.blobs[path], self._context

    def _named(self, id_: str) -> Iterable[str]:
        known = _KNOWN.get(self._key(id_))
        if known is not None:
            return known.asked
        return [(a or b).decode() for a, b in _NAMES.findall(self._held.read(self._paths[id_]))]

    def _finish(self, id_: str) -> None:
        key = self._key(id_)
        known = _KNOWN.get(key)
        if known is None or not self._holds(id_, known):
            known = _KNOWN[key] = self._compiled(id_, self._paths[id_])
        self._done[id_] = known

    def _holds(self, id_: str, known: _Result) -> bool:
        """Whether the files it names still take and give what they did."""
        if not known.asked:
            return True
        if known.names != self._world.playbooks:
            return False
        self._open[id_] = known.early
        self._asking.append({})
        try:
            return all(self.signature(name) == found for name, found in known.asked.items())
        finally:
            del self._open[id_]
            self._asking.pop()

    def _compiled(self, id_: str, path: str) -> _Result:
        data = self._held.read(path)
        asked: dict[str, Signature | None] = {}
        self._asking.append(asked)
        try:
            result = self._once(id_, path, data)
            found = result.diagnostics
            if any(one.fix for one in found):
                found = _affordable(found, _MOST_PROVEN // max(len(data), 1))
                found = proven(data, found, lambda mended: self._once(id_, path, mended).diagnostics)
        finally:
            self._asking.pop()
        return replace(result, diagnostics=found, asked=asked, names=self._world.playbooks if asked else ())

    def _once(self, id_: str, path: str, data: bytes) -> _Result:
        source = Source.of(path, data)
        authored, diagnostics = self._authored(path, id_, data, source)
        if authored is None or len(diagnostics) > MOST_SHOWN:
            found = _first(path, diagnostics)
            return _Result(plan=None, diagnostics=found, signature=Signature(), early=Signature())
        early = self._open[id_] = calling.provisional(authored)
        try:
            passed = passes.compile_one(authored, self._world, self._held.pinned)
        finally:
            del self._open[id_]
        found = _first(path, (*diagnostics, *shown(source, passed.diagnostics)))
        wrong = any(one.severity is Severity.ERROR for one in found)
        return _Result(
            plan=None if wrong else passed.plan,
            diagnostics=found,
            signature=passed.signature,
            early=early,
            calls=tuple(one for one in authored.steps if one.uses.text.startswith(calling.CALL)),
        )

    def _authored(
        self, path: str, id_: str, data: bytes, source: Source
    ) -> tuple[Authored | None, tuple[Diagnostic, ...]]:
        if path.endswith(".md"):
            return sop.read(source, id_, data, notes=self._held.notes(), is_sop=self._held.is_sop)
        node, diagnostics = reader.read(path, data)
        if node is None:
            return None, diagnostics
        return playbook.read(source, id_, node)


def _first(path: str, found: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """The first diagnostics of a file, and that there are more."""
    if len(found) <= MOST_SHOWN:
        return found
    return (*found[:MOST_SHOWN], shape.too_many_mistakes(Span(path=path), most=MOST_SHOWN))


def _affordable(found: tuple[Diagnostic, ...], most: int) -> tuple[Diagnostic, ...]:
    kept = []
    for one in found:
        most -= one.fix is not None
        kept.append(one if most >= 0 else replace(one, fix=None))
    return tuple(kept)
