"""A mailbox on a real server: read whole, read once, never changed, and found again after whatever happens to it."""

import ssl
import threading
import time
from contextlib import contextmanager
from email.message import EmailMessage

import pytest

from engine.connectors.email.account.imap_account import MailAccount
from engine.connectors.email.imap import client
from engine.connectors.email.imap import sync as remote
from engine.connectors.email.imap.sync import ImapRuntime, Remote
from engine.connectors.email.message import parse
from engine.model.definitions.settings import SecretRef
from engine.model.errors import PermanentError
from tests.contract.certificates import self_made
from tests.contract.mailservers import PASSWORD, USER, running
from tests.contract.world import LETTER, Secrets, World


def letter(n, text="could you give us a quote?"):
    raw = LETTER.replace(b"<first@", b"<number-%d@" % n).replace(b"could you give us a quote?", text.encode())
    assert raw.count(b"<number-%d@" % n) == 1
    return raw.replace(b"\n", b"\r\n")


@pytest.fixture(scope="module", params=["pymap", "dovecot"])
def server(request):
    with running(request.param) as one:
        yield one


@pytest.fixture
def box(server, request):
    """A folder of this test's own."""
    name = f"INBOX/{request.node.originalname[:60]}"
    with server.user() as line:
        line.create(f'"{name}"')
    return name


class OnAServer(World):
    """A workspace whose mailbox `leads` is a folder on a server."""

    now = staticmethod(time.time)

    def __init__(self, root, port, folder, *, password=PASSWORD, **more):
        settings = {
            "imap-host": "127.0.0.1", "imap-port": port, "imap-tls": "none", "user": USER,
            "password": SecretRef(name="MAIL"), "mailboxes": {"leads": folder}, **more,
        }  # fmt: skip
        super().__init__(root / "work", email=settings)
        self.state = root / "state"
        self.state.mkdir(exist_ok=True)
        self.secrets = Secrets(MAIL=password)
        self.attached = ImapRuntime(state=str(self.state), now=self.now, chance=lambda: 0.0)
        self.source = self.wired().source

    def poll(self, seen=()):
        return list(self.source.poll({one.mark for one in seen}.__contains__))

    @property
    def remote(self) -> Remote:
        found: Remote = getattr(self.source, "remote")  # noqa: B009 - the port has none
        return found

    def copies(self):
        return sorted(path for path in self.state.rglob("*.letter"))


@contextmanager
def stirred(world):
    """Threads that wait for news, and a way to wait for what they find."""
    news = threading.Semaphore(0)

    def until(count, seconds=30):
        end = time.monotonic() + seconds
        while len(found := world.poll()) < count:
            assert news.acquire(timeout=max(end - time.monotonic(), 0.01)), (len(found), world.shown)
        return found

    with world.remote.attended(news.release):
        yield until


def test_every_letter_is_read_whole_and_once_and_nothing_is_changed_there(server, box, tmp_path):
    server.deliver(*(letter(n) for n in range(5)), folder=box)
    before = server.look(box)
    world = OnAServer(tmp_path, server.port, box)
    first = world.poll()
    assert [one.event["message-id"] for one in first] == [
        f"<number-{n}@winterlight.example.com>" for n in range(5)
    ]
    assert {one.event["text"] for one in first} == {"Hello Robin,\n\ncould you give us a quote?\n\nAda"}
    assert all(one.event["mailbox"] == "leads" and one.kind == "email" for one in first)
    assert world.poll(first) == []
    assert server.look(box) == before == dict.fromkeys(range(1, 6), ())
    assert world.shown == []


def test_a_letter_in_many_pieces_arrives_as_it_was_sent(server, box, tmp_path, monkeypatch):
    monkeypatch.setattr(client, "CHUNK", 1000)
    attached = bytes(range(256)) * 40
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "Ada <ada@winterlight.example.com>", USER, "Plans"
    made["Message-ID"] = "<plans@winterlight.example.com>"
    made.set_content("Here they are.")
    made.add_attachment(attached, maintype="application", subtype="octet-stream", filename="plans.bin")
    server.deliver(made.as_bytes().replace(b"\n", b"\r\n"), folder=box)
    (found,) = OnAServer(tmp_path, server.port, box).poll()
    assert found.files == (("plans.bin", "application/octet-stream", attached),)


def test_of_a_letter_beyond_the_limit_the_beginning_is_fetched_and_says_so(
    server, box, tmp_path, monkeypatch
):
    for module in (parse, remote):
        monkeypatch.setattr(module, "MAX_LETTER", 2000)
    server.deliver(letter(1, "long " * 1000), letter(2), folder=box)
    world = OnAServer(tmp_path, server.port, box)
    first, second = world.poll()
    assert (first.ignored, second.ignored) == ("", "")
    assert "\n\nlong long" in first.event["text"]
    assert "of which the first 2 kB were read" in first.event["text"].split("\n")[-1]
    assert max(path.stat().st_size for path in world.copies()) < 2100


def test_a_letter_somebody_puts_elsewhere_is_still_known(server, box, tmp_path):
    server.deliver(letter(1), folder=box)
    world = OnAServer(tmp_path, server.port, box)
    (found,) = world.poll()
    version = world.source.head(f"thread:{found.event['thread']}")
    with server.user() as line:
        line.select(f'"{box}"')
        line.store("1", "+FLAGS", r"(\Deleted)")
        line.expunge()
    assert world.poll([found]) == []
    assert world.source.head(f"thread:{found.event['thread']}") == version


