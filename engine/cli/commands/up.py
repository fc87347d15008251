"""up: the engine stays, reads what comes as it comes, and deploys each commit."""

import argparse
import os
import signal
import sys
import time

from engine.app.commands.daemon import DaemonOptions, serve
from engine.cli import context
from engine.cli.output import err
from engine.cli.screen import progress
from engine.model.errors import UsageError

_AGAIN_SECONDS = 2.0


def up(args: argparse.Namespace) -> int:
    """Own the ledger until Ctrl-C. With `--wait` another owner is waited for: a service must not end because a command runs."""
    waits = False
    while True:
        workspace = context.workspace()
        narrator = progress.Narrator(workspace, remember=False)
        try:
            stands = serve(
                workspace, DaemonOptions(env=os.environ, listen=narrator.hear, say=narrator.notice)
            )
        except UsageError as problem:
            if not args.wait or problem.code != "already-up":
                raise
            if not waits:
                err(f"{problem.message}: waiting until it ends")
            waits = True
            _pause()
            continue
        finally:
            narrator.close()
        err(f"down: {stands or 'nothing was begun'}")
        err("  what waits is kept; schedules and timers go on with the next command, or when it is up again")
        return 0


def _pause() -> None:
    """Wait a little; SIGTERM ends the wait and the command at once, well: there is nothing to finish."""
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        time.sleep(_AGAIN_SECONDS)
    finally:
        signal.signal(signal.SIGTERM, previous)
