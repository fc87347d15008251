"""Files of other tools: which one wrote it, and what its words are called here."""

from engine.language.diagnostics.codes import playbook_shape as code
from engine.language.text.nodes import Mapping, Node, Sequence
from engine.model.definitions.diagnostics import Diagnostic, Span


def diagnose(path: str, top: Mapping) -> Diagnostic | None:
    """The diagnostic, shown before all others, of a file that another tool's syntax gives away."""
    tool, way = _tool(top)
    first = Span(path=path, end_column=2)
    return code.other_tool(first, tool=tool, way=way) if tool else None


def _tool(top: Mapping) -> tuple[str, str]:
    keys = {entry.key for entry in top.entries}
    steps = top.get("steps")
    if {"nodes", "connections"} <= keys:
        return "n8n", "its nodes are `steps` here, one after the other, and its first node is `on:`"
    if "jobs" in keys and not {"steps", "uses"} & keys:
        return (
            "GitHub Actions",
            "a playbook is one list of `steps`; commands are not run here, actions of connectors are",
        )
    if "tasks" in keys and {"id", "namespace", "triggers"} & keys:
        return "Kestra", "its `tasks` are `steps`, its `triggers` are `on:`, and `type:` is `uses:`"
    if "on" not in keys and isinstance(steps, Sequence) and any(_commands(step) for step in steps.items):
        return (
            "Dagu",
            "its `schedule` is `on: { schedule: { cron: … } }`, `depends` is `needs`; commands are not run here",
        )
    return "", ""


def _commands(node: Node) -> bool:
    keys = {entry.key for entry in node.entries} if isinstance(node, Mapping) else set()
    return bool({"command", "script", "run"} & keys) and "uses" not in keys
