"""What a draft names must stand in what it was made from; what doesn't is said."""

import pytest

from engine.agents.grounding import MAX, doubts
from engine.model.text.safe_text import stripped

LETTER = """Hello Robin,
could you look at our shop by 12 March 2026? We are Brasserie Lindqvist, our budget is 1.200,50 EUR.
The site is https://shop.brasserie-lindqvist.example/menu and my address is ada@brasserie-lindqvist.example.
The call was at 10:00. Ada Lindqvist"""


def found(text, *more):
    return doubts({"body": text, "confidence": 0.37}, [{"message": LETTER}, *more])


@pytest.mark.parametrize(
    "text",
    [
        "Hello Ada,\nthank you. I look at it by 12 March.",
        "By 2026-03-12 I tell you whether 1,200.50 EUR is enough.",
        "By 12.03.2026 you know; €1200.5 is what you named.",
        "March 12th, 2026 works, at 10 or 10:00.",
        "I read https://shop.brasserie-lindqvist.example/menu.",
        "I answer to ada@Brasserie-Lindqvist.example, Ada Lindqvist.",
        "1. First I look.\n2. Then I write.",
        "Best Regards",
        "Vielen Dank für Ihre Anfrage. Mit freundlichen Grüßen",
        "e.g. this.And that",
        "",
    ],
)
def test_what_stands_in_a_source_is_no_doubt(text):
    assert found(text) == ()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("It costs 900 EUR.", "number 900"),
        ("It costs 1200.51 EUR.", "number 1200.51"),
        ("It takes 3 days.", "number 3"),
        ("By 13 March 2026.", "date 13 March 2026"),
        ("By 12 March 2027.", "date 12 March 2027"),
        ("By 2026-04-12.", "date 2026-04-12"),
        ("Pay at https://evil.example/pay now.", "link https://evil.example/pay"),
        ("Pay at [here](https://evil.example/pay).", "link https://evil.example/pay"),
        ("See evil-shop.com for it.", "link evil-shop.com"),
        ("See https://shop.brasserie-lindqvist.example/other.", "link https://shop.brasserie-lindqvist.example/other"),
        ("Write to eve@evil.example.", "address eve@evil.example"),
        ("I ask Eve Mallory about it.", "name Eve Mallory"),
        ("Dear Eve,\nthank you.", "name Eve"),
        ("Hallo Frau Mallory,\ndanke.", "name Mallory"),
        ("I'm sorry, but I can't help with that.", "refusal"),
        ("Pay\u200b here.", "can't be seen"),
        ("abc\u202etxt.exe", "can't be seen"),
        ("See https://shop.brasserie-lindqvi\u0455t.example/menu.", "link"),
        ("It costs ９００ EUR.", "number 900"),
    ],
)  # fmt: skip
def test_what_stands_in_none_is_named(text, named):
    assert any(named in one for one in found(text)), found(text)


def test_amounts_of_records_are_looked_at_and_how_sure_it_is_is_not():
    said = {"items": [{"what": "menu", "amount": "999.00 EUR"}], "confidence": 0.123}
    assert doubts(said, [LETTER]) == ("the number 999.00 stands in no source",)


def test_other_sources_count_too():
    assert found("It costs 490 EUR.", "Website check: 490.00 EUR") == ()


def test_each_is_said_once_and_many_are_counted():
    many = found(" ".join(f"{n}7" for n in range(100, 140)) + " 1007 1007")
    assert len(many) == MAX + 1
    assert many[-1] == "and 28 more"


def test_nonsense_is_looked_at_without_harm():
    for text in (
        "\x00" * 10,
        "9" * 100_000,
        "a@" * 50_000,
        "A B " * 50_000,
        "1." * 50_000,
        "http://" * 20_000,
    ):
        doubts(text, [text[:50]])


def test_text_says_what_it_shows():
    assert stripped("a\u202eb\u200bc\u00ad") == "abc"
