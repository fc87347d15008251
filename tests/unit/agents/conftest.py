"""One warm room for all tests of agents: importing DSPy takes a second."""

import pytest

from engine.runtime.rooms import Sandbox


@pytest.fixture(scope="session")
def room():
    made = Sandbox({"agent": "engine.agents.program"})
    if not made.level:
        pytest.skip(f"NOT RUN: needs a room ({made.report()})")
    yield made
    made.close()
