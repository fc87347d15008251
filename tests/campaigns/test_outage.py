"""A small outage of six hours, that what counts would see what it looks for, and the clock that all its processes share."""

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from types import SimpleNamespace

import pytest

from engine.testing.clock import START
from tests.campaigns import outage, scaled
from tests.counterparts import need
from tests.simulate.terminal import environment

EVERYBODY = [outage.sender(n) for n in range(4)]


@pytest.mark.slow
def test_a_small_outage_loses_and_doubles_nothing_and_every_planted_fault_is_found(tmp_path):
    with outage.world(tmp_path, letters=5, speed=2400) as made:
        result = outage.serve(made, seed=1)
        assert result["violations"] == []
        assert (result["answers"], result["succeeded"], result["asked"]) == (5, 5, 0)
        assert result["deferred"] > 0

        file = made.server.file
        whole = file.read_text().splitlines()
        answers = [line for line in whole if json.loads(line)["kind"] == "answer"]
        (who,) = json.loads(answers[0])["to"]
        file.write_text("\n".join(line for line in whole if line != answers[0]) + "\n")
        assert f"{who} is neither answered nor asked about" in outage.found(made)["violations"]
        file.write_text("\n".join([*whole, answers[0]]) + "\n")
        assert f"{who} was written to 2 times" in outage.found(made)["violations"]
        there = made.disks.there
    need(there, "the right to mount a tmpfs: the disk was never full")


def test_every_moment_is_the_same_for_all_processes_and_goes_faster():
    clock = scaled.Scaled.start(START, 3600)
    program = "import os; from tests.campaigns.scaled import *; print(Scaled.of(os.environ[NAME]).now().isoformat())"
    before = clock.now()
    there = subprocess.run(
        [sys.executable, "-c", program], env=environment(os.environ, **{scaled.NAME: clock.words}), check=True,
        capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    assert before.isoformat() < there < clock.now().isoformat()
    assert clock.now() - before > timedelta(seconds=30)


def test_a_run_that_nobody_sees_is_found():
    def run(id, status, waiting=""):
        return SimpleNamespace(id=id, status=status, waiting=waiting, reason="", ended=status != "running")

    runs = [
        run("a", "succeeded"),
        run("b", "failed"),
        run("c", "running", "approval"),
        run("d", "running", "retry"),
    ]
    assert len(outage.unseen(runs, set(), set())) == 3
    assert outage.unseen(runs, {"b", "c"}, {"d"}) == []


def test_thanks_leave_once_or_are_left_out():
    once = dict.fromkeys(EVERYBODY, 1)
    assert outage.once_or_left_out(EVERYBODY, once, set()) == []
    assert outage.once_or_left_out(EVERYBODY, {}, set(EVERYBODY)) == []
    assert len(outage.once_or_left_out(EVERYBODY, {EVERYBODY[0]: 2}, set(EVERYBODY[:2]))) == 4


def test_a_day_above_its_cap_is_found():
    rows = [
        {"at": "2026-03-02T22:59:00+00:00", "kind": "answer"},
        {"at": "2026-03-02T23:01:00+00:00", "kind": "answer"},
    ]
    assert outage.days(rows, "Europe/Berlin") == Counter({"2026-03-02": 1, "2026-03-03": 1})
    assert outage.over(rows, 1, "Europe/Berlin") == []
    assert len(outage.over(rows, 1, "UTC")) == 1
