"""retry: a run that failed begins again."""

import argparse

from engine.app import passing, views
from engine.cli import deciding, here


def retry(args: argparse.Namespace) -> int:
    """Its own event, today's playbook, and nothing that happened twice."""
    workspace = here.workspace()
    reading = passing.look(workspace)
    try:
        run = views.find_run(reading, args.id)
    finally:
        reading.close()
    return deciding.carry_out(workspace, passing.request("retry", actor=here.actor(), target=run.id))
