"""One run whole: its plan as a graph in the colours of its state, its steps in time, what went in and came out, approved beside sent."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from engine.model import effects
from engine.model.definitions.plan import Plan, undone_by
from engine.model.errors import EngineError, UsageError
from engine.model.values.canonical_json import Json
from engine.observe.today_page import DayView, unsealed_map
from engine.observe.why import Chain, Why

_WORDS = {
    "step.succeeded": "done", "effect.succeeded": "done", "wait.ended": "done", "human.answered": "done", "effect.resolved": "done",
    "step.failed": "failed", "effect.failed": "failed", "effect.deferred": "waits for another try", "effect.skipped": "left out", "effect.unknown": "unknown", "step.skipped": "skipped",
    "step.cancelled": "skipped", "effect.withdrawn": "skipped", "effect.previewed": "previewed", "effect.undone": "undone",
    "wait.started": "waits", "human.asked": "waits", "effect.gated": "waits", "effect.held": "waits", "step.retried": "waits", "step.reopened": "waits",
}  # fmt: skip
STATES = ("done", "runs", "waits", "failed", "unknown", "skipped", "previewed", "undone", "not yet")
"""The states of a step, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownStep:
    """One step in time. `state` is one of :data:`STATES`; stamps; `outputs` decrypted now, `unknowable` when erased."""

    name: str
    state: str
    began: str
    last: str
    attempts: int
    code: str
    outputs: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownEffect:
    """What a person approved beside what was frozen and left. `same`: one set of bytes, proven; None when no approval was asked for.

    `proposed` are the frozen words where nothing left in shadow; else empty.
    """

    step: str
    action: str
    reach: str
    answer: str
    approved: str
    sent: str
    proposed: str
    outcome: str
    provider: str
    same: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """Everything the page of one run shows."""

    run: dict[str, Any]
    plan: Plan
    steps: tuple[ShownStep, ...]
    effects: tuple[ShownEffect, ...]
    event: Json
    inputs: Json
    outputs: Json
    chains: tuple[Chain, ...]


def names(view: DayView, limit: int = 50) -> list[dict[str, Any]]:
    """The latest runs, newest first: (run, playbook, status, created)."""
    return view.history.rows(
        "SELECT run, playbook, status, created FROM runs ORDER BY seq DESC LIMIT ?", limit
    )


def of(view: DayView, prefix: str, *, anchored: int) -> RunPage:
    """The run whose id begins with `prefix`. `anchored` is the seq up to which the head is anchored. Raises UsageError."""
    rows = view.history.rows("SELECT * FROM runs WHERE starts_with(run, ?) LIMIT 2", prefix.lower())
    if len(prefix) < 4 or len(rows) != 1:
        raise UsageError(f"no single run begins with {prefix}", code="not-found", way_out="steward log")
    run = rows[0]
    from engine.language.passes import plan_codec

    chains = Why(view.history, view.ledger, anchored=anchored).run(run["run"])
    return RunPage(
        run=run, plan=plan_codec.from_bytes(view.ledger.load_content(run["plan"])), steps=tuple(_steps(view, run["run"])),
        effects=tuple(_effects(view, run["run"], chains)), event=_value(view, run["event"]),
        inputs=_value(view, run["inputs"]), outputs=_value(view, run["outputs"]), chains=chains,
    )  # fmt: skip


def standing(page: RunPage) -> dict[str, str]:
    """Node of the plan → its state; of a step with several items, the state that most needs attention."""
    order = ("failed", "unknown", "waits", "runs", "undone", "previewed", "skipped", "done")
    states: dict[str, str] = {}
    for step in page.steps:
        node = step.name.partition("#")[0]
        known = states.get(node)
        states[node] = step.state if known is None else min(known, step.state, key=order.index)
    return states


