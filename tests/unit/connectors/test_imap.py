"""Servers that misbehave: none of them makes us wait for ever, take more than we asked for, or say a password."""

import base64
import socket
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from engine.connectors.email.account.imap_account import MailAccount
from engine.connectors.email.imap import client
from engine.model.definitions.settings import SecretRef
from engine.model.errors import EngineError, PermanentError, TransientError
from tests.contract.certificates import self_made
from tests.contract.world import Secrets

PASSWORD = "hunter2-secret"
GREETING = b"* OK ready\r\n"
ABLE = b"* CAPABILITY IMAP4rev1 IDLE AUTH=PLAIN\r\n"


@contextmanager
def script(answer, *, greeting=GREETING, context=None):
    """A server that says of each line what `answer(tag, words)` returns; None: it goes silent, b"": it hangs up."""
    listening = socket.create_server(("127.0.0.1", 0))
    quiet = threading.Event()

    def run():
        connection, _ = listening.accept()
        try:
            if context is not None:
                connection = context.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rwb") as wire:
                wire.write(greeting)
                wire.flush()
                while line := wire.readline():
                    tag, _, words = line.strip().partition(b" ")
                    said = answer(tag, words)
                    if said is None:
                        quiet.wait(10)
                    if not said:
                        return
                    wire.write(said)
                    wire.flush()
        except OSError:
            return

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        quiet.set()
        listening.close()
        thread.join(5)


def plain(**replies):
    """The answers of an ordinary server, but for the words named."""
    ordinary = {
        "CAPABILITY": lambda tag: ABLE + tag + b" OK done\r\n",
        "AUTHENTICATE": lambda _: b"+ \r\n",
        "EXAMINE": lambda tag: b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n" + tag + b" OK done\r\n",
        "LIST": lambda tag: b'* LIST () "/" ""\r\n' + tag + b" OK done\r\n",
        "LOGOUT": lambda tag: b"* BYE\r\n" + tag + b" OK done\r\n",
        **replies,
    }
    held: list[bytes] = []

    def answer(tag, words):
        if held and not words:
            return held.pop() + b" OK in\r\n"
        verb = b" ".join(words.split()[:2] if words[:3] == b"UID" else words.split()[:1]).decode()
        if verb == "AUTHENTICATE" and "AUTHENTICATE" not in replies:
            held.append(tag)
        return ordinary[verb](tag)

    return answer


def account(port, **more):
    settings = {"host": "127.0.0.1", "tls": "none", "seconds": 5.0, **more}
    return MailAccount(
        port=port, user="robin", password=SecretRef(name="MAIL"), folders={"leads": "INBOX"}, **settings
    )


def opened(port, **more):
    return client.session(account(port, **more), Secrets(MAIL=PASSWORD))


def lost(port, ask, **more):
    """How a conversation was lost in which the folder was opened and `ask` done."""

    def talk():
        with opened(port, **more) as session:
            session.folder("INBOX")
            ask(session)

    with pytest.raises(TransientError) as error:
        talk()
    return error.value


def test_a_server_that_goes_silent_is_given_up():
    with script(plain(EXAMINE=lambda _: None)) as port:
        error = lost(port, lambda _: None, seconds=0.2)
    assert error.code == "imap-silent"


def test_a_line_that_died_while_waiting_for_news_is_noticed():
    idling = plain(IDLE=lambda _: b"+ idling\r\n")

    def answer(tag, words):
        return None if tag == b"DONE" else idling(tag, words)

    with script(answer) as port:
        error = lost(port, lambda session: session.idle(0.1), seconds=0.2)
    assert error.code == "imap-silent"


def test_news_that_comes_with_the_word_to_wait_is_not_missed():
    idling = plain(IDLE=lambda _: b"+ idling\r\n* 2 EXISTS\r\n")
    begun = []

    def answer(tag, words):
        begun.extend([tag] if words == b"IDLE" else [])
        return begun[-1] + b" OK done\r\n" if tag == b"DONE" else idling(tag, words)

    with script(answer) as port, opened(port) as session:
        session.folder("INBOX")
        assert session.idle(30)


def test_news_that_came_with_another_answer_is_not_missed():
    def search(tag):
        return b"* SEARCH 1\r\n* 2 EXISTS\r\n" + tag + b" OK done\r\n"

    with script(plain(**{"UID SEARCH": search})) as port, opened(port) as session:
        session.folder("INBOX")
        assert session.uids() == [1]
        assert session.idle(30)


def test_a_server_that_offers_to_tell_of_news_and_does_not_is_asked_instead():
    with script(plain(IDLE=lambda tag: tag + b" BAD no such command\r\n")) as port, opened(port) as session:
        session.folder("INBOX")
        assert session.tells
        assert session.idle(30)
        assert not session.tells