def test_a_folder_may_be_called_anything(server, tmp_path):
    name = "INBOX/Anfragen & Größe"
    with server.user() as line:
        line.create('"INBOX/Anfragen &- Gr&APYA3w-e"')
    server.deliver(letter(1), folder="INBOX/Anfragen &- Gr&APYA3w-e")
    (found,) = OnAServer(tmp_path, server.port, name).poll()
    assert found.place == f"imap://127.0.0.1/{name};UID=1"


def test_letters_that_came_before_the_day_are_passed_over(server, box, tmp_path):
    with server.user() as line:
        line.append(f'"{box}"', "", '"01-Mar-2020 10:00:00 +0000"', letter(1))
    server.deliver(letter(2), folder=box)
    world = OnAServer(tmp_path, server.port, box, since="2026-01-01")
    assert [one.event["message-id"] for one in world.poll()] == ["<number-2@winterlight.example.com>"]


def test_a_new_letter_is_told_of_at_once(server, box, tmp_path):
    world = OnAServer(tmp_path, server.port, box)
    with stirred(world) as until:
        server.deliver(letter(1), folder=box)
        until(1)
        server.deliver(letter(2), letter(3), folder=box)
        assert len({one.source for one in until(3)}) == 3
    assert world.shown == []


def test_new_numbers_for_every_letter_start_nothing_twice(server, box, tmp_path):
    server.deliver(letter(1), letter(2), folder=box)
    world = OnAServer(tmp_path, server.port, box)
    before = world.poll()
    names = world.copies()
    server.renumber(box)
    after = world.poll(before)
    assert {one.mark for one in after}.isdisjoint(one.mark for one in before)
    # A server may number them in another order.
    assert sorted(one.source for one in after) == sorted(one.source for one in before)
    assert len(world.copies()) == 2
    assert set(world.copies()).isdisjoint(names)


def test_a_server_that_went_away_is_called_until_it_answers(tmp_path):
    with running("pymap") as server:
        world = OnAServer(tmp_path, server.port, "INBOX/leads")
        with stirred(world) as until:
            server.deliver(letter(1))
            until(1)
            server.stop()
            server.start()
            server.deliver(letter(2))
            until(2)
            server.renumber()
            server.deliver(letter(3))
            assert len({one.source for one in until(3)}) == 3
        assert any("was lost" in one or "can't be reached" in one for one in world.shown)
        assert world.shown[-1] == "mailbox leads: 127.0.0.1 answers again"


def test_a_wrong_password_is_said_plainly_and_once(server, box, tmp_path):
    world = OnAServer(tmp_path, server.port, box, password="wr0ng-s3cret")
    assert world.poll() == world.poll() == []
    (said,) = world.shown
    assert said.startswith(f"mailbox leads: 127.0.0.1 refused {USER} or its password: ")
    assert said.endswith("put the right password where MAIL is looked up: steward secrets set MAIL")
    assert "wr0ng-s3cret" not in said


def test_a_folder_that_is_not_there_names_those_that_are(server, tmp_path):
    world = OnAServer(tmp_path, server.port, "INBOX/laeds")
    assert world.poll() == []
    (said,) = world.shown
    assert "has no folder INBOX/laeds" in said
    assert "INBOX/leads" in said


def test_copies_are_sealed_and_a_damaged_one_is_fetched_again(server, box, tmp_path):
    server.deliver(letter(1), folder=box)
    world = OnAServer(tmp_path, server.port, box)
    (found,) = world.poll()
    (copy,) = world.copies()
    raw = copy.read_bytes()
    assert b"quote" not in raw
    assert b"ada@" not in raw
    copy.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    assert world.poll() == []
    (again,) = world.poll()
    assert (again.source, again.mark) == (found.source, found.mark)


def test_a_server_that_cannot_be_reached_keeps_nothing_else_from_being_read(tmp_path):
    world = OnAServer(tmp_path, 1, "INBOX/leads", mailboxes={"leads": "INBOX/leads", "local": "vault/inbox"})
    world.drop("here.eml")
    assert [one.event["mailbox"] for one in world.poll()] == ["local"]
    assert "can't be reached" in world.shown[0]


def test_it_is_spoken_to_in_cipher_and_only_when_it_can_be_trusted(tmp_path):
    certificate = self_made(tmp_path)

    def account(port, context):
        return MailAccount(
            host="localhost", port=port, tls="starttls", user=USER, password=SecretRef(name="MAIL"),
            folders={"leads": "INBOX/leads"}, context=context,
        )  # fmt: skip

    with running("pymap", certificate=certificate) as one:
        trusting = account(one.port, lambda: ssl.create_default_context(cafile=certificate))
        with client.session(trusting, Secrets(MAIL=PASSWORD)) as session:
            assert session.folder("INBOX/leads").count == 0
        with (
            pytest.raises(PermanentError) as error,
            client.session(account(one.port, None), Secrets(MAIL=PASSWORD)),
        ):
            pass
        assert error.value.code == "imap-unsafe"
