"""`up` on a full disk: it says so, holds, and goes on by itself."""

import os
import signal
import threading

import pytest

from engine.app.commands import daemon
from engine.app.workspace.workspace import open_workspace
from engine.model.errors import DiskFull
from engine.model.events import events as e
from engine.testing.scenario import letter


@pytest.mark.slow
def test_a_full_disk_is_waited_for_and_the_letter_is_read_when_there_is_room(company, monkeypatch):
    """Said once, and nothing is lost: what was being written then is written when there is room again. It ends also while it waits."""
    looks: list[bool] = []
    said: list[str] = []
    monkeypatch.setattr(daemon, "FIRST_PAUSE_SECONDS", 0.01)

    def roomy(_folder):
        looks.append(True)
        return len(looks) > 3

    monkeypatch.setattr(daemon, "has_room", roomy)
    company.drop("one", letter("One", "Please.", id="1@example.org"))
    os.utime(company.root / "vault/inbox/leads/one.eml", (1, 1))

    def probe(point):
        if len(looks) <= 3 and point.startswith("append:before:") and "run.created" in point:
            raise DiskFull("no room left", code="disk-full", now_true="", way_out="")

    def heard(event):
        if isinstance(event.body, e.CardOpened):
            signal.raise_signal(signal.SIGTERM)

    end = threading.Timer(60, os.kill, [os.getpid(), signal.SIGTERM])
    end.start()
    try:
        workspace = open_workspace(company.root, company.env)
        given = daemon.DaemonOptions(env=company.env, listen=heard, say=said.append, probe=probe)
        daemon.serve(workspace, given)
        assert len(looks) == 4
        assert len(company.runs()) == 1
        assert [text.partition(":")[0] for text in said if text.startswith(("the disk", "there is"))] == [
            "the disk is full",
            "there is room again",
        ]

        looks.clear()
        company.drop("two", letter("Two", "Please.", id="2@example.org"))
        os.utime(company.root / "vault/inbox/leads/two.eml", (1, 1))
        monkeypatch.setattr(daemon, "has_room", lambda _: signal.raise_signal(signal.SIGTERM))
        assert "full" in daemon.serve(workspace, given)
        assert len(company.runs()) == 1
    finally:
        end.cancel()
