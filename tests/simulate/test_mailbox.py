"""A company whose mailbox lies on a mail server: one pass, and an engine that stays up while everything around it is killed."""

import re
import socket
import sys
import time

import pytest

from engine.app.adapters.mailboxes import alive
from engine.model.events.events import EffectSucceeded
from tests.campaigns import mailing
from tests.campaigns.mailing import letter, office, serve
from tests.contract.mailservers import PASSWORD
from tests.contract.world import Secrets
from tests.simulate.terminal import environment, plainly

MUTE = """\
connectors:
  email:
    host: 127.0.0.1
    port: %d
    tls: starttls
    imap-port: %d
    imap-tls: none
    user: robin@example.com
    password: ${{ secrets.MAIL }}
    mailboxes: { leads: INBOX }
"""


@pytest.fixture
def one(tmp_path, monkeypatch):
    with office(tmp_path) as found:
        monkeypatch.setenv("SSL_CERT_FILE", found.certificate)
        yield found


def steward(one, *words, password=PASSWORD):
    env = environment(one.company.env, MAIL=password, SSL_CERT_FILE=one.certificate)
    return plainly(words, cwd=one.company.root, env=env)


@pytest.mark.slow
def test_one_pass_reads_the_mailbox_answers_and_leaves(one):
    one.vouch()
    one.mail.deliver(letter(1), letter(2))
    first = steward(one, "run")
    assert first.code == 0, first.text
    assert sorted(one.master.taken.items()) == [(f"ada-{n}@winterlight.example.com", 1) for n in (1, 2)]
    assert steward(one, "run").code == 0
    assert one.runs() == (2, 2)
    assert set(one.mail.look().values()) == {()}


@pytest.mark.slow
def test_the_first_letters_of_a_new_mailbox_ask_before_anything_leaves(one):
    """And each that leaves then has its copy among the sent ones."""
    one.master.files = False
    settings = (one.company.root / "steward.yaml").read_text()
    one.company.commit({"steward.yaml": settings.replace("    sent: server\n", "")})
    one.mail.deliver(letter(1), letter(2))
    said = steward(one, "run")
    assert said.code == 4, said.text
    assert not one.master.taken
    first, second = one.company.cards()
    assert steward(one, "approve", first.card.id, "--yes").code == 0
    assert sum(one.master.taken.values()) == len(one.mail.look("Sent")) == 1
    one.mail.deliver(letter(3))
    assert steward(one, "run").code == 4  # the second is asked about still, the third left
    assert one.master.taken["ada-3@winterlight.example.com"] == 1
    assert len(one.mail.look("Sent")) == 2
    assert [shown.card.id for shown in one.company.cards()] == [second.card.id]


@pytest.mark.slow
def test_a_letter_whose_sending_nobody_confirmed_is_found_among_the_sent_ones(one):
    one.vouch()
    one.master.unheard = 1
    one.mail.deliver(letter(1))
    said = steward(one, "run")
    assert said.code == 0, said.text
    assert sum(one.master.taken.values()) == 1
    later = [event for event in one.company.events() if event.run not in one.before]
    done = [event.body for event in later if isinstance(event.body, EffectSucceeded)]
    assert [body.repeated for body in done] == [True]


@pytest.mark.slow
def test_a_wrong_password_is_said_in_one_line_and_kept_out_of_everything(one):
    said = steward(one, "run", password="wr0ng-s3cret")
    assert "refused robin@example.com or its password" in said.text
    assert "steward secrets set MAIL" in said.text
    assert "Traceback" not in said.text
    assert "wr0ng-s3cret" not in said.text
    known = steward(one, "status")
    assert re.search(
        r"mailboxes +leads: localhost refused robin@example.com or its password: .*since 20..-", known.text
    )
    files = [path for path in one.company.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if b"wr0ng-s3cret" in path.read_bytes()]


