"""A workspace at one moment, for looking: the working folder or a commit, compiled. Nothing in it is executed."""

from dataclasses import dataclass
from pathlib import Path

from engine.app.checking import compile_tree
from engine.app.workspace import SETTINGS
from engine.language.compile import Compiled
from engine.model.config import Config, Person, PolicyRules
from engine.model.ports import Tree
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


def folder(root: Path) -> Moment:
    """The working folder."""
    return of(FolderTree(root), "the working folder")


def commit(root: Path, name: str) -> Moment:
    """A commit, by branch, tag or id. Raises UsageError when there is none."""
    tree = GitTree.named(root, name)
    return of(tree, name if tree.commit.startswith(name) else f"{name} ({tree.commit[:8]})")


def of(tree: Tree, name: str) -> Moment:
    """A tree, compiled."""
    from engine.language.policy_file import parse as parse_policy
    from engine.language.settings import parse as parse_settings

    config, _ = parse_settings(SETTINGS, _bytes(tree, SETTINGS))
    policy, _ = parse_policy(POLICY, _bytes(tree, POLICY))
    return Moment(
        name=name,
        tree=tree,
        compiled=compile_tree(_Whole(tree)),
        config=config or Config(operator=Person(id="operator", name="The operator")),
        policy=policy or PolicyRules(),
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
