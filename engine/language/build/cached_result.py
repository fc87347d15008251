"""What one file compiled to, in memory and as bytes. A plan is read from its bytes only when it is asked for."""

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
    """The rest. `provisional` is what other files were told of this one while it was being compiled. The plan names no files yet."""

    signature: Signature
    provisional: Signature
    plan: Plan | None = None


@dataclass(slots=True, kw_only=True)
class CacheEntry:
    """What one file compiled to: `known` is at hand, the rest may still be bytes. `shelved`: it was put on the shelf."""

    known: CachedCheck
    _cached_plan: CachedPlan | bytes
    shelved: bool = False
    _pinned: tuple[tuple[tuple[str, str], ...], Plan] | None = None

    @classmethod
    def from_results(cls, known: CachedCheck, cached_plan: CachedPlan) -> "CacheEntry":
        """Just compiled."""
        return cls(known=known, _cached_plan=cached_plan)

    @classmethod
    def read(cls, raw: bytes) -> "CacheEntry":
        """From `to_bytes`. Raises what WRONG names."""
        head, _, plan_bytes = raw.partition(b"\n")
        return cls(known=plan_codec.read(CachedCheck, json.loads(head)), _cached_plan=plan_bytes)

    @property
    def cached_plan(self) -> CachedPlan:
        """The rest. Raises what WRONG names when its bytes are not ours."""
        if isinstance(self._cached_plan, bytes):
            self._cached_plan = _read(self._cached_plan)
        return self._cached_plan

    def plan(self, files: tuple[tuple[str, str], ...]) -> Plan | None:
        """The plan with the files a run may read, as they are now. Raises like `cached_plan`."""
        bare = self.cached_plan.plan
        if bare is None:
            return None
        if self._pinned is None or self._pinned[0] != files:
            self._pinned = (files, dataclasses.replace(bare, files=files))
        return self._pinned[1]

    def to_bytes(self) -> bytes:
        """Two lines of JSON: what is known, and the rest with each action's declaration once."""
        if isinstance(self._cached_plan, bytes):
            return b"\n".join([_dump(plan_codec.lean(self.known, _own)), self._cached_plan])
        actions: dict[int, int] = {}
        specs: list[Json] = []

        def shared(spec: ActionSpec) -> Json:
            if id(spec) not in actions:
                actions[id(spec)] = len(specs)
                specs.append(plan_codec.lean_fields(spec, _own))
            return actions[id(spec)]

        lean_plan = plan_codec.lean(self._cached_plan, shared)
        return b"\n".join(
            [_dump(plan_codec.lean(self.known, _own)), _dump({"actions": specs, "more": lean_plan})]
        )


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


def _read(raw: bytes) -> CachedPlan:
    stored = json.loads(raw)
    specs = [_spec(spec) for spec in stored["actions"]]
    plan_fields = stored["more"]
    for node in plan_fields.get("plan", {}).get("nodes", ()):
        # What takes a step back is a node within it.
        for action_node in (node, node.get("undo") or {}):
            if "action" in action_node:
                action_node["action"] = specs[action_node["action"]]
    return plan_codec.read(CachedPlan, plan_fields)


def _spec(encoded: Json) -> ActionSpec:
    name = _dump(encoded)
    if name not in _ACTIONS:
        if len(_ACTIONS) > _MAX_ACTIONS:
            _ACTIONS.clear()
        _ACTIONS[name] = plan_codec.read(ActionSpec, encoded)
    return _ACTIONS[name]
