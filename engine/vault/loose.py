"""What git keeps as plain files, read without starting git: the id a ref names, an object that is in no pack.

Only what is sure to be git's own answer is answered. Packs, packed refs, alternates, linked work trees and other ref stores
are None here, and so is whatever is damaged: the caller then asks git.
"""

import hashlib
import re
import zlib
from pathlib import Path

_ID = re.compile(rb"(?:[0-9a-f]{40}|[0-9a-f]{64})\n")
_HEADER = re.compile(rb"(blob|commit) ([0-9]{1,12})\0")
_MAX_BYTES = 4_000_000
"""Larger objects are git's to read: an archive may say it is small and unpack to anything."""


def ref(git_dir: Path, name: str) -> str | None:
    """The object id in the file of a ref. `name` is whole (``refs/...``) and checked by the caller."""
    try:
        with (git_dir / name).open("rb") as file:
            content = file.read(100)
    except OSError:
        return None
    return content.decode().strip() if _ID.fullmatch(content) else None


def read(git_dir: Path, id_: str) -> tuple[str, bytes] | None:
    """(kind, bytes) of a blob or commit stored in a file of its own, checked against its id."""
    try:
        with (git_dir / "objects" / id_[:2] / id_[2:]).open("rb") as file:
            packed = file.read(_MAX_BYTES + 1)
        if len(packed) > _MAX_BYTES:
            return None
        plain = zlib.decompressobj().decompress(packed, _MAX_BYTES)
    except (OSError, zlib.error):
        return None
    header = _HEADER.match(plain)
    algorithm = "sha1" if len(id_) == 40 else "sha256"
    if header is None or hashlib.new(algorithm, plain, usedforsecurity=False).hexdigest() != id_:
        return None
    content = plain[header.end() :]
    return (header[1].decode(), content) if len(content) == int(header[2]) else None
