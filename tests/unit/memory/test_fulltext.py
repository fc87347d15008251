"""Finding notes again by their words."""

import pytest

from engine.memory import stems
from engine.memory.fulltext import FullText, cut
from engine.model.definitions.taint import Label
from engine.model.errors import PermanentError
from tests.contract.world import call
from tests.unit.memory.notes import Notes, front_matter

NOTES = {
    "vault/sops/quoting.md": "---\ntype: sop\ntitle: Quoting\n---\n# Quoting a job\n\n- [ ] Ask for the date\n\n## Discounts\n\nNever more than ten percent.\n",
    "vault/sops/broken.md": "# Something is broken\n\nLook at the error message first.\n",
    "vault/knowledge/prices.md": "---\ntype: price-list\n---\n# Prices\n\nWebsite check 490 EUR\n",
    "vault/knowledge/tone.md": "# Tone\n\nShort and warm. No discount talk.\n",
    "vault/knowledge/contacts/ada.md": "---\ntype: contact\n---\n# Ada\n\nWants a discount on every website check.\n",
    "vault/templates/got-it.md": "discount discount discount\n",
    "vault/inbox/letter.md": "discount\n",
    "playbooks/x.md": "discount\n",
}


def recall(notes=None, reader=None, **args):
    reader = reader or FullText(
        tree=lambda: Notes(NOTES if notes is None else notes), front_matter=front_matter
    )
    outputs, labels = reader.read(call("memory/recall", args))
    assert labels == frozenset({Label.OPERATOR})
    return outputs["notes"]


def paths(found):
    return [one["path"] for one in found]


def test_a_passage_says_where_it_stands_and_what_found_it():
    (found,) = recall(query="percent", kind="sop")
    assert found | {"score": 0} == {
        "path": "vault/sops/quoting.md",
        "title": "Quoting",
        "heading": "Discounts",
        "commit": "",
        "text": "Quoting a job › Discounts\n\nNever more than ten percent.",
        "score": 0,
        "found-by": "full-text",
    }
    assert found["score"] > 0


def test_without_a_kind_procedures_and_knowledge_are_searched_and_nothing_about_people():
    assert set(paths(recall(query="discount discounts"))) == {
        "vault/sops/quoting.md",
        "vault/knowledge/tone.md",
    }


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("sop", "vault/sops/broken.md"),
        ("price-list", "vault/knowledge/prices.md"),
        ("note", "vault/knowledge/tone.md"),
        ("contact", "vault/knowledge/contacts/ada.md"),
        ("template", "vault/templates/got-it.md"),
    ],
)
def test_a_kind_is_the_type_of_the_note_or_its_folder(kind, path):
    found = recall(query="error website warm discount", kind=kind)
    assert path in paths(found)
    assert "playbooks/x.md" not in paths(found)


def test_the_limit_and_the_order():
    found = recall(query="discount website error percent", limit=2)
    assert len(found) == 2
    assert found[0]["score"] >= found[1]["score"]
    assert recall(query="discount website error percent", limit=2) == found


@pytest.mark.parametrize(
    "query",
    [
        'discount" OR "',
        "NEAR(a b)",
        "title:discount",
        "discount*",
        "^discount",
        "(((",
        "--",
        "'; drop table passages",
        "\x00discount",
        "-discount",
        "AND OR NOT",
        "{a b}: c",
    ],
)
def test_a_query_is_words_never_syntax(query):
    assert isinstance(recall(query=query), list)


@pytest.mark.parametrize("query", ["", "   ", "zzz unknown", "。、", "a"])
def test_nothing_found_is_an_answer(query):
    assert recall(query=query) == []


def test_accents_and_case_do_not_matter():
    notes = {"vault/sops/a.md": "# Prüfung\n\nGrößere Änderungen\n"}
    assert recall(notes, query="PRUFUNG")
    assert recall(notes, query="änderungen")


