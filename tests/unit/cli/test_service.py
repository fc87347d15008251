"""`steward service`: units and property lists that hold what they say, stand-ins for their keepers, and the unit's own command for real."""

import os
import plistlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.app.setup.service.systemd import Systemd
from engine.app.setup.service.unit import ServiceAccount, service_of
from engine.app.workspace.workspace import open_workspace
from engine.cli.commands.service import keeper_of
from engine.cli.main import main
from engine.ledger import Owner
from engine.model.errors import EngineError, UsageError
from engine.vault import commit_all, init_repository
from tests.counterparts import need
from tests.simulate.terminal import ROOT, environment
from tests.simulate.test_up import said, until

ODD = 'my business 100% $HOME "quoted" \\ Zażółć'
"""A folder's name with all that unit files give a meaning to."""

SYSTEMCTL = """#!/bin/sh
# A stand-in for systemctl and loginctl: writes down what it is asked, and knows a unit as running once it was restarted.
there="$(dirname "$0")"
echo "$(basename "$0") $*" >> "$there/asked"
[ -e "$there/absent" ] && { echo "Failed to connect to bus: No medium found" >&2; exit 1; }
case "$*" in
  *show-user*) echo "Linger=no" ;;
  *restart*|*bootstrap*) touch "$there/running" ;;
  *"disable --now"*|*bootout*) rm -f "$there/running" ;;
  *" show "*) [ -e "$there/running" ] && echo "ActiveState=active" || echo "ActiveState=inactive"; echo "SubState=running" ;;
  "print gui/"*/*) [ -e "$there/running" ] && printf 'steward = {\\n\\tstate = running\\n\\tsub = {\\n\\t\\tstate = active\\n}\\n' || exit 113 ;;
esac
"""


