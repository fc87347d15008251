"""Mailboxes as a source of runs: what is there, what is new, what belongs together."""

import os

import pytest

from engine.connectors.email.mailboxes import Mailboxes
from engine.connectors.email.message import parse
from engine.model.definitions.taint import Label
from engine.model.errors import PermanentError
from engine.model.values.ids import source_id
from tests.contract.world import KEY, LETTER, TEMPLATE, World, call, effect


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def by_name(world):
    return {one.place.rpartition("/")[2]: one for one in world.arrivals()}


def raw(message_id, more="", body="x"):
    head = "From: Ada <ada@example.org>\nSubject: s\n" + (
        f"Message-ID: <{message_id}>\n" if message_id else ""
    )
    return f"{head}{more}\n{body}\n".encode()


def test_a_letter_becomes_an_event(world):
    world.drop("01.eml", b"Received: by mx; Mon, 2 Mar 2026 09:14:05 +0100\n" + LETTER)
    (one,) = world.arrivals()
    assert one.kind == "email"
    assert one.ignored == ""
    assert one.place == "vault/inbox/01.eml"
    assert one.labels == frozenset({Label.UNTRUSTED})
    assert one.event | {"thread": "", "text": ""} == {
        "from": "ada@winterlight.example.com",
        "name": "Ada Winter",
        "to": "Robin Park <robin@example.com>",
        "subject": "Website check",
        "text": "",
        "thread": "",
        "message-id": "<first@winterlight.example.com>",
        "at": "2026-03-02T08:14:05.000000Z",
        "attachments": [],
        "auth": {"dmarc": "none", "spf": "none", "dkim": "none", "aligned": False},
        "mailbox": "leads",
        "caution": "",
        "via": "",
    }


def test_the_time_of_a_letter_nobody_received_is_the_files(world):
    path = world.drop("01.eml")
    os.utime(path, ns=(0, 1_700_000_000_123_456_000))
    assert world.arrivals()[0].event["at"].startswith("2023-11-14T22:13:20.123456Z")


def test_mailboxes_of_the_inbox_are_its_folders(world):
    world.drop("b.eml")
    world.drop("a.eml", folder="vault/inbox/leads")
    world.drop("c.eml", folder="vault/inbox/support")
    world.drop("d.txt")
    world.drop(".hidden.eml")
    found = [(one.event["mailbox"], one.place) for one in world.arrivals()]
    assert found == [
        ("leads", "vault/inbox/leads/a.eml"),
        ("leads", "vault/inbox/b.eml"),
        ("support", "vault/inbox/support/c.eml"),
    ]


def test_configured_mailboxes_replace_the_inbox(tmp_path):
    world = World(tmp_path, email={"mailboxes": {"leads": "mail/leads", "gone": "mail/gone"}})
    world.drop("a.eml")
    world.drop("b.eml", folder="mail/leads")
    assert [one.place for one in world.arrivals()] == ["mail/leads/b.eml"]


@pytest.mark.parametrize("path", ["../mail", "/etc", "a//b", "", ".", "a/../b"])
def test_a_mailbox_outside_the_workspace_is_refused(path, tmp_path):
    with pytest.raises(PermanentError, match=r"connectors\.email\.mailboxes\.leads"):
        Mailboxes(root=str(tmp_path), folders={"leads": path}, index_key=KEY)


def test_a_maildir_is_read_and_its_flags_make_no_other_letter(world):
    box = "vault/inbox/support"
    for sub in ("cur", "new", "tmp"):
        (world.root / box / sub).mkdir(parents=True)
    path = world.drop("17.x.host", folder=f"{box}/new")
    world.drop("18.y.host", folder=f"{box}/tmp")
    (one,) = world.arrivals()
    assert one.event["mailbox"] == "support"
    os.rename(path, world.root / box / "cur" / "17.x.host:2,S")
    assert [again.mark for again in world.arrivals()] == [one.mark]
    assert world.wired().source.head(f"thread:{one.event['thread']}")


def test_seen_letters_are_not_read_again(world, monkeypatch):
    world.drop("01.eml")
    marks = {one.mark for one in world.arrivals()}
    monkeypatch.setattr(parse, "read", lambda _: pytest.fail("read again"))
    assert world.arrivals(marks.__contains__) == []


def test_a_changed_file_is_another_mark(world):
    path = world.drop("01.eml")
    (first,) = world.arrivals()
    path.write_bytes(LETTER + b"P.S.\n")
    (second,) = world.arrivals()
    assert first.mark != second.mark
    assert first.source != second.source


def test_the_same_letter_delivered_twice_has_one_source(world):
    world.drop("01.eml")
    world.drop("02.eml", b"Received: by other; now\nX-Spam-Status: No\n" + LETTER.replace(b"\n", b"\r\n"))
    first, second = world.arrivals()
    assert first.source == second.source
    assert first.mark != second.mark


def test_a_repeated_message_id_over_another_body_is_another_letter(world):
    world.drop("01.eml")
    world.drop("02.eml", LETTER.replace(b"quote", b"refund"))
    first, second = world.arrivals()
    assert first.source != second.source


