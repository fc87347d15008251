"""Published copies of the index: each in a folder of its own, `current` a link that is swapped, two older ones kept.

A copy carries the digests of its files; one whose files are others is not opened, and one is never written again.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.memory.model import digest
from engine.model.values.canonical_json import Json, decode, encode, sha256

_KEPT_BEFORE = 2
_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Generations:
    """The published copies in a folder."""

    folder: Path

    def publish(self, write: Callable[[Path], None], manifest: dict[str, Json]) -> Path:
        """Let `write` fill a new folder, and make it the current one."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        generations = self._all()
        number = int(generations[-1].name.removeprefix("gen")) + 1 if generations else 1
        generation = self.folder / f"gen{number:06d}"
        filling = self.folder / f"new-{number:06d}"
        shutil.rmtree(filling, ignore_errors=True)
        filling.mkdir(mode=0o700)
        write(filling)
        digests = {file.name: digest(file) for file in sorted(filling.iterdir())}
        body = encode({**manifest, "digests": digests})
        (filling / _MANIFEST).write_bytes(f"{sha256(body)}\n".encode() + body)
        filling.rename(generation)
        link = self.folder / "current.new"
        link.unlink(missing_ok=True)
        link.symlink_to(generation.name)
        os.replace(link, self.folder / "current")
        for old in generations[: -_KEPT_BEFORE or None]:
            shutil.rmtree(old, ignore_errors=True)
        return generation

    def current(self) -> tuple[Path, dict[str, Json]] | None:
        """The current copy and its manifest; None when there is none. Raises ValueError when it was altered or is not whole."""
        link = self.folder / "current"
        if not link.is_symlink():
            return None
        generation = self.folder / os.readlink(link)
        if (
            generation.parent != self.folder
            or not generation.name.startswith("gen")
            or generation.is_symlink()
        ):
            raise ValueError("it lies where it should not")
        try:
            recorded_digest, _, body = (generation / _MANIFEST).read_bytes().partition(b"\n")
            if recorded_digest.decode("ascii", "replace") != sha256(body):
                raise ValueError
            manifest = decode(body)
            digests = dict(manifest["digests"])
            there = {file.name for file in generation.iterdir()} - {_MANIFEST}
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError("its list of files was altered") from error
        if there != set(digests):
            raise ValueError("it holds other files than it was published with")
        for name, recorded_digest in digests.items():
            if (
                (generation / name).is_symlink()
                or not (generation / name).is_file()
                or digest(generation / name) != recorded_digest
            ):
                raise ValueError(f"its file {name} was altered")
        return generation, manifest

    def forget(self) -> None:
        """Throw every copy away."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _all(self) -> list[Path]:
        return sorted(
            folder
            for folder in self.folder.iterdir()
            if folder.name.startswith("gen") and folder.name[3:].isdigit()
        )
