"""The memory process's own start, and the client that finds or starts it: wired here, because notes are read by the language."""

import json
import os
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from engine.app.workspace.clock import present
from engine.app.workspace.workspace import Workspace
from engine.memory.client import MemoryClient, MemoryLocation
from engine.memory.model import find
from engine.model.definitions.settings import MemoryConfig
from engine.model.errors import PermanentError

OFF = "STEWARD_MEMORY"
"""Environment variable: `off` keeps everything to full text, and starts no process."""


def client(workspace: Workspace, env: Mapping[str, str], *, patience: float = 0.0) -> MemoryClient | None:
    """The memory of `workspace`; None when it is switched off or not installed. Starts nothing yet."""
    if env.get(OFF) == "off":
        return None
    try:
        find(workspace.config.memory)
    except PermanentError:
        return None
    place = MemoryLocation(
        root=workspace.root, state=workspace.state.path, config=workspace.config.memory, entry=__name__
    )
    return MemoryClient(place, now=lambda: present().timestamp(), patience=patience)


def main(settings: str) -> None:
    """Be the memory process of a workspace. `settings` is what the client wrote."""
    from engine.app.adapters.registry import front_matter
    from engine.memory.encoder import SentenceEncoder
    from engine.memory.server import MemoryServer, confine
    from engine.memory.service import MemoryService
    from engine.vault import GitTree

    options = json.loads(settings)
    config, state = MemoryConfig(**options["config"]), Path(options["state"])
    os.umask(0o077)
    confine(int(options["memory"]))
    keeper = MemoryService(
        folder=state / "memory", encoder=SentenceEncoder(find(config)), reading=front_matter,
        tree=lambda commit: closing(GitTree.named(Path(options["root"]), commit)),
    )  # fmt: skip
    MemoryServer(keeper, state=state, idle=float(options["idle"])).serve()


if __name__ == "__main__":
    main(sys.argv[-1])
