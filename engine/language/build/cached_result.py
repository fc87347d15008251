"""What one file compiled to, in memory and as bytes. A plan is read from its bytes only when somebody asks for it."""

import dataclasses
import json
from dataclasses import dataclass

from engine.language.documents.ast import Word
from engine.language.passes import plan_codec
from engine.language.passes.resolved import Signature
from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.diagnostics import Diagnostic
from engine.model.definitions.plan import Plan
from engine.model.values import canonical_json
from engine.model.values.canonical_json import Json

WRONG = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
"""What reading bytes raises that are not ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedCheck:
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
class CachedPlan:
    """The rest. `early` is what was told of the file while it was being compiled. The plan names no files yet."""

    signature: Signature
    early: Signature
    plan: Plan | None = None


@dataclass(slots=True, kw_only=True)
class CacheEntry:
    """What one file compiled to: `known` is at hand, the rest may still be bytes. `shelved`: it was put on the shelf."""

    known: CachedCheck
    _more: CachedPlan | bytes
    shelved: bool = False
    _pinned: tuple[tuple[tuple[str, str], ...], Plan] | None = None

    @classmethod
    def of(cls, known: CachedCheck, more: CachedPlan) -> "CacheEntry":
        """Just compiled."""
        return cls(known=known, _more=more)

    @classmethod
    def read(cls, data: bytes) -> "CacheEntry":
        """From `to_bytes`. Raises what WRONG names."""
        head, _, more = data.partition(b"\n")
        return cls(known=plan_codec.read(CachedCheck, json.loads(head)), _more=more)

    @property
    def more(self) -> CachedPlan:
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
            return b"\n".join([_dump(plan_codec.lean(self.known, _own)), self._more])
        actions: dict[int, int] = {}
        specs: list[Json] = []

        def shared(spec: ActionSpec) -> Json:
            if id(spec) not in actions:
                actions[id(spec)] = len(specs)
                specs.append(plan_codec.lean_fields(spec, _own))
            return actions[id(spec)]

        more = plan_codec.lean(self._more, shared)
        return b"\n".join([_dump(plan_codec.lean(self.known, _own)), _dump({"actions": specs, "more": more})])


def takes(signature: Signature) -> str:
    """The digest of what a file takes and gives."""
    return canonical_json.sha256(_dump(plan_codec.lean(signature, _own)))


def _own(spec: ActionSpec) -> Json:
    return plan_codec.lean_fields(spec, _own)


def _dump(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


_ACTIONS: dict[bytes, ActionSpec] = {}
"""Declarations by their JSON: a thousand plans use the same few."""
_MAX_ACTIONS = 5_000


def _read(data: bytes) -> CachedPlan:
    found = json.loads(data)
    specs = [_spec(one) for one in found["actions"]]
    more = found["more"]
    for node in more.get("plan", {}).get("nodes", ()):
        # What takes a step back is a node within it.
        for one in (node, node.get("undo") or {}):
            if "action" in one:
                one["action"] = specs[one["action"]]
    return plan_codec.read(CachedPlan, more)


def _spec(data: Json) -> ActionSpec:
    name = _dump(data)
    if name not in _ACTIONS:
        if len(_ACTIONS) > _MAX_ACTIONS:
            _ACTIONS.clear()
        _ACTIONS[name] = plan_codec.read(ActionSpec, data)
    return _ACTIONS[name]
