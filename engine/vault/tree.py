"""The two trees of a workspace: what the deploy branch holds, and what the working folder holds."""

import os
import stat
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Self

from engine.model.errors import PermanentError, TransientError
from engine.vault import loose
from engine.vault.git import call, environment, find_git_dir
from engine.vault.git_objects import Objects, blob_id
from engine.vault.paths import HUGE, belongs, fault, printable_path
from engine.vault.refs import check_branch, commit_named

_LFS = b"version https://git-lfs.github.com/spec/v1\n"
_MISSING = "its object is missing"
_LFS_SIZES = range(100, 400)


class GitTree:
    """The files of one commit, read from git's objects: the work tree, its filters and its attributes play no part."""

    def __init__(
        self, objects: Objects, commit: str, files: dict[str, str], refused: tuple[tuple[str, str], ...]
    ) -> None:
        self._objects, self._commit, self._files = objects, commit, files
        self.refused = refused
        """(path, reason) of every entry that is not read: links, submodules, LFS pointers, odd names, huge files."""

    @classmethod
    def at(cls, root: Path, ref: str) -> Self:
        """The tree at the tip of branch `ref` below `root`.

        Raises PermanentError: ``no-git``, ``not-a-repository``, ``no-commits``, ``no-branch``, ``git-object``.
        """
        check_branch(ref)
        return cls._read(root, lambda git_dir, objects: _tip(git_dir, objects, ref))

    @classmethod
    def named(cls, root: Path, name: str) -> Self:
        """The tree of a commit by any of its names: a branch, a tag, (the beginning of) its id, ``main~1``. For looking only.

        Raises UsageError (``no-commit``), and as `at` does.
        """
        return cls._read(root, lambda git_dir, _: commit_named(git_dir, name))

    @classmethod
    def _read(cls, root: Path, find: Callable[[Path, Objects], str]) -> Self:
        git_dir, inside = find_git_dir(root)
        objects = Objects(git_dir)
        try:
            commit = find(git_dir, objects)
            files, refused = _listed(git_dir, objects, commit, inside)
        except BaseException:
            objects.close()
            raise
        return cls(objects, commit, files, refused)

    @property
    def commit(self) -> str:
        """The commit's id."""
        return self._commit

    def paths(self) -> tuple[tuple[str, str], ...]:
        """(path, git blob id) of every file, sorted by path."""
        return tuple(self._files.items())

    def read(self, path: str) -> bytes:
        """The bytes as committed. Raises KeyError; PermanentError when the repository is damaged."""
        blob = self._objects.get(self._files[path])
        if blob is None:
            raise KeyError(path)
        return blob.content

    def close(self) -> None:
        """End the reading process; it also ends with this object."""
        self._objects.close()


def _tip(git_dir: Path, objects: Objects, ref: str) -> str:
    name = ref if ref.startswith("refs/steward/") else f"refs/heads/{ref}"
    if (id_ := loose.ref(git_dir, name)) and (plain := loose.read(git_dir, id_)) and plain[0] == "commit":
        return id_
    if (commit := objects.get(f"{name}^{{commit}}")) is not None:
        return commit.id
    if objects.get("HEAD^{commit}") is None:
        raise PermanentError(
            "the repository has no commit yet",
            code="no-commits",
            now_true="nothing is deployed, so nothing runs",
            way_out="`git add` your files and `git commit` them",
        )
    raise PermanentError(
        f"the repository has no branch {ref!r}",
        code="no-branch",
        now_true="nothing is deployed, so nothing runs",
        way_out=f"`git branch {ref}`, or name another branch as `deploy:` in steward.yaml",
    )


_Listing = tuple[dict[str, str], tuple[tuple[str, str], ...]]
_LISTINGS: OrderedDict[tuple[Path, str, str], _Listing] = OrderedDict()
"""What this process listed last: a commit never holds anything else."""
_MAX_LISTINGS = 16


def _listed(git_dir: Path, objects: Objects, commit: str, inside: str) -> _Listing:
    """As `_listing`; one that git gave before is not asked for again. What has gone from the repository since is told by reading it."""
    listing_key = (git_dir, commit, inside)
    if (known := _LISTINGS.get(listing_key)) is None:
        known = _listing(git_dir, objects, commit, inside)
        if not any(reason == _MISSING for _, reason in known[1]):
            _LISTINGS[listing_key] = known
        while len(_LISTINGS) > _MAX_LISTINGS:
            _LISTINGS.popitem(last=False)
    files, refused = known
    return dict(files), refused


