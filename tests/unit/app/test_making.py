"""`steward init`: who writes, from which address, and which branch runs."""

import os
import subprocess

import pytest

from engine.app.setup import new_workspace
from engine.app.workspace.workspace import open_workspace
from engine.cli.main import main
from engine.model.errors import UsageError

BAD = [
    "notanaddress", "uma@", "@example.org", "uma@localhost", "uma@intranet", "uma@@example.org", "uma example@example.org",
    "uma@exa mple.org", "u..ma@example.org", "uma@-.org", "uma@example..org", "Uma <uma@example.org>",
    "no-reply@example.org", "noreply@example.org", "uma.noreply@example.org", "do-not-reply@example.org", "mailer-daemon@example.org",
]  # fmt: skip


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder of one's own to stand in, with nothing of this machine's."""
    for name in ("HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def git(folder, *words):
    """Git's answer."""
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    return subprocess.run(
        ["git", *who, *words], cwd=folder, env=env, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.mark.parametrize("address", BAD)
def test_an_address_that_cannot_work_writes_nothing(address, home, capsys):
    assert main(["init", "w", "--name", "Uma", "--email", address]) == 2
    said = capsys.readouterr().err
    assert "Nothing was written." in said
    assert "--email you@your-domain" in said
    assert not (home / "w").exists()


def test_nobody_is_written_as_a_sample_person(home, capsys):
    assert main(["init", "w"]) == 2
    assert "nobody is named to write as" in capsys.readouterr().err
    assert main(["init", "w", "--email", "uma@uma.example.net"]) == 0
    text = (home / "w" / "steward.yaml").read_text()
    assert "operator: {" in text
    assert "Robin Park" not in text.partition("deploy:")[0]
    author = git(home / "w", "log", "-1", "--format=%an <%ae>")
    assert author.endswith("<uma@uma.example.net>")
    assert not author.startswith("Robin Park")


@pytest.mark.parametrize(
    ("address", "odd"),
    [
        ("uma@example.org", True), ("uma@mail.example.com", True), ("uma@firm.test", True), ("uma@firm.invalid", True),
        ("uma@printer.local", True), ("uma@firm.example", True), ("uma@examples.org", False), ("uma@contest.org", False),
        ("uma@uma-studio.eu", False), ("replyto.noel@firm.eu", False),
    ],
)  # fmt: skip
def test_a_domain_for_examples_is_a_warning(address, odd):
    assert new_workspace.address_of(address) == address
    assert bool(new_workspace.doubtful(address)) is odd


@pytest.mark.parametrize("branch", ["master", "trunk", "feature/x", "null", "1.0", "v2.x"])
@pytest.mark.parametrize("commits", [True, False])
def test_the_branch_the_repository_is_on_runs(branch, commits, home, capsys):
    git(home, "init", "-q", "-b", branch, "own")
    if commits:
        git(home / "own", "commit", "-q", "--allow-empty", "-m", "a")
    assert main(["init", "own", "--name", "R", "--email", "r@example.org"]) == 0
    assert f"on branch {branch}, which runs" in capsys.readouterr().err
    assert open_workspace(home / "own", os.environ).config.deploy == branch
    assert git(home / "own", "symbolic-ref", "--short", "HEAD") == branch


def test_a_head_on_no_branch_is_refused(home, capsys):
    git(home, "init", "-q", "own")
    git(home / "own", "commit", "-q", "--allow-empty", "-m", "a")
    git(home / "own", "checkout", "-q", "--detach")
    assert main(["init", "own", "--name", "R", "--email", "r@example.org"]) == 2
    assert "git switch" in capsys.readouterr().err
    assert not (home / "own" / "steward.yaml").exists()


def test_a_second_one_in_the_same_place_is_refused(home):
    new_workspace.make(home / "w", name="R", email="r@example.org")
    with pytest.raises(UsageError, match="a workspace already"):
        new_workspace.room(home / "w")


@pytest.mark.parametrize(
    ("told", "linked", "zone"),
    [
        ("", "/usr/share/zoneinfo/Asia/Kathmandu", "Asia/Kathmandu"),
        ("", "/usr/share/zoneinfo/Etc/UTC", "UTC"),
        ("", "/var/db/timezone/zoneinfo/Europe/Lisbon", "Europe/Lisbon"),
        ("", "/usr/share/zoneinfo/posix/Europe/Lisbon", "Europe/Lisbon"),
        ("America/Lima", "/usr/share/zoneinfo/Asia/Tokyo", "America/Lima"),
        (":America/Lima", "/nowhere", "America/Lima"),
        (":/usr/share/zoneinfo/America/Lima", "/nowhere", "America/Lima"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "/usr/share/zoneinfo/Europe/Paris", "Europe/Paris"),
        ("../../etc/passwd", "/nowhere", "UTC"),
        ("", "/nowhere", "UTC"),
    ],
)
def test_days_begin_where_the_machine_says_it_is(tmp_path, told, linked, zone):
    link = tmp_path / "localtime"
    link.symlink_to(linked)
    assert new_workspace.machine_zone({"TZ": told}, link) == zone


def test_a_new_workspace_has_the_zone_it_was_made_in(home):
    new_workspace.make(home / "w", name="R", email="r@example.org", zone="Asia/Kathmandu")
    assert "\ntime-zone: Asia/Kathmandu\n" in (home / "w/steward.yaml").read_text()
    assert open_workspace(home / "w", os.environ).config.time_zone == "Asia/Kathmandu"
