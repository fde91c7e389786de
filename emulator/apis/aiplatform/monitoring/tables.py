"""Where a job's data come from: one interface, whatever holds the rows."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, Protocol

import numpy as np

from emulator.statistics.batches import Batch, Numbers, Read

NUMERIC = frozenset({"float", "integer"})
"""Types of fields that are numbers; `boolean`, `string` and `categorical` are labels (model_monitoring.md A.2)."""
IN_MEMORY_MOST = 32 << 20


@dataclass(frozen=True, slots=True)
class Field:
    """A column that is wanted.

    Attributes:
        type: As the schema of a monitor says.
        repeated: Each row has a list of values; each of them is one.
    """

    type: str
    repeated: bool = False

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers."""
        return self.type in NUMERIC


@dataclass(frozen=True, slots=True)
class Window:
    """The rows that are wanted.

    Attributes:
        field: The column with each row's time.
        start: The first moment, UTC.
        end: The first moment that is too late, UTC.
    """

    field: str
    start: datetime
    end: datetime


class Tables(Protocol):
    """Reads tables.

    Raises:
        ApiFailure: In `batches` or while its batches are read: the table or a column is not there
            (NOT_FOUND, INVALID_ARGUMENT), it may not be read (PERMISSION_DENIED), a value is not what the field's type
            says. No message quotes a value.
    """

    def batches(self, source: Any, fields: Mapping[str, Field], window: Window | None) -> Iterator[Batch]:
        """The rows, some at a time.

        Args:
            source: `ModelMonitoringDataset`, of the sort that these tables hold.
            fields: The columns that are wanted, by name; every batch has them all.
            window: Only rows of that time.
        """


@contextmanager
def twice(read: Read) -> Iterator[Read]:
    """Batches that are read from their source once: their numbers are kept in a file for the second reading.

    To parse text again takes ten times as long as to read the file.
    """
    with tempfile.SpooledTemporaryFile(IN_MEMORY_MOST) as file:
        yield Kept(read, file).batches


class Kept:
    """Batches, and the file of their numbers."""

    def __init__(self, read: Read, file: IO[bytes]) -> None:
        self._read = read
        self._file = file
        self._kept: list[tuple[int, list[tuple[str, int]]]] | None = None

    def batches(self) -> Iterator[Batch]:
        """From the source; the second time from the file, with numbers only."""
        return self._first() if self._kept is None else self._again(self._kept)

    def _first(self) -> Iterator[Batch]:
        kept = []
        for batch in self._read():
            numbers = {name: column.values for name, column in batch.columns.items() if isinstance(column, Numbers)}
            for values in numbers.values():
                self._file.write(np.ascontiguousarray(values).data)
            kept.append((batch.rows, [(name, len(values)) for name, values in numbers.items()]))
            yield batch
        self._kept = kept

    def _again(self, kept: list[tuple[int, list[tuple[str, int]]]]) -> Iterator[Batch]:
        self._file.seek(0)
        for rows, columns in kept:
            yield Batch(rows, {name: Numbers(np.frombuffer(self._file.read(8 * count))) for name, count in columns})
