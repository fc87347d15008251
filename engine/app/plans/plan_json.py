"""A plan under a policy as data for programs: version 1 of `steward plan --json`, whose keys stay."""

from engine.app.plans.phrases import heard_words, time_words, undo_words, words
from engine.app.plans.plan_view import PlanRow, PlanView, stage_of
from engine.model import approval_rule
from engine.model.definitions.plan import Arg, Ask, Gate, Plan, Repeat
from engine.model.definitions.taint import encode
from engine.model.effects import Answer
from engine.model.values.canonical_json import Json


def to_json(seen: PlanView) -> dict[str, Json]:
    """Lengths in seconds, expressions as written."""
    plan = seen.plan
    cancelled_by = _refusals(plan)
    return {
        "id": plan.id,
        "name": plan.name,
        "description": plan.description,
        "path": plan.path,
        "source": plan.source,
        "digest": seen.digest,
        "stage": plan.stage.value,
        "highest-reach": seen.highest.value,
        "triggers": [{"kind": trigger.kind, "params": dict(trigger.params)} for trigger in plan.triggers],
        "stop-on": [heard_words(wait) for wait in plan.stop_on],
        "subject": _maybe(plan.subject),
        "concurrency": _maybe(plan.concurrency),
        "if-running": plan.if_running,
        "once": _maybe(plan.once),
        "if-failed": plan.if_failed,
        "budget-usd": plan.budget_usd,
        "time-zone": plan.time_zone,
        "currency": plan.currency,
        "event-labels": list(encode(plan.event_labels)),
        "inputs": [
            {
                "name": field.name,
                "type": str(field.type),
                "required": field.required,
                "default": field.default,
            }
            for field in plan.inputs
        ],
        "outputs": {name: words(arg) for name, arg in plan.outputs},
        "steps": [_step_json(plan, row, cancelled_by[row.node.id]) for row in seen.rows],
        "gates": [_gate_json(gate) for gate in seen.gates],
        "files": [{"path": path, "sha256": sha} for path, sha in plan.files],
    }


def _maybe(arg: Arg | None) -> str | None:
    return None if arg is None else words(arg)


def _refusals(plan: Plan) -> dict[str, list[str]]:
    """Step → the gates whose refusal cancels it: those of all it depends on, unless it reads their verdict."""
    gates: dict[str, str] = {}
    refusals: dict[str, list[str]] = {}
    for node in plan.nodes:
        own = node.gate
        if own is None and node.kind == "effect":
            own = (
                node.id
                if approval_rule.answer(stage_of(plan, node), node.highest_reach) is Answer.ASK
                else None
            )
        above = {gate for name in node.before for gate in (*refusals[name], gates.get(name))}
        above -= {*node.verdicts, own, None}
        refusals[node.id] = [gate for gate in dict.fromkeys(gates.values()) if gate in above]
        if own is not None:
            gates[node.id] = own
    return refusals


def _step_json(plan: Plan, row: PlanRow, cancelled_by: list[str]) -> dict[str, Json]:
    node = row.node
    return {
        "id": node.id,
        "name": node.name,
        "uses": node.uses,
        "kind": node.kind,
        "line": node.span.line,
        "column": node.span.column,
        "does": row.does,
        "acts": row.acts,
        "what": row.what,
        "stage": stage_of(plan, node).value,
        "reach": {"lowest": row.low.value, "highest": row.high.value},
        "if": None if node.condition is None else node.condition.written.strip(),
        "with": {name: words(arg) for name, arg in node.args},
        "after": [
            {"step": edge.step, "because": edge.because, "implicit": edge.implicit} for edge in row.after
        ],
        "verdicts": list(node.verdicts),
        "behind": cancelled_by,
        "could-start-earlier": None if row.earlier is None else {"needs": list(row.earlier)},
        "foreach": _maybe(node.foreach),
        "max-parallel": node.max_parallel,
        "pause-seconds": None if node.pause is None else node.pause.total_seconds(),
        "repeat": None if node.repeat is None else _repeat_json(node.repeat),
        "waits-for": [heard_words(wait) for wait in node.waits],
        "until": None if node.until is None else time_words(node.until),
        "asks": None if node.ask is None else _ask_json(node.ask),
        "expect": {name: words(arg) for name, arg in node.expect},
        "once": _maybe(node.once),
        "subject": _maybe(node.subject),
        "gate": node.gate,
        "undo": undo_words(node) if node.kind == "effect" and node.action else None,
        "undo-within-seconds": None if node.undo_within is None else node.undo_within.total_seconds(),
        "timeout-seconds": node.timeout.total_seconds(),
        "attempts": node.retry.attempts,
        "continue-on-error": node.continue_on_error,
    }


def _repeat_json(repeat: Repeat) -> dict[str, Json]:
    return {
        "until": repeat.until.written,
        "at-most": repeat.at_most,
        "pause-seconds": repeat.pause.total_seconds(),
    }


def _ask_json(ask: Ask) -> dict[str, Json]:
    return {
        "title": words(ask.title),
        "who": ask.who or "operator",
        "choices": list(ask.choices) if ask.offers is None else words(ask.offers),
        "fields": {name: str(type_) for name, type_ in ask.fields},
        "defaults": {name: words(arg) for name, arg in ask.defaults},
    }


def _gate_json(gate: Gate) -> dict[str, Json]:
    return {
        "id": gate.id,
        "title": words(gate.title),
        "members": list(gate.members),
        "expires-after-seconds": gate.expires_after.total_seconds(),
        "own": gate.own,
    }
