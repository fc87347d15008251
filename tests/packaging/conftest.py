"""A bare checkout with only what the installer reads, and a room without this machine's settings."""

import os
import shutil
from pathlib import Path

import pytest

import bootstrap
from tests.meta.sources import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of the project as bootstrap looks at, in a folder of its own."""
    folder = tmp_path / "checkout"
    (folder / "engine").mkdir(parents=True)
    for name in ("bootstrap.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("__init__.py", "memory/weights.txt"):
        (folder / "engine" / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "engine" / name, folder / "engine" / name)
    shutil.copytree(
        ROOT / "requirements", folder / "requirements", ignore=shutil.ignore_patterns("__pycache__")
    )
    return folder


@pytest.fixture
def outside(tmp_path: Path) -> dict[str, str]:
    """An environment without uv, that knows no package index but one nobody answers at."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LANG") if name in os.environ}
    places = [
        place for place in kept["PATH"].split(os.pathsep) if not (Path(place) / f"uv{bootstrap.EXE}").exists()
    ]
    return kept | {
        "PATH": os.pathsep.join(places),
        "HOME": str(home),
        "USERPROFILE": str(home),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/nothing",
        "PIP_RETRIES": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
