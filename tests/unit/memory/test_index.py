"""The index of a commit: what it costs to follow, what it answers, and that nothing is lost with it."""

import random
import shutil

import pytest

from engine.memory.chunking import cut

pytestmark = pytest.mark.slow

WORDS = (
    "invoice letter customer refund website garden contract price discount travel error message payment photo "
    "delivery weekend holiday support quote offer answer polite short warm bank account summer winter"
).split()


def note(chance, title=""):
    """A note of a few sections, from a seeded generator."""
    parts = [f"# {title or ' '.join(chance.choices(WORDS, k=2))}"]
    for _ in range(chance.randint(1, 5)):
        parts += [
            f"## {' '.join(chance.choices(WORDS, k=2))}",
            " ".join(chance.choices(WORDS, k=chance.randint(5, 160))),
        ]
    return "\n\n".join(parts) + "\n"


def company(count, seed=1):
    chance = random.Random(seed)
    return {f"vault/sops/note-{number}.md": note(chance) for number in range(count)}


def ranked(index, query, limit=20):
    return [(one["path"], one["heading"], one["text"]) for one in index.search(query, kind="", limit=limit)]


def same(one, other, queries):
    assert one.contents() == other.contents()
    for query in queries:
        assert ranked(one, query) == ranked(other, query), query


def test_after_ten_edits_exactly_the_new_texts_are_encoded(shelf, at):
    notes = company(40)
    index = shelf.open()
    index.sync(at(notes))
    known = set(shelf.encoded())
    chance = random.Random(2)
    for path in sorted(notes)[:10]:
        notes[path] += (
            f"\n## {' '.join(chance.choices(WORDS, k=3))}\n\n{' '.join(chance.choices(WORDS, k=90))}\n"
        )
    new = {one.text for path in notes for one in cut(notes[path].encode()).chunks} - known
    made = index.sync(at(notes))
    assert sorted(shelf.encoded()) == sorted(new)
    assert (made.changed, made.encoded) == (10, len(new))
    assert 10 <= len(new) <= 20


def test_no_change_a_move_and_a_deletion_encode_nothing(shelf, at):
    notes = company(12)
    index = shelf.open()
    index.sync(at(notes))
    shelf.encoded()
    assert index.sync(at(notes)).written == 0
    notes["vault/knowledge/moved-and-renamed.md"] = notes.pop("vault/sops/note-3.md")
    index.sync(at(notes))
    del notes["vault/sops/note-4.md"]
    index.sync(at(notes))
    assert shelf.encoded() == []


def test_a_moved_note_without_a_title_of_its_own_encodes_nothing_and_is_found_by_its_new_name(shelf, at):
    index = shelf.open()
    index.sync(
        at({"vault/knowledge/zebra.md": "only words\n", "vault/knowledge/other.md": "different words\n"})
    )
    shelf.encoded()
    index.sync(
        at({"vault/knowledge/okapi.md": "only words\n", "vault/knowledge/other.md": "different words\n"})
    )
    assert shelf.encoded() == []
    assert [one["title"] for one in index.search("okapi", kind="", limit=1)] == ["okapi"]
    assert "zebra" not in str(index.search("zebra", kind="", limit=20))


def test_what_is_deleted_is_not_found_again_also_after_a_restart(shelf, at):
    notes = company(8) | {"vault/sops/secret.md": "# Secret\n\nxylophone concerto\n"}
    index = shelf.open()
    index.sync(at(notes))
    assert ranked(index, "xylophone")[0][0] == "vault/sops/secret.md"
    del notes["vault/sops/secret.md"]
    index.sync(at(notes))
    index.close()
    for one in (index := shelf.open(), shelf.fresh(notes)):
        found = one.search("xylophone concerto secret", kind="", limit=20)
        assert not any("xylophone" in str(hit) or "secret" in hit["path"] for hit in found)
    assert index.commit == at(notes).commit


def test_a_grown_index_equals_a_fresh_one_after_every_commit(shelf, at):
    chance = random.Random(7)
    notes = company(15)
    index = shelf.open()
    queries = [" ".join(chance.choices(WORDS, k=chance.randint(1, 6))) for _ in range(20)]
    for step in range(13):
        for _ in range(chance.randint(1, 4)):
            path = chance.choice(sorted(notes))
            match chance.randint(0, 4):
                case 0:
                    notes[f"vault/knowledge/new-{step}-{chance.randint(0, 99)}.md"] = note(chance)
                case 1:
                    del notes[path]
                case 2:
                    notes[f"vault/sops/moved-{step}-{chance.randint(0, 99)}.md"] = notes.pop(path)
                case 3:
                    # Moves every passage behind it by one.
                    head, _, rest = notes[path].partition("\n\n")
                    notes[path] = f"{head}\n\n## New\n\n{' '.join(chance.choices(WORDS, k=150))}\n\n{rest}"
                case _:
                    notes[path] = note(chance)
        index.sync(at(notes))
        if step % 6 == 5:
            index.close()
            index = shelf.open()
            assert index.trouble == ""
        same(index, shelf.fresh(notes), queries)


def test_many_deletions_are_cleared_away_without_encoding(shelf, at):
    notes = company(150)
    index = shelf.open()
    index.sync(at(notes))
    shelf.encoded()
    for path in sorted(notes)[:130]:
        del notes[path]
    index.sync(at(notes))
    assert shelf.encoded() == []
    same(index, shelf.fresh(notes), ["invoice", "garden photo"])


