"""`steward` with a provider and a place to die, for tests that kill real commands.

    python -m tests.campaigns.launch VERB …

``STEWARD_TEST_PROVIDER`` is the address of a provider whose actions the workspace may use, ``STEWARD_TEST_DIE_AT`` the number of the
point at which the process ends itself with SIGKILL, ``STEWARD_TEST_POINTS`` a file to which the names of all points reached are added.
"""

import os
import signal
import sys
from functools import partial

from engine.app.commands import command_bus, daemon
from engine.app.composition import Extra, build_app
from engine.cli.main import main
from engine.testing.connector import ACTIONS, ProviderConnector
from engine.testing.scenario import Counting


def provided(address: str) -> Extra | None:
    """The provider's actions, when there is a provider."""
    if not address:
        return None
    return Extra(
        connectors={"provider": ProviderConnector(address)}, specs={one.name: one for one in ACTIONS}
    )


def _die(_point: str, /) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def launch(argv: list[str]) -> int:
    """Run one command with what the environment asks for; its exit code."""
    probe = Counting(int(os.environ.get("STEWARD_TEST_DIE_AT", "0")), _die)
    wire = partial(build_app, additions=provided(os.environ.get("STEWARD_TEST_PROVIDER", "")))
    command_bus.submit = partial(command_bus.submit, probe=probe, wire=wire)
    daemon.build_app = wire  # type: ignore[attr-defined]  # the name it uses, not one it offers
    code = main(argv)
    if listed := os.environ.get("STEWARD_TEST_POINTS"):
        with open(listed, "a", encoding="utf-8") as file:
            file.writelines(f"{point}\n" for point in probe.points)
    return code


if __name__ == "__main__":
    sys.exit(launch(sys.argv[1:]))
