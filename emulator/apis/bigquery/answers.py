"""Values that go out, as BigQuery's JSON has them: rows of `f`, each with a `v` that is text.

Source: reference/rest/v2/tabledata/list, `formatOptions.useInt64Timestamp`; google-cloud-bigquery's own readers.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from emulator.apis.bigquery.schema import Field

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICRO = timedelta(microseconds=1)


def real(value: float) -> str:
    """A FLOAT64."""
    if math.isfinite(value):
        return repr(float(value))
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def numeric(value: Decimal) -> str:
    """A NUMERIC without zeros at its end."""
    text = f"{Decimal(value):f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def micros(value: datetime) -> str:
    """A TIMESTAMP in microseconds since 1970."""
    return str((value.astimezone(UTC) - EPOCH) // MICRO)


def float_seconds(value: datetime) -> str:
    """A TIMESTAMP in seconds since 1970, as clients get it that ask for nothing else."""
    return f"{Decimal(int(micros(value))) / 1_000_000:E}" if value != EPOCH else "0.0"


def moment(value: datetime | date | time) -> str:
    """A DATE, DATETIME or TIME."""
    return value.isoformat()


PLAIN: Mapping[str, Callable[[Any], str]] = {
    "INTEGER": str,
    "FLOAT": real,
    "BOOLEAN": lambda value: "true" if value else "false",
    "NUMERIC": numeric,
    "STRING": str,
    "BYTES": lambda value: base64.b64encode(value).decode(),
    "DATE": moment,
    "DATETIME": moment,
    "TIME": moment,
    "TIMESTAMP": micros,
    "JSON": str,
}


def writer(field: Field, *, int_timestamps: bool) -> Callable[[Any], Any]:
    """What writes the values of a column."""
    one = _one(field, int_timestamps=int_timestamps)
    if field.mode == "REPEATED":
        return lambda value: [{"v": None if each is None else one(each)} for each in value or ()]
    return lambda value: None if value is None else one(value)


def _one(field: Field, *, int_timestamps: bool) -> Callable[[Any], Any]:
    if field.kind == "RECORD":
        inner = [(each.name, writer(each, int_timestamps=int_timestamps)) for each in field.fields]
        return lambda value: {"f": [{"v": write(value[name])} for name, write in inner]}
    if field.kind == "TIMESTAMP" and not int_timestamps:
        return float_seconds
    return PLAIN[field.kind]


def rows(fields: Sequence[Field], found: Sequence[Sequence[Any]], *, int_timestamps: bool) -> list[dict[str, Any]]:
    """Rows of DuckDB as rows of BigQuery."""
    writers = [writer(each, int_timestamps=int_timestamps) for each in fields]
    return [{"f": [{"v": write(value)} for write, value in zip(writers, row, strict=True)]} for row in found]
