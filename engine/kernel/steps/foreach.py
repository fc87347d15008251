"""`foreach`: one step becomes one per item, and their outputs one list. `repeat`: one step becomes one per round."""

from dataclasses import dataclass

from engine.kernel.core.scope import Scope, walk
from engine.kernel.core.step_context import StepContext
from engine.kernel.triggers.matching import match_of
from engine.model.definitions.plan import Repeat
from engine.model.definitions.taint import Labels, decode, encode
from engine.model.errors import EngineError, PermanentError
from engine.model.events.events import (
    Body,
    EffectPreviewed,
    StepCancelled,
    StepFailed,
    StepFanned,
    StepPaced,
    StepSkipped,
    StepSucceeded,
)
from engine.model.values.canonical_json import Json
from engine.model.values.timestamps import later

MAX_ITEMS = 1000


def fan_out(place: StepContext, scope: Scope) -> None:
    """One item each: nulls are left out, keys are unique. Raises PermanentError."""
    if place.node.foreach is None:
        return
    values, labels = scope.evaluate(place.node.foreach)
    items = [value for value in (values or []) if value is not None]
    if len(items) > MAX_ITEMS:
        raise PermanentError(f"{len(items)} items; at most {MAX_ITEMS} in one step", code="too-many")
    texts = [_key(place, scope, items, number) for number in range(len(items))]
    if len(set(texts)) != len(texts):
        twice = next(text for text in texts if texts.count(text) > 1)
        raise PermanentError(f"two items have the key {twice}", code="same-key")
    # Keys may be addresses: events name items by an HMAC, the words are sealed beside the item.
    index_key = place.journal.house.index_key
    keys = tuple(match_of(index_key, "key", place.node.id, text)[:16] for text in texts)
    rows = [{"key": text, "item": value} for text, value in zip(texts, items, strict=True)]
    body = StepFanned(keys=keys, items=place.sealed(rows), labels=encode(labels))
    place.journal.write(place.draft(body))


def _key(place: StepContext, scope: Scope, items: list[Json], number: int) -> str:
    """The item's own key, or its number where the step has no `key:`."""
    if place.node.key is None:
        return str(number)
    item_scope = _KeylessItemScope(
        **{name: getattr(scope, name) for name in Scope.__slots__}, item_value=items[number], number=number
    )
    text, _ = item_scope.evaluate(place.node.key)
    return str(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeylessItemScope(Scope):
    """The scope of an item that has no key yet."""

    item_value: Json
    number: int

    def read(self, path: str) -> tuple[Json, Labels]:
        if path.partition(".")[0] != "item":
            return Scope.read(self, path)
        return walk(self.item_value, path.partition(".")[2]), frozenset()


def first_round(place: StepContext) -> None:
    """The first round of a step with `repeat`."""
    place.journal.write(place.draft(StepFanned(keys=("1",), items=place.sealed([]))))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round(Scope):
    """The scope of `until`: the step's outputs are those of its last round."""

    last: str

    def read(self, path: str) -> tuple[Json, Labels]:
        own = f"steps.{self.step}.outputs"
        if path != own and not path.startswith(f"{own}."):
            return Scope.read(self, path)
        state = self.run.step(self.last)
        return walk(self.journal.value(state.outputs), path.removeprefix(own)[1:]), decode(state.labels)


def _next_round(place: StepContext, repeat: Repeat) -> list[Body]:
    """What a round comes to: its own end unless it succeeded, then enough, one more, or too many."""
    keys = place.state.keys
    id_ = f"{place.node.id}#{keys[-1]}"
    last = place.run.step(id_)
    match last.status:
        case "succeeded":
            pass
        case "failed":
            return [StepFailed(attempt=len(keys), code=last.code, message=last.message)]
        case "previewed":
            return [EffectPreviewed(revision=0)]
        case "cancelled":
            behind = f"behind `{place.node.id}`, which was refused"
            return [StepCancelled(because=behind if last.refused else last.because)]
        case _:
            return [StepSkipped(because=last.because)]
    scope = place.scope()
    seen = _Round(**{name: getattr(scope, name) for name in Scope.__slots__}, last=id_)
    try:
        enough = bool(seen.evaluate(repeat.until)[0])
    except EngineError as error:
        return [StepFailed(attempt=len(keys), code=error.code, message=place.sealed(error.message))]
    if enough:
        outputs = place.sealed(place.journal.value(last.outputs))
        return [StepSucceeded(attempt=len(keys), outputs=outputs, labels=last.labels)]
    if len(keys) >= repeat.at_most:
        message = f"done {len(keys)} times, and still not so: {repeat.until.written}"
        return [StepFailed(attempt=len(keys), code="repeat", message=place.sealed(message))]
    return [
        StepFanned(keys=(*keys, str(len(keys) + 1)), items=place.state.items),
        StepPaced(until=later(place.journal.now(), repeat.pause)),
    ]


def gather(place: StepContext) -> None:
    """Take the items of a fanned-out step together: one failure fails it, all refused cancels it, else a list of outputs."""
    if place.node.repeat is not None:
        place.journal.write(*(place.draft(body) for body in _next_round(place, place.node.repeat)))
        return
    base = place.state
    states = {key: place.run.step(f"{place.node.id}#{key}") for key in base.keys}
    broken = next((state for state in states.values() if state.status == "failed"), None)
    body: Body
    if broken is not None:
        body = StepFailed(attempt=1, code=broken.code, message=broken.message)
    elif any(state.status == "previewed" for state in states.values()):
        body = EffectPreviewed(revision=0)
    elif any(state.refused for state in states.values()) and not any(
        state.status == "succeeded" for state in states.values()
    ):
        body = StepCancelled(because=f"behind `{place.node.id}`, which was refused")
    else:
        rows, labels = [], set(base.labels)
        for key, row in zip(base.keys, place.journal.value(base.items), strict=True):
            if states[key].status == "succeeded":
                outputs = place.journal.value(states[key].outputs)
                rows.append({**(outputs if isinstance(outputs, dict) else {}), **row})
                labels |= set(states[key].labels)
        body = StepSucceeded(attempt=1, outputs=place.sealed(rows), labels=tuple(sorted(labels)))
    place.journal.write(place.draft(body))
