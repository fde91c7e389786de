"""Histograms of numbers: ten buckets of equal width, ten of equal count, and what lies outside of any."""

from dataclasses import dataclass, field

import numpy as np

from emulator.statistics.batches import Floats

BUCKETS = 10
"""TFDV's `num_histogram_buckets` and `num_quantiles_histogram_buckets`."""


def nothing() -> Floats:
    """No numbers."""
    return np.empty(0, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Histogram:
    """Buckets from low to high; one whose ends are equal is a point, one with an infinite end holds infinities.

    Attributes:
        lows: Lower ends.
        highs: Upper ends, as many.
        counts: How much is in each.
        nan: Values that are not numbers.
    """

    lows: Floats = field(default_factory=nothing)
    highs: Floats = field(default_factory=nothing)
    counts: Floats = field(default_factory=nothing)
    nan: int = 0


def edges_of(low: float, high: float, buckets: int = BUCKETS) -> Floats:
    """The ends of buckets of equal width. Equal ones make a point; a width that is no number makes none.

    Two numbers too near each other for ten buckets share one.

    Source: `generate_equi_width_histogram`, which gives an empty histogram where its boundaries overflow.
    """
    if low == high:
        return np.array([low, high])
    with np.errstate(over="ignore", invalid="ignore"):
        edges: Floats = np.linspace(low, high, buckets + 1)
        if not np.isfinite(edges).all():
            return nothing()
        return edges if (np.diff(edges) > 0).all() else np.array([low, high])


def count(values: Floats, edges: Floats) -> Floats:
    """How many finite values lie in each bucket; the last one has its upper end."""
    if len(edges) == 2 and edges[0] == edges[1]:  # noqa: PLR2004 - two ends are one bucket
        return np.array([len(values)], dtype=np.float64)
    return np.histogram(values, bins=len(edges) - 1, range=(edges[0], edges[-1]))[0].astype(np.float64)


def with_infinities(edges: Floats, counts: Floats, below: int, above: int, nan: int) -> Histogram:
    """Finite buckets with a bucket more for each infinity that occurred, as TFDV writes them."""
    rows = [(low, high, held) for low, high, held in zip(edges[:-1], edges[1:], counts, strict=True)]
    rows = [(-np.inf, -np.inf, below)] * bool(below) + rows + [(np.inf, np.inf, above)] * bool(above)
    lows, highs, held = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    return Histogram(lows, highs, held, nan)


def equal_count(ordered: Floats, total: int, nan: int) -> Histogram:
    """Buckets of equal count.

    Args:
        ordered: All values, or a sample of them, in order.
        total: How many there are.
        nan: Values that are not numbers.
    """
    if not len(ordered):
        return Histogram(nan=nan)
    edges = np.quantile(ordered, np.linspace(0, 1, BUCKETS + 1), method="inverted_cdf")
    return Histogram(edges[:-1], edges[1:], np.full(BUCKETS, total / BUCKETS), nan)
