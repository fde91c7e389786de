"""Arrow's columns as those that are counted."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from emulator.apis.aiplatform.monitoring.tables import Field, Window
from emulator.core.failures import ApiFailure
from emulator.statistics.batches import Batch, Labels, Numbers

NO_TEXT = "__BYTES_VALUE__"
"""What stands for a value that is not UTF-8, as in TFDV."""
UTC_WRITTEN = r"(?:\s?UTC|Z|[+-]00(?::?00)?)$"
"""How BigQuery, Python and JSON write that a time is in UTC."""


def batch_of(rows: Any, fields: Mapping[str, Field], window: Window | None) -> Batch:
    """A record batch, or those of its rows that are in the window.

    Raises:
        ApiFailure: INVALID_ARGUMENT: a time or a column cannot be read.
    """
    if window is not None:
        rows = rows.filter(inside(rows.column(window.field), window))
    return Batch(rows.num_rows, {name: column_of(name, rows.column(name), field) for name, field in fields.items()})


def inside(times: Any, window: Window) -> Any:
    """Which rows are in the window. A row without a time is in none."""
    if not pa.types.is_timestamp(times.type):
        text = pc.replace_substring_regex(times.cast(pa.string()), pattern=UTC_WRITTEN, replacement="")
        try:
            times = text.cast(pa.timestamp("us"))
        except pa.ArrowInvalid:
            message = f"Column {window.field} has a value that is no time in UTC."
            raise ApiFailure("INVALID_ARGUMENT", message) from None
    times = times.cast(pa.timestamp("us"))
    after = pc.greater_equal(times, moment(window.start))
    return pc.and_(after, pc.less(times, moment(window.end)))


def moment(when: datetime) -> Any:
    """A time in UTC as Arrow has it."""
    return pa.scalar(when.replace(tzinfo=None), pa.timestamp("us"))


def column_of(name: str, values: Any, field: Field) -> Numbers | Labels:
    """One column.

    Raises:
        ApiFailure: INVALID_ARGUMENT: it has values within values.
    """
    missing = values.null_count
    if pa.types.is_list(values.type):
        values = values.flatten()
    if pa.types.is_nested(values.type):
        raise ApiFailure("INVALID_ARGUMENT", f"Field {name} is nested: such fields are not monitored.")
    if field.numeric:
        numbers = values.cast(pa.float64()).drop_null().to_numpy(zero_copy_only=False)
        return Numbers(numbers, missing)
    return counted(values.drop_null(), missing)


def counted(values: Any, missing: int) -> Labels:
    """How often each label occurs."""
    text = values if pa.types.is_binary(values.type) else values.cast(pa.string())
    found = pc.value_counts(text)
    return Labels(
        [label(each) for each in found.field("values").to_pylist()], found.field("counts").to_numpy(), missing
    )


def label(value: Any) -> str:
    """A value as text."""
    if isinstance(value, str):
        return value
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        return NO_TEXT
