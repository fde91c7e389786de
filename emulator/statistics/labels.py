"""What is kept of a categorical column: how often each value occurs."""

import heapq

from emulator.statistics.batches import Labels

RANKED = 1000
"""TFDV's `num_rank_histogram_buckets`: rarer values enter no distance."""
TOP = 20
"""TFDV's `num_top_values`: for display."""
HELD_MOST = 200_000
"""Different values that are counted at once. When there are more, the rarer half is forgotten: rows do not make memory
grow, and the most frequent thousand are right all the same unless no value is frequent."""


class LabelSummary:
    """A categorical column.

    Attributes:
        present: Rows with a value.
        missing: Rows without one.
        values: How many values; a repeated column has several per row.
        length: Characters of all values together.
    """

    def __init__(self) -> None:
        self.present = self.missing = self.values = self.length = 0
        self._counts: dict[str, int] = {}
        self._forgotten = 0

    def add(self, column: Labels, rows: int) -> None:
        """Count more of it."""
        self.present += rows - column.missing
        self.missing += column.missing
        for label, count in zip(column.values, column.counts.tolist(), strict=True):
            self._counts[label] = self._counts.get(label, 0) + count
            self.values += count
            self.length += count * len(label)
        if len(self._counts) > HELD_MOST:
            kept = ranked(self._counts, HELD_MOST // 2)
            self._forgotten += len(self._counts) - len(kept)
            self._counts = dict(kept)

    @property
    def unique(self) -> int:
        """How many different values; no less, where there were too many to hold."""
        return len(self._counts) + self._forgotten

    @property
    def mean_length(self) -> float:
        """Characters of a value, on average."""
        return self.length / self.values if self.values else 0.0

    def top(self, most: int = RANKED) -> list[tuple[str, int]]:
        """The most frequent values, first the most frequent."""
        return ranked(self._counts, most)

    def compared(self) -> dict[str, float]:
        """The counts that enter a distance."""
        return {label: float(count) for label, count in self.top()}


def ranked(counts: dict[str, int], most: int) -> list[tuple[str, int]]:
    """The most frequent; of equally frequent ones first the larger value."""
    return heapq.nlargest(most, counts.items(), key=lambda each: (each[1], each[0]))