def test_links_lead_nowhere(world, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.eml").write_bytes(LETTER)
    os.symlink(outside / "secret.eml", world.root / "vault/inbox/link.eml")
    os.symlink(outside, world.root / "vault/inbox/leads")
    os.mkfifo(world.root / "vault/inbox/pipe.eml")
    assert world.arrivals() == []


def test_what_cannot_be_read_has_a_reason_and_stops_nothing(world, monkeypatch):
    world.drop("01-waited-for.eml", b"")
    world.drop("02-blank.eml", b"\r\n \n")
    with open(world.drop("03-zeros.eml", b"From: a@example.org\n\n"), "r+b") as big:
        big.truncate(parse.MAX_LETTER + 1)
    world.drop("04-gone.eml")
    world.drop("05.eml")
    real = Mailboxes.load

    def load(self, place, limit):
        if place.name == "04-gone.eml":
            raise PermissionError("closed to us")
        assert limit <= parse.MAX_LETTER
        return real(self, place, limit)

    monkeypatch.setattr(Mailboxes, "load", load)
    found = {name: one.ignored for name, one in by_name(world).items()}
    assert found == {
        "02-blank.eml": "empty",
        "03-zeros.eml": "unreadable",
        "04-gone.eml": "unreadable",
        "05.eml": "",
    }


def test_a_letter_of_27_million_bytes_is_read_up_to_the_limit_and_says_what_is_left_out(world):
    head = (
        LETTER.partition(b"\n\n")[0] + b"\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
    )
    text = b"--b\nContent-Type: text/plain\n\nCould you print this?\n"
    small = b"--b\nContent-Type: application/pdf; name=small.pdf\n\n%PDF\n"
    photo = b"--b\nContent-Type: image/jpeg; name=photo.jpg\n\n" + b"x" * 27_000_000 + b"\n--b--\n"
    world.drop("01.eml", head + text + small + photo)
    (found,) = world.arrivals()
    assert found.ignored == ""
    assert found.event["text"].split("\n") == [
        "Could you print this?",
        "[… this letter has 27.0 MB, of which the first 25.0 MB were read; photo.jpg (image/jpeg) is cut off and left out]",
    ]
    assert [name for name, _, _ in found.files] == ["small.pdf"]
    assert world.wired().source.head(f"thread:{found.event['thread']}")


def test_no_id_contains_an_address_and_another_key_gives_other_ids(world):
    world.drop("01.eml")
    (one,) = world.arrivals()
    assert len(one.source) == len(one.mark) == len(one.event["thread"]) == 64
    assert source_id(b"other", "thread", "<first@winterlight.example.com>") != one.event["thread"]
    assert source_id(KEY, "thread", "<first@winterlight.example.com>") == one.event["thread"]


# -- threads -----------------------------------------------------------------------------------------------------------


def threads(world):
    return {name: one.event["thread"] for name, one in by_name(world).items()}


def test_references_and_in_reply_to_lead_to_the_first_letter(world):
    world.drop("1.eml", raw("a@x.example"))
    world.drop("2.eml", raw("b@x.example", "References: <a@x.example>\nIn-Reply-To: <a@x.example>\n"))
    world.drop("3.eml", raw("c@x.example", "References: <a@x.example> <b@x.example>\n"))
    world.drop("4.eml", raw("d@x.example", "In-Reply-To: <a@x.example>\n"))
    world.drop("5.eml", raw("e@x.example", "In-Reply-To: <d@x.example>\n"))
    world.drop("6.eml", raw("f@x.example"))
    found = threads(world)
    assert len({found[f"{n}.eml"] for n in range(1, 6)}) == 1
    assert found["6.eml"] != found["1.eml"]


def test_letters_without_an_id_are_threads_of_their_own(world):
    world.drop("1.eml", raw("", body="x"))
    world.drop("2.eml", raw("", body="y"))
    found = threads(world)
    assert found["1.eml"] != found["2.eml"]
    assert world.wired().source.head(f"thread:{found['1.eml']}")


def test_letters_that_point_at_each_other_end(world):
    world.drop("1.eml", raw("a@x.example", "In-Reply-To: <b@x.example>\n"))
    world.drop("2.eml", raw("b@x.example", "In-Reply-To: <a@x.example>\n"))
    assert set(map(len, threads(world).values())) == {64}


@pytest.mark.parametrize("first_id", ["a@x.example", ""])
@pytest.mark.parametrize(
    "header",
    ["In-Reply-To: {0}\n", "References: {0}\nIn-Reply-To: {0}\n", "References: <odd@x.example> {0}\n"],
)
def test_an_answer_to_our_answer_stays_in_the_thread(world, header, first_id):
    world.drop("1.eml", raw(first_id))
    (first,) = world.arrivals()
    email = world.wired().connectors["email"]
    asked = call("email/acknowledge", {"template": TEMPLATE}, trigger=first.event)
    ours = email.perform(effect(asked, email.preview(asked))).outputs["message-id"]
    world.drop("2.eml", raw("b@x.example", header.format(ours)))
    assert by_name(world)["2.eml"].event["thread"] == first.event["thread"]


@pytest.mark.parametrize("tie", ["References: <a@x.example>\n", "In-Reply-To: <a@x.example>\n"])
def test_the_head_of_a_thread_moves_with_its_letters_alone(world, tie):
    source = world.wired().source
    world.drop("1.eml", raw("a@x.example"))
    thread = f"thread:{world.arrivals()[0].event['thread']}"
    first = source.head(thread)
    assert first
    world.drop("9.eml", raw("other@x.example"))
    world.drop("1-again.eml", b"Received: by other; x\n" + raw("a@x.example"))
    assert source.head(thread) == first
    path = world.drop("2.eml", raw("b@x.example", tie))
    second = source.head(thread)
    assert second not in {first, ""}
    assert world.wired().source.head(thread) == second
    path.unlink()
    assert source.head(thread) == first


def test_other_heads_are_none_of_ours(world):
    assert world.wired().source.head("invoice:7") == ""
    assert world.wired().source.head("thread:unknown") == ""
