"""Letters in the files of other mail programs: dragged out of Outlook or Apple Mail they are read, and an archive is named."""

import random
import time
from contextlib import suppress

import pytest

from engine.connectors.email.message import foreign_files, outlook, parse
from engine.model.errors import PermanentError
from tests.contract import compound
from tests.contract.world import LETTER, World

HEAD = (
    "Received: by mx.example.org; Mon, 2 Mar 2026 09:14:05 +0100\r\nFrom: Jörg Østby <joerg@example.org>\r\nTo: robin@example.com\r\n"
    "Subject: Print\r\nMessage-ID: <print@example.org>\r\nReferences: <first@example.com>\r\n <second@example.com>\r\n"
    "Content-Type: multipart/mixed; boundary=gone\r\nMIME-Version: 1.0\r\n\r\n"
)  # fmt: skip


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def only(world):
    (found,) = world.arrivals()
    assert found.ignored == ""
    return found


def test_a_letter_of_outlooks_is_read_with_the_head_it_came_with(world):
    photo = bytes(range(256)) * 40
    file = compound.outlook(
        p007D=HEAD, p0037="another", p1000="Could you print these?\r\nJörg", p1013=b"<p>Could <b>you</b>?</p>",
        files={"photo é.jpg": photo}, fixed={0x3FDE0003: 65001},
    )  # fmt: skip
    world.drop("offer.msg", file)
    found = only(world)
    assert (found.event["from"], found.event["name"]) == ("joerg@example.org", "Jörg Østby")
    assert (found.event["subject"], found.event["message-id"]) == ("Print", "<print@example.org>")
    assert found.event["text"] == "Could you print these?\nJörg"
    assert found.event["at"].startswith("2026-03-02T08:14:05")
    assert [(name, data.rstrip(b"\0")) for name, _, data in found.files] == [
        ("photo é.jpg", photo.rstrip(b"\0"))
    ]
    assert world.wired().source.head(f"thread:{found.event['thread']}")


def test_without_that_head_it_is_made_of_what_outlook_knows(world):
    ticks = 134_169_120_000_000_000
    file = compound.outlook(
        p0C1A="Berg, Anna", p5D01="anna@example.org", p0E04="Robin", p0037="Grüße – „neu”", p1035="<m@example.org>",
        p1013="<p>Größe?</p>".encode("cp1252"), fixed={0x3FFD0003: 1252, 0x0E060040: ticks},
    )  # fmt: skip
    world.drop("a.MSG", file)
    event = only(world).event
    assert (event["from"], event["name"], event["subject"]) == (
        "anna@example.org",
        "Berg, Anna",
        "Grüße – „neu”",
    )
    assert (event["text"], event["message-id"]) == ("Größe?", "<m@example.org>")
    assert parse.read(foreign_files.as_letter(file)).head.text("date") == "Mon, 02 Mar 2026 08:00:00 +0000"


@pytest.mark.parametrize(
    "broken",
    [
        outlook.MAGIC,
        outlook.MAGIC + bytes(5000),
        compound.compound({"WordDocument": b"a letter in Word"}),
        compound.outlook(p0037="x", p1000="y")[:2000],
    ],
)
def test_one_that_cannot_be_read_is_put_aside_and_named(world, broken):
    world.drop("offer.msg", broken)
    (found,) = world.arrivals()
    assert (found.ignored, found.place) == ("unreadable", "vault/inbox/offer.msg")


def test_soiled_containers_cost_a_moment_and_no_traceback():
    chance, whole = (
        random.Random(5),
        compound.outlook(p007D=HEAD, p1000="words " * 900, files={"a": b"b" * 9000}),
    )
    begin = time.process_time()
    read = 0
    for _ in range(100):
        soiled = bytearray(whole)
        for _ in range(chance.randint(1, 12)):
            soiled[chance.randrange(8, len(soiled))] = chance.choice(
                (0, 1, 0x7F, 0xFF, chance.randrange(256))
            )
        with suppress(PermanentError):
            read += parse.read(foreign_files.as_letter(bytes(soiled))).readable
    assert read
    assert time.process_time() - begin < 10


def test_entries_that_share_one_place_are_no_bomb():
    tree: compound.Tree = {"__substg1.0_007D001F": HEAD.encode("utf-16-le")}
    tree |= {
        f"__attach_version1.0_#{number:08X}": {"__substg1.0_37010102": b"x" * 9000} for number in range(150)
    }
    whole = bytearray(compound.compound(tree))
    # Each of the streams claims the sectors of the first, and all that follow them.
    at = -1
    name = "__substg1.0_37010102".encode("utf-16-le")
    while (at := whole.find(name, at + 1)) >= 0:
        whole[at + 116 : at + 128] = (0).to_bytes(4, "little") + (400_000).to_bytes(8, "little")
    with pytest.raises(PermanentError):
        foreign_files.as_letter(bytes(whole))


def test_apple_mails_count_and_list_are_no_part_of_the_letter(world):
    plist = b'<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0"><dict><key>flags</key></dict></plist>\n'
    world.drop("1.emlx", b"%d      \n" % len(LETTER) + LETTER + plist)
    world.drop("2.emlx", LETTER.replace(b"first@", b"second@"))
    first, second = world.arrivals()
    assert first.event["text"] == second.event["text"] == "Hello Robin,\n\ncould you give us a quote?\n\nAda"
    assert first.event["thread"] != second.event["thread"]


def test_the_same_letter_in_another_form_is_the_same(world):
    world.drop("1.emlx", b"%d\n" % len(LETTER) + LETTER + b"<plist/>")
    world.drop("2.eml")
    first, second = world.arrivals()
    assert first.source == second.source


@pytest.mark.parametrize(
    "name",
    ["box.mbox", "Archive.MBX", "outlook.pst", "outlook.ost", "mac.olm", "inbox.dbx", "Export.mbox/mbox"],
)
def test_an_archive_is_named_and_never_read(world, name):
    path = world.root / "vault/inbox" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"From ada@example.org Mon Mar  2 09:14:03 2026\n" + LETTER * 3)
    (found,) = world.arrivals()
    assert (found.ignored, found.place) == ("archive", f"vault/inbox/{name}")
    assert world.wired().source.head("thread:" + "0" * 64) == ""


def test_a_letter_is_known_by_its_bytes_whatever_its_file_is_called(world):
    world.drop("a.eml", compound.outlook(p5D01="anna@example.org", p1000="Hello"))
    world.drop("b.msg", LETTER)
    first, second = world.arrivals()
    assert (first.event["text"], second.event["from"]) == ("Hello", "ada@winterlight.example.com")
