"""One compilation of a tree: each file by itself, knowing of others only what they take and give, and nothing twice.

A result is remembered in the process and, where there is a shelf, on disk: by path, bytes, settings and code, with the questions
that were asked about everything else.
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from engine.language.build import cached_result, file_table
from engine.language.build.cache_file import Shelf
from engine.language.build.cached_result import CachedCheck, CachedPlan, CacheEntry
from engine.language.build.dependency_tracker import DependencyTracker, TrackedMap
from engine.language.build.file_table import FileTable
from engine.language.diagnostics.codes import playbook_shape
from engine.language.diagnostics.verify_fix import with_verified_fixes
from engine.language.documents import playbook, sop
from engine.language.documents.ast import Authored
from engine.language.passes import pipeline, subplaybooks
from engine.language.passes.resolved import Signature, World
from engine.language.schemas import schema_check as form
from engine.language.templates.parser import TEMPLATES, Takes
from engine.language.text.nodes import Node
from engine.language.text.source import MAX_SHOWN, SourceText, with_source_lines
from engine.language.yaml import reader
from engine.model.definitions.diagnostics import Diagnostic, Severity, Span
from engine.model.definitions.plan import Plan
from engine.model.values import canonical_json

_MAX_PROVEN = 40_000
"""Bytes compiled to try out one file's fixes before they are printed; the rest of them are left out."""
_MAX_KNOWN = 20_000
_NAMES = re.compile(rb"\bplaybook(?:/|:\s*[\"']?)([a-z][a-z0-9-]*)|\bsops?/([a-z][a-z0-9-]*)\.md")
"""What may be the name of another file, for the order in which files are compiled and for nothing else."""

_KNOWN: dict[tuple[str, str, str], CacheEntry] = {}
"""What this process compiled before, by path, blob, settings and code: a cache, and cheap to fill again."""


