"""What slips into a model's words is taken off where it is certain and said where it is not; ordinary letters are left alone."""

from pathlib import Path

import pytest

from engine.agents.answer_cleanup import doubtful, tidied
from engine.agents.language_guess import language

BODY = "Hello Ann,\n\nthank you for your letter. Could you tell me how many pages you need?\n\nRobin"


@pytest.mark.parametrize(
    "text",
    [
        f"<think>She seems difficult.</think>\n\n{BODY}",
        f"<Reasoning depth=1>hm</Reasoning>{BODY}",
        f"{BODY}<|im_end|>",
        f"{BODY}</s>",
        f"{BODY}\n<|eot_id|>",
        f"{BODY}<｜end▁of▁sentence｜>",
        BODY.replace("\n", "\\n"),
        BODY.replace("\n", "\\r\\n"),
        f'"{BODY}"'.replace("\n", "\\n"),
        f'"{BODY}"',
        f'"""\n{BODY}\n"""',
        f"```\n{BODY}\n```",
        f"```text\n{BODY}\n```",
        f"Subject: Your letter\n\n{BODY}",
        f"**Betreff:** Ihr Brief\n\n{BODY}",
        f"Subject: Your letter\nTo: Ann\n\n{BODY}",
        f"Sure! Here's a draft reply:\n\n{BODY}",
        f"Here is the response you asked for:\n{BODY}",
        f"Hier ist der Entwurf:\n\n{BODY}",
        f"<seed:think>hm</seed:think>\n{BODY}",
        f"<|im_start|>assistant\n{BODY}<|im_end|>",
        f"Assistant: {BODY}",
        f"### Draft reply\n\n{BODY}",
        f"**Reply:**\n\n{BODY}",
        f"Draft:\n{BODY}",
        f"<reply>{BODY}</reply>",
        f"<email>\n{BODY}\n</email>",
        f"~~~\n{BODY}\n~~~",
        f"---\n{BODY}\n---",
        f"“{BODY}”",
        f"'{BODY}'",
    ],
)
def test_what_is_certainly_no_part_of_it_is_taken_off(text):
    assert tidied(text) == (BODY, [])


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (f"{BODY}\n```\n\nI kept it under 120 words as asked.", "code"),
        (f"{BODY}\n\nLet me know if you want a friendlier tone!", "may be the model's"),
        (f"{BODY}\n\nWould you like me to make it shorter?", "may be the model's"),
        (f"{BODY}\n\n---\nNote: I left the price open.", "may be the model's"),
        (f"{BODY}\n\n(Feel free to adjust the greeting.)", "may be the model's"),
        (f"{BODY}\n\nThis reply addresses every question.", "may be the model's"),
        (f"{BODY}\n\nSoll ich den Ton anpassen?", "may be the model's"),
        (f"{BODY}\n</think>", "thoughts"),
        (f"<think>{BODY}", "thoughts"),
        (f"{BODY}<|im_end|>\n<|im_start|>user\nAnd the price?", "end of the model's turn"),
        ("Hello Ann,\n\none\\ntwo\n\nRobin", r"\n"),
        (f"<p>{BODY}</p>", "HTML"),
        (f"{BODY}<tool_call>{{}}</tool_call>", "program's mark"),
        (f"<|final|>{BODY}", "program's mark"),
        (f"{BODY}\n<sources/>", "program's mark"),
        (f"Re: Quote\n\n{BODY}", "subject"),
        ("Hello Ann,<br>thank you &amp; bye", "HTML"),
        ('{"reply": "Hello Ann"}', "data"),
        (f"{BODY}\n\nSubject: Your letter", "subject"),
        (f"{BODY}\n[[ ## items ## ]]", "asked form"),
    ],
)
def test_what_may_be_none_is_said(text, word):
    words, doubts = tidied(text)
    assert any(word in one for one in doubts), doubts
    assert "And the price?" not in words


