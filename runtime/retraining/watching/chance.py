"""How large a distance chance alone makes, between two samples of the same thing: the part of a verdict that says no.

Google compares each feature with its limit and knows neither how many rows there were nor how many features were
looked at: of 500 features, or of 30 rows, one is always "too far". A distance that chance alone makes in one of
so-and-so many windows is no breach.

Source: for the Jensen-Shannon divergence in bits, its expansion (1 / 8 ln 2) sum (p - q)^2 / m around equal
    distributions, which makes it a chi-square with one degree less than there are buckets, divided by
    8 ln 2 * n m / (n + m); for L-infinity the normal distribution of a difference of two shares, whose variance is at
    most (1/n + 1/m) / 4, over all labels.
"""

from __future__ import annotations

import math
from statistics import NormalDist

LINFINITY = "l_infinity"
WINDOW = 0.01
"""Of all windows in which nothing changed, the share that may be called a breach, all features together."""
_EDGES = 0.04
"""What equal-width buckets between each side's own extremes add to a divergence, however many rows there are: the most
that was seen of 3,000 rows beside 10,000 was 0.003 of uniform, 0.028 of normal and 0.036 of two-humped features. Heavy
tails make more of it, which no formula tells: their limits are set from their own history."""
_FEW = 2


def of_distance(algorithm: str, values: int, rows: int, baseline_rows: int, chance: float) -> float:
    """Give the distance that two samples of the same thing exceed by chance no more often than so.

    Args:
        algorithm: Which distance, in Model Monitoring's words.
        values: Buckets, or labels, that the two sides have together.
        rows: Of the window.
        baseline_rows: Of what it is compared with.
        chance: How often, in (0, 1).

    Returns:
        At most 1, which no distance exceeds; 1 where a side is empty.
    """
    if rows < 1 or baseline_rows < 1:
        return 1.0
    values = max(values, _FEW)
    if algorithm == LINFINITY:
        far = NormalDist().inv_cdf(1 - chance / (2 * values))
        return min(1.0, far * math.sqrt((1 / rows + 1 / baseline_rows) / 4))
    each = rows * baseline_rows / (rows + baseline_rows)
    return min(1.0, _EDGES + chi_square(1 - chance, values - 1) / (8 * math.log(2) * each))


def chi_square(share: float, degrees: int) -> float:
    """Give the value that so large a share of a chi-square distribution lies below, by Wilson and Hilferty.

    Within 1 % from nine degrees on, and above the true one with fewer.

    Args:
        share: In (0, 1).
        degrees: Of freedom, 1 or more.
    """
    part = 2 / (9 * degrees)
    found: float = degrees * (1 - part + NormalDist().inv_cdf(share) * math.sqrt(part)) ** 3
    return found
