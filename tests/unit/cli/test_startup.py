"""What starting costs: nothing heavy is imported, and the CPU ceilings hold."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "txtai", "tokenizers", "dspy", "litellm", "duckdb", "marimo", "watchdog", "networkx", "jsonschema",
    "fpdf", "yaml", "markdown_it", "numpy", "rich", "shtab", "starlette", "uvicorn",
}  # fmt: skip
_LIST = "import sys; from engine.cli.main import main\ntry:\n    code = main({args!r})\nexcept SystemExit as e:\n    code = e.code\nprint('MODULES', *sorted({{m.partition('.')[0] for m in sys.modules}}))\nsys.exit(code)"


def imported(args: list[str], cwd: Path, env: dict[str, str]) -> set[str]:
    """Top-level modules a command has imported when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", _LIST.format(args=args)],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return set(next(one for one in done.stdout.splitlines() if one.startswith("MODULES")).split()[1:])


def cpu(args: list[str], cwd: Path, env: dict[str, str]) -> float:
    """Least user and system seconds of three runs of a command."""
    found = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "engine.cli.main", *args],
            cwd=cwd,
            env=env,
            capture_output=True,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return min(found)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment with its own home."""
    root = str(Path(__file__).resolve().parents[3])
    return {
        **os.environ,
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "PYTHONPATH": root,
    }


@pytest.fixture
def workspace(tmp_path: Path, env: dict[str, str]) -> Path:
    """A new workspace made by the command."""
    subprocess.run(
        [sys.executable, "-m", "engine.cli.main", "init", "w", "--email", "robin@example.com"],
        cwd=tmp_path,
        env=env,
        check=True,
        capture_output=True,
    )
    return tmp_path / "w"


def test_help_imports_nothing_heavy_and_is_quick(tmp_path: Path, env: dict[str, str]) -> None:
    """Under 150 ms of CPU, with twice that as the ceiling here."""
    assert imported(["--help"], tmp_path, env) & HEAVY == set()
    assert cpu(["--help"], tmp_path, env) < 0.3


def test_an_unchanged_check_is_answered_from_the_cache(workspace: Path, env: dict[str, str]) -> None:
    """No compiler is imported the second time; under 150 ms of CPU, with twice that as the ceiling here."""
    imported(["check"], workspace, env)
    assert imported(["check"], workspace, env) & HEAVY == set()
    assert cpu(["check"], workspace, env) < 0.3


@pytest.mark.parametrize("verb", [["queue"], ["status"], ["verify"]])
def test_looking_imports_nothing_heavy(verb: list[str], workspace: Path, env: dict[str, str]) -> None:
    """Only YAML, to learn which branch is deployed."""
    assert imported(verb, workspace, env) & HEAVY <= {"yaml"}


@pytest.mark.parametrize("verb", [["log"], ["costs"]])
def test_asking_the_past_imports_nothing_heavy_but_the_history(
    verb: list[str], workspace: Path, env: dict[str, str]
) -> None:
    """A tenth of a second, so that a long past costs no more than a short one."""
    assert imported(verb, workspace, env) & HEAVY <= {"yaml", "duckdb"}


@pytest.mark.parametrize(
    "args", [["nonsense"], ["run", "a", "b"], ["explain", "SW999"], ["show", "ZZZZ"], ["plan", "nothing"]]
)
def test_a_wrong_command_says_what_to_type_and_exits_with_2(
    args: list[str], workspace: Path, env: dict[str, str]
) -> None:
    """Usage, never a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "engine.cli.main", *args],
        cwd=workspace,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "steward" in done.stderr
