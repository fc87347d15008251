"""Plans as a Mermaid flowchart: steps as boxes, gates as diamonds, implicit order dotted."""

from collections.abc import Iterator, Sequence

from engine.app.plans.phrases import words
from engine.app.plans.plan_view import Because, PlanRow, PlanView

_ARROWS: dict[Because, str] = {
    "needs": "-->",
    "order": "-. file order .->",
    "reads": "-. reads .->",
    "default": "-. reads, or not .->",
}
_PLAIN = frozenset(" -_./,:()+=")


def quoted(text: str, limit: int = 80) -> str:
    """Text as a Mermaid string: whatever could end it, mark it up or hide is written as an entity."""
    return f'"{_safe(text, limit)}"'


def _safe(text: str, limit: int) -> str:
    flat = " ".join(text.split())
    flat = flat if len(flat) <= limit else f"{flat[: limit - 1]}…"
    return "".join(
        character
        if (character.isalnum() and character.isprintable()) or character in _PLAIN or character == "…"
        else f"#{ord(character)};"
        for character in flat
    )


def flowchart(plans: Sequence[PlanView]) -> str:
    """All plans in one chart, each in a frame of its own."""
    lines = ["flowchart TD"]
    for at, seen in enumerate(plans):
        lines.append(f"  subgraph p{at} [{quoted(seen.plan.name)}]")
        lines += [f"    {line}" for line in _inside(f"p{at}", seen)]
        lines.append("  end")
    return "\n".join(lines)


def _inside(prefix: str, seen: PlanView) -> Iterator[str]:
    step = {row.node.id: f"{prefix}s{at}" for at, row in enumerate(seen.rows)}
    for row in seen.rows:
        yield f"{step[row.node.id]}{_box(row)}"
    for at, gate in enumerate(seen.gates):
        title = words(gate.title) if not gate.own else f"ask about {gate.id}"
        yield f"{prefix}g{at}{{{quoted(title)}}}"
        for member in gate.members:
            yield f"{prefix}g{at} ==> {step[member]}"
    for row in seen.rows:
        for edge in row.after:
            yield f"{step[edge.step]} {_ARROWS[edge.because]} {step[row.node.id]}"


def _box(row: PlanRow) -> str:
    node = row.node
    labels = [f"{node.id}: {row.what}"]
    labels += [f"if {node.condition.written.strip()}"] if node.condition is not None else []
    labels += [f"for each of {words(node.foreach)}"] if node.foreach is not None else []
    labels += [f"until {node.repeat.until.written}"] if node.repeat is not None else []
    text = f'"{"<br/>".join(_safe(label, 80) for label in labels)}"'
    return f"([{text}])" if row.node.kind in {"wait", "end"} else f"[{text}]"
