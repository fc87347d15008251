"""Whoever only looks must not hurt the owner: not from the owner's own process, and not from another one."""

import os

from engine.app import passing
from engine.ledger import Keys, Ledger, Owner
from engine.model.events import Draft, StopSet
from engine.testing.clock import START
from tests.simulate.terminal import environment, plainly


def test_a_look_from_inside_and_one_from_outside_leave_the_owner_s_log_alone(company):
    """A second handle in the owner's process, closed again, must not drop the locks of the first."""
    workspace = company.workspace()
    owner = Owner.take(workspace.state)
    assert owner is not None
    keys = Keys.open(workspace.state)
    ledger = Ledger.open(workspace.state, keys=keys, owner=owner)
    ledger.append([Draft(body=StopSet(by="one", channel="terminal"))], at=START, durable=True)
    log = os.stat(f"{workspace.state.ledger}-wal").st_ino
    passing.look(workspace).close()

    # A program of its own: a forked child would share what SQLite remembers of the locks.
    assert plainly(["status"], cwd=company.root, env=environment(company.env)).code == 0
    assert os.stat(f"{workspace.state.ledger}-wal").st_ino == log
    (last,) = ledger.append([Draft(body=StopSet(by="two", channel="terminal"))], at=START, durable=True)
    with company.reading() as reading:
        assert [event.hash for event in reading.ledger.events()][-1] == last.hash
        assert reading.ledger.trouble == ""
    ledger.close()
    keys.close()
    owner.release()
