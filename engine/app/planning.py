"""A plan in words: what runs, what asks, what is only previewed, what may be skipped."""

from collections.abc import Iterator

from engine.model.actions import Reach
from engine.model.plan import Node, Plan, Stage


def lines(plan: Plan) -> Iterator[tuple[str, str]]:
    """(sign, text) per line: ``+`` acts, ``~`` asks you, ``?`` previews only, ``·`` reads or waits."""
    yield "", f"{plan.name}  ({plan.path}, stage {plan.stage})"
    starts = ", ".join(
        f"{t.kind} {' '.join(f'{k}: {v}' for k, v in t.params)}".strip() for t in plan.triggers
    )
    yield "  ", f"starts on {starts}"
    for node in plan.nodes:
        sign, what = _what(plan, node)
        after = f"   after {', '.join(node.before)}" if node.before else "   at once"
        yield f"  {sign} ", f"{node.id:<14} {node.uses:<20} {what}{after}"
        if node.condition is not None:
            yield "      ", f"only if {node.condition.written}"


def _what(plan: Plan, node: Node) -> tuple[str, str]:
    stage = min(plan.stage, node.stage or plan.stage, key=lambda one: one.rank)
    match node.kind:
        case "call":
            return "·", "reads"
        case "wait":
            return "·", "waits"
        case "human":
            return "~", f"asks {node.ask.who or 'you'}" if node.ask else "asks you"
        case "end":
            return "·", f"ends the run as {node.end_as}"
        case "playbook":
            return "+", "runs it and waits"
        case "find":
            return "·", "reads earlier runs"
        case "effect":
            return _effect(stage, node)


def _effect(stage: Stage, node: Node) -> tuple[str, str]:
    reach = node.highest_reach
    held = f", held {int(node.undo_within.total_seconds())} s" if node.undo_within else ""
    if stage is Stage.SHADOW:
        return "?", f"previews ({reach})"
    if node.gate is not None:
        return "~", f"asks at gate {node.gate} (up to {reach})"
    if reach.rank <= Reach.LOW.rank or (reach is Reach.CUSTOMER and stage is Stage.AUTO):
        return "+", f"acts ({reach}){held}"
    return "~", f"asks ({reach})"
