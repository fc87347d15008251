"""The workspace's own sealed secrets, and the order in which all secrets are looked up."""

import json
import os
from collections.abc import Iterator, Mapping

from engine.app.workspace.clock import present_stamp
from engine.app.workspace.workspace import Workspace
from engine.governance.secrets import SecretResolver
from engine.ledger import Keys

_STORE, _CHANGED = "secrets", "secrets-changed"


class SealedSecrets(Mapping[str, str]):
    """Name → value, as they are at each look: a password that is set while the engine is up counts from then on."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def __getitem__(self, name: str) -> str:
        return self._now()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def _now(self) -> dict[str, str]:
        stored: dict[str, str] = json.loads(self._keys.get_secret(_STORE) or b"{}")
        return stored


def keep(keys: Keys, name: str, value: str, *, now: str = "") -> None:
    """Keep a secret, sealed, in place of what was there under its name, and since when: `now` is a stamp, the present one by default."""
    keys.put_secret(_STORE, json.dumps({**SealedSecrets(keys), name: value}).encode())
    keys.put_secret(_CHANGED, json.dumps({**changes(keys), name: now or present_stamp()}).encode())


def changes(keys: Keys) -> dict[str, str]:
    """Name → when a secret was last set here, as a stamp. One that an earlier version kept has none."""
    changed: dict[str, str] = json.loads(keys.get_secret(_CHANGED) or b"{}")
    return changed


def resolver(workspace: Workspace, keys: Keys) -> SecretResolver:
    """Where this workspace's secrets are looked up, as long as `keys` are open."""
    return SecretResolver(order=workspace.config.secrets, env=os.environ, store=SealedSecrets(keys))
