"""Real git repositories in a temporary place, with no configuration of the machine's or the person's."""

import os
import subprocess
from pathlib import Path

import pytest


def git(root: Path, *words: str, feed: str = "") -> str:
    """Plain git, as an operator would run it."""
    env = {
        "PATH": os.environ["PATH"], "HOME": str(root.parent), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "Anna", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "Anna",
        "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000",
    }  # fmt: skip
    done = subprocess.run(
        ["git", *words], cwd=root, env=env, input=feed, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def write(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


FILES = {"steward.yaml": "id: w\n", "playbooks/a.yaml": "name: a\n", "vault/sops/b-ü.md": "# B\n"}


@pytest.fixture
def repo(tmp_path) -> Path:
    root = tmp_path / "workspace"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    write(root, FILES)
    git(root, "add", "-A")
    git(root, "commit", "--quiet", "-m", "first")
    return root
