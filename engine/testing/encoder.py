"""An encoder for tests: vectors from digests of words, instantly, and a list of every text it was asked for."""

import hashlib
import math
import re
import struct
from collections.abc import Sequence

_SIZE = 64
_WORD = re.compile(r"\w+")


class HashEncoder:
    """Keeps the contract of the real one: unit vectors of little-endian float32, each of its text alone. Texts that share words are near."""

    def __init__(self, version: str = "hash:1") -> None:
        self._version = version
        self.encoded: list[str] = []

    @property
    def version(self) -> str:
        """As given."""
        return self._version

    def load(self) -> None:
        """Nothing to load."""

    def encode(self, texts: Sequence[str]) -> tuple[bytes, ...]:
        """The vector of a text is the sum of one direction for each of its words."""
        return tuple(map(self._vector, texts))

    def _vector(self, text: str) -> bytes:
        self.encoded.append(text)
        sums = [0.0] * _SIZE
        for word in [*_WORD.findall(text.casefold()), f"\0{len(text)}"]:
            for place, byte in enumerate(hashlib.sha512(word.encode("utf-8", "replace")).digest()):
                sums[place] += byte - 127.5
        length = math.sqrt(sum(number * number for number in sums))
        return struct.pack(f"<{_SIZE}f", *(number / length for number in sums))
