"""Answers: bound to the letter, exact, and at most once."""

import email
import email.policy
from dataclasses import replace
from datetime import timedelta

import pytest

from engine.connectors.email.message.mime_writer import answer_to, encoded, quoted
from engine.model.definitions.actions import Reach, reach_of
from engine.model.definitions.settings import Person
from engine.model.errors import PermanentError
from engine.model.values.ids import EffectKey
from tests.contract.world import LETTER, TEMPLATE, World, call, effect, letter_event

LINK = "https://pay.example.com/R-1"


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def letters(world):
    return world.wired().connectors["email"]


def preview(letters, event, action="email/reply", **args):
    return letters.preview(call(action, args, trigger=event))


def parsed(found):
    return email.message_from_bytes(found.body, policy=email.policy.default)


def text_of(found):
    return parsed(found).get_body().get_content().replace("\r\n", "\n")


def event_of(world, raw):
    world.drop("one.eml", raw)
    return world.arrivals()[0].event


def test_an_answer_goes_to_the_author_and_into_the_thread(world, letters):
    found = parsed(preview(letters, letter_event(world), body="Yes."))
    assert found["to"] == "Ada Winter <ada@winterlight.example.com>"
    assert found["from"] == "Robin Park <robin@example.com>"
    assert found["subject"] == "Re: Website check"
    assert found["in-reply-to"] == found["references"] == "<first@winterlight.example.com>"
    assert found["date"] == "when it leaves"
    assert found["auto-submitted"] is None
    assert found["mime-version"] == "1.0"


def test_the_message_id_follows_from_the_key(world, letters):
    asked = call("email/reply", {"body": "Yes."}, trigger=letter_event(world))
    assert parsed(letters.preview(asked))["message-id"] == f"<{(asked.key or '')[:32]}@example.com>"


def test_an_acknowledgement_says_that_a_machine_wrote_it(world, letters):
    found = preview(letters, letter_event(world), "email/acknowledge", template=TEMPLATE)
    assert parsed(found)["auto-submitted"] == "auto-replied"
    assert found.text == "Hello,\n\nthank you."
    assert text_of(found) == "Hello,\n\nthank you.\n"
    assert found.heads == ()


def test_references_keep_the_root_and_the_newest(world, letters):
    ids = " ".join(f"<r{number}@x.example>" for number in range(60))
    event = event_of(world, LETTER.replace(b"\n\n", f"\nReferences: {ids}\n\n".encode(), 1))
    references = parsed(preview(letters, event, body="Yes."))["references"].split()
    assert references[0] == "<r0@x.example>"
    assert references[-2:] == ["<r59@x.example>", "<first@winterlight.example.com>"]
    assert len(references) == 22


def test_a_letter_that_is_gone_is_still_answered(world, letters):
    event = letter_event(world)
    (world.root / "vault/inbox/01.eml").unlink()
    found = preview(letters, event, body="Yes.")
    assert "the letter itself no longer lies in a mailbox" in found.warnings
    assert parsed(found)["references"] == "<first@winterlight.example.com>"


def test_a_strangers_letter_with_the_same_id_changes_nothing(world, letters):
    event = letter_event(world)
    before = preview(letters, event, body="Yes.")
    fake = LETTER.replace(b"ada@winterlight", b"thief@evil").replace(
        b"\n\n", b"\nReply-To: t@evil.example\n\n", 1
    )
    world.drop("00.eml", fake)
    after = preview(letters, event, body="Yes.")
    assert after.body == before.body
    assert after.heads != before.heads


@pytest.mark.parametrize(
    ("subject", "answer"),
    [
        ("x", "Re: x"),
        ("Re: x", "Re: x"),
        ("RE: AW: re[2]: x", "Re: x"),
        ("Regarding x", "Re: Regarding x"),
        ("", "Re:"),
        ("a\r\nBcc: b", "Re: a Bcc: b"),
    ],
)
def test_one_re_is_enough(subject, answer):
    assert answer_to(subject) == answer


def test_a_letter_without_a_subject_gets_the_templates(world, letters):
    event = event_of(world, LETTER.replace(b"Subject: Website check\n", b""))
    assert parsed(preview(letters, event, template=TEMPLATE))["subject"] == "We have it"


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "Grüße aus Wrocław ✓",
        "x" * 500,
        "word " * 100,
        "ü" * 300,
        "=?utf-8?q?x?=",
        "a" * 69 + " " + "b" * 75,
        "😀" * 99,
    ],
)
def test_header_values_survive_a_reader_that_is_not_ours(text):
    raw = f"Subject: {encoded(text.strip())}\r\n\r\n".encode("ascii")
    assert email.message_from_bytes(raw, policy=email.policy.default)["subject"] == text.strip()
    assert max(map(len, raw.split(b"\r\n"))) <= 90 or text.startswith("a" * 69)


