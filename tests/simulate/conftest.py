"""Companies to try things in: the starter's own, and one that has a provider."""

import pytest

from engine.testing.provider import Provider
from engine.testing.scenario import PROVIDER_FILE, Scenario


@pytest.fixture
def company(tmp_path):
    """A fresh workspace with the starter's playbooks, and a passphrase."""
    made = Scenario.make(tmp_path / "company")
    made.enrol()
    return made


@pytest.fixture
def provider(tmp_path):
    """A provider whose books lie where the invariants look for them."""
    (tmp_path / "supplied").mkdir()
    with Provider.start(tmp_path / "supplied" / PROVIDER_FILE) as one:
        yield one


@pytest.fixture
def supplied(tmp_path, provider):
    """Make a workspace with only these playbooks, and the provider's actions."""

    def make(**playbooks: str) -> Scenario:
        files = {f"playbooks/{name}.yaml": text for name, text in playbooks.items()}
        made = Scenario.make(tmp_path / "supplied", files=files, provider=provider.address, bare=True)
        made.enrol()
        return made

    return make
