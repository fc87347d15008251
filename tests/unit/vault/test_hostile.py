"""A repository made to run something, or to be led outside. Each trap is first seen to work under plain git."""

import os
import subprocess

import pytest

from engine.vault import FolderTree, GitTree, anchor, commit_all, init_repository, pin
from tests.unit.vault.conftest import FILES, git, write


class Trap:
    """A script that leaves a mark when anything runs it."""

    def __init__(self, folder) -> None:
        self.mark = folder / "ran"
        self.script = folder / "trap.sh"
        self.script.write_text(f'#!/bin/sh\necho "$0 $@" >> {self.mark}\ncat 2>/dev/null\nexit 0\n')
        self.script.chmod(0o755)

    def sprung(self) -> bool:
        found = self.mark.exists()
        self.mark.unlink(missing_ok=True)
        return found


@pytest.fixture
def trap(tmp_path) -> Trap:
    folder = tmp_path / "trap"
    folder.mkdir()
    return Trap(folder)


HOOKS = (
    "pre-commit",
    "commit-msg",
    "post-commit",
    "reference-transaction",
    "post-index-change",
    "post-checkout",
    "pre-auto-gc",
)


def hooks(repo, trap) -> None:
    for name in HOOKS:
        (repo / ".git" / "hooks").mkdir(exist_ok=True)
        (repo / ".git" / "hooks" / name).write_text(trap.script.read_text())
        (repo / ".git" / "hooks" / name).chmod(0o755)


def hooks_path(repo, trap) -> None:
    hooks(repo, trap)
    os.rename(repo / ".git" / "hooks", trap.script.parent / "hooks")
    git(repo, "config", "core.hooksPath", str(trap.script.parent / "hooks"))


def filters(repo, trap) -> None:
    for key in ("clean", "smudge"):
        git(repo, "config", f"filter.trap.{key}", str(trap.script))
    git(repo, "config", "filter.trap.required", "true")
    write(repo, {".gitattributes": "* filter=trap\n"})


def text_conversion(repo, trap) -> None:
    git(repo, "config", "diff.trap.textconv", str(trap.script))
    git(repo, "config", "diff.external", str(trap.script))
    (repo / ".git" / "info" / "attributes").write_text("* diff=trap\n")


def monitor(repo, trap) -> None:
    git(repo, "config", "core.fsmonitor", str(trap.script))


def included(repo, trap) -> None:
    (trap.script.parent / "config").write_text(f"[core]\n\tfsmonitor = {trap.script}\n")
    git(repo, "config", "include.path", str(trap.script.parent / "config"))


def signing(repo, trap) -> None:
    git(repo, "config", "commit.gpgSign", "true")
    git(repo, "config", "gpg.program", str(trap.script))


TRAPS = {
    "hooks": (hooks, ["commit", "--quiet", "-am", "x"]),
    "hooksPath": (hooks_path, ["commit", "--quiet", "-am", "x"]),
    "filters": (filters, ["add", "-A"]),
    "textconv": (text_conversion, ["diff", "--ext-diff"]),
    "fsmonitor": (monitor, ["status"]),
    "include": (included, ["status"]),
    "signing": (signing, ["commit", "--quiet", "-am", "x"]),
}


@pytest.mark.parametrize("name", TRAPS)
def test_nothing_a_repository_configures_is_run(repo, trap, name):
    set_up, plain = TRAPS[name]
    set_up(repo, trap)
    write(repo, {"steward.yaml": "id: changed\n"})

    commit_all(repo, "ours")
    tree = GitTree.at(repo, "main")
    for path, _ in tree.paths():
        tree.read(path)
    assert GitTree.named(repo, tree.commit[:12]).commit == tree.commit
    FolderTree(repo)
    assert pin(repo, tree.commit)
    assert anchor(repo, 1, "a" * 64)
    init_repository(repo, "A", "a@example.com")
    assert not trap.sprung()
    assert tree.read("steward.yaml") == b"id: changed\n"

    # The trap does work: plain git runs it.
    write(repo, {"steward.yaml": "id: again\n"})
    try:
        git(repo, *plain)
    except subprocess.CalledProcessError:
        pass  # what a trap answers may not please git; that it was asked is what counts
    assert trap.sprung()