class Compilation:
    """One compilation. A file that names another one has it compiled first; one that is under way is known by its outer shape."""

    def __init__(
        self,
        files: FileTable,
        paths: Mapping[str, str],
        world: World,
        *,
        code: str = "",
        shelf: Shelf | None = None,
    ) -> None:
        if len(_KNOWN) > _MAX_KNOWN:
            _KNOWN.clear()
        file_table.trim()
        self._files = files
        self._paths = paths
        self._shelf = shelf
        self._context = canonical_json.sha256(
            repr((code, world.config, world.people, sorted(world.unperformed))).encode()
        )
        self._asked = DependencyTracker()
        self._notes = TrackedMap("notes", files.notes(), self._asked)
        watched, topics = _watched(world, self._asked)
        self._topics: dict[str, Callable[[str], str]] = {
            **topics,
            "signature": self._takes,
            "template": lambda name: files.blobs.get(f"{TEMPLATES}{name}.md", ""),
            "sop": lambda path: str(files.is_sop(path)),
            "notes": self._notes.answer,
        }
        self._world = replace(watched, template=self._template, signature=self._signature)
        self._done: dict[str, CacheEntry] = {}
        self._open: dict[str, Signature] = {}

    # ------------------------------------------------------------ what files are told

    def _ask(self, question: str) -> str:
        """The answer to a question, as it is now. Kept, too, for whoever is under way."""
        topic, _, name = question.partition(":")
        answer = self._topics[topic](name) if topic in self._topics else "unknown"
        self._asked.note(question, answer)
        return answer

    def _template(self, name: str) -> Takes:
        self._ask(f"template:{name}")
        return self._files.template(name)

    def _is_sop(self, path: str) -> bool:
        self._ask(f"sop:{path}")
        return self._files.is_sop(path)

    def _signature(self, id_: str) -> Signature | None:
        """What a file takes and gives; None when there is no such file."""
        self._ask(f"signature:{id_}")
        if id_ in self._open:
            return self._open[id_]
        return self._cached_plan(id_).signature if id_ in self._paths else None

    def _takes(self, id_: str) -> str:
        if id_ in self._open:
            return cached_result.takes(self._open[id_])
        return self.result(id_).known.takes if id_ in self._paths else ""

    # ------------------------------------------------------------ one file after another

    def result(self, id_: str) -> CacheEntry:
        """What a file compiles to. Those it may name come first, so that a long chain of calls does not recurse deeply."""
        left, seen = [id_], {id_}
        while id_ not in self._done:
            later = [name for name in self._mentions(left[-1]) if name in self._paths and name not in seen]
            seen.update(later)
            left += [name for name in later if name not in self._done and name not in self._open]
            if not later:
                self._finish(left.pop())
        return self._done[id_]

    def plan(self, id_: str) -> Plan | None:
        """The plan of a file with the files a run may read."""
        if self._cached_plan(id_).plan is None:
            return None
        result = self.result(id_)
        return result.plan(self._files.pinned(result.known.used))

    def _cached_plan(self, id_: str) -> CachedPlan:
        result = self.result(id_)
        try:
            return result.cached_plan
        except cached_result.WRONG:
            # The shelf holds something that is not ours under the right name: it is computed again.
            self._done[id_] = _KNOWN[self._key(id_)] = self._compiled(id_, self._paths[id_])
            return self._done[id_].cached_plan

    def _key(self, id_: str) -> tuple[str, str, str]:
        path = self._paths[id_]
        return path, self._files.blobs[path], self._context

    def _mentions(self, id_: str) -> tuple[str, ...]:
        if id_ in self._done:
            return ()
        known = self._remembered(id_)
        return _mentions(self._files.read(self._paths[id_])) if known is None else known.known.mentions

    def _remembered(self, id_: str) -> CacheEntry | None:
        key = self._key(id_)
        if key not in _KNOWN and self._shelf is not None:
            raw = self._shelf.get(" ".join(key))
            if raw is not None:
                with contextlib.suppress(*cached_result.WRONG):
                    _KNOWN[key] = CacheEntry.read(raw)
                    _KNOWN[key].shelved = True
        return _KNOWN.get(key)

    def _finish(self, id_: str) -> None:
        entry = self._remembered(id_)
        if entry is None or not self._is_current(id_, entry):
            entry = _KNOWN[self._key(id_)] = self._compiled(id_, self._paths[id_])
        name = " ".join(self._key(id_))
        if self._shelf is not None and not (entry.shelved and name in self._shelf):
            self._shelf.put(name, entry.to_bytes())
            entry.shelved = True
        self._done[id_] = entry

    def _is_current(self, id_: str, entry: CacheEntry) -> bool:
        """Whether everything it asked is answered as it was."""
        if not entry.known.asked:
            return True
        self._asked.begin()
        if any(question.startswith("signature:") for question, _ in entry.known.asked):
            try:
                self._open[id_] = entry.cached_plan.provisional
            except cached_result.WRONG:
                return False
        try:
            return all(self._ask(question) == answer for question, answer in entry.known.asked)
        finally:
            self._open.pop(id_, None)
            self._asked.end()

    # ------------------------------------------------------------ one file

    def _compiled(self, id_: str, path: str) -> CacheEntry:
        raw = self._files.read(path)
        asked = self._asked.begin()
        try:
            known, cached_plan = self._once(id_, path, raw)
            diagnostics = known.diagnostics
            if any(diagnostic.fix for diagnostic in diagnostics):
                diagnostics = _affordable(diagnostics, _MAX_PROVEN // max(len(raw), 1))
                diagnostics = with_verified_fixes(
                    raw, diagnostics, lambda mended: self._once(id_, path, mended)[0].diagnostics
                )
        finally:
            self._asked.end()
        whole = replace(known, diagnostics=diagnostics, asked=tuple(asked.items()), mentions=_mentions(raw))
        return CacheEntry.from_results(whole, cached_plan)

    def _once(self, id_: str, path: str, raw: bytes) -> tuple[CachedCheck, CachedPlan]:
        source = SourceText.from_bytes(path, raw)
        kind, root, authored, diagnostics = self._authored(path, id_, raw, source)
        if root is not None and (authored is None or len(diagnostics) > MAX_SHOWN):
            diagnostics = (*diagnostics, *form.diagnose_tree(kind, source, root, diagnostics))
        if root is None or authored is None or len(diagnostics) > MAX_SHOWN:
            none = Signature()
            diagnostics = _first(path, diagnostics)
            return CachedCheck(diagnostics=diagnostics, takes=cached_result.takes(none)), CachedPlan(
                signature=none, provisional=none
            )
        provisional = self._open[id_] = subplaybooks.provisional(authored)
        try:
            passed = pipeline.compile_one(authored, self._world)
        finally:
            del self._open[id_]
        diagnostics = (*diagnostics, *with_source_lines(source, passed.diagnostics))
        diagnostics = _first(path, (*diagnostics, *form.diagnose_tree(kind, source, root, diagnostics)))
        wrong = any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
        known = CachedCheck(
            diagnostics=diagnostics,
            plan=not wrong and passed.plan is not None,
            takes=cached_result.takes(passed.signature),
            calls=tuple(step.uses for step in authored.steps if step.uses.text.startswith(subplaybooks.CALL)),
            used=tuple(sorted(passed.used)),
        )
        cached_plan = CachedPlan(
            signature=passed.signature, provisional=provisional, plan=passed.plan if known.plan else None
        )
        return known, cached_plan

    def _authored(
        self, path: str, id_: str, raw: bytes, source: SourceText
    ) -> tuple[str, Node | None, Authored | None, tuple[Diagnostic, ...]]:
        """(the kind of file, its YAML, its shape, what is wrong with it)."""
        if path.endswith(".md"):
            front = reader.front_matter(path, raw)[0]
            return "sop", front, *sop.read(source, id_, raw, notes=self._notes, is_sop=self._is_sop)
        root, diagnostics = reader.read(path, raw)
        if root is None:
            return "playbook", None, None, diagnostics
        return "playbook", root, *playbook.read(source, id_, root)


def _watched(world: World, asked: DependencyTracker) -> tuple[World, dict[str, Callable[[str], str]]]:
    """The world whose maps note what is looked up in them, and who answers the question of each."""
    actions = TrackedMap("actions", world.actions, asked, digest=_digest)
    events = TrackedMap("events", world.events, asked, digest=_digest)
    reads = TrackedMap("reads", world.reads, asked, digest=_digest)
    named = (
        ("templates", world.templates), ("intents", world.intents), ("playbooks", world.playbooks), ("wrong", world.wrong)
    )  # fmt: skip
    names = {topic: TrackedMap(topic, dict.fromkeys(known, "here"), asked) for topic, known in named}
    watched = replace(
        world,
        actions=actions,
        events=events,
        reads=reads,
        templates=names["templates"],
        intents=names["intents"],
        playbooks=names["playbooks"],
        wrong=names["wrong"],
    )
    answers = {topic: tracked.answer for topic, tracked in names.items()}
    return watched, {
        **answers,
        "actions": actions.answer,
        "events": events.answer,
        "reads": reads.answer,
    }


class Plans(Mapping[str, Plan]):
    """Playbook or SOP → its plan, each read when it is asked for."""

    def __init__(self, session: Compilation, ids: Iterable[str]) -> None:
        self._session = session
        self._ids = dict.fromkeys(ids)

    def __getitem__(self, id_: str) -> Plan:
        plan = self._session.plan(id_) if id_ in self._ids else None
        if plan is None:
            raise KeyError(id_)
        return plan

    def __contains__(self, id_: object) -> bool:
        return id_ in self._ids

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


def _digest(value: object) -> str:
    return canonical_json.sha256(repr(value).encode())


def _mentions(raw: bytes) -> tuple[str, ...]:
    return tuple(dict.fromkeys((a or b).decode() for a, b in _NAMES.findall(raw)))


def _first(path: str, diagnostics: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """The first diagnostics of a file, and that there are more."""
    if len(diagnostics) <= MAX_SHOWN:
        return diagnostics
    return (*diagnostics[:MAX_SHOWN], playbook_shape.too_many_mistakes(Span(path=path), limit=MAX_SHOWN))


def _affordable(diagnostics: tuple[Diagnostic, ...], fixes_left: int) -> tuple[Diagnostic, ...]:
    affordable = []
    for diagnostic in diagnostics:
        fixes_left -= diagnostic.fix is not None
        affordable.append(diagnostic if fixes_left >= 0 else replace(diagnostic, fix=None))
    return tuple(affordable)
