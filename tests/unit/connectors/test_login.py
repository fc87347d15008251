"""A no at the door: what it means is what the server meant, and the password travels whatever letters it has."""

import base64

import pytest

from engine.connectors.email.account import login
from engine.connectors.email.imap import client
from engine.connectors.email.sending import smtp
from engine.connectors.email.sending.smtp import SmtpServer, reach, server_of
from engine.model.definitions.settings import SecretRef
from engine.model.errors import EngineError, PermanentError, TransientError
from tests.contract.world import Secrets
from tests.unit.connectors import test_imap as imaps
from tests.unit.connectors.test_smtp import script

MAIL = SecretRef(name="MAIL")


@pytest.mark.parametrize(
    "words",
    [
        "[ALERT] Too many simultaneous connections. (Failure)",
        "[UNAVAILABLE] Temporary authentication failure. [mail:2026-11-30 09:00:00]",
        "[OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)",
        "[LIMIT] LOGIN Rate limit hit",
        "[INUSE] mailbox is locked by another session",
        "Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
        "[AUTHENTICATIONFAILED] Too many failed login attempts, try again in 15 minutes",
        "System Error (Failure)",
        "User is authenticated but not connected.",
        "Server Unavailable. 15",
        "Command Error. 12",
        "login temporarily disabled, server under maintenance",
        "535 5.7.0 Too many login attempts, please try again later",
        "550 5.4.5 Daily user sending quota exceeded.",
        "454 4.7.0 Temporary authentication failure",
        "535 4.3.2 service is unavailable",
    ],
)
def test_what_passes_by_itself_asks_for_no_other_password(words):
    assert login.refusal(words, secret="MAIL") == login.Refusal(kind="later")


@pytest.mark.parametrize(
    ("words", "kind", "way_out"),
    [
        ("[AUTHENTICATIONFAILED] Invalid credentials (Failure)", "password", "put the right password"),
        ("LOGIN failed.", "password", "put the right password"),
        ("535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6", "password", "put the right password"),
        ("Temporary password is no longer valid", "password", "put the right password"),
        ("[ALERT] Application-specific password required: https://example.com/a", "password", "security settings"),
        ("LOGIN Login error, please use authorization code", "password", "security settings"),
        ("[ALERT] Please log in via your web browser", "password", "security settings"),
        ("[ALERT] Your account is not enabled for IMAP use. Please visit your settings", "barred", "switch on"),
        ("535 5.7.139 Authentication unsuccessful, basic authentication is disabled", "barred", "no password"),
        ("535 5.7.139 SmtpClientAuthentication is disabled for the Tenant", "barred", "switch on"),
        ("LOGIN Login error user suspended", "barred", "ask the provider"),
        ("[EXPIRED] the account's time is over", "barred", "ask the provider"),
    ],
)  # fmt: skip
def test_what_a_person_has_to_mend_says_what_it_is(words, kind, way_out):
    found = login.refusal(words, secret="MAIL")
    assert found.kind == kind
    assert way_out in found.way_out


@pytest.mark.parametrize(("offered", "verb"), [(b" AUTH=PLAIN", b"AUTHENTICATE"), (b"", b"LOGIN")])
@pytest.mark.parametrize("password", ["pässwörd", 'plain "with" quotes \\', "秘密のパスワード"])
def test_a_password_travels_whatever_letters_it_has(offered, verb, password):
    heard = []

    def answer(tag, words):
        heard.append(words)
        if words.split()[:1] == [b"CAPABILITY"]:
            return b"* CAPABILITY IMAP4rev1" + offered + b"\r\n" + tag + b" OK done\r\n"
        if words.split()[:1] == [verb] or not words:
            heard_tag.append(tag)
            told = b"AUTHENTICATE" in words or words.endswith(b"}")
            return b"+ \r\n" if told else heard_tag[0] + b" OK in\r\n"
        if words.split()[:1] == [b"LOGOUT"]:
            return b"* BYE\r\n" + tag + b" OK done\r\n"
        # The rest of a literal: what comes first on this line is no tag.
        raw = b" ".join((tag, words))
        return b"+ \r\n" if raw.endswith(b"}") else heard_tag[0] + b" OK in\r\n"

    heard_tag: list[bytes] = []
    with (
        imaps.script(answer) as port,
        client.session(imaps.account(port), Secrets(MAIL=password)) as session,
    ):
        assert not session.tells
    if offered:
        assert base64.b64encode(b"\0robin\0" + password.encode()) in heard_tag
    elif password.isascii():
        assert rb'LOGIN "robin" "plain \"with\" quotes \\"' in heard
    else:
        assert b"LOGIN {5}" in heard
        assert password.encode() in heard_tag


