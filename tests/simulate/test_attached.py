"""The files of a letter are named where a person decides, and are typed values where a playbook reads; and a letter is dated when it leaves."""

import argparse
import json
from datetime import timedelta
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

import pytest

from engine.cli.commands import approvals
from engine.connectors.email.message.mime_writer import undated
from engine.model import effects
from engine.testing.scenario import Scenario

FILES = [
    ("brief.pdf", "application/pdf", b"%PDF-1.4 x"), ("../../.ssh/keys", "text/plain", b"k"), ("\u202egnp.exe", "image/png", b"\x89PNG"),
    ("Größe 見積り.csv", "text/csv", b"a;b"), ("", "application/octet-stream", b"?"), ("x" * 400 + ".txt", "text/plain", b"x"),
]  # fmt: skip
READS = """\
name: Filed
stage: approval
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
steps:
  - id: each
    foreach: ${{ event.attachments }}
    key: ${{ item.sha256 }}
    uses: human/ask
    with: { title: "${{ item.name }} is ${{ item.media }}, ${{ text(item.size) }} bytes", choices: [filed] }
"""


@pytest.fixture
def company(tmp_path):
    made = Scenario.make(tmp_path / "c", files={"playbooks/filed.yaml": READS})
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "ann@ex.example.com", "robin@example.com", "a website"
    letter["Date"], letter["Message-ID"] = "Mon, 02 Mar 2026 08:30:00 +0000", "<a1@ex.example.com>"
    letter.set_content("Hello, I met you at the fair. The brief is attached.")
    for name, media, data in FILES:
        letter.add_attachment(data, *media.split("/"), filename=name or None)
    made.drop("one", letter.as_bytes())
    made.run()
    return made


def shown(company, monkeypatch, capsys, card, *, as_json, save=None):
    for name, value in company.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(company.root)
    assert approvals.show(argparse.Namespace(id=card, json=as_json, save=save)) == 0
    said = capsys.readouterr()
    return said.out if as_json else said.out + said.err


def test_a_card_names_what_hangs_on_the_letter(company, monkeypatch, capsys):
    (card,) = [one for one in company.cards() if one.content["playbook-id"] == "lead-capture"]
    said = shown(company, monkeypatch, capsys, card.card.id, as_json=False)
    rows = [line for line in said.splitlines() if line.startswith("  attached")]
    assert len(rows) == len(FILES)
    assert "brief.pdf (application/pdf, 10 bytes)" in rows[0]
    assert "Größe 見積り.csv (text/csv, 3 bytes)" in rows[3]
    assert not any(".." in row or "\u202e" in row for row in rows)
    assert all(len(row) < 140 for row in rows)
    data = json.loads(shown(company, monkeypatch, capsys, card.card.id, as_json=True))["data"]
    assert data["letter"]["attachments"][0] == {"name": "brief.pdf", "media": "application/pdf", "size": 10}
    assert len(data["letter"]["attachments"]) == len(FILES)


def test_what_hangs_on_a_letter_is_written_where_a_person_asks_for_it(company, monkeypatch, capsys, tmp_path):
    (card,) = [one for one in company.cards() if one.content["playbook-id"] == "lead-capture"]
    said = shown(company, monkeypatch, capsys, card.card.id, as_json=False)
    assert said.splitlines()[-1].split("   ")[0] == f"  steward show {card.card.id[:4]} --save FOLDER"
    folder = tmp_path / "out" / "here"
    shown(company, monkeypatch, capsys, card.card.id, as_json=False, save=str(folder))
    written = sorted(path for path in folder.iterdir() if "-letter-" in path.name)
    assert [path.read_bytes() for path in written] == [data for _, _, data in FILES]
    assert written[0].name.endswith("-letter-1-brief.pdf")
    assert all(len(path.name.encode()) < 200 and "\u202e" not in path.name for path in written)
    assert set(tmp_path.rglob("*-letter-*")) == set(written)


def test_a_letter_with_bytes_and_no_words_says_so_in_the_queue_and_offers_them(tmp_path, monkeypatch, capsys):
    made = Scenario.make(tmp_path / "c")
    head = b"From: Ann <ann@ex.example.com>\nSubject: a website\nMessage-ID: <a2@ex.example.com>\nContent-Type: text/html\n\n"
    made.drop("one", head + b"<div hidden>A quote, please.</div>")
    made.run()
    (row,) = made.queue()
    assert row.about == "a website · ann@ex.example.com · bytes, but no text I can read"
    said = shown(made, monkeypatch, capsys, row.id, as_json=False, save=str(tmp_path / "out"))
    assert "[bytes, but no text I can read: part-1.html (text/html, 34 bytes)]" in said
    (path,) = (tmp_path / "out").glob("*-letter-1-part-1.html")
    assert path.read_bytes() == b"<div hidden>A quote, please.</div>"


def test_a_playbook_reads_name_type_and_size(company):
    (run,) = company.runs("filed")
    asked = [company.value(step.question)["title"] for step in run.steps.values() if step.question]
    assert "brief.pdf is application/pdf, 10 bytes" in asked
    assert len(asked) == len(FILES)


def test_an_answer_is_dated_when_it_leaves_and_not_when_it_was_drafted(company):
    (card,) = [one for one in company.cards() if one.content["playbook-id"] == "lead-capture"]
    run = company.book().runs[card.card.run]
    frozen = effects.load(company.value(run.step("reply").proposal)).preview.body
    before = set(company.outbox())
    company.clock.advance(timedelta(days=2, hours=5))
    approved = company.clock.now()
    assert company.approve(card).verdict == "accepted"
    (name,) = set(company.outbox()) - before
    left = company.outbox()[name]
    assert undated(left) == frozen
    date = parsedate_to_datetime(
        next(row[6:] for row in left.decode().split("\r\n") if row.startswith("Date: "))
    )
    assert timedelta(0) <= date - approved.replace(microsecond=0) < timedelta(minutes=1)
    assert date.utcoffset() == timedelta(hours=1)  # Europe/Warsaw in March
