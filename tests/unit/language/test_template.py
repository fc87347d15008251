from pathlib import Path

import pytest

from engine.language.expressions.expressions import Expressions
from engine.language.templates.renderer import TemplateRenderer, parse
from engine.model.errors import PermanentError
from tests.unit.language.mending import codes, mended

ROOT = Path(__file__).parents[3]
FRONT = (
    '---\nsubject: Offer for ${{ client.name }}\nvalues: { client: person, "note?": text, lines: [{ what: text, amount: money }] }\n'
    "language: en\n---\n"
)
CLIENT = {"name": "Ada", "email": "ada@example.com", "known": True}
LINES = [
    {"what": "Check", "amount": {"minor": 49000, "currency": "EUR"}},
    {"what": "Care", "amount": {"minor": 12050, "currency": "EUR"}},
]


def found(body: str, front: str = FRONT):
    return parse("vault/templates/offer.md", (front + body).encode())[1]


def rendered(body: str, values=None, front: str = FRONT, zone: str = "UTC"):
    given = {"client": CLIENT, "lines": LINES} if values is None else values
    return TemplateRenderer(Expressions()).render(
        front + body, given, path="vault/templates/offer.md", zone=zone
    )


def lines_of(values: str, body: str, given) -> str:
    return rendered(body, given, front=f"---\nvalues: {values}\n---\n")["body"]


@pytest.mark.parametrize("path", sorted(ROOT.glob("vault/templates/**/*.md")), ids=lambda path: path.stem)
def test_the_starter_is_read(path):
    template, diagnostics = parse(str(path.relative_to(ROOT)), path.read_bytes())

    assert diagnostics == ()
    assert template is not None


def test_words_with_blanks():
    assert rendered("Hello ${{ client.name }},\n\nyou are ${{ client.email }}.\n") == {
        "subject": "Offer for Ada",
        "body": "Hello Ada,\n\nyou are ada@example.com.\n",
        "language": "en",
    }


def test_blocks_leave_no_line_behind():
    body = (
        "| a |\n${{ for line in lines }}\n| ${{ line.what }}: ${{ text(line.amount) }} |\n${{ end }}\nend\n"
    )

    assert rendered(body)["body"] == "| a |\n| Check: 490.00 EUR |\n| Care: 120.50 EUR |\nend\n"


def test_a_condition_inside_a_loop():
    body = (
        "${{ for line in lines }}\n  ${{ if above(line.amount, '200 EUR') }}\n- ${{ line.what }} is dear\n  ${{ end }}\n"
        "${{ end }}\n"
    )

    assert rendered(body)["body"] == "- Check is dear\n"


def test_the_same_name_may_be_used_by_one_loop_after_another():
    body = "${{ for one in lines }}\n${{ one.what }}\n${{ end }}\n" * 2

    assert rendered(body)["body"] == "Check\nCare\nCheck\nCare\n"


def test_a_missing_optional_value_and_its_default():
    body = "${{ default(note, 'none') }}\n"

    assert rendered(body)["body"] == "none\n"
    assert rendered(body, {"client": CLIENT, "lines": [], "note": "soon"})["body"] == "soon\n"


def test_a_missing_list_has_no_entries_and_null_entries_are_left_out():
    values, body = '{ "lines?": [text] }', "a\n${{ for line in lines }}\n${{ line }}\n${{ end }}\n"

    assert lines_of(values, body, {}) == "a\n"
    assert lines_of(values, body, {"lines": ["x", None, "y"]}) == "a\nx\ny\n"


def test_functions_and_comprehensions_work_on_values():
    body = "${{ lines.map(l, l.what).join(' and ') }}: ${{ text(sum(lines.map(l, l.amount))) }}\n"

    assert rendered(body)["body"] == "Check and Care: 610.50 EUR\n"


@pytest.mark.parametrize(
    "evil", ["${{ client.email }}", "${{ end }}", "${{ for x in lines }}", "{{7*7}}", "$&\\1"]
)
def test_what_is_filled_in_is_never_read_again(evil):
    result = rendered("Hello ${{ client.name }},\n", {"client": {**CLIENT, "name": evil}, "lines": []})

    assert result["body"] == f"Hello {evil},\n"
    assert result["subject"] == f"Offer for {evil}"


def test_a_value_brings_no_line_into_the_subject():
    evil = {**CLIENT, "name": "Ada\r\nBcc: thief@example.net\n\nbody"}

    assert (
        rendered("x\n", {"client": evil, "lines": []})["subject"]
        == "Offer for Ada Bcc: thief@example.net body"
    )


