"""Words and hours: `at`, `written`, `round`, `lower`, `split`, `replace`, and words that are a closed set."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.kernel.alarms.expectations import moments
from engine.language.expressions import dates, functions
from engine.language.expressions.expressions import Expressions
from engine.language.templates.parser import parse
from engine.language.templates.renderer import TemplateRenderer
from engine.model.definitions.types import EMAIL
from engine.model.errors import PermanentError
from engine.model.values.timestamps import moment
from tests.unit.language.expressing import compiled, value, wrong
from tests.unit.language.trees import playbook


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("Europe/Warsaw", date(2026, 3, 27)),
        ("Europe/Warsaw", date(2026, 10, 23)),
        ("America/Santiago", date(2026, 9, 4)),
        ("America/Havana", date(2026, 3, 6)),
        ("Australia/Lord_Howe", date(2026, 10, 2)),
        ("Australia/Lord_Howe", date(2026, 4, 3)),
        ("Asia/Kathmandu", date(2026, 1, 1)),
        ("UTC", date(2028, 2, 28)),
    ],
)
def test_an_hour_is_when_a_schedule_would_fire(zone, first):
    """Every quarter of an hour of days on which clocks change, against what a schedule of that minute does."""
    for number in range(3):
        day = first + timedelta(days=number)
        for quarter in range(96):
            hour, minute = divmod(quarter * 15, 60)
            before = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) - timedelta(hours=12)
            fires = next(moments(f"{minute} {hour} {day.day} {day.month} *", before, zone))
            made = moment(functions.clocked(day.isoformat(), f"{hour}:{minute:02}", zone))
            assert made == fires.astimezone(UTC)


def test_an_island_that_left_out_a_day_has_its_next_one():
    assert functions.clocked("2011-12-30", "09:00", "Pacific/Apia") == functions.clocked(
        "2011-12-31", "00:00", "Pacific/Apia"
    )


@pytest.mark.parametrize("hour", ["24:00", "9", "9:5", "09:00:00", "nine", "", "-1:00", "٠٩:٠٠"])
def test_what_is_no_hour_is_refused(hour):
    with pytest.raises(ValueError, match="hour of the day"):
        functions.clocked("2026-05-01", hour, "UTC")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "3 March 2026"), ("en-US", "March 3, 2026"), ("en-GB", "3 March 2026"), ("de", "3. März 2026"),
        ("de-AT", "3. März 2026"), ("fr", "3 mars 2026"), ("es", "3 de marzo de 2026"), ("pt-BR", "3 de março de 2026"),
        ("it", "3 marzo 2026"), ("nl", "3 maart 2026"), ("pl", "3 marca 2026"), ("cs", "3. března 2026"),
        ("da", "3. marts 2026"), ("no", "3. mars 2026"), ("sv", "3 mars 2026"), ("fi", "3. maaliskuuta 2026"),
    ],
)  # fmt: skip
def test_a_day_in_words(language, words):
    assert dates.in_words(date(2026, 3, 3), language) == words


def test_the_first_of_a_month_has_its_own_word_where_it_has():
    assert [dates.in_words(date(2026, 5, 1), one) for one in ("fr", "it", "en")] == [
        "1er mai 2026",
        "1º maggio 2026",
        "1 May 2026",
    ]


def test_each_language_has_twelve_months():
    for language in dates.LANGUAGES:
        days = [dates.in_words(date(2026, month, 2), language) for month in range(1, 13)]
        assert len(set(days)) == 12


def template(front, body):
    return f"---\nsubject: S\nvalues: {{ when: time }}\n{front}---\n{body}\n"


def test_a_template_writes_a_day_in_its_own_language_and_the_operator_s_zone():
    """Half past eleven at night in UTC is the next day in Warsaw."""
    filled = TemplateRenderer(Expressions()).render(
        template("language: de\n", "am ${{ written(when) }}"),
        {"when": "2026-03-28T23:30:00.000000Z"},
        path="vault/templates/t.md",
        zone="Europe/Warsaw",
    )
    assert filled["body"].strip() == "am 29. März 2026"


@pytest.mark.parametrize("front", ["", "language: ja\n"])
def test_a_template_without_a_language_that_has_words_is_refused(front):
    made, diagnostics = parse("vault/templates/t.md", template(front, "${{ written(when) }}").encode())
    assert made is None
    assert [one.code for one in diagnostics] == ["SW108"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("round(2.5)", 3.0),
        ("round(-2.5)", -3.0),
        ("round(1.005, 2)", 1.01),
        ("round(2.345, 2)", 2.35),
        ("round(inputs.count, 1)", 3.0),
        ("round(1e300, 2)", 1e300),
        ("'Ä b'.lower()", "ä b"),
        ("'a, b,c'.split(', ')", ["a", "b,c"]),
        ("''.split(',')", [""]),
        ("'a b c'.replace(' ', '')", "abc"),
        ("'a, b'.split(', ').map(x, x.replace('a', 'A')).join('-')", "A-b"),
        ("written(inputs.due, 'nl')", "29 maart 2026"),
        ("at(inputs.due, '02:30')", "2026-03-29T01:00:00.000000Z"),
        ("at(event.at, '9:30')", "2026-03-29T07:30:00.000000Z"),
    ],
)
def test_gives(text, expected):
    assert value(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "'a'.split('')",
        "'a'.replace('', 'b')",
        "round(1.5, 13)",
        "round(1.5, 0 - 1)",
        "written(inputs.due, inputs.words[0])",
        "text(at(inputs.due, inputs.words[0]))",
    ],
)
def test_what_can_not_be_fails_as_an_expression(text):
    with pytest.raises(PermanentError) as error:
        value(text)
    assert error.value.code == "expression"


def test_no_text_grows_past_its_cap():
    with pytest.raises(ValueError, match="characters"):
        functions.replaced("a" * 1000, "a", "b" * 2000)
    with pytest.raises(ValueError, match="parts"):
        functions.split("a," * 1000, ",")


def test_words_that_are_written_down_are_a_closed_set():
    assert str(compiled("inputs.rush ? 'weekly' : 'monthly'").expr.type) == "one of weekly, monthly"
    assert str(compiled("['a', 'b']").expr.type) == "[one of a, b]"
    assert str(compiled("inputs.rush ? 'a' : event.subject").expr.type) == "text"


@pytest.mark.parametrize(
    "text",
    [
        "times(inputs.rush ? '0.18 EUR' : '0.12 EUR', 3)",
        "plus(inputs.due, inputs.rush ? '2d' : '7d')",
        "above(inputs.price, inputs.rush ? '9 EUR' : '5 EUR')",
    ],
)
def test_either_of_two_written_values_is_one_of_their_type(text):
    compiled(text)


@pytest.mark.parametrize(
    "text", ["plus(inputs.due, inputs.rush ? '2d' : '7h')", "times(inputs.rush ? '1 EUR' : 'two', 3)"]
)
def test_one_that_is_none_is_told(text):
    assert wrong(text)[0] in {"SW110", "SW108"}


def test_what_is_chosen_is_of_the_type_it_is_chosen_from():
    """An address among addresses can be written to; of rows nobody typed it may be anything."""
    text = """\
name: Case
on: { manual: {} }
inputs: { readers: [{ email: email }], rows: any }
subject: x
steps:
  - { id: whom, uses: human/ask, with: { title: Whom, choices: "${{ inputs.readers.map(r, r.email) }}" } }
  - { id: who, uses: identity/resolve, with: { email: "${{ steps.whom.outputs.choice }}" } }
  - { id: row, uses: human/ask, with: { title: Which, choices: "${{ inputs.rows.map(r, r.email) }}" } }
  - { id: too, uses: identity/resolve, with: { email: "${{ steps.row.outputs.choice }}" } }
"""
    found = playbook(text)
    assert found.diagnostics == ()
    ask = found.plans["case"].node("whom").ask
    assert ask is not None
    assert ask.offered == EMAIL
