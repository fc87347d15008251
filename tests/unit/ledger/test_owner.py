"""One owner: also when processes race, fork, are killed, or are taken over."""

import fcntl
import os
import signal
import time

import pytest

from engine.ledger import Keys, Ledger, Owner, StateDir, current_owner, notify_owner
from engine.model.errors import LedgerError, NotOwner
from engine.model.events.events import Draft, RunStarted
from tests.unit.ledger.conftest import AT, enter


def child(work) -> int:
    """Run `work` in a forked process that ends without cleaning up, as a killed one would; its pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
        os._exit(0)
    except BaseException:
        os._exit(1)


def ended(pid: int) -> int:
    """How the child ended: 0 is well."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def taken(state: StateDir) -> Owner:
    owner = Owner.take(state)
    assert owner is not None
    return owner


class Line:
    """Two processes telling each other one thing at a time."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()

    def tell(self, byte: bytes = b".") -> None:
        os.write(self._write, byte)

    def hear(self) -> bytes:
        return os.read(self._read, 1)

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


@pytest.fixture
def line():
    made = Line()
    yield made
    made.close()


def test_a_second_taker_is_told_no_and_who_owns(state):
    first = taken(state)
    assert Owner.take(state) is None
    found = current_owner(state)
    assert found is not None
    assert (found.pid, found.epoch) == (os.getpid(), first.epoch)
    first.release()
    assert current_owner(state) is None


def test_the_epoch_rises_with_each_taking(state):
    epochs = []
    for _ in range(3):
        owner = taken(state)
        epochs.append(owner.epoch)
        owner.release()
        owner.release()
    assert epochs == [1, 2, 3]


def test_of_fifty_pairs_each_has_one_winner(state, line):
    for _ in range(50):
        start, told = Line(), Line()

        def race(start=start, told=told) -> None:
            start.hear()
            owner = Owner.take(state)
            told.tell(b"y" if owner else b"n")
            line.hear()  # nobody lets go before both have tried

        pids = [child(race), child(race)]
        start.tell(b"..")
        answers = told.hear() + told.hear()
        line.tell(b"..")
        assert sorted(answers) == sorted(b"yn")
        assert [ended(pid) for pid in pids] == [0, 0]
        start.close()
        told.close()


def test_a_killed_owner_leaves_no_lock(state, line):
    def own() -> None:
        assert Owner.take(state)
        line.tell()
        time.sleep(60)

    pid = child(own)
    line.hear()
    assert Owner.take(state) is None
    os.kill(pid, signal.SIGKILL)
    assert ended(pid) == -signal.SIGKILL
    assert current_owner(state) is None
    taken(state).release()


def test_a_child_of_a_killed_owner_does_not_hold_the_lock(state, line):
    stay = Line()

    def own() -> None:
        kept = Owner.take(state)
        assert kept
        grandchild = child(stay.hear)
        os.write(line._write, grandchild.to_bytes(4, "big"))
        time.sleep(60)

    pid = child(own)
    grandchild = int.from_bytes(os.read(line._read, 4), "big")
    os.kill(pid, signal.SIGKILL)
    ended(pid)
    os.kill(grandchild, 0)  # it lives
    taken(state).release()
    stay.tell()
    stay.close()


def test_a_plain_flock_would_have_stayed_with_the_child(tmp_path, line):
    """The fault this guards against is real: without the fork handler the lock outlives its owner."""
    stay, path = Line(), tmp_path / "lock"

    def own() -> None:
        fd = os.open(path, os.O_CREAT | os.O_RDWR)
        fcntl.flock(fd, fcntl.LOCK_EX)
        child(stay.hear)
        line.tell()
        time.sleep(60)

    pid = child(own)
    line.hear()
    os.kill(pid, signal.SIGKILL)
    ended(pid)
    fd = os.open(path, os.O_RDWR)
    with pytest.raises(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(fd)
    stay.tell()
    stay.close()


def test_a_forked_child_may_not_use_what_its_parent_opened(house):
    keys, ledger = house.keys, house.ledger
    house.steps(1, durable=False)

    def misuse() -> None:
        for use in (ledger.flush, ledger.verify, lambda: keys.key("x"), lambda: list(ledger.events())):
            try:
                use()
            except LedgerError as error:
                assert error.code == "forked"  # noqa: PT017 - a child has no pytest
            else:
                raise AssertionError(use)
        ledger.close()
        keys.close()
        house.owner.release()

    assert ended(child(misuse)) == 0
    house.steps(2)
    assert house.attempts() == [1, 2]
    assert Owner.take(house.state) is None


def test_a_program_started_by_the_owner_does_not_inherit_the_lock(state):
    import subprocess

    owner = taken(state)
    with subprocess.Popen(["sleep", "60"], close_fds=False) as process:
        owner.release()
        taken(state).release()
        process.kill()


def test_a_stale_owner_finds_out_before_it_writes(house):
    house.steps(1)
    house.state.lock.unlink()  # the one way to two owners: somebody deletes the file
    other = enter(house.state)
    other.steps(2)

    with pytest.raises(NotOwner, match="took the ledger over") as refused:
        house.steps(3)
    assert refused.value.way_out
    with pytest.raises(LedgerError):
        house.steps(4)

    assert other.attempts() == [1, 2]
    assert other.ledger.verify().ok
    other.close()


def test_a_stale_owner_woken_after_a_takeover_loses_its_buffer_and_nothing_else(house):
    house.steps(1, durable=False)
    house.state.lock.unlink()
    other = enter(house.state)
    other.steps(7)
    with pytest.raises(NotOwner):
        house.ledger.flush()
    assert other.attempts() == [7]
    assert other.ledger.verify().ok
    other.close()
    with pytest.raises(NotOwner):
        house.ledger.append([Draft(body=RunStarted())], at=AT, durable=True)


def test_waiting_ends_at_a_poke_from_another_process(state):
    owner = taken(state)
    notify_owner(state)
    notify_owner(state)
    assert owner.wait(0)
    assert not owner.wait(0)

    def later() -> None:
        time.sleep(0.05)
        notify_owner(state)

    pid = child(later)
    began = time.monotonic()
    assert owner.wait(10)
    assert time.monotonic() - began < 5
    ended(pid)
    owner.release()
    notify_owner(state)


def test_with_a_path_too_long_for_a_socket_waiting_is_polling(tmp_path):
    state = StateDir.of("w", env={"XDG_STATE_HOME": str(tmp_path / ("long" * 30))})
    owner = taken(state)
    began = time.monotonic()
    notify_owner(state)
    assert not owner.wait(60)
    assert time.monotonic() - began < 5
    assert not state.socket.exists()
    owner.release()


def test_the_lock_file_is_never_deleted_nor_replaced(state):
    owner = taken(state)
    inode = state.lock.stat().st_ino
    owner.release()
    taken(state).release()
    assert state.lock.stat().st_ino == inode


def test_a_state_directory_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    state = StateDir.of("w", env={"XDG_STATE_HOME": str(tmp_path / "file")})
    for take in (lambda: Owner.take(state), lambda: Keys.open(state)):
        with pytest.raises(LedgerError, match="can't be made") as refused:
            take()
        assert refused.value.way_out


def test_a_damaged_ledger_can_not_be_owned_and_the_lock_is_free_again(state):
    state.make()
    state.ledger.write_bytes(b"no database" * 1000)
    for _ in range(2):
        with pytest.raises(LedgerError, match="damaged"):
            Owner.take(state)


def test_a_ledger_of_a_newer_version_is_left_alone(house):
    import sqlite3

    house.close()
    db = sqlite3.connect(house.state.ledger)
    db.execute("PRAGMA user_version = 2")
    db.close()
    keys = Keys.open(house.state)
    with pytest.raises(LedgerError, match="newer Steward"):
        Ledger.open(house.state, keys=keys, owner=None)
    keys.close()
