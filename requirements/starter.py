"""Put the starter workspace into the wheel, as `engine/starter/`.

The checkout is itself a workspace; `steward init` from an installed wheel copies the same files. An editable
install needs no copy. Letters never travel: of `vault/inbox` and `vault/outbox` only the empty folder does.
"""

import os
from collections.abc import Iterator
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STARTER = ("steward.yaml", "playbooks", "schemas", "vault", "notebooks")
EMPTY = ("vault/inbox", "vault/outbox")
NOT_PART = ("__pycache__", "__marimo__")


def starter_files(root: str) -> Iterator[str]:
    """Relative paths, with forward slashes, of everything a new workspace starts with."""
    for top in STARTER:
        if os.path.isfile(os.path.join(root, top)):
            yield top
        for at, folders, names in os.walk(os.path.join(root, top)):
            folders[:] = sorted(name for name in folders if name not in NOT_PART)
            here = os.path.relpath(at, root).replace(os.sep, "/")
            empty = any(here == place or here.startswith(place + "/") for place in EMPTY)
            for name in sorted(names):
                if not empty or (name == ".gitkeep" and here in EMPTY):
                    yield f"{here}/{name}"


class Starter(BuildHookInterface[Any]):
    """Adds the starter files to a real wheel, nothing to an editable one."""

    PLUGIN_NAME = "starter"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            build_data["force_include"] |= {
                os.path.join(self.root, path): f"engine/starter/{path}" for path in starter_files(self.root)
            }