def test_a_subject_is_not_endless():
    assert len(rendered("x\n", {"client": {**CLIENT, "name": "A" * 5000}, "lines": []})["subject"]) == 500


def test_without_front_matter_it_is_all_words():
    assert rendered("Hello,\nthank you.\n", {}, front="") == {
        "subject": "",
        "body": "Hello,\nthank you.\n",
        "language": "",
    }


def test_a_template_saved_on_windows():
    template, diagnostics = parse(
        "vault/templates/a.md", (FRONT + "Hello\n").replace("\n", "\r\n").encode("utf-8-sig")
    )

    assert diagnostics == ()
    assert template is not None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("${{ clinet.name }}\n", "SW101"),
        ("${{ client.nam }}\n", "SW103"),
        ("${{ for line in lines }}\n${{ line.waht }}\n${{ end }}\n", "SW103"),
        ("${{ note }}\n", "SW111"),
        ("${{ client.company }}\n", "SW111"),
        ("${{ if lines }}\na\n${{ end }}\n", "SW086"),
        ("${{ for line in lines }}\n${{ line.what }}\n", "SW082"),
        ("a\n${{ end }}\nb\n", "SW082"),
        ("${{ if client.known and client.name == 'a' }}\na\n${{ end }}\n", "SW112"),
        (
            "${{ if above(lines[0].amount, '5 EUR') && lines[0].amount > lines[1].amount }}\na\n${{ end }}\n",
            "SW109",
        ),
    ],
)
def test_the_printed_fix_removes_the_diagnostic(body, code):
    before = found(body)
    assert codes(before) == [code]

    assert parse("vault/templates/offer.md", mended((FRONT + body).encode(), before[0]))[1] == ()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("Hello ${{ client.name }\n", "SW080"),
        ("Hello ${{ if client.known }}dear ${{ end }}friend\n", "SW081"),
        ("${{ for line in lines }} - ${{ line.what }}\n${{ end }}\n", "SW081"),
        ("${{ if client.known }}\na\n", "SW082"),
        ("${{ for line lines }}\na\n${{ end }}\n", "SW084"),
        ("${{ for in lines }}\na\n${{ end }}\n", "SW084"),
        ("${{ for client in lines }}\na\n${{ end }}\n", "SW085"),
        ("${{ if client.name }}\na\n${{ end }}\n", "SW086"),
        ("${{ for one in client }}\na\n${{ end }}\n", "SW086"),
        ("${{ today() }}\n", "SW088"),
        ("${{ lines }}\n", "SW115"),
        ("${{ client }}\n", "SW115"),
        ("${{ event.text }}\n", "SW101"),
        ("${{ inputs.client.name }}\n", "SW101"),
        ("${{ steps.x.outputs }}\n", "SW101"),
        ("${{ secrets.MAIL }}\n", "SW101"),
        ("${{ }}\n", "SW112"),
        ("${{ if }}\na\n${{ end }}\n", "SW112"),
        ("${{ client.name | upper }}\n", "SW112"),
        ("${{ lines.map(l, l.waht).join('') }}\n", "SW103"),
    ],
)
def test_what_is_refused(body, code):
    diagnostics = found(body)

    assert codes(diagnostics)[0] == code
    assert diagnostics[0].source


def test_three_blocks_in_each_other_are_too_many():
    block = "${{ if client.known }}\n"

    assert codes(found(block * 2 + "a\n" + "${{ end }}\n" * 2)) == []
    assert codes(found(block * 3 + "a\n" + "${{ end }}\n" * 3)) == ["SW083"]


@pytest.mark.parametrize(
    ("front", "code"),
    [
        ("---\nsubjcet: a\n---\n", "SW050"),
        ("---\nvalues: [client]\n---\n", "SW052"),
        ("---\nlanguage: english please\n---\n", "SW053"),
        ("---\nvalues: { end: text }\n---\n", "SW060"),
        ("---\nvalues: { first-name: text }\n---\n", "SW087"),
        ("---\nvalues: { a: txet }\n---\n", "SW127"),
        ("---\nsubject: ${{ client.name }}\n---\n", "SW101"),
        ("---\nsubject: Hello ${{ end }}\n---\n", "SW081"),
        ("---\nsubject: [a]\n---\n", "SW052"),
    ],
)
def test_front_matter_is_checked(front, code):
    assert codes(found("words\n", front)) == [code]


