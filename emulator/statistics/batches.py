"""Some rows of a table, column by column, as every reader gives them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A numeric column.

    Attributes:
        values: All that are there, NaN and infinities among them; a repeated column gives several per row.
        missing: Rows without a value.
    """

    values: Floats
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Labels:
    """A categorical column, counted within the batch.

    Attributes:
        values: The different ones.
        counts: How often each occurs.
        missing: Rows without a value.
    """

    values: Sequence[str]
    counts: Counts
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of a table.

    Attributes:
        rows: How many.
        columns: By name.
    """

    rows: int
    columns: Mapping[str, Numbers | Labels]


Read = Callable[[], Iterator[Batch]]
"""Reads a table from its beginning. Called twice; the second time only its numbers are looked at."""