def test_every_note_may_go_and_come_back(shelf, at):
    notes = company(3)
    index = shelf.open()
    nothing: dict[str, str] = {}
    for tree in (notes, nothing, nothing, notes):
        index.sync(at(tree))
        assert bool(index.search("invoice letter customer", kind="", limit=5)) == bool(tree)
    index.close()
    same(shelf.open(), shelf.fresh(notes), ["invoice"])


def test_deleting_index_and_vectors_loses_nothing(shelf, at, tmp_path):
    notes = company(10)
    index = shelf.open()
    index.sync(at(notes))
    before = index.contents()
    index.close()
    shutil.rmtree(tmp_path / "memory")
    (tmp_path / "vectors.db").unlink()
    again = shelf.open()
    assert again.contents() == {}
    again.sync(at(notes))
    assert again.contents() == before


def test_it_can_be_thrown_away_and_made_again_from_the_vectors_alone(shelf, at):
    notes = company(10)
    index = shelf.open()
    index.sync(at(notes))
    before = index.contents()
    shelf.encoded()
    index.clear()
    assert index.contents() == {}
    index.sync(at(notes))
    assert (index.contents(), shelf.encoded()) == (before, [])


def test_an_index_of_another_model_is_not_believed(shelf, at):
    notes = company(4)
    index = shelf.open()
    index.sync(at(notes))
    index.close()
    other = shelf.open(model="hash:2")
    assert other.commit == ""
    assert "hash:1" in other.trouble
    shelf.encoded()
    other.sync(at(notes))
    assert shelf.encoded()


def test_the_answer_does_not_depend_on_how_many_are_asked_for(shelf, at):
    index = shelf.open()
    index.sync(at(company(60)))
    for query in ("invoice refund", "warm short polite answer", "website"):
        assert ranked(index, query, 20)[:2] == ranked(index, query, 2)


def test_people_templates_and_agents_are_recalled_by_kind_only(shelf, at):
    index = shelf.open()
    index.sync(at({
        "vault/knowledge/contacts/ada.md": "# Ada\n\nlikes zebras\n", "vault/templates/t.md": "# T\n\nzebras\n",
        "vault/sops/s.md": "# S\n\nfeed the zebras\n",
    }))  # fmt: skip
    assert [one["path"] for one in index.search("zebras", kind="", limit=9)] == ["vault/sops/s.md"]
    assert [one["path"] for one in index.search("zebras", kind="contact", limit=9)] == [
        "vault/knowledge/contacts/ada.md"
    ]
    assert index.search("zebras", kind="nothing' or '1'='1", limit=9) == []


@pytest.mark.parametrize(
    "query",
    ["", " ", "*", "%", "') or 1=1 --", "select * from txtai", "similar('x')", ":query", "\x00", "日本語", "a" * 100_000, "*rror OR (", "refund* -x"],
)  # fmt: skip
def test_a_query_is_words_never_syntax(shelf, at, query):
    index = shelf.open()
    index.sync(at(company(3)))
    assert isinstance(index.search(query, kind="", limit=5), list)
    assert index.search(query, kind=query, limit=5) == []


def test_a_passage_says_path_heading_commit_and_what_found_it(shelf, at):
    index = shelf.open()
    tree = at(
        {"vault/sops/quoting.md": "# Quoting\n\nShort.\n\n## Discounts\n\nNever more than ten percent.\n"}
    )
    index.sync(tree)
    (found,) = index.search("how many percent", kind="sop", limit=5)
    assert found | {"score": 0} == {
        "path": "vault/sops/quoting.md",
        "title": "Quoting",
        "heading": "Discounts",
        "commit": tree.commit,
        "text": "Quoting\n\nShort.\n\nDiscounts\n\nNever more than ten percent.",
        "score": 0,
        "found-by": "meaning and words",
    }


def test_what_is_not_remembered_says_why(shelf, at):
    index = shelf.open()
    tree = at({
        "vault/sops/binary.md": b"\0\1\2", "vault/sops/huge.md": b"x" * 1_100_000, "vault/sops/good.md": "# Good\n\nwords\n",
        "vault/sops/long.md": "\n\n".join(f"## {number}\n\n{'word ' * 140}" for number in range(500)),
    })  # fmt: skip
    tree.refused = (("vault/sops/link.md", "a symbolic link"), ("playbooks/link.yaml", "a symbolic link"))
    index.sync(tree)
    assert index.lost() == {
        "vault/sops/binary.md": "binary",
        "vault/sops/huge.md": "larger than 1 MB",
        "vault/sops/link.md": "a symbolic link",
        "vault/sops/long.md": "only its first 400 passages are remembered",
    }
    assert ranked(index, "good words")


def test_two_older_copies_are_kept(shelf, at, tmp_path):
    notes = company(3)
    index = shelf.open()
    for step in range(6):
        notes[f"vault/sops/more-{step}.md"] = f"# More {step}\n\nwords\n"
        index.sync(at(notes))
    found = sorted(one.name for one in (tmp_path / "memory" / "index").iterdir())
    assert found == ["current", "gen000004", "gen000005", "gen000006"]


def test_a_sync_that_is_interrupted_keeps_the_vectors_it_made(shelf, at):
    notes = company(60)
    index = shelf.open()
    whole = shelf.encoder.encode
    count = 0

    def dies(texts):
        nonlocal count
        count += len(texts)
        if count > 70:
            raise KeyboardInterrupt
        return whole(texts)

    index._encode = dies
    with pytest.raises(KeyboardInterrupt):
        index.sync(at(notes))
    assert index.commit == ""
    shelf.encoded()
    index._encode = whole
    made = index.sync(at(notes))
    assert made.encoded == len(shelf.encoded()) == made.passages - 64
    same(index, shelf.fresh(notes), ["invoice"])
