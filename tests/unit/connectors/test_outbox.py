"""What left is remembered in a table, whatever became of the files, and finding it costs the same however many there are."""

import os
import sqlite3

import pytest

from engine.connectors import safe_paths
from engine.connectors.email.sending import outbox_index
from engine.connectors.email.sending.outbox import SENDING, SENT, Outbox, summary
from engine.model.errors import TransientError

BODY = (
    b"Message-ID: <%s@example.com>\r\nFrom: robin@example.com\r\nTo: ada@example.org\r\n"
    b"Date: Mon, 02 Mar 2026 13:00:00 +0100\r\nSubject: Re: Website check\r\nX-Steward-Thread: 1234\r\n"
    b"X-Steward-Once: today\r\n\r\nHello\r\n"
)


@pytest.fixture
def opened(monkeypatch):
    """Names of the letters that were opened."""
    names: list[str] = []
    read = safe_paths.read

    def counting(within, name, limit):
        names.append(name)
        return read(within, name, limit)

    monkeypatch.setattr(safe_paths, "read", counting)
    return names


def old_letters(tmp_path, count):
    """Letters as an earlier version left them: files, and no table."""
    folder = tmp_path / "outbox"
    folder.mkdir(exist_ok=True)
    for n in range(count):
        body = (BODY % f"old-{n}".encode()).replace(b"Once: today", f"Once: claim-{n}".encode())
        (folder / f"old-{n}.eml").write_bytes(body)


def test_a_second_letter_under_one_claim_stays_unsent(tmp_path):
    box = Outbox(str(tmp_path))
    assert box.deliver(BODY % b"a").outputs["sent"]
    second = box.deliver(BODY % b"b")
    assert (second.outputs["sent"], second.outputs["message-id"], second.outputs["to"]) == (
        False,
        "<a@example.com>",
        "ada@example.org",
    )


@pytest.mark.parametrize("gone", ["the letter", "the folder of sent ones", "both"])
def test_a_claim_outlives_its_letter(tmp_path, gone):
    """Somebody sent it by hand and put it away: it is not sent again."""
    box = Outbox(str(tmp_path))
    box.deliver(BODY % b"a")
    (tmp_path / "outbox" / "a.eml").unlink()
    again = Outbox(str(tmp_path))
    assert again.find("<a@example.com>") is not None
    assert not again.deliver(BODY % b"b").outputs["sent"], gone


@pytest.mark.parametrize("count", [0, 300])
def test_one_more_letter_opens_as_many_files_however_many_there_are(tmp_path, opened, count):
    old_letters(tmp_path, count)
    box = Outbox(str(tmp_path))
    assert box.claimed("nothing", "") is None
    assert len(opened) == count  # once, when the table is made
    again = Outbox(str(tmp_path))
    opened.clear()
    again.deliver(BODY % b"a")
    again.deliver(BODY % b"b")
    assert again.find("<nobody@example.net>") is None
    assert "<old-7@example.com>" in again or not count
    # Whether the letter itself is there is asked of its own file.
    assert set(opened) <= {"a.eml", "b.eml", "nobody.eml", "old-7.eml"}


def test_what_an_earlier_version_left_counts(tmp_path):
    old_letters(tmp_path, 3)
    box = Outbox(str(tmp_path))
    assert box.claimed("claim-2", "") is not None
    assert box.kin("Ada@example.org", "website check")
    assert not box.kin("eve@example.org", "website check")


@pytest.mark.parametrize("at", ["connect", "half"])
def test_a_table_that_was_cut_off_while_it_was_made_is_made_again(tmp_path, monkeypatch, at):
    """The process dies after the file is there and before the letters are in it."""
    old_letters(tmp_path, 3)
    first = outbox_index.Claims(tmp_path / "outbox")
    if at == "connect":
        assert not first.whole
    else:
        first.add([summary((tmp_path / "outbox" / "old-0.eml").read_bytes())])
    box = Outbox(str(tmp_path))
    assert box.claimed("claim-2", "") is not None


def test_a_table_that_is_gone_is_made_again_from_the_letters(tmp_path):
    Outbox(str(tmp_path)).deliver(BODY % b"a")
    (tmp_path / "outbox" / outbox_index.NAME).unlink()
    assert not Outbox(str(tmp_path)).deliver(BODY % b"b").outputs["sent"]


def test_a_letter_that_could_not_be_put_there_claims_nothing(tmp_path, monkeypatch):
    box = Outbox(str(tmp_path))
    box.deliver((BODY % b"z").replace(b"Once: today", b"Once: other"))

    def full(*_args, **_named):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(safe_paths, "write", full)
        with pytest.raises(TransientError):
            box.deliver(BODY % b"a")
    assert box.deliver(BODY % b"b").outputs["sent"]


def test_a_letter_that_certainly_did_not_leave_claims_nothing(tmp_path):
    box = Outbox(str(tmp_path))
    first, second = summary(BODY % b"a"), summary(BODY % b"b")
    assert box.begin(first, BODY % b"a") is None
    assert box.begin(second, BODY % b"b") is not None
    box.drop(first.message_id)
    assert box.begin(second, BODY % b"b") is None
    box.finish(second.message_id)
    assert (tmp_path / "outbox" / SENT / "b.eml").is_file()
    assert not os.listdir(tmp_path / "outbox" / SENDING)


def test_a_letter_put_there_before_a_crash_is_remembered_by_its_repetition(tmp_path):
    """The file is there and its row is not: the same key again writes it down."""
    box = Outbox(str(tmp_path))
    box.deliver((BODY % b"z").replace(b"Once: today", b"Once: other"))
    (tmp_path / "outbox" / "a.eml").write_bytes(BODY % b"a")
    assert box.deliver(BODY % b"a").repeated
    assert not box.deliver(BODY % b"b").outputs["sent"]


def test_the_table_names_nobody(tmp_path):
    Outbox(str(tmp_path)).deliver(BODY % b"a")
    data = (tmp_path / "outbox" / outbox_index.NAME).read_bytes()
    assert b"ada" not in data
    assert b"Website" not in data


def test_a_damaged_table_is_told_and_nothing_leaves(tmp_path):
    Outbox(str(tmp_path)).deliver(BODY % b"a")
    path = tmp_path / "outbox" / outbox_index.NAME
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(TransientError) as error:
        Outbox(str(tmp_path)).deliver(BODY % b"b")
    assert outbox_index.NAME in error.value.way_out
    path.unlink()
    assert not Outbox(str(tmp_path)).deliver(BODY % b"b").outputs["sent"]


def test_rows_are_found_by_index_and_never_by_looking_at_all(tmp_path):
    box = Outbox(str(tmp_path))
    box.deliver(BODY % b"a")
    db = sqlite3.connect(tmp_path / "outbox" / outbox_index.NAME)
    for where in ("message_id = 'x'", "once = 'x'", "kin = 'x'"):
        plan = " ".join(
            str(row) for row in db.execute(f"EXPLAIN QUERY PLAN SELECT at FROM letters WHERE {where}")
        )
        assert "SEARCH" in plan, plan
        assert "SCAN" not in plan, plan
    db.close()
