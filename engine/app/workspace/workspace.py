"""Finding the workspace, and reading what is deployed in it: never the working tree for anything that runs."""

import functools
import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.app.workspace.check import settings_of
from engine.ledger import StateDir
from engine.model.definitions.diagnostics import Diagnostic
from engine.model.definitions.settings import Config, Person
from engine.model.errors import EngineError, UsageError
from engine.model.ports import Tree
from engine.model.values import paths
from engine.vault import GitTree, find_root

SETTINGS = paths.SETTINGS


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace at its deployed commit. `id` is steward.yaml's, or a throw-away one made from its path."""

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
    workspace = Workspace(root=root, tree=tree, config=config, id=key, state=StateDir.of(key, env=env))
    _only(workspace)
    return workspace


def settle_in(workspace: Workspace) -> None:
    """Write down which folder this state belongs to; for the ledger's owner."""
    text = json.dumps(_whereabouts(workspace))
    place = workspace.state.place
    if not place.exists() or place.read_text(encoding="utf-8") != text:
        place.write_text(text, encoding="utf-8")


def _whereabouts(workspace: Workspace) -> dict[str, str]:
    return {"root": os.fspath(workspace.root.resolve()), "state": os.fspath(workspace.state.path.resolve())}


def _only(workspace: Workspace) -> None:
    """Raises UsageError for a copy of a folder that is still there: the letters of two must not run on one ledger.

    A folder that moved, and a state that was copied or restored elsewhere, are no copies.
    """
    try:
        noted = json.loads(workspace.state.place.read_text(encoding="utf-8"))
        original, state = Path(noted["root"]), noted["state"]
        if state != _whereabouts(workspace)["state"] or original.samefile(workspace.root):
            return
        there = read_config({SETTINGS: (original / SETTINGS).read_bytes()}, strict=False).id
    except (OSError, ValueError, TypeError, LookupError):
        return
    if there == workspace.config.id:
        raise UsageError(
            f"this is a copy of {original}, and both say that they are the workspace {workspace.id}",
            code="copy",
            now_true="Nothing was read, sent or written: one ledger belongs to one folder.",
            way_out=f'give the copy an id of its own: write  id: "{secrets.token_hex(16)}"  in its steward.yaml and commit it',
        )


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


@functools.lru_cache(maxsize=8)
def _parsed(content: bytes, known: frozenset[str]) -> tuple[Config | None, tuple[Diagnostic, ...]]:
    """The same few bytes are read by every command and every look of one that stays."""
    from engine.language.documents.settings import parse

    return parse(SETTINGS, content, connectors=known)


def read_config(files: Mapping[str, bytes], *, strict: bool) -> Config:
    """steward.yaml as data. Raises EngineError with the first diagnostic when `strict` and it can't be used."""
    from engine.app.workspace.action_catalog import connector_names
    from engine.language.diagnostics.render import text as rendered

    # A hint is read as far as it goes: a misspelt block must not lead to another branch.
    known = connector_names() if strict else frozenset()
    config, diagnostics = _parsed(files[SETTINGS], known)
    if config is None:
        if not strict:
            return Config(operator=Person(id="operator", name="The operator"))
        raise EngineError(
            "the deployed steward.yaml can't be used",
            code="settings",
            now_true="\n".join(rendered(diagnostic) for diagnostic in diagnostics[:3]),
            way_out="mend it, commit it, and type the command again",
        )
    return config
