import pytest

from engine.model.definitions.value_range import range_error

EUR = {"minor": 12_000, "currency": "EUR"}


@pytest.mark.parametrize(
    ("kind", "value", "least", "most", "expected"),
    [
        ("integer", 3, 1, 3, ""),
        ("integer", 4, 1, 3, "at most 3"),
        ("number", 0.5, 1, None, "at least 1"),
        ("money", "120.00 EUR", None, EUR, ""),
        ("money", "120.01 EUR", None, EUR, "at most 120.00 EUR"),
        ("money", {"minor": 1, "currency": "USD"}, None, EUR, "an amount like 120.00 EUR"),
        ("money", "much", EUR, None, "an amount like 120.00 EUR"),
        ("date", "2026-05-01", "2026-05-01", "2026-05-31", ""),
        ("date", "2026-04-30", "2026-05-01", None, "at least 2026-05-01"),
        ("date", "soon", "2026-05-01", None, "a day like 2026-05-01"),
        ("text", "anything", None, None, ""),
        ("number", None, 1, None, "a number like 1"),
    ],
)
def test_a_value_outside_its_limits_is_not_taken(kind, value, least, most, expected):
    assert range_error(kind, value, minimum=least, maximum=most) == expected
