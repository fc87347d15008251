"""A full disk, a limit on file size, a place that can't be written."""

import contextlib
import os
import resource
import subprocess

import pytest

from engine.ledger import Keys, Ledger, Owner, SealedBlobs, StateDir
from engine.model.errors import DiskFull, LedgerError
from tests.counterparts import need
from tests.unit.ledger.conftest import AT, attempts, enter


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 24 MB of our own, or a skip where we may not mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], check=False, capture_output=True
        ).returncode
    )
    need(mounted, "root and mount, for a small file system of our own")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place) -> None:
    with open(place / "filler", "ab", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)


def test_a_full_disk_loses_nothing_and_passes(small_disk):
    state = StateDir.of("w", env={"XDG_STATE_HOME": str(small_disk)})
    house = enter(state)
    house.steps(1)
    assert house.ledger.room
    fill(small_disk)

    done, refused = [1], None
    for attempt in range(2, 20_000):
        try:
            house.steps(attempt)
        except DiskFull as error:
            refused = error
            break
        done.append(attempt)

    assert refused is not None
    assert refused.now_true
    assert refused.way_out
    assert not house.ledger.room
    assert len(done) > 500, "the reserve made room for what had to be written"
    assert house.attempts() == done
    with pytest.raises(DiskFull):
        house.ledger.seal("x" * 5_000_000)
    with pytest.raises(DiskFull):
        SealedBlobs(state, house.keys).put(b"x" * 5_000_000, None)

    (small_disk / "filler").unlink()
    house.steps(-1, after_ms=60_000)
    house.ledger.tick(AT)
    assert house.ledger.room
    assert house.attempts() == [*done, -1]
    assert house.ledger.verify().ok
    house.close()
    again = enter(state)
    assert again.attempts() == [*done, -1]
    again.close()


def test_a_full_disk_keeps_buffered_events_for_later(small_disk):
    state = StateDir.of("w", env={"XDG_STATE_HOME": str(small_disk)})
    house = enter(state)
    house.steps(1)
    fill(small_disk)
    state.reserve.unlink()
    fill(small_disk)
    house.steps(2, durable=False)
    with pytest.raises(DiskFull):
        house.steps(*range(100_000))
    seen = house.attempts()
    (small_disk / "filler").unlink()
    house.ledger.flush()
    assert house.attempts() == seen
    assert seen == [1, 2]
    assert house.ledger.verify().ok
    house.close()


def test_a_disk_that_is_full_from_the_start_is_explained(small_disk):
    fill(small_disk)
    state = StateDir.of("w", env={"XDG_STATE_HOME": str(small_disk)})
    for start in (lambda: Keys.open(state), lambda: Owner.take(state)):
        with pytest.raises(LedgerError) as refused:
            start()
        assert refused.value.way_out


def test_a_limit_on_file_size_refuses_and_nothing_acknowledged_is_lost(state, open_house):
    pid = os.fork()
    if not pid:
        house = enter(state)
        house.steps(*range(100))
        resource.setrlimit(resource.RLIMIT_FSIZE, (160_000, 160_000))
        code, done = 1, 100
        try:
            for attempt in range(100, 10_000):
                house.steps(attempt)
                done += 1
        except DiskFull:
            with contextlib.suppress(DiskFull):
                house.ledger.flush()
            code = 0 if len(house.attempts()) == done else 2
        except BaseException:
            code = 3
        (state.path / "done").write_text(str(done))
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    done = int((state.path / "done").read_text())
    house = open_house()
    assert house.attempts() == list(range(done))
    assert house.ledger.verify().ok


def test_a_read_only_place_is_explained(small_disk):
    state = StateDir.of("w", env={"XDG_STATE_HOME": str(small_disk)})
    house = enter(state)
    house.steps(1)
    house.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    reading = Keys.open(state)  # looking is no writing
    for write in (lambda: Owner.take(state), lambda: reading.put_secret("name", b"value")):
        with pytest.raises(LedgerError) as refused:
            write()
        assert refused.value.code == "read-only"
        assert refused.value.way_out
    reading.close()
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    keys = Keys.open(state)
    ledger = Ledger.open(state, keys=keys, owner=None)
    assert attempts(ledger) == [1]
    ledger.close()
    keys.close()
