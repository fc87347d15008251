"""Files of the workspace, and the way back."""

import os
from dataclasses import replace

import pytest

from engine.connectors import safe_paths
from engine.connectors.files import allowed
from engine.model.errors import PermanentError, UnknownOutcome
from tests.contract.world import World, call, effect

NOTE = "vault/knowledge/note.md"


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def files(world):
    return world.wired().connectors["files"]


def write(files, path=NOTE, text="after"):
    asked = call("files/write", {"path": path, "text": text})
    one = effect(asked, files.preview(asked))
    return one, files.perform(one)


@pytest.mark.parametrize(
    "path",
    [
        "", "/etc/passwd", "../x", "a/../x", "a/./x", "a//x", "a/", "a\\b", "C:x", "a\nb", "a\x00b", "x" * 300, "a/" * 600 + "x",
        ".git/config", ".GIT/config", "a/.git/x", ".gitignore", ".hidden", "git~1/config", "a /x", "a./x", "a/x.", "con", "NUL.txt", "a/lpt1.md",
        "steward.yaml", "Steward.YAML", "playbooks/x.yaml", "PLAYBOOKS/x", "schemas/x", "notebooks/x.py", "outbox/x.eml", "state/x",
        "vault", "vault/policy.yaml", "vault/sops/x.md", "vault/Agents/x.md", "vault/templates/replies/x.md", "vault/intents/x.yaml",
        "vault/inbox/x.eml", "vault/INBOX/leads/x.eml", "a\u200bb", "a\u202eb", "AGENTS.md",
    ],
)  # fmt: skip
def test_no_step_writes_there(files, path):
    with pytest.raises(PermanentError) as error:
        files.preview(call("files/write", {"path": path, "text": "x"}))
    assert error.value.code == "bad-path"


@pytest.mark.parametrize(
    "path",
    ["a.md", "vault/knowledge/a b.md", "books/2026/März.csv", "vault/knowledge/contacts/x.md", "a/b/c/d"],
)
def test_a_step_may_write_there(path):
    assert "/".join(allowed(path)) == path


def test_links_on_the_way_are_not_followed(world, files, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (world.root / "books").symlink_to(outside)
    (world.root / "note.md").symlink_to(outside / "target")
    for path in ("books/x.md", "note.md"):
        with pytest.raises(PermanentError) as error:
            files.preview(call("files/write", {"path": path, "text": "x"}))
        assert error.value.code == "bad-path"
    assert list(outside.iterdir()) == []


def test_a_folder_swapped_for_a_link_after_the_preview_is_not_followed(world, files, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (world.root / "books").mkdir()
    asked = call("files/write", {"path": "books/x.md", "text": "x"})
    one = effect(asked, files.preview(asked))
    (world.root / "books").rmdir()
    (world.root / "books").symlink_to(outside)
    with pytest.raises(PermanentError):
        files.perform(one)
    assert list(outside.iterdir()) == []


def test_the_card_says_what_becomes_of_the_file(world, files):
    def facts(path):
        return dict(files.preview(call("files/write", {"path": path, "text": "after\nmore"})).facts)

    world.drop("note.md", b"before", folder="vault/knowledge")
    assert facts(NOTE) == {
        "File": NOTE,
        "Size": "10 bytes",
        "Before": "replaces 6 bytes",
        "Begins": "after more",
    }
    assert facts("new.md")["Before"] == "a new file"


def test_undo_puts_back_what_was_there(world, files):
    path = world.drop("note.md", b"before", folder="vault/knowledge")
    one, done = write(files)
    assert path.read_bytes() == b"after"
    assert files.undo(one, done.outputs).outputs == {"path": NOTE}
    assert path.read_bytes() == b"before"
    assert files.undo(one, done.outputs).repeated


def test_undo_of_a_new_file_removes_it(world, files):
    one, done = write(files)
    assert done.outputs["before"] is None
    files.undo(one, done.outputs)
    assert not (world.root / NOTE).exists()
    assert files.undo(one, done.outputs).repeated


def test_undo_leaves_somebody_elses_words_alone(world, files):
    one, done = write(files)
    (world.root / NOTE).write_bytes(b"mine")
    with pytest.raises(PermanentError, match="changed since"):
        files.undo(one, done.outputs)
    assert (world.root / NOTE).read_bytes() == b"mine"


def test_the_way_back_survives_a_crash_between_writing_and_the_answer(world, files):
    path = world.drop("note.md", b"before", folder="vault/knowledge")
    one, _ = write(files)
    again = world.wired().connectors["files"].perform(one)
    assert again.repeated
    files.undo(one, again.outputs)
    assert path.read_bytes() == b"before"


def test_what_somebody_changed_since_is_unknown(world, files):
    one, _ = write(files)
    (world.root / NOTE).write_bytes(b"mine")
    with pytest.raises(UnknownOutcome):
        files.find(one)


def test_a_noted_write_that_never_came_is_certainly_not_done(world, files):
    path = world.drop("note.md", b"before", folder="vault/knowledge")
    one, _ = write(files)
    path.write_bytes(b"before")
    assert files.find(one) is None


def test_too_much_text_is_refused(files):
    with pytest.raises(PermanentError) as error:
        files.preview(call("files/write", {"path": NOTE, "text": "x" * 5_000_001}))
    assert error.value.code == "too-big"


def test_two_keys_keep_two_ways_back(world, files):
    write(files, text="one")
    asked = replace(call("files/write", {"path": NOTE, "text": "two"}, step="other"))
    one = effect(asked, files.preview(asked))
    done = files.perform(one)
    files.undo(one, done.outputs)
    assert (world.root / NOTE).read_bytes() == b"one"


# -- places ------------------------------------------------------------------------------------------------------------


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    with safe_paths.folder(str(tmp_path), ("a", "b"), create=True) as here:
        safe_paths.write(here, "x", b"one", token="t")
        (tmp_path / "a/b/.t.tmp").write_bytes(b"left by a crash")
        safe_paths.write(here, "x", b"two", token="t")
        assert sorted(os.listdir(here)) == ["x"]
        assert safe_paths.read(here, "x", 2) == b"tw"
        assert safe_paths.read_if_there(here, "y", 9) is None
    assert oct((tmp_path / "a/b/x").stat().st_mode)[-3:] == "600"


def test_a_torn_line_is_closed_first(tmp_path):
    with safe_paths.folder(str(tmp_path), ()) as here:
        safe_paths.append(here, "log", b"one")
        with open(tmp_path / "log", "ab") as torn:
            torn.write(b"tor")
        safe_paths.append(here, "log", b"two")
    assert (tmp_path / "log").read_bytes() == b"one\ntor\ntwo\n"


def test_pipes_and_folders_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with safe_paths.folder(str(tmp_path), ()) as here:
        for name in ("pipe", "folder"):
            with pytest.raises(OSError, match=r"regular file|directory"):
                safe_paths.read(here, name, 9)
