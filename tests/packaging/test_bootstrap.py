"""Bootstrap as a person meets it: nothing to do, nothing there, nobody answering, stopped half-way."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

FAKE_STEWARD = '#!/bin/sh\necho "steward $*"\n'
FAKE_PYTHON = "#!/bin/sh\necho called >> {calls}\nexit 99\n"


def run(checkout: Path, *args: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "bootstrap.py", *args]
    return subprocess.run(
        argv, cwd=checkout, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def pretend_installed(checkout: Path, *, dev: bool) -> Path:
    """Make a finished environment whose Python records every call: bootstrap must not need it."""
    calls = checkout.parent / "calls"
    binaries = checkout / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name, text in (("steward", FAKE_STEWARD), ("python", FAKE_PYTHON.format(calls=calls))):
        (binaries / name).write_text(text)
        (binaries / name).chmod(0o755)
    script = (
        "import bootstrap as b; "
        f"parts = b.wanted(dev={dev}); "
        "b.write_state({'made_for': b.identity(), 'done': {p.name: p.digest for p in parts}, 'begun': {}})"
    )
    subprocess.run([sys.executable, "-c", script], cwd=checkout, check=True)
    return calls


def test_the_second_run_costs_next_to_nothing_and_starts_no_process(checkout, outside):
    calls = pretend_installed(checkout, dev=False)
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = run(checkout, "demo", "--quick", env=outside)
    after, took = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - begun
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert (done.returncode, done.stdout, done.stderr) == (0, "steward demo --quick\n", "")
    assert not calls.exists()
    assert cpu < 0.5
    assert took < 2


def test_run_passes_everything_after_the_dashes(checkout, outside):
    pretend_installed(checkout, dev=False)
    done = run(checkout, "run", "--", "queue", "--all", env=outside)
    assert (done.returncode, done.stdout) == (0, "steward queue --all\n")


def test_what_runs_the_demo_is_not_enough_for_the_checks(checkout, outside):
    pretend_installed(checkout, dev=False)
    done = run(checkout, "test", env=outside)
    assert done.returncode == 1
    assert "checks and tests" in done.stderr
    assert "uv is not installed" in done.stderr


def test_without_git_it_says_so_and_touches_nothing(checkout, outside, tmp_path):
    done = run(checkout, "demo", env=outside | {"PATH": str(tmp_path / "empty")})
    assert done.returncode == 1
    assert "git is missing" in done.stderr
    assert "apt install git" in done.stderr
    assert not (checkout / ".venv").exists()


def test_an_old_python_is_told_which_one_it_takes(checkout, outside, tmp_path):
    (tmp_path / "bin").mkdir()
    newer = tmp_path / "bin" / "python3.12"
    newer.write_text("#!/bin/sh\n")
    newer.chmod(0o755)
    pretend = (
        "import runpy, sys, subprocess, signal; sys.version_info = (3, 9, 2, 'final', 0); "
        "sys.argv = ['bootstrap.py', 'demo']; runpy.run_path('bootstrap.py', run_name='__main__')"
    )
    for path, hint in (
        (str(tmp_path / "bin"), "Type: python3.12 bootstrap.py demo"),
        ("", "Install a newer one"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", pretend],
            cwd=checkout,
            env=outside | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "needs Python 3.11 or newer; this is 3.9" in done.stderr
        assert hint in done.stderr


@pytest.mark.parametrize(("argv", "code"), [((), 2), (("dmeo",), 2), (("--help",), 0)])
def test_an_unknown_command_gets_the_usage(checkout, outside, argv, code):
    done = run(checkout, *argv, env=outside)
    assert done.returncode == code
    assert "python3 bootstrap.py demo" in done.stdout + done.stderr
    assert not (checkout / ".venv").exists()


@pytest.mark.slow
def test_without_a_network_it_says_what_is_true_and_what_to_type(checkout, outside):
    for _ in range(2):  # the second try must not take the first one's leavings for an installation
        done = run(checkout, "demo", env=outside)
        assert done.returncode == 1
        assert "these parts go into .venv" in done.stderr
        assert "uv is not installed: the package index can't be reached" in done.stderr
        assert "Complete: nothing yet" in done.stderr
        assert "Type the same command again" in done.stderr
    state = json.loads((checkout / ".venv" / "steward.json").read_text())
    assert (list(state["done"]), list(state["begun"])) == ([], ["uv"])


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopping_leaves_no_child_and_nothing_that_looks_complete(checkout, outside, number, code):
    """An index that takes the call and never answers keeps pip waiting; then the person has enough."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        with subprocess.Popen(
            [sys.executable, "bootstrap.py", "demo"],
            cwd=checkout,
            env=outside | {"PIP_INDEX_URL": address},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            call, _ = silent.accept()
            with call:
                os.kill(process.pid, number)
                assert process.stderr is not None
                said = process.stderr.read().decode()
                assert process.wait(30) == code, said
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
    if number == signal.SIGINT:
        assert "stopped. Complete: nothing yet; the same command goes on from there" in said
    assert json.loads((checkout / ".venv" / "steward.json").read_text())["done"] == {}
