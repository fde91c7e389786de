"""Values that come in: checked against their column, and written as DuckDB casts them.

Source: cloud.google.com/bigquery/docs/loading-data-cloud-storage-json and -csv ("Data types"), and
reference/rest/v2/tabledata/insertAll; refusals as issues of googleapis/python-bigquery quote them.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any

from emulator.apis.bigquery.schema import Field

INT64 = 1 << 63
NUMERIC_MOST = Decimal(10) ** 29
NANOS, WIDE = Decimal("1e-9"), Context(prec=76)
WHOLE = re.compile(r"\s*[+-]?\d{1,20}\s*")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_SECONDS = 10**12
"""More than any year has; whole numbers with a long exponent would take for ever."""
TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
FLOATS = {"inf": "inf", "+inf": "inf", "infinity": "inf", "-inf": "-inf", "-infinity": "-inf", "nan": "nan"}
LOOSE_DATE = re.compile(r"(\d{1,4})-(\d{1,2})-(\d{1,2})")
ZONE = re.compile(r"\s*(UTC|Z|[+-]\d{1,2}(?::?\d{2})?)$", re.IGNORECASE)


class CellError(ValueError):
    """A value does not fit its column. `where` is the column's path."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(message)
        self.where = where
        self.message = message


def digits(value: Any) -> str:
    """A number as text, as JSON and CSV have it: Python takes more, `1_0` and digits of other scripts."""
    found = str(value).strip()
    if isinstance(value, bool) or "_" in found or not found.isascii():
        raise ValueError
    return found


def whole(value: Any) -> str:
    """An INT64."""
    value = digits(int(value) if isinstance(value, float) and value.is_integer() else value)
    if not WHOLE.fullmatch(value) or not -INT64 <= int(value) < INT64:
        raise ValueError
    return str(int(value))


def real(value: Any) -> str:
    """A FLOAT64, infinite ones and NaN by their names."""
    if isinstance(value, str) and value.strip().lower() in FLOATS:
        return FLOATS[value.strip().lower()]
    found = float(digits(value))
    if math.isinf(found) and not isinstance(value, float):
        raise ValueError  # too large
    return repr(found)


def boolean(value: Any) -> str:
    """A BOOL; text as CSV has it."""
    text = str(value).strip().lower()
    if text in TRUE or text in FALSE:
        return "true" if text in TRUE else "false"
    raise ValueError


def numeric(value: Any) -> str:
    """A NUMERIC: 29 digits before the point and 9 after it; further ones are rounded, which may make it too large."""
    found = Decimal(digits(value))
    if not found.is_finite() or found.copy_abs() >= NUMERIC_MOST:
        raise ValueError
    rounded = found.quantize(NANOS, rounding=ROUND_HALF_UP, context=WIDE)
    if rounded.copy_abs() >= NUMERIC_MOST:
        raise ValueError
    return f"{rounded:f}"


def text(value: Any) -> str:
    """A STRING; numbers and truth values are written as JSON writes them."""
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError
        value.encode()  # half a pair of UTF-16, which JSON can say, is no text
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise ValueError


