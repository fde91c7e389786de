"""What chance alone makes, of a distance between two samples or of a share of rows: the part of a verdict that says no.

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


def fewest(rows: int, share: float, chance: float) -> int:
    """Give how many of so many rows must be right, for it to be no less than chance makes where a share of all are.

    Args:
        rows: How many there are, 1 or more.
        share: Of all that there could be, those that are right; in (0, 1).
        chance: So often, or less, are there fewer; in (0, 0.5).

    Source:
        The binomial distribution itself, added up from where the normal one that is nearest to it says.
    """
    spread = math.sqrt(rows * share * (1 - share))
    right = min(max(int(rows * share - NormalDist().inv_cdf(1 - chance) * spread), 0), rows)
    if rows > _MANY:
        return right
    log = math.lgamma(rows + 1) - math.lgamma(right + 1) - math.lgamma(rows - right + 1)
    term = math.exp(log + right * math.log(share) + (rows - right) * math.log1p(-share))
    odds = share / (1 - share)
    below, each = 0.0, term  # up to `right`, with it
    for n in range(right, -1, -1):
        below += each
        if each <= below * _NOTHING:
            break
        each *= n / (rows - n + 1) / odds
    while below <= chance and right < rows:
        term *= (rows - right) / (right + 1) * odds
        right += 1
        below += term
    while right > 0 and below - term > chance:
        below -= term
        term *= right / (rows - right + 1) / odds
        right -= 1
    return right


_NOTHING = 1e-15
_MANY = 10_000_000
"""Of so many rows the normal distribution says the same but for a few, and adding up takes seconds."""


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
