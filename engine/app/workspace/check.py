"""The working folder's diagnostics: compiled when something changed, answered from the cache when nothing did."""

import functools
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import engine
from engine.language.build import check_cache
from engine.model.definitions.diagnostics import Diagnostic, Span
from engine.model.errors import PermanentError, UsageError
from engine.model.values.paths import SETTINGS, state_home
from engine.vault import FolderTree

if TYPE_CHECKING:  # an answer from the cache needs neither plans nor the ledger
    from engine.language.build.compile import Compiled
    from engine.model.ports import Tree


INBOX = "vault/inbox"


def diagnostics(root: Path, env: Mapping[str, str]) -> tuple[Diagnostic, ...]:
    """Everything wrong in the working folder. Nothing in it is executed."""
    tree = FolderTree(root)
    file = _cached(root, state_home(env), "diagnostics.json")
    parts = [*_relevant(tree), *_refused(tree), *_folders(root)]
    key = check_cache.tree_key(parts, version=engine.__version__, actions=code())
    known = check_cache.answer(file, key)
    if known is not None:
        return known
    compiled = compile_tree(tree, kept=shelf(root, state_home(env)))
    found = (*compiled.diagnostics, *_unheard(tree, root, compiled))
    check_cache.store(file, key, found)
    return found


def within(root: Path, given: str, *, here: Path) -> str:
    """The path of a file or folder of the workspace, relative to its root (empty: the root itself), as somebody in `here` names it.

    Raises UsageError for what is not there, lies elsewhere or is nothing that is checked.
    """
    place = Path(os.path.abspath(here / Path(given).expanduser()))
    # A link is looked at, and never followed: what it points to is not what is checked.
    real = Path(os.path.realpath(place.parent)) / place.name
    found = next(
        (one.relative_to(top) for one, top in ((place, root), (real, root.resolve())) if one.is_relative_to(top)), None
    )  # fmt: skip
    if found is None or not os.path.lexists(place):
        raise _unknown(root, given, "is not there" if found is not None else f"is not in {root}")
    path = "" if place == root or real == root.resolve() else found.as_posix()
    if path and path != SETTINGS and path.partition("/")[0] not in {"playbooks", "vault"}:
        raise UsageError(
            f"{given} is nothing that is checked",
            now_true=f"Read are {SETTINGS}, playbooks/ and vault/.",
            way_out="steward check   or   steward check playbooks",
        )
    return path


def _unknown(root: Path, given: str, why: str) -> UsageError:
    from engine.language.text.suggest import nearest

    names: dict[str, str] = {}
    for path, _ in _relevant(FolderTree(root)):
        name = path.rpartition("/")[2]
        names |= {path: path, name: path, name.rpartition(".")[0]: path}
    asked = given.rstrip("/")
    near = nearest(asked, names) or nearest(asked.rpartition("/")[2], names)
    meant = f"{os.path.relpath(root / names[near])}" if near else ""
    return UsageError(
        f"{given} {why}", now_true="Nothing was checked.",
        way_out=f"steward check {meant}   or, for everything:   steward check" if near else "steward check   checks everything",
    )  # fmt: skip


def about(found: Iterable[Diagnostic], paths: Sequence[str]) -> tuple[Diagnostic, ...]:
    """The diagnostics of these files and of what lies in these folders; an empty path is everything."""
    return tuple(
        one
        for one in found
        if any(not path or one.span.path == path or one.span.path.startswith(f"{path}/") for path in paths)
    )


def _folders(root: Path) -> list[tuple[str, str]]:
    """The folders of the inbox: mailboxes that stand in no file."""
    try:
        return [(f"{INBOX}/{one.name}", "folder") for one in sorted((root / INBOX).iterdir()) if one.is_dir()]
    except OSError:
        return []


