"""Resolves secret references for the broker. Values never leave this room but through a connector's own call.

``env``: the environment of the command that runs. ``keyring``: what `steward secrets set` sealed in the workspace's own store, then
the system's keyring, where the Python package `keyring` is installed (service ``steward``, the secret's name as the user).
``op``: 1Password's command line, which reads ``op://Steward/NAME/credential``.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from engine.model.errors import PermanentError

SERVICE = "steward"
"""Under which service the system's keyring is asked."""

OP_SECONDS = 20.0
"""How long 1Password may take, a person's fingerprint included."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_MAX = 64_000


def wanting(name: str, order: tuple[str, ...]) -> str:
    """How an operator makes a secret findable. What `steward secrets set` keeps is looked at only where `keyring` is listed."""
    if "keyring" in order:
        return f"steward secrets set {name}"
    if "env" in order:
        return f"set {name} in the environment of the command, or list keyring under secrets: in steward.yaml"
    return f"keep {name} in 1Password, or list keyring under secrets: in steward.yaml"


class SecretResolver:
    """The Secrets port over the resolvers named in steward.yaml, in order. `store` is the workspace's own sealed one."""

    def __init__(
        self,
        *,
        order: tuple[str, ...],
        env: Mapping[str, str],
        store: Mapping[str, str],
        patience: float = OP_SECONDS,
    ) -> None:
        self._order = order
        self._env = env
        self._store = store
        self._patience = patience

    def secret(self, name: str) -> str:
        """The value. Raises PermanentError(code='secret-missing'), whose message says why a resolver could not be asked."""
        why: list[str] = []
        for source in self._order:
            if value := self._ask(source, name, why):
                return value
        reasons = f" ({'; '.join(why)})" if why else ""
        raise PermanentError(
            f"the secret {name} is nowhere to be found: looked in {', '.join(self._order)}{reasons}",
            code="secret-missing",
            now_true="Nothing was sent.",
            way_out=wanting(name, self._order),
        )

    def where(self, name: str) -> str:
        """Which resolver has it, without its value; empty when none has."""
        return next((source for source in self._order if self._ask(source, name, [])), "")

    def _ask(self, source: str, name: str, why: list[str]) -> str:
        if not _NAME.fullmatch(name):
            return ""
        match source:
            case "env":
                return self._env.get(name, "")
            case "keyring":
                return self._store.get(name, "") or _from_keyring(name, why)
            case "op":
                return self._from_op(name, why)
            case _:
                return ""

    def _from_op(self, name: str, why: list[str]) -> str:
        program = shutil.which("op", path=self._env.get("PATH", os.defpath))
        if program is None:
            why.append("op: 1Password's command line is not installed")
            return ""
        command = [program, "read", "--no-newline", f"op://Steward/{name}/credential"]
        try:
            # No shell: the program by its path, and one argument made of a name that holds letters, digits and _ only.
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=dict(self._env),
                timeout=self._patience,
                check=False,
            )
        except subprocess.TimeoutExpired:
            why.append(f"op: no answer in {self._patience:g} s")
            return ""
        except OSError as error:
            why.append(f"op: it can't be run ({error.strerror})")
            return ""
        if done.returncode != 0:
            # What it prints may name accounts and vaults; the exit code is enough to look further.
            why.append(f"op: exit code {done.returncode}; try `op read op://Steward/{name}/credential`")
            return ""
        if len(done.stdout) > _MAX:
            why.append("op: it answered more than a secret can be")
            return ""
        return done.stdout.decode("utf-8", "replace").rstrip("\r\n")


def _from_keyring(name: str, why: list[str]) -> str:
    try:
        keyring: Any = import_module("keyring")
        errors: Any = import_module("keyring.errors")
    except ImportError:
        why.append("keyring: the system's keyring needs the Python package `keyring`")
        return ""
    try:
        return str(keyring.get_password(SERVICE, name) or "")
    except errors.KeyringError as error:
        why.append(f"keyring: it can't be read ({type(error).__name__})")
        return ""
