"""From bytes to what a letter says."""

import base64
import time

import pytest

from engine.connectors.charsets import decode
from engine.connectors.email.message import mime_parts, parse
from engine.connectors.email.message.bodies import MAX_TEXT
from engine.connectors.email.message.headers import words
from engine.connectors.email.message.parse import read

HEAD = b"From: Ada <ada@example.org>\nTo: robin@example.com\nSubject: s\nMessage-ID: <m@example.org>\n"


MIXED = b"Content-Type: multipart/mixed; boundary=b\n\n"


def letter(body=b"", more=b""):
    return read(HEAD + more + b"\n" + body)


def multipart(kind, *inner, boundary=b"b"):
    head = b"MIME-Version: 1.0\nContent-Type: multipart/" + kind + b'; boundary="' + boundary + b'"\n'
    return head, b"".join(
        b"--" + boundary + b"\n" + one + b"\n" for one in inner
    ) + b"--" + boundary + b"--\n"


def test_reads_a_plain_letter():
    found = letter(b"Hello,\n\nyours\n")
    assert (found.author, found.name, found.subject, found.text) == (
        "ada@example.org",
        "Ada",
        "s",
        "Hello,\n\nyours",
    )
    assert found.message_id == "<m@example.org>"
    assert found.readable


@pytest.mark.parametrize("ending", [b"\r\n", b"\r", b"\n"])
def test_line_ends_do_not_matter(ending):
    found = read((HEAD + b"\nHello\nyou\n").replace(b"\n", ending))
    assert found.text == "Hello\nyou"
    assert found.digest == letter(b"Hello\nyou\n").digest


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?iso-8859-1?Q?caf=E9?= =?iso-8859-1?Q?_au_lait?=", "café au lait"),
        ("=?utf-8?b?4pyT?= done", "✓ done"),
        # A character split over two words, which the standard forbids and programs do.
        ("=?utf-8?b?4pw=?= =?utf-8?b?kw==?=", "✓"),
        ("=?us-ascii?q?=93quotes=94?=", "“quotes”"),
        ("=?x-klingon?q?tlh=FFIngan?=", "tlhÿIngan"),
        ("=?hex?q?414243?=", "414243"),
        ("=?utf-8?b?!!!?= and on", "=?utf-8?b?!!!?= and on"),
        ("=?broken", "=?broken"),
        ("a =?utf-8?q?b?= c", "a b c"),
    ],
)
def test_encoded_words(written, meant):
    assert words(written) == meant


@pytest.mark.parametrize(
    "charset", ["utf-8", "", "zip", "idna", "unicode_escape", "undefined", "\ud800", "x" * 500, "utf-16"]
)
def test_any_bytes_become_text_in_any_charset(charset):
    assert isinstance(decode(bytes(range(256)) * 3, charset), str)


def test_a_wrong_charset_is_read_as_what_it_is():
    more = b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n"
    assert letter("Grüße".encode("latin-1"), more).text == "Grüße"


def test_transfer_encodings():
    for encoding, data in {
        b"base64": base64.b64encode(b"Hello you"),
        b"BASE64": b"SGVs bG8g\neW91",
        b"quoted-printable": b"Hel=\nlo=20you",
        b"x-uuencode": b"begin 644 x\n)2&5L;&\\@>6]U\n`\nend",
        b"7bit": b"Hello you",
        b"nonsense": b"Hello you",
    }.items():
        assert letter(data, b"Content-Transfer-Encoding: " + encoding + b"\n").text == "Hello you", encoding


def test_of_alternatives_the_plain_one_is_read_when_it_says_something():
    head, body = multipart(
        b"alternative", b"Content-Type: text/plain\n\nplain", b"Content-Type: text/html\n\n<p>rich</p>"
    )
    assert letter(body, head).text == "plain"
    head, body = multipart(
        b"alternative", b"Content-Type: text/plain\n\n  \n", b"Content-Type: text/html\n\n<p>rich</p>"
    )
    assert letter(body, head).text == "rich"


