"""What holds for every test: no memory process beside it (those that want one make their own), and which half it belongs to.

Slow are those that start processes, play whole companies, or try things at length. A single one is marked where it stands
(`@pytest.mark.slow`); here are the files and folders that are slow as a whole.
"""

import functools
import hashlib
import os
import signal
import sys
import threading

import pytest

from engine.app.adapters.memory_process import OFF
from tests.counterparts import need

os.environ[OFF] = "off"
# Without compiled files every process that a test starts would compile all of the engine again, for two CPU seconds each.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# A runner that was started in the background ignores Ctrl-C, and so would every process that a test starts and stops with it.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
# A key derived from the same passphrase and salt is the same key; deriving it once, for 0.1 s of CPU, is enough.
hashlib.scrypt = functools.cache(hashlib.scrypt)  # type: ignore[assignment]

SLOW = (
    "tests/campaigns/",
    "tests/contract/test_mailboxes.py",
    "tests/property/",
    "tests/simulate/",
    "tests/unit/agents/test_run.py",
    "tests/unit/cli/test_startup.py",
    "tests/unit/identity/test_tiers.py",
    "tests/unit/language/test_cost.py",
    "tests/unit/language/test_remembering.py",
    "tests/unit/language/test_shape.py",
    "tests/unit/ledger/test_crash.py",
    "tests/unit/ledger/test_disk.py",
    "tests/unit/ledger/test_owner.py",
    "tests/unit/memory/test_server.py",
    "tests/unit/observe/test_history.py",
    "tests/unit/runtime/test_exfiltration.py",
    "tests/unit/runtime/test_rooms.py",
    "tests/unit/testing/test_cases.py",
    "tests/unit/testing/test_starters.py",
)
LONGEST = (
    "tests/sabotage/test_sabotage.py",
    "tests/simulate/test_two_processes.py",
    "tests/corpus/test_hostile_repository.py",
    "tests/packaging/test_bootstrap.py",
    "tests/simulate/test_breakers.py",
    "tests/campaigns/test_killing.py",
    "tests/corpus/test_traversal.py",
    "tests/simulate/test_up.py",
    "tests/simulate/test_triggers.py",
    "tests/unit/language/test_cost.py",
    "tests/simulate/test_redrafting.py",
    "tests/simulate/test_outages.py",
    "tests/unit/cli/test_bad_input.py",
    "tests/simulate/test_doctor.py",
    "tests/simulate/test_recovery.py",
    "tests/simulate/test_approvals.py",
    "tests/unit/cli/test_startup.py",
    "tests/golden/test_right.py",
    "tests/packaging/test_wheel.py",
    "tests/simulate/test_undo.py",
    "tests/unit/memory/test_index.py",
)
"""The files that take longest begin first: one that begins last keeps one worker busy while the other has nothing left to do."""
FAST = ("test_flagship.py::test_every_letter_becomes_what_the_golden_case_says",)
"""One whole company stays in the fast half."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        need(*mark.args)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(SLOW) and not item.nodeid.endswith(FAST):
            item.add_marker(pytest.mark.slow)
    turn = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: turn.get(item.nodeid.partition("::")[0], len(LONGEST)))
