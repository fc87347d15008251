"""The past as SQL: equal to the ledger, from any process, and able to reach nothing else."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.ledger import Keys, Ledger, Owner, StateDir
from engine.model.events import events as e
from engine.model.events.readers import IntentResolved, ModelAnswered, ModelReserved
from engine.observe import history
from engine.observe.history import History, Segment

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def state() -> Iterator[StateDir]:
    with tempfile.TemporaryDirectory(prefix="s") as folder:
        yield StateDir.of("workspace", env={"XDG_STATE_HOME": folder})


@pytest.fixture
def keys(state) -> Iterator[Keys]:
    with_keys = Keys.open(state)
    yield with_keys
    with_keys._db.close()


@pytest.fixture
def ledger(state, keys) -> Iterator[Ledger]:
    owner = Owner.take(state)
    assert owner is not None
    opened = Ledger.open(state, keys=keys, owner=owner)
    yield opened
    opened.close()
    owner.release()


def story(run: str, subject: str = "s1", step: str = "reply") -> list[e.Draft]:
    bodies: list[e.Body] = [
        e.TriggerReceived(kind="email", source="m1", playbook="lead-capture", outcome="started"),
        e.RunCreated(
            playbook="lead-capture",
            plan="p" * 64,
            commit="c" * 40,
            stage="approval",
            trigger="email",
            source="m1",
        ),
        e.RunStarted(),
        e.StepStarted(attempt=1),
        IntentResolved(
            name="quote",
            tier="rules",
            score="1.0",
            scope="1.0",
            threshold="0.8",
            proven=False,
            versions="v1",
        ),
        ModelReserved(call=f"{run}/draft/1", model="default", usd="0.01"),
        ModelAnswered(
            call=f"{run}/draft/1", model="default", served="m", tokens_in=10, tokens_out=2, usd="0.004"
        ),
        e.EffectProposed(
            action="email/reply",
            key=f"k{run}",
            revision=1,
            kind="idempotent",
            reach="customer",
            proposal="v",
            digest="d",
        ),
        e.EffectGated(revision=1, answer="ask", rule="stage", because="approval", gate="offer"),
        e.CardOpened(
            card=f"c{run}",
            gate="offer",
            steps=(step,),
            revisions=(1,),
            expires="x",
            strength=1,
            digest="d",
            content="v",
        ),
        e.CardApproved(card=f"c{run}", by="operator", channel="cli", strength=1, digest="d"),
        e.EffectIntended(key=f"k{run}", revision=1, attempt=1),
        e.EffectSucceeded(key=f"k{run}", outputs="v", provider="<id>"),
        e.RunEnded(status="succeeded"),
    ]
    stepped = (e.StepStarted, e.EffectProposed, e.EffectGated, e.EffectIntended, e.EffectSucceeded)
    return [
        e.Draft(body=body, run=run, step=step if isinstance(body, stepped) else "", subject=subject)
        for body in bodies
    ]


def tell(ledger: Ledger, count: int, start: int = 0) -> None:
    for n in range(start, start + count):
        ledger.append(story(f"r{n}", f"s{n % 7}"), at=AT + timedelta(minutes=n), durable=True)


def as_rows(ledger: Ledger) -> list[tuple[object, ...]]:
    return [
        (one.seq, one.ts, one.type, one.run, one.step, one.subject, one.cause, e.body_to_json(one.body))
        for one in ledger.events()
    ]


def unsealed_map(past: History) -> list[tuple[object, ...]]:
    rows = past.rows("SELECT * FROM events ORDER BY seq")
    names = ("seq", "ts", "type", "run", "step", "subject", "cause")
    return [(*(row[name] for name in names), json.loads(row["body"])) for row in rows]


@pytest.mark.parametrize("page", [3, 14, 1000])
def test_segments_and_tail_are_the_ledger_event_by_event(ledger, tmp_path, monkeypatch, page):
    monkeypatch.setattr(history, "PAGE", page)
    tell(ledger, 6)
    with History(ledger, tmp_path / "h") as past:
        assert unsealed_map(past) == as_rows(ledger)
        sealed = past.segments()
        assert len(sealed) == 84 // page
    tell(ledger, 2, start=6)
    with History(ledger, tmp_path / "h") as past:
        assert unsealed_map(past) == as_rows(ledger)
        assert past.segments()[: len(sealed)] == sealed


def test_an_empty_ledger_has_every_view_and_no_row(ledger, tmp_path):
    with History(ledger, tmp_path / "h") as past:
        for view in (
            "events",
            "runs",
            "steps",
            "effects",
            "approvals",
            "intents",
            "costs",
            "triggers",
            "subjects",
        ):
            assert past.rows(f"SELECT * FROM {view}") == []


def test_the_views_tell_one_run_from_trigger_to_outcome(ledger, tmp_path):
    tell(ledger, 3)
    with History(ledger, tmp_path / "h") as past:
        run = past.rows("SELECT * FROM runs WHERE run = ?", "r1")[0]
        effect = past.rows("SELECT * FROM effects WHERE run = ?", "r1")[0]
        card = past.rows("SELECT * FROM approvals WHERE run = ?", "r1")[0]
        cost = past.rows("SELECT * FROM costs WHERE run = ?", "r1")[0]
        intent = past.rows("SELECT * FROM intents WHERE run = ?", "r1")[0]
        steps = past.rows("SELECT * FROM steps WHERE run = ?", "r1")
        weeks = past.rows("SELECT week, playbook, sum(usd) AS usd FROM costs GROUP BY ALL")
    assert (run["playbook"], run["status"], run["trigger"]) == ("lead-capture", "succeeded", "email")
    assert (effect["answer"], effect["calls"], effect["outcome"]) == ("ask", 1, "effect.succeeded")
    assert effect["intent_seq"] < effect["outcome_seq"]
    assert (card["status"], card["by"], card["shown"], card["approved"]) == ("approved", "operator", "d", "d")
    assert (str(cost["usd"]), cost["tokens_in"], cost["playbook"]) == ("0.004000", 10, "lead-capture")
    assert (intent["name"], intent["proven"]) == ("quote", False)
    assert [(one["step"], one["attempts"]) for one in steps] == [("reply", 1)]
    assert [(one["week"], str(one["usd"])) for one in weeks] == [("2026-W09", "0.012000")]


def test_a_reservation_without_an_answer_is_a_cost(ledger, tmp_path):
    draft = story("r1")[5]
    ledger.append([draft], at=AT, durable=True)
    with History(ledger, tmp_path / "h") as past:
        assert [(str(one["usd"]), one["code"]) for one in past.rows("SELECT * FROM costs")] == [
            ("0.010000", "no answer")
        ]


def test_what_does_not_fit_the_chain_is_not_read(ledger, tmp_path, monkeypatch):
    monkeypatch.setattr(history, "PAGE", 10)
    tell(ledger, 3)
    folder = tmp_path / "h"
    with History(ledger, folder) as past:
        first, second, *_ = past.segments()
    planted = replace(second, hash="0" * 16)
    second.path.rename(folder / f"{second.first:012d}-{second.last:012d}-{planted.hash}.parquet")
    (folder / "notes.parquet").write_bytes(b"nonsense")
    with History(ledger, folder) as past:
        assert unsealed_map(past) == as_rows(ledger)
        assert past.segments()[0] == first
        assert all(Segment.from_path(one) for one in folder.glob("*.parquet"))


def test_deleting_the_segments_loses_nothing(ledger, tmp_path, monkeypatch):
    monkeypatch.setattr(history, "PAGE", 10)
    tell(ledger, 4)
    folder = tmp_path / "h"
    with History(ledger, folder) as past:
        before = unsealed_map(past)
    for one in folder.iterdir():
        one.unlink()
    with History(ledger, folder) as past:
        assert unsealed_map(past) == before


def test_the_database_reaches_no_other_file_and_no_setting(ledger, tmp_path):
    secret = tmp_path / "other.csv"
    secret.write_text("a\ncanary\n")
    with History(ledger, tmp_path / "h") as past:
        for sql in (
            f"SELECT * FROM read_csv('{secret}')",
            f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'",
            f"ATTACH '{tmp_path / 'x.db'}'",
            "SET enable_external_access = true",
            "INSTALL httpfs",
        ):
            with pytest.raises(Exception, match=r"(?i)permission|disabled|locked|configuration|cannot"):
                past.rows(sql)
    assert not (tmp_path / "out.csv").exists()
    # The same words work where nothing is locked: it is the lock that stopped them.
    import duckdb

    assert duckdb.connect().execute(f"SELECT * FROM read_csv('{secret}')").fetchall() == [("canary",)]


def test_another_process_reads_while_this_one_writes(state, ledger, tmp_path):
    tell(ledger, 5)
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from engine.ledger import Keys, Ledger, StateDir\n"
        "from engine.observe.history import History\n"
        "state = StateDir.of('workspace', env={'XDG_STATE_HOME': sys.argv[1]})\n"
        "ledger = Ledger.open(state, keys=Keys.open(state), owner=None)\n"
        "for _ in range(5):\n"
        "    with History(ledger, Path(sys.argv[2])) as past:\n"
        "        row = past.rows('SELECT count(*) AS n, max(seq) AS last FROM events')[0]\n"
        "        assert row['n'] == row['last'] == past.last, row\n"
        "        print(row['n'], flush=True)\n"
    )
    home = str(state.path.parent.parent)
    arguments = [sys.executable, "-c", program, home, str(tmp_path / "h")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as other:
        written = 5
        while other.poll() is None:
            tell(ledger, 1, start=written)
            written += 1
        out = other.stdout.read() if other.stdout else ""
    seen = [int(line) for line in out.split()]
    assert other.returncode == 0
    assert len(seen) == 5
    assert seen == sorted(seen)


def test_the_tail_of_a_process_that_was_killed_is_removed(ledger, tmp_path):
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    left = tmp_path / f"tail-{gone.pid}-x.jsonl"
    left.write_text("{}")
    with History(ledger, tmp_path):
        assert not left.exists()
        assert len(list(tmp_path.glob("tail-*"))) == 1
    assert not list(tmp_path.glob("tail-*"))