def test_the_environment_of_the_shell_does_not_reach_git(repo, trap, monkeypatch):
    for name, value in {
        "GIT_DIR": "/nowhere", "GIT_WORK_TREE": "/nowhere", "GIT_INDEX_FILE": "/nowhere", "GIT_OBJECT_DIRECTORY": "/nowhere",
        "GIT_EXTERNAL_DIFF": str(trap.script), "GIT_SSH_COMMAND": str(trap.script), "GIT_EXEC_PATH": str(trap.script.parent),
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.fsmonitor", "GIT_CONFIG_VALUE_0": str(trap.script),
        "GIT_TRACE": str(trap.mark), "PAGER": str(trap.script), "EDITOR": str(trap.script), "HOME": "",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert set(dict(GitTree.at(repo, "main").paths())) == set(FILES)
    write(repo, {"new.md": "x"})
    commit_all(repo, "ours")
    assert not trap.sprung()


def test_links_submodules_and_pointers_are_listed_and_never_followed(repo, tmp_path):
    (tmp_path / "outside.md").write_text("outside")
    (repo / "vault" / "link.md").symlink_to(tmp_path / "outside.md")
    (repo / "vault" / "folder").symlink_to(tmp_path)
    write(
        repo,
        {
            ".gitattributes": "*.bin filter=lfs\n",
            "vault/big.bin": f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12345\n",
            "vault/same-size.md": "x" * 130,
        },
    )
    git(repo, "add", "-A")
    head = git(repo, "rev-parse", "HEAD")
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{head},vault/module")
    git(repo, "commit", "--quiet", "-m", "second")

    tree = GitTree.at(repo, "main")

    assert tree.refused == (
        ("vault/big.bin", "a Git LFS pointer"), ("vault/folder", "a symbolic link"), ("vault/link.md", "a symbolic link"),
        ("vault/module", "a submodule"),
    )  # fmt: skip
    assert set(dict(tree.paths())) == {*FILES, "vault/same-size.md"}
    for path, _ in tree.refused:
        with pytest.raises(KeyError):
            tree.read(path)
    folder = FolderTree(repo)
    assert {path for path, _ in folder.refused} == {"vault/folder", "vault/link.md"}
    assert "vault/folder/outside.md" not in dict(folder.paths())


def test_names_that_lead_elsewhere_are_refused(repo):
    blob = git(repo, "rev-parse", "main:steward.yaml")
    names = {
        "..": "leads out", ".git": ".git", ".GIT": ".git", "git~1": ".git", ".git ": ".git", "a\\b": "backslash", "C:x": "colon",
        "bell\a": "control", "line\n": "control", "\udcff": "UTF-8",
    }  # fmt: skip
    for name, reason in names.items():
        raw = b"100644 " + name.encode("utf-8", "surrogateescape") + b"\0" + bytes.fromhex(blob)
        done = subprocess.run(
            ["git", "hash-object", "-t", "tree", "-w", "--stdin", "--literally"],
            cwd=repo, input=raw, capture_output=True, check=True,
        )  # fmt: skip
        commit = git(repo, "commit-tree", done.stdout.decode().strip(), "-m", "odd")
        git(repo, "update-ref", "refs/heads/odd", commit)
        tree = GitTree.at(repo, "odd")
        assert tree.paths() == ()
        ((path, why),) = tree.refused
        assert reason in why, name
        assert path.isprintable()


def test_replaced_objects_are_not_believed(repo):
    blob = git(repo, "rev-parse", "main:steward.yaml")
    other = git(repo, "hash-object", "-w", "--stdin", feed="id: replaced\n")
    git(repo, "replace", blob, other)
    assert git(repo, "cat-file", "blob", blob) == "id: replaced"
    assert GitTree.at(repo, "main").read("steward.yaml") == b"id: w\n"


def test_a_missing_object_of_a_partial_clone_is_not_fetched(repo, trap):
    trap.script.write_text(
        f"#!/bin/sh\necho ran >> {trap.mark}\nexit 1\n"
    )  # one that would answer makes plain git wait
    git(repo, "config", "remote.origin.url", f"ext::{trap.script}")
    git(repo, "config", "remote.origin.promisor", "true")
    git(repo, "config", "protocol.ext.allow", "always")
    git(repo, "config", "extensions.partialClone", "origin")
    git(repo, "config", "core.repositoryFormatVersion", "1")
    blob = git(repo, "rev-parse", "main:steward.yaml")
    (repo / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(subprocess.CalledProcessError):
        git(repo, "cat-file", "blob", blob)
    assert trap.sprung()

    tree = GitTree.at(repo, "main")

    assert tree.refused == (("steward.yaml", "its object is missing"),)
    with pytest.raises(KeyError):
        tree.read("steward.yaml")
    assert not trap.sprung()
