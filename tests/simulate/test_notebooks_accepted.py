"""A workspace's own notebook runs once a person vouched for its bytes: those bytes, no other file, and nothing after a change."""

import os
import shutil

import pytest

from engine.app.workspace import trusted_notebooks
from engine.cli.notebooks import auth_middleware, server
from engine.model.errors import EngineError, PermanentError, Refused, UsageError
from engine.model.events.owner import NOTEBOOK
from engine.model.values.canonical_json import sha256
from engine.testing.scenario import Scenario
from tests.campaigns.invariants import judge
from tests.campaigns.standin import DIED, ending
from tests.simulate.terminal import environment, plainly, typed

MINE = 'import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _():\n    "mine"\n    return\n'
OTHER = MINE.replace("mine", "other")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    company = Scenario.make(tmp_path_factory.mktemp("notebooks") / "company")
    company.run()
    (company.root / "notebooks" / "mine.py").write_text(MINE)
    return company


@pytest.fixture
def company(made, tmp_path):
    return Scenario.at(shutil.copytree(made.folder, tmp_path / "company", symlinks=True))


def accept(company, path="notebooks/mine.py", text=MINE, **changed):
    digest = changed.get("digest", sha256(text.encode()))
    return company.ask("accept", target=path, digest=digest, body={"text": text})


def served(company, given="mine"):
    with trusted_notebooks.accepted(company.workspace(), given) as (name, copy):
        return name, copy.read_text(), copy


def refused(company, given="mine"):
    with pytest.raises(EngineError) as caught, trusted_notebooks.accepted(company.workspace(), given):
        pass
    return caught.value


def test_nobody_s_notebook_is_refused_with_what_to_type(company):
    error = refused(company)
    assert isinstance(error, Refused)
    assert "nobody has vouched for" in error.message
    assert error.way_out.endswith("steward open --accept notebooks/mine.py")


def test_an_accepted_one_is_served_from_a_private_copy_that_goes_with_the_server(company):
    assert accept(company).verdict == "accepted"
    assert accept(company).verdict == "noop"
    with trusted_notebooks.accepted(company.workspace(), "notebooks/mine.py") as (name, copy):
        assert (name, copy.read_text()) == ("mine", MINE)
        assert copy.parent.parent == company.workspace().state.path
        assert copy.parent.stat().st_mode & 0o077 == 0
        assert [one.name for one in copy.parent.iterdir()] == ["mine.py"]
        # Swapped while it is served: what runs is what was accepted.
        (company.root / "notebooks" / "mine.py").write_text(OTHER)
        assert copy.read_text() == MINE
    assert not copy.parent.exists()


def test_another_content_needs_another_acceptance_and_the_last_one_counts(company):
    accept(company)
    (company.root / "notebooks" / "mine.py").write_text(OTHER)
    assert "is not what was accepted" in refused(company).message
    accept(company, text=OTHER)
    assert served(company)[:2] == ("mine", OTHER)
    (company.root / "notebooks" / "mine.py").write_text(MINE)
    assert "is not what was accepted" in refused(company).message


def test_one_notebook_s_acceptance_is_not_another_s(company):
    accept(company)
    (company.root / "notebooks" / "yours.py").write_text(MINE)
    assert "nobody has vouched for" in refused(company, "yours").message


def _link(folder):
    (folder / "elsewhere.py").write_text(MINE)
    (folder / "mine.py").unlink()
    (folder / "mine.py").symlink_to(folder / "elsewhere.py")


def _linked_folder(folder):
    folder.rename(folder.parent / "moved")
    folder.symlink_to(folder.parent / "moved")


def _pipe(folder):
    (folder / "mine.py").unlink()
    os.mkfifo(folder / "mine.py")


def _directory(folder):
    (folder / "mine.py").unlink()
    (folder / "mine.py").mkdir()


