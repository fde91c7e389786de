"""What is kept of a numeric column: counts, moments, a sample; on a second reading its buckets are counted."""

import math

import numpy as np

from emulator.statistics import histograms
from emulator.statistics.batches import Floats, Numbers
from emulator.statistics.histograms import Histogram

SAMPLE_MOST = 65_536
"""Up to so many values quantiles are exact. Beyond, a sample of half of it stands for them: half of its values are
thrown away, by a fixed seed, each time it is full. TFDV's own sketch is off by up to 1 % of the rows."""


class Sample:
    """Values of which each had the same chance to stay."""

    def __init__(self) -> None:
        self._chance = 1.0
        self._random = np.random.default_rng(0)
        self._parts: list[Floats] = []
        self._held = 0

    def add(self, values: Floats) -> None:
        """Look at more values."""
        self._keep(values if self._chance == 1 else values[self._random.random(len(values)) < self._chance])
        while self._held > SAMPLE_MOST:
            kept = np.concatenate(self._parts)
            self._chance, self._parts, self._held = self._chance / 2, [], 0
            self._keep(kept[self._random.random(len(kept)) < 0.5])  # noqa: PLR2004 - the half

    def _keep(self, values: Floats) -> None:
        self._parts.append(values.copy())
        self._held += len(values)

    def ordered(self) -> Floats:
        """What is kept, in order."""
        return np.sort(np.concatenate([histograms.nothing(), *self._parts]))


class NumericSummary:
    """A numeric column.

    Attributes:
        present: Rows with a value.
        missing: Rows without one.
        values: How many values, NaN and infinities among them.
        nan, below, above: Values that are NaN, minus and plus infinity.
        zeros: Values that are 0.
        low, high: The least and the greatest finite value; infinities the other way round without any.
        mean, deviation: Of the finite values; the deviation is the population's.
    """

    def __init__(self) -> None:
        self.present = self.missing = self.values = self.nan = self.below = self.above = self.zeros = self.finite = 0
        self.low, self.high = math.inf, -math.inf
        self.mean = self._squares = 0.0
        self._sample = Sample()
        self._edges, self._counts = histograms.nothing(), histograms.nothing()

    def add(self, column: Numbers, rows: int) -> None:
        """The first reading."""
        values = column.values
        self.present += rows - column.missing
        self.missing += column.missing
        self.values += len(values)
        finite = finite_of(values)
        if len(finite) != len(values):
            self.nan += int(np.isnan(values).sum())
            self.below += int((values == -np.inf).sum())
            self.above += int((values == np.inf).sum())
        if len(finite):
            self._measure(finite)

    def _measure(self, finite: Floats) -> None:
        """Add moments and extremes. Chan, Golub and LeVeque's way of joining two means loses no digits."""
        self.zeros += len(finite) - int(np.count_nonzero(finite))
        self.low, self.high = min(self.low, float(finite.min())), max(self.high, float(finite.max()))
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(finite.mean())
            squares = float(np.square(finite - mean).sum())
            together = self.finite + len(finite)
            apart = mean - self.mean
            self._squares += squares + apart * apart * self.finite * len(finite) / together
            self.mean += apart * len(finite) / together
        self.finite = together
        self._sample.add(finite)

    def count(self, column: Numbers) -> None:
        """The second reading: the buckets are known now."""
        if not self.finite:
            return
        if not len(self._edges):
            self._edges = histograms.edges_of(self.low, self.high)
            self._counts = np.zeros(max(len(self._edges) - 1, 0))
        if len(self._edges):
            values = column.values if self.finite == self.values else finite_of(column.values)
            self._counts += histograms.count(values, self._edges)

    @property
    def deviation(self) -> float:
        """The population's standard deviation of the finite values."""
        return math.sqrt(self._squares / self.finite) if self.finite and math.isfinite(self._squares) else 0.0

    @property
    def median(self) -> float:
        """The middle of the finite values; of many, of a sample of them."""
        ordered = self._sample.ordered()
        middle = ordered[(len(ordered) - 1) // 2 : len(ordered) // 2 + 1]
        return float((middle / len(middle)).sum()) if len(middle) else 0.0  # halved first: no sum overflows

    def standard(self) -> Histogram:
        """Buckets of equal width between the least and the greatest finite value: those that are compared."""
        return histograms.with_infinities(self._edges, self._counts, self.below, self.above, self.nan)

    def quantiles(self) -> Histogram:
        """Buckets of equal count."""
        return histograms.equal_count(self._sample.ordered(), self.finite, self.nan)


def finite_of(values: Floats) -> Floats:
    """The finite ones; the same array where all are."""
    finite = np.isfinite(values)
    return values if finite.all() else values[finite]