class Place:
    """A workspace, a home, and a folder of stand-ins that is first on the path."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.home, self.root, self.bin = folder / "home", folder / name, folder / "bin"
        for one in (self.home, self.root, self.bin):
            one.mkdir()
        (self.root / "steward.yaml").write_text(
            "id: abc123\noperator: { name: Robin Park, email: robin@example.com }\ndeploy: main\n"
        )
        init_repository(self.root, "Robin Park", "robin@example.com")
        commit_all(self.root, "Begin")
        for program in ("systemctl", "loginctl", "launchctl"):
            (self.bin / program).write_text(SYSTEMCTL)
            (self.bin / program).chmod(0o755)
        self.env = {"HOME": os.fspath(self.home), "PATH": f"{self.bin}:{os.environ['PATH']}"}
        for variable in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
            monkeypatch.delenv(variable, raising=False)
        for variable, value in self.env.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.chdir(self.root)

    @property
    def unit(self) -> Path:
        return self.home / ".config/systemd/user/steward-abc123.service"

    def asked(self) -> list[str]:
        file = self.bin / "asked"
        words = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [one for one in words if not re.search(r"show|print", one)]


@pytest.fixture
def place(tmp_path, monkeypatch):
    return Place(tmp_path, monkeypatch, ODD)


def typed(*words: str) -> int:
    return main(["service", *words])


def test_what_is_printed_is_what_is_installed_and_printing_writes_nothing(place, capsys):
    assert typed("install", "--print") == 0
    printed = capsys.readouterr()
    assert not place.unit.exists()
    assert str(place.unit) in printed.err
    assert typed("install") == 0
    assert place.unit.read_text() == printed.out
    assert not place.unit.stat().st_mode & 0o022


def test_installing_again_changes_nothing_and_a_moved_python_is_written_anew(place, capsys, monkeypatch):
    assert typed("install") == 0
    user = "systemctl --user --no-pager"
    name = place.unit.name
    assert place.asked() == [f"{user} daemon-reload", f"{user} enable {name}", f"{user} restart {name}"]
    assert "loginctl enable-linger" in capsys.readouterr().out
    assert typed("install") == 0
    assert "restart" not in " ".join(place.asked())
    assert "runs already" in capsys.readouterr().out
    monkeypatch.setattr(sys, "executable", "/elsewhere/bin/python3")
    typed("status")
    assert "older than this steward" in capsys.readouterr().out
    assert typed("install") == 0
    assert f"{user} restart {name}" in place.asked()
    assert "/elsewhere/bin/python3" in place.unit.read_text()


def test_uninstalling_removes_what_was_written_and_nothing_else(place, capsys):
    typed("install")
    place.asked()
    assert typed("uninstall") == 0
    assert place.asked()[0].endswith(f"disable --now {place.unit.name}")
    assert not place.unit.exists()
    assert typed("uninstall") == 0
    assert "nothing to remove" in capsys.readouterr().out
    assert place.asked() == []


@pytest.mark.parametrize("action", ["install", "uninstall"])
def test_a_unit_somebody_else_wrote_is_left_alone(place, capsys, action):
    place.unit.parent.mkdir(parents=True)
    place.unit.write_text("[Service]\nExecStart=/bin/true\n")
    assert typed(action) == 2
    assert place.unit.read_text() == "[Service]\nExecStart=/bin/true\n"
    assert "was not written by steward" in capsys.readouterr().err
    assert place.asked() == []


def test_without_a_manager_nothing_is_written_and_the_way_out_is_said(place, capsys, monkeypatch):
    (place.bin / "absent").touch()
    assert typed("install") == 2
    told = capsys.readouterr().err
    assert "can't be reached" in told
    assert "loginctl enable-linger" in told
    assert "--system" in told
    assert not place.unit.exists()


def test_without_systemctl_other_ways_are_named(place, monkeypatch):
    keeper = keeper_of(open_workspace(place.root, os.environ), system=False, name="", platform="linux")
    monkeypatch.setattr("engine.app.setup.service.systemd.shutil.which", lambda *_, **__: None)
    with pytest.raises(UsageError, match="no systemctl") as told:
        keeper.install()
    assert "container" in told.value.way_out
    assert keeper.standing().keeper == "no systemd answers here"
    assert not keeper.path.exists()


def test_what_a_manager_refuses_is_told_in_its_own_words(place, capsys):
    (place.bin / "systemctl").write_text(
        '#!/bin/sh\ncase "$*" in *enable*) echo "Access denied" >&2; exit 4;; esac\n'
    )
    assert typed("install") == 1
    told = capsys.readouterr().err
    assert "Access denied" in told
    assert f"systemctl --user status {place.unit.name}" in told


def test_status_is_zero_exactly_while_somebody_is_up(place, capsys):
    assert typed("status") == 1
    assert "nobody" in capsys.readouterr().out
    state = open_workspace(place.root, os.environ).state
    passing = Owner.take(state)
    assert passing is not None
    assert typed("status") == 1  # a command that passes by keeps nothing up
    passing.release()
    owner = Owner.take(state, stays=True)
    assert owner is not None
    try:
        assert "nobody" in capsys.readouterr().out
        assert typed("status") == 0
        assert f"process {os.getpid()}" in capsys.readouterr().out
        assert typed("status", "--json") == 0
        assert '"up": true' in capsys.readouterr().out
    finally:
        owner.release()
    assert typed("status", "--json") == 1


def test_no_secret_is_in_the_unit_and_an_open_file_of_them_is_named(place, capsys, monkeypatch):
    monkeypatch.setenv("MAIL", "a secret of the shell")
    file = place.home / ".config/steward/abc123.env"
    file.parent.mkdir(parents=True)
    file.write_text("MAIL=a secret of the file\n")
    file.chmod(0o644)
    assert typed("install") == 0
    assert f"chmod 600 {file}" in capsys.readouterr().out
    assert "secret of" not in place.unit.read_text()
    assert f"EnvironmentFile=-{file}" in place.unit.read_text()


def test_the_service_keeps_the_ledger_of_the_shell_that_installs_it(place, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", os.fspath(tmp_path / "another place"))
    monkeypatch.setenv("XDG_CONFIG_HOME", os.fspath(tmp_path / "settings"))
    assert typed("install") == 0
    unit = (tmp_path / "settings/systemd/user" / place.unit.name).read_text()
    assert f'Environment="XDG_STATE_HOME={tmp_path / "another place"}"' in unit


def test_a_service_of_the_machine_is_hardened_runs_as_an_account_and_never_as_root(
    place, capsys, monkeypatch
):
    assert typed("install", "--system", "--as", "root", "--print") == 2
    assert "never as root" in capsys.readouterr().err
    assert typed("install", "--system", "--as", "nobody-of-this-name", "--print") == 2
    assert typed("install", "--as", "nobody", "--print") == 2
    assert typed("install", "--system", "--as", "nobody", "--print") == 0
    unit = capsys.readouterr().out
    writable = next(one for one in unit.splitlines() if one.startswith("ReadWritePaths="))
    assert decoded(writable.partition("=")[2])[0] == os.fspath(place.root)
    for line in (
        "User=nobody",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "WantedBy=multi-user.target",
    ):
        assert line in unit.splitlines()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert typed("install", "--system", "--as", "nobody") == 2
    assert "sudo" in capsys.readouterr().err


def test_a_service_of_the_machine_is_kept_by_the_machines_own_manager(place, tmp_path):
    """With a folder in place of systemd's own, and whoever runs this as the account."""
    whose = ServiceAccount(name="steward", uid=os.getuid(), gid=os.getgid(), home=tmp_path / "its home")
    service = service_of(open_workspace(place.root, os.environ), {"PATH": os.environ["PATH"]}, whose)
    keeper = Systemd(service=service, env=os.environ, account=whose, folder=tmp_path / "system")
    assert any("started" in one for one in keeper.install())
    assert service.state == tmp_path / "its home/.local/state/steward"
    assert service.state.stat().st_mode & 0o077 == 0
    name = "steward-abc123.service"
    ctl = "systemctl --no-pager"
    assert place.asked() == [f"{ctl} daemon-reload", f"{ctl} enable {name}", f"{ctl} restart {name}"]
    keeper.uninstall()
    assert not keeper.path.exists()
    (tmp_path / "a file").touch()
    homeless = ServiceAccount(name="steward", uid=os.getuid(), gid=os.getgid(), home=tmp_path / "a file")
    service = service_of(open_workspace(place.root, os.environ), {"PATH": os.environ["PATH"]}, homeless)
    with pytest.raises(EngineError, match="place for state"):
        Systemd(service=service, env=os.environ, account=homeless, folder=tmp_path / "system").install()


