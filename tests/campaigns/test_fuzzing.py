"""The fuzz campaign sees what it is for: a planted exception and a planted hang are violations."""

import subprocess
import sys
import time

import pytest

from tests.campaigns import __main__ as campaigns
from tests.campaigns import evidence, fuzzing


def test_what_raises_and_what_hangs_is_counted(monkeypatch):
    """By the seed that makes it again."""

    def bad(chance):
        if chance.random() < 0.01:
            raise ValueError("planted")

    monkeypatch.setitem(fuzzing.TARGETS, "playbooks", bad)
    tally = fuzzing.Tally()
    fuzzing.unit("playbooks", 0, tally)
    assert tally.cases == 1000
    assert 0 < len(tally.violations) < 100
    assert "planted" in tally.violations[0]


def test_a_slow_case_is_a_violation(monkeypatch):
    """Half a second of CPU is too long for one file."""

    def slow(_chance):
        end = time.process_time() + 0.06
        while time.process_time() < end:
            pass

    monkeypatch.setattr(fuzzing, "CASES", 1)
    monkeypatch.setattr(fuzzing, "SLOW_SECONDS", 0.05)
    monkeypatch.setitem(fuzzing.TARGETS, "sops", slow)
    tally = fuzzing.Tally()
    fuzzing.unit("sops", 0, tally)
    assert len(tally.violations) == 1


def test_a_slice_runs_twenty_thousand_cases_however_short_its_time_is(monkeypatch, tmp_path, capsys):
    """Twenty units of a thousand; here of one case each. The number is printed."""
    rows: list[dict[str, dict[str, int]]] = []
    monkeypatch.setattr(fuzzing, "CASES", 1)
    monkeypatch.setattr(evidence, "add", rows.append)
    monkeypatch.setattr(evidence, "slices", lambda *_: rows)
    fuzzes = [one for one in campaigns.CAMPAIGNS if one.name.startswith("fuzz-")]
    assert {one.name.removeprefix("fuzz-") for one in fuzzes} == set(fuzzing.TARGETS)
    for one in fuzzes:
        rows.clear()
        assert campaigns._slice(one, tmp_path, seconds=0, runs=0) == 0
        assert rows[0]["result"]["cases"] == 20
        assert "'cases': 20" in capsys.readouterr().out


PLANTED = """
from tests.campaigns import fuzzing

def bad(chance):
    held = []
    while chance.random() < 2:
        held.append(bytes(1 << 20) if fuzzing.MAX_BYTES < 4 << 30 else None) if len(held) < 9_000 else None

fuzzing.CASES, fuzzing.HUNG_SECONDS = 1, 0.3
fuzzing.TARGETS["sops"] = bad
for fuzzing.MAX_BYTES in (4 << 30, 1 << 30):
    fuzzing.bounded()
    tally = fuzzing.Tally()
    fuzzing.unit("sops", 0, tally)
    print(*tally.violations)
"""


@pytest.mark.slow
def test_what_never_ends_and_what_eats_memory_is_a_violation_and_no_death():
    """By the seed that makes it again; the campaign goes on."""
    done = subprocess.run([sys.executable, "-c", PLANTED], capture_output=True, text=True, check=False)
    hung, hungry = done.stdout.splitlines()
    assert "TimeoutError: more than 0.3 s of CPU" in hung
    assert "MemoryError" in hungry
