"""Names that git keeps for us: pins that hold commits, and the anchor of the ledger."""

import re
from pathlib import Path

from engine.model.errors import EngineError, UsageError
from engine.vault import loose
from engine.vault.git import call, environment, find_git_dir
from engine.vault.git_objects import Objects

ANCHOR = "refs/steward/anchor"
_PINS = "refs/steward/pins/"
_BRANCH = re.compile(
    r"(?!.*(?:\.\.|@\{|//|\.lock(?:/|$)|/\.|\.(?:/|$)))[^\x00-\x20\x7f~^:?*\[\\\-./][^\x00-\x20\x7f~^:?*\[\\]*(?<!/)"
)
_REVISION = re.compile(r"(?P<base>[^~^]+)(?P<back>(?:[~^][0-9]{0,6}){0,20})")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ANCHOR_LINE = re.compile(r"([0-9]{1,19}) ([0-9a-f]{64})\n")


def check_branch(name: str) -> str:
    """`name` itself. Raises UsageError when git could read it as anything but a branch."""
    if not _BRANCH.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name of a branch", code="branch", way_out="correct `deploy:` in steward.yaml"
        )
    return name


def commit_named(git_dir: Path, name: str) -> str:
    """The id of the commit called `name`: a branch, a tag, or an id (its beginning is enough), with git's ``~`` and ``^``.

    Raises UsageError when there is none.
    """
    revision = _REVISION.fullmatch(name)
    if revision and _BRANCH.fullmatch(revision["base"]):
        for place in ("refs/heads/", "refs/tags/", "refs/remotes/", ""):
            # Without a place only what can be no ref of another kind: HEAD, or hexadecimal digits.
            if not place and not re.fullmatch(r"HEAD|[0-9a-f]{4,64}", revision["base"]):
                continue
            done = call(
                ["rev-parse", "--verify", "--quiet", f"{place}{name}^{{commit}}"],
                env=environment(git_dir),
                cwd=git_dir,
            )
            if done.returncode == 0:
                return done.stdout.decode().strip()
    shown = "".join(char if char.isprintable() else "�" for char in name)
    raise UsageError(
        f"there is no branch, tag or commit {shown!r}",
        code="no-commit",
        now_true="Nothing was changed.",
        way_out="name one that `git log --oneline` or `git branch` shows",
    )


def current_branch(root: Path) -> str:
    """The branch that a new commit would go to, also before its first one. Raises UsageError where HEAD names none."""
    git_dir, _ = find_git_dir(root)
    done = call(["symbolic-ref", "--quiet", "HEAD"], env=environment(git_dir), cwd=git_dir)
    name = done.stdout.decode("utf-8", "replace").strip().removeprefix("refs/heads/")
    if done.returncode or not name:
        raise UsageError(
            "HEAD of this repository is on no branch",
            code="branch",
            now_true="Nothing was written.",
            way_out="git switch main   (or -c NAME for a new one), then type the command again",
        )
    return name


def beside(root: Path, branch: str) -> tuple[str, int]:
    """(where HEAD is, how many of its commits `branch` does not contain); none where git can't say."""
    try:
        git_dir, _ = find_git_dir(root)
        words = ["rev-list", "--count", "HEAD", f"^refs/heads/{check_branch(branch)}"]
        done = call(words, env=environment(git_dir), cwd=git_dir)
        if done.returncode or not (count := int(done.stdout or b"0")):
            return "", 0
        try:
            return current_branch(root), count
        except UsageError:
            return "no branch", count
    except EngineError:
        return "", 0


def set_ref(root: Path, ref: str, target: str) -> bool:
    """Let a ref below ``refs/steward/`` name an object. False when the repository can't be written or there is none."""
    if not ref.startswith("refs/steward/") or not _BRANCH.fullmatch(ref) or not _COMMIT.fullmatch(target):
        raise ValueError(f"not a ref of ours: {ref} {target}")
    try:
        git_dir, _ = find_git_dir(root)
        if loose.ref(git_dir, ref) == target:
            return True
        done = call(["update-ref", "--no-deref", ref, target], env=environment(git_dir), cwd=git_dir)
    except EngineError:
        return False
    return done.returncode == 0


def exclude(root: Path, pattern: str) -> bool:
    """Have git leave out what matches, in this clone only. False when the repository can't be written or there is none."""
    try:
        git_dir, _ = find_git_dir(root)
        done = call(["rev-parse", "--git-path", "info/exclude"], env=environment(git_dir), cwd=git_dir)
        if done.returncode:
            return False
        path = git_dir / done.stdout.decode().strip()
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if pattern not in text.splitlines():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text.rstrip()}\n{pattern}\n".lstrip(), encoding="utf-8")
    except (EngineError, OSError, UnicodeDecodeError):
        return False
    return True


def pin(root: Path, commit: str) -> bool:
    """Keep a commit, and all it is made from, out of git's garbage collection."""
    return set_ref(root, _PINS + commit, commit)


def anchor(root: Path, seq: int, digest: str) -> bool:
    """Write down the ledger's end where a push takes it off this machine. False when the repository can't be written."""
    try:
        git_dir, _ = find_git_dir(root)
        line = f"{seq} {digest}\n".encode()
        done = call(
            ["hash-object", "-w", "--no-filters", "--stdin"], env=environment(git_dir), cwd=git_dir, feed=line
        )
    except EngineError:
        return False
    return done.returncode == 0 and set_ref(root, ANCHOR, done.stdout.decode().strip())


def anchored(root: Path) -> tuple[int, str] | None:
    """What `anchor` wrote last: (seq, hash), or None when there is no such ref or it can't be read."""
    try:
        git_dir, _ = find_git_dir(root)
        objects = Objects(git_dir)
        try:
            # Read either way, only a ref of that name to a blob is an anchor.
            anchor_blob = objects.get(loose.ref(git_dir, ANCHOR) or f"{ANCHOR}^{{blob}}")
            anchor_blob = anchor_blob if anchor_blob is not None and anchor_blob.kind == "blob" else None
        finally:
            objects.close()
    except EngineError:
        return None
    match = _ANCHOR_LINE.fullmatch(anchor_blob.content.decode("ascii", "replace")) if anchor_blob else None
    return (int(match[1]), match[2]) if match else None


def remotes(root: Path) -> tuple[str, ...]:
    """The names of the repository's remotes; empty when there are none, or git can't say."""
    try:
        git_dir, _ = find_git_dir(root)
        done = call(["remote"], env=environment(git_dir), cwd=git_dir)
    except EngineError:
        return ()
    return tuple(done.stdout.decode("utf-8", "replace").split()) if done.returncode == 0 else ()


def published(root: Path, branch: str) -> tuple[str, ...]:
    """The commits at which remotes had `branch` when they were last heard of; no network is asked."""
    try:
        git_dir, _ = find_git_dir(root)
        words = ["for-each-ref", "--format=%(objectname)", f"refs/remotes/*/{check_branch(branch)}"]
        done = call(words, env=environment(git_dir), cwd=git_dir)
    except EngineError:
        return ()
    return tuple(done.stdout.decode().split()) if done.returncode == 0 else ()