def test_a_long_letter_is_reduced_to_the_words_that_tell_notes_apart():
    letter = "the and of to in is it that for you " * 2000 + " error message " + "hello dear regards " * 500
    assert paths(recall(query=letter))[0] == "vault/sops/broken.md"


def test_only_what_changed_is_read_again():
    tree = Notes(NOTES)
    reader = FullText(tree=lambda: tree, front_matter=front_matter)
    recall(reader=reader, query="percent")
    first = len(tree.reads)
    assert "vault/inbox/letter.md" not in tree.reads
    tree.notes["vault/sops/broken.md"] = b"# New\n\nzebra\n"
    del tree.notes["vault/sops/quoting.md"]
    tree.notes["vault/sops/added.md"] = b"zebra two\n"
    assert set(paths(recall(reader=reader, query="zebra"))) == {"vault/sops/broken.md", "vault/sops/added.md"}
    assert len(tree.reads) == first + 2
    assert recall(reader=reader, query="percent", kind="sop") == []


def test_a_fresh_index_answers_as_a_grown_one():
    tree = Notes(NOTES | {"vault/sops/broken.md": "old"})
    grown = FullText(tree=lambda: tree, front_matter=front_matter)
    recall(reader=grown, query="old")
    tree.notes["vault/sops/broken.md"] = NOTES["vault/sops/broken.md"].encode()
    assert recall(reader=grown, query="error discount website") == recall(query="error discount website")


def test_headings_in_fences_are_none():
    title, passages = cut("a.md", "# One\n\n```\n# not a heading\n```\n\n### Three\ntext\n## Two\n")
    assert title == "One"
    assert [trail for trail, _, _ in passages] == ["One", "One › Three", "One › Two"]


def test_notes_without_headings_or_ends():
    assert cut("vault/knowledge/plain note.md", "words") == ("plain note", [("", "", "words")])
    assert cut("a.md", "---\ntype: x\n") == ("a", [("", "", "---\ntype: x")])
    assert cut("a.md", "") == ("a", [])
    assert cut("a.md", "\ufeff---\r\ntitle: x\r\n---\r\nbody\r\n") == ("a", [("", "", "body")])


def test_long_passages_are_cut_between_paragraphs():
    _, passages = cut("a.md", "# T\n\n" + "\n\n".join("word " * 100 for _ in range(20)))
    assert len(passages) > 4
    assert all(len(text) < 2100 for _, _, text in passages)
    assert len(cut("a.md", "x" * 9000)[1]) == 5


def test_broken_bytes_are_read_as_far_as_they_go():
    assert recall({"vault/sops/a.md": b"\xff\xfe zebra \x00"}, query="zebra")


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"query": 7},
        {"query": "x", "kind": 7},
        {"query": "x", "limit": 0},
        {"query": "x", "limit": 21},
        {"query": "x", "limit": True},
        {"query": "x", "limit": "3"},
        {"query": "x", "path": "y"},
    ],
)
def test_refuses_arguments_it_does_not_take(args):
    with pytest.raises(PermanentError):
        recall(**args)


def test_a_limit_may_be_a_whole_number_written_as_any():
    assert len(recall(query="discount error percent", limit=1.0)) == 1


TALK = {
    "english": "You and the others have this from us with thanks, are you there?",
    "german": "Und der Rest wird nicht mit einer Zahl genannt, oder sind es zwei? Eine!",
    "french": "Les prix des travaux est une chose pour vous, dans la suite avec le reste.",
    "spanish": "Los datos para una persona con nombre del padre por usted.",
    "italian": "Che cosa sono gli ordini per una persona della ditta, con il nome nel testo?",
    "dutch": "Het werk van een dag wordt niet voor ons gedaan: wij zijn met drie.",
    "portuguese": "Para uma pessoa com nome, mais dados dos outros, seu registo.",
    "polish": "To nie jest cena oraz dla nas lub przez niego sie jak dowiem.",
}


