"""Exact statistics of a load's numbers: mean, deviation, quantiles. No binary float is met."""

import decimal
from collections.abc import Sequence
from fractions import Fraction
from math import isqrt

from opportune.intake.cleaning.step import EXACT

NUMBERS_MAX = 20_000_000
ROOT_DIGITS = 20
"""Decimals of a square root that are kept."""


class Numbers:
    """The numbers of one field, collected."""

    def __init__(self) -> None:
        self._counts: dict[decimal.Decimal, int] = {}
        self.count = 0

    def add(self, number: decimal.Decimal) -> None:
        """One more. Raises OverflowError beyond NUMBERS_MAX."""
        if self.count >= NUMBERS_MAX:
            raise OverflowError(f"more than {NUMBERS_MAX:,} numbers in a load; part the file")
        self._counts[number] = self._counts.get(number, 0) + 1
        self.count += 1

    def mean(self) -> Fraction | None:
        """The exact mean; None of nothing."""
        return Fraction(self._power_sum(1)) / self.count if self.count else None

    def deviation(self) -> Fraction | None:
        """The standard deviation of the whole, to ROOT_DIGITS decimals; None of nothing."""
        if not self.count:
            return None
        total, squares = Fraction(self._power_sum(1)), Fraction(self._power_sum(2))
        variance = squares / self.count - (total / self.count) ** 2
        unit = 10**ROOT_DIGITS
        return Fraction(isqrt(int(variance * unit * unit)), unit)

    def quantile(self, share: Fraction) -> Fraction | None:
        """The value below which a share of the numbers lies, between two of them in proportion; None of nothing."""
        if not self.count:
            return None
        place = share * (self.count - 1)
        low = int(place)
        first, second = self._ranked((low, min(low + 1, self.count - 1)))
        return Fraction(first) + (Fraction(second) - Fraction(first)) * (place - low)

    def bounds(self) -> tuple[decimal.Decimal, decimal.Decimal] | None:
        """The least and the greatest; None of nothing."""
        return (min(self._counts), max(self._counts)) if self.count else None

    def _power_sum(self, power: int) -> decimal.Decimal:
        total = decimal.Decimal(0)
        for number, count in self._counts.items():
            total = EXACT.add(total, EXACT.multiply(EXACT.power(number, power), decimal.Decimal(count)))
        return total

    def _ranked(self, ranks: Sequence[int]) -> list[decimal.Decimal]:
        found: list[decimal.Decimal] = []
        passed = 0
        for number in sorted(self._counts):
            passed += self._counts[number]
            while len(found) < len(ranks) and ranks[len(found)] < passed:
                found.append(number)
        return found


def text_of_fraction(number: Fraction | None) -> str | None:
    """A fraction as text that `Fraction` reads back; None stays."""
    return None if number is None else str(number)


def fraction_of(text: str | None) -> Fraction | None:
    """What `text_of_fraction` wrote."""
    return None if text is None else Fraction(text)