def test_the_richer_of_nested_alternatives_counts_once():
    related, inner = multipart(b"related", b"Content-Type: text/html\n\n<p>rich</p>", boundary=b"r")
    head, body = multipart(b"alternative", b"Content-Type: text/plain\n\nplain", related + b"\n" + inner)
    assert letter(body, head).text == "plain"
    head, body = multipart(b"alternative", related + b"\n" + inner)
    assert letter(body, head).text == "rich"


def test_all_texts_of_a_mixed_letter_are_read():
    head, body = multipart(b"mixed", b"\none", b"Content-Type: text/html\n\n<b>two</b>")
    assert letter(body, head).text == "one\n\ntwo"


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b'attachment; filename="a b.pdf"', "a b.pdf"),
        (b"attachment; filename=a.pdf", "a.pdf"),
        (b'attachment; filename="../../.ssh/authorized_keys"', "authorized_keys"),
        (b'attachment; filename="C:\\\\temp\\\\x.exe"', "x.exe"),
        (b"attachment; filename*=utf-8''%2Fetc%2Fpasswd%00.pdf", "passwd.pdf"),
        (b"attachment; filename*0*=utf-8''%E2%9C%93; filename*1=\" ok.pdf\"", "✓ ok.pdf"),
        (b'attachment; filename="=?utf-8?b?4pyTLnBkZg==?="', "✓.pdf"),
        (b'attachment; filename="invoice\xe2\x80\xaefdp.exe"', "invoicefdp.exe"),
        (b'attachment; filename=".."', "part-1"),
        (b'attachment; filename="' + b"x" * 900 + b'"', "x" * 149 + "…"),
        (b"attachment", "part-1"),
    ],
)
def test_file_names_lead_nowhere(disposition, name):
    found = letter(b"data", b"Content-Type: application/pdf\nContent-Disposition: " + disposition + b"\n")
    assert [one.name for one in found.attachments] == [name]
    assert found.attachments[0].content == b"data"
    assert found.text == f"[bytes, but no text I can read: {name} (application/pdf, 4 bytes)]"


def test_a_letter_in_a_letter_is_a_file_and_its_headers_are_its_own():
    head, body = multipart(
        b"mixed", b"\nsee below", b"Content-Type: message/rfc822\n\nFrom: x@example.net\nList-Id: y\n\nz"
    )
    found = letter(body, head)
    assert found.text == "see below"
    assert [(one.media, one.content[:17]) for one in found.attachments] == [
        ("message/rfc822", b"From: x@example.n")
    ]
    assert not found.head.has("list-id")


def test_a_boundary_that_never_comes_is_shown_as_it_is():
    assert (
        letter(b"--wrong\n\nhello", b"Content-Type: multipart/mixed; boundary=right\n").text
        == "--wrong\n\nhello"
    )


def test_long_text_is_cut_and_says_so():
    found = letter(b"x" * (MAX_TEXT + 5))
    assert found.text.endswith("[… 5 more characters are left out here]")
    page = letter(b"<p>x</p>" * 60_000, b"Content-Type: text/html\n")
    assert page.text.startswith("x\n\nx")
    assert page.text.endswith("[… the rest is left out here]")
    head, body = multipart(b"mixed", *[b"Content-Type: text/html\n\n" + b"<p>x</p>" * 20_000] * 3)
    assert letter(body, head).text.endswith("[… the rest is left out here]")


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00" * 500,
        b"no header at all",
        b"\xff\xfe\x00",
        b"<html></html>",
        b"A: b\n" * 2000 + b"\nx",
        b"\n\n\n",
    ],
)
def test_what_is_no_letter_is_unreadable(raw):
    assert not read(raw).readable


def test_too_deep_is_unreadable_and_of_too_many_parts_the_first_are_read():
    deep = HEAD
    for number in range(mime_parts.MAX_DEPTH + 5):
        deep += b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (number, number)
    assert not read(deep + b"\nx").readable
    head, body = multipart(b"mixed", *[b"\nx"] * (mime_parts.MAX_PARTS + 5))
    found = letter(body, head)
    assert found.text.startswith("x\n\nx")
    assert found.text.endswith("[… this letter has more than 200 parts; the others are left out]")


