"""take: what was put aside is read after all."""

import argparse

from engine.app.commands import command_bus
from engine.app.queries import descriptions
from engine.cli import context
from engine.cli.commands.approvals import carry_out
from engine.model.values.canonical_json import Json


def take(args: argparse.Namespace) -> int:
    """Let a letter that was put aside start what it would have started."""
    context.need_person("take")
    workspace = context.workspace()
    reading = command_bus.open_reader(workspace)
    try:
        target = descriptions.find_aside(reading, args.id).letter
    finally:
        reading.close()
    body: Json = {"playbook": args.name or ""}
    return carry_out(workspace, command_bus.request("take", actor=context.actor(), target=target, body=body))
