"""A workspace at one moment, for looking: the working folder or a commit, compiled. Nothing in it is executed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.app.workspace.check import compile_tree, shelf
from engine.app.workspace.workspace import SETTINGS
from engine.language.build.compile import Compiled
from engine.model.definitions.agents import AgentSource
from engine.model.definitions.settings import Config, Person, PolicyRules
from engine.model.ports import Tree
from engine.model.values.paths import state_home
from engine.vault import FolderTree, GitTree

POLICY = "vault/policy.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """`name` is how a person calls it. Settings and policy that can't be read count as those of an empty file."""

    name: str
    tree: Tree
    compiled: Compiled
    config: Config
    policy: PolicyRules
    agents: Mapping[str, AgentSource] = field(default_factory=dict)


def from_folder(root: Path, env: Mapping[str, str] | None = None) -> Moment:
    """The working folder. With `env`, what its files compile to is remembered below the state home."""
    return snapshot_at(FolderTree(root), "the working folder", cache=_cache_file(root, env))


def from_commit(root: Path, name: str, env: Mapping[str, str] | None = None) -> Moment:
    """A commit, by branch, tag or id. Raises UsageError when there is none."""
    tree = GitTree.named(root, name)
    of_it = name if tree.commit.startswith(name) else f"{name} ({tree.commit[:8]})"
    return snapshot_at(tree, of_it, cache=_cache_file(root, env))


def _cache_file(root: Path, env: Mapping[str, str] | None) -> Path | None:
    return None if env is None else shelf(root, state_home(env))


def snapshot_at(tree: Tree, name: str, *, cache: Path | None = None) -> Moment:
    """A tree, compiled."""
    from engine.app.workspace.action_catalog import declared
    from engine.language.build.file_table import FileTable
    from engine.language.documents.policy import parse as parse_policy
    from engine.language.documents.settings import parse as parse_settings

    config, _ = parse_settings(SETTINGS, _bytes(tree, SETTINGS))
    policy, _ = parse_policy(POLICY, _bytes(tree, POLICY))
    settings = config or Config(operator=Person(id="operator", name="The operator"))
    own = FileTable(tree).agents(settings, declared(settings))
    return Moment(
        name=name,
        tree=tree,
        compiled=compile_tree(_Whole(tree), cache=cache),
        config=settings,
        policy=policy or PolicyRules(),
        agents={name: agent for name, (agent, _) in own.items() if agent is not None},
    )


def _bytes(tree: Tree, path: str) -> bytes:
    try:
        return tree.read(path)
    except KeyError:
        return b""


@dataclass(frozen=True, slots=True)
class _Whole:
    """A tree in which steward.yaml can always be read: a commit from before there was one has an empty one."""

    tree: Tree

    @property
    def commit(self) -> str:
        return self.tree.commit

    def paths(self) -> tuple[tuple[str, str], ...]:
        return self.tree.paths()

    def read(self, path: str) -> bytes:
        return _bytes(self.tree, path) if path == SETTINGS else self.tree.read(path)
