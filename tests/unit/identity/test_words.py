"""What of a letter may stand among the examples."""

import pytest

from engine.identity.text_normalize import MAX_EXAMPLE, digest, example, same


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Please send it.\n\nOn Monday, Robin Park wrote:\n> earlier words\n> more", "Please send it"),
        ("Please send it.\n\nAm 2. März schrieb Robin:\n\n> frühere Worte", "Please send it"),
        ("> quoted\nmy answer\n> quoted again\nand another", "my answer and another"),
        ("Call +49 170 123-45-67 or write to ada@example.org, see https://example.org/a?b=1", "Call or write to see"),
        ("Please send it\n-- \nAda Winter\nCeramics", "Please send it"),
        ("Please send it\nSent from my phone", "Please send it"),
        ("Best, Ada Winter", "Best"),
        ("ADA wrote; Adamant stays", "wrote; Adamant stays"),
        ("${{ secrets.MAIL }}", "secrets.MAIL"),
        ("a\x00b\u202ec\u2028d", "a b c d"),
        ("2 shops for 3 people in 2026", "2 shops for 3 people in 2026"),
        ("", ""),
        (" \n> all quoted", ""),
    ],
)  # fmt: skip
def test_quotes_addresses_and_the_writer_stay_out(text, kept):
    assert example(text, ("Ada Winter", "ada.winter@example.org")) == kept


@pytest.mark.parametrize(
    "sender", ["support@example.org", "Quote@example.org", "invoice.billing@example.org"]
)
def test_an_office_is_nobody_s_name(sender):
    assert example("support: a quote for the invoice", (sender,)) == "support: a quote for the invoice"


def test_it_is_short_whatever_the_letter_is():
    assert len(example("word " * 100_000)) <= MAX_EXAMPLE
    assert len(example("@" * 200_000)) <= MAX_EXAMPLE
    assert len(example("1 " * 100_000)) <= MAX_EXAMPLE


def test_what_becomes_an_example_is_found_again_in_the_same_letter():
    letter = "Hi Robin,\n\ncan the red one be blue?\n\nAda\nada@example.org\n> earlier"
    kept = example(letter, ("Ada", "ada@example.org"))
    assert example(kept) == kept
    assert same(kept) == same(example(letter, ("Ada", "ada@example.org")))


def test_texts_are_named_also_when_they_are_no_text():
    assert digest("\ud800") != digest("")