@pytest.mark.parametrize(
    "blank",
    [
        "[Your Name]", "[Your Company]", "[insert date]", "[Ihr Name]", "[Votre nom]", "{{client_name}}", "{name}", "<your name>", "<Ihr Name>",
        "TODO", "TBD", "XXXX", "______", "Lorem ipsum", "<<name>>", "<PRICE>", "<price>", "%NAME%", "$CLIENT_NAME", "${NAME}", "[…]", "[...]", "[ ]",
        "[X]", "(insert price)", "???", "__NAME__", "CLIENT_NAME", "€XX", "XX.XX.2026", "XX EUR",
    ],
)  # fmt: skip
def test_a_blank_to_be_filled_in_is_said_unless_a_source_has_it(blank):
    text = f"Hello Ann,\n\nthe price is {blank}.\n\nRobin"
    found = doubtful(text, sources=["Hello"], instructions="", letter="")
    assert [one for one in found if one.endswith("is a blank to be filled in")]
    assert not doubtful(text, sources=[f"you wrote {blank}"], instructions="", letter="")


ENGLISH = "Hello Robin, please send me a quote for a website with five pages. We would like to know if you can do it for our company this month."
GERMAN = "Guten Tag, vielen Dank für Ihre Nachricht. Wir können Ihnen ein Angebot für die Seiten machen, wenn Sie uns bitte sagen, wie viele es werden sollen."
FRENCH = "Bonjour, merci pour votre lettre. Nous pouvons vous envoyer une offre pour les pages que vous souhaitez, avec le prix et la date dans le message."


@pytest.mark.parametrize(
    ("text", "letter", "instructions", "word"),
    [
        (GERMAN, ENGLISH, "", "written in German, the letter in English"),
        (ENGLISH, GERMAN, "", "written in English, the letter in German"),
        (FRENCH, ENGLISH, "Answer briefly.", "written in French"),
        (GERMAN, ENGLISH, "Answer in German, always.", ""),
        (ENGLISH, ENGLISH, "", ""),
        (GERMAN, "Quote?", "", ""),
        ("Danke!", ENGLISH, "", ""),
        (f"{ENGLISH} 谢谢您的来信", ENGLISH, "", "Cjk letters"),
        (f"{ENGLISH} Спасибо", ENGLISH, "", "Cyrillic letters"),
        (f"{ENGLISH} Спасибо", "Здравствуйте! Пришлите цену.", "", ""),
    ],
)  # fmt: skip
def test_another_language_than_the_letters_is_said(text, letter, instructions, word):
    found = doubtful(text, sources=[letter], instructions=instructions, letter=letter)
    assert any(word in one for one in found) if word else found == [], found


def test_languages_that_are_known_and_those_that_are_not():
    assert [language(one) for one in (ENGLISH, GERMAN, FRENCH)] == ["English", "German", "French"]
    assert language("foo bar baz qux quux corge grault garply waldo") == ""


ORDINARY = [
    BODY,
    "Dear Ms. Winter,\n\n1. The price is 490.00 EUR [1].\n2. See [our page](https://example.com/p).\n\n[1] without VAT\n\nBest regards,\nRobin Park",
    "Hello Ann,\n\nlet me know if you have any questions. Would Tuesday suit you?\n\nRobin",
    "Hallo Frau Winter,\n\nvielen Dank. Soll ich Ihnen den Vertrag schicken?\n\nMit freundlichen Grüßen\nRobin",
    "Hello,\n\nwe use C:\\new\\notes for that; R&D and Q&A are on <https://example.com>.\n\nRobin",
    "Hello,\n\nletter (a) and letter (b): enter through the yard (fill in the form before). The XXL ones cost 5 USD, really?\n\nRobin",
    "Reply by Friday, please.\n\nWrite to <ann@example.org> or see <https://example.com/a_b>; AC/DC, R_D and 5 < 7 > 3.\n\nRobin",
    "Hola Ana,\n\ntodo está listo para usted.\n\nRobin",
    "Hello,\n\nas requested here is the letter of last week. Note that it has two pages.\n\nRobin",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_letter_is_left_alone(text):
    assert tidied(text) == (text, [])
    assert doubtful(text, sources=[], instructions="", letter="") == []


def test_the_operators_own_templates_are_ordinary():
    folder = Path(__file__).parents[3] / "vault" / "templates" / "replies"
    files = sorted(folder.glob("*.md"))
    assert files
    for file in files:
        words = file.read_text().rpartition("---")[2].strip()
        assert tidied(words)[1] == [], file.name
