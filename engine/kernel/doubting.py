"""What an agent doubts about its own words reaches nobody outside unless a person has seen it, at every stage."""

from dataclasses import replace

from engine.kernel.place import Place
from engine.model.actions import Reach
from engine.model.canonical import Json
from engine.model.effects import Answer, Effect, Verdict
from engine.model.plan import undone_by

DOUBTS = "doubts"
"""The output of an agent that holds them, a list of plain lines."""


def seen_first(place: Place, effect: Effect, verdict: Verdict) -> Verdict:
    """Governance's answer, but that a person is asked before doubted words reach somebody outside."""
    if verdict.answer is not Answer.ALLOW or effect.reach.rank <= Reach.LOW.rank:
        return verdict
    step = doubted(place)
    if not step:
        return verdict
    because = f"`{step}` has doubts about its own words"
    return replace(verdict, answer=Answer.ASK, rule="doubt", because=because)


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
