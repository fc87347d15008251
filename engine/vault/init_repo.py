"""Making a workspace's repository and its first commits, without running anything from it."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from engine.model.errors import PermanentError, UsageError
from engine.vault.git import call, environment, find_git_dir
from engine.vault.paths import fault

_NOBODY = ("Steward", "steward@localhost")


def find_root(start: Path) -> Path:
    """The workspace around `start`: the nearest folder, from there upwards, with a steward.yaml. Raises UsageError."""
    start = start.resolve()
    for place in (start, *start.parents):
        if (place / "steward.yaml").is_file():
            return place
    raise UsageError(
        f"{start} is in no workspace: there is no steward.yaml here or above",
        code="no-workspace",
        now_true="nothing was changed",
        way_out="go to your workspace, or make one with `steward init`",
    )


def init_repository(root: Path, author_name: str, author_email: str) -> None:
    """Make `root` a git repository with branch ``main`` whose commits carry this author; one that exists keeps what it has.

    Raises PermanentError (``no-git``, ``git``).
    """
    git_dir = root / ".git"
    if git_dir.exists():
        return
    env = environment(git_dir, root)
    # No template: a machine's templates may carry hooks.
    _run_git(["init", "--quiet", "--template=", "--initial-branch=main"], env, root)
    _run_git(["config", "user.name", author_name], env, root)
    _run_git(["config", "user.email", author_email], env, root)


def commit_all(root: Path, message: str, *, at: datetime | None = None) -> str:
    """Commit every file that git doesn't ignore with its exact bytes, filters unused; returns the commit's id.

    Nothing changed: no commit is made, and the present one is returned. Links and nested repositories stay as they were committed.
    `at` is the commit's time; None leaves it to git. Raises PermanentError (``no-git``, ``not-a-repository``, ``git``).
    """
    git_dir, inside = find_git_dir(root)
    top = root.resolve().parents[inside.count("/") - 1] if inside else root.resolve()
    env = environment(git_dir, top)
    present, gone = _committable(top, inside, env)
    ids = _run_git(
        ["hash-object", "-w", "--no-filters", "--stdin-paths"],
        env,
        top,
        "".join(f"{path}\n" for path in present),
    )
    lines = [f"{_mode(top / path)} {id_}\t{path}\0" for path, id_ in zip(present, ids.split(), strict=True)]
    lines += [f"0 {'0' * 40}\t{path}\0" for path in gone]
    _run_git(["update-index", "-z", "--index-info"], env, top, "".join(lines))
    tree = _run_git(["write-tree"], env, top).strip()
    # Fails before the first commit, and gives nothing on stdout that could be taken for one.
    head = call(["rev-parse", "HEAD^{commit}", "HEAD^{tree}"], env=env, cwd=top)
    parent, old_tree = head.stdout.decode().split() if head.returncode == 0 else ("", "")
    if old_tree == tree:
        return parent
    env |= _identity(top, env, at)
    parents = ["-p", parent] if parent else []
    commit = _run_git(["commit-tree", tree, *parents, "-F", "-"], env, top, f"{message.strip()}\n").strip()
    _run_git(["update-ref", "-m", "commit by steward", "HEAD", commit], env, top)
    return commit


def _committable(top: Path, inside: str, env: dict[str, str]) -> tuple[list[str], list[str]]:
    """Files to store and tracked files that are gone, as paths below `top`."""
    listed = _run_git(
        [
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
            "--deduplicate",
            "--",
            inside or ".",
        ],
        env,
        top,
    )
    paths = [path for path in listed.split("\0") if path and not fault(path) and not _linked(top, path)]
    present = [path for path in paths if (top / path).is_file()]
    return present, [path for path in paths if not (top / path).exists()]


def _linked(root: Path, path: str) -> bool:
    place = root
    for part in path.split("/"):
        place /= part
        if place.is_symlink():
            return True
    return False


def _mode(path: Path) -> str:
    return "100755" if path.stat().st_mode & 0o100 else "100644"


def _identity(top: Path, env: dict[str, str], at: datetime | None) -> dict[str, str]:
    words = ["config", "--local", "-z", "--get-regexp", r"^user\.(name|email)$"]
    listed = call(words, env=env, cwd=top).stdout.decode().split("\0")[:-1]
    known = {key: text for key, _, text in (line.partition("\n") for line in listed)}
    name, email = (
        known.get(f"user.{key}", "").strip() or fallback
        for key, fallback in zip(("name", "email"), _NOBODY, strict=True)
    )
    variables = {
        f"GIT_{role}_{part}": text
        for role in ("AUTHOR", "COMMITTER")
        for part, text in (("NAME", name), ("EMAIL", email))
    }
    if at is not None:
        variables |= {f"GIT_{role}_DATE": f"{int(at.timestamp())} +0000" for role in ("AUTHOR", "COMMITTER")}
    return variables


def _run_git(words: Sequence[str], env: dict[str, str], root: Path, feed: str = "") -> str:
    done = call(words, env=env, cwd=root, feed=feed.encode())
    if done.returncode:
        detail = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise PermanentError(
            f"git {words[0]} failed: {detail[-1] if detail else f'exit {done.returncode}'}",
            code="git",
            now_true="files in the folder are as they were",
            way_out="look at `git status` there and type the command again",
        )
    return done.stdout.decode("utf-8", "surrogateescape")
