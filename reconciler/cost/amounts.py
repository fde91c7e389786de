"""Three numbers for one question: with nobody calling, as expected, and at the most that a spec allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

MONTH_H = Decimal(730)
"""Hours of a month, as Google's calculator counts them: 8,760 a year."""
MONTH_S = MONTH_H * 3600
NOTHING = Decimal(0)
MOST = Decimal(10) ** 15
"""US dollars, the most that is shown."""
_CENT = Decimal("0.01")
_made: Callable[[type[Amounts], tuple[Decimal, Decimal, Decimal]], Amounts] = tuple.__new__
"""Without the arguments' names, in half the time."""


class Amounts(NamedTuple):
    """An amount, whatever its unit, in three cases. A plan makes tens of thousands: tuples are made fastest.

    Args:
        floor: With nobody calling: what it costs to have it.
        expected: With the use that is declared, else assumed.
        worst: The most that the spec allows.
    """

    floor: Decimal = NOTHING
    expected: Decimal = NOTHING
    worst: Decimal = NOTHING

    @classmethod
    def same(cls, amount: Decimal | int) -> Amounts:
        """Give an amount that does not depend on use."""
        exact = Decimal(amount)
        return _made(cls, (exact, exact, exact))

    def __add__(self, other: Amounts) -> Amounts:  # type: ignore[override]  # of cases, and never a longer tuple
        """Add case by case."""
        floor, expected, worst = self
        least, usual, most = other
        return _made(Amounts, (floor + least, expected + usual, worst + most))

    def __sub__(self, other: Amounts) -> Amounts:
        """Subtract case by case."""
        return Amounts(self.floor - other.floor, self.expected - other.expected, self.worst - other.worst)

    def times(self, factor: Decimal | int) -> Amounts:
        """Multiply each case."""
        floor, expected, worst = self
        return _made(Amounts, (floor * factor, expected * factor, worst * factor))

    def each(self, change: Callable[[Decimal], Decimal]) -> Amounts:
        """Change each case by itself."""
        return Amounts(change(self.floor), change(self.expected), change(self.worst))

    @property
    def zero(self) -> bool:
        """Tell whether it is nothing in every case."""
        return not (self.floor or self.expected or self.worst)

    def shown(self) -> dict[str, str]:
        """Give each case in cents, for people and programs."""
        return {"floor": cents(self.floor), "expected": cents(self.expected), "worst": cents(self.worst)}


def total(amounts: Iterable[Amounts]) -> Amounts:
    """Add up case by case."""
    floor = expected = worst = NOTHING
    for each in amounts:  # a plan adds up thousands: without an object for each sum
        floor, expected, worst = floor + each.floor, expected + each.expected, worst + each.worst
    return Amounts(floor, expected, worst)


def rounded(amount: Decimal) -> Decimal:
    """Round half up to cents, once. What is beyond `MOST` is that: no bill has it, and cents would have no digits.

    Args:
        amount: US dollars.
    """
    found = max(-MOST, min(MOST, amount)).quantize(_CENT, ROUND_HALF_UP)
    return found or abs(found)


def cents(amount: Decimal) -> str:
    """Give an amount in cents, for people and programs.

    Args:
        amount: US dollars.
    """
    return f"{rounded(amount):f}"