@pytest.mark.parametrize(
    "answer",
    [
        b"* 1 FETCH (UID 1 BODY[]<0> {900000000}\r\n",
        b"* 1 FETCH (UID 1 BODY[]<0> {2000000}\r\n" + b"x" * 2_000_000,
        b"* 1 FETCH (UID 1 " + b"x" * 5_000_000,
    ],
    ids=["a claim", "more than was asked for", "a line without an end"],
)  # fmt: skip
def test_more_than_was_asked_for_is_not_taken(answer):
    with script(plain(**{"UID FETCH": lambda _: answer})) as port:
        error = lost(port, lambda session: session.letter(1, 1_000_000))
    assert error.code == "imap-lost"


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n", b"\x15\x03\x01\x00\x02\x02F\r\n", b""])
def test_what_speaks_no_imap_is_an_error_in_words(greeting):
    def hang_up(_tag, _words):
        return b""

    with (
        script(hang_up, greeting=greeting) as port,
        pytest.raises(EngineError) as error,
        opened(port, seconds=0.3),
    ):
        pass
    assert f"127.0.0.1:{port}" in str(error.value)


def test_a_server_that_repeats_the_password_is_not_repeated():
    coded = base64.b64encode(PASSWORD.encode())
    said = f"NO [AUTHENTICATIONFAILED] {PASSWORD} is wrong, ".encode() + coded
    with (
        script(plain(AUTHENTICATE=lambda tag: tag + b" " + said + b"\r\n")) as port,
        pytest.raises(PermanentError) as error,
        opened(port),
    ):
        pass
    assert PASSWORD not in str(error.value)
    assert coded.decode() not in str(error.value)
    assert error.value.__cause__ is None


def test_no_room_now_is_another_thing_than_a_wrong_password():
    refused = plain(AUTHENTICATE=lambda tag: tag + b" NO [UNAVAILABLE] try later\r\n")
    with script(refused) as port, pytest.raises(TransientError), opened(port):
        pass


def test_a_server_with_a_fault_of_its_own_lacks_no_folder():
    ill = plain(EXAMINE=lambda tag: tag + b" NO [SERVERBUG] Internal error occurred\r\n")
    with script(ill) as port:
        error = lost(port, lambda _: None)
    assert error.code == "imap-later"
    assert "SERVERBUG" in error.message


def test_no_password_is_said_where_no_cipher_is_offered():
    heard = []
    ordinary = plain()

    def answer(tag, words):
        heard.append(words)
        return ordinary(tag, words)

    with script(answer) as port, pytest.raises(PermanentError) as error, opened(port, tls="starttls"):
        pass
    assert error.value.code == "imap-unsafe"
    assert [one for one in heard if one != b"CAPABILITY"] == []


def test_tls_from_the_first_byte_is_the_ordinary_way(tmp_path):
    certificate = self_made(tmp_path)
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.load_cert_chain(certificate)
    ours = {"host": "localhost", "tls": "ssl"}
    with script(plain(), context=there) as port:
        trusting = lambda: ssl.create_default_context(cafile=certificate)
        with opened(port, **ours, context=trusting) as session:
            assert session.folder("INBOX") == client.ImapFolder(validity=7, count=1)
    with script(plain(), context=there) as port, pytest.raises(PermanentError) as error, opened(port, **ours):
        pass
    assert error.value.code == "imap-unsafe"


def test_the_mark_between_levels_is_the_servers_own():
    asked = []
    dotted = plain(LIST=lambda tag: b'* LIST (\\Noselect) "." ""\r\n' + tag + b" OK done\r\n")

    def answer(tag, words):
        asked.append(words)
        return dotted(tag, words)

    with script(answer) as port, opened(port) as session:
        session.folder("INBOX/leads")
    assert b'EXAMINE "INBOX.leads"' in asked


@pytest.mark.parametrize(
    ("says", "kind", "code"),
    [
        (b" OK done", None, ""),
        (b" NO [OVERQUOTA] Quota exceeded (mailbox for user is full)", PermanentError, "imap-full"),
        (b" NO [TRYCREATE] no such mailbox", TransientError, "imap-later"),
    ],
)
def test_a_copy_goes_into_the_folder_by_the_servers_own_mark_or_says_why_not(says, kind, code):
    asked, body = [], b"Subject: x"
    dotted = plain(LIST=lambda tag: b'* LIST (\\Noselect) "." ""\r\n' + tag + b" OK done\r\n")

    def answer(tag, words):
        if words[:6] == b"APPEND":
            asked.append((tag, words))
            return b"+ go\r\n"
        if tag == b"Subject:":
            return asked[0][0] + says + b"\r\n"
        return b"" if not tag else dotted(tag, words)

    error = None
    with script(answer) as port, opened(port) as session:
        try:
            session.append("Ablage/Gesendet", body, datetime(2026, 11, 30, 9, tzinfo=UTC))
        except EngineError as caught:
            error = caught
    assert asked[0][1].startswith(rb'APPEND "Ablage.Gesendet" (\Seen) ')
    assert (error and type(error)) == kind
    assert (error.code if error else "") == code


def test_a_hung_up_line_ends_at_once():
    idling = plain(IDLE=lambda _: b"+ idling\r\n")

    def wait(session):
        threading.Timer(0.1, session.hang_up).start()
        session.idle(60)

    with script(idling) as port:
        error = lost(port, wait)
    assert error.code in {"imap-lost", "imap-unreachable"}
