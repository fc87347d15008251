"""Nobody answers machines, lists, or itself."""

import pytest

from engine.connectors.email import auto_reply_rules
from engine.connectors.email.message import parse
from engine.connectors.email.message.authentication import Auth, auth_of

OWN = ("robin@example.com",)


def reason(more=b"", sender=b"Ada <ada@example.org>", sent=()):
    raw = b"From: " + sender + b"\nMessage-ID: <m@example.org>\n" + more + b"\nhello"
    return auto_reply_rules.judged(parse.read(raw), own=OWN, sent=frozenset(sent).__contains__).reason


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (b"", ""),
        (b"Auto-Submitted: no\n", ""),
        (b"Auto-Submitted: auto-replied\n", "auto-submitted"),
        (b"Auto-Submitted: auto-generated (by a machine)\n", "auto-submitted"),
        (b"auto-submitted: AUTO-NOTIFIED; owner-email=x\n", "auto-submitted"),
        (b"Precedence: auto_reply\n", "auto-submitted"),
        (b"X-Autoreply: yes\n", "auto-submitted"),
        (b"Return-Path: <>\n", "bounce"),
        (b"Return-Path: <ada@example.org>\n", ""),
        (b"Content-Type: multipart/report; boundary=x\n", "bounce"),
        (b"List-Id: <x.example>\n", "list"),
        (b"List-Unsubscribe: <mailto:x@example.org>\n", "list"),
        (b"Mailing-List: list x\n", "list"),
        (b"Precedence: bulk\n", "bulk"),
        (b"Precedence: Junk\n", "bulk"),
        # Another Steward's: somebody there said yes to it.
        (b"X-Steward-Thread: abc\n", ""),
        (b"X-Steward-Thread: abc\nAuto-Submitted: auto-replied\n", "auto-submitted"),
        (b"From: Kim <kim@example.org>\n", "many-authors"),
        # A program that asks for no out-of-office answer is not one: web forms send this with every lead.
        (b"X-Auto-Response-Suppress: OOF\n", ""),
    ],
)
def test_headers(more, expected):
    assert reason(more) == expected


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        (b"robin@example.com", "own"),
        (b"Somebody <ROBIN@Example.COM>", "own"),
        (b'"robin@example.com" <pat@example.net>', ""),
        (b"MAILER-DAEMON@mx.example.net", "bounce"),
        (b"postmaster@example.net", "bounce"),
        (b"Shop <no-reply@shop.example>", "no-reply"),
        (b"noreply+x1@shop.example", "no-reply"),
        (b"orders.do_not_reply@shop.example", "no-reply"),
        (b"donotreply@shop.example", "no-reply"),
        (b"noreen@example.org", ""),
        (b"replyall@example.org", ""),
        (b"nobody", "no-author"),
        (b"undisclosed-recipients:;", "no-author"),
        (b"a@example.org, b@example.org", "many-authors"),
        (b"A <a@example.org>, a@example.org", ""),
    ],
)
def test_senders(sender, expected):
    assert reason(sender=sender) == expected


def test_our_own_letter_coming_back_is_ours():
    assert reason(sent=["<m@example.org>"]) == "own"


# -- what the trusted receiver found out ------------------------------------------------------------------------------

PASS = b"mx.example.com; spf=pass smtp.mailfrom=example.org; dkim=pass header.d=example.org; dmarc=pass header.from=example.org"


def auth(*values, trusted="mx.example.com", author="ada@example.org", before=b""):
    raw = before + b"".join(b"Authentication-Results: " + value + b"\n" for value in values) + b"From: x\n\n"
    return auth_of(parse.read(raw).head, author, trusted)


def test_results_of_the_trusted_receiver_count():
    assert auth(PASS) == Auth(dmarc="pass", spf="pass", dkim="pass", aligned=True)


def test_nothing_counts_without_a_trusted_receiver():
    assert auth(PASS, trusted="") == Auth()


@pytest.mark.parametrize(
    "first", [b"evil.example; dmarc=pass header.from=example.org", b"broken (((", b"", b"mx.example.com"]
)
def test_only_the_topmost_may_speak(first):
    assert auth(first, PASS).dmarc == "none"
    assert not auth(first, PASS).aligned


def test_a_second_header_below_another_one_does_not_count():
    raw = b"Authentication-Results: mx.example.com; spf=pass smtp.mailfrom=x.example\nReceived: by x\n"
    raw += b"Authentication-Results: " + PASS + b"\nFrom: x\n\n"
    assert auth_of(parse.read(raw).head, "ada@example.org", "mx.example.com") == Auth(spf="pass")


def test_a_proof_for_another_domain_is_none_for_this_one():
    assert not auth(PASS, author="ada@example.net").aligned
    assert not auth(PASS, author="ada@notexample.org").aligned
    assert auth(PASS, author="ada@mail.example.org").aligned


def test_a_failure_is_said():
    found = auth(
        b"mx.example.com; dmarc=fail header.from=example.org; spf=softfail smtp.mailfrom=x.example; dkim=none"
    )
    assert found == Auth(dmarc="fail", spf="softfail", dkim="none", aligned=False)


def test_an_invented_result_is_none():
    assert auth(b"mx.example.com; dmarc=certainly header.from=example.org").dmarc == "none"
