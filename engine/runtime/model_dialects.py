"""How an endpoint wants to be asked: what it refused once is learned from the refusal, kept in the state folder, and not said again.

Endpoints of one protocol differ: some refuse a temperature, some know one name for the longest answer and some the other, some take no
system role. The file is a cache: without it each is learned again.
"""

import json
import os
import re
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from engine.model.values.canonical_json import Json

LENGTHS = ("max_completion_tokens", "max_tokens")
"""The names for the longest answer, in the order in which they are tried."""
_FILE = "dialects.json"
_MAX_BYTES = 1_000_000
_SYSTEM = re.compile(
    r"system (?:role|message|prompt|instruction)s?\b.{0,60}\bnot (?:supported|enabled|allowed)|\bnot support\b.{0,40}\b(?:system|developer)"
    r"|['\"`]?system['\"`]? (?:role )?(?:is )?not supported|unknown role:? ['\"`]?system",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """`length`: the name under which the longest answer is said. `cold`: a temperature is taken. `system`: so is a system role."""

    length: str = LENGTHS[0]
    cold: bool = True
    system: bool = True

    @property
    def differences(self) -> tuple[str, ...]:
        """What it does not take, in words."""
        return (
            *(() if self.cold else ("takes no temperature",)),
            *(() if self.length == LENGTHS[0] else (f"wants {self.length}, not {LENGTHS[0]}",)),
            *(() if self.system else ("takes no system role",)),
        )

    def learned(self, raw: str, body: Mapping[str, Json]) -> "Dialect | None":
        """How to ask instead after the refusal `raw` of `body`; None when it is about something else."""
        named = refused_names(raw, body)
        if "temperature" in named and self.cold:
            return replace(self, cold=False)
        # Which is refused and which to use instead may stand in one sentence: the one that was sent is the one refused.
        if self.length in named and self.length == LENGTHS[0] and not _too_much(raw):
            return replace(self, length=LENGTHS[1])
        if self.system and _SYSTEM.search(raw):
            return replace(self, system=False)
        return None


def _too_much(raw: str) -> bool:
    """Whether the number is refused, not its name."""
    return re.search(r"too (?:large|high|long)|at most|maximum|exceed|less than|greater than", raw, re.IGNORECASE) is not None  # fmt: skip


def refused_names(raw: str, body: Mapping[str, Json]) -> frozenset[str]:
    """The parameters of `body` a refusal is about: those it points to, else those its words name."""
    return frozenset(_named(raw)) & body.keys()


def _named(raw: str) -> set[str]:
    pointed: set[str] = set()
    try:
        _point(json.loads(raw), pointed)
    except (ValueError, RecursionError):
        pointed = set()
    return pointed or set(re.findall(r"\b[a-z][a-z_]{2,40}\b", raw))


def _point(value: Json, names: set[str]) -> None:
    match value:
        case dict():
            for name, inner in value.items():
                if name in {"param", "loc", "field", "parameter"}:
                    names |= _texts(inner)
                _point(inner, names)
        case list():
            for element in value:
                _point(element, names)
        case _:
            return


def _texts(value: Json) -> set[str]:
    texts = value if isinstance(value, list) else [value]
    return {part for text in texts if isinstance(text, str) for part in re.findall(r"[a-z_]{3,}", text)} - {"body"}  # fmt: skip


@dataclass(slots=True)
class Dialects:
    """What was learned, by endpoint and model. `folder` is the state folder; None keeps it in this process alone. Safe for threads."""

    folder: Path | None = None
    _known: dict[str, Dialect] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def dialect_of(self, base: str, model: str) -> Dialect:
        """How this model is asked there."""
        with self._lock:
            return self._all().get(_key(base, model), Dialect())

    def forget(self, base: str, model: str) -> None:
        """Ask as if nothing had been learned; what is learned then counts."""
        self.keep(base, model, Dialect())

    def keep(self, base: str, model: str, dialect: Dialect) -> None:
        """Remember it. A disk that refuses costs a refusal more next time."""
        with self._lock:
            known = self._all()
            known[_key(base, model)] = dialect
            if self.folder is None:
                return
            try:
                with tempfile.NamedTemporaryFile("w", dir=self.folder, delete=False, encoding="utf-8") as file:  # fmt: skip
                    json.dump({key: asdict(dialect) for key, dialect in known.items()}, file)
                os.replace(file.name, self.folder / _FILE)
            except OSError:
                return

    def _all(self) -> dict[str, Dialect]:
        if self._known is None:
            self._known = {}
            try:
                if self.folder is not None:
                    entries = json.loads((self.folder / _FILE).read_bytes()[:_MAX_BYTES])
                    self._known = {key: Dialect(**fields) for key, fields in entries.items()}
            except (OSError, ValueError, TypeError, AttributeError):
                self._known = {}
        return self._known


def _key(base: str, model: str) -> str:
    return f"{base} {model}"
