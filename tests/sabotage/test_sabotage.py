"""Real bugs, put into a copy of the code one at a time: every test that a patch names must fail in it, by assertion.

A patch begins with what it does in words, then ``Fails:`` lines (node ids); those tests run in the copy. That they pass without the patch is
what the rest of the suite says. A patch that no longer applies is a failure, too: then nobody knows any more whether the tests would notice.
"""

import contextlib
import itertools
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATCHES = sorted(Path(__file__).parent.glob("*.patch"))
_ASSERTED = re.compile(
    r"AssertionError|assert |Failed: DID NOT RAISE|DID NOT RAISE|E\s+assert|subprocess.CalledProcessError"
)


@dataclass(frozen=True)
class Sabotage:
    """What a patch says of itself."""

    what: str
    fails: tuple[str, ...]

    @classmethod
    def of(cls, patch: Path) -> "Sabotage":
        head = patch.read_text(encoding="utf-8").partition("\ndiff --git ")[0]
        fails = tuple(re.findall(r"(?m)^Fails: (\S.*)$", head))
        return cls(head.partition("\n")[0], fails)


def copied(folder: Path) -> Path:
    """The tracked files, as they lie here."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return folder


@dataclass(frozen=True)
class Result:
    """How the tests of a copy ended, by node id; `broken` are those that didn't get as far as an assertion."""

    failed: frozenset[str]
    broken: tuple[str, ...]


def tried(folder: Path, tests: tuple[str, ...]) -> Result:
    """Run tests in a copy."""
    report = folder / "report.xml"
    report.unlink(missing_ok=True)
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n0",
        "-p",
        "no:cacheprovider",
        "-o",
        "junit_family=xunit1",
        f"--junitxml={report}",
    ]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    done = subprocess.run(
        [*argv, *tests],
        cwd=folder,
        env={**env, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if not report.exists():
        return Result(frozenset(), (done.stdout[-2000:] + done.stderr[-2000:],))
    failed, broken = set(), []
    for case in ET.parse(report).getroot().iter("testcase"):
        node = f"{case.get('file')}::{case.get('name')}"
        failure, error = case.find("failure"), case.find("error")
        if error is not None:
            broken.append(f"{node}: {error.get('message')}")
        elif failure is not None:
            failed.add(node)
            if not _ASSERTED.search(failure.get("message") or ""):
                broken.append(f"{node}: {failure.get('message')}")
    return Result(frozenset(failed), tuple(broken))


def test_there_are_at_least_ten_and_each_names_its_tests():
    assert len(PATCHES) >= 10
    for patch in PATCHES:
        said = Sabotage.of(patch)
        assert said.what, patch.name
        assert said.fails, patch.name


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """One copy for all patches: what Python compiled of the rest of the code is still there for the next."""
    return copied(tmp_path_factory.mktemp("sabotage") / "copy")


@contextlib.contextmanager
def patched(folder: Path, patch: Path) -> Iterator[None]:
    """The copy with a patch; without it afterwards.

    Every change has a time of its own: Python tells a stale compiled file by size and whole seconds.
    """

    def apply(*words: str) -> None:
        done = subprocess.run(
            ["git", "apply", "-C1", *words, patch], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{patch.name} no longer applies:\n{done.stderr}"
        for name in re.findall(r"(?m)^\+\+\+ b/(\S+)$", patch.read_text(encoding="utf-8")):
            moment = next(_MOMENTS)
            os.utime(folder / name, (moment, moment))

    apply()
    try:
        yield
    finally:
        apply("-R")


_MOMENTS = itertools.count(1_000_000_000)


@pytest.mark.slow
@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_the_named_tests_notice(copy, patch):
    sabotage = Sabotage.of(patch)
    with patched(copy, patch):
        result = tried(copy, sabotage.fails)
    assert result.broken == ()
    assert sorted(result.failed) == sorted(sabotage.fails)


@pytest.mark.slow
def test_the_kill_harness_notices_a_key_that_is_drawn_anew(copy):
    """The planted positive: the harness that reports no duplicates reports them where there are some."""
    with patched(copy, Path(__file__).parent / "random-key.patch"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.campaigns.killing", "--once"],
            cwd=copy, env={**os.environ, "PYTHONPATH": str(copy)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "duplicate:" in done.stdout, done.stdout


@pytest.mark.slow
def test_the_kill_harness_finds_nothing_in_the_same_story_as_it_is():
    done = subprocess.run(
        [sys.executable, "-m", "tests.campaigns.killing", "--once"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