@pytest.mark.parametrize(
    "name",
    [
        "Ada\r\nBcc: thief@example.net",
        'Ada "quoted" \\',
        "robin@example.com",
        "=?utf-8?q?x=0A?=",
        "\x00\x1b",
        "Ö" * 200,
    ],
)
def test_no_name_brings_a_second_header(world, letters, name):
    event = letter_event(world) | {"name": name, "subject": f"s {name}"}
    found = preview(letters, event, body="Yes.")
    message = parsed(found)
    assert [one.addr_spec for one in message["to"].addresses] == ["ada@winterlight.example.com"]
    assert message.keys() == [
        "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "X-Steward-Thread", "MIME-Version",
        "Content-Type", "Content-Transfer-Encoding",
    ]  # fmt: skip


def test_the_original_is_quoted_below_the_words_for_a_person_not_by_a_machine(world, letters):
    event = letter_event(world)
    assert "> could you give us a quote?" in text_of(preview(letters, event, body="Yes."))
    assert ">" not in text_of(preview(letters, event, template=TEMPLATE))
    assert ">" not in text_of(preview(letters, event, "email/acknowledge", template=TEMPLATE))


def test_a_quote_is_trimmed():
    found = quoted("> older\n" + "line\n" * 100, author="Ada\nX", when="2026-03-02")
    assert found.startswith("2026-03-02, Ada X:\n> line\n")
    assert found.endswith("> line\n> […]")
    assert len(found.split("\n")) == 42
    assert quoted("\n > only older\n", author="a", when="b") == ""


def test_files_and_link_are_in_the_letter_and_on_the_card(world, letters):
    file = world.blobs.record("Vertrag für Sie.pdf", b"%PDF" * 500)
    found = preview(letters, letter_event(world), body="See.", attach=[None, file], link=LINK)
    (attached,) = parsed(found).iter_attachments()
    assert attached.get_filename() == "Vertrag für Sie.pdf"
    assert attached.get_content() == b"%PDF" * 500
    assert text_of(found).startswith(f"See.\n\n{LINK}\n\n")
    facts = dict(found.facts)
    assert facts["Attachment"] == "Vertrag für Sie.pdf (application/pdf, 2 kB)"
    assert facts["Payment link"] == LINK
    assert facts["To"] == '"Ada Winter" <ada@winterlight.example.com>'
    assert facts["Words"] == "See."
    assert facts["Below them"] == "5 quoted lines of the letter it answers"
    assert found.text == "See."


def test_no_link_and_no_file_are_said(world, letters):
    found = dict(preview(letters, letter_event(world), body="See.", attach=[None], link=None).facts)
    assert found["Attachment"] == "none"
    assert found["Payment link"] == "none: this letter asks for no money"


def test_a_reference_without_a_place_to_pay_is_named_as_one(world, letters):
    found = preview(letters, letter_event(world), body="See.", link="urn:steward:payment:AB12-CD34-EF56")
    assert "\n\nPayment reference: AB12-CD34-EF56\n" in text_of(found)


def test_a_link_stands_on_its_own_line_whatever_the_words_say(world, letters):
    """Else editing the words could take it out, and the card would still name it."""
    asked = call("email/reply", {"body": f"Pay at {LINK} please.", "link": LINK}, trigger=letter_event(world))
    edited = letters.edited(asked, letters.preview(asked), "Pay please.")
    assert f"\n\n{LINK}\n\n" in text_of(edited)


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "https://x y", "file:///etc/passwd", "https://x\r\ny", "https://xä", "x" * 10],
)
def test_a_link_is_a_web_address(world, letters, link):
    with pytest.raises(PermanentError, match="web address"):
        preview(letters, letter_event(world), body="See.", link=link)


def test_a_file_that_changed_is_not_sent(world, letters):
    file = world.blobs.record("a.pdf", b"one")
    world.blobs.held[file["handle"]] = b"two"
    with pytest.raises(PermanentError, match="not the file it was"):
        preview(letters, letter_event(world), body="See.", attach=[file])


def test_reach_follows_what_the_letter_carries(world):
    spec = next(one for one in world.wired().connectors["email"].declare() if one.name == "email/reply")
    file = world.blobs.record("a.pdf", b"one")
    assert reach_of(spec, {"template": TEMPLATE, "attach": [None], "link": None}) is Reach.LOW
    assert reach_of(spec, {"body": "x"}) is Reach.CUSTOMER
    assert reach_of(spec, {"body": "x", "link": LINK}) is Reach.PAYMENT
    assert reach_of(spec, {"body": "x", "link": LINK, "attach": [file]}) is Reach.LEGAL