def _listing(git_dir: Path, objects: Objects, commit: str, inside: str) -> _Listing:
    done = call(
        ["ls-tree", "-r", "-l", "-z", "--full-tree", f"{commit}:{inside}" if inside else commit],
        env=environment(git_dir),
        cwd=git_dir,
    )
    if done.returncode:
        raise PermanentError(
            f"the commit {commit[:8]} has no folder {inside or '/'} that can be read",
            code="git-object",
            way_out="commit the workspace's files; `git fsck` tells whether the repository is damaged",
        )
    sizes: dict[str, int] = {}
    files: dict[str, str] = {}
    refused: list[tuple[str, str]] = []
    for line in done.stdout.split(b"\0")[:-1]:
        entry, _, name = line.partition(b"\t")
        mode, _, id_, size = entry.decode().split()
        path = name.decode("utf-8", "surrogateescape")
        if reason := fault(path) or _unread(mode, size):
            refused.append((printable_path(path), reason))
        elif belongs(path):
            files[path], sizes[path] = id_, int(size)
        elif path == ".gitattributes" or path.endswith("/.gitattributes"):
            sizes[path] = -1
    if any(size < 0 for size in sizes.values()):
        refused += [(path, "a Git LFS pointer") for path in _pointers(objects, files, sizes)]
    for path, _ in refused:
        files.pop(path, None)
    return dict(sorted(files.items())), tuple(sorted(refused))


def _unread(mode: str, size: str) -> str:
    match mode:
        case "120000":
            return "a symbolic link"
        case "160000":
            return "a submodule"
        case _ if not size.isdigit():
            return _MISSING
        case _ if int(size) > HUGE:
            return f"larger than {HUGE // 1024**2} MB"
        case _:
            return ""


def _pointers(objects: Objects, files: dict[str, str], sizes: dict[str, int]) -> list[str]:
    # Only where attributes exist, and only files of a pointer's size: reading every note would cost too much.
    small = [path for path in files if sizes[path] in _LFS_SIZES]
    return [path for path in small if (blob := objects.get(files[path])) and blob.content.startswith(_LFS)]


class FolderTree:
    """The working folder as it is now, for diagnostics: nothing that acts runs from it.

    Left out: hidden names, virtual environments, other repositories, the inbox and outbox.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._files: dict[str, str] = {}
        refused: list[tuple[str, str]] = []
        self._walk("", refused)
        self._files = dict(sorted(self._files.items()))
        self.refused = tuple(sorted(refused))
        """(path, reason) of every entry that is not read."""

    @property
    def commit(self) -> str:
        """Empty: this is no commit."""
        return ""

    def paths(self) -> tuple[tuple[str, str], ...]:
        """(path, the blob id git would give these bytes) of every file, sorted by path."""
        return tuple(self._files.items())

    def read(self, path: str) -> bytes:
        """The bytes that were listed. Raises KeyError; TransientError when the file changed in between."""
        id_ = self._files[path]
        content = _bytes(self._root / path)
        if content is None or blob_id(content) != id_:
            raise TransientError(
                f"{path} changed while it was read", code="changed", way_out="type the command again"
            )
        return content

    def _walk(self, inside: str, refused: list[tuple[str, str]]) -> None:
        try:
            with os.scandir(self._root / inside) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            refused.append((printable_path(inside), f"can't be listed: {error.strerror}"))
            return
        names = {entry.name for entry in listed}
        if inside and names & {".git", "pyvenv.cfg"}:
            refused.append((printable_path(inside), "a repository or virtual environment of its own"))
            return
        for entry in listed:
            path = inside + entry.name
            if not belongs(f"{path}/") or entry.name in {"__pycache__", "node_modules"}:
                continue
            if reason := fault(path) or ("a symbolic link" if entry.is_symlink() else ""):
                refused.append((printable_path(path), reason))
            elif entry.is_dir(follow_symlinks=False):
                self._walk(f"{path}/", refused)
            elif reason := self._add(path, entry):
                refused.append((path, reason))

    def _add(self, path: str, entry: "os.DirEntry[str]") -> str:
        try:
            if not entry.is_file(follow_symlinks=False):
                return "not a regular file"
            if entry.stat(follow_symlinks=False).st_size > HUGE:
                return f"larger than {HUGE // 1024**2} MB"
            content = _bytes(self._root / path)
        except OSError as error:
            return f"can't be read: {error.strerror}"
        if content is None:
            return "not a regular file"
        self._files[path] = blob_id(content)
        return ""


def _bytes(path: Path) -> bytes | None:
    """The bytes of a regular file, never through a link put there a moment ago; None for anything else."""
    flags = os.O_RDONLY
    if sys.platform == "win32":
        flags |= os.O_BINARY
    else:
        flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(path, flags)
    except FileNotFoundError:
        return None
    with open(fd, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        return file.read()