@pytest.mark.parametrize(
    ("language", "there", "asked"),
    [
        ("english", "Our contracts run for a year.", "contract"),
        ("english", "One contract at a time.", "contracts"),
        ("english", "The agencies were invoiced.", "agency"),
        ("english", "What we quoted stands.", "quotes"),
        ("english", "Ask Mr Müller first.", "Mueller"),
        ("german", "Verträge laufen ein Jahr.", "Vertrag"),
        ("german", "Ein Vertrag genügt.", "Vertraege"),
        ("german", "Die Vertraege liegen bereit.", "Verträge"),
        ("german", "Unsere Kunden zahlen später.", "Kunde"),
        ("german", "Häuser und Wohnungen.", "Haus"),
        ("german", "Das Büro ist in der Straße am Fluss.", "Strasse"),
        ("german", "Das Büro ist in der Hauptstrasse.", "HAUPTSTRAẞE"),
        ("german", "Das Buero hat um neun offen.", "BÜRO"),
        ("german", "Ärzte und Übersetzer.", "uebersetzern"),
        ("german", "O\u0308ffentliche Aufträge", "Öffentlicher"),
        ("french", "Nos factures sont payées à trente jours.", "facture"),
        ("french", "Un délai de livraison.", "délais"),
        ("spanish", "Las facturas se pagan en junio.", "factura"),
        ("italian", "I contratti durano un anno.", "contratto"),
        ("dutch", "Onze klanten betalen later.", "klant"),
        ("portuguese", "Os contratos duram um ano.", "contrato"),
        ("polish", "Umowami rządzi prawo.", "umowa"),
    ],
)
def test_a_word_is_found_in_its_other_forms(language, there, asked):
    """And what it is called there is what is shown; a word that only looks like it is none."""
    notes = {
        "vault/knowledge/talk.md": TALK[language],
        "vault/knowledge/there.md": f"# Rules\n\n{there}\n",
        "vault/knowledge/else.md": "Nothing of the kind: contain, verlieren, hausieren, fact, klank.",
    }
    (found,) = recall(notes, query=asked)
    assert found["path"] == "vault/knowledge/there.md"
    assert there in found["text"]
    assert found["found-by"] == "full-text"


def test_notes_in_two_languages_are_found_in_both():
    notes = {
        f"vault/knowledge/{name}.md": text for name, text in TALK.items() if name in {"german", "english"}
    }
    notes |= {"vault/knowledge/a.md": "Two contracts.", "vault/knowledge/b.md": "Zwei Verträge."}
    assert paths(recall(notes, query="contract")) == ["vault/knowledge/a.md"]
    assert paths(recall(notes, query="Vertrag")) == ["vault/knowledge/b.md"]


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        ("Rechnungen gehen am Monatsende hinaus.", "Rechnung"),
        ("Mahngebühren gibt es keine.", "Mahngebühr"),
        ("Nos factures.", "facture"),
        ("Faktury.", "faktura"),
        ("Fakturor.", "faktura"),
        ("Clausole.", "clausola"),
    ],
)
def test_a_single_note_in_another_language_is_found(there, asked):
    notes = {"vault/knowledge/talk.md": TALK["english"], "vault/knowledge/there.md": there}
    assert paths(recall(notes, query=asked)) == ["vault/knowledge/there.md"]


def test_what_is_not_written_there_in_any_form_is_not_found():
    notes = {
        "vault/knowledge/talk.md": TALK["english"],
        "vault/knowledge/a.md": "Contrast, containers, contacts, contralto",
    }
    assert recall(notes, query="contract contracts") == []


def test_a_forms_cost_does_not_grow_with_the_notes(monkeypatch):
    """Only words that begin like the one that is asked for are looked at, and no more of them than a bound."""
    stemmed = []

    def stem(language, *forms):
        stemmed.append(language)
        return set(forms)

    monkeypatch.setattr(stems, "_stems", stem)
    words = " ".join(f"word{number:05d} other{number:05d}" for number in range(20_000))
    recall({"vault/knowledge/a.md": words}, query="words contracts")
    assert len(stemmed) <= 2 * 200 * (3 + 10)