@pytest.mark.parametrize("args", [{}, {"body": ""}, {"body": "x", "template": TEMPLATE}, {"link": LINK}])
def test_a_reply_has_a_template_or_a_body(world, letters, args):
    with pytest.raises(PermanentError, match="either a template or a body"):
        preview(letters, letter_event(world), **args)


@pytest.mark.parametrize("body", [" ", "\n\n", "\x00"])
def test_a_letter_needs_words(world, letters, body):
    with pytest.raises(PermanentError, match="needs words"):
        preview(letters, letter_event(world), body=body)


def test_without_an_address_of_the_operator_nothing_is_written(world):
    letters = world.wired(Person(id="operator", name="Robin")).connectors["email"]
    with pytest.raises(PermanentError, match="no address"):
        preview(letters, letter_event(world), body="x")


# -- Reply-To ----------------------------------------------------------------------------------------------------------


def asking(world, reply_to, **more):
    return event_of(world, LETTER.replace(b"\n\n", f"\nReply-To: {reply_to}\n\n".encode(), 1)) | more


@pytest.mark.parametrize(
    ("reply_to", "aligned", "to", "warned"),
    [
        ("ada@winterlight.example.com", False, "ada@winterlight.example.com", False),
        ("office@winterlight.example.com", False, "office@winterlight.example.com", True),
        ("thief@evil.example", False, "ada@winterlight.example.com", True),
        ("desk@help.example", True, "desk@help.example", True),
        ("a@x.example, b@x.example", True, "ada@winterlight.example.com", True),
    ],
)
def test_reply_to_counts_within_the_domain_or_when_proven(world, letters, reply_to, aligned, to, warned):
    auth = {"dmarc": "none", "spf": "none", "dkim": "none", "aligned": aligned}
    found = preview(letters, asking(world, reply_to, auth=auth), body="x")
    assert parsed(found)["to"].addresses[0].addr_spec == to
    assert any("asks for answers" in one for one in found.warnings) is warned


def test_what_leaves_without_a_card_goes_to_the_author(world, letters):
    event = asking(world, "office@winterlight.example.com")
    for action, args in (
        ("email/acknowledge", {"template": TEMPLATE}),
        ("email/reply", {"template": TEMPLATE}),
    ):
        assert parsed(preview(letters, event, action, **args))["to"].addresses[0].username == "ada"


def test_a_failed_proof_is_said(world, letters):
    event = letter_event(world) | {"auth": {"dmarc": "fail", "spf": "none", "dkim": "none", "aligned": False}}
    assert any("fails DMARC" in one for one in preview(letters, event, body="x").warnings)


# -- runs no letter started --------------------------------------------------------------------------------------------


def test_a_conversation_is_answered_by_its_newest_letter(world, letters):
    world.drop("01.eml", b"Received: by mx; Mon, 2 Mar 2026 10:00:00 +0100\n" + LETTER)
    thread = world.arrivals()[0].event["thread"]
    newer = LETTER.replace(b"<first@", b"<second@").replace(
        b"\n\n", b"\nReferences: <first@winterlight.example.com>\n\n", 1
    )
    world.drop("02.eml", b"Received: by mx; Tue, 3 Mar 2026 10:00:00 +0100\n" + newer)
    bounce = newer.replace(b"<second@", b"<third@")
    world.drop("03.eml", b"Return-Path: <>\nReceived: by mx; Wed, 4 Mar 2026 10:00:00 +0100\n" + bounce)
    found = preview(letters, {"at": "x"}, thread=thread, body="x")
    assert parsed(found)["in-reply-to"] == "<second@winterlight.example.com>"


def test_no_letter_no_answer(letters):
    for args in ({"body": "x"}, {"body": "x", "thread": "0" * 64}):
        with pytest.raises(PermanentError, match="no letter to answer"):
            preview(letters, {"at": "x"}, **args)


def test_another_conversation_than_the_runs_own_is_refused(world, letters):
    event = letter_event(world)
    assert preview(letters, event, thread=event["thread"], body="x").body
    with pytest.raises(PermanentError, match="another conversation"):
        preview(letters, event, thread="0" * 64, body="x")


# -- once --------------------------------------------------------------------------------------------------------------


def do(letters, asked):
    return letters.perform(effect(asked, letters.preview(asked)))


