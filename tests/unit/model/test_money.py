"""Money is minor units and a currency; nothing is ever a float."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.values.money import Money

amounts = st.builds(
    Money, minor=st.integers(-(10**12), 10**12), currency=st.sampled_from(["EUR", "USD", "JPY", "KWD", "PLN"])
)


@given(amounts)
def test_what_is_written_reads_back(amount: Money) -> None:
    """Also for currencies without or with three decimals."""
    assert Money.parse(amount.text()) == amount


@pytest.mark.parametrize(
    ("text", "minor"),
    [("49.00 EUR", 4900), ("49 EUR", 4900), ("0.5 EUR", 50), ("500 JPY", 500), ("1.234 KWD", 1234)],
)
def test_amounts_are_read_in_minor_units(text: str, minor: int) -> None:
    """ISO 4217 says how many decimals."""
    assert Money.parse(text).minor == minor


@pytest.mark.parametrize(
    "text", ["", "49", "EUR 49", "49,00 EUR", "49.001 EUR", "1.5 JPY", "1e3 EUR", "49.00 eur", "NaN EUR"]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    """With an example of the right form or the reason."""
    with pytest.raises(ValueError, match=r"amount|decimals"):
        Money.parse(text)


def test_halves_go_away_from_zero() -> None:
    """Both ways."""
    assert Money(minor=5, currency="EUR").times(0.5).minor == 3
    assert Money(minor=-5, currency="EUR").times(0.5).minor == -3


def test_two_currencies_do_not_add_up() -> None:
    """An error, not a guess."""
    with pytest.raises(ValueError, match="EUR and USD"):
        Money(minor=1, currency="EUR").plus(Money(minor=1, currency="USD"))