def test_a_refused_password_beyond_ascii_says_how_it_was_told():
    refused = imaps.plain(AUTHENTICATE=lambda tag: tag + b" NO [AUTHENTICATIONFAILED] no\r\n")
    with (
        imaps.script(refused) as port,
        pytest.raises(PermanentError) as error,
        client.session(imaps.account(port), Secrets(MAIL="é")),
    ):
        pass
    assert "sent as UTF-8" in error.value.message


@pytest.mark.parametrize("password", ["hunter2\n", "a\r\nA1 DELETE x", "\0"])
def test_a_password_kept_with_the_end_of_its_line_is_told_to_nobody(password):
    heard = []
    ordinary = imaps.plain()

    def answer(tag, words):
        heard.append(words)
        return ordinary(tag, words)

    with (
        imaps.script(answer) as port,
        pytest.raises(PermanentError) as error,
        client.session(imaps.account(port), Secrets(MAIL=password)),
    ):
        pass
    assert error.value.code == "secret-odd"
    assert {one for one in heard if one} == {b"CAPABILITY"}


@pytest.mark.parametrize("able", [b"IMAP4rev1 AUTH=PLAIN ID", b"IMAP4rev1 AUTH=PLAIN"])
@pytest.mark.parametrize("takes", [True, False])
def test_who_asks_is_said_after_the_login_where_that_can_be(able, takes):
    heard = []
    greeted = lambda tag: tag + (b" OK done\r\n" if takes else b" BAD what\r\n")
    ordinary = imaps.plain(
        CAPABILITY=lambda tag: b"* CAPABILITY " + able + b"\r\n" + tag + b" OK done\r\n", ID=greeted
    )

    def answer(tag, words):
        heard.append(words)
        return ordinary(tag, words)

    with imaps.script(answer) as port, imaps.opened(port) as session:
        session.folder("INBOX")
    verbs = [one.split()[0] for one in heard if one]
    assert verbs.count(b"ID") == (1 if able.endswith(b"ID") else 0)
    if b"ID" in verbs:
        assert verbs.index(b"AUTHENTICATE") < verbs.index(b"ID") < verbs.index(b"EXAMINE")
        assert rb'ID ("name" "steward")' in heard


# -- SMTP --------------------------------------------------------------------------------------------------------------


def entered(*answers, password="hunter2", **more):
    """What an SMTP server heard that gave these answers, and what became of the login."""
    with script(*answers) as (port, heard):
        server = SmtpServer(
            host="127.0.0.1", port=port, tls="none", user="robin", password=MAIL, seconds=5, **more
        )
        error = None
        try:
            reach(server, Secrets(MAIL=password), sender="robin@example.com")
        except EngineError as caught:
            error = caught
    return [line.strip() for line in heard], error


def coded(text):
    return base64.b64encode(text.encode())


@pytest.mark.parametrize("password", ["hunter2", "pässwörd", "пароль"])
def test_login_alone_is_enough_and_carries_any_letter(password):
    heard, error = entered(
        b"250-localhost\r\n250 AUTH LOGIN\r\n", b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n", b"235 in\r\n",
        b"221 bye\r\n", password=password,
    )  # fmt: skip
    assert error is None
    assert heard[1:4] == [b"AUTH LOGIN", coded("robin"), coded(password)]


def test_a_way_that_is_offered_and_not_known_leads_to_the_next():
    heard, error = entered(
        b"250-localhost\r\n250 AUTH PLAIN LOGIN\r\n", b"504 5.5.4 unrecognized authentication type\r\n",
        b"334 a\r\n", b"334 b\r\n", b"235 in\r\n", b"221 bye\r\n",
    )  # fmt: skip
    assert error is None
    assert heard[2:5] == [b"AUTH LOGIN", coded("robin"), coded("hunter2")]


