"""Money: minor units and a currency, never a float. Rounding is half away from zero."""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Self

# ISO 4217 minor units that are not two.
_EXPONENTS = {
    **dict.fromkeys(("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF").split(), 0),
    **dict.fromkeys(("BHD IQD JOD KWD LYD OMR TND").split(), 3),
}
MIXED = re.compile(r"[A-Z]{3} and [A-Z]{3} do not add up")
"""What is said of two currencies: their names, and no amount."""

_WRITTEN = re.compile(r"(-?\d{1,15}(?:\.\d{1,4})?) ([A-Z]{3})")


def exponent(currency: str) -> int:
    """Number of decimal places of the currency's minor unit (ISO 4217)."""
    return _EXPONENTS.get(currency, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount of one currency. `minor` counts its smallest unit: 4900 of EUR is 49.00 EUR."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``49.00 EUR``. Raises ValueError on anything else, also on too many decimals."""
        match = _WRITTEN.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"not an amount: {text!r}; write it like 49.00 EUR")
        places = exponent(match[2])
        try:
            scaled = Decimal(match[1]).scaleb(places)
        except InvalidOperation as error:
            raise ValueError(f"not an amount: {text!r}") from error
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{match[2]} has {places} decimals: {text!r}")
        return cls(minor=int(scaled), currency=match[2])

    @classmethod
    def of(cls, value: object) -> Self:
        """From data, which holds it as text or as ``{minor, currency}``. Raises ValueError on anything else."""
        if isinstance(value, str):
            return cls.parse(value)
        if isinstance(value, dict) and set(value) == {"minor", "currency"}:
            return cls(minor=int(value["minor"]), currency=str(value["currency"]))
        raise ValueError("not an amount of money")

    def text(self) -> str:
        """As written in playbooks and shown to people: ``49.00 EUR``."""
        places = exponent(self.currency)
        return f"{Decimal(self.minor).scaleb(-places):.{places}f} {self.currency}"

    def plus(self, addend: Self) -> Self:
        """The sum. Raises ValueError when the currencies differ."""
        if addend.currency != self.currency:
            raise ValueError(f"{self.currency} and {addend.currency} do not add up")
        return type(self)(minor=self.minor + addend.minor, currency=self.currency)

    def minus(self, subtrahend: Self) -> Self:
        """The difference. Raises ValueError when the currencies differ."""
        return self.plus(type(self)(minor=-subtrahend.minor, currency=subtrahend.currency))

    def times(self, factor: Decimal | float) -> Self:
        """The product, rounded half away from zero to the minor unit."""
        exact = Decimal(self.minor) * Decimal(str(factor))
        return type(self)(minor=int(exact.quantize(Decimal(1), ROUND_HALF_UP)), currency=self.currency)
