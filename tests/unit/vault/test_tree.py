import os
import time

import pytest

from engine.model.errors import PermanentError, TransientError, UsageError
from engine.vault import FolderTree, GitTree
from engine.vault.git import call
from engine.vault.git_objects import blob_id
from tests.unit.vault.conftest import FILES, git, write


def contents(tree) -> dict[str, str]:
    return {path: tree.read(path).decode() for path, _ in tree.paths()}


def test_the_tip_of_the_branch_is_read_whole_and_sorted(repo):
    tree = GitTree.at(repo, "main")
    assert contents(tree) == FILES
    assert [path for path, _ in tree.paths()] == sorted(FILES)
    assert tree.commit == git(repo, "rev-parse", "main")
    assert dict(tree.paths())["steward.yaml"] == git(repo, "rev-parse", "main:steward.yaml")
    assert tree.refused == ()


def test_dirty_files_a_detached_head_and_the_index_change_nothing(repo):
    before = GitTree.at(repo, "main")
    write(repo, {"steward.yaml": "id: dirty\n", "new.yaml": "x\n"})
    git(repo, "add", "new.yaml")
    git(repo, "checkout", "--quiet", "--detach")
    git(repo, "commit", "--quiet", "-m", "detached")
    after = GitTree.at(repo, "main")
    assert (after.commit, contents(after)) == (before.commit, FILES)


def test_a_tree_stays_what_it_was_when_the_branch_moves(repo):
    tree = GitTree.at(repo, "main")
    write(repo, {"steward.yaml": "id: other\n"})
    git(repo, "commit", "--quiet", "-am", "second")
    assert contents(tree) == FILES
    assert contents(GitTree.at(repo, "main"))["steward.yaml"] == "id: other\n"


def test_another_branch_can_be_deployed(repo):
    git(repo, "branch", "live/2026")
    write(repo, {"steward.yaml": "id: other\n"})
    git(repo, "commit", "--quiet", "-am", "second")
    assert contents(GitTree.at(repo, "live/2026")) == FILES


def test_a_workspace_may_be_a_folder_of_a_repository(repo):
    tree = GitTree.at(repo / "vault", "main")
    assert contents(tree) == {"sops/b-ü.md": "# B\n"}


def test_a_work_tree_beside_its_repository_is_read(repo, tmp_path):
    git(repo, "worktree", "add", "--quiet", str(tmp_path / "beside"), "-b", "side")
    assert contents(GitTree.at(tmp_path / "beside", "main")) == FILES


def test_packed_refs_and_objects_are_read(repo):
    git(repo, "pack-refs", "--all")
    git(repo, "gc", "--quiet")
    assert contents(GitTree.at(repo, "main")) == FILES


def test_reading_what_is_not_there(repo):
    for tree in (GitTree.at(repo, "main"), FolderTree(repo)):
        for path in ("nothing.yaml", "../workspace/steward.yaml", "vault", "", "/etc/passwd"):
            with pytest.raises(KeyError):
                tree.read(path)


def test_the_folder_and_its_commit_have_the_same_names_and_ids(repo):
    assert FolderTree(repo).paths() == GitTree.at(repo, "main").paths()
    assert FolderTree(repo).commit == ""
    assert contents(FolderTree(repo)) == FILES


def test_both_trees_leave_out_hidden_names_inbox_outbox_and_huge_files(repo):
    write(
        repo,
        {
            ".env": "SECRET=1", ".github/x.yaml": "", "vault/.obsidian/a.json": "", "vault/inbox/letter.eml": "",
            "vault/outbox/letter.eml": "", "outbox/letter.eml": "", "vault/inboxes/kept.md": "",
        },
    )  # fmt: skip
    (repo / "vault" / "film.md").write_bytes(b"x" * (5 * 1024 * 1024 + 1))
    git(repo, "add", "-A", "-f")
    git(repo, "commit", "--quiet", "-m", "second")
    for tree in (GitTree.at(repo, "main"), FolderTree(repo)):
        assert set(dict(tree.paths())) == {*FILES, "vault/inboxes/kept.md"}
        assert tree.refused == (("vault/film.md", "larger than 5 MB"),)


def test_the_folder_leaves_out_environments_and_other_repositories(repo):
    write(
        repo,
        {
            "venv/pyvenv.cfg": "",
            "venv/lib/a.py": "",
            "node_modules/a/b.js": "",
            "other/.git/HEAD": "",
            "other/a.md": "",
        },
    )
    tree = FolderTree(repo)
    assert set(dict(tree.paths())) == set(FILES)
    assert dict(tree.refused).keys() == {"venv/", "other/"}


