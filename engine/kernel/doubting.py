"""What an agent doubts about its own words, and what nobody filled in, reaches nobody outside unless a person has seen it, at every stage."""

from collections.abc import Iterator
from dataclasses import replace

from engine.kernel.place import Place
from engine.kernel.scope import Scope
from engine.model.actions import Reach
from engine.model.canonical import Json
from engine.model.effects import Answer, Effect, Verdict
from engine.model.labels import Label, Labels
from engine.model.leftover import leftovers
from engine.model.plan import Arg, Expr, Fixed, ListArg, MapArg, Text, undone_by

DOUBTS = "doubts"
"""The output of an agent that holds them, a list of plain lines."""


def seen_first(place: Place, effect: Effect, verdict: Verdict) -> Verdict:
    """Governance's answer, but that a person is asked before doubted words reach somebody outside."""
    if verdict.answer is not Answer.ALLOW or effect.reach is Reach.INTERNAL:
        return verdict
    if left := unfilled(place):
        because = f"`{left}` stands in your own words as it is: nothing filled it in"
        return replace(verdict, answer=Answer.ASK, rule="unfilled", because=because)
    step = doubted(place) if effect.reach.rank > Reach.LOW.rank else ""
    if not step:
        return verdict
    because = f"`{step}` has doubts about its own words"
    return replace(verdict, answer=Answer.ASK, rule="doubt", because=because)


def unfilled(place: Place) -> str:
    """What another template language would have filled in, in words that are the operator's own; empty for nothing.

    What a stranger wrote or a model quotes is theirs; what a model left to be filled in is among its doubts.
    """
    scope = place.scope()
    for text in _own_words(place, scope):
        if (first := next(leftovers(text), None)) is not None:
            return first.written
    return ""


def _own_words(place: Place, scope: Scope) -> Iterator[str]:
    files = dict(place.plan.files)
    house = place.journal.house
    for name, arg in place.node.args:
        yield from _fixed(arg, scope)
        path = f"vault/templates/{arg.value}.md" if name == "template" and isinstance(arg, Fixed) else ""
        if path in files:
            yield house.templates.words(house.ledger.kept(files[path]).decode("utf-8", "replace"), path=path)


def _fixed(arg: Arg, scope: Scope) -> Iterator[str]:
    match arg:
        case Fixed():
            yield from _texts(arg.value)
        case Text():
            yield "\ufffc".join(part if isinstance(part, str) else "" for part in arg.parts)
            for part in arg.parts:
                yield from _fixed(part, scope) if isinstance(part, Expr) else ()
        case Expr():
            for read in arg.reads:
                value, labels = scope.read(read.path)
                yield from _texts(value) if labels == _OPERATOR else ()
        case ListArg():
            for item in arg.items:
                yield from _fixed(item, scope)
        case MapArg():
            for _, value in arg.entries:
                yield from _fixed(value, scope)


_OPERATOR: Labels = frozenset({Label.OPERATOR})


def _texts(value: Json) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for one in value:
                yield from _texts(one)
        case dict():
            for one in value.values():
                yield from _texts(one)
        case _:
            pass


def doubted(place: Place) -> str:
    """The step whose agent has doubts about what this one was made from, directly or by way of others; empty for none."""
    seen: set[str] = set()
    left = [*place.node.reads]
    while left:
        step = left.pop(0)
        if step in seen or undone_by(step):
            continue
        seen.add(step)
        node = place.plan.node(step)
        state = place.run.step(step)
        if node.uses.startswith("agent/") and state.outputs and _any(place.journal.value(state.outputs)):
            return step
        left += node.reads
    return ""


def _any(outputs: Json) -> bool:
    if isinstance(outputs, list):
        return any(_any(one) for one in outputs)
    return isinstance(outputs, dict) and bool(outputs.get(DOUBTS))
