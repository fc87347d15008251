"""An encoder without a model: texts that share words have near vectors, the same on every machine. For tests only."""

import hashlib
import struct
from collections.abc import Sequence

from engine.model.errors import TransientError

_SIZE = 64


class HashEncoder:
    """Port Encoder. `asked` counts the texts it was given; for the first `warming` requests it can't answer yet."""

    def __init__(self, *, warming: int = 0, version: str = "hash-1") -> None:
        self.asked: list[str] = []
        self._warming, self._version = warming, version

    @property
    def version(self) -> str:
        """Names how vectors are made."""
        return self._version

    def encode(self, texts: Sequence[str]) -> tuple[bytes, ...]:
        """One unit vector a text. Raises TransientError(code='memory-warming') while it warms up."""
        if self._warming:
            self._warming -= 1
            raise TransientError("the encoder is warming up", code="memory-warming")
        self.asked += texts
        return tuple(_vector(text) for text in texts)


def _vector(text: str) -> bytes:
    sums = [0.0] * _SIZE
    for word in text.casefold().split() or [""]:
        data = hashlib.sha256(word.strip(".,;:?!").encode("utf-8", "surrogatepass")).digest() * 2
        for place in range(_SIZE):
            sums[place] += data[place] / 127.5 - 1
    length = sum(one * one for one in sums) ** 0.5 or 1.0
    return struct.pack(f"<{_SIZE}f", *(one / length for one in sums))
