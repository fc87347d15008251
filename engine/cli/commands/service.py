"""service: keep `steward up` running without a terminal, show its status, take it away again."""

import argparse
import os
import sys

from engine.app.setup.service.launchd import Launchd
from engine.app.setup.service.systemd import Systemd
from engine.app.setup.service.unit import ServiceManager, account, service_of
from engine.app.workspace.workspace import Workspace
from engine.cli import context
from engine.cli.output import err, out, put_json, put_table
from engine.ledger import StateDir, current_owner
from engine.model.errors import UsageError


def service(args: argparse.Namespace) -> int:
    """Install, look or uninstall; 0 is done, and for `status`: it is up."""
    workspace = context.workspace()
    if (args.print or args.account) and args.action != "install":
        raise UsageError(
            "--print and --as belong to install", code="usage", way_out="steward service install --print"
        )
    keeper = keeper_of(workspace, system=args.system, name=args.account)
    if args.print:
        err(f"# {keeper.path}")
        sys.stdout.write(keeper.text)
        sys.stdout.flush()
        return 0
    if args.action == "status":
        return _status(keeper, as_json=args.json)
    done = keeper.install() if args.action == "install" else keeper.uninstall()
    for sentence in done:
        out(sentence)
    return 0


def keeper_of(
    workspace: Workspace, *, system: bool, name: str, platform: str = sys.platform
) -> ServiceManager:
    """The service manager of this system. Raises UsageError when there is none, or none for the whole machine."""
    if platform == "win32":
        raise UsageError(
            "Windows has no service for this",
            code="no-manager",
            now_true="Nothing was written.",
            way_out="run it in WSL with systemd, or in a container (docs/how-to/run-on-a-server.md)",
        )
    if platform == "darwin":
        if system:
            raise UsageError(
                "--system is for systemd; on macOS the service is yours alone",
                code="no-manager",
                now_true="Nothing was written.",
                way_out="steward service install",
            )
        return Launchd(service=service_of(workspace, os.environ), env=os.environ)
    if name and not system:
        raise UsageError(
            "--as belongs to --system: a service of your own runs as you",
            code="usage",
            now_true="Nothing was written.",
            way_out="steward service install --system --as NAME",
        )
    whose = account(name, workspace.root) if system else None
    return Systemd(service=service_of(workspace, os.environ, whose), env=os.environ, account=whose)


def _status(keeper: ServiceManager, *, as_json: bool) -> int:
    """Up means that a process that stays owns the ledger, however it was started: in a container nothing else could tell."""
    # The state directory of the service: root's own would be another one.
    standing, owner = keeper.standing(), current_owner(StateDir(keeper.service.state / keeper.service.id))
    if owner is not None and not owner.stays:
        owner = None  # a command that passes by
    if as_json:
        put_json(
            "service",
            {
                "path": str(keeper.path),
                "file": standing.file,
                "keeper": standing.keeper,
                "running": standing.alive,
                "up": owner is not None,
                "process": owner.pid if owner else None,
                "hints": list(standing.hints),
            },
        )
        return 0 if owner else 1
    rows = [
        ["file", f"{keeper.path}: {standing.file}"],
        ["service", standing.keeper],
        ["up", f"process {owner.pid} on {owner.host}" if owner else "nobody"],
    ]
    put_table(rows)
    for hint in standing.hints:
        out(f"  → {hint}")
    if owner is None and standing.file == "none":
        err("  steward up" if standing.absent else "  steward service install")
    return 0 if owner else 1
