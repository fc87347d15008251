"""Date is when a letter leaves: frozen without it, dated from its intent, and the same letter whenever it left."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.utils import format_datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.connectors.email.message import mime_writer
from engine.connectors.email.message.addresses import Mailbox
from engine.connectors.email.message.bodies import Attachment
from engine.connectors.email.message.mime_writer import MessageDraft, dated, undated, write
from engine.model.errors import PermanentError
from engine.model.values.timestamps import stamp
from tests.contract.world import AT, World, call, effect, letter_event

LATER = datetime(2026, 12, 1, 23, 5, 9, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
PLAIN = MessageDraft(
    sender=Mailbox(name="Robin Park", address="robin@example.com"), to=Mailbox(name="Ada", address="ada@example.org"),
    subject="Re: Website", words="Yes.", tail="", message_id="<k1@example.com>", in_reply_to="", references=(), automatic=False,
    thread="t1", once="",
)  # fmt: skip
WORDS = "Date: when it leaves\r\nDate: Mon, 30 Nov 2026 10:00:00 +0000"
DRAFTS = {
    "plain": PLAIN,
    "words that look like a head": replace(PLAIN, words=WORDS.replace("\r\n", "\n")),
    "a subject that names a date": replace(PLAIN, subject="Date: when it leaves"),
    "a long subject in another script": replace(PLAIN, subject="納品日 " * 40),
    "a file that holds a letter": replace(
        PLAIN, attachments=(Attachment(name="a.eml", media="message/rfc822", content=WORDS.encode()),)
    ),
    "a quoted original": replace(PLAIN, tail="On Monday, Ada:\n> Date: when it leaves"),
    "a conversation with many before": replace(PLAIN, references=tuple(f"<r{n}@x.example>" for n in range(30))),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAFTS)
def test_the_moment_is_filled_in_and_nothing_else_moves(name):
    frozen = write(DRAFTS[name])
    assert message_from_bytes(frozen, policy=policy.compat32)["Date"] == "when it leaves"
    left = dated(frozen, LATER)
    assert message_from_bytes(left, policy=policy.compat32)["Date"] == "Tue, 01 Dec 2026 23:05:09 +0530"
    assert undated(left) == frozen
    assert len(left) - len(frozen) == len("Tue, 01 Dec 2026 23:05:09 +0530") - len(mime_writer.LEAVES)
    assert dated(left, AT) == left
    assert undated(dated(frozen, AT)) == undated(left)


def test_a_letter_frozen_by_an_older_version_leaves_as_it_was_approved():
    old = dated(write(PLAIN), AT)
    assert dated(old, LATER) == old


def test_the_card_says_that_it_is_not_dated_yet(tmp_path):
    world = World(tmp_path)
    found = (
        world.wired()
        .connectors["email"]
        .preview(call("email/reply", {"body": "Yes."}, trigger=letter_event(world)))
    )
    assert dict(found.facts)["Date"] == "when it leaves"


def test_it_leaves_with_the_moment_of_its_intent_in_the_operators_zone(tmp_path):
    world = World(tmp_path)
    letters = world.wired().connectors["email"]
    asked = call("email/reply", {"body": "Yes."}, trigger=letter_event(world))
    one = effect(asked, letters.preview(asked))
    days_later = replace(one, at=stamp(AT + timedelta(days=3, hours=2)))
    done = letters.perform(days_later)
    (file,) = tmp_path.rglob("outbox/*.eml")
    left = file.read_bytes()
    assert undated(left) == one.preview.body
    assert message_from_bytes(left)["Date"] == format_datetime(
        (AT + timedelta(days=3, hours=2)).astimezone(ZoneInfo("Europe/Warsaw"))
    )
    assert done.outputs["at"] == stamp((AT + timedelta(days=3, hours=2)).replace(microsecond=0))

    again = letters.perform(replace(one, at=stamp(AT + timedelta(days=9))))
    assert (again.repeated, again.outputs["at"]) == (True, done.outputs["at"])
    assert file.read_bytes() == left
    found = letters.find(one)
    assert found is not None
    assert (found.repeated, found.outputs["at"]) == (True, done.outputs["at"])
    other = replace(one, preview=replace(one.preview, body=one.preview.body.replace(b"Yes.", b"No!!")))
    with pytest.raises(PermanentError, match="other words left"):
        letters.perform(other)


@pytest.mark.parametrize(
    "end",
    ["Kind regards", "Best regards,", "kind regards ", "Mit freundlichen Grüßen", "Viele Grüße", "Cordialement,", "Un saludo", "Pozdrawiam",
     "Met vriendelijke groet", "Cordiali saluti", "Atenciosamente", "Thank you"],
)  # fmt: skip
def test_a_letter_that_ends_without_a_name_gets_the_operators(end):
    assert (
        mime_writer.signed(f"Hello,\n\nyes.\n\n{end}", "Robin Park")
        == f"Hello,\n\nyes.\n\n{end.rstrip()}\nRobin Park"
    )


@pytest.mark.parametrize(
    "words",
    [
        "Yes.",
        "Kind regards\nRobin",
        "Kind regards\n\nRobin Park\nParker Ltd",
        "I send kind regards to Ada",
        "Best price: 40 EUR",
        "Thanks to you all",
    ],
)
def test_what_ends_in_a_name_or_in_words_is_left(words):
    assert mime_writer.signed(words, "Robin Park") == words
    assert mime_writer.signed("Kind regards", "") == "Kind regards"


def test_a_template_of_the_starter_is_signed_as_steward_yaml_says(tmp_path):
    world = World(tmp_path)
    template = {
        "name": "t",
        "subject": "s",
        "body": "Hello,\n\nthank you.\n\nKind regards\n",
        "language": "en",
    }
    letters: Any = world.wired().connectors["email"]
    for action in ("email/acknowledge", "email/reply"):
        found = letters.preview(call(action, {"template": template}, trigger=letter_event(world)))
        assert found.text.endswith("Kind regards\nRobin Park")
        asked = call(action, {"template": template}, trigger=letter_event(world), revision=2)
        assert (
            letters.edited(asked, found, "Mine.\n\nKind regards").text == "Mine.\n\nKind regards"
        )  # what a person typed is theirs
