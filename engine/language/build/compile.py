"""A tree to plans and diagnostics. Nothing a workspace contains is executed; nothing is raised; everything wrong is collected.

Passes: read → shape (playbook, sop) → resolve and type → order and gates → trust → lower. Each file is compiled by itself
(`session`) and knows of others only what they take and give; what it compiled to is remembered together with what it asked.
"""

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from engine.language.build.cache_file import Shelf
from engine.language.build.file_table import FileTable
from engine.language.build.session import Compilation, Plans
from engine.language.diagnostics.codes import playbook_shape
from engine.language.documents import agents, playbook, policy, sop
from engine.language.passes import subplaybooks
from engine.language.passes.pipeline import place_of
from engine.language.passes.resolved import World
from engine.language.schemas import schema_check as form
from engine.language.templates.parser import TEMPLATES
from engine.language.text.source import SourceText, shown
from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.agents import spec_of
from engine.model.definitions.diagnostics import Diagnostic, Span
from engine.model.definitions.plan import Plan
from engine.model.definitions.settings import Config
from engine.model.definitions.triggers import EventSpec
from engine.model.ports import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """Everything a tree compiles to. `broken` are the playbooks and SOPs that exist and don't compile."""

    plans: Mapping[str, Plan]
    diagnostics: tuple[Diagnostic, ...]
    broken: frozenset[str] = frozenset()

    def plus(self, more: tuple[Diagnostic, ...]) -> "Compiled":
        """With the diagnostics of other files."""
        both = dict.fromkeys((*self.diagnostics, *more))  # a set would give another order each time
        return replace(self, diagnostics=tuple(sorted(both, key=place_of)))


def compile_tree(
    tree: Tree,
    *,
    actions: Mapping[str, ActionSpec],
    config: Config,
    events: Mapping[str, EventSpec] | None = None,
    unperformed: frozenset[str] = frozenset(),
    kept: Path | None = None,
    code: str = "",
) -> Compiled:
    """Every playbook and SOP of a tree, and what is wrong in it. `events` are the types of event that connectors declare.

    `unperformed` names the actions that are declared only. `kept` is a file in which what files compile to is remembered, for the
    front end whose digest is `code`.
    """
    held = FileTable(tree)
    own = held.agents(config, actions)
    wrong = frozenset(f"agent/{name}" for name, (agent, _) in own.items() if agent is None)
    diagnostics = [
        *_others(held, {**actions, **dict.fromkeys(wrong), **_agents(own)}),
        *(one for _, found in own.values() for one in found),
        *(one for name, (_, found) in own.items() for one in _shape_of_agent(held, name, found)),
    ]
    broken: set[str] = set()
    paths = _named(held, diagnostics, broken)
    world = World(
        actions={
            **{name: spec for name, spec in actions.items() if name not in wrong},
            **_agents(own),
            **_told(held, own),
        },
        config=config,
        template=held.template,
        templates=held.templates(),
        people=tuple(one.id for one in config.people),
        events=events or {},
        intents=tuple(one.name for one in held.intents()[0]),
        playbooks=tuple(sorted(paths)),
        unperformed=unperformed,
        wrong=wrong,
        reads={f"agent/{name}": agents.reads(agent, held.blobs) for name, (agent, _) in own.items() if agent},
    )
    shelf = Shelf(kept) if kept is not None else None
    session = Compilation(held, paths, world, code=code, shelf=shelf)
    with _uncollected():
        results = {id_: session.result(id_).known for id_ in paths}
    if shelf is not None:
        shelf.save()
    for id_, found in subplaybooks.circles({id_: one.calls for id_, one in results.items()}).items():
        diagnostics += shown(SourceText.from_bytes(paths[id_], held.read(paths[id_])), found)
        broken.add(id_)
    diagnostics += [one for result in results.values() for one in result.diagnostics]
    broken |= {id_ for id_, result in results.items() if not result.plan}
    return Compiled(
        plans=Plans(session, (id_ for id_ in paths if id_ not in broken)),
        diagnostics=tuple(sorted(diagnostics, key=place_of)),
        broken=frozenset(broken),
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


def _named(held: FileTable, diagnostics: list[Diagnostic], broken: set[str]) -> dict[str, str]:
    """Playbook or SOP → its path. What is wrong with names is added to `diagnostics`, and to `broken`."""
    paths: dict[str, str] = {}
    for path in held.sources():
        if (bad := playbook.bad_name(path)) is not None:
            diagnostics.append(bad)
            continue
        id_ = playbook.stem(path)
        if id_ in paths:
            # Two files claim one name: neither runs until the operator says which.
            diagnostics.append(playbook_shape.same_id(Span(path=path), id_=id_, other_file=paths[id_]))
            broken.add(id_)
            continue
        paths[id_] = path
    return paths


def _agents(own: Mapping[str, agents.Parsed]) -> dict[str, ActionSpec]:
    """The workspace's agents as actions: each stands for a declared one of its name."""
    return {f"agent/{name}": spec_of(agent) for name, (agent, _) in own.items() if agent}


def _told(held: FileTable, own: Mapping[str, agents.Parsed]) -> dict[str, ActionSpec]:
    """The agents with mistakes that tell what they take and give, so that the steps that ask them are checked."""
    found = (
        agents.told(f"{agents.FOLDER}{name}.md", held.read(f"{agents.FOLDER}{name}.md"))
        for name, (agent, _) in own.items()
        if agent is None
    )
    return {f"agent/{one.name}": spec_of(one) for one in found if one is not None}


def _shape_of_agent(held: FileTable, name: str, found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    path = f"{agents.FOLDER}{name}.md"
    return form.diagnose_file("agent", path, held.read(path), found)


def _others(held: FileTable, actions: Mapping[str, ActionSpec | None]) -> list[Diagnostic]:
    """What is wrong in templates, intents and policy, and playbooks with another ending."""
    found: list[Diagnostic] = []
    for path in held.under(TEMPLATES, ".md"):
        found += held.parsed(path)[1]
    found += held.intents()[1]
    if policy.PATH in held.blobs:
        templates = [held.parsed(path)[0] for path in held.under(TEMPLATES, ".md")]
        around = policy.PolicyContext(actions=actions, purposes={one.purpose for one in templates if one})
        found += policy.parse(policy.PATH, held.read(policy.PATH), around=around)[1]
    kinds = {
        "template": held.under(TEMPLATES, ".md"),
        "intents": held.under("vault/intents/", ".yaml"),
        "policy": [policy.PATH] if policy.PATH in held.blobs else [],
    }
    for kind, paths in kinds.items():
        for path in paths:
            found += form.diagnose_file(kind, path, held.read(path), found)
    for path in held.under("vault/", ".md"):
        if not held.is_sop(path):
            found += sop.mistaken(path, held.read(path))
    for path in held.under("playbooks/", ".yml"):
        found.append(playbook_shape.other_ending(Span(path=path), name=f"{playbook.stem(path)}.yaml"))
    return found