def test_places_are_exact():
    (one,) = found(
        "\nHello\n\n${{ for line in lines }}\n  - ${{ line.what }}, ${{ line.amuont }}\n${{ end }}\n"
    )

    assert (one.span.line, one.span.column, one.span.end_column) == (10, 32, 38)
    assert one.source == "  - ${{ line.what }}, ${{ line.amuont }}"


def test_the_root_that_is_put_in_front_is_never_shown():
    (one,) = found("${{ client.nam }}\n")

    assert "inputs" not in one.message + one.hint


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"client": CLIENT, "lines": [], "tea": 1}, "offer.md:3: the value `tea` is not declared"),
        ({"lines": []}, "offer.md:3: the value `client` is missing"),
        ({"client": None, "lines": []}, "offer.md:3: the value `client` is missing"),
        (
            {"client": {"email": "a@example.com"}, "lines": []},
            "offer.md:6: `client.name`: client.name has no value",
        ),
        ({"client": CLIENT, "lines": "all"}, "offer.md:3: lines is not [{what: text, amount: money}]"),
        ({"client": CLIENT, "lines": [{"what": "a", "amount": 5}]}, "offer.md:3: lines is not money"),
        ({"client": CLIENT, "lines": [{"what": "a", "amount": "5"}]}, "offer.md:3: lines: not an amount"),
        ({"client": CLIENT, "lines": [{"what": "a"}]}, "offer.md:8: `text(line.amount)`: "),
        ({"client": {**CLIENT, "name": ["a"]}, "lines": []}, "offer.md:3: client is not text"),
    ],
)
def test_values_that_do_not_fit_are_refused_with_file_and_line(values, place):
    body = "${{ client.name }}\n${{ for line in lines }}\n${{ line.what }} ${{ text(line.amount) }}\n${{ end }}\n"

    with pytest.raises(PermanentError) as caught:
        rendered(body, values, front=FRONT.replace("Offer for ${{ client.name }}", "An offer"))

    assert caught.value.code == "template"
    assert place in caught.value.message


def test_a_broken_template_is_refused_with_file_and_line():
    with pytest.raises(PermanentError, match=r"^vault/templates/offer\.md:7: ") as caught:
        rendered("a\n${{ clinet.name }}\n")

    assert caught.value.code == "template"


def test_loops_have_an_end():
    body = "${{ for a in lines }}\n${{ for b in lines }}\n.\n${{ end }}\n${{ end }}\n"

    with pytest.raises(PermanentError, match="5,000 entries"):
        rendered(body, {"client": CLIENT, "lines": LINES * 50})


def test_a_text_has_an_end():
    with pytest.raises(PermanentError, match="1,000,000 characters"):
        rendered("${{ client.name }}" * 30 + "\n", {"client": {**CLIENT, "name": "a" * 50_000}, "lines": []})


def test_the_example_of_the_language_page():
    body = (
        "Hello ${{ invoice.name }},\n\n| what | hours | amount |\n|---|--:|--:|\n${{ for line in invoice.lines }}\n"
        "| ${{ line.what }} | ${{ line.hours }} | ${{ text(line.amount) }} |\n${{ end }}\n\n"
        "Total ${{ text(invoice.total) }}, due ${{ text(invoice.due) }}.\n${{ if above(invoice.total, '5000 EUR') }}\n"
        "You may pay in two parts.\n${{ end }}\n"
    )
    front = (
        "---\nsubject: Invoice ${{ invoice.number }}\nvalues: { invoice: { number: text, name: text, due: date, total: money, "
        "lines: [{ what: text, hours: number, amount: money }] } }\n---\n"
    )
    invoice = {
        "number": "7", "name": "Ada", "due": "2026-04-01", "total": {"minor": 600000, "currency": "EUR"},
        "lines": [{"what": "Design", "hours": 7.5, "amount": {"minor": 600000, "currency": "EUR"}}],
    }  # fmt: skip

    assert rendered(body, {"invoice": invoice}, front=front) == {
        "subject": "Invoice 7",
        "body": "Hello Ada,\n\n| what | hours | amount |\n|---|--:|--:|\n| Design | 7.5 | 6000.00 EUR |\n\n"
        "Total 6000.00 EUR, due 2026-04-01.\nYou may pay in two parts.\n",
        "language": "",
    }
