"""The command where no file may grow past a limit, which stands for a full disk: `main([LIMIT in bytes, *words])`."""

import resource
from collections.abc import Sequence

from engine.cli.main import main as steward


def main(words: Sequence[str]) -> int:
    """The command's exit code."""
    limit = int(words[0])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return steward([*words[1:]])