def test_a_sender_is_acknowledged_once_a_day(world, letters):
    world.drop("02.eml", LETTER.replace(b"<first@", b"<second@").replace(b"Ada Winter <ada@", b"A. <ADA@"))
    one, two = (arrival.event for arrival in (letter_event(world) and world.arrivals()))
    first = do(letters, call("email/acknowledge", {"template": TEMPLATE}, trigger=one, step="a"))
    again = call("email/acknowledge", {"template": TEMPLATE}, trigger=two, step="b")
    assert letters.preview(again).warnings == ("already acknowledged today: nothing will be sent",)
    second = do(letters, again)
    assert (first.outputs["sent"], second.outputs["sent"], second.repeated) == (True, False, True)
    assert second.outputs["message-id"] == first.outputs["message-id"]
    assert len(list((world.root / "outbox").glob("*.eml"))) == 1
    tomorrow = replace(again, at=again.at + timedelta(days=1))
    assert do(letters, tomorrow).outputs["sent"]


def test_a_day_is_the_operators(world, letters):
    event = letter_event(world)
    late = call("email/acknowledge", {"template": TEMPLATE}, trigger=event, step="a")
    late = replace(late, at=late.at.replace(hour=22, minute=59))
    do(letters, late)
    assert not do(letters, replace(late, step="b", key=EffectKey("b" * 64))).outputs["sent"]
    # 23:00 UTC is midnight in Warsaw.
    assert do(letters, replace(late, key=EffectKey("c" * 64), at=late.at.replace(hour=23, minute=0))).outputs[
        "sent"
    ]


def test_fixed_words_answer_a_thread_once_a_day_and_others_always(world, letters):
    event = letter_event(world)
    assert do(letters, call("email/reply", {"template": TEMPLATE}, trigger=event, step="a")).outputs["sent"]
    assert not do(letters, call("email/reply", {"template": TEMPLATE}, trigger=event, step="b")).outputs[
        "sent"
    ]
    assert do(letters, call("email/reply", {"body": "x"}, trigger=event, step="c")).outputs["sent"]
    assert do(letters, call("email/reply", {"body": "x"}, trigger=event, step="d")).outputs["sent"]


def test_a_key_carries_one_body(world, letters):
    asked = call("email/reply", {"body": "one"}, trigger=letter_event(world))
    do(letters, asked)
    with pytest.raises(PermanentError, match="other words left"):
        do(letters, replace(asked, args={"body": "two"}))
    with pytest.raises(PermanentError, match="another key"):
        letters.perform(replace(effect(asked, letters.preview(asked)), key=EffectKey("f" * 64)))


def test_a_strangers_file_in_the_outbox_is_no_matter(world, letters):
    world.drop("note.eml", b"hello", folder="outbox")
    world.drop("x.eml", LETTER, folder="outbox")
    assert do(
        letters, call("email/acknowledge", {"template": TEMPLATE}, trigger=letter_event(world))
    ).outputs["sent"]


# -- edit --------------------------------------------------------------------------------------------------------------


def test_editing_changes_the_words_and_the_message_id_alone(world, letters):
    file = world.blobs.record("a.pdf", b"%PDF")
    asked = call(
        "email/reply", {"body": "Old words.", "attach": [file], "link": LINK}, trigger=letter_event(world)
    )
    before = letters.preview(asked)
    world.blobs.held.clear()
    again = replace(asked, revision=2, key=EffectKey("e" * 64))
    after = letters.edited(again, before, "New wörds.\r\n\r\nRobin\n")
    assert after.text == "New wörds.\n\nRobin"
    assert dict(after.facts)["Words"] == "New wörds.\nRobin\n…"
    assert text_of(after) == text_of(before).replace("Old words.", "New wörds.\n\nRobin")
    one, two = parsed(before), parsed(after)
    assert two["message-id"] == f"<{'e' * 32}@example.com>"
    kept = {"from", "to", "subject", "date", "in-reply-to", "references", "x-steward-thread"}
    assert {name: one[name] for name in kept} == {name: two[name] for name in kept}
    assert [part.get_content() for part in two.iter_attachments()] == [b"%PDF"]
    assert (after.heads, after.warnings, after.media) == (before.heads, before.warnings, before.media)


def test_editing_back_gives_the_same_bytes(world, letters):
    asked = call("email/reply", {"body": "Old\n\n> words\n", "link": LINK}, trigger=letter_event(world))
    before = letters.preview(asked)
    there = letters.edited(asked, before, "Other ✓")
    assert letters.edited(asked, there, before.text) == before


def test_no_words_and_other_words_than_shown_are_refused(world, letters):
    asked = call("email/reply", {"body": "Old words."}, trigger=letter_event(world))
    before = letters.preview(asked)
    with pytest.raises(PermanentError, match="needs words"):
        letters.edited(asked, before, " \n")
    with pytest.raises(PermanentError, match="not the words"):
        letters.edited(asked, replace(before, text="Something else"), "x")