@pytest.mark.slow
@pytest.mark.parametrize("server", ["pymap", "dovecot"])
def test_each_letter_is_handled_once_whatever_is_killed(tmp_path, server):
    with office(tmp_path, server) as one:
        found = serve(one, letters=15, batch=3, seed=7)
    print(found, file=sys.stderr)
    assert found["violations"] == []
    assert found["letters"] == 15
    assert all(one.done[what] for what in mailing.DISTURBANCES)


def findings(one, secrets):
    return {found.mailbox: found for found in alive(one.company.workspace(), secrets)}


@pytest.mark.slow
def test_a_mailbox_is_shown_alive_and_not(one):
    one.mail.deliver(letter(1), letter(2), letter(3))
    found = findings(one, Secrets(MAIL=PASSWORD))
    assert {name: said.grade for name, said in found.items()} == {"leads": "ok", "sending": "ok"}
    assert re.fullmatch(
        r"INBOX/leads on localhost: logged in over TLS; 3 letters, the last of \S+T\S+Z; told of news at once;"
        r" sent letters are looked up in Sent",
        found["leads"].words,
    )
    assert found["sending"].words == "through localhost: logged in over TLS"
    assert not one.master.taken
    found = findings(one, Secrets(MAIL="wr0ng-s3cret"))
    for name in ("leads", "sending"):
        assert (found[name].ok, found[name].grade) == (False, "ill")
        assert found[name].words.startswith("localhost refused robin@example.com or its password: ")
        assert found[name].way_out.endswith("steward secrets set MAIL")
        assert "wr0ng-s3cret" not in found[name].words
    one.mail.stop()
    found = findings(one, Secrets(MAIL=PASSWORD))
    assert (found["leads"].grade, found["sending"].grade) == ("look", "ok")
    assert "can't be reached" in found["leads"].words


def test_who_does_not_answer_is_not_waited_for(company):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        block = MUTE % (port, port)
        company.commit({"steward.yaml": (company.root / "steward.yaml").read_text() + block})
        began = time.monotonic()
        found = alive(company.workspace(), Secrets(MAIL="x"), seconds=0.3)
        assert time.monotonic() - began < 3
    assert [(one.mailbox, one.grade) for one in found] == [("leads", "look"), ("sending", "look")]
    assert "no answer" in found[0].words


def test_folders_of_the_workspace_are_shown_too(company):
    company.drop("one", letter(1))
    found = alive(company.workspace(), Secrets())
    assert [(one.mailbox, one.words, one.ok) for one in found] == [("leads", "vault/inbox: 1 letter", True)]
    text = (company.root / "steward.yaml").read_text()
    company.commit(
        {"steward.yaml": f"{text}connectors: {{ email: {{ mailboxes: {{ post: vault/gone }} }} }}\n"}
    )
    (gone,) = alive(company.workspace(), Secrets())
    assert (gone.mailbox, gone.ok) == ("post", False)


ASKS = """\
name: Thanks
stage: approval
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
steps:
  - { id: reply, uses: email/reply, with: { body: Thank you. } }
"""


@pytest.mark.slow
def test_an_answer_from_another_program_ends_the_card(tmp_path, monkeypatch):
    with office(tmp_path, "dovecot") as one:
        monkeypatch.setenv("SSL_CERT_FILE", one.certificate)
        one.company.commit({"playbooks/thanks.yaml": ASKS})
        one.mail.deliver(letter(1), letter(2))
        assert steward(one, "run").code == 4
        assert len(one.company.cards()) == 2
        by_hand = letter(3).replace(
            b"Ada Winter <ada-3@winterlight.example.com>", b"Robin Park <robin@example.com>"
        )
        by_hand = by_hand.replace(
            b"\r\n\r\n", b"\r\nIn-Reply-To: <mailing-1@winterlight.example.com>\r\n\r\n", 1
        )
        one.mail.deliver(by_hand, folder="Sent")
        said = steward(one, "run")
        assert said.code == 4, said.text
        assert [shown.content["letter"]["subject"] for shown in one.company.cards()] == ["Website check 2"]
        assert [shown.content["letter"]["subject"] for shown in one.company.cards(status="answered")] == [
            "Website check 1"
        ]
        assert len(one.company.runs()) == 2
