"""`steward verify` as a script meets it: whatever was altered, cut off or lost ends with exit code 1 and is named."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from engine.testing.scenario import Scenario, letter
from tests.simulate.terminal import environment, plainly

Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A company with one letter answered by an acknowledgement and one card open; copied for each damage."""
    folder = tmp_path_factory.mktemp("verified") / "company"
    company = Scenario.make(folder)
    company.drop("1", letter("A quote", "Could you quote a website check, please?"))
    company.run()
    return folder


def statements(*sql: str) -> Damage:
    """Change the ledger's file as somebody with the file and no engine would: its triggers first."""

    def damage(state: Path) -> None:
        with closing(sqlite3.connect(state / "ledger.db")) as db:
            triggers = db.execute("select name from sqlite_master where type = 'trigger'").fetchall()
            for (name,) in triggers:
                db.execute(f'drop trigger "{name}"')
            for statement in sql:
                assert db.execute(statement).rowcount > 0, statement
            db.commit()

    return damage


def _another_year(state: Path) -> None:
    with closing(sqlite3.connect(state / "ledger.db")) as db:
        (data,) = db.execute("select bytes from events where seq = 5").fetchone()
    assert b'"ts":"2026' in data
    changed = data.replace(b'"ts":"2026', b'"ts":"2025').hex()
    statements(f"update events set bytes = x'{changed}' where seq = 5")(state)


def _half_of_it(state: Path) -> None:
    file = state / "ledger.db"
    with closing(sqlite3.connect(file)) as db:
        db.execute("pragma wal_checkpoint(truncate)")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


DAMAGES: dict[str, Damage] = {
    "an event of another year": _another_year,
    "the last three events cut off": statements("delete from events where seq > (select max(seq) - 3 from events)"),
    "an event taken out of the middle": statements("delete from events where seq = 7"),
    "two events exchanged": statements(
        "update events set seq = -1 where seq = 6",
        "update events set seq = 6 where seq = 7",
        "update events set seq = 7 where seq = -1",
    ),
    "a kept content altered": statements(
        "update contents set bytes = x'00' where rowid = (select min(rowid) from contents)"
    ),
    "a sealed value lost": statements(
        "delete from sealed_values where rowid = (select min(rowid) from sealed_values)"
    ),
    "a sealed value altered": statements(
        "update sealed_values set sealed = x'0011' where rowid = (select min(rowid) from sealed_values)"
    ),
    "a kept content lost": statements("delete from contents where rowid = (select max(rowid) from contents)"),
    "every kept content lost": statements("delete from contents where rowid > 0"),
    "half of the file": _half_of_it,
    "the anchor lost": lambda state: (state / "head").unlink(),
    "the whole ledger lost": lambda state: (state / "ledger.db").unlink(),
    "another company's keys": lambda state: (state / "keys.db").unlink(),
}  # fmt: skip


def copied(template: Path, tmp_path: Path) -> Scenario:
    folder = tmp_path / "company"
    shutil.copytree(template, folder, symlinks=True)
    return Scenario.at(folder)


def test_an_untouched_ledger_ends_with_0(template, tmp_path):
    company = copied(template, tmp_path)

    shown = plainly(["verify"], cwd=company.root, env=environment(company.env))

    assert shown.code == 0, shown.text
    assert "nothing altered, cut off or lost" in shown.text


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damage_ends_with_1_and_is_named(damage, template, tmp_path):
    company = copied(template, tmp_path)
    damage(company.workspace().state.path)

    shown = plainly(["verify"], cwd=company.root, env=environment(company.env))

    assert shown.code == 1, shown.text
    assert "nothing altered" not in shown.text
    assert "Traceback" not in shown.text
    as_json = plainly(["verify", "--json"], cwd=company.root, env=environment(company.env))
    assert as_json.code == 1, as_json.text
    assert '"ok": true' not in as_json.text
