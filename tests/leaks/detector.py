"""Finds a planted text in bytes, however it was written down, and in every place a run leaves bytes behind."""

import base64
import gzip
import json
import os
import quopri
import re
import subprocess
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

_BREAKS = re.compile(rb"\s+")
_SOFT = re.compile(rb"=\r?\n")
_WORD = re.compile(rb"=\?[\w-]+\?([QqBb])\?([^?\s]*)\?=")
_BETWEEN = re.compile(rb"\?=\s+=\?")
_FOLDS = re.compile(rb"\r?\n[ \t]+")


@dataclass(frozen=True, order=True)
class Find:
    """A planted text that lies somewhere: where, how it was written, and whose it was."""

    place: str
    how: str
    needle: str


def _utf8(text: str) -> list[bytes]:
    return [text.encode()]


def _base64(text: str) -> list[bytes]:
    """As it looks inside a longer base64 text, at each of the three places it may begin; without the edges, which depend on neighbours."""
    found = []
    for ahead in range(3):
        whole = base64.b64encode(b"\0" * ahead + text.encode()).rstrip(b"=")
        first = -(-ahead * 8 // 6)  # digits that hold a bit of what stands before
        last = len(whole) - (1 if (ahead + len(text.encode())) % 3 else 0)
        found.append(whole[first:last])
    return found + [one.translate(bytes.maketrans(b"+/", b"-_")) for one in found]


def _hex(text: str) -> list[bytes]:
    digits = text.encode().hex()
    return [digits.encode(), digits.upper().encode()]


def _url(text: str) -> list[bytes]:
    every = "".join(f"%{byte:02X}" for byte in text.encode())
    return [
        quote(text, safe="").encode(),
        quote(text, safe="").lower().encode(),
        every.encode(),
        every.lower().encode(),
    ]


def _printable(text: str) -> list[bytes]:
    """Quoted-printable: what is plain stays, or everything is written as codes, or spaces as underscores (RFC 2047)."""
    some = "".join(chr(b) if 33 <= b <= 126 and b != 61 else f"={b:02X}" for b in text.encode())
    kept = "".join(chr(b) if 32 <= b <= 126 and b != 61 else f"={b:02X}" for b in text.encode())
    every = "".join(f"={b:02X}" for b in text.encode())
    return [
        one.encode()
        for one in (some, kept, every, kept.replace(" ", "_"), kept.replace("_", "=5F").replace(" ", "_"))
    ]


def _utf16(text: str) -> list[bytes]:
    return [text.encode("utf-16-le"), text.encode("utf-16-be")]


def _escaped(text: str) -> list[bytes]:
    return [
        json.dumps(text)[1:-1].encode(),
        "".join(f"\\u{ord(c):04x}" for c in text).encode(),
        repr(text.encode())[2:-1].encode(),
    ]


ENCODINGS: dict[str, Callable[[str], list[bytes]]] = {
    "raw": _utf8,
    "base64": _base64,
    "hex": _hex,
    "url": _url,
    "quoted-printable": _printable,
    "utf-16": _utf16,
    "escaped": _escaped,
}


def _views(data: bytes) -> Iterator[bytes]:
    """The bytes as they lie, and as a reader of mail or text would join them: folds, soft breaks and white space taken out."""
    yield data
    yield _SOFT.sub(b"", data)
    yield _FOLDS.sub(b" ", data)
    yield _BREAKS.sub(b"", data)
    yield data.lower()
    if b"=?" in data:
        joined = _BETWEEN.sub(b"?==?", _FOLDS.sub(b" ", data))
        yield _WORD.sub(_decoded, joined)


def _decoded(word: re.Match[bytes]) -> bytes:
    """One encoded word of a header (RFC 2047) as it reads."""
    how, text = word[1].lower(), word[2]
    if how == b"q":
        return quopri.decodestring(text, header=True)
    try:
        return base64.b64decode(text)
    except ValueError:
        return text


def search(data: bytes, needle: str) -> list[str]:
    """The names of the encodings in which `needle` stands in `data`; also inside zlib and gzip streams."""
    found = []
    views = list(_views(data))
    for name, encode in ENCODINGS.items():
        patterns = {one for one in encode(needle) if len(one) >= 8}
        patterns |= {
            _BREAKS.sub(b"", one) for one in patterns if name in {"raw", "base64", "quoted-printable"}
        }
        if any(pattern in view for pattern in patterns for view in views):
            found.append(name)
    found += [f"zlib/{name}" for one in _unpacked(data) if one for name in search(one, needle)]
    return found


def _unpacked(data: bytes) -> Iterator[bytes]:
    """What can be unpacked: the whole as gzip or zlib, and the streams of a PDF."""
    for inflate in (gzip.decompress, zlib.decompress):
        try:
            yield inflate(data)
        except (OSError, zlib.error, EOFError):
            continue
    for match in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL):
        try:
            yield zlib.decompress(match[1])
        except zlib.error:
            continue


def leaks(artefacts: Iterator[tuple[str, bytes]], needles: dict[str, str]) -> set[Find]:
    """Every find of every needle (name → text) in every artefact (place, bytes)."""
    return {
        Find(place, how, name)
        for place, data in artefacts
        for name, text in needles.items()
        for how in search(data, text)
    }


# ---------------------------------------------------------------- places


def below(folder: Path, name: str) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder, with its own path as an artefact, too: a name can give away as much as a content."""
    for path in sorted(folder.rglob("*")):
        place = f"{name}/{path.relative_to(folder).as_posix()}"
        yield f"{place} (its name)", os.fsencode(path.relative_to(folder))
        if path.is_file() and not path.is_symlink():
            yield place, path.read_bytes()


def git_objects(root: Path) -> Iterator[tuple[str, bytes]]:
    """Every object of a repository, unpacked, reachable or not, and everything else git keeps."""
    argv = ["git", "-C", os.fspath(root), "cat-file", "--batch", "--batch-all-objects"]
    out = subprocess.run(argv, capture_output=True, check=True).stdout
    at = 0
    while at < len(out):
        end = out.index(b"\n", at)
        sha, kind, size = out[at:end].decode().split()
        yield f"git object {kind} {sha[:8]}", out[end + 1 : end + 1 + int(size)]
        at = end + 2 + int(size)
    for place, data in below(root / ".git", "git"):
        if "/objects/" not in place:
            yield place, data


def witnessed(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What the witness wrote down: command lines, environments of children, files that were removed again."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            kind = path.relative_to(folder).parts[0]
            yield f"{kind} {path.name}", path.read_bytes()
