"""Which mailboxes lie on a server, how it is reached, and what is refused before anything is asked of it."""

from datetime import date

import pytest

from engine.connectors.email.account.imap_account import account_of, class_of_letters, local, remote
from engine.model.definitions.actions import EffectClass
from engine.model.definitions.settings import SecretRef
from engine.model.errors import PermanentError

MAIL = SecretRef(name="MAIL")
FULL = {
    "host": "mail.example.com", "user": "me@example.com", "password": MAIL,
    "mailboxes": {"leads": "INBOX/leads", "support": "INBOX/support"},
}  # fmt: skip


def test_with_a_host_a_mailbox_is_a_folder_there_unless_it_lies_in_the_vault():
    settings = {**FULL, "mailboxes": {"leads": "INBOX/leads", "paper": "vault/scans"}}
    assert remote(settings) == {"leads": "INBOX/leads"}
    assert local(settings) == {"paper": "vault/scans"}


def test_without_a_host_every_mailbox_is_a_folder_of_the_workspace():
    settings = {"mailboxes": {"leads": "mail/leads"}}
    assert account_of(settings) is None
    assert local(settings) == {"leads": "mail/leads"}
    assert local({}) is None


def test_a_host_alone_only_sends():
    assert account_of({"host": "mail.example.com"}) is None
    assert local({"host": "mail.example.com"}) is None
    assert class_of_letters({"host": "mail.example.com"}) is EffectClass.OPAQUE


def test_one_line_for_each_thing_is_enough():
    found = account_of(FULL)
    assert found is not None
    assert (found.host, found.port, found.tls) == ("mail.example.com", 993, "ssl")
    assert (found.user, found.password, found.sent) == ("me@example.com", MAIL, "append")
    assert dict(found.folders) == FULL["mailboxes"]


def test_letters_may_be_read_elsewhere_than_they_are_sent():
    more = {"imap-host": "imap.example.com", "imap-port": 1143, "imap-tls": "starttls", "since": "2026-11-01"}
    found = account_of({**FULL, **more})
    assert found is not None
    assert (found.host, found.port, found.tls, found.since) == (
        "imap.example.com", 1143, "starttls", date(2026, 11, 1),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"user": None}, "needs user and password"),
        ({"password": None}, "needs user and password"),
        ({"password": "hunter2"}, "stands in the file itself"),
        ({"imap-tls": "none"}, "over TLS only"),
        ({"imap-tls": "sometimes"}, "imap-tls is"),
        ({"imap-port": "many"}, "imap-port is a number"),
        ({"imap-port": 70000}, "imap-port is a number"),
        ({"since": "yesterday"}, "since is a day"),
        ({"sent": "perhaps"}, "sent is append, server or none"),
        ({"mailboxes": {"leads": "INBOX\r\nA1 DELETE x"}}, "no folder"),
        ({"mailboxes": ["INBOX"]}, "a map of names"),
    ],
)
def test_what_makes_no_sense_is_said(wrong, word):
    with pytest.raises(PermanentError, match=word) as error:
        account_of({**FULL, **wrong})
    assert error.value.code == "setting"
    assert "hunter2" not in str(error.value)


def test_a_server_on_this_machine_may_do_without_tls():
    assert account_of({**FULL, "imap-host": "localhost", "imap-tls": "none"}) is not None


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({}, EffectClass.IDEMPOTENT),
        ({**FULL, "host": None, "imap-host": "imap.example.com"}, EffectClass.IDEMPOTENT),
        (FULL, EffectClass.QUERYABLE),
        ({**FULL, "sent": "none"}, EffectClass.OPAQUE),
        ({**FULL, "mailboxes": {"leads": "vault/inbox"}}, EffectClass.OPAQUE),
    ],
)
def test_the_class_of_letters_follows_from_the_way_they_take(settings, kind):
    assert class_of_letters(settings) is kind
