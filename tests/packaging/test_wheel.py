"""The wheel as a stranger gets it: in an empty environment, from an empty folder, without this checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import bootstrap
from requirements import starter
from tests.meta.sources import ROOT

pytestmark = pytest.mark.slow


def command(*argv: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run to the end; on failure show what it said."""
    done = subprocess.run(
        [str(a) for a in argv],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, (
        f"{argv} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    )
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def steward(wheel, tmp_path_factory) -> Path:
    """The installed command. Its dependencies come from the wheel's own metadata, at the locked versions."""
    room = tmp_path_factory.mktemp("empty")
    uv = Path(sys.executable).with_name("uv" + bootstrap.EXE)
    lines = (ROOT / "requirements" / "core.txt").read_text().splitlines()
    (room / "versions.txt").write_text(
        "\n".join(line.rstrip(" \\") for line in lines if "--hash" not in line)
    )
    env = dict(os.environ) | bootstrap.uv_environment(bootstrap.pip_settings(sys.executable))
    command(uv, "venv", "--quiet", "--python", sys.executable, room / "env", env=env)
    into = room / "env" / ("Scripts" if bootstrap.WINDOWS else "bin")
    argv = [
        uv,
        "pip",
        "install",
        "--python",
        into / f"python{bootstrap.EXE}",
        "-c",
        room / "versions.txt",
        wheel,
    ]
    command(*argv, env=env)
    return into / f"steward{bootstrap.EXE}"


@pytest.fixture
def stranger(tmp_path) -> dict[str, str]:
    """An environment without a home, a checkout or a git identity."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LANG") if name in os.environ}
    return kept | {"HOME": str(tmp_path / "home"), "XDG_STATE_HOME": str(tmp_path / "state"), "TERM": "dumb"}


def test_the_wheel_carries_the_starter_and_nothing_else_of_the_checkout(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    carried = {name.removeprefix("engine/starter/") for name in names if name.startswith("engine/starter/")}
    assert carried == set(starter.starter_files(str(ROOT)))
    assert {name.split("/")[0].split("-")[0] for name in names} == {"engine", "steward_cli"}
    assert not [name for name in names if "__pycache__" in name]


def test_letters_lying_in_the_inbox_stay_at_home(tmp_path):
    for path in ("vault/inbox/leads", "vault/outbox", "vault/sops", "playbooks/__pycache__"):
        (tmp_path / path).mkdir(parents=True)
    for path in ("vault/inbox/.gitkeep", "vault/inbox/leads/a.eml", "vault/outbox/b.eml", "vault/sops/c.md"):
        (tmp_path / path).touch()
    (tmp_path / "playbooks" / "__pycache__" / "x.pyc").touch()
    assert list(starter.starter_files(str(tmp_path))) == ["vault/inbox/.gitkeep", "vault/sops/c.md"]


def test_it_says_its_version(steward, stranger, tmp_path):
    version = (ROOT / "engine" / "__init__.py").read_text().split('"')[-2]
    assert version in command(steward, "--version", cwd=tmp_path, env=stranger)


def test_init_makes_a_workspace_in_an_empty_folder(steward, stranger, tmp_path):
    folder = tmp_path / "company"
    command(steward, "init", folder, "--email", "robin@example.com", cwd=tmp_path, env=stranger)
    assert (folder / "steward.yaml").is_file()
    assert command("git", "-C", folder, "rev-parse", "--is-inside-work-tree").strip() == "true"
    tracked = command("git", "-C", folder, "ls-files").split("\n")
    assert "steward.yaml" in tracked
    assert [path for path in tracked if path.startswith("playbooks/")]
    assert command("git", "-C", folder, "status", "--porcelain") == ""


def test_the_demo_runs_without_the_heavy_half(steward, stranger, tmp_path):
    output = command(steward, "demo", cwd=tmp_path, env=stranger)
    assert output.strip()