def test_paths_that_no_unit_can_hold_are_refused(tmp_path, monkeypatch, capsys):
    Place(tmp_path, monkeypatch, "two\nlines")
    assert typed("install", "--print") == 2
    assert "rename the folder" in capsys.readouterr().err


# ---------------------------------------------------------------- launchd


def test_a_property_list_holds_its_job_and_is_kept_by_launchd(place):
    keeper = keeper_of(open_workspace(place.root, os.environ), system=False, name="", platform="darwin")
    done = " ".join(keeper.install())
    job = plistlib.loads(keeper.path.read_bytes())
    assert keeper.path == place.home / "Library/LaunchAgents/steward-abc123.plist"
    assert job["Label"] == "steward-abc123"
    assert job["ProgramArguments"] == [sys.executable, "-P", "-m", "engine.cli.main", "up", "--wait"]
    assert job["WorkingDirectory"] == os.fspath(place.root)
    assert job["EnvironmentVariables"]["XDG_STATE_HOME"] == os.fspath(place.home / ".local/state")
    assert job["KeepAlive"] == {"SuccessfulExit": False}
    assert job["Umask"] == 0o077
    target = f"gui/{os.getuid()}"
    assert place.asked() == [
        f"launchctl enable {target}/steward-abc123",
        f"launchctl bootstrap {target} {keeper.path}",
    ]
    assert "comes back" in done
    assert "runs already" in " ".join(keeper.install())
    assert place.asked() == []
    assert keeper.standing().alive
    keeper.uninstall()
    assert place.asked() == [f"launchctl bootout {target}/steward-abc123"]
    assert not keeper.path.exists()
    assert "nothing to remove" in " ".join(keeper.uninstall())


