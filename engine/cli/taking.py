"""take: what was put aside is read after all."""

import argparse

from engine.app import passing, views
from engine.cli import here
from engine.cli.deciding import carry_out
from engine.model.canonical import Json


def take(args: argparse.Namespace) -> int:
    """Let a letter that was put aside start what it would have started."""
    here.need_person("take")
    workspace = here.workspace()
    reading = passing.look(workspace)
    try:
        target = views.find_aside(reading, args.id).letter
    finally:
        reading.close()
    body: Json = {"playbook": args.name or ""}
    return carry_out(workspace, passing.request("take", actor=here.actor(), target=target, body=body))
