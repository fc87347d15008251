"""What the memory process keeps: the encoder and the vectors of texts."""

import hashlib
from pathlib import Path
from typing import Protocol

from engine.memory import wire
from engine.memory.vectors import VectorCache
from engine.model.canonical import Json
from engine.model.errors import PermanentError


class OneEncoder(Protocol):
    """An encoder that is loaded before it is asked."""

    @property
    def version(self) -> str:
        """Names the model's bytes."""

    def load(self) -> None:
        """Get ready. Raises PermanentError(code='no-memory')."""

    def encode_one(self, text: str) -> bytes:
        """The unit vector of a text, as little-endian float32."""


class Keeper:
    """Answers the memory process's requests. Any thread may call."""

    def __init__(self, *, folder: Path, encoder: OneEncoder, backend: str) -> None:
        self._folder, self._encoder, self.backend = folder, encoder, backend
        self.model = encoder.version

    def warm(self) -> None:
        """Load the model and open what is there."""
        self._encoder.load()
        self._examples = VectorCache(self._folder / "texts.db", version=self.model)

    def answer(self, op: str, request: dict[str, Json]) -> dict[str, Json]:
        """Carry out a request."""
        match op:
            case "encode":
                return {"vectors": wire.packed(self._encode(request["texts"], keep=bool(request["keep"])))}
            case "status":
                return {}
            case _:
                raise PermanentError(f"the memory process does no {op!r}", code="wrong-argument")

    def _encode(self, texts: list[str], *, keep: bool) -> tuple[bytes, ...]:
        if len(texts) > wire.MOST_TEXTS or not all(isinstance(one, str) for one in texts):
            raise ValueError(f"texts: up to {wire.MOST_TEXTS}")
        names = [hashlib.sha256(one.encode("utf-8", "replace")).hexdigest() for one in texts]
        known = self._examples.get(names) if keep else {}
        new = {}
        for name, text in zip(names, texts, strict=True):
            if name not in known:
                new[name] = known[name] = self._encoder.encode_one(text)
        if keep and new:
            self._examples.put(new)
        return tuple(known[name] for name in names)
