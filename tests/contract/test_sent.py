"""After a sending with an unknown end the folder of sent letters is asked: a copy proves it, a missing one proves nothing."""

import shutil
import time

import pytest

from engine.connectors.email.account.imap_account import MailAccount
from engine.connectors.email.imap.sent_folder import SentBox
from engine.connectors.email.sending import delivery
from engine.connectors.email.sending.delivery import Sending
from engine.connectors.email.sending.missing_copies import MissingCopies, get
from engine.connectors.email.sending.outbox import SENDING, SENT, Outbox, SentKnowledge, summary
from engine.connectors.email.sending.smtp import SmtpServer
from engine.kernel.resilience import circuit_breaker
from engine.model.definitions.actions import EffectClass
from engine.model.definitions.settings import SecretRef
from engine.model.errors import UnknownOutcome
from tests.contract.mailservers import PASSWORD, USER, running
from tests.contract.world import Secrets
from tests.unit.connectors.test_smtp import Keeper, script, serving

BODY = (
    b"Message-ID: <%s@example.com>\r\nFrom: robin@example.com\r\nTo: ada@example.org\r\n"
    b"Date: Mon, 02 Mar 2026 13:00:00 +0100\r\nSubject: Re: Website check\r\nX-Steward-Thread: 1234\r\n\r\nHello\r\n"
)


@pytest.fixture(scope="module", params=["pymap", "dovecot"])
def server(request):
    with running(request.param) as one:
        yield one


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(delivery, "AGAIN", ())


@pytest.fixture
def way(server, tmp_path):
    """Make a way out through the SMTP server at `port`, with sent letters looked up on the IMAP server."""

    def make(port, *, imap=server.port, known=None, **more):
        account = MailAccount(
            host="127.0.0.1", port=imap, tls="none", user=USER, password=SecretRef(name="MAIL"),
            folders={"leads": "INBOX/leads"}, sent_folder="" if server.name == "dovecot" else "Sent", **more,
        )  # fmt: skip
        secrets, outbox = Secrets(MAIL=PASSWORD), Outbox(str(tmp_path), known)
        return Sending(
            outbox=outbox, secrets=secrets, sender="robin@example.com", server=SmtpServer(host="127.0.0.1", port=port, tls="none"),
            copies=MissingCopies(box=SentBox(account=account, secrets=secrets), outbox=outbox, state=str(tmp_path)),
        )  # fmt: skip

    return make


@pytest.fixture
def letter(request):
    body = BODY % request.node.name.encode().replace(b"[", b"-").replace(b"]", b"")
    return summary(body), body


def lost(way, one, body, **more):
    """The letter leaves and the line breaks before the server's answer."""
    answers = [*[b"250 ok\r\n"] * 3, b"354 go\r\n"]
    with script(*answers, close_after_data=True) as (port, _), pytest.raises(UnknownOutcome):
        way(port, **more).send(one, body)
    return way(port, **more)


def copies(server, message_id):
    with server.user() as line:
        line.select("Sent", readonly=True)
        return len(line.uid("SEARCH", "HEADER", "Message-ID", f'"{message_id}"')[1][0].split())


def test_a_copy_of_what_left_is_put_among_the_sent_letters_once(server, way, letter):
    one, body = letter
    with serving(Keeper()) as port:
        out = way(port)
        assert out.kind is EffectClass.QUERYABLE
        assert not out.send(one, body).repeated
        assert out.send(one, body).repeated
    assert copies(server, one.message_id) == 1
    assert ("\\Seen",) in server.look("Sent").values()


def test_no_second_copy_where_the_server_has_filed_one_or_is_known_to(server, way, letter):
    one, body = letter
    server.deliver(body, folder="Sent")
    with serving(Keeper()) as port:
        way(port).send(one, body)
    assert copies(server, one.message_id) == 1
    other = BODY % b"filed-by-the-server"
    with serving(Keeper()) as port:
        way(port, sent="server").send(summary(other), other)
    assert copies(server, summary(other).message_id) == 0


def test_a_copy_among_the_sent_letters_proves_that_it_left(server, way, letter):
    one, body = letter
    out = lost(way, one, body)
    server.deliver(body, folder="Sent")
    found = out.find(one, body)
    assert found is not None
    assert found.repeated
    assert found.outputs["message-id"] == one.message_id
    assert out.outbox.holds(one.message_id, SENT) == body
    assert out.outbox.holds(one.message_id, SENDING) is None


def test_a_copy_that_is_filed_late_proves_it_too(server, way, letter, monkeypatch):
    one, body = letter
    out = lost(way, one, body)
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 2:
            server.deliver(body, folder="Sent")

    monkeypatch.setattr(delivery, "AGAIN", (1.0, 4.0))
    monkeypatch.setattr(time, "sleep", sleep)
    assert out.find(one, body) is not None
    assert slept == [1.0, 4.0]


def test_no_copy_proves_nothing(way, letter):
    one, body = letter
    out = lost(way, one, body)
    for _ in range(2):
        with pytest.raises(UnknownOutcome) as error:
            out.find(one, body)
        assert "Sent folder" in error.value.way_out
        # Whoever was asked answered: no news of the server, for its breaker.
        assert circuit_breaker.classify_result(error.value) == ""