def test_where_only_a_challenge_is_taken_it_is_answered_also_beyond_ascii():
    challenge = base64.b64encode(b"<1896.697170952@mail.example.com>")
    heard, error = entered(
        b"250-localhost\r\n250 AUTH CRAM-MD5\r\n", b"334 " + challenge + b"\r\n", b"235 in\r\n", b"221 bye\r\n",
        password="pässwörd",
    )  # fmt: skip
    assert error is None
    assert base64.b64decode(heard[2]).split()[0] == b"robin"


def test_a_wrong_password_is_told_once():
    heard, error = entered(
        b"250-localhost\r\n250 AUTH PLAIN LOGIN CRAM-MD5\r\n", b"535 5.7.8 wrong\r\n", b"221 bye\r\n"
    )
    assert [line.split()[0] for line in heard] == [b"ehlo", b"AUTH", b"quit"] or len(heard) == 3
    assert error.code == "smtp-refused-login"


@pytest.mark.parametrize(
    ("answer", "code", "kind"),
    [
        (b"535 5.7.8 Too many simultaneous connections\r\n", "smtp-later", TransientError),
        (b"550 5.4.5 Daily user sending quota exceeded\r\n", "smtp-later", TransientError),
        (b"454 4.7.0 Temporary authentication failure\r\n", "smtp-later", TransientError),
        (b"535 5.7.139 basic authentication is disabled\r\n", "smtp-barred", TransientError),
        (b"535 5.7.8 Username and password not accepted\r\n", "smtp-refused-login", TransientError),
    ],
)
def test_a_no_of_the_server_that_sends_is_read_the_same_way(answer, code, kind):
    _, error = entered(b"250-localhost\r\n250 AUTH PLAIN\r\n", answer, b"221 bye\r\n")
    assert (type(error), error.code) == (kind, code)
    assert ("put the right password" in error.way_out) == (code == "smtp-refused-login")


@pytest.mark.parametrize(
    ("offer", "word"), [(b"250 localhost\r\n", "offers no login"), (b"250 AUTH XOAUTH2\r\n", "only XOAUTH2")]
)
def test_where_no_password_can_be_told_it_says_what_to_write(offer, word):
    answers = (b"250-localhost\r\n" + offer, b"221 bye\r\n")
    _, error = entered(*answers)
    assert word in error.message
    assert error.code == "smtp-no-login"
    assert error.way_out


# -- a relay without TLS beside a mailbox ------------------------------------------------------------------------------

BESIDE = {"imap-host": "imap.example.com", "user": "robin@example.com", "password": MAIL}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"host": "localhost", "port": 25, "tls": "none"}, None),
        ({"host": "::1", "tls": "none", "smtp-auth": "none"}, None),
        ({"host": "127.0.0.1", "tls": "none", "smtp-auth": "password"}, MAIL),
        ({"host": "relay.example.com", "tls": "none", "smtp-auth": "none"}, None),
        ({"host": "relay.example.com", "smtp-auth": "none"}, None),
        ({"host": "smtp.example.com"}, MAIL),
    ],
)
def test_a_relay_is_told_the_password_of_the_mailbox_only_where_nobody_listens(settings, told):
    found = server_of({**BESIDE, **settings})
    assert found is not None
    assert found.password == told


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "relay.example.com", "tls": "none"},
        {"host": "relay.example.com", "tls": "none", "smtp-auth": "password"},
        {"host": "localhost", "tls": "none", "smtp-auth": "perhaps"},
    ],
)
def test_a_password_in_clear_is_refused_with_the_key_that_helps(settings):
    with pytest.raises(PermanentError) as error:
        server_of({**BESIDE, **settings})
    assert error.value.code == "setting"
    assert "smtp-auth" in error.value.message + error.value.way_out


def test_letters_leave_through_a_relay_here_without_a_word_of_the_password():
    with script(b"250 localhost\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 taken\r\n", b"221 bye\r\n") as (port, heard):  # fmt: skip
        server = server_of({**BESIDE, "host": "127.0.0.1", "port": port, "tls": "none"})
        assert server is not None
        smtp.transmit(
            server, Secrets(), sender="robin@example.com", to="ada@example.org", body=b"Hello\r\n",
            begin=lambda: True,
        )  # fmt: skip
    assert not any(line.upper().startswith(b"AUTH") for line in heard)
