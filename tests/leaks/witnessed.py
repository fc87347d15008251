"""A command that the witness watches from its first moment, though its process had begun before."""

import runpy
from pathlib import Path


def main(words: list[str]) -> int:
    """As a Python that finds the witness on its path."""
    runpy.run_path(str(Path(__file__).parent / "witness" / "sitecustomize.py"))
    from engine.cli.main import main as command

    return command(words)
