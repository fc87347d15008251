from pathlib import Path

import pytest

from engine.ledger import StateDir
from engine.model.errors import UsageError


def test_state_lies_in_the_xdg_state_directory_by_workspace():
    assert StateDir.of("w1", env={"XDG_STATE_HOME": "/s", "HOME": "/h"}).path == Path("/s/steward/w1")
    assert StateDir.of("w1", env={"HOME": "/h"}).path == Path("/h/.local/state/steward/w1")
    assert StateDir.of("w1", env={"XDG_STATE_HOME": "relative", "HOME": "/h"}).path == Path(
        "/h/.local/state/steward/w1"
    )


@pytest.mark.parametrize("key", ["", "..", "a/b", "-a", "a\n", "a" * 65, "ü", "."])
def test_a_key_that_could_lead_elsewhere_is_refused(key):
    with pytest.raises(UsageError) as refused:
        StateDir.of(key, env={"HOME": "/h"})
    assert refused.value.way_out


def test_without_a_home_the_way_out_is_named():
    with pytest.raises(UsageError) as refused:
        StateDir.of("w", env={})
    assert "XDG_STATE_HOME" in refused.value.way_out


def test_the_directory_is_made_on_demand_and_private(tmp_path):
    state = StateDir.of("w", env={"XDG_STATE_HOME": str(tmp_path / "a")})
    assert not (tmp_path / "a").exists()
    state.make()
    state.path.chmod(0o755)
    assert state.make() is state
    assert state.path.stat().st_mode & 0o777 == 0o700
