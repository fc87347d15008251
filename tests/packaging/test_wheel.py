"""The wheel as a stranger gets it: in an empty environment, from an empty folder, without this checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

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
    """The installed command, in an environment of its own that borrows the other packages from this one."""
    room = tmp_path_factory.mktemp("empty")
    uv = shutil.which("uv") or Path(sys.executable).with_name("uv" + bootstrap.EXE)
    command(uv, "venv", "--quiet", "--python", sys.executable, room / "env")
    into = room / "env" / ("Scripts" if bootstrap.WINDOWS else "bin")
    python = into / f"python{bootstrap.EXE}"
    command(uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, wheel)
    (packages,) = command(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").split()
    # Found after the wheel's own; what is editable there is not followed.
    (Path(packages) / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
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
    assert {name.split("/")[0].split("-")[0] for name in names} == {"engine", "stewardry"}
    assert not [name for name in names if "__pycache__" in name]
    assert {"engine/py.typed", "engine/memory/weights.txt"} <= names


def test_the_wheel_asks_for_what_the_project_says_and_for_no_weights(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(path).decode())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = metadata.get_all("Requires-Dist") or []
    assert {Requirement(one).name for one in asked} == {
        Requirement(one).name for one in project["dependencies"]
    }
    assert metadata["Name"] == "stewardry"


def test_it_is_the_wheel_that_runs_and_no_checkout(steward):
    assert command(
        steward.with_name(f"python{bootstrap.EXE}"), "-P", "-c", "import engine; print(engine.__file__)"
    ).count("env")


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


def test_the_demo_runs_from_the_wheel(steward, stranger, tmp_path):
    output = command(steward, "demo", cwd=tmp_path, env=stranger)
    assert output.strip()
