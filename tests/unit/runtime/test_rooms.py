"""A program in a room may do its worst: it stays inside, it is bounded, and nothing of it is left."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from engine.model.errors import PermanentError, TransientError
from engine.runtime.sandbox import SandboxPool
from tests.counterparts import LINUX, need
from tests.unit.runtime.rooms import BRIEF, PROGRAMS, at, family, strangers

pytestmark = LINUX


@pytest.fixture(scope="module", params=[3, 2, 1], ids=lambda level: f"level {level}")
def room(request):
    made = at(request.param)
    yield made
    made.close()


def hostile(room, do, *, limits=BRIEF, serve=lambda question: question, **given):
    return room.run("hostile", {"do": do, **given}, serve=serve, limits=limits, needs=1)


def alone(room):
    """What runs of this room beside its zygote; its zygote must have been started before."""
    return family(os.getpid()) - room.before


def settled(room):
    """Start the zygote, and remember every process there is."""
    hostile(room, "count")
    room.before = family(os.getpid())
    room.strangers = strangers()


def nothing_left(room):
    """What the child started is dead when the answer is there; its keeper is ours, and needs a moment to end."""
    deadline = time.monotonic() + 5.0
    while (alone(room) or strangers() - room.strangers) and time.monotonic() < deadline:
        time.sleep(0.005)
    return not alone(room) and not strangers() - room.strangers


def test_no_process_serves_two_attempts(room):
    assert [hostile(room, "count") for _ in range(3)] == [1, 1, 1]


def test_questions_go_over_the_pipe_and_answers_come_back(room):
    asked = []

    def serve(question):
        asked.append(question)
        return {"n": len(asked)}

    assert hostile(room, "echo", words=["a", "b"], serve=serve) == [{"n": 1}, {"n": 2}]
    assert asked == [{"question": "a"}, {"question": "b"}]


def test_what_the_engine_raises_while_it_answers_ends_the_child_and_goes_on(room):
    settled(room)

    def serve(question):
        raise PermanentError("no money", code="budget")

    with pytest.raises(PermanentError) as refused:
        hostile(room, "endless", serve=serve)
    assert refused.value.code == "budget"
    assert nothing_left(room)


def test_several_attempts_run_beside_each_other(room):
    answers = []

    def one(word):
        answers.append(hostile(room, "echo", words=[word] * 20))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer[0]["question"] for answer in answers) == list(range(8))


def test_a_child_has_no_environment_and_is_nobody_when_the_engine_is_root(room, monkeypatch):
    monkeypatch.setenv("PLANTED_SECRET", "canary-7f31")
    seen = hostile(room, "who")
    assert set(seen["env"]) <= {"LC_CTYPE"}
    if os.geteuid() == 0:
        assert (seen["uid"], seen["gid"]) == (65534, 65534)
        assert 0 not in seen["groups"]


def test_a_fork_bomb_is_bounded_and_gone(room):
    settled(room)
    most = 0 if room.level == 1 else BRIEF.processes
    peak = []
    watching = threading.Event()

    def watch():
        while not watching.wait(0.01):
            peak.append(len(alone(room)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    made = hostile(room, "bomb", limits=replace(BRIEF, seconds=3.0))
    watching.set()
    watcher.join()
    assert made <= most
    assert max(peak, default=0) <= BRIEF.processes + 2
    assert nothing_left(room)


@pytest.mark.parametrize("do", ["memory", "memory_at_once"])
def test_a_memory_hog_is_stopped_at_its_limit(room, do):
    with pytest.raises(PermanentError) as refused:
        hostile(room, do, limits=replace(BRIEF, memory=500_000_000))
    assert refused.value.code == "room-limit"


def test_nothing_can_be_written_anywhere(room, tmp_path):
    tmp_path.chmod(0o777)
    assert hostile(room, "disk", outside=str(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("do", ["flood", "boast"])
def test_a_flood_of_output_is_bounded(room, do):
    settled(room)
    with pytest.raises(PermanentError) as refused:
        hostile(room, do)
    assert refused.value.code in {"room-limit", "room-failed"}
    assert nothing_left(room)


def test_a_hundred_megabytes_on_the_standard_streams_go_nowhere(room):
    assert hostile(room, "shout") == "done"


@pytest.mark.parametrize("do", ["nest", "surrogate"])
def test_frames_that_are_no_proper_json_are_refused(room, do):
    with pytest.raises(PermanentError) as refused:
        hostile(room, do)
    assert refused.value.code == "room-failed"


def test_too_long_an_input_is_refused_before_it_leaves(room):
    with pytest.raises(PermanentError) as refused:
        hostile(room, "who", more="x" * 17_000_000)
    assert refused.value.code == "room-limit"


def test_descriptors_are_few(room):
    assert hostile(room, "descriptors") < 64


def test_a_loop_that_ignores_every_signal_ends_in_time(room):
    settled(room)
    began = time.monotonic()
    with pytest.raises(TransientError) as late:
        hostile(room, "loop", limits=replace(BRIEF, seconds=1.0, cpu=60))
    assert late.value.code == "timeout"
    assert time.monotonic() - began < 3.0
    assert nothing_left(room)


def test_computing_is_bounded_before_the_time_is_over(room):
    with pytest.raises(PermanentError) as refused:
        hostile(room, "loop", limits=replace(BRIEF, cpu=1))
    assert refused.value.code == "room-limit"


@pytest.mark.parametrize("stay", [False, True], ids=["answers", "stays"])
def test_daemons_die_with_the_attempt(room, stay):
    settled(room)
    began = time.monotonic()
    if stay and room.level > 1:
        with pytest.raises(TransientError):
            hostile(room, "daemon", stay=True, limits=replace(BRIEF, seconds=1.0))
    else:
        left = hostile(room, "daemon", stay=stay, limits=replace(BRIEF, seconds=1.0))
        assert left == ("no process" if room.level == 1 else "left")
    assert time.monotonic() - began < 3.0
    assert nothing_left(room)


@pytest.mark.parametrize("do", ["crash", "silent"])
def test_a_child_that_dies_or_hangs_up_fails_and_is_gone(room, do):
    settled(room)
    with pytest.raises(PermanentError) as failed:
        hostile(room, do)
    assert failed.value.code == "room-failed"
    assert nothing_left(room)


def test_the_machine_can_t_be_looked_at(room, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "secret.txt").write_text("x")
    seen = hostile(room, "listing", outside=str(tmp_path))
    assert not seen[str(tmp_path)]
    assert not seen["/proc"]
    assert not seen["/home"]
    if room.level == 3:
        assert set(seen["/"]) <= {
            "lib",
            "lib64",
            "usr",
            "etc",
            "dev",
            Path(sys.prefix).parts[1],
            Path(sys.base_prefix).parts[1],
            Path(PROGRAMS).parts[1],
        }
    else:
        assert seen["/"] is None


def test_the_kernel_refuses_what_a_room_has_no_use_for(room):
    if room.level == 1:
        with pytest.raises(PermanentError):
            hostile(room, "kernel")
        return
    assert hostile(room, "kernel") == []


def test_nothing_runs_below_the_level_it_needs(room):
    with pytest.raises(PermanentError) as refused:
        room.run("hostile", {"do": "who"}, serve=lambda one: one, limits=BRIEF, needs=room.level + 1)
    assert refused.value.code == "no-room"
    assert "by hand" in refused.value.way_out


def test_without_bubblewrap_the_next_level_is_used_and_the_reason_said(tmp_path):
    made = SandboxPool({"hostile": "hostile"}, code=(PROGRAMS,), env={"PATH": str(tmp_path)})
    assert made.level < 3
    assert made.report()[0].level == 3
    assert "bwrap" in made.report()[0].why
    if made.level == 0:
        need(None, "any room")
    made.close()


@pytest.mark.parametrize("mode", [0o755, 0o700], ids=["open", "shut"])
def test_a_room_that_holds_nothing_back_does_not_count(tmp_path, monkeypatch, mode):
    """A bubblewrap that is none: it runs the command bare. The proof inside can do what it must not, so the level is refused.

    It is refused, too, where the engine's own files lie in a folder that the program could not enter anyway.
    """
    (tmp_path / "temporary").mkdir(mode=mode)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    fake = tmp_path / "bwrap"
    fake.write_text('#!/bin/sh\nwhile [ "$1" != --chdir ]; do shift; done\nshift 2\nexec "$@"\n')
    fake.chmod(0o755)
    made = SandboxPool({"hostile": "hostile"}, code=(PROGRAMS,), env={"PATH": str(tmp_path)})
    assert made.report()[0].level == 3
    assert "read a file of the system" in made.report()[0].why
    assert made.level < 3
    made.close()


def test_a_killed_zygote_is_replaced(room):
    settled(room)
    room._zygotes["hostile"]._process.kill()
    room._zygotes["hostile"]._process.wait()
    assert hostile(room, "count") == 1


DYING = """
import sys
sys.path.insert(0, sys.argv[1])
from engine.model.ports import Limits
from engine.runtime.sandbox import SandboxPool
room = SandboxPool({"hostile": "hostile"}, code=(sys.argv[2],), max_level=int(sys.argv[3]))
assert room.level == int(sys.argv[3]), room.report()

def serve(question):
    print(room._zygotes["hostile"]._process.pid, flush=True)
    return None

room.run("hostile", {"do": "loop", "said": True}, serve=serve, limits=Limits(seconds=60.0, cpu=60), needs=1)
"""


def test_when_the_engine_is_killed_the_room_ends_with_it(room):
    root = str(Path(__file__).resolve().parents[3])
    command = [sys.executable, "-c", DYING, root, PROGRAMS, str(room.level)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as engine:
        assert engine.stdout is not None
        zygote = int(engine.stdout.readline())
        there = family(zygote)
        assert len(there) >= 3
        engine.kill()
    deadline = time.monotonic() + 2.0
    while any(Path(f"/proc/{pid}").exists() for pid in there) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [pid for pid in there if Path(f"/proc/{pid}").exists()] == []