@pytest.mark.parametrize(
    "trick",
    [
        _link, _linked_folder, _pipe, _directory,
        lambda folder: (folder / "mine.py").unlink(),
        lambda folder: (folder / "mine.py").write_bytes(b"\xff\xfe"),
        lambda folder: (folder / "mine.py").write_bytes(b"#" * 300_000),
    ],
)  # fmt: skip
def test_what_is_no_plain_file_of_the_folder_is_not_even_read(company, trick):
    accept(company)
    trick(company.root / "notebooks")
    assert isinstance(refused(company), UsageError)


def test_no_other_path_is_a_notebook(company):
    for given in (
        "../mine", "notebooks/../../mine.py", "/etc/passwd", "notebooks/today.py", "notebooks/run.py", "Mine", "", ".mine", "mine.py/x",
        "a|b", "mine\n", "notebooks/sub/mine.py",
    ):  # fmt: skip
        assert isinstance(refused(company, given), UsageError)
        assert NOTEBOOK.fullmatch(given) is None
    assert accept(company, path="notebooks/../../mine.py").verdict == "refused"


def test_an_acceptance_of_other_bytes_than_were_shown_is_refused(company):
    for changed in ({"digest": sha256(OTHER.encode())}, {"digest": ""}, {"text": "#" * 300_000}):
        assert accept(company, **changed).verdict == "refused"
    assert isinstance(refused(company), Refused)


def test_a_person_is_shown_the_digest_and_asked_once(company):
    env = environment(company.env)
    here = {"cwd": company.root, "env": env}
    without = plainly(["open", "--accept", "notebooks/mine.py"], **here)
    assert without.code == 5
    no = typed(["open", "--accept", "mine"], [("[y/N]", "n")], **here)
    assert (no.code, "nothing was accepted" in no.text) == (0, True)
    assert sha256(MINE.encode()) in no.text
    assert "runs as you" in no.text
    assert isinstance(refused(company), Refused)
    yes = typed(["open", "--accept", "notebooks/mine.py"], [("[y/N]", "y")], **here)
    assert yes.code == 0, yes.text
    assert "steward open mine" in yes.text
    assert served(company)[1] == MINE
    assert "notebooks/mine.py accepted by" in plainly(["log"], **here).text


def test_a_content_that_the_ledger_lost_is_not_replaced_by_the_file(company, monkeypatch):
    accept(company)

    def lost(*_):
        raise KeyError("lost")

    monkeypatch.setattr("engine.ledger.Ledger.load_content", lost)
    assert isinstance(refused(company), PermanentError)


@pytest.mark.parametrize("when", ["before", "written", "after"])
def test_a_death_around_an_acceptance_leaves_none_or_a_whole_one(company, when):
    point = f"append:{when}:request.decided"  # one transaction with the acceptance
    assert ending(company, "accept", "notebooks/mine.py", given=MINE, point=point) == DIED
    company = Scenario.at(company.folder)
    company.run()
    # The request is durable: whoever owns the ledger next decides it.
    assert served(company)[1] == MINE
    assert len([one for one in company.events() if one.type == "notebook.accepted"]) == 1
    assert judge(company.folder).violations == ()


async def nobody(_scope, _receive, _send):
    """An app that answers nothing."""


def test_the_door_knows_the_accepted_name_and_no_other():
    names = (*server.NOTEBOOKS, "mine")
    one = auth_middleware.AuthMiddleware(app=nobody, host="h", token="t", code="c", names=names)
    bare = auth_middleware.AuthMiddleware(app=nobody, host="h", token="t", code="c")
    for path, here, there in (("/mine/", True, False), ("/yours/", False, False), ("/today/", True, True)):
        assert one.serves("GET", path) is here
        assert bare.serves("GET", path) is there
    assert not one.serves("GET", "/minex/")
    assert not one.serves("POST", "/mine/api/kernel/run")
    assert one.serves("WEBSOCKET", "/mine/ws")
