"""stop, resume, secrets: the brake, and what proves it is you."""

import argparse
import getpass
import secrets as chance
import sys

from engine.app.commands import command_bus
from engine.app.workspace import sealed_secrets
from engine.app.workspace.clock import present
from engine.app.workspace.workspace import Workspace
from engine.cli import context
from engine.cli.commands.approvals import carry_out, prove
from engine.cli.output import err, out
from engine.governance import second_factor
from engine.ledger import Keys
from engine.model.errors import Refused, UsageError


def stop(_args: argparse.Namespace) -> int:
    """Nothing leaves from now on. Works without a terminal: stopping is always allowed."""
    workspace = context.workspace()
    # The flag first: it counts at once, also for an owner that is busy and when the ledger can't be written.
    workspace.state.make()
    (workspace.state.path / "stop").write_text("stopped\n", encoding="utf-8")
    return carry_out(workspace, command_bus.request("stop", actor=context.actor()))


def resume(args: argparse.Namespace) -> int:
    """Lift the stop, or have a connector called again that is held back."""
    context.need_person("resume")
    workspace = context.workspace()
    if args.connector:
        return carry_out(
            workspace, command_bus.request("resume", actor=context.actor(), target=args.connector)
        )
    if args.damaged:
        return _waive(workspace)
    reading = command_bus.open_reader(workspace)
    try:
        flag = workspace.state.path / "stop"
        if not reading.book.stopped and not flag.exists():
            err("nothing is stopped")
            return 0
        asked = prove(reading, command_bus.request("resume", actor=context.actor()))
    finally:
        reading.close()
    return carry_out(workspace, asked)


def _waive(workspace: Workspace) -> int:
    """Let effects leave in spite of one problem with what is kept: shown, and proved."""
    reading = command_bus.open_reader(workspace)
    try:
        ill = reading.ill
        if ill is None:
            err("nothing holds effects back")
            return 0
        err(f"  {ill.problem}")
        if not ill.name:
            raise Refused(
                "this can't be passed over",
                code="no-waiver",
                now_true="No effect leaves.",
                way_out=ill.way_out,
            )
        asked = prove(reading, command_bus.request("waive", actor=context.actor(), digest=ill.name))
    finally:
        reading.close()
    return carry_out(workspace, asked)


def secrets(args: argparse.Namespace) -> int:
    """List names, keep one, or enrol what proves a decision of strength 2."""
    workspace = context.workspace()
    keys = Keys.open(workspace.state)
    try:
        if args.action == "list":
            return _list(keys)
        context.need_person(f"secrets {args.action}")
        if not args.name:
            raise UsageError(
                "say which",
                way_out=f"steward secrets {args.action} {'NAME' if args.action == 'set' else 'totp|passphrase'}",
            )
        if args.action == "set":
            return _set(keys, args.name)
        return _enrol(workspace, keys, args.name)
    finally:
        keys.close()


def _list(keys: Keys) -> int:
    for name in sorted(sealed_secrets.SealedSecrets(keys)):
        out(name)
    for method in ("passphrase", "totp"):
        if keys.get_secret(f"strength-{method}") is not None:
            err(f"enrolled: {method}")
    return 0


def _set(keys: Keys, name: str) -> int:
    value = getpass.getpass(f"{name}: ", stream=sys.stderr)
    if not value:
        raise UsageError("nothing was typed", now_true="Nothing was kept.")
    sealed_secrets.keep(keys, name, value)
    err(
        f"✓ kept, sealed; name it in steward.yaml as ${{{{ secrets.{name} }}}} and list `keyring` under secrets:"
    )
    return 0


def _enrol(workspace: Workspace, keys: Keys, method: str) -> int:
    if method not in {"passphrase", "totp"}:
        raise UsageError(
            f"{method} can't be enrolled", way_out="steward secrets enrol passphrase   or   … totp"
        )
    if keys.get_secret("strength-passphrase") or keys.get_secret("strength-totp"):
        _prove_again(workspace)
    if method == "passphrase":
        first = getpass.getpass("new passphrase (8 characters or more): ", stream=sys.stderr)
        if getpass.getpass("once more: ", stream=sys.stderr) != first:
            raise UsageError("the two differ", now_true="Nothing was enrolled.")
        second_factor.enrol_passphrase(keys, first, salt=chance.token_bytes(16))
    else:
        import pyotp

        seed = pyotp.random_base32()
        err(
            f"  put this into your authenticator: {pyotp.TOTP(seed).provisioning_uri(name=workspace.root.name, issuer_name='Steward')}"
        )
        if not pyotp.TOTP(seed).verify(
            getpass.getpass("the code it shows now: ", stream=sys.stderr), valid_window=1
        ):
            raise Refused(
                "that is not the code", now_true="Nothing was enrolled.", way_out="steward secrets enrol totp"
            )
        second_factor.enrol_totp(keys, seed)
    return carry_out(workspace, command_bus.request("enrol", actor=context.actor(), target=method))


def _prove_again(workspace: Workspace) -> None:
    """A new method replaces nothing unless the old one agrees."""
    reading = command_bus.open_reader(workspace)
    try:
        asked = prove(reading, command_bus.request("enrol", actor=context.actor(), target="again"))
        name = second_factor.verify(reading.keys, asked, now=present(), used=reading.book.proofs.__contains__)
    finally:
        reading.close()
    if not name:
        raise Refused(
            "that does not prove it is you", now_true="Nothing was enrolled.", way_out="steward secrets list"
        )
