"""The outbox folder is its own index, also while letters move through it."""

import os

from engine.connectors.email.outbox import SENDING, SENT, Outbox, summary

BODY = (
    b"Message-ID: <%s@example.com>\r\nFrom: robin@example.com\r\nTo: ada@example.org\r\n"
    b"Date: Mon, 02 Mar 2026 13:00:00 +0100\r\nSubject: Re: Website check\r\nX-Steward-Thread: 1234\r\n"
    b"X-Steward-Once: today\r\n\r\nHello\r\n"
)


def test_a_letter_that_is_finished_while_the_outbox_is_read_hides_none(tmp_path, monkeypatch):
    box = Outbox(str(tmp_path))
    for name in (b"a", b"b"):
        body = BODY % name
        box.put(summary(body).message_id, body, SENDING)
    listed = os.listdir
    finished: list[str] = []

    def meanwhile(folder):
        names = listed(folder)
        if "a.eml" in names and not finished:
            finished.append("a")
            box.finish("<a@example.com>")
        return names

    monkeypatch.setattr(os, "listdir", meanwhile)
    assert set(box.sent()) == {"<a@example.com>", "<b@example.com>"}
    assert finished
    assert box.claimed("today", "<a@example.com>") is not None
    assert (tmp_path / "outbox" / SENT / "a.eml").is_file()
