"""How far the predictions of two versions are apart, in bits, and how well that is known.

Source:
    The Jensen-Shannon divergence to the base 2, as everywhere in this project: a divergence, not its root. Around equal
    distributions its expansion (1 / 8 ln 2) sum (p - q)^2 / m makes it a chi-square with one degree less than there are
    bins, times (1/n + 1/m) / (8 ln 2): the bias and its spread. Away from there the delta method.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_SURE = 3.0
"""Standard errors on either side."""
_EACH = 1 / (8 * math.log(2))


@dataclass(frozen=True, slots=True)
class Distance:
    """A divergence.

    Args:
        value: In bits, without the part that chance alone makes; 0 at least.
        low: It is not below.
        high: It is not above.
    """

    value: float
    low: float
    high: float


def distance(mine: Sequence[int], theirs: Sequence[int]) -> Distance:
    """Give the divergence of two samples over the same bins.

    Args:
        mine: Counts by bin.
        theirs: The same of the other one.

    Returns:
        From 0 to 1 where a side is empty: nothing is known.
    """
    here, there = sum(mine), sum(theirs)
    if not here or not there:
        return Distance(0.0, 0.0, 1.0)
    raw, spread = 0.0, 0.0
    for counts, total in ((mine, here), (theirs, there)):
        parts = [
            (count / total, math.log2(count / total / _middle(a / here, b / there)))
            for count, a, b in zip(counts, mine, theirs, strict=True)
            if count
        ]
        mean = math.fsum(share * log for share, log in parts)
        raw += mean / 2
        spread += math.fsum(share * (log - mean) ** 2 for share, log in parts) / 4 / total
    degrees = max(1, sum(1 for a, b in zip(mine, theirs, strict=True) if a or b) - 1)
    chance = _EACH * (1 / here + 1 / there)
    error = _SURE * math.sqrt(spread + 2 * degrees * chance**2)
    value = max(0.0, raw - degrees * chance)
    return Distance(value, max(0.0, value - error), min(1.0, value + error))


def _middle(one: float, other: float) -> float:
    return (one + other) / 2
