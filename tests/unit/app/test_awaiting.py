"""What waits for the operator is one list: whoever counts it counts the same rows, of every kind."""

import argparse
import json
from datetime import timedelta

import pytest

from engine.app.health import daily_brief, doctor
from engine.app.queries import queue as awaiting
from engine.cli.commands import queue as queueing
from engine.cli.commands import status
from engine.testing.scenario import Scenario, letter

ASKS = """\
name: Asks
stage: approval
on:
  email: { mailbox: leads }
subject: ${{ event.from }}
steps:
  - id: read
    uses: human/ask
    with: { title: What is this?, choices: [a, b] }
"""


@pytest.fixture
def company(tmp_path, monkeypatch):
    made = Scenario.make(tmp_path / "company", files={"playbooks/asks.yaml": ASKS}, bare=True)
    for name, value in made.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(made.root)
    return made


def planted(fold="", *names):
    def rows(_desk):
        return [
            awaiting.QueueRow(
                id=name, short=name, kind="failed", title=f"run {name} failed", about="Ada · Quote", playbook="asks",
                run="", since=f"2026-03-0{at}T09:00:00.000000Z", needs=f"steward retry {name}", fold=fold,
            )
            for at, name in enumerate(names, start=1)
        ]  # fmt: skip

    return rows


def counted(company):
    """How many waiting things doctor and the brief count."""
    with company.reading() as reading:
        found = doctor.examine(
            company.workspace(), reading, now=company.clock.now(), level=lambda: 3, memory=dict
        )
        words = daily_brief.render_brief(
            found, reading, now=company.clock.now(), since=company.clock.now() - timedelta(days=1), zone="UTC"
        )
    queue = next(one.said for one in found if one.name == "queue")
    return words.waiting, words.text, queue


def test_nothing_waits_only_when_there_is_no_row_of_any_kind(company, monkeypatch, capsys):
    assert queueing.queue(argparse.Namespace(json=False, all=False)) == 0
    assert "nothing waits for you" in capsys.readouterr().err
    waiting, text, queue = counted(company)
    assert waiting == 0
    assert "Waits for you: nothing." in text
    assert queue == "nothing waits for you"
    monkeypatch.setitem(awaiting.KINDS, "failed", planted("", "abcd"))
    assert queueing.queue(argparse.Namespace(json=False, all=False)) == queueing.EXIT_WAITING
    said = capsys.readouterr()
    assert "run abcd failed" in said.out
    assert "steward retry abcd" in said.err
    waiting, text, queue = counted(company)
    assert waiting == 1
    assert "Waits for you: 1 (steward queue)." in text
    assert queue.startswith("1 wait for you")
    status.status(argparse.Namespace(json=False))
    assert "1 for you: steward queue" in capsys.readouterr().out


def test_a_row_says_its_kind(company, monkeypatch, capsys):
    company.drop("one", letter("Words", "Hello"))
    company.run()
    monkeypatch.setitem(awaiting.KINDS, "failed", planted("", "abcd"))
    assert queueing.queue(argparse.Namespace(json=True, all=False)) == queueing.EXIT_WAITING
    rows = json.loads(capsys.readouterr().out)["data"]
    assert {row["kind"] for row in rows} == {"question", "failed"}


def test_rows_of_one_fold_are_one_line_and_count_as_one(company, monkeypatch, capsys):
    monkeypatch.setitem(awaiting.KINDS, "failed", planted("runs that failed alike", "abcd", "bcde", "cdef"))
    queueing.queue(argparse.Namespace(json=False, all=False))
    (shown,) = capsys.readouterr().out.splitlines()
    assert "3 runs that failed alike" in shown
    assert counted(company)[0] == 1
    queueing.queue(argparse.Namespace(json=True, all=False))
    assert len(json.loads(capsys.readouterr().out)["data"]) == 3
