"""The outbox lies beside the ledger; the workspace holds a link that can be taken away without harm."""

import os
import shutil
import subprocess

import pytest

from engine.app.workspace import outbox_location
from engine.app.workspace.workspace import open_workspace
from engine.model.errors import UsageError
from engine.testing.scenario import Scenario, letter
from tests.simulate.test_health import ACTS
from tests.simulate.test_up import said, until, up


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keeping") / "desk"
    made = Scenario.make(folder, files={"playbooks/acts.yaml": ACTS}, bare=True)
    made.drop("one", letter("A site", "Could you look at it?", sender="Ann <ann@example.org>"))
    made.run()
    return folder


@pytest.fixture
def desk(template, tmp_path):
    shutil.copytree(template, tmp_path / "desk", symlinks=True)
    return Scenario.at(tmp_path / "desk")


def again(company, name="two"):
    """Another letter of the same person on the same day: it is acknowledged only where the claim was lost."""
    company.drop(
        name, letter(f"Once more {name}", "And?", sender="Ann <ann@example.org>", id=f"{name}@example.org")
    )
    company.run()
    return len(company.outbox())


def git(company, *words):
    done = subprocess.run(["git", *words], cwd=company.root, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_workspace_holds_a_link_to_the_outbox(desk):
    link = desk.root / "outbox"
    assert link.is_symlink()
    assert not os.path.isabs(os.readlink(link))
    assert link.samefile(desk.workspace().state.letters / "outbox")
    assert len(list(link.glob("*.eml"))) == 1


@pytest.mark.parametrize(
    "words", [["clean", "-fdx"], ["clean", "-fdX"], ["stash", "--all"], ["clean", "-ffdx", "outbox"]]
)
def test_git_takes_the_link_and_no_letter(desk, words):
    """And no second acknowledgement leaves on the same day."""
    git(desk, "config", "user.email", "robin@example.com")
    git(desk, "config", "user.name", "Robin Park")
    git(desk, *words)
    assert len(desk.outbox()) == 1
    assert again(desk) == 1
    assert (desk.root / "outbox").samefile(desk.workspace().state.letters / "outbox")


def test_the_link_is_nothing_git_speaks_of(desk):
    assert "outbox" not in git(desk, "status", "--porcelain")
    (desk.root / ".gitignore").write_text("outbox/\n")
    assert "outbox" not in git(desk, "status", "--porcelain")


def test_a_folder_of_an_earlier_version_moves_with_all_that_is_in_it(desk):
    home, folder = desk.workspace().state.letters / "outbox", desk.root / "outbox"
    folder.unlink()
    shutil.move(home, folder)
    (folder / ".letters.db").unlink()
    (folder / "sent").mkdir()
    (folder / "sent" / "x.eml").write_text("x")
    (folder / "my own note.txt").write_text("mine")
    (folder / "payments").mkdir()

    assert again(desk) == 2

    assert folder.is_symlink()
    assert (home / "my own note.txt").read_text() == "mine"
    assert (home / "sent" / "x.eml").is_file()


def test_a_move_that_was_cut_off_goes_on_and_loses_nothing(desk):
    """Half of the files had moved; one name has two contents, and both stay."""
    home, folder = desk.workspace().state.letters / "outbox", desk.root / "outbox"
    folder.unlink()
    folder.mkdir()
    (letter_,) = home.glob("*.eml")
    shutil.copy(letter_, folder / letter_.name)
    (home / "notices.log").write_text("new")
    (folder / "notices.log").write_text("old")

    desk.run()

    assert folder.is_symlink()
    assert sorted(one.read_text() for one in home.glob("notices*")) == ["new", "old"]
    assert len(list(home.glob("*.eml"))) == 1


@pytest.mark.parametrize("kind", ["file", "elsewhere"])
def test_what_is_no_outbox_of_ours_stays_and_is_told(desk, tmp_path, kind):
    link = desk.root / "outbox"
    link.unlink()
    if kind == "file":
        link.write_text("mine")
    else:
        (tmp_path / "elsewhere").mkdir()
        link.symlink_to(tmp_path / "elsewhere")
    words = outbox_location.settle(desk.workspace())
    assert "letters lie in" in words
    assert again(desk) == 1
    assert link.exists()


@pytest.mark.parametrize("moved", ["work", "state"])
def test_a_link_that_leads_nowhere_any_more_is_set_right(desk, moved):
    link = desk.root / "outbox"
    link.unlink()
    link.symlink_to(desk.folder / "gone" / "outbox")
    desk.run()
    assert link.samefile(desk.workspace().state.letters / "outbox"), moved


def test_a_copy_of_workspace_and_state_has_letters_of_its_own(desk, tmp_path):
    shutil.copytree(desk.folder, tmp_path / "copy", symlinks=True)
    copy = Scenario.at(tmp_path / "copy")
    copy.drop("bob", letter("Hello", "?", sender="Bob <bob@example.org>", id="bob@example.org"))
    copy.run()
    assert len(copy.outbox()) == 2
    assert len(desk.outbox()) == 1
    assert len(list((copy.root / "outbox").glob("*.eml"))) == 2


def test_a_copy_beside_the_original_is_refused_and_told_what_to_do(desk):
    desk.run()
    copy = desk.folder / "copy"
    shutil.copytree(desk.root, copy, symlinks=True)
    with pytest.raises(UsageError, match="is a copy of") as error:
        open_workspace(copy, desk.env)
    assert "id:" in error.value.way_out
    assert again(desk) == 1  # the original goes on


@pytest.mark.parametrize("how", ["its own id", "the original is gone", "the original has another id"])
def test_a_copy_that_is_alone_is_no_copy(desk, how):
    desk.run()
    copy = desk.folder / "copy"
    shutil.copytree(desk.root, copy, symlinks=True)
    if how == "the original is gone":
        shutil.rmtree(desk.root)
    else:
        root = copy if how == "its own id" else desk.root
        text = (root / "steward.yaml").read_text().replace("scenario", "another")
        (root / "steward.yaml").write_text(text)
        subprocess.run(["git", "commit", "-qam", "x"], cwd=root, check=True, env={**os.environ, **GIT})
    assert open_workspace(copy, desk.env).root == copy


GIT = {
    f"GIT_{who}_{what}": "robin@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}


def test_a_link_to_the_workspace_is_the_workspace(desk):
    (desk.folder / "link").symlink_to(desk.root)
    assert open_workspace(desk.folder / "link", desk.env).id == "scenario"


@pytest.mark.slow
def test_up_ends_when_its_workspace_is_gone_and_says_so(desk):
    with up(desk) as process:
        shutil.move(desk.root, desk.folder / "elsewhere")
        until(lambda: process.poll() is not None or "is gone" in said(process), process)
        assert process.wait(30) == 1
        assert "is gone" in said(process)
        assert str(desk.folder / "state") in said(process)
    shutil.move(desk.folder / "elsewhere", desk.root)
    assert again(desk) == 1
