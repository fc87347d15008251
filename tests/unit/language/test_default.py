"""`default(path, other)` keeps the path's type where the other word is one of its values."""

import pytest

from tests.unit.language.expressing import compiled, value, wrong


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("default(inputs.wait, '3d')", "length"),
        ("default(inputs.due, '2026-05-01')", "date"),
        ("default(payment.url, 'https://example.com/pay')", "url"),
        ("default(event.from, 'me@example.com')", "email"),
        ("default(inputs.wait, 'soon')", "text"),
        ("default(inputs.due, 'tomorrow')", "text"),
    ],
)
def test_a_word_that_spells_a_value_of_the_type_keeps_it(text, kind):
    text = text.replace("payment.", "steps.payment-link.outputs.")

    assert compiled(text).expr.type.kind == kind


def test_what_it_gives_is_a_length_as_any_other():
    assert value("plus(inputs.due, default(inputs.wait, '1d'))", inputs__wait=None) == "2026-03-30"


def test_a_word_that_is_no_length_is_refused_where_one_is_wanted():
    assert wrong("plus(inputs.due, default(inputs.wait, 'soon'))")[0] == "SW110"
