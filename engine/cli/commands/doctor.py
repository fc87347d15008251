"""doctor: what is wrong or about to be, and what to type."""

import argparse
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta

from engine.app.adapters import agents, memory_process
from engine.app.commands import command_bus
from engine.app.health import daily_brief, doctor
from engine.app.workspace.clock import present
from engine.app.workspace.workspace import Workspace
from engine.cli import context
from engine.cli.output import colour, line, out, put_json
from engine.memory.model import NONE, find
from engine.model.errors import PermanentError

_MARKS = {"ok": ("✓", "green"), "look": ("!", "yellow"), "ill": ("✗", "red")}


def examine(args: argparse.Namespace) -> int:
    """Every finding, or the morning's words; exit 1 when something is ill."""
    workspace = context.workspace()
    reading = command_bus.open_reader(workspace)
    try:
        now = present()
        found = doctor.examine(
            workspace, reading, now=now, level=lambda: agents.room().level, memory=lambda: _memory(workspace)
        )
        if args.brief:
            zone = workspace.config.time_zone
            out(
                daily_brief.render_brief(
                    found, reading, now=now, since=now - timedelta(days=1), zone=zone
                ).text,
                exact=True,
            )
        elif args.json:
            put_json("doctor", [asdict(one) for one in found])
        else:
            for one in found:
                mark, shade = _MARKS[one.grade]
                out(f"  {colour(mark, shade)} {one.name:<10} {line(one.said, 150)}")
                if one.way_out:
                    out(f"    {'':<10} → {one.way_out}")
        return 1 if any(one.grade == "ill" for one in found) else 0
    finally:
        reading.close()


def _memory(workspace: Workspace) -> Mapping[str, object]:
    """What the index says of itself, without starting it; or why there can be none, where that was not asked for."""
    client = memory_process.client(workspace, os.environ)
    if client is not None:
        return client.status()
    if os.environ.get(memory_process.OFF) == "off" or workspace.config.memory.model == NONE:
        return {}
    try:
        find(workspace.config.memory)
    except PermanentError as problem:
        return {"state": "not installed", "because": problem.message, "way-out": problem.way_out}
    return {}