def _unheard(tree: "Tree", root: Path, compiled: "Compiled") -> tuple[Diagnostic, ...]:
    """Triggers that nothing can fire, as things stand in this folder."""
    from engine.app.workspace import unfired_triggers
    from engine.language.documents.settings import parse

    config, _ = parse(SETTINGS, settings_of(tree))
    if config is None:
        return ()
    plans = sorted(compiled.plans.values(), key=lambda one: one.path)
    return tuple(unfired_triggers.diagnostics(tree, plans, unfired_triggers.mailboxes(config, root)))


def shelf(root: Path, state: Path) -> Path:
    """The file below the state home in which it is remembered what each file of a workspace compiles to. It may be deleted."""
    return _cached(root, state, "compiled")


def _cached(root: Path, state: Path, name: str) -> Path:
    place = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]
    return state / f"check-{place}" / name


def _relevant(tree: "Tree") -> list[tuple[str, str]]:
    return [
        (path, blob)
        for path, blob in tree.paths()
        if path == SETTINGS or path.startswith(("playbooks/", "vault/"))
    ]


def _refused(tree: "Tree") -> list[tuple[str, str]]:
    """(path, reason) of what somebody may have meant to be read. Large files that are no text of ours, such as a PDF, are not meant."""
    return [
        (path, reason)
        for path, reason in getattr(tree, "refused", ())
        if path == SETTINGS or path.startswith(("playbooks/", "vault/"))
        if not reason.startswith("larger") or path.endswith((".yaml", ".yml", ".md"))
    ]


def settings_of(tree: "Tree") -> bytes:
    """steward.yaml's bytes. Raises PermanentError (``settings``) where it is a link or the like, or not there at all."""
    try:
        return tree.read(SETTINGS)
    except KeyError:
        why = dict(getattr(tree, "refused", ())).get(SETTINGS, "it is not part of what is read")
        raise PermanentError(
            f"{SETTINGS} can't be used: {why}",
            code="settings",
            now_true="Nothing was changed.",
            way_out=f"put a regular file {SETTINGS} there, commit it, and type the command again",
        ) from None


@functools.cache
def code() -> str:
    """A digest of the front end's own files, so that another version of it never answers from this one's cache."""
    folder = Path(engine.__file__).parent
    stats = sorted(
        (file.name, file.stat().st_mtime_ns, file.stat().st_size)
        for part in ("language", "connectors", "model", "identity", "memory", "agents")
        for file in (folder / part).rglob("*.py")
    )
    return hashlib.sha256(repr(stats).encode()).hexdigest()


def compile_folder(root: Path) -> "Compiled":
    """The working folder, compiled."""
    return compile_tree(FolderTree(root))


def compile_tree(tree: "Tree", *, kept: Path | None = None) -> "Compiled":
    """A tree, compiled with the built-in actions. Settings that can't be read are diagnostics like any other.

    `kept` is where it is remembered what each file compiles to.
    """
    from engine.app.workspace.action_catalog import connector_names, declared, events, unperformed
    from engine.language.build.compile import compile_tree as compile_
    from engine.language.diagnostics.codes.yaml import not_read
    from engine.language.documents import test_file
    from engine.language.documents.settings import parse
    from engine.language.schemas import schema_check
    from engine.model.definitions.settings import Config, Person

    config, found = parse(SETTINGS, settings_of(tree), connectors=connector_names())
    settings = config or Config(operator=Person(id="operator", name="The operator"))
    compiled = compile_(
        tree,
        actions=declared(settings),
        config=settings,
        unperformed=unperformed(),
        events=events(),
        cache_file=kept,
        code=code() if kept is not None else "",
    )
    unread = [not_read(Span(path=path), why=reason) for path, reason in _refused(tree)]
    cases = test_file.check(tree, compiled.plans, compiled.broken)
    shapes = schema_check.diagnose_file("steward", SETTINGS, settings_of(tree), found)
    tests = [
        one
        for path in test_file.paths(tree)
        for one in schema_check.diagnose_file("test", path, tree.read(path), cases)
    ]
    return compiled.with_diagnostics((*found, *shapes, *unread, *cases, *tests))
