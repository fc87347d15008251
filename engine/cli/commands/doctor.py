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
        findings = doctor.examine(
            workspace, reading, now=now, level=lambda: agents.room().level, memory=lambda: _memory(workspace)
        )
        if args.brief:
            zone = workspace.config.time_zone
            out(
                daily_brief.render_brief(
                    findings, reading, now=now, since=now - timedelta(days=1), zone=zone
                ).text,
                exact=True,
            )
        elif args.json:
            put_json("doctor", [asdict(finding) for finding in findings])
        else:
            for finding in findings:
                mark, shade = _MARKS[finding.grade]
                out(f"  {colour(mark, shade)} {finding.name:<10} {line(finding.said, 150)}")
                if finding.way_out:
                    out(f"    {'':<10} → {finding.way_out}")
        return 1 if any(finding.grade == "ill" for finding in findings) else 0
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
