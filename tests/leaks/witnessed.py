"""Commands that the witness watches: forked, from their first moment; or begun anew, with their own command line."""

import os
import runpy
from pathlib import Path

from tests import warm


def main(words: list[str]) -> int:
    """As a Python that finds the witness on its path, though the process had begun before."""
    runpy.run_path(str(Path(__file__).parent / "witness" / "sitecustomize.py"))
    from engine.cli.main import main as command

    return command(words)


def anew(words: list[str]) -> int:
    """As typed: the process becomes the command from its very start, on the same terminal."""
    os.execv(warm.COLD[0], [*warm.COLD, *words])
