"""How far two samples of a number are apart in their order: which share of each lies below a value.

Model Monitoring's own distance of numbers counts buckets of equal width, whose ends are each side's least and greatest
value. One great value makes all others share a bucket, and of a hundred rows ten buckets tell little. What the API
gives holds more: each side's buckets of equal count, whose ends say what a tenth, two tenths ... of the values lie
below.

For shares f and g below a cut, with h = (f + g) / 2, that cut is (f - g) / (2 sqrt(h (1 - h))) apart: f - g itself in
the middle, and more of it at the ends, where the same difference is less likely to be chance. The distance is that of
the cut below which one side has most more, and of the one below which it has most less: the root of both squares. What
moved has but one of them; what got wider has both. It is 0 where the sides are alike and 1 where nothing of one is
among the other. As only the order counts, it is the same of values and of their logarithms, but for what is between two
ends.

Source: for the distance of a cut, the square root of half of Vincze's and Le Cam's divergence of two shares; between
    two ends, the monotone cubic of F. Fritsch and R. Carlson, 1980; for chance, that h (1 - h) (1/n + 1/m) is the
    variance of f - g; that answers have these buckets, model_monitoring.md B.2 (`QUANTILES`, ten of them).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from runtime.retraining.watching.chance import LINFINITY, of_distance

_CUTS = 22
"""The ends of ten buckets on each side."""
_ENDS = 0.035
"""What ends add that are themselves an estimate: of a sketch that is off by 1 % of the rows, as TensorFlow Data
Validation's is, on both sides, at a cut that a tenth lies below."""

_STEPS, _OFF = 200, 1e-4
"""How many steps a grid has at most, and how far off it a value may be, in steps. On a finer one, as cents are, ends do
not meet by chance but where many rows have one value."""

Bucket = tuple[float, float, float]
"""Least value, greatest value, and how many there are."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Which share of a sample lies below which value.

    Args:
        at: Values, rising; one that many rows have may stand there more than once.
        below: The share below each, from 0 to 1, as many.
        rows: How many values that is of.
    """

    at: tuple[float, ...]
    below: tuple[float, ...]
    rows: float

    @classmethod
    def of(cls, buckets: Iterable[Bucket]) -> Ends | None:
        """Read buckets of equal count, from the least on; None where they are none: empty, or out of their order."""
        told = list(buckets)
        # A bucket that nobody knows the rows of is not an empty one: what all the others lie below would be wrong.
        if not all(0 <= count < math.inf for _, _, count in told) or not 0 < sum(each[2] for each in told) < math.inf:
            return None
        given = [each for each in told if each[2] > 0]
        at, counts = [given[0][0]], [0.0]
        for low, high, count in given:
            if not at[-1] <= low <= high:
                return None
            if low > at[-1]:  # nothing is in between
                at.append(low)
                counts.append(counts[-1])
            at.append(high)
            counts.append(counts[-1] + count)
        return cls(tuple(at), tuple(min(1.0, each / counts[-1]) for each in counts), counts[-1])


def distance(one: Ends, other: Ends) -> float:
    """Give the distance, 0 to 1. It is the same the other way round, and never more than the ends say for certain.

    Where many rows have one value, or values are of a coarse grid, an end may lie anywhere in what they hold: such a
    difference counts only as far as it is left, wherever that is.
    """
    inner, outer = [{*each.at[1:-1]} for each in (one, other)], [{each.at[0], each.at[-1]} for each in (one, other)]
    # A value that ends one sample and lies within the other is one of many rows: the least of some, by chance, of which
    # nothing says how many have it. What both are cut off at is none that the other one lies beyond.
    many = _repeated(one.at) | _repeated(other.at) | (outer[0] & inner[1]) | (outer[1] & inner[0])
    # Ends of two samples meet on a grid; without one, at a value that many rows have.
    meet = (inner[0] & inner[1]) - many
    grain = _grain(one.at, other.at) if meet else 0.0
    many |= meet if grain is None else set()
    grain = grain or 0.0
    apart = [_apart(_share(one, cut, many, grain), _share(other, cut, many, grain)) for cut in {*one.at, *other.at}]
    return min(1.0, math.hypot(max(0.0, *apart), min(0.0, *apart)))


