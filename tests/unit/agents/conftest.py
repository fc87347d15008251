"""One warm room for all tests of agents: importing DSPy takes a second."""

from importlib.util import find_spec

import pytest

from engine.runtime.sandbox import SandboxPool
from tests.counterparts import need


@pytest.fixture(scope="session")
def room():
    made = SandboxPool({"agent": "engine.agents.dspy_program"})
    if not made.level:
        need(None, f"a room ({made.report()})")
    if find_spec("dspy") is None:
        need(None, "DSPy")
    yield made
    made.close()
