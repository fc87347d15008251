"""Dropped files: whose they are, and when there is something in them."""

import pytest

from engine.connectors.file_source import WatchedFiles
from engine.connectors.temporary_files import is_companion

COMPANIONS = (
    "invoice.pdf:Zone.Identifier", "invoice.pdf\uf03aZone.Identifier", "a.docx:com.dropbox.attributes", "b.pdf:SmartScreen:$DATA", "~$offer.docx",
    "#notes.md#", ".#notes.md", "notes.md~", ".DS_Store", "._invoice.pdf", ".~lock.offer.odt#", "desktop.ini", "Desktop.INI", "Thumbs.db",
    "ehthumbs.db", "Icon\r", "a.pdf.filepart", "a.pdf.opdownload", "a.pdf.partial", "a.pdf.download", "a.pdf.crdownload", "a.pdf.PART",
    "a.pdf.!qB", "a.pdf.aria2", "a.pdf.tmp", "~WRL0001.tmp", "x.md.swp", ".x.md.swo", "book.laccdb", "plan.dwl2", "a.pages.sb-1a2b3c4d-XyZ123",
    "a.pdf.crswap", "a.pdf.ocpart", "a.pdf.nextcloudpart", "a.txt.kate-swp", "a.pdf.icloud", "a.txt.goutputstream-AB12CD", "Offer.asd", "sync.ffs_db",
    "books.sqlite-wal", "Picasa.ini",
    "__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information",
)  # fmt: skip
PEOPLES = (
    "invoice.pdf", "10:30 call.txt", "part.pdf", "download.pdf", "#1 offer.pdf", "~approx.csv", "my desktop.ini.pdf", "re: Zone.pdf",
    "C#.md", "swp.csv", "lock.odt", "x.sb-1.pdf", "icloud.pdf", "books.sqlite", "invoice.pdf.bak",
)  # fmt: skip


@pytest.mark.parametrize("name", COMPANIONS)
def test_what_another_program_puts_beside_a_file_is_nobodys(name):
    assert is_companion(name)


@pytest.mark.parametrize("name", PEOPLES)
def test_what_a_person_calls_so_is_theirs(name):
    assert not is_companion(name)


def test_of_a_folder_full_of_companions_only_the_file_is_read(tmp_path):
    box = tmp_path / "receipts"
    box.mkdir()
    for name in ("invoice.pdf", "empty.pdf", *(name for name in COMPANIONS if "\r" not in name)):
        (box / name).write_bytes(b"" if name == "empty.pdf" else b"x")
    (box / "__MACOSX").unlink()
    (box / "__MACOSX").mkdir()
    (box / "__MACOSX" / "invoice.pdf").write_bytes(b"x")
    source = WatchedFiles(root=str(tmp_path), index_key=b"k" * 32, patterns=lambda: ("receipts/**",))

    assert [arrival.place for arrival in source.poll(lambda _mark: False)] == ["receipts/invoice.pdf"]
    (box / "empty.pdf").write_bytes(b"bytes")
    assert [arrival.place for arrival in source.poll(lambda _mark: False)] == [
        "receipts/empty.pdf",
        "receipts/invoice.pdf",
    ]
