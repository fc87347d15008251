"""Finding the workspace, and reading what is deployed in it: never the working tree for anything that runs."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.app.checking import settings_of
from engine.ledger import StateDir
from engine.model import places
from engine.model.config import Config, Person
from engine.model.errors import EngineError
from engine.model.ports import Tree
from engine.vault import GitTree, find_root

SETTINGS = places.SETTINGS


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace at its deployed commit. `id` is steward.yaml's, or a throw-away one made from where it lies."""

    root: Path
    tree: Tree
    config: Config
    id: str
    state: StateDir


def open_workspace(start: Path, env: Mapping[str, str]) -> Workspace:
    """The workspace around `start`. Raises UsageError outside one, EngineError when git can't say what is deployed."""
    root = find_root(start)
    config, tree = _deployed(root)
    key = config.id or throw_away_id(root)
    return Workspace(root=root, tree=tree, config=config, id=key, state=StateDir.of(key, env=env))


def throw_away_id(root: Path) -> str:
    """The id of a workspace that carries none: the same for the same place, so that its commands find its state."""
    return f"at-{hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]}"


def _deployed(root: Path) -> tuple[Config, Tree]:
    """Settings and files at the tip of the deploy branch. The working copy of steward.yaml is only a hint to which branch that is."""
    hint = read_config({SETTINGS: (root / SETTINGS).read_bytes()}, strict=False)
    tree = GitTree.at(root, hint.deploy)
    config = read_config({SETTINGS: settings_of(tree)}, strict=True)
    if config.deploy != hint.deploy:
        tree = GitTree.at(root, config.deploy)
        config = read_config({SETTINGS: settings_of(tree)}, strict=True)
    return config, tree


def read_config(files: Mapping[str, bytes], *, strict: bool) -> Config:
    """steward.yaml as data. Raises EngineError with the first diagnostic when `strict` and it can't be used."""
    from engine.app.actions import connector_names
    from engine.language.render import text as rendered
    from engine.language.settings import parse

    # A hint is read as far as it goes: a misspelt block must not lead to another branch.
    known = connector_names() if strict else frozenset()
    config, diagnostics = parse(SETTINGS, files[SETTINGS], connectors=known)
    if config is None:
        if not strict:
            return Config(operator=Person(id="operator", name="The operator"))
        raise EngineError(
            "the deployed steward.yaml can't be used",
            code="settings",
            now_true="\n".join(rendered(one) for one in diagnostics[:3]),
            way_out="mend it, commit it, and type the command again",
        )
    return config
