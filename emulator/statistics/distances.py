"""How far two distributions are apart: L-infinity and the Jensen-Shannon divergence.

Source: `MaxNormalizedDifference`, `JensenShannonDivergence`, `AlignHistograms` of TFDV's metrics.cc.
"""

from collections.abc import Mapping

import numpy as np

from emulator.statistics.batches import Floats
from emulator.statistics.histograms import Histogram

Side = tuple[Histogram, dict[float, float], float]
"""Buckets with a width, mass by point, mass of infinities."""


def l_infinity(baseline: Mapping[str, float], target: Mapping[str, float]) -> tuple[str, float]:
    """The largest difference of a label's share, and whose it is: 0 to 1; of equal ones the last label."""
    one, other = shares(baseline), shares(target)
    found = ("", 0.0)
    for label in sorted({*one, *other}):
        apart = abs(one.get(label, 0.0) - other.get(label, 0.0))
        if apart >= found[1]:
            found = label, apart
    return found


def shares(counts: Mapping[str, float]) -> dict[str, float]:
    """Each label's part of the whole."""
    total = sum(counts.values())
    return {label: count / total for label, count in counts.items()} if total else {}


def divergence_of_labels(baseline: Mapping[str, float], target: Mapping[str, float]) -> float | None:
    """The Jensen-Shannon divergence of labels, base 2: 0 to 1. None where one side is empty."""
    labels = sorted({*baseline, *target})
    return divergence(
        np.array([baseline.get(label, 0.0) for label in labels], dtype=np.float64),
        np.array([target.get(label, 0.0) for label in labels], dtype=np.float64),
    )


def divergence_of_histograms(baseline: Histogram, target: Histogram) -> float | None:
    """The Jensen-Shannon divergence of numbers, base 2: 0 to 1. None where a side has nothing that counts.

    NaN counts only where both have the same boundaries, as in TFDV: its cutting anew loses them.
    """
    return divergence(*aligned(baseline, target))


def divergence(one: Floats, other: Floats) -> float | None:
    """The Jensen-Shannon divergence, base 2, of masses in the same buckets; it is not the root of it."""
    if not one.sum() or not other.sum():
        return None
    p, q = one / one.sum(), other / other.sum()
    middle = (p + q) / 2
    return float(min(max((relative_entropy(p, middle) + relative_entropy(q, middle)) / 2, 0.0), 1.0))


def relative_entropy(p: Floats, q: Floats) -> float:
    """Kullback and Leibler's, base 2; where there is nothing of `p`, there is nothing to add."""
    there = (p > 0) & (q > 0)
    return float((p[there] * np.log2(p[there] / q[there])).sum())


def aligned(one: Histogram, other: Histogram) -> tuple[Floats, Floats]:
    """The masses of two histograms in the same buckets."""
    (first, points_1, infinite_1), (second, points_2, infinite_2) = parted(one), parted(other)
    ends_1, ends_2 = ends(first), ends(second)
    same = np.array_equal(ends_1, ends_2)
    both = ends_1 if same else np.union1d(ends_1, ends_2)
    nan_1, nan_2 = (first.nan, second.nan) if same else (0, 0)
    points = sorted({*points_1, *points_2})
    apart_1 = [*(points_1.get(point, 0.0) for point in points), infinite_1, 0.0, nan_1, 0.0]
    apart_2 = [*(points_2.get(point, 0.0) for point in points), 0.0, infinite_2, 0.0, nan_2]
    return np.concatenate([spread(first, both), apart_1]), np.concatenate([spread(second, both), apart_2])


def parted(histogram: Histogram) -> Side:
    """Buckets with a width; points; infinities."""
    finite = np.isfinite(histogram.lows) & np.isfinite(histogram.highs)
    wide = finite & (histogram.lows != histogram.highs)
    points: dict[float, float] = {}
    for at, count in zip(histogram.lows[finite & ~wide], histogram.counts[finite & ~wide], strict=True):
        points[float(at)] = points.get(float(at), 0.0) + float(count)
    kept = Histogram(histogram.lows[wide], histogram.highs[wide], histogram.counts[wide], histogram.nan)
    return kept, points, float(histogram.counts[~finite].sum())


def ends(histogram: Histogram) -> Floats:
    """All ends of its buckets, each once."""
    return np.unique(np.concatenate([histogram.lows, histogram.highs]))


def spread(histogram: Histogram, edges: Floats) -> Floats:
    """The mass of each bucket spread evenly over the finer ones that it covers."""
    masses = np.zeros(max(len(edges) - 1, 0))
    for low, high, count in zip(histogram.lows, histogram.highs, histogram.counts, strict=True):
        inside = (edges[:-1] >= low) & (edges[1:] <= high)
        # Halved: the width of a bucket from one end of the numbers to the other is none.
        masses[inside] += count * ((edges[1:] / 2 - edges[:-1] / 2)[inside] / (high / 2 - low / 2))
    return masses
