"""The effect broker: every touch of the world passes here, typed, frozen, judged, keyed, and after a durable intent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from engine.model.definitions.actions import EffectClass, Reach, reach_of
from engine.model.definitions.taint import Labels
from engine.model.effects import Call, Effect, Outcome, Preview
from engine.model.errors import PermanentError, TransientError, UnknownOutcome
from engine.model.events.events import EffectIntended, Event
from engine.model.ports import Connectors, Probe, Source
from engine.model.values import canonical_json
from engine.model.values.canonical_json import Json
from engine.model.values.timestamps import stamp

_T = TypeVar("_T")


class NotIntended(RuntimeError):
    """A call without a durable intent for its key: a bug, never the world's fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """`durable(seq)` says whether the ledger has made that event durable; `heads` are the sources a preview may have read."""

    connectors: Connectors
    heads: tuple[Source, ...]
    durable: Callable[[int], bool]
    probe: Probe | None = None

    def propose(self, call: Call, *, floor: Reach | None, labels: dict[str, Labels]) -> Effect:
        """Freeze a call: the exact bytes, their digest, reach by the shape of the arguments. Never calls a write."""
        spec = self.connectors.spec(call.action)
        if spec is None or call.key is None:
            raise PermanentError(f"nothing performs {call.action}", code="no-connector")
        preview = self.connectors.connector(call.action).preview(call)
        return _frozen(
            Effect(
                action=call.action,
                key=call.key,
                revision=call.revision,
                run=call.run,
                step=call.step,
                subject=call.subject,
                kind=spec.kind,
                reach=reach_of(spec, call.args, floor=floor),
                args=call.args,
                preview=preview,
                digest="",
                labels=labels,
            )
        )

    def edited(self, call: Call, effect: Effect, text: str) -> Effect:
        """The same effect with other words: a new revision with its own key. Raises PermanentError when nothing is editable."""
        edit = getattr(self.connectors.connector(effect.action), "edited", None)
        if edit is None or not effect.preview.text or call.key is None:
            raise PermanentError(f"{effect.action} has no words to edit", code="not-editable")
        preview: Preview = edit(call, effect.preview, text)
        return _frozen(replace(effect, key=call.key, revision=call.revision, preview=preview))

    def drift(self, effect: Effect) -> tuple[str, ...]:
        """Names of what the proposal read that reads differently now; empty when nothing changed."""
        return tuple(name for name, version in effect.preview.heads if self._head(name) != version)

    def _head(self, name: str) -> str:
        return next((head for source in self.heads if (head := source.head(name))), "")

    def perform(self, effect: Effect, intent: Event) -> Outcome:
        """Call the connector with the frozen bytes. `intent` must be durable and name this key."""
        self._guard(effect, intent)
        self._reach("call:before")
        outcome = self.connectors.connector(effect.action).perform(replace(effect, at=intent.ts))
        self._reach("call:after")
        return self._as_promised(effect, outcome)

    def _as_promised(self, effect: Effect, outcome: Outcome) -> Outcome:
        """The outcome, if it is what the action promises; else what the world did is unknown.

        Raises UnknownOutcome: an answer of another shape than was agreed on does not count.
        """
        spec = self.connectors.spec(effect.action)
        for field in spec.outputs if spec is not None else ():
            value = outcome.outputs.get(field.name)
            absent = field.name not in outcome.outputs
            if (absent and field.optional) or (value is None and field.type.nullable):
                continue
            if absent or not isinstance(value, _SHAPES.get(field.type.kind, object)):
                raise UnknownOutcome(
                    f"{effect.action} answered without a proper {field.name}", code="contract"
                )
        return outcome

    def asks_first(self, action: str) -> bool:
        """Whether freezing a proposal of `action` asks the world, as its connector says; most look at this machine only."""
        try:
            connector = self.connectors.connector(action)
        except PermanentError:
            return False
        return action in getattr(connector, "asks_first", ())

    def alive(self, action: str) -> Callable[[], None] | None:
        """What asks the connector of `action` a harmless question; None when it has none. Raises PermanentError(code='no-connector')."""
        ask: Callable[[], None] | None = getattr(self.connectors.connector(action), "alive", None)
        return ask

    def look_up(self, effect: Effect) -> Outcome | None:
        """Whether the world knows the effect's key. Changes nothing; raises like the port."""
        return self.connectors.connector(effect.action).find(effect)

    def recover(self, effect: Effect, intent: Event, *, now: datetime) -> Outcome:
        """An intent without outcome, after a crash: by class, never a second body, never a second key.

        idempotent: the same key again inside the provider's window; queryable: look first; opaque: unknown.
        """
        self._guard(effect, intent)
        body = intent.body
        window = body.window if isinstance(body, EffectIntended) else ""
        inside = not window or stamp(now) < window
        if effect.kind is EffectClass.OPAQUE:
            raise UnknownOutcome("the process died between the call and its answer", code="crashed")
        if effect.kind is EffectClass.IDEMPOTENT and inside:
            return replace(_unsure(lambda: self.perform(effect, intent)), repeated=True)
        begun = replace(effect, at=intent.ts)
        outcome = _unsure(lambda: self.connectors.connector(effect.action).find(begun))
        if outcome is not None:
            return replace(outcome, repeated=True)
        if not inside:
            raise UnknownOutcome("the provider may have forgotten the key", code="window-over")
        return self.perform(effect, intent)

    def undo(self, effect: Effect, outputs: Mapping[str, Json]) -> Outcome:
        """Take a finished effect back. Raises PermanentError(code='no-undo') with the declared reason."""
        spec = self.connectors.spec(effect.action)
        connector = self.connectors.connector(effect.action)
        undo = getattr(connector, "undo", None)
        if spec is None or spec.undo.action is None or undo is None:
            reason = spec.undo.none if spec is not None else "nothing performs it"
            raise PermanentError(reason or "it declares no undo", code="no-undo")
        taken: Outcome = undo(effect, outputs)
        return taken

    def _guard(self, effect: Effect, intent: Event) -> None:
        body = intent.body
        if not isinstance(body, EffectIntended) or body.key != effect.key or not self.durable(intent.seq):
            raise NotIntended(f"{effect.action} without a durable intent")
        if effect.digest != digest_of(effect):
            raise NotIntended(f"{effect.action}: the bytes are not the frozen ones")

    def _reach(self, point: str) -> None:
        if self.probe is not None:
            self.probe(point)


# What JSON holds of a type; kinds that are not here have several shapes.
_SHAPES: Mapping[str, type] = {"text": str, "bool": bool, "email": str, "url": str}


def _unsure(ask: Callable[[], _T]) -> _T:
    """A no to the second call says nothing about the first one, whose answer is missing."""
    try:
        return ask()
    except (TransientError, PermanentError) as error:
        raise UnknownOutcome(error.message, code=error.code) from error


def digest_of(effect: Effect) -> str:
    """What an approval binds of one effect: action, key, bytes, media type, reach and what was read."""
    return canonical_json.name_of(
        [
            effect.action,
            effect.key,
            effect.revision,
            effect.reach.value,
            canonical_json.sha256(effect.preview.body),
            effect.preview.media,
            [list(head) for head in effect.preview.heads],
        ]
    )


def _frozen(effect: Effect) -> Effect:
    return replace(effect, digest=digest_of(effect))


def classify(error: BaseException) -> str:
    """How a raised error ends an attempt: retry, failed or unknown. A bug counts as unknown for a call that may have left."""
    match error:
        case TransientError():
            return "retry"
        case PermanentError():
            return "failed"
        case _:
            return "unknown"
