"""up: the engine stays, reads what comes as it comes, and deploys each commit."""

import argparse
import os

from engine.app.serving import Up, serve
from engine.cli import here, narrate
from engine.cli.talk import say


def up(_: argparse.Namespace) -> int:
    """Own the ledger until Ctrl-C."""
    workspace = here.workspace()
    narrator = narrate.Narrator(workspace, remember=False)
    try:
        serve(workspace, Up(env=os.environ, listen=narrator.hear, say=narrator.notice))
    finally:
        narrator.close()
    say("down: what waits is kept; the next command goes on from here")
    return 0
