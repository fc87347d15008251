"""What one file compiled to, in memory and as bytes. A plan is read from its bytes only when somebody asks for it."""

import dataclasses
import json
from dataclasses import dataclass

from engine.language import serial
from engine.language.authored import Word
from engine.language.resolved import Signature
from engine.model import canonical
from engine.model.actions import ActionSpec
from engine.model.canonical import Json
from engine.model.plan import Plan
from engine.model.span import Diagnostic

WRONG = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
"""What reading bytes raises that are not ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is told about one file at once.

    `asked` are the questions its compiler asked about everything else, with the answers: while these are the same, so is the
    result. `mentions` may be names of other files. `calls` are the `uses` of its calls, `takes` the digest of what it takes and
    gives, `used` the files a run may read.
    """

    diagnostics: tuple[Diagnostic, ...] = ()
    plan: bool = False
    takes: str = ""
    asked: tuple[tuple[str, str], ...] = ()
    mentions: tuple[str, ...] = ()
    calls: tuple[Word, ...] = ()
    used: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class More:
    """The rest. `early` is what was told of the file while it was being compiled. The plan names no files yet."""

    signature: Signature
    early: Signature
    plan: Plan | None = None


@dataclass(slots=True, kw_only=True)
class Result:
    """What one file compiled to: `known` is at hand, the rest may still be bytes. `shelved`: it was put on the shelf."""

    known: Known
    _more: More | bytes
    shelved: bool = False
    _pinned: tuple[tuple[tuple[str, str], ...], Plan] | None = None

    @classmethod
    def of(cls, known: Known, more: More) -> "Result":
        """Just compiled."""
        return cls(known=known, _more=more)

    @classmethod
    def read(cls, data: bytes) -> "Result":
        """From `to_bytes`. Raises what WRONG names."""
        head, _, more = data.partition(b"\n")
        return cls(known=serial.read(Known, json.loads(head)), _more=more)

    @property
    def more(self) -> More:
        """The rest. Raises what WRONG names when its bytes are not ours."""
        if isinstance(self._more, bytes):
            self._more = _read(self._more)
        return self._more

    def plan(self, files: tuple[tuple[str, str], ...]) -> Plan | None:
        """The plan with the files a run may read, as they are now. Raises like `more`."""
        bare = self.more.plan
        if bare is None:
            return None
        if self._pinned is None or self._pinned[0] != files:
            self._pinned = (files, dataclasses.replace(bare, files=files))
        return self._pinned[1]

    def to_bytes(self) -> bytes:
        """Two lines of JSON: what is known, and the rest with each action's declaration once."""
        if isinstance(self._more, bytes):
            return b"\n".join([_dump(serial.lean(self.known, _own)), self._more])
        actions: dict[int, int] = {}
        specs: list[Json] = []

        def shared(spec: ActionSpec) -> Json:
            if id(spec) not in actions:
                actions[id(spec)] = len(specs)
                specs.append(serial.lean_fields(spec, _own))
            return actions[id(spec)]

        more = serial.lean(self._more, shared)
        return b"\n".join([_dump(serial.lean(self.known, _own)), _dump({"actions": specs, "more": more})])


def takes(signature: Signature) -> str:
    """The digest of what a file takes and gives."""
    return canonical.sha256(_dump(serial.lean(signature, _own)))


def _own(spec: ActionSpec) -> Json:
    return serial.lean_fields(spec, _own)


def _dump(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


_ACTIONS: dict[bytes, ActionSpec] = {}
"""Declarations by their JSON: a thousand plans use the same few."""
_MOST_ACTIONS = 5_000


def _read(data: bytes) -> More:
    found = json.loads(data)
    specs = [_spec(one) for one in found["actions"]]
    more = found["more"]
    for node in more.get("plan", {}).get("nodes", ()):
        # What takes a step back is a node within it.
        for one in (node, node.get("undo") or {}):
            if "action" in one:
                one["action"] = specs[one["action"]]
    return serial.read(More, more)


def _spec(data: Json) -> ActionSpec:
    name = _dump(data)
    if name not in _ACTIONS:
        if len(_ACTIONS) > _MOST_ACTIONS:
            _ACTIONS.clear()
        _ACTIONS[name] = serial.read(ActionSpec, data)
    return _ACTIONS[name]