def mermaid(page: RunPage) -> str:
    """The plan as a flowchart, each node in the class of its state; the order that follows from other edges is left out."""
    from networkx import DiGraph, transitive_reduction

    state, shown = standing(page), {node.id for node in page.plan.every()}
    graph: DiGraph[str] = DiGraph()
    lines = ["flowchart LR"]
    # A step that undoes another is drawn only once it has begun.
    nodes = [node for node in page.plan.every() if node.id in state or not undone_by(node.id)]
    number = {node.id: f"n{at}" for at, node in enumerate(nodes)}
    for node in nodes:
        word = state.get(node.id, "not yet")
        lines.append(f'  {number[node.id]}["{_plain(node.id)}<br/>{word}"]:::{word.replace(" ", "")}')
        graph.add_node(node.id)
        predecessors = (undone_by(node.id),) if undone_by(node.id) else node.before
        graph.add_edges_from(
            (predecessor, node.id)
            for predecessor in predecessors
            if predecessor in shown and predecessor in number
        )
    lines += [f"  {number[a]} --> {number[b]}" for a, b in transitive_reduction(graph).edges]
    lines += [
        f"  classDef {state.replace(' ', '')} fill:{fill},stroke:{stroke},color:#1b1b1b"
        for state, (fill, stroke) in COLOURS.items()
    ]
    return "\n".join(lines)


COLOURS = {
    "done": ("#d7f0dd", "#2f8f4e"),
    "runs": ("#d8e8fb", "#2b6cb0"),
    "waits": ("#fdf0c8", "#b7791f"),
    "failed": ("#fbd9d7", "#c53030"),
    "unknown": ("#f3d8f6", "#8b3a9c"),
    "skipped": ("#eeeeee", "#9a9a9a"),
    "previewed": ("#e4e0fa", "#5b4bb5"),
    "undone": ("#e6ddd2", "#8a6d4b"),
    "not yet": ("#ffffff", "#b5b5b5"),
}
"""State → (fill, stroke)."""


def _steps(view: DayView, run: str) -> Iterator[ShownStep]:
    rows = view.history.rows(
        "SELECT s.*, (SELECT arg_max(body->>'$.answer', seq) FROM events e WHERE e.run = s.run AND e.step = s.step "
        "AND e.type = 'effect.gated') AS answer FROM steps s WHERE s.run = ? ORDER BY s.began, s.step",
        run,
    )
    for row in rows:
        state = _WORDS.get(row["state"] or "", "runs")
        if row["state"] == "effect.gated" and row["answer"] != "ask":
            state = "failed" if row["answer"] == "deny" else "runs"
        yield ShownStep(
            name=row["step"], state=state, began=row["began"], last=row["last"], attempts=row["attempts"] or 1,
            code=row["code"] or "", outputs=_value(view, row["outputs"]),
        )  # fmt: skip


def _effects(view: DayView, run: str, chains: tuple[Chain, ...]) -> Iterator[ShownEffect]:
    proven = {chain.key: not any(hole.startswith("approval") for hole in chain.holes) for chain in chains}
    cards = [
        unsealed_map(partial(view.ledger.unseal, row["content"]))
        for row in view.history.rows(
            "SELECT content FROM approvals WHERE run = ? AND status = 'approved' ORDER BY seq", run
        )
    ]
    for row in view.history.rows("SELECT * FROM effects WHERE run = ? ORDER BY seq", run):
        members = [
            member for card in cards for member in card.get("members", ()) if member["step"] == row["step"]
        ]
        asked = row["answer"] == "ask"
        left, shadow = row["intended"] is not None, row["answer"] == "preview"
        yield ShownEffect(
            step=row["step"], action=row["action"], reach=row["reach"] or "", answer=row["answer"] or "",
            approved=str(members[-1]["text"] or members[-1]["name"]) if members else ("not approved" if asked else "not asked"),
            sent=_frozen(view, row["proposal"]) if left else "nothing left",
            proposed=_frozen(view, row["proposal"], whole=True) if shadow else "",
            outcome=(row["outcome"] or "").removeprefix("effect."), provider=row["provider"] or "",
            same=proven[row["key"]] if asked and left else None,
        )  # fmt: skip


def _frozen(view: DayView, proposal: str, *, whole: bool = False) -> str:
    """The words of a frozen effect as it leaves, `whole`: with its facts; what was erased says so."""
    try:
        effect: Any = effects.load(view.ledger.unseal(proposal))
    except EngineError as error:
        return f"unknowable: {error.message}"
    if whole:
        return "\n".join(effects.words(effect))
    return str(effect.preview.text) or f"{effect.preview.media}, {len(effect.preview.body)} bytes"


def _value(view: DayView, id_: str | None) -> Json:
    if not id_:
        return None
    try:
        return view.ledger.unseal(id_)
    except EngineError as error:
        return {"unknowable": error.message}


def _plain(text: str) -> str:
    """A step's name for Mermaid: what could end its string or mark it up is written as an entity."""
    return "".join(
        character if character.isalnum() or character in "-_~ ." else f"#{ord(character)};"
        for character in text
    )
