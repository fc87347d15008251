"""What the notes say, exactly, and nothing else."""

import pytest

from engine.memory import note_tables
from engine.memory.note_tables import Symbolic
from engine.model.errors import PermanentError
from tests.counterparts import need_module
from tests.unit.memory.notes import Notes, front_matter

need_module("duckdb")

PRICES = '[{"what": "Website  Check", "words": ["check"], "amount": "490 EUR"}, {"what": "broken", "amount": "much"}, {"what": "Half", "amount": "1.5 EUR"}, 7]'
NOTES = {
    "vault/knowledge/contacts/ada.md": '---\ntype: contact\nname: Ada Winter\nemail: [Ada@Winter.example, ada@münchen.example]\nbought: [{"what": "Website check", "on": "2026-01-05"}, "Care plan"]\n---\n# Ada\n',
    "vault/knowledge/contacts/two.md": "---\nname: Two\nemail: ada@winter.example\n---\n",
    "vault/knowledge/prices.md": f"---\ntype: price-list\nprices: {PRICES}\n---\n# Prices\n",
    "vault/knowledge/other.md": f"---\nprices: {PRICES}\nemail: no@contact.example\ntags: [a, b, a]\n---\n# One\n## Two\n- [ ] call\n- [x] done\n```\n# no heading\n```\n[[prices|the list]] and [x](contacts/ada.md#here) [[prices]]\n",
    "vault/inbox/letter.md": "---\ntype: price-list\n---\n",
    "vault/sops/empty.md": "",
    "vault/knowledge/bad.md": b"\xff\xfe\x00---\ntype: contact",
}


def tables(notes=None):
    tree = Notes(NOTES if notes is None else notes)
    return Symbolic(lambda: tree, front_matter), tree


@pytest.mark.parametrize(
    ("name", "value", "rows"),
    [
        ("holders", "ada@winter.example", [("vault/knowledge/contacts/ada.md", True), ("vault/knowledge/contacts/two.md", True)]),
        ("holders", "ada@xn--mnchen-3ya.example", [("vault/knowledge/contacts/ada.md", False)]),
        ("holders", "no@contact.example", []),
        ("bought", "ada@xn--mnchen-3ya.example", [("Website check", "2026-01-05", "vault/knowledge/contacts/ada.md"), ("Care plan", "", "vault/knowledge/contacts/ada.md")]),
        ("price", "website check", [("vault/knowledge/prices.md", "490.00 EUR", 49000, "EUR")]),
        ("price", "broken", []),
        ("tagged", "a", [("vault/knowledge/other.md",)]),
        ("linking", "prices", [("vault/knowledge/other.md",)]),
        ("linking", "contacts/ada.md", [("vault/knowledge/other.md",)]),
        ("of_type", "price-list", [("vault/knowledge/prices.md", "Prices")]),
        ("headings", "vault/knowledge/other.md", [(1, "One"), (2, "Two")]),
        ("holders", "x'; DROP TABLE notes; --", []),
    ],
)  # fmt: skip
def test_named_questions_have_exact_answers(name, value, rows):
    assert tables()[0].ask(name, value) == rows


def test_open_tasks():
    assert tables()[0].ask("open_tasks") == [("vault/knowledge/other.md", "call")]


def test_nothing_else_can_be_asked():
    with pytest.raises(KeyError):
        tables()[0].ask("SELECT 1")


@pytest.mark.parametrize(
    "statement",
    [
        "COPY notes TO 'x.csv'", "SELECT * FROM read_text('pyproject.toml')", "ATTACH 'x.db'", "INSTALL httpfs", "LOAD fts",
        "SET enable_external_access = true",
    ],
)  # fmt: skip
def test_the_database_reaches_nothing_outside(statement):
    import duckdb

    held, _ = tables()
    with pytest.raises(duckdb.Error):
        held._database().execute(statement)


def test_only_what_changed_is_read_again_and_it_equals_tables_made_afresh():
    held, tree = tables()
    held.digest()
    tree.reads.clear()
    tree.notes["vault/knowledge/contacts/two.md"] = b"---\nemail: two@new.example\n---\n"
    del tree.notes["vault/sops/empty.md"]
    tree.notes["vault/knowledge/moved.md"] = tree.notes.pop("vault/knowledge/other.md")
    after = held.digest()
    assert sorted(tree.reads) == ["vault/knowledge/contacts/two.md", "vault/knowledge/moved.md"]
    assert after == tables(tree.notes)[0].digest()
    assert held.ask("holders", "ada@winter.example") == [("vault/knowledge/contacts/ada.md", True)]


def test_forgetting_them_loses_nothing():
    held, _ = tables()
    before = held.digest()
    held.forget()
    assert held.digest() == before


def test_an_empty_workspace_and_a_huge_note_are_no_trouble():
    assert tables({})[0].ask("open_tasks") == []
    many = "- [ ] task\n" * 50_000
    assert len(tables({"vault/knowledge/many.md": many})[0].ask("open_tasks")) == 2000
    huge = "x" * 2_000_000
    assert tables({"vault/knowledge/huge.md": huge})[0].ask("of_type", "") == []


def test_without_duckdb_it_says_so(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    with pytest.raises(PermanentError) as refused:
        tables()[0].ask("open_tasks")
    assert refused.value.code == "no-tables"


def test_it_knows_whether_it_can_be_asked():
    assert note_tables.available()
