"""How often predictions were right, of one window: from counts to measures to a verdict. Pure.

What comes in are counts and means that BigQuery made of rows; no row and no value of anybody is among it.

Chance: a limit is what must hold in the long run, and a window has so many rows. A measure beyond its limit is a breach
where a model that keeps the limit would come out so bad in one of a hundred windows or fewer, all measures together.

Source: of a share of rows, by the binomial distribution; F1 is 2j / (1 + j) of the share j of rows that are right among
    those where the class was predicted or true, and is such a share as well. A mean error is compared by its own
    standard error, as the normal distribution has it: that needs some tens of rows without extreme ones. One label that
    is far off makes that error wide, so the mean is taken once more of errors that are cut off (Winsorised) at a fixed
    multiple of the limit: no row moves that by more. Of errors without a sign it is never above the mean itself, as
    min(x, c) is never above x, and so what it is beyond the limit by, the mean is as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any

from runtime.retraining.watching import chance
from runtime.retraining.watching.verdict import TELLING, Finding

PERFORMANCE = "performance"
"""What it is called among comparisons."""
ACCURACY, PRECISION, RECALL, F1 = "accuracy", "precision", "recall", "f1"
MAE, RMSE, BIAS = "mae", "rmse", "bias"
ERRORS = frozenset({MAE, RMSE, BIAS})
"""Measures that must be small; the others must be large."""
OF: Mapping[str, str] = {MAE: "absolute", RMSE: "squared", BIAS: "plain"}
"""What of an error each of them is a mean of, as the query calls it."""
FAR = 10.0
"""An error of so many times its limit is cut off where one row must not decide."""
GREATEST = 1e70
"""Numbers beyond count as that: squares of squares are added up."""
_MANY_TIMES = 2.0
"""Beyond its limit so many times, a mean error is not said to be chance: too few rows are, that could tell."""
_COUNTS = ("predictions", "labelled", "contradictory", "unreadable")
_SIGNED = frozenset({"mean_plain", "capped_plain"})
"""Numbers that may be negative."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What BigQuery counted in a window.

    Args:
        predictions: Rows of the prediction log, each once.
        labelled: Those with a label that counts.
        contradictory: Those with labels that contradict each other, or that are as well another request's.
        unreadable: Those with a label, or a prediction, that is none of its type.
        numbers: Counts of right and wrong rows, or means and deviations of errors, by name.
    """

    predictions: int
    labelled: int
    contradictory: int = 0
    unreadable: int = 0
    numbers: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Counted:
        """Read the row that the query gives; BigQuery writes numbers as text, and null for a mean of nothing."""
        numbers = dict(_numbers(row))
        predictions, labelled, contradictory, unreadable = (int(numbers.pop(name, 0)) for name in _COUNTS)
        return cls(predictions, labelled, contradictory, unreadable, numbers)

    def to_json(self) -> dict[str, Any]:
        """Give plain data, without what the measures are made of."""
        found = {"predictions": self.predictions, "labelled": self.labelled}
        return found | {"contradictory": self.contradictory, "unreadable": self.unreadable}


def _numbers(row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in row.items():
        try:
            found = float(value)
        except (TypeError, ValueError):
            continue
        if math.isfinite(found):
            yield name, found if name in _SIGNED else max(found, 0.0)


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of a window.

    Args:
        name: Which.
        limit: The least or greatest that is fine.
        value: As it came out, a bias with its sign; None where nothing can be measured.
        rows: Of so many rows.
        expected: As bad as chance makes it of so many rows, where the limit holds; None where that cannot be said.
        finding: What is said of it.
        reason: Why, for people.
    """

    name: str
    limit: float
    value: float | None
    rows: int
    expected: float | None = None
    finding: Finding = Finding.UNMEASURED
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Give plain data, as it is kept and told."""
        found = {
            "name": self.name,
            "finding": str(self.finding),
            "reason": self.reason,
            "value": self.value,
            "limit": self.limit,
            "rows": self.rows,
            "expected": self.expected,
        }
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Performance:
    """What is said of a window.

    Args:
        finding: Of the window.
        reason: Why, for people.
        columns: The measures, the worst first; called so as with what monitors compare.
    """

    finding: Finding
    reason: str
    columns: tuple[Measure, ...] = ()


def judge(counted: Counted, limits: Mapping[str, float], *, least: int, windows: float = chance.WINDOW) -> Performance:
    """Judge a window.

    Args:
        counted: What was counted.
        limits: Of each measure: the least share, in (0, 1), or the greatest error, above 0.
        least: Labelled predictions below which nothing is said.
        windows: Of all windows in which every limit holds, the share that may be called a breach.
    """
    if counted.labelled < least:
        return Performance(Finding.TOO_FEW, _too_few(counted, least))
    each = windows / max(len(limits), 1)
    found = [
        _error(name, limit, counted, each) if name in ERRORS else _share(name, limit, counted, each)
        for name, limit in limits.items()
    ]
    found.sort(key=lambda each: (_ORDER.index(each.finding), each.name))
    return Performance(*_summed(found, counted), tuple(found))


_ORDER = (Finding.BREACH, Finding.CHANCE, Finding.TOO_FEW, Finding.UNMEASURED, Finding.CALM)


def _too_few(counted: Counted, least: int) -> str:
    lost = {"contradict each other": counted.contradictory, "cannot be read": counted.unreadable}
    more = "".join(f"; labels of {count} {why}" for why, count in lost.items() if count)
    return (
        f"{counted.labelled} of {counted.predictions} predictions have a label{more}; fewer than {least} tell nothing"
    )


def _share(name: str, limit: float, counted: Counted, windows: float) -> Measure:
    hits, false_alarms, misses = (int(counted.numbers.get(each, 0)) for each in ("hits", "false_alarms", "misses"))
    right, rows = {
        ACCURACY: (int(counted.numbers.get("correct", 0)), counted.labelled),
        PRECISION: (hits, hits + false_alarms),
        RECALL: (hits, hits + misses),
        F1: (hits, hits + false_alarms + misses),
    }[name]
    if not rows:
        return Measure(name, limit, None, 0, reason=_NOTHING.get(name, _UNKNOWN))
    must = limit / (2 - limit) if name == F1 else limit
    fewest = chance.fewest(rows, must, windows)
    value, expected = (2 * each / (rows + each) if name == F1 else each / rows for each in (right, fewest))
    return _said(Measure(name, limit, value, rows, expected), beyond=value < limit, unlikely=right < fewest)


def cut_off(limit: float) -> float:
    """Give where an error is cut off so that no single one decides, in the unit of predictions.

    Args:
        limit: The greatest error that is fine.
    """
    return min(FAR * limit, GREATEST)


def _error(name: str, limit: float, counted: Counted, windows: float) -> Measure:
    of, rows = OF[name], counted.labelled
    mean, spread = (counted.numbers.get(f"{each}_{of}") for each in ("mean", "spread"))
    if mean is None or spread is None or not rows:
        return Measure(name, limit, None, rows, reason=_UNKNOWN)
    far = int(counted.numbers.get(f"beyond_{of}", 0))
    # A bias may have either sign, so either tail is beyond it; where two means are looked at, each may be by chance.
    tail = windows / (2 if name == BIAS else 1) / (2 if far else 1)
    scale = NormalDist().inv_cdf(1 - tail) / math.sqrt(rows)
    bound = limit * limit if name == RMSE else limit
    worst = bound + scale * spread
    if not far or abs(mean) > worst:
        return _said(_told(name, limit, mean, rows, worst), beyond=abs(mean) > bound, unlikely=abs(mean) > worst)
    cut = counted.numbers.get(f"capped_{of}", 0.0)
    worst = bound + scale * counted.numbers.get(f"capped_spread_{of}", 0.0)
    found = _told(name, limit, mean, rows, worst)
    # Cut off, a bias may be far where it is not: both have to say so.
    if abs(cut) > worst and abs(mean) > bound and mean * cut > 0:
        return _said(found, beyond=True, unlikely=True)
    # What is cut off of a bias may be all that keeps it small.
    moved = counted.numbers.get(f"excess_{of}", 0.0) if name == BIAS else 0.0
    if max(abs(mean), abs(cut), moved) <= bound:
        return _said(found, beyond=False, unlikely=False)
    few = f"{far} of {rows} errors are more than {FAR:g} times the limit, and decide it"
    return _unsaid(found, few)


def _unsaid(found: Measure, why: str) -> Measure:
    return replace(found, finding=Finding.TOO_FEW, reason=f"{found.value:.3g}, at most {found.limit:g}: {why}")


def _told(name: str, limit: float, mean: float, rows: int, worst: float) -> Measure:
    """Give a mean error, and how great chance makes it, as people know them."""
    value, expected = (math.sqrt(abs(mean)), math.sqrt(worst)) if name == RMSE else (mean, worst)
    return Measure(name, limit, value, rows, expected if math.isfinite(expected) else None)


def _said(found: Measure, *, beyond: bool, unlikely: bool) -> Measure:
    told = f"{found.value:.3g}, {'at most' if found.name in ERRORS else 'at least'} {found.limit:g}"
    if not beyond:
        return replace(found, finding=Finding.CALM, reason=told)
    if unlikely:
        return replace(found, finding=Finding.BREACH, reason=told)
    if found.name in ERRORS and abs(found.value or 0.0) > _MANY_TIMES * found.limit:
        return _unsaid(found, f"{found.rows} rows differ too much to tell")
    few = "" if found.expected is None else f": {found.rows} rows come to {found.expected:.3g} by chance"
    return replace(found, finding=Finding.CHANCE, reason=told + few)


_UNKNOWN = "nothing can be measured"
_NOTHING = {
    PRECISION: "the class was never predicted",
    RECALL: "the class was never true",
    F1: "the class was neither predicted nor true",
}


def _summed(found: Sequence[Measure], counted: Counted) -> tuple[Finding, str]:
    of = f"of {counted.labelled} labelled predictions"
    breaches = [f"{each.name} {each.reason}" for each in found if each.finding is Finding.BREACH]
    if breaches:
        return (
            Finding.BREACH,
            f"{len(breaches)} of {len(found)} measures past their limits: {'; '.join(breaches)}; {of}",
        )
    said = "; ".join(f"{each.name} {each.reason}" for each in found)
    if all(each.finding is Finding.UNMEASURED for each in found):
        return Finding.TOO_FEW, f"nothing can be measured {of}: {said}"
    # Of what could not be measured nobody knows whether its limit holds.
    unknown = any(each.finding not in TELLING for each in found)
    return Finding.TOO_FEW if unknown else Finding.CALM, f"{said}; {of}"
