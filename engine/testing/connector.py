"""The connector to :mod:`engine.testing.provider`: one action per class of effect, and one that a person must approve."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from engine.model.definitions.actions import ActionSpec, EffectClass, Param, Reach, UndoSpec
from engine.model.definitions.types import BOOL, TEXT, Field
from engine.model.effects import Call, Effect, Outcome, Preview
from engine.model.errors import PermanentError, TransientError, UnknownOutcome
from engine.model.rate_limited import RateLimited
from engine.model.values import canonical_json
from engine.model.values.canonical_json import Json
from engine.testing.provider import ask

_TAKE_BACK = "provider/take-back"
_OUTPUTS = (
    Field(name="id", type=TEXT, description="the provider's own name for it"),
    Field(name="repeated", type=BOOL, description="it had been done before"),
)
_PARAMS = (Param(name="text", type=TEXT, required=True, description="what to tell the provider"),)
_MEDIA = "application/json"


def _action(
    name: str, kind: EffectClass, *, reach: Reach = Reach.LOW, window: timedelta | None = None
) -> ActionSpec:
    whole = f"provider/{name}"
    undoable = kind is EffectClass.IDEMPOTENT and whole != _TAKE_BACK
    undo = UndoSpec(action=_TAKE_BACK) if undoable else UndoSpec(none="the provider takes nothing back")
    return ActionSpec(
        name=whole, summary=f"Tell the provider something ({kind})", kind=kind, params=_PARAMS,
        outputs=_OUTPUTS, reach=reach, undo=undo, window=window,
    )  # fmt: skip


ACTIONS = (
    _action("idempotent", EffectClass.IDEMPOTENT),
    _action("forgetful", EffectClass.IDEMPOTENT, window=timedelta(hours=24)),
    _action("queryable", EffectClass.QUERYABLE),
    _action("opaque", EffectClass.OPAQUE),
    _action("quoted", EffectClass.IDEMPOTENT),
    _action("customer", EffectClass.IDEMPOTENT, reach=Reach.CUSTOMER),
    _action("legal", EffectClass.IDEMPOTENT, reach=Reach.LEGAL),
    _action("take-back", EffectClass.IDEMPOTENT),
)


class ProviderConnector:
    """Ports Connector, Undo and Alive. Nothing is remembered on this side."""

    asks_first = frozenset({"provider/quoted"})

    def __init__(self, address: str) -> None:
        self._address = address

    def declare(self) -> tuple[ActionSpec, ...]:
        """Its actions."""
        return ACTIONS

    def preview(self, call: Call) -> Preview:
        """The line that is sent, whole. ``provider/quoted`` asks the provider first, which may be busy or refuse."""
        if call.action == "provider/quoted":
            self._answered(self._ask({"do": "quote"}))
        return _preview(call, str(call.args.get("text", "")))

    def edited(self, call: Call, preview: Preview, text: str) -> Preview:
        """The same line with other words."""
        return replace(_preview(call, text), heads=preview.heads, warnings=preview.warnings)

    def perform(self, effect: Effect) -> Outcome:
        """Send the frozen line under its key."""
        question = {
            "do": "perform", "mode": effect.kind.value, "key": effect.key, "pid": os.getpid(),
            "body": effect.preview.body.decode(),
        }  # fmt: skip
        answer = self._answered(self._ask(question))
        return _outcome(answer.get("id"), repeated=bool(answer.get("repeated")))

    def find(self, effect: Effect) -> Outcome | None:
        """Only the queryable class can be looked up."""
        if effect.kind is not EffectClass.QUERYABLE:
            raise UnknownOutcome("the provider can't be asked about a key", code="no-look-up")
        answer = self._ask({"do": "find", "key": effect.key})
        if answer["status"] == 404:
            return None
        return _outcome(self._answered(answer).get("id"), repeated=True)

    def alive(self) -> None:
        """Ask whether anybody is there."""
        self._answered(self._ask({"do": "alive"}))

    def undo(self, effect: Effect, outputs: Mapping[str, Json]) -> Outcome:
        """Take it back; the provider notes it once."""
        self._ask({"do": "undo", "key": effect.key})
        return _outcome(str(outputs.get("id", "")), repeated=False)

    @staticmethod
    def _answered(answer: dict[str, Json]) -> dict[str, Json]:
        match answer["status"]:
            case 200 if "error" in answer:
                raise UnknownOutcome("the provider said yes and meant something else", code="contract")
            case 200:
                return answer
            case 429:
                raise RateLimited("the provider is busy", seconds=float(answer.get("after", 0)))
            case 503:
                raise TransientError("the provider can do nothing now", code="unavailable")
            case 400 | 409:
                raise PermanentError("the provider refuses this", code=f"http-{answer['status']}")
            case status:
                raise UnknownOutcome(f"the provider answered {status}", code=f"http-{status}")

    def _ask(self, question: dict[str, Json]) -> dict[str, Json]:
        try:
            return ask(self._address, question)
        except ConnectionRefusedError as error:
            raise TransientError(str(error), code="unreachable") from error
        except ConnectionAbortedError as error:
            raise UnknownOutcome(str(error), code="no-answer") from error


def _preview(call: Call, text: str) -> Preview:
    if call.key is None:
        raise PermanentError("an effect needs a key", code="no-key")
    # Which effect this is, but not its key: a provider that is called with two keys for one effect does it twice, and it shows.
    body = canonical_json.encode(
        {"action": call.action, "run": call.run, "step": call.step, "revision": call.revision, "text": text}
    )
    return Preview(body=body, media=_MEDIA, facts=(("provider", call.action.partition("/")[2]),), text=text)


def _outcome(id_: Json, *, repeated: bool) -> Outcome:
    return Outcome(outputs={"id": id_, "repeated": repeated}, provider_id=str(id_), repeated=repeated)