def test_a_server_that_cannot_be_asked_proves_nothing(way, letter):
    one, body = letter
    out = lost(way, one, body, imap=1)
    with pytest.raises(UnknownOutcome, match="can't be looked into"):
        out.find(one, body)


def test_what_never_began_to_leave_is_certain_without_asking(way, letter, tmp_path):
    one, body = letter
    (tmp_path / "outbox").mkdir()
    assert way(1, imap=1).find(one, body, at=LATER) is None


LATER, BEFORE = "2026-03-03T09:00:00.000000Z", "2026-03-02T09:00:00.000000Z"
OLD = BODY % b"old"


def all_of_it(box):
    shutil.rmtree(box)


def all_but_the_folder(box):
    shutil.rmtree(box)
    box.mkdir()


def what_was_under_way(box):
    shutil.rmtree(box / SENDING)


def the_letter_and_the_table(box):
    shutil.rmtree(box / SENDING)
    (box / ".letters.db").unlink()


def replaced_by_an_older_copy(box):
    shutil.rmtree(box)
    shutil.copytree(box.parent / "backup", box)


LOSSES = [
    all_of_it,
    all_but_the_folder,
    what_was_under_way,
    the_letter_and_the_table,
    replaced_by_an_older_copy,
]


@pytest.fixture
def damaged(way, letter, tmp_path):
    """Make the way out again after a letter began to leave and the outbox was damaged; the ledger knows one that had left before."""
    one, body = letter

    def make(loss, **more):
        known = SentKnowledge(
            left=lambda: iter([summary(OLD).message_id]), now=lambda: "2026-03-02T12:00:00.000000Z"
        )
        Outbox(str(tmp_path)).deliver(BODY % b"older-still")
        shutil.copytree(tmp_path / "outbox", tmp_path / "backup")
        Outbox(str(tmp_path)).deliver(OLD)
        Outbox(str(tmp_path)).begin(one, body)
        loss(tmp_path / "outbox")
        return way(1, known=known, **more)

    return make


@pytest.mark.parametrize("loss", LOSSES)
def test_where_the_outbox_was_damaged_a_copy_proves_that_a_letter_left(server, damaged, letter, loss):
    one, body = letter
    server.deliver(body, folder="Sent")
    out = damaged(loss)
    assert out.find(one, body, at=BEFORE).repeated
    assert out.outbox.holds(one.message_id, SENT) == body
    assert out.send(one, body).repeated


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("more", [{}, {"imap": 1}], ids=["no copy", "nobody to ask"])
def test_where_the_outbox_was_damaged_its_silence_proves_nothing(damaged, letter, loss, more):
    one, body = letter
    with pytest.raises(UnknownOutcome, match="before the outbox was lost"):
        damaged(loss, **more).find(one, body, at=BEFORE)


def test_what_is_begun_after_the_loss_is_certain_again(damaged, letter, tmp_path):
    out = damaged(all_of_it, imap=1)
    (tmp_path / "outbox").mkdir()
    assert out.outbox.lost
    other = BODY % b"later"
    assert out.find(summary(other), other, at=LATER) is None
    # What the ledger knows is remembered again, so that only another loss is one.
    assert Outbox(str(tmp_path), out.outbox._known).lost == out.outbox.lost
    assert summary(OLD).message_id in out.outbox


def test_an_outbox_that_goes_while_it_is_open_is_noticed(way, letter, tmp_path):
    one, body = letter
    left: list[str] = []
    out = way(1, imap=1, known=SentKnowledge(left=lambda: iter(left), now=lambda: LATER))
    out.outbox.deliver(OLD)
    left.append(summary(OLD).message_id)
    assert not out.outbox.lost
    shutil.rmtree(tmp_path / "outbox")
    (tmp_path / "outbox").mkdir()
    assert out.outbox.lost == LATER
    with pytest.raises(UnknownOutcome):
        out.find(one, body, at=BEFORE)
    out.outbox.deliver(body)
    assert one.message_id in Outbox(str(tmp_path))


def test_what_may_have_left_in_an_older_ledger_is_asked_for_before_it_is_sent(server, way, letter):
    one, body = letter
    server.deliver(body, folder="Sent")
    with serving(keeper := Keeper()) as port:
        assert way(port).send(one, body, again=True).repeated
        assert not keeper.taken
        other = BODY % b"not-yet"
        assert not way(port).send(summary(other), other, again=True).repeated
        assert len(keeper.taken) == 1
        third = BODY % b"not-to-be-asked-for"
        with pytest.raises(UnknownOutcome, match="can't be looked into"):
            way(port, imap=1).send(summary(third), third, again=True)
        assert len(keeper.taken) == 1


def test_a_copy_that_cannot_be_filed_makes_no_failure_of_what_left_and_is_filed_later(
    server, way, letter, tmp_path
):
    one, body = letter
    with serving(Keeper()) as port:
        assert not way(port, imap=1).send(one, body).repeated
        owed = get(str(tmp_path))
        assert owed.letters == (one.message_id,)
        assert "1 letter left without a copy" in owed.summary
        way(port).copies.settle()
    assert copies(server, one.message_id) == 1
    assert get(str(tmp_path)).summary == ""
