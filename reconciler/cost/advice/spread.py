"""How often which values were measured, in buckets. What is said of them is never below what was measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

_ALL = Decimal(1)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Values from `low` to `high`, and how many.

    Args:
        low: The least that one can be.
        high: None values are above; None where nobody knows how far it goes.
        count: At least one.
    """

    low: Decimal
    high: Decimal | None
    count: int


@dataclass(frozen=True, slots=True)
class Spread:
    """A distribution, of one series or of several together: counts are added, percentiles never averaged.

    Args:
        buckets: Those with values, the highest last.
        mean: Of all values.
    """

    buckets: tuple[Bucket, ...]
    mean: Decimal

    @classmethod
    def of(cls, buckets: Iterable[Bucket], mean: Decimal) -> Spread:
        """Put buckets in order; those of several distributions may overlap.

        Args:
            buckets: In any order; empty ones are left out.
            mean: Of all values.
        """
        counted = (each for each in buckets if each.count)
        return cls(tuple(sorted(counted, key=lambda each: (each.high is None, each.high or 0, each.low))), mean)

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(each.count for each in self.buckets)

    def joined(self, other: Spread) -> Spread:
        """Give the distribution of the values of both."""
        count = self.count + other.count
        mean = (self.mean * self.count + other.mean * other.count) / count if count else Decimal(0)
        return Spread.of((*self.buckets, *other.buckets), mean)

    def below(self, part: Decimal) -> Decimal | None:
        """Give what a part of the values is certainly not above; None where nobody knows.

        Args:
            part: 0 to 1, such as 0.99.
        """
        found = self._at(part)
        return found.high if found else None

    def from_(self, part: Decimal) -> Decimal:
        """Give what the rest of the values is certainly not below.

        Args:
            part: 0 to 1, such as 0.95: of the values, a twentieth is not below.
        """
        found = self._at(part)
        return found.low if found else Decimal(0)

    @property
    def peak(self) -> Decimal | None:
        """Give what no value is above; None where nobody knows."""
        return self.below(_ALL)

    def scaled(self, factor: Decimal) -> Spread:
        """Multiply every value."""
        buckets = (
            replace(each, low=each.low * factor, high=None if each.high is None else each.high * factor)
            for each in self.buckets
        )
        return Spread.of(buckets, self.mean * factor)

    def bounded(self, most: Decimal) -> Spread:
        """Give it of values that cannot be above a bound: all of something is all, however far its bucket goes."""
        buckets = (
            replace(each, low=min(each.low, most), high=most if each.high is None else min(each.high, most))
            for each in self.buckets
        )
        return Spread.of(buckets, self.mean)

    def _at(self, part: Decimal) -> Bucket | None:
        wanted, reached = part * self.count, 0
        for each in self.buckets:
            reached += each.count
            if reached >= wanted:
                return each
        return None
