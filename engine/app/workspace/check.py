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
    compiled = compile_tree(tree, cache=shelf(root, state_home(env)))
    problems = (*compiled.diagnostics, *_unheard(tree, root, compiled))
    check_cache.store(file, key, problems)
    return problems


def within(root: Path, argument: str, *, here: Path) -> str:
    """The path of a file or folder of the workspace, relative to its root (empty: the root itself), as it is named from `here`.

    Raises UsageError for a path that does not exist, is elsewhere or is not checked.
    """
    place = Path(os.path.abspath(here / Path(argument).expanduser()))
    # A link is checked itself and never followed: its target is not what is compiled.
    real = Path(os.path.realpath(place.parent)) / place.name
    relative = next(
        (candidate.relative_to(top) for candidate, top in ((place, root), (real, root.resolve())) if candidate.is_relative_to(top)), None
    )  # fmt: skip
    if relative is None or not os.path.lexists(place):
        raise _unknown(root, argument, "is not there" if relative is not None else f"is not in {root}")
    path = "" if place == root or real == root.resolve() else relative.as_posix()
    if path and path != SETTINGS and path.partition("/")[0] not in {"playbooks", "vault"}:
        raise UsageError(
            f"{argument} is nothing that is checked",
            now_true=f"Read are {SETTINGS}, playbooks/ and vault/.",
            way_out="steward check   or   steward check playbooks",
        )
    return path


def _unknown(root: Path, argument: str, why: str) -> UsageError:
    from engine.language.text.suggest import nearest

    names: dict[str, str] = {}
    for path, _ in _relevant(FolderTree(root)):
        name = path.rpartition("/")[2]
        names |= {path: path, name: path, name.rpartition(".")[0]: path}
    asked = argument.rstrip("/")
    near = nearest(asked, names) or nearest(asked.rpartition("/")[2], names)
    meant = f"{os.path.relpath(root / names[near])}" if near else ""
    return UsageError(
        f"{argument} {why}", now_true="Nothing was checked.",
        way_out=f"steward check {meant}   or, for everything:   steward check" if near else "steward check   checks everything",
    )  # fmt: skip


def filter_by_path(diagnostics: Iterable[Diagnostic], paths: Sequence[str]) -> tuple[Diagnostic, ...]:
    """The diagnostics of these files and folders; an empty path is everything."""
    return tuple(
        diagnostic
        for diagnostic in diagnostics
        if any(
            not path or diagnostic.span.path == path or diagnostic.span.path.startswith(f"{path}/")
            for path in paths
        )
    )


def _folders(root: Path) -> list[tuple[str, str]]:
    """The folders of the inbox: mailboxes that stand in no file."""
    try:
        return [
            (f"{INBOX}/{folder.name}", "folder")
            for folder in sorted((root / INBOX).iterdir())
            if folder.is_dir()
        ]
    except OSError:
        return []


def _unheard(tree: "Tree", root: Path, compiled: "Compiled") -> tuple[Diagnostic, ...]:
    """Triggers that nothing can fire, with the files of this folder."""
    from engine.app.workspace import unfired_triggers
    from engine.language.documents.settings import parse

    config, _ = parse(SETTINGS, settings_of(tree))
    if config is None:
        return ()
    plans = sorted(compiled.plans.values(), key=lambda plan: plan.path)
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
    """(path, reason) of refused files that may have been meant to be read. Large files of another kind, such as a PDF, are left out."""
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


def compile_tree(tree: "Tree", *, cache: Path | None = None) -> "Compiled":
    """A tree, compiled with the built-in actions. Settings that can't be read are diagnostics like any other.

    `cache` is the file that remembers what each file compiles to.
    """
    from engine.app.workspace.action_catalog import connector_names, declared, events, unperformed
    from engine.language.build.compile import compile_tree as compile_
    from engine.language.diagnostics.codes.yaml import not_read
    from engine.language.documents import test_file
    from engine.language.documents.settings import parse
    from engine.language.schemas import schema_check
    from engine.model.definitions.settings import Config, Person

    config, problems = parse(SETTINGS, settings_of(tree), connectors=connector_names())
    settings = config or Config(operator=Person(id="operator", name="The operator"))
    compiled = compile_(
        tree,
        actions=declared(settings),
        config=settings,
        unperformed=unperformed(),
        events=events(),
        cache_file=cache,
        code=code() if cache is not None else "",
    )
    unread = [not_read(Span(path=path), why=reason) for path, reason in _refused(tree)]
    cases = test_file.check(tree, compiled.plans, compiled.broken)
    shapes = schema_check.diagnose_file("steward", SETTINGS, settings_of(tree), problems)
    tests = [
        diagnostic
        for path in test_file.paths(tree)
        for diagnostic in schema_check.diagnose_file("test", path, tree.read(path), cases)
    ]
    return compiled.with_diagnostics((*problems, *shapes, *unread, *cases, *tests))