def octets(value: Any) -> str:
    """BYTES, which come as base64."""
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - all that does not fit is one kind of error here
    try:
        found = base64.b64decode(value, altchars=b"-_" if "-" in value or "_" in value else None, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
    return "".join(f"\\x{byte:02X}" for byte in found)


def day(value: Any) -> str:
    """A DATE; months and days may have one digit."""
    found = LOOSE_DATE.fullmatch(str(value).strip())
    if found is None:
        raise ValueError
    return date(*map(int, found.groups())).isoformat()


def clock(value: Any) -> str:
    """A TIME."""
    return time.fromisoformat(str(value).strip()).replace(tzinfo=None).isoformat()


def local(value: Any) -> str:
    """A DATETIME, which has no zone."""
    found = moment(str(value).strip().removesuffix("Z"))
    if found.tzinfo is not None:
        raise ValueError
    return found.isoformat(sep=" ")


def instant(value: Any) -> str:
    """A TIMESTAMP: seconds since 1970, or text; UTC where no zone is named."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return seconds(value)
    given = str(value).strip()
    if re.fullmatch(r"-?\d+(\.\d+)?([eE]\+?\d+)?", given):
        return seconds(Decimal(given))
    zone = ZONE.search(given) if ":" in given or given.upper().endswith("UTC") else None
    bare = given[: zone.start()] if zone else given
    found = moment(bare)
    offset = span(zone[1]) if zone else timedelta(0)
    return (found.replace(tzinfo=UTC) - offset).isoformat(sep=" ")


def seconds(value: float | Decimal) -> str:
    """Seconds since 1970, of the years 1 to 9999."""
    if not math.isfinite(value) or not -MOST_SECONDS < value < MOST_SECONDS:
        raise ValueError
    micros = round(Decimal(str(value)) * 1_000_000)
    return (EPOCH + timedelta(microseconds=micros)).isoformat(sep=" ")


def span(zone: str) -> timedelta:
    """How far a zone is ahead of UTC."""
    if zone.upper() in ("UTC", "Z"):
        return timedelta(0)
    hours, minutes = re.fullmatch(r"(\d{1,2}):?(\d\d)?", zone[1:]).groups("0")  # type: ignore[union-attr]  # as ZONE says
    return (1 if zone[0] == "+" else -1) * timedelta(hours=int(hours), minutes=int(minutes))


def moment(given: str) -> datetime:
    """A date with a time, or without one; both may have single digits."""
    days, _, hours = given.replace("T", " ", 1).replace("t", " ", 1).partition(" ")
    whole_hours, _, fraction = (hours or "00:00:00").partition(".")
    padded = ":".join(part.zfill(2) for part in whole_hours.strip().split(":"))
    return datetime.fromisoformat(f"{day(days)} {padded}.{(fraction or '0')[:6].ljust(6, '0')}")


def document(value: Any) -> str:
    """A JSON value; text is parsed, as BigQuery does for rows that are streamed or loaded."""
    found = json.loads(value) if isinstance(value, str) else value
    text = json.dumps(found, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    text.encode()  # as in `text`
    return text


WRITERS: Mapping[str, Callable[[Any], str]] = {
    "INTEGER": whole,
    "FLOAT": real,
    "BOOLEAN": boolean,
    "NUMERIC": numeric,
    "STRING": text,
    "BYTES": octets,
    "DATE": day,
    "DATETIME": local,
    "TIME": clock,
    "TIMESTAMP": instant,
    "JSON": document,
}
SHOWN = {"INTEGER": "integer", "FLOAT": "double", "BOOLEAN": "boolean", "NUMERIC": "numeric", "RECORD": "record"}


def one(field: Field, value: Any, where: str) -> Any:
    """A value that is no list.

    Raises:
        CellError: It does not fit.
    """
    if field.kind == "RECORD":
        if not isinstance(value, dict):
            raise CellError(where, "This field is a record.")
        return record(field.fields, value, where)[0]
    try:
        return WRITERS[field.kind](value)
    except (ValueError, OverflowError, InvalidOperation, TypeError, RecursionError):
        kind = SHOWN.get(field.kind, field.kind.lower())
        raise CellError(where, f"Cannot convert value to {kind} (bad value): {str(value)[:100]}") from None


def cell(field: Field, value: Any, where: str) -> Any:
    """A value as DuckDB casts it: text, lists and objects of text, None.

    Raises:
        CellError: It does not fit.
    """
    if field.mode == "REPEATED":
        if value is None:
            return []
        if not isinstance(value, list):
            raise CellError(where, "This field is repeated: an array is needed.")
        if any(each is None for each in value):
            raise CellError(where, "Field value cannot be empty.")
        return [one(field, each, f"{where}[{index}]") for index, each in enumerate(value)]
    if value is None:
        if field.mode == "REQUIRED":
            raise CellError(where, f"Missing required field: {where}.")
        return None
    return one(field, value, where)


def record(fields: Sequence[Field], value: Mapping[str, Any], above: str = "") -> tuple[dict[str, Any], list[str]]:
    """A row, and the names in it that are no columns.

    Raises:
        CellError: A value does not fit, or one that must be there is not; in a record: there is no such field.
    """
    if all(each.name in value for each in fields) and len(value) == len(fields):
        given: Mapping[str, Any] = value
        strange: list[str] = []
    else:
        known = {each.name.lower(): each.name for each in fields}
        strange = [key for key in value if key.lower() not in known]
        given = {known[key.lower()]: each for key, each in value.items() if key.lower() in known}
    prefix = f"{above}." if above else ""
    if strange and above:
        raise CellError(f"{prefix}{strange[0]}", f"no such field: {prefix}{strange[0]}.")
    return {each.name: cell(each, given.get(each.name), f"{prefix}{each.name}") for each in fields}, strange


def row(fields: Sequence[Field], value: Any, *, unknown: bool) -> dict[str, Any]:
    """A whole row.

    Args:
        fields: The columns.
        value: An object by their names, in any case.
        unknown: Whether values of columns that are not there are dropped.

    Raises:
        CellError: It does not fit.
    """
    if not isinstance(value, dict):
        raise CellError("", "Missing required field: json.")
    found, strange = record(fields, value)
    if strange and not unknown:
        raise CellError(strange[0], f"no such field: {strange[0]}.")
    return found


def shape(fields: Sequence[Field]) -> dict[str, Any]:
    """The structure of `record`'s rows, as DuckDB's `from_json` takes it: all leaves are text."""
    return {each.name: _shape(each) for each in fields}


def _shape(field: Field) -> Any:
    inner: Any = shape(field.fields) if field.kind == "RECORD" else "VARCHAR"
    return [inner] if field.mode == "REPEATED" else inner
