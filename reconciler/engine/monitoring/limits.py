"""Limits that hold a stated rate of false alarms, from windows in which nothing changed. Pure.

Each column is measured by its own usual distance, the median of the first half of the windows. Of each window of the
second half the column counts that is farthest by it. The limit is a quantile of those, so that one more window
like them is beyond it no more often than stated, whatever the distances are distributed like and however columns hang
together: split conformal prediction, which asks only that the windows could have come in any order.

Source: V. Vovk et al., Algorithmic Learning in a Random World, 2005; C. Clopper and E. Pearson, 1934, for the interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context
from statistics import median

SMALLEST = 0.001
"""A usual distance below which a column is measured as if it had this one: nothing was ever a hundred times nothing."""
LARGEST = 0.999
"""Of a limit, as the spec takes it; no distance is beyond 1."""
FEWEST = 4
"""Windows from which limits can be told at all."""
_CONFIDENCE = 0.95
_UPWARDS = Context(prec=3, rounding=ROUND_CEILING)
_NOISE = 1e-12

Distances = Mapping[str, float]
"""Of a window, by column; those that could not be judged are left out."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one comparison.

    Args:
        columns: The greatest distance of each.
        usual: The usual distance of each.
        rate: Windows without a change that are beyond them, at most, as a share.
        smallest: The smallest such rate that so many windows can state.
        beyond: How many windows of the second half are beyond.
        windows: How many there are in the second half.
        interval: In which the true share of such windows lies, by those, with a confidence of 95 %.
        unheld: Columns that were farther than `LARGEST` in the second half: no limit that a spec takes holds those
            windows, so the rate is no smaller than their share.
    """

    columns: Mapping[str, float]
    usual: Mapping[str, float]
    rate: float
    smallest: float
    beyond: int
    windows: int
    interval: tuple[float, float]
    unheld: tuple[str, ...] = ()


def limits_of(windows: Sequence[Distances], false_alarms: float, *, alike: bool = False) -> Limits:
    """Find limits.

    Args:
        windows: The oldest first, `FEWEST` at least.
        false_alarms: The rate wanted, in (0, 1); where too few windows are there for it, the smallest they can state.
        alike: Whether all columns have one limit, as a spec takes it of answers: then none is measured by its
            own usual distance.
    """
    half = len(windows) // 2
    usual, later = _usual(windows[:half]), windows[half:]
    scales = dict.fromkeys(usual, 1.0) if alike else usual
    ratios = sorted(_ratio(each, scales) for each in later)
    count = len(ratios)
    held = sum(map(math.isfinite, ratios))
    rank = min(held, max(1, math.ceil((count + 1) * (1 - false_alarms) - 1e-9)))
    most = ratios[rank - 1] if rank else math.inf
    kept = [each for each in later if _ratio(each, scales) <= most]
    columns = {name: _limit(name, most * scale, kept) for name, scale in scales.items()}
    beyond = sum(any(far > columns[name] for name, far in each.items() if name in columns) for each in later)
    unheld = {name for each in later for name, far in each.items() if name in usual and far > LARGEST}
    rate = (count + 1 - rank) / (count + 1)
    return Limits(columns, usual, rate, 1 / (count + 1), beyond, count, interval(beyond, count), tuple(sorted(unheld)))


def _ratio(window: Distances, usual: Mapping[str, float]) -> float:
    """Give how far the farthest column is by its usual distance; infinite where no limit holds it."""
    found = ((far, usual[name]) for name, far in window.items() if name in usual)
    return max((far / scale if far <= LARGEST else math.inf for far, scale in found), default=0.0)


def windows_for(false_alarms: float) -> int:
    """Give how many windows it takes to state a rate."""
    return 2 * math.ceil(1 / false_alarms - 1 - 1e-9)


def _usual(windows: Sequence[Distances]) -> dict[str, float]:
    names = sorted({name for each in windows for name in each})
    return {name: max(SMALLEST, median(each[name] for each in windows if name in each)) for name in names}


def _limit(name: str, limit: float, kept: Sequence[Distances]) -> float:
    """Give the limit of a column that holds these windows, with three digits: what arithmetic adds makes no step."""
    return _rounded(max(limit * (1 - _NOISE), *(each.get(name, 0.0) for each in kept), 0.0))


def _rounded(limit: float) -> float:
    """Give three digits, upwards: a lower limit would be another rate."""
    if not SMALLEST < limit < LARGEST:
        return min(LARGEST, max(SMALLEST, limit))
    return min(LARGEST, float(_UPWARDS.create_decimal(repr(limit))))


def interval(found: int, of: int, confidence: float = _CONFIDENCE) -> tuple[float, float]:
    """Give Clopper and Pearson's interval of a share.

    Args:
        found: How many.
        of: Of how many, 1 or more.
        confidence: In (0, 1).
    """
    tail = (1 - confidence) / 2
    low = 0.0 if found == 0 else _root(lambda share: 1 - _at_most(found - 1, of, share) - tail)
    high = 1.0 if found == of else _root(lambda share: tail - _at_most(found, of, share))
    return low, high


def _at_most(most: int, of: int, share: float) -> float:
    """Give the chance of no more than so many in a binomial distribution."""
    return math.fsum(math.comb(of, n) * share**n * (1 - share) ** (of - n) for n in range(most + 1))


def _root(rising: Callable[[float], float]) -> float:
    """Find where a rising function of a share is 0."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2
