"""A tree to plans and diagnostics. Nothing a workspace contains is executed; nothing is raised; everything wrong is collected.

Passes: read → shape (playbook, sop) → resolve and type → order and gates → trust → lower. Each file is compiled by itself
(`session`) and knows of others only what they take and give; what it compiled to is remembered together with what it asked.
"""

import gc
from collections.abc import Iterator, Mapping
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
from engine.language.text.source import SourceText, with_source_lines
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

    def with_diagnostics(self, diagnostics: tuple[Diagnostic, ...]) -> "Compiled":
        """With the diagnostics of other files."""
        both = dict.fromkeys((*self.diagnostics, *diagnostics))  # a set would give another order each time
        return replace(self, diagnostics=tuple(sorted(both, key=place_of)))


def compile_tree(
    tree: Tree,
    *,
    actions: Mapping[str, ActionSpec],
    config: Config,
    events: Mapping[str, EventSpec] | None = None,
    unperformed: frozenset[str] = frozenset(),
    cache_file: Path | None = None,
    code: str = "",
) -> Compiled:
    """Every playbook and SOP of a tree, and what is wrong in it. `events` are the types of event that connectors declare.

    `unperformed` names the actions that are declared only. `cache_file` remembers what files compile to, for the front end
    whose digest is `code`.
    """
    files = FileTable(tree)
    own = files.agents(config, actions)
    wrong = frozenset(f"agent/{name}" for name, (agent, _) in own.items() if agent is None)
    diagnostics = [
        *_other_files(files, {**actions, **dict.fromkeys(wrong), **_agents(own)}),
        *_agent_diagnostics(files, own),
    ]
    broken: set[str] = set()
    paths = _named(files, diagnostics, broken)
    world = World(
        actions={
            **{name: spec for name, spec in actions.items() if name not in wrong},
            **_agents(own),
            **_broken_agent_specs(files, own),
        },
        config=config,
        template=files.template,
        templates=files.templates(),
        people=tuple(person.id for person in config.people),
        events=events or {},
        intents=tuple(intent.name for intent in files.intents()[0]),
        playbooks=tuple(sorted(paths)),
        unperformed=unperformed,
        wrong=wrong,
        reads={f"agent/{id_}": agents.reads(agent, files.blobs) for id_, (agent, _) in own.items() if agent},
    )
    shelf = None if cache_file is None else Shelf(cache_file)
    session = Compilation(files, paths, world, code=code, shelf=shelf)
    with _uncollected():
        results = {id_: session.result(id_).known for id_ in paths}
    if shelf is not None:
        shelf.save()
    calls = {id_: check.calls for id_, check in results.items()}
    for id_, cycle_errors in subplaybooks.find_cycles(calls).items():
        source = SourceText.from_bytes(paths[id_], files.read(paths[id_]))
        diagnostics += with_source_lines(source, cycle_errors)
        broken.add(id_)
    diagnostics += [diagnostic for result in results.values() for diagnostic in result.diagnostics]
    broken |= {id_ for id_, result in results.items() if not result.plan}
    return Compiled(
        plans=Plans(session, (id_ for id_ in paths if id_ not in broken)),
        diagnostics=tuple(sorted(diagnostics, key=place_of)),
        broken=frozenset(broken),
    )


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the cyclic garbage collector: plans have no cycles, are many, and stay. Scanning them took a seventh of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _named(files: FileTable, diagnostics: list[Diagnostic], broken: set[str]) -> dict[str, str]:
    """Playbook or SOP → its path. What is wrong with names is added to `diagnostics`, and to `broken`."""
    paths: dict[str, str] = {}
    for path in files.sources():
        if (bad := playbook.bad_name(path)) is not None:
            diagnostics.append(bad)
            continue
        id_ = playbook.stem(path)
        if id_ in paths:
            # Two files with one name: neither runs until the operator renames one.
            diagnostics.append(playbook_shape.same_id(Span(path=path), id_=id_, other_file=paths[id_]))
            broken.add(id_)
            continue
        paths[id_] = path
    return paths


def _agents(own: Mapping[str, agents.Parsed]) -> dict[str, ActionSpec]:
    """The workspace's agents as actions: each stands for a declared one of its name."""
    return {f"agent/{name}": spec_of(agent) for name, (agent, _) in own.items() if agent}


def _broken_agent_specs(files: FileTable, own: Mapping[str, agents.Parsed]) -> dict[str, ActionSpec]:
    """The agents with mistakes that tell what they take and give, so that the steps that ask them are checked."""
    sources = (
        agents.declared_interface(f"{agents.FOLDER}{name}.md", files.read(f"{agents.FOLDER}{name}.md"))
        for name, (agent, _) in own.items()
        if agent is None
    )
    return {f"agent/{agent.name}": spec_of(agent) for agent in sources if agent is not None}


def _agent_diagnostics(files: FileTable, own: Mapping[str, agents.Parsed]) -> Iterator[Diagnostic]:
    """What is wrong in the workspace's agents: first what their reader found, then what their schema adds."""
    for _, diagnostics in own.values():
        yield from diagnostics
    for name, (_, diagnostics) in own.items():
        path = f"{agents.FOLDER}{name}.md"
        yield from form.diagnose_file("agent", path, files.read(path), diagnostics)


def _other_files(files: FileTable, actions: Mapping[str, ActionSpec | None]) -> list[Diagnostic]:
    """What is wrong in templates, intents and policy, and playbooks with another ending."""
    diagnostics: list[Diagnostic] = []
    for path in files.under(TEMPLATES, ".md"):
        diagnostics += files.parsed(path)[1]
    diagnostics += files.intents()[1]
    if policy.PATH in files.blobs:
        templates = [files.parsed(path)[0] for path in files.under(TEMPLATES, ".md")]
        context = policy.PolicyContext(
            actions=actions, purposes={template.purpose for template in templates if template}
        )
        diagnostics += policy.parse(policy.PATH, files.read(policy.PATH), context=context)[1]
    kinds = {
        "template": files.under(TEMPLATES, ".md"),
        "intents": files.under("vault/intents/", ".yaml"),
        "policy": [policy.PATH] if policy.PATH in files.blobs else [],
    }
    for kind, paths in kinds.items():
        for path in paths:
            diagnostics += form.diagnose_file(kind, path, files.read(path), diagnostics)
    for path in files.under("vault/", ".md"):
        if not files.is_sop(path):
            diagnostics += sop.mistaken(path, files.read(path))
    for path in files.under("playbooks/", ".yml"):
        diagnostics.append(playbook_shape.other_ending(Span(path=path), name=f"{playbook.stem(path)}.yaml"))
    return diagnostics
