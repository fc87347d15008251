"""Running git so that nothing a repository contains is run: no hook, filter, monitor, helper, transport or pager.

What git reads of the machine's and the person's configuration is switched off, and what a repository's own configuration could start is
overridden on the command line, which wins. Only plumbing is called; none of it looks at attributes or the work tree unless said here.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.model.errors import PermanentError

if TYPE_CHECKING:
    import subprocess

_OVERRIDES = (
    f"core.hooksPath={os.devnull}",
    f"core.attributesFile={os.devnull}",
    f"core.excludesFile={os.devnull}",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.useReplaceRefs=false",
    "core.alternateRefsCommand=",
    "core.sshCommand=false",
    "core.askPass=",
    "core.pager=cat",
    "core.editor=false",
    "core.quotePath=false",
    "core.autocrlf=false",
    "core.safecrlf=false",
    "credential.helper=",
    "protocol.allow=never",
    "diff.external=",
    "submodule.recurse=false",
    "commit.gpgSign=false",
    "gpg.program=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
)
_KEPT = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "COMSPEC", "PATHEXT")


def environment(git_dir: Path | None = None, work_tree: Path | None = None) -> dict[str, str]:
    """A small environment: no secret of ours reaches git, and no setting of the shell that started us."""
    env = {name: value for name in _KEPT if (value := os.environ.get(name))}
    env |= {
        "HOME": os.devnull,
        "XDG_CONFIG_HOME": os.devnull,
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",  # overrides what the repository allows protocol by protocol
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_PAGER": "cat",
        "GIT_LITERAL_PATHSPECS": "1",
    }
    # Naming the repository also keeps git from looking for one in the folders above.
    if git_dir is not None:
        env["GIT_DIR"] = os.fspath(git_dir)
    if work_tree is not None:
        env["GIT_WORK_TREE"] = os.fspath(work_tree)
    return env


def argv(*words: str) -> list[str]:
    """The command line of one call."""
    return ["git", "--no-pager", *(word for override in _OVERRIDES for word in ("-c", override)), *words]


def call(
    words: Sequence[str], *, env: dict[str, str], cwd: Path, feed: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    """Run git to its end. Raises PermanentError (``no-git``, ``no-folder``) when it or `cwd` isn't there; a failing git is the caller's to judge."""
    import subprocess  # 8 ms that `check` does not need

    try:
        return subprocess.run(
            argv(*words), input=feed, capture_output=True, check=False, env=env, cwd=cwd, timeout=60
        )
    except FileNotFoundError as error:
        raise not_started(cwd) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PermanentError(
            f"git could not be run: {error}", code="git", way_out="try the command again"
        ) from error


def not_started(folder: Path) -> PermanentError:
    """Why git could not be started in a folder: the folder is gone (``no-folder``), or git is (``no-git``)."""
    if not folder.is_dir():
        return PermanentError(
            f"the folder {folder} is gone: it was moved or deleted",
            code="no-folder",
            now_true="nothing was changed",
            way_out="go to where the workspace is now and type the command again",
        )
    return PermanentError(
        "git is not installed, or not on PATH",
        code="no-git",
        now_true="nothing was changed",
        way_out="install git (https://git-scm.com/downloads) and type the command again",
    )


def find_git_dir(root: Path) -> tuple[Path, str]:
    """The repository that holds `root`, and the path of `root` inside it (empty, or ending in ``/``).

    Raises PermanentError (``not-a-repository``).
    """
    root = root.resolve()
    for place in (root, *root.parents):
        entry = place / ".git"
        if entry.is_dir():
            git_dir: Path | None = entry
        elif entry.is_file():
            git_dir = _pointed(entry)
        else:
            continue
        if git_dir is not None:
            inside = root.relative_to(place).as_posix()
            return git_dir, "" if inside == "." else f"{inside}/"
    raise PermanentError(
        f"{root} is not in a git repository",
        code="not-a-repository",
        now_true="nothing was changed",
        way_out="`git init` there and commit your files, or start with `steward init`",
    )


def _pointed(entry: Path) -> Path | None:
    # A work tree beside its repository: a file that says where the repository is.
    text = entry.read_bytes()[:4096].decode("utf-8", "replace")
    if not text.startswith("gitdir: "):
        return None
    target = (entry.parent / text[len("gitdir: ") :].strip()).resolve()
    return target if target.is_dir() else None