def by_chance(rows: int, baseline_rows: int, chance: float) -> float:
    """Give the distance that two samples of the same thing exceed by chance no more often than so.

    As often as any cut is so far apart at most: shares below two cuts move together, so that chance hardly makes one
    more and the other less.

    Args:
        rows: Of the window.
        baseline_rows: Of what it is compared with.
        chance: How often, in (0, 1).

    Returns:
        At most 1, which no distance exceeds; 1 where a side is empty.
    """
    # What a label's share moves by chance is what the share below a cut does.
    return min(1.0, _ENDS + of_distance(LINFINITY, _CUTS, rows, baseline_rows, chance))


def _repeated(values: Sequence[float]) -> set[float]:
    return {one for one, next_one in pairwise(values) if one == next_one}


def _grain(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Give the step of a grid that all values lie on, as whole numbers and cents do; None where they lie on none."""
    values = sorted(each for each in {*one, *other} if math.isfinite(each))
    step = min((high - low for low, high in pairwise(values)), default=0.0)
    steps = [(each - values[0]) / step if step else math.inf for each in values]
    return step if all(each < _STEPS and abs(each - round(each)) < _OFF for each in steps) else None


def _apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Say how far apart a cut is, of the least and the greatest share that may lie below it, on each side.

    Returns:
        -1 to 1: more than 0 where more of the first side lies below it.
    """
    f, g = (one[0], other[1]) if one[0] > other[1] else (one[1], other[0])
    if one[0] <= other[1] and other[0] <= one[1]:
        return 0.0
    # 2 sqrt(h (1 - h)), which is never 0: of one row in ever so many, h itself may be no other number than 1.
    return (f - g) / math.sqrt((f + g) * ((1 - f) + (1 - g)))


def _share(side: Ends, cut: float, many: set[float], grain: float) -> tuple[float, float]:
    """Give the least and the greatest share that may lie at or below a cut.

    Nothing is told of how values lie among the least and the greatest ones. Nothing is lost by that: what lies below
    an end on one side is a cut on the other.
    """
    n = bisect_right(side.at, cut) - 1
    if n < 0:
        return 0.0, 0.0
    if n == len(side.at) - 1:
        return 1.0, 1.0
    left, right, low, high = side.at[n], side.at[n + 1], side.below[n], side.below[n + 1]
    wide = right - left
    outside = n in {0, len(side.at) - 2} and cut > left
    if outside or left in many or (right in many and cut > left) or not math.isfinite(wide):
        return low, high
    share = _between(side, n, (cut - left) / wide)
    unsure = (high - low) * min(1.0, grain / wide)
    return max(low, share - unsure), min(high, share + unsure)


def _between(side: Ends, n: int, part: float) -> float:
    """Give the share below a value that is so far between two ends: a smooth curve that never falls."""
    low, high = side.below[n], side.below[n + 1]
    if part == 0:
        return low
    wide = side.at[n + 1] - side.at[n]
    before, own, after = wide * _slope(side, n - 1), high - low, wide * _slope(side, n + 1)
    start, end = _mean(before, own), _mean(own, after)
    square, cube = part * part, part * part * part
    found = low + (3 * square - 2 * cube) * (high - low)
    found += (cube - 2 * square + part) * start + (cube - square) * end
    return min(high, max(low, found))


def _slope(side: Ends, n: int) -> float:
    """Give how much of the values there is per unit of a bucket; infinite where it is next to no wide."""
    return (side.below[n + 1] - side.below[n]) / (side.at[n + 1] - side.at[n])


def _mean(one: float, other: float) -> float:
    """Give the harmonic mean of two slopes: with it where buckets meet, the curve never falls."""
    return 2 / (1 / one + 1 / other) if one and other else 0.0
