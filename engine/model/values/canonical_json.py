"""One byte form for JSON data, so that a digest names a value and not its layout."""

import hashlib
import json
from typing import Any, TypeAlias

Json: TypeAlias = Any
"""JSON data: None, bool, int, float, str, list of Json, dict of str to Json."""


def encode(value: Json) -> bytes:
    """The canonical bytes of `value`: UTF-8, sorted keys, no white space. NaN raises ValueError."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def decode(encoded: bytes) -> Json:
    """The value that `encode` wrote."""
    return json.loads(encoded)


def sha256(content: bytes) -> str:
    """Lower-case hex SHA-256 of `content` (64 characters)."""
    return hashlib.sha256(content).hexdigest()


def name_of(value: Json) -> str:
    """SHA-256 of the canonical bytes: the name of immutable data."""
    return sha256(encode(value))
