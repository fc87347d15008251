"""One warm room for all tests of agents: importing DSPy takes a second."""

from importlib.util import find_spec

import pytest

from engine.runtime.rooms import Sandbox
from tests.counterparts import need


@pytest.fixture(scope="session")
def room():
    made = Sandbox({"agent": "engine.agents.program"})
    if not made.level:
        need(None, f"a room ({made.report()})")
    if find_spec("dspy") is None:
        need(None, "DSPy")
    yield made
    made.close()
