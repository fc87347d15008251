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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.sabotage.trial import Trials
from tests.warm import UNLOADED

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
    """The tracked files, as they lie here, and what Python compiled of them already."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for place in ("engine", "tests"):
        for source in (ROOT / place).rglob("__pycache__"):
            target = folder / source.relative_to(ROOT)
            if target.parent.is_dir():
                shutil.copytree(source, target)
    return folder


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


@pytest.fixture(scope="module")
def trials(copy):
    with Trials(copy, **{UNLOADED: "1"}) as process:
        yield process


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
def test_the_named_tests_notice(copy, trials, patch):
    sabotage = Sabotage.of(patch)
    with patched(copy, patch):
        ended = trials.tests(*sabotage.fails)
    assert ended.code == pytest.ExitCode.TESTS_FAILED, ended.output
    assert sorted(node for node, _, _ in ended.failures) == sorted(sabotage.fails), ended.output
    by_assertion = [phase == "call" and _ASSERTED.search(message) for _, phase, message in ended.failures]
    assert all(by_assertion), ended.output


@pytest.mark.slow
def test_the_kill_harness_notices_a_key_that_is_drawn_anew(copy, trials):
    """The planted positive: the harness that reports no duplicates reports them where there are some."""
    with patched(copy, Path(__file__).parent / "random-key.patch"):
        ended = trials.command("tests.campaigns.killing", "--once")
    assert ended.code == 1, ended.output
    assert "duplicate:" in ended.output


@pytest.mark.slow
def test_the_kill_harness_finds_nothing_in_the_same_story_as_it_is(trials):
    ended = trials.command("tests.campaigns.killing", "--once")
    assert ended.code == 0, ended.output
