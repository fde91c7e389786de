"""How a column is distributed, in its baseline and in a window, over bins that both have: what people look at."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from runtime.retraining.watching.measured import buckets, labels, number, side

BINS = 10
"""Of a histogram of numbers, and labels at most: the others are one bin together."""
OTHERS = "(others)"
_GREATEST = 709.0
"""Of logarithms, that of the greatest number there is, nearly."""

Bucket = tuple[float, float, float]
"""From, to, and how many values."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Both sides of a column.

    Args:
        bins: Name of each: a label, or where it begins; the end of the last one is `end`.
        end: Where the last bin of numbers ends; None of labels.
        baseline: Share of the values in each bin, 0 to 1; all 0 where there are none.
        serving: The same of the window.
    """

    bins: tuple[str, ...]
    end: float | None
    baseline: tuple[float, ...]
    serving: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Give plain data."""
        end = {} if self.end is None else {"end": self.end}
        return {"bins": list(self.bins), **end, "baseline": list(self.baseline), "serving": list(self.serving)}


def shape_of(point: Mapping[str, Any], *, by_logarithm: bool = False) -> Shape | None:
    """Give the shape of a data point of a search.

    Args:
        point: `ModelMonitoringStatsDataPoint`, as JSON.
        by_logarithm: Its numbers are logarithms: bins are of equal width on that scale, and named by the values.

    Returns:
        None where it holds no histogram.
    """
    baseline, serving = side(point.get("baselineStats")), side(point.get("currentStats"))
    of_labels = (labels(baseline), labels(serving))
    if any(of_labels):
        return _of_labels(*of_labels)
    of_numbers = ([*_buckets(baseline)], [*_buckets(serving)])
    return _of_numbers(*of_numbers, _value if by_logarithm else float) if any(of_numbers) else None


def _value(logarithm: float) -> float:
    """Give what a logarithm is of; the greatest number there is of one that is more."""
    return math.exp(min(logarithm, _GREATEST))


def _buckets(statistics: Mapping[str, Any]) -> list[Bucket]:
    """Read buckets. A field that is 0 may be left out; ends that are infinite have no place."""
    found = []
    for each in buckets(statistics):
        low, high = (number(each.get(name, 0)) for name in ("lowValue", "highValue"))
        if low is not None and high is not None and low <= high:
            found.append((low, high, max(0.0, number(each.get("sampleCount", 0)) or 0.0)))
    return found


def _of_labels(baseline: Mapping[str, float], serving: Mapping[str, float]) -> Shape:
    before, now = _shares(baseline), _shares(serving)
    ranked = sorted({*before, *now}, key=lambda each: (-before.get(each, 0.0), -now.get(each, 0.0), each))
    kept = ranked if len(ranked) <= BINS else ranked[: BINS - 1]
    sides = [[one.get(label, 0.0) for label in kept] for one in (before, now)]
    if kept != ranked:
        sides = [
            [*shares, max(0.0, sum(one.values()) - sum(shares))]
            for shares, one in zip(sides, (before, now), strict=True)
        ]
        kept = [*kept, OTHERS]
    return Shape(tuple(kept), None, tuple(sides[0]), tuple(sides[1]))


def _shares(counts: Mapping[str, float]) -> dict[str, float]:
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items()} if total else {}


def _of_numbers(baseline: Sequence[Bucket], serving: Sequence[Bucket], value: Callable[[float], float]) -> Shape:
    low = min(each[0] for each in (*baseline, *serving))
    high = max(each[1] for each in (*baseline, *serving))
    edges = _edges(low, high)
    sides = [_spread(each, edges) for each in (baseline, serving)]
    return Shape(tuple(f"{value(edge):.6g}" for edge in edges[:-1]), value(high), *map(tuple, sides))


def _edges(low: float, high: float) -> list[float]:
    """Give where bins begin and where the last one ends, each once: between two numbers may be fewer than `BINS`."""
    if low == high:
        return [low, high]
    # By halves: the width from one end of the numbers to the other is none.
    inner = (low * (1 - n / BINS) + high * (n / BINS) for n in range(1, BINS))
    return sorted({low, high, *(min(high, max(low, each)) for each in inner)})


def _spread(found: Sequence[Bucket], edges: Sequence[float]) -> list[float]:
    """Spread the values of each bucket evenly over the bins that it covers; those of one point are in one bin."""
    total = sum(count for _, _, count in found)
    ends = list(pairwise(edges))
    shares = [0.0] * len(ends)
    for low, high, count in found if total else ():
        share = count / total  # before it is spread: a part of the least number there is would be nothing
        for n, (start, end) in enumerate(ends):
            shares[n] += share * _part(low, high, start, end, last=n + 1 == len(ends))
    return shares


def _part(low: float, high: float, start: float, end: float, *, last: bool) -> float:
    """Give the share of a bucket that lies in a bin."""
    if high / 2 <= low / 2:
        return 1.0 if start <= low < end or (last and low == end) else 0.0
    return max(0.0, min(high, end) / 2 - max(low, start) / 2) / (high / 2 - low / 2)
