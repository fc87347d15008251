"""A mailbox that is attended while its server misbehaves: no letter is lost, none comes twice, and what is wrong is said."""

import socket
import threading
from contextlib import contextmanager

import pytest

from engine.connectors.email.imap import mailbox_status, sync
from tests.contract.mailservers import PASSWORD
from tests.contract.test_mailboxes import OnAServer, letter, stirred

NIL, GONE = b"NIL", b""


class Moody:
    """An IMAP server of one folder whose moods can be changed while it runs."""

    def __init__(self):
        self.letters: list[bytes] = []
        self.password, self.able = PASSWORD, b"IMAP4rev1 IDLE AUTH=PLAIN"
        self.withheld: dict[int, bytes] = {}
        self.lost_at: set[int] = set()
        self.logins = 0
        self._lines: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._welcome, daemon=True).start()

    def deliver(self, *letters):
        self.letters += letters
        for one in list(self._lines):
            self._say(one, b"* %d EXISTS\r\n" % len(self.letters))

    def hang_up(self):
        for one in list(self._lines):
            one.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in list(self._lines):
            one.close()

    def _welcome(self):
        while True:
            try:
                line, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(line,), daemon=True).start()

    def _say(self, line, said):
        try:
            line.sendall(said)
        except OSError:
            self._lines.discard(line)

    def _talk(self, line):
        with line, line.makefile("rb") as wire:
            self._say(line, b"* OK ready\r\n")
            try:
                for words in wire:
                    tag, _, asked = words.strip().partition(b" ")
                    said = self._answer(line, wire, tag, asked.upper())
                    if said is None:
                        return
                    self._say(line, said)
            except (OSError, ValueError):
                return
            finally:
                self._lines.discard(line)

    def _answer(self, line, wire, tag, asked):
        done = tag + b" OK done\r\n"
        match asked.split()[0]:
            case b"CAPABILITY":
                return b"* CAPABILITY " + self.able + b"\r\n" + done
            case b"AUTHENTICATE":
                self._say(line, b"+ \r\n")
                wire.readline()
                self.logins += 1
                return done if self.password == PASSWORD else tag + b" NO [AUTHENTICATIONFAILED] expired\r\n"
            case b"EXAMINE":
                self._lines.add(line)
                return b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n" % len(self.letters) + done
            case b"UID":
                return self._found(asked, done)
            case b"IDLE":
                self._say(line, b"+ idling\r\n")
                wire.readline()
                return done
            case b"LIST":
                return b'* LIST () "/" INBOX\r\n' + done
            case b"LOGOUT":
                return b"* BYE\r\n" + done
            case _:
                return tag + b" BAD what\r\n"

    def _found(self, asked, done):
        if b"SEARCH" in asked:
            there = range(1, len(self.letters) + 1)
            above = int(asked.split()[3].partition(b":")[0])
            return b"* SEARCH " + b" ".join(b"%d" % n for n in there if n >= above) + b"\r\n" + done
        numbers = asked.split()[2].replace(b"*", b"%d" % len(self.letters))
        wanted = {int(one) for one in numbers.split(b",")}
        if b"RFC822.SIZE" in asked:
            facts = b'* %d FETCH (UID %d RFC822.SIZE %d INTERNALDATE "02-Mar-2026 09:14:03 +0100")\r\n'
            return b"".join(facts % (n, n, len(self.letters[n - 1])) for n in sorted(wanted)) + done
        (n,) = wanted
        if n in self.lost_at:
            self.lost_at.remove(n)
            return None
        if n in self.withheld:
            return b"* %d FETCH (UID %d BODY[]<0> NIL)\r\n" % (n, n) + done
        raw = self.letters[n - 1]
        return b"* %d FETCH (UID %d BODY[]<0> {%d}\r\n" % (n, n, len(raw)) + raw + b")\r\n" + done


@pytest.fixture
def server():
    made = Moody()
    yield made
    made.close()


@contextmanager
def attended(server, tmp_path, kind=OnAServer):
    world = kind(tmp_path, server.port, "INBOX")
    with stirred(world) as until:
        yield world, until


def stands(world):
    (mirror,) = world.remote.mirrors.values()
    return mailbox_status.get(str(world.state), mirror.folder)


def said(world, words):
    """Wait for something said."""
    event = threading.Event()
    for _ in range(400):
        if any(words in one for one in world.shown):
            return
        event.wait(0.025)
    raise AssertionError(world.shown)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    for name in ("POLL_SECONDS", "WAIT_SECONDS", "REFUSED_SECONDS"):
        monkeypatch.setattr(sync, name, 0.05)


def test_a_line_lost_while_a_letter_is_fetched_loses_and_doubles_none(server, tmp_path):
    server.letters += [letter(n) for n in range(4)]
    server.lost_at |= {1, 3}
    with attended(server, tmp_path) as (world, until):
        found = until(4)
    assert len({one.source for one in found}) == len(found) == 4
    assert server.logins == 3
    assert world.shown[-1].endswith("answers again")


def test_a_letter_given_only_later_comes_though_later_ones_came_first(server, tmp_path):
    server.letters += [letter(1), letter(2)]
    server.withheld[1] = NIL
    with attended(server, tmp_path) as (world, until):
        assert until(1)[0].event["message-id"].startswith("<number-2@")
        said(world, "does not give them (number 1)")
        assert "does not give them (number 1)" in stands(world).words
        server.withheld.clear()
        found = until(2)
        said(world, "answers again")
    assert [one.ignored for one in found] == ["", ""]
    assert stands(world).words == ""


def test_a_server_that_does_not_tell_of_news_is_asked(server, tmp_path):
    server.able = b"IMAP4rev1 AUTH=PLAIN"
    with attended(server, tmp_path) as (_, until):
        server.letters += [letter(1)]
        until(1)
        server.letters += [letter(2)]
        until(2)
    assert server.logins == 1


def test_a_password_that_expires_is_named_and_letters_come_once_it_is_mended(server, tmp_path):
    server.letters += [letter(1)]
    with attended(server, tmp_path) as (world, until):
        until(1)
        server.password = "another"
        server.hang_up()
        server.letters += [letter(2), letter(3)]
        said(world, "or its password")
        refused = stands(world)
        assert refused.person
        assert refused.words.endswith("or its password: [AUTHENTICATIONFAILED] expired")
        assert refused.way_out.endswith("steward secrets set MAIL")
        assert refused.next > refused.since
        assert len(world.poll()) == 1
        server.password = PASSWORD
        found = until(3)
        said(world, "answers again")
    assert len({one.source for one in found}) == len(found) == 3
    assert (stands(world).words, stands(world).person) == ("", False)


class Still(OnAServer):
    """Where no time passes, so that the next try tells the wait."""

    now = staticmethod(lambda: 1000.0)


def test_tries_with_a_refused_password_become_rare(server, tmp_path, monkeypatch):
    monkeypatch.setattr(sync, "MAX_WAIT_SECONDS", 0.3)
    server.password = "another"
    waits = []
    with attended(server, tmp_path, Still) as (world, _):
        said(world, "or its password")
        for _ in range(400):
            if (wait := round(stands(world).next - 1000, 3)) not in waits:
                waits.append(wait)
            if wait == 0.3:
                break
            threading.Event().wait(0.01)
    assert waits == [0.05, 0.1, 0.2, 0.3][-len(waits) :]
    assert server.logins <= 5
