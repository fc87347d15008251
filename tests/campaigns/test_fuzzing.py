"""The fuzz campaign sees what it is for: a planted exception and a planted hang are violations."""

import time

from tests.campaigns import fuzzing


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