@pytest.mark.parametrize(
    "data",
    [
        b"Subject: x\n" + b" y\n" * 1_000_000 + b"\n",
        b'Content-Type: multipart/mixed; boundary="-"\n\n' + b"-" * 3_000_000,
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n" * 600_000,
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain;\n"
        + b" a=b;\n" * 500_000
        + b"\n",
        b"Content-Type: text/html\n\n" + b"<a " * 500_000,
        b"Content-Type: text/html\n\n" + b"<!--" * 400_000,
        b"Content-Type: text/html\n\n" + b"<a href=\"'" * 200_000,
        b"Content-Type: text/html\n\n" + b"&#1" * 400_000,
        b"Content-Type: text/html\n\n" + b"<p style='" + b"display: " * 200_000,
        b"References: " + b"<a@b> " * 150_000 + b"\n\n",
        b"Content-Type: text/plain; " + b'a="' * 200_000 + b"\n\n",
        b"Subject: " + b"=?utf-8?q?" * 80_000 + b"\n\n",
        b"From: " + b"(" * 900_000 + b"\n\n",
        b"From: " + b'"<(,' * 4000 + b"\n\n",
        b"Content-Type: text/html\n\n" + b"<div>" * 400_000,
        b"Content-Type: text/html\n\n" + b"<a><b><i><u>" * 150_000,
        b"Content-Type: text/html\n\n<table><b>" + b"<i>" * 200_000 + b"</b>" * 200_000,
        b"Content-Type: text/html\n\n" + b"<style>font-size" * 100_000,
        b"Content-Type: text/html\n\n" + b"<meta data:" * 300_000,
        b"Content-Type: text/enriched\n\n" + b"<param>" * 400_000,
        b"Content-Type: text/plain; charset=iso-2022-jp\n\n" + b"\x1b$B0!\x1b(B\xff" * 700_000,
        b"Content-Type: text/plain; charset=euc-jp\n\n" + b"\xad\xa1\xff" * 2_000_000,
        MIXED + (b"--b\n\n" + bytes(range(128, 256)) * 70 + b"\n") * 210,
        MIXED + (b"--b\nContent-Type: text/html\n\n" + b"<div>" * 20_000 + b"\n") * 210,
    ],
    ids=range(24),
)
def test_a_hostile_letter_costs_no_more_than_a_moment(data):
    begin = time.process_time()
    read(b"From: a@example.org\n" + data)
    assert time.process_time() - begin < 2


def test_the_way_a_letter_took_makes_no_other_letter():
    way = b"Received: by x; now\nDelivered-To: y\nX-Spam-Score: 3\nARC-Seal: z\nAuthentication-Results: a\nDKIM-Signature: d\n"
    assert parse.read(way + HEAD + b"\nx").digest == letter(b"x").digest
    assert parse.read(b"Return-Path: <a@b>\n" + HEAD + b"\nx\n\n").digest == letter(b"x").digest


def test_another_word_makes_another_letter():
    assert letter(b"x").digest != letter(b"y").digest
    assert letter(b"x").digest != read(HEAD.replace(b"Subject: s", b"Subject: t") + b"\nx").digest


def test_when_it_was_received_is_what_the_last_server_said():
    more = (
        b"Received: by mx;\n Mon, 2 Mar 2026 09:14:05 +0100\nReceived: by y; Mon, 1 Jan 2024 00:00:00 +0000\n"
    )
    assert str(parse.read(more + HEAD + b"\n").received) == "2026-03-02 08:14:05+00:00"
    for nonsense in (
        b"Received: by mx\n",
        b"Received: by mx; Tue, 32 Febtember 25:61\n",
        b"Received: ; Mon, 2 Mar 9999 00:00:00\n",
    ):
        assert parse.read(nonsense + HEAD + b"\n").received is None
