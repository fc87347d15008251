import os
import shutil
import subprocess
from datetime import UTC, datetime

import pytest

from engine.model.errors import PermanentError, UsageError
from engine.vault import (
    FolderTree,
    GitTree,
    anchor,
    anchored,
    checked,
    commit_all,
    find_root,
    init_repository,
    pin,
    set_ref,
)
from tests.counterparts import need, needs
from tests.unit.vault.conftest import FILES, git, write

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "empty"))
    root = tmp_path / "made"
    root.mkdir()
    write(root, FILES)
    init_repository(root, "Anna Österreicher", "anna@example.com")
    return root


def test_a_new_workspace_is_committed_with_the_operators_name(made):
    write(made, {".gitignore": "vault/inbox/\n", "vault/inbox/letter.eml": "x", "run.sh": "#!/bin/sh\n"})
    (made / "run.sh").chmod(0o755)

    commit = commit_all(made, "The first\n\nwith a body", at=AT)

    assert (
        git(made, "log", "--format=%H|%an|%ae|%cn|%s|%ct")
        == f"{commit}|Anna Österreicher|anna@example.com|Anna Österreicher|The first|1772323200"
    )
    assert git(made, "status", "--porcelain") == ""
    assert git(made, "ls-tree", "main", "run.sh").startswith("100755")
    assert GitTree.at(made, "main").paths() == FolderTree(made).paths()
    assert git(made, "branch", "--show-current") == "main"


def test_the_same_files_at_the_same_time_are_the_same_commit(tmp_path):
    commits = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, FILES)
        init_repository(tmp_path / name, "A", "a@example.com")
        commits.add(commit_all(tmp_path / name, "x", at=AT))
    assert len(commits) == 1


def test_nothing_changed_makes_no_commit(made):
    first = commit_all(made, "x")
    assert commit_all(made, "y") == first
    assert git(made, "rev-list", "--count", "HEAD") == "1"


def test_changes_and_removals_are_committed_and_links_stay(made):
    (made / "link").symlink_to("steward.yaml")
    git(made, "add", "link")
    commit_all(made, "x")
    write(made, {"steward.yaml": "id: changed\n", "-n": "odd name"})
    (made / "playbooks" / "a.yaml").unlink()
    commit_all(made, "y")
    assert git(made, "status", "--porcelain") == ""
    assert git(made, "ls-tree", "-r", "--name-only", "main").splitlines() == [
        "-n",
        "link",
        "steward.yaml",
        '"vault/sops/b-\\303\\274.md"',
    ]


def test_a_workspace_inside_a_repository_commits_its_own_folder_only(repo):
    write(repo, {"inner/steward.yaml": "id: i\n", "outer.md": "x"})
    commit_all(repo / "inner", "inner")
    assert git(repo, "status", "--porcelain") == "?? outer.md"


def test_an_existing_repository_keeps_its_settings(repo):
    git(repo, "config", "user.name", "Somebody")
    init_repository(repo, "Anna", "a@example.com")
    assert git(repo, "config", "user.name") == "Somebody"


def test_templates_of_the_machine_are_not_copied(made):
    assert not (made / ".git" / "hooks").exists()


def test_committing_where_there_is_no_repository(tmp_path):
    with pytest.raises(PermanentError) as refused:
        commit_all(tmp_path, "x")
    assert refused.value.code == "not-a-repository"


def test_a_pin_keeps_a_commit_that_nothing_else_names(repo):
    write(repo, {"steward.yaml": "id: second\n"})
    git(repo, "commit", "--quiet", "-am", "second")
    commit = git(repo, "rev-parse", "HEAD")
    assert pin(repo, commit)
    git(repo, "reset", "--quiet", "--hard", "HEAD~1")
    git(repo, "reflog", "expire", "--expire=all", "--all")
    git(repo, "gc", "--quiet", "--prune=now")
    assert git(repo, "cat-file", "-t", commit) == "commit"
    assert git(repo, "rev-parse", f"refs/steward/pins/{commit}") == commit


def test_the_anchor_is_written_over_and_read_back(repo):
    assert anchored(repo) is None
    assert anchor(repo, 5, "a" * 64)
    assert anchor(repo, 123456, "b" * 64)
    assert anchored(repo) == (123456, "b" * 64)


def test_refs_are_tolerant_of_a_repository_that_is_not_there_or_can_not_be_written(repo, tmp_path):
    commit = git(repo, "rev-parse", "main")
    assert not pin(tmp_path, commit)
    assert not anchor(tmp_path, 1, "a" * 64)
    assert anchored(tmp_path) is None
    assert not pin(repo, "f" * 40)  # no such object
    shutil.rmtree(repo / ".git" / "refs" / "steward", ignore_errors=True)
    (repo / ".git" / "refs" / "steward").write_text("in the way")
    assert not pin(repo, commit)
    assert not anchor(repo, 1, "a" * 64)
    assert anchored(repo) is None


@needs(os.geteuid() == 0, "root, for a read-only disk")
def test_refs_are_tolerant_of_a_read_only_disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], check=False, capture_output=True
    )
    need(mounted.returncode == 0, "mount, for a read-only disk")
    try:
        write(place, FILES)
        init_repository(place, "A", "a@example.com")
        commit = commit_all(place, "x")
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        assert not pin(place, commit)
        assert not anchor(place, 1, "a" * 64)
        assert set(dict(GitTree.at(place, "main").paths())) == set(FILES)
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize(
    ("ref", "target"),
    [
        ("refs/heads/main", "a" * 40),
        ("refs/steward/../heads/main", "a" * 40),
        ("refs/steward/x", "main"),
        ("refs/steward/-", "a" * 40 + "\n"),
    ],
)
def test_only_refs_of_ours_are_written(repo, ref, target):
    with pytest.raises(ValueError, match="not a ref of ours"):
        set_ref(repo, ref, target)


def test_the_root_is_the_nearest_folder_with_a_steward_yaml(repo):
    assert find_root(repo / "vault" / "sops") == repo.resolve()
    assert find_root(repo) == repo.resolve()


def test_outside_a_workspace_the_way_out_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"steward\.yaml") as refused:
        find_root(tmp_path)
    assert "steward init" in refused.value.way_out


def test_paths_of_a_workspace_are_checked():
    assert checked("vault/sops/b-ü.md") == "vault/sops/b-ü.md"
    for path in (
        "",
        "/etc/passwd",
        "../x",
        "a/../b",
        "a//b",
        "./a",
        "a/.git/config",
        "a\0b",
        "a\nb",
        "C:\\x",
    ):
        with pytest.raises(UsageError) as refused:
            checked(path)
        assert refused.value.message.isprintable()
