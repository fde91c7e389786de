"""The datasets of a job: which rows of which files or tables, and what is kept of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any

from emulator.apis.aiplatform.monitoring import cloud_storage, files, windows
from emulator.apis.aiplatform.monitoring.messages import DataFormat
from emulator.apis.aiplatform.monitoring.tables import Field, Tables, Window, twice
from emulator.core.failures import ApiFailure
from emulator.core.resources import timestamp
from emulator.core.world import World
from emulator.statistics.batches import Batch
from emulator.statistics.profiles import Profile, profile

READERS = {DataFormat.CSV: files.read_csv, DataFormat.JSONL: files.read_json_lines}
EMPTY = "No data found in the {side} dataset {location}{when}."


@dataclass(frozen=True, slots=True)
class CloudStorage:
    """Files in Cloud Storage.

    Attributes:
        world: Where.
        caller: E-mail of the account that reads.
    """

    world: World
    caller: str

    def batches(self, source: Any, fields: Mapping[str, Field], window: Window | None) -> Iterator[Batch]:
        """The rows of all files, one after the other."""
        read = READERS[source.gcs_source.format_]
        found = cloud_storage.files(self.world, self.caller, source.gcs_source.gcs_uri)
        return chain.from_iterable(read(path, name, fields, window) for name, path in found)


def tables(world: World, caller: str, project: str, source: Any) -> Tables:
    """Who reads a source.

    Raises:
        ApiFailure: UNIMPLEMENTED: what the emulated BigQuery is made of is not installed.
    """
    if source.WhichOneof("data_location") == "gcs_source":
        return CloudStorage(world, caller)
    try:
        from emulator.apis.aiplatform.monitoring.bigquery import BigQuery  # noqa: PLC0415 - DuckDB: for those who use it
    except ModuleNotFoundError as error:
        text = f"The emulated BigQuery needs mlservice[bigquery]: {error.name} is not installed."
        raise ApiFailure("UNIMPLEMENTED", text) from error
    return BigQuery(world, caller, project)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two datasets of a job.

    Attributes:
        name: `baseline` or `target`.
        given: `ModelMonitoringInput`.
        cut_off: The time that offsets count from.
    """

    name: str
    given: Any
    cut_off: datetime

    @property
    def location(self) -> str:
        """What is really read, in words."""
        source = self.given.columnized_dataset
        table = source.bigquery_source
        return str(source.gcs_source.gcs_uri or table.table_uri or table.query)

    @property
    def window(self) -> Window | None:
        """The rows that are read; None: all."""
        found = windows.bounds(self.given, self.cut_off)
        return None if found is None else Window(self.given.columnized_dataset.timestamp_field, *found)

    def show(self, processed: Any) -> None:
        """Write down what is read, in a `ProcessedDataset`."""
        processed.location = self.location
        if (window := self.window) is not None:
            processed.time_range.start_time.CopyFrom(timestamp(window.start))
            processed.time_range.end_time.CopyFrom(timestamp(window.end))

    def profile(self, world: World, caller: str, project: str, fields: Mapping[str, Field]) -> Profile:
        """What is kept of it.

        Args:
            world: Where.
            caller: E-mail of the account that reads.
            project: Whose jobs of BigQuery read it.
            fields: The columns that are wanted.

        Raises:
            ApiFailure: It cannot be read, or has no rows.
        """
        source, window = self.given.columnized_dataset, self.window
        with twice(partial(tables(world, caller, project, source).batches, source, fields, window)) as read:
            found = profile(read)
        if not found.rows:
            when = f" from {window.start.isoformat()} to {window.end.isoformat()}" if window is not None else ""
            text = EMPTY.format(side=self.name, location=self.location, when=when)
            raise ApiFailure("FAILED_PRECONDITION", text)
        return found