def test_on_macos_a_folder_watched_over_is_named_and_there_is_no_service_of_the_machine(
    tmp_path, monkeypatch
):
    place = Place(tmp_path, monkeypatch, "business")
    moved = place.home / "Documents" / "business"
    moved.parent.mkdir()
    place.root.rename(moved)
    workspace = open_workspace(moved, os.environ)
    keeper = keeper_of(workspace, system=False, name="", platform="darwin")
    assert any("Privacy" in one for one in keeper.install())
    with pytest.raises(UsageError, match="systemd"):
        keeper_of(workspace, system=True, name="", platform="darwin")
    (place.bin / "absent").touch()
    with pytest.raises(EngineError, match="no session"):
        keeper.install()
    with pytest.raises(UsageError, match="Windows"):
        keeper_of(workspace, system=False, name="", platform="win32")


# ---------------------------------------------------------------- what systemd makes of it


def decoded(words: str) -> list[str]:
    """Words of a unit's line, as systemd takes them apart: quotes and backslashes as in a shell, two percent signs for one."""
    return [one.replace("%%", "%") for one in shlex.split(words)]


def settings(unit: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.splitlines():
        name, mark, value = line.partition("=")
        if mark and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def verified(unit: Path, *scope: str) -> str:
    """What systemd itself says of a unit; it reads it and starts nothing."""
    program = shutil.which("systemd-analyze")
    need(program, "systemd-analyze (Debian: apt install systemd)")
    assert program is not None
    env = {**os.environ, "XDG_RUNTIME_DIR": os.fspath(unit.parent)}
    argv = [program, *scope, "--man=no", "verify", os.fspath(unit)]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=30)
    # Other units that this machine has are read along; what is wrong with them is theirs.
    lines = (done.stdout + done.stderr).splitlines()
    said = [one for one in lines if unit.name in one and "Special user nobody" not in one]
    return "\n".join([*said, *([f"exit {done.returncode}"] if done.returncode and not lines else [])])


def test_systemd_finds_nothing_wrong_with_either_unit(place, capsys):
    typed("install", "--print")
    unit = place.home / "steward-own.service"
    unit.write_text(capsys.readouterr().out)
    assert verified(unit, "--user") == ""
    typed("install", "--system", "--as", "nobody", "--print")
    unit = place.home / "steward-machine.service"
    unit.write_text(capsys.readouterr().out)
    assert verified(unit) == ""


def test_systemd_reads_the_path_of_python_as_it_is(place, capsys, monkeypatch):
    """A program that is not there is named as systemd understood it: nothing lost, nothing expanded."""
    python = "/nowhere/my business 100% $HOME ${HOME}/bin/python"
    monkeypatch.setattr(sys, "executable", python)
    typed("install", "--print")
    unit = place.home / "steward-own.service"
    unit.write_text(capsys.readouterr().out)
    assert f"Command {python} is not executable" in verified(unit, "--user")
    monkeypatch.setattr(sys, "executable", "/nowhere/a'quote/python")
    assert typed("install", "--print") == 2


@pytest.mark.slow
def test_the_command_of_the_unit_waits_its_turn_and_ends_well_when_told(place, capsys):
    typed("install", "--print")
    unit = settings(capsys.readouterr().out)
    env = dict(pair.split("=", 1) for line in unit["Environment"] for pair in decoded(line))
    argv = decoded(unit["ExecStart"][0].removeprefix(":"))
    (root,) = (one.replace("%%", "%") for one in unit["WorkingDirectory"])
    owner = Owner.take(open_workspace(place.root, os.environ).state, stays=True)
    assert owner is not None
    # What systemd gives a unit, and the switch that keeps tests without a memory process.
    given = {**environment({}), **env, "HOME": os.fspath(place.home), "PYTHONPATH": os.fspath(ROOT)}
    process = subprocess.Popen(
        argv, cwd=root, env=given, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    try:
        until(lambda: "waiting until it ends" in said(process), process)
        owner.release()
        until(lambda: "up:" in said(process), process)
        assert typed("status") == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, said(process)
        assert "down:" in said(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
    assert typed("status") == 1
