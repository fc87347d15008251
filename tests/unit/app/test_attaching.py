"""From what somebody types of a mailbox to the lines of steward.yaml: nothing is guessed that was not published, no password is taken."""

from datetime import date

import pytest

from engine.app.setup import mailbox_wizard, starter_files
from engine.app.setup.mailbox_wizard import MailboxPlan, MailServer
from engine.connectors.email.account.imap_account import account_of
from engine.connectors.email.account.providers import PROVIDERS
from engine.connectors.email.sending.smtp import server_of
from engine.language.documents import settings
from engine.model.definitions.diagnostics import Severity
from engine.model.errors import UsageError

DAY = date(2026, 11, 22)


def read(mailbox):
    """What steward itself reads in the lines for a mailbox, written into a new workspace's settings."""
    block = mailbox_wizard.lines(mailbox, since=DAY)
    data = starter_files.connected(starter_files.files()["steward.yaml"], block)
    config, diagnostics = settings.parse("steward.yaml", data)
    assert not [one for one in diagnostics if one.severity is Severity.ERROR], diagnostics
    assert config is not None
    email = config.connector("email")
    return config, account_of(email), server_of(email)


@pytest.mark.parametrize("domain", [domain for domain, one in PROVIDERS.items() if not one.closed])
def test_an_address_at_a_known_provider_is_enough(domain):
    config, account, server = read(mailbox_wizard.parsed(f"robin.park@{domain}"))
    known = PROVIDERS[domain]
    assert (account.host, account.port, account.tls) == (known.imap, 993, "ssl")
    assert (server.host, server.port) == (known.smtp, 587 if known.starttls else 465)
    assert account.user == server.user == (f"robin.park@{domain}" if known.whole else "robin.park")
    assert account.folders == {"leads": "INBOX"}
    assert account.since == DAY
    assert config.secrets == ("keyring", "env")


def test_urls_say_where_it_is_read_and_answered():
    found = mailbox_wizard.parsed(
        "imap://robin@example.com@mail.example.com:1143/Kunden%20%26%20Gr%C3%B6%C3%9Fe",
        "smtp://out.example.com:2525",
    )
    assert found == MailboxPlan(
        read_on=MailServer(host="mail.example.com", tls="starttls", port=1143), user="robin@example.com",
        folder="Kunden & Größe", sent_by=MailServer(host="out.example.com", tls="starttls", port=2525),
    )  # fmt: skip
    _, account, server = read(found)
    assert (account.host, account.port, account.tls) == ("mail.example.com", 1143, "starttls")
    assert account.folders == {"leads": "Kunden & Größe"}
    assert (server.host, server.port, server.tls) == ("out.example.com", 2525, "starttls")


def test_without_a_way_out_answers_stay_in_the_outbox():
    _, account, server = read(mailbox_wizard.parsed("imaps://no@mail.example.com"))
    assert (account.host, account.user, server) == ("mail.example.com", "no", None)


def test_a_known_host_brings_its_way_out():
    assert mailbox_wizard.parsed("imaps://robin@gmail.com@imap.gmail.com/Leads").sent_by == MailServer(
        host="smtp.gmail.com"
    )


@pytest.mark.parametrize(
    ("mailbox", "smtp", "words"),
    [
        ("imaps://robin:hunter2@imap.example.com/INBOX", "", "a password does not belong into a command"),
        ("imaps://robin@imap.example.com/INBOX", "smtps://robin:hunter2@smtp.example.com", "a password does not"),
        ("imaps://robin@imap.example.com", "smtps://ada@smtp.example.com", "as one user"),
        ("imaps://imap.example.com/INBOX", "", "nobody to log in as"),
        ("pop3://robin@example.com", "", "imaps:// or imap://"),
        ("imaps://robin@imap.example.com:99999", "", "imaps:// or imap://"),
        ("imaps://robin@-x-", "", "names no host"),
        ("imaps://robin@imap.example.com/vault/inbox", "", "no folder"),
        ("imaps://robin@imap.example.com/a%0Ab", "", "no folder"),
        ("robin@winterlight.example.com", "", "nobody published here"),
        ("robin@outlook.com", "", "only OAuth"),
        ("robin", "", "is no address"),
    ],
)  # fmt: skip
def test_what_makes_no_mailbox_is_said(mailbox, smtp, words):
    with pytest.raises(UsageError) as error:
        mailbox_wizard.parsed(mailbox, smtp)
    assert words in error.value.message
    assert "hunter2" not in str(error.value)
    assert error.value.now_true == "Nothing was written."
