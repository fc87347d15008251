"""What compiling may cost, in CPU seconds with twice the room that was measured. Wall time would measure the machine's other work."""

import gc
import resource
import time

import pytest

from benchmarks import hostile_files as hostile
from benchmarks.compiling import ACTIONS, CONFIG, Folder, compiled, playbook
from engine.language.build.compile import compile_tree
from engine.language.yaml import reader

FILES = hostile.files()


LOOP_SECONDS = 0.0085
"""What the loop of `_slower` takes on the machine the ceilings were measured on, while nothing else runs there."""


def _slower():
    """How much slower the processor is at this moment: cores that are shared count the same work up to three times as long."""
    began = time.process_time()
    sum(number * number for number in range(300_000))
    return max((time.process_time() - began) / LOOP_SECONDS, 1.0)


def cpu(work):
    """CPU seconds of the work, as a quiet machine would have counted them, without a walk over what other tests left in memory."""
    gc.collect()
    gc.freeze()
    before = _slower()
    began = time.process_time()
    work()
    took = time.process_time() - began
    return took / max(before, _slower())


@pytest.fixture(scope="module", autouse=True)
def warm():
    compiled({"playbooks/warm.yaml": playbook(0, 20)})


def test_a_hundred_playbooks_of_twenty_steps_take_a_tenth_of_what_a_thousand_may():
    files = {f"playbooks/p{number}.yaml": playbook(90_000 + number, 20) for number in range(100)}

    assert cpu(lambda: compiled(files)) < 2 * 0.5


def test_one_edit_among_a_hundred_is_one_compilation():
    files = {f"playbooks/p{number}.yaml": playbook(90_000 + number, 20) for number in range(100)}
    compiled(files)
    changed = {**files, "playbooks/p7.yaml": playbook(70_000, 20)}

    assert cpu(lambda: compiled(changed)) < 2 * 0.04


def test_four_times_the_steps_cost_far_less_than_sixteen_times_as_much():
    """The quickest of three tries of each: what a busy machine adds is never less than nothing."""

    def quickest(steps):
        tries = [{"playbooks/long.yaml": playbook(60_000 + steps + number, steps)} for number in range(3)]
        return min(cpu(lambda files=files: compiled(files)) for files in tries)

    assert quickest(1_200) < 10 * quickest(300)


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_costs_little(name):
    path, data = FILES[name]
    steps = data.count(b"uses:") + data.count(b"- [ ]")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    seconds = cpu(
        lambda: compile_tree(Folder({path: data + b"\n"}), actions=ACTIONS, config=CONFIG),
    )

    assert seconds < 2 * (0.1 + 0.0003 * steps)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_a_playbook_of_ten_thousand_steps_is_read():
    root, found = reader.read("playbooks/long.yaml", playbook(1, 10_000))

    assert found == ()
    assert root is not None
