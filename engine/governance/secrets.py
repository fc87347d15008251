"""Resolves secret references for the broker. Values never leave this room but through a connector's own call."""

from collections.abc import Mapping

from engine.model.errors import PermanentError


class Resolver:
    """The Secrets port over the resolvers named in steward.yaml, in order.

    ``keyring`` here is the workspace's own sealed store (`steward secrets set`); ``env`` the environment of the command that runs.
    """

    def __init__(self, *, order: tuple[str, ...], env: Mapping[str, str], store: Mapping[str, str]) -> None:
        self._sources = {"env": env, "keyring": store}
        self._order = order

    def secret(self, name: str) -> str:
        """The value. Raises PermanentError(code='secret-missing')."""
        for source in self._order:
            if found := self._sources.get(source, {}).get(name):
                return found
        raise PermanentError(
            f"the secret {name} is nowhere to be found",
            code="secret-missing",
            now_true="Nothing was sent.",
            way_out=f"steward secrets set {name}",
        )

    def where(self, name: str) -> str:
        """Which resolver has it, without its value; empty when none has."""
        return next((source for source in self._order if self._sources.get(source, {}).get(name)), "")
