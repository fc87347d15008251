"""Tests of a sabotaged copy, each time in a fork of one process that has loaded pytest and other people's libraries, and nothing of ours.

What a trial loads of the engine and of the tests is therefore the copy's, as it lies there at that moment. What the first trial loaded of
other people's code is loaded here for those after it.
"""

import contextlib
import gc
import importlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, Self

import pytest

OURS: Final = frozenset({"engine", "tests", "benchmarks", "bootstrap", "requirements", "__main__"})
_HEAVY: Final = frozenset({"txtai", "tokenizers", "dspy", "marimo"})
"""These bring threads, which no fork has."""
_PYTEST: Final = ("-q", "--tb=line", "-p", "no:cacheprovider", "-p", "engine.testing.plugin")
_REPORT: Final = "trial.json"
_OUTPUT: Final = "trial.txt"


@dataclass(frozen=True)
class Ended:
    """How a trial ended: the exit code, all output, and of failed tests the node id, the phase and the message."""

    code: int
    output: str
    failures: Sequence[tuple[str, str, str]]


class Trials:
    """The process that is forked from; it works in `folder`, a copy of the project."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self._folder = folder
        own = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.sabotage.trial"],
            cwd=folder,
            env={**own, "PYTHONPATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def tests(self, *nodes: str) -> Ended:
        """Run tests of the copy."""
        return self._run("pytest", [*_PYTEST, *nodes])

    def command(self, module: str, *words: str) -> Ended:
        """Call `main` of a module of the copy with words."""
        return self._run(module, words)

    def _run(self, module: str, words: Sequence[str]) -> Ended:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        report = self._folder / _REPORT
        report.unlink(missing_ok=True)
        self._process.stdin.write(json.dumps([module, *words]) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        output = (self._folder / _OUTPUT).read_text(encoding="utf-8", errors="replace")
        failures = json.loads(report.read_text(encoding="utf-8"))["failures"] if report.exists() else []
        return Ended(code, output, [(node, phase, message) for node, phase, message in failures])


# ---------------------------------------------------------------- the process's side


class _Failures:
    """A plugin of pytest that remembers what failed."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str]] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._add(report.nodeid, "collect", report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._add(report.nodeid, report.when, report)

    def _add(self, node: str, phase: str, report: Any) -> None:
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            self.rows.append((node, phase, crash.message if crash else report.longreprtext))


def _try(module: str, words: Sequence[str]) -> int:
    """In the child: the exit code."""
    failures = _Failures()
    if module == "pytest":
        code = int(pytest.main([*words], plugins=[failures]))
    else:
        code = importlib.import_module(module).main([*words])
    libraries = sorted(name for name in sys.modules if name.partition(".")[0] not in OURS | _HEAVY)
    report = {"failures": failures.rows, "libraries": libraries}
    Path(_REPORT).write_text(json.dumps(report), encoding="utf-8")
    return code


def _child(module: str, words: Sequence[str]) -> NoReturn:
    """A fork: everything it prints goes into a file."""
    output = os.open(_OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in enumerate((nothing, output, output)):
        os.dup2(source, target)
    code = 70
    try:
        code = _try(module, words)
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def _load() -> None:
    """What the first trial loaded of other people's code."""
    for name in json.loads(Path(_REPORT).read_text(encoding="utf-8"))["libraries"]:
        # Some names are made up by the library above them, and come with it.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    ours = [name for name in sys.modules if name.partition(".")[0] in OURS - {"tests", "__main__"}]
    assert not ours, f"{ours} must not be loaded in a process that is forked"
    gc.collect()
    gc.freeze()


def main() -> None:
    """Fork for every line, and answer how it ended."""
    loaded = False
    for line in sys.stdin:
        module, *words = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _child(module, words)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if not loaded and Path(_REPORT).exists():
            _load()
            loaded = True
        print(code, flush=True)


if __name__ == "__main__":
    main()
