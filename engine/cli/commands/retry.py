"""retry: a run that failed begins again."""

import argparse

from engine.app.commands import command_bus
from engine.app.queries import descriptions
from engine.cli import context
from engine.cli.commands import approvals


def retry(args: argparse.Namespace) -> int:
    """Its own event, today's playbook, and nothing that happened twice."""
    workspace = context.workspace()
    reading = command_bus.open_reader(workspace)
    try:
        run = descriptions.find_run(reading, args.id)
    finally:
        reading.close()
    return approvals.carry_out(workspace, command_bus.request("retry", actor=context.actor(), target=run.id))
