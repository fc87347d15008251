"""Every diagnostic code with the function that makes it. The function's docstring is the page `steward explain CODE` shows.

SW0xx reading and shape · SW05x–SW09x settings, intents, policy, templates, agents · SW1xx references and types · SW2xx graph and gates ·
SW3xx trust and effects · SW4xx triggers · SW5xx tests.
"""

from collections.abc import Callable

from engine.language.diagnostics.codes.agents import AGENTS
from engine.language.diagnostics.codes.config_files import FILES
from engine.language.diagnostics.codes.foreign_syntax import WRITING
from engine.language.diagnostics.codes.graph import GRAPH
from engine.language.diagnostics.codes.playbook_shape import SHAPE
from engine.language.diagnostics.codes.policies import POLICIES
from engine.language.diagnostics.codes.references import REFERENCES
from engine.language.diagnostics.codes.taint import TRUST
from engine.language.diagnostics.codes.test_files import TESTS
from engine.language.diagnostics.codes.triggers import STARTING
from engine.language.diagnostics.codes.yaml import READING
from engine.model.definitions.diagnostics import Diagnostic

CODES: dict[str, Callable[..., Diagnostic]] = {
    **READING, **SHAPE, **FILES, **POLICIES, **AGENTS, **REFERENCES,
    **WRITING, **GRAPH, **TRUST, **STARTING, **TESTS,
}  # fmt: skip
