"""What is read without git is git's own answer, and what is no plain file is left to git."""

import subprocess
import zlib
from pathlib import Path

import pytest

from engine.model.errors import PermanentError
from engine.vault import GitTree, anchor, anchored, commit_all, init_repository, loose, set_ref


def git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, check=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    root.mkdir()
    (root / "note.md").write_text("Ask Ada\n", encoding="utf-8")
    init_repository(root, "Robin Park", "robin@example.com")
    commit_all(root, "First")
    return root


def kept_in(root: Path, id_: str) -> Path:
    path = root / ".git" / "objects" / id_[:2] / id_[2:]
    path.chmod(0o644)
    return path


def test_refs_and_objects_in_files_of_their_own_are_read(repo: Path) -> None:
    commit, blob = git(repo, "rev-parse", "HEAD"), git(repo, "rev-parse", "HEAD:note.md")
    assert loose.ref(repo / ".git", "refs/heads/main") == commit
    assert loose.read(repo / ".git", blob) == ("blob", b"Ask Ada\n")
    assert (loose.read(repo / ".git", commit) or ("", b""))[0] == "commit"


def test_packed_refs_and_objects_are_left_to_git_and_read_the_same(repo: Path) -> None:
    commit, blob = git(repo, "rev-parse", "HEAD"), git(repo, "rev-parse", "HEAD:note.md")
    git(repo, "gc", "--quiet")
    assert loose.ref(repo / ".git", "refs/heads/main") is None
    assert loose.read(repo / ".git", blob) is None
    tree = GitTree.at(repo, "main")
    assert (tree.commit, tree.read("note.md")) == (commit, b"Ask Ada\n")


@pytest.mark.parametrize(
    "bytes_",
    [
        pytest.param(zlib.compress(b"blob 8\0Ask Eve\n"), id="other words"),
        pytest.param(zlib.compress(b"blob 3\0Ask Ada\n"), id="another length"),
        pytest.param(zlib.compress(b"blob 8\0Ask Ada\n")[:9], id="cut off"),
        pytest.param(zlib.compress(b"blob 8\0" + bytes(50_000_000)), id="unpacks to more than it says"),
        pytest.param(b"", id="empty"),
        pytest.param(b"Ask Ada\n", id="not packed"),
    ],
)
def test_a_damaged_object_is_never_taken_for_the_note(repo: Path, bytes_: bytes) -> None:
    blob = git(repo, "rev-parse", "HEAD:note.md")
    kept_in(repo, blob).write_bytes(bytes_)
    assert loose.read(repo / ".git", blob) is None
    with pytest.raises((PermanentError, KeyError)):
        GitTree.at(repo, "main").read("note.md")


def test_a_commit_that_was_listed_before_is_still_read_from_what_lies_there_now(repo: Path) -> None:
    GitTree.at(repo, "main").close()
    kept_in(repo, git(repo, "rev-parse", "HEAD:note.md")).write_bytes(b"")
    with pytest.raises((PermanentError, KeyError)):
        GitTree.at(repo, "main").read("note.md")


def test_an_object_that_came_back_is_listed_again(repo: Path) -> None:
    path = kept_in(repo, git(repo, "rev-parse", "HEAD:note.md"))
    bytes_ = path.read_bytes()
    path.unlink()
    assert GitTree.at(repo, "main").refused == (("note.md", "its object is missing"),)
    path.write_bytes(bytes_)
    assert GitTree.at(repo, "main").read("note.md") == b"Ask Ada\n"


def test_a_branch_that_is_no_commit_and_an_anchor_that_is_no_blob_are_none(repo: Path) -> None:
    commit, blob = git(repo, "rev-parse", "HEAD"), git(repo, "rev-parse", "HEAD:note.md")
    (repo / ".git/refs/heads/odd").write_text(f"{blob}\n")
    with pytest.raises(PermanentError):
        GitTree.at(repo, "odd")
    assert set_ref(repo, "refs/steward/anchor", commit)
    assert anchored(repo) is None
    assert anchor(repo, 7, "a" * 64)
    assert anchored(repo) == (7, "a" * 64)
