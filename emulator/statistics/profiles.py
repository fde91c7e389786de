"""What is kept of a whole table."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from emulator.statistics.batches import Labels, Numbers, Read
from emulator.statistics.labels import LabelSummary
from emulator.statistics.numeric import NumericSummary

Summary = NumericSummary | LabelSummary


@dataclass(frozen=True, slots=True)
class Profile:
    """Statistics of a table.

    Attributes:
        rows: How many there are.
        columns: By name.
    """

    rows: int
    columns: Mapping[str, Summary]


def profile(read: Read) -> Profile:
    """Read a table twice, and tell what is in it.

    The bounds of a column's buckets are its least and greatest value, which nobody knows before the end: hence twice.
    """
    rows = 0
    numbers = defaultdict[str, NumericSummary](NumericSummary)
    labels = defaultdict[str, LabelSummary](LabelSummary)
    for batch in read():
        rows += batch.rows
        for name, column in batch.columns.items():
            if isinstance(column, Labels):
                labels[name].add(column, batch.rows)
            else:
                numbers[name].add(column, batch.rows)
    for batch in read() if numbers else ():
        for name, column in batch.columns.items():
            if isinstance(column, Numbers):
                numbers[name].count(column)
    return Profile(rows, {**numbers, **labels})
