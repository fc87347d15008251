"""An older state is put back and the outbox is gone with what left since: the server is asked before a letter is sent, or a person is."""

import os
import re
import shutil
from dataclasses import dataclass
from datetime import timedelta

import pytest

from engine.connectors.email.sending import delivery
from engine.testing.scenario import Scenario, letter
from tests.contract.mailservers import PASSWORD, USER, MailServer, running
from tests.simulate.postoffice import SETTINGS, Office, office

pytestmark = pytest.mark.slow

THANKS = """\
name: Thanks
stage: auto
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
steps:
  - { id: thanks, uses: email/reply, with: { template: just-checking } }
"""
LOOKED_UP = """\
    imap-port: {port}
    imap-tls: none
    user: {user}
    password: ${{{{ secrets.MAIL }}}}
    sent-folder: Sent
    mailboxes: {{ leads: vault/inbox/leads, far: INBOX/leads }}
"""


@dataclass
class Restored:
    company: Scenario
    post: Office
    mail: MailServer | None

    def lose(self) -> None:
        """One letter was answered before the copy was made, another after it; then the machine dies with its outbox."""
        self.drop("one")
        state = self.company.workspace().state
        shutil.copytree(state.path, self.company.folder / "backup")
        self.company.later(timedelta(minutes=5))
        self.drop("two")
        assert sum(self.post.taken.values()) == 2
        shutil.rmtree(state.path)
        shutil.rmtree(state.letters)
        shutil.copytree(self.company.folder / "backup", state.path)
        self.company.clock.advance(timedelta(hours=1))

    def drop(self, name: str) -> None:
        raw = letter(
            f"A site {name}", "Could you look at it?", sender=f"{name}@example.org", id=f"{name}@example.org"
        )
        path, now = self.company.drop(name, raw), self.company.clock.now().timestamp()
        os.utime(path, (now, now))
        self.company.run()

    def unreachable(self) -> None:
        settings = (self.company.root / "steward.yaml").read_text()
        self.company.commit({"steward.yaml": re.sub("imap-port: [0-9]+", "imap-port: 1", settings)})

    def taken(self) -> list[int]:
        return sorted(self.post.taken.values())

    def waiting(self) -> list[str]:
        return [row.kind for row in self.company.queue()]


@pytest.fixture(scope="module")
def server():
    with running("pymap") as one:
        yield one


@pytest.fixture(params=["sent letters", "nobody"])
def one(request, tmp_path, monkeypatch, server):
    monkeypatch.setenv("MAIL", PASSWORD)
    monkeypatch.setattr(delivery, "AGAIN", ())
    asked = request.param == "sent letters"
    with office() as post:
        post.open()
        company = Scenario.make(tmp_path / "company", files={"playbooks/thanks.yaml": THANKS}, bare=True)
        settings = SETTINGS.format(port=post.port)
        if asked:
            settings = settings.rpartition("    mailboxes")[0] + LOOKED_UP.format(port=server.port, user=USER)
        company.commit({"steward.yaml": (company.root / "steward.yaml").read_text() + settings})
        yield Restored(company, post, server if asked else None)


def test_nothing_leaves_twice(one):
    one.lose()
    one.company.run()
    # Where the sent letters can't be looked into, nobody but a person knows.
    assert one.waiting() == ([] if one.mail else ["unknown"])
    assert one.taken() == [1, 1]
    # What came later can't have left before.
    one.company.later(timedelta(minutes=5))
    one.drop("three")
    assert one.taken() == [1, 1, 1]


def test_what_a_person_says_did_not_leave_is_sent_once(one):
    one.lose()
    if one.mail:
        one.unreachable()
    one.company.run()
    (row,) = one.company.queue()
    assert row.kind == "unknown"
    one.company.ask("answer", target=row.id, body={"happened": False})
    (row,) = one.company.queue()
    one.company.ask("retry", target=row.id)
    # Where somebody can be asked later, it is: until then a person sees to it.
    assert one.taken() == ([1, 1] if one.mail else [1, 1, 1])
    assert one.waiting() == (["unknown"] if one.mail else [])
