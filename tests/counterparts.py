"""The real counterparts tests meet: a mail server, a browser, a file system of their own. What is missing is said in one way.

A test whose counterpart is missing prints ``NOT RUN: needs …`` and is skipped; with ``STEWARD_REQUIRE_REAL`` set, as in CI, it fails
instead. No test skips in any other way (tests/meta/test_house.py).
"""

import importlib.util
import os
import sys
from typing import Final

import pytest

REQUIRED: Final = "STEWARD_REQUIRE_REAL"


def need(present: object, what: str, *, by_hand: bool = False) -> None:
    """Go on when it is there. `by_hand`: material that nothing can install (a corpus somebody names), so CI can't insist on it.

    Raises pytest's skip, or its failure where everything must be there.
    """
    if present:
        return
    print(f"NOT RUN: needs {what}", file=sys.stderr)
    if os.environ.get(REQUIRED) and not by_hand:
        pytest.fail(f"needs {what}, and {REQUIRED} asks for it", pytrace=False)
    pytest.skip(f"NOT RUN: needs {what}", allow_module_level=True)


def need_module(name: str) -> None:
    """Go on when a module can be imported; the parent packages of `name` are imported on the way."""
    try:
        present = importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        present = False
    need(present, name)


def needs(present: object, what: str) -> pytest.MarkDecorator:
    """The same as a mark, for a test or a whole module."""
    return pytest.mark.needs(bool(present), what)


LINUX: Final = needs(sys.platform == "linux", "Linux")