def test_a_file_that_changes_while_it_is_read_is_noticed(repo):
    tree = FolderTree(repo)
    write(repo, {"steward.yaml": "id: changed\n"})
    with pytest.raises(TransientError, match="changed"):
        tree.read("steward.yaml")


def test_a_pipe_in_the_folder_does_not_hang_it(repo):
    os.mkfifo(repo / "vault" / "pipe")
    assert dict(FolderTree(repo).refused) == {"vault/pipe": "not a regular file"}


def test_blob_ids_are_gits_own(repo):
    assert blob_id(b"id: w\n") == git(repo, "hash-object", "steward.yaml")


def test_a_folder_of_a_thousand_notes_is_listed_fast(repo):
    for number in range(1000):
        (repo / "vault" / f"note-{number}.md").write_text(f"# Note {number}\n" * 50)
    began = time.process_time()
    assert len(FolderTree(repo).paths()) == 1000 + len(FILES)
    assert time.process_time() - began < 0.15


def refusal(work) -> PermanentError:
    with pytest.raises(PermanentError) as refused:
        work()
    assert refused.value.message
    assert refused.value.way_out
    return refused.value


def test_no_repository(tmp_path):
    assert refusal(lambda: GitTree.at(tmp_path, "main")).code == "not-a-repository"


def test_no_commit_yet(tmp_path):
    git(tmp_path, "init", "--quiet")
    assert refusal(lambda: GitTree.at(tmp_path, "main")).code == "no-commits"


def test_no_such_branch(repo):
    error = refusal(lambda: GitTree.at(repo, "live"))
    assert error.code == "no-branch"
    assert "live" in error.message


def test_no_git_on_the_machine(repo, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refusal(lambda: GitTree.at(repo, "main")).code == "no-git"


def test_a_folder_that_is_not_committed_yet(repo):
    (repo / "new").mkdir()
    assert refusal(lambda: GitTree.at(repo / "new", "main")).code == "git-object"


def test_a_damaged_object_is_not_read(repo):
    id_ = git(repo, "rev-parse", "main:steward.yaml")
    file = repo / ".git" / "objects" / id_[:2] / id_[2:]
    other = git(repo, "rev-parse", "main:playbooks/a.yaml")
    tree = GitTree.at(repo, "main")
    file.chmod(0o644)
    file.write_bytes((repo / ".git" / "objects" / other[:2] / other[2:]).read_bytes())
    assert refusal(lambda: tree.read("steward.yaml")).code == "git-object"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-x",
        "a b",
        "a..b",
        "@{-1}",
        "a^",
        "a:b",
        "a~1",
        "x.lock",
        "a//b",
        "a/",
        "/a",
        "a\n",
        ".a",
        "a/.b",
        "a\\b",
        "*",
    ],
)
def test_what_git_could_read_as_something_else_is_no_branch(repo, name):
    with pytest.raises(UsageError):
        GitTree.at(repo, name)


def test_a_commit_is_read_by_any_of_its_names(repo):
    first = git(repo, "rev-parse", "main")
    git(repo, "tag", "v1")
    git(repo, "branch", "deadbeef")
    write(repo, {"steward.yaml": "id: other\n"})
    git(repo, "commit", "--quiet", "-am", "second")

    for name in ("v1", "deadbeef", first, first[:9], "main~1", "main~", "main^", "HEAD~1"):
        assert GitTree.named(repo, name).commit == first
    assert contents(GitTree.named(repo, "v1")) == FILES
    assert GitTree.named(repo, "main").commit == GitTree.named(repo, "HEAD").commit != first


@pytest.mark.parametrize(
    "name",
    ["", "nowhere", "main~9", "--help", "-n", "main:steward.yaml", ":/first", "@", "@{-1}", "main^{tree}", "refs/../x", "main\n", "abc",
     "main^{/first}", "a b"],
)  # fmt: skip
def test_what_names_no_commit_is_refused(repo, name):
    with pytest.raises(UsageError):
        GitTree.named(repo, name)


def test_a_folder_that_is_gone_is_not_called_a_missing_git(tmp_path):
    with pytest.raises(PermanentError, match="is gone") as gone:
        call(("status",), env={"PATH": os.environ["PATH"]}, cwd=tmp_path / "moved")
    with pytest.raises(PermanentError, match="not installed") as absent:
        call(("status",), env={"PATH": ""}, cwd=tmp_path)
    assert (gone.value.code, absent.value.code) == ("no-folder", "no-git")
