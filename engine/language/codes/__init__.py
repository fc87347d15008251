"""Every diagnostic code with the function that makes it. The function's docstring is the page `steward explain CODE` shows.

SW0xx reading and shape · SW05x–SW09x settings, intents, policy, templates, agents · SW1xx references and types · SW2xx graph and gates ·
SW3xx trust and effects · SW4xx triggers · SW5xx tests.
"""

from collections.abc import Callable

from engine.language.codes.agents import AGENTS
from engine.language.codes.files import FILES
from engine.language.codes.graph import GRAPH
from engine.language.codes.policies import POLICIES
from engine.language.codes.reading import READING
from engine.language.codes.references import REFERENCES
from engine.language.codes.shape import SHAPE
from engine.language.codes.tests import TESTS
from engine.language.codes.triggers import STARTING
from engine.language.codes.trust import TRUST
from engine.language.codes.writing import WRITING
from engine.model.span import Diagnostic

CODES: dict[str, Callable[..., Diagnostic]] = {
    **READING, **SHAPE, **FILES, **POLICIES, **AGENTS, **REFERENCES,
    **WRITING, **GRAPH, **TRUST, **STARTING, **TESTS,
}  # fmt: skip
