"""CSV and JSON Lines as batches of columns, by pyarrow's streaming readers: memory does not grow with rows.

Source: comments of `ModelMonitoringSchema`: a CSV file has a header, the keys of JSON Lines are the fields' names. An
empty cell is a missing value (TFDV's CSV decoder). `NaN`, `inf` and their like are numbers.
"""

import csv as plain_csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv, json

from emulator.apis.aiplatform.monitoring.columns import batch_of
from emulator.apis.aiplatform.monitoring.tables import Field, Window
from emulator.core.failures import ApiFailure
from emulator.statistics.batches import Batch

BLOCK_BYTES = 2 << 20
"""What is parsed at once; a row is at most as long. Four times as much takes twice the time, in page faults."""
HEADER_MOST = 1 << 20


def read_csv(path: Path, name: str, fields: Mapping[str, Field], window: Window | None) -> Iterator[Batch]:
    """A CSV file. `name` is what refusals call it.

    Raises:
        ApiFailure: INVALID_ARGUMENT: a column is not there, a cell is no number, it is no CSV.
    """
    if repeated := [each for each, field in fields.items() if field.repeated]:
        raise unreadable(name, f"a CSV file has no repeated fields ({', '.join(repeated)})")
    wanted = columns_of(fields, window)
    with opened(path, name) as stream:
        refuse_missing(name, wanted, header(stream))
    types = {each: pa.float64() if field.numeric else pa.binary() for each, field in fields.items()}
    convert = csv.ConvertOptions(
        column_types=({window.field: pa.string()} if window is not None else {}) | types,
        include_columns=wanted,
        null_values=[""],
        strings_can_be_null=True,
        check_utf8=False,
    )
    how = csv.ReadOptions(block_size=BLOCK_BYTES), csv.ParseOptions(newlines_in_values=True), convert
    with opened(path, name) as stream:
        for rows in csv.open_csv(stream, *how):
            yield batch_of(rows, fields, window)


def header(stream: Any) -> list[str]:
    """The names of a CSV file's columns."""
    text = TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
    found = next(plain_csv.reader([text.readline(HEADER_MOST)]), [])
    text.detach()
    return found


def read_json_lines(path: Path, name: str, fields: Mapping[str, Field], window: Window | None) -> Iterator[Batch]:
    """A file with one JSON object per line. A field that no row has is a column that is not there.

    Raises:
        ApiFailure: INVALID_ARGUMENT: a field is not there or of another type, it is no JSON.
    """
    seen: set[str] = set()
    wanted = columns_of(fields, window)
    with opened(path, name) as stream:
        for rows in json.open_json(stream, json.ReadOptions(block_size=BLOCK_BYTES), parsing(fields, window)):
            seen.update(each for each in rows.schema.names if rows.column(each).null_count < rows.num_rows)
            empty = [each for each in wanted if each not in rows.schema.names]
            for each in empty:
                rows = rows.append_column(each, pa.nulls(rows.num_rows))  # noqa: PLW2901 - the same rows
            yield batch_of(rows, fields, window)
    refuse_missing(name, wanted, seen)


def parsing(fields: Mapping[str, Field], window: Window | None) -> json.ParseOptions:
    """How JSON is read. What a category is made of, text or numbers, its rows say."""
    known = {"float": pa.float64(), "integer": pa.float64(), "boolean": pa.bool_(), "string": pa.string()}
    types = [(window.field, pa.string())] if window is not None else []
    for name, field in fields.items():
        if field.type in known and not (window is not None and window.field == name):
            types.append((name, pa.list_(known[field.type]) if field.repeated else known[field.type]))
    others = "infer" if len(types) < len(columns_of(fields, window)) else "ignore"
    return json.ParseOptions(
        explicit_schema=pa.schema(types), newlines_in_values=False, unexpected_field_behavior=others
    )


def columns_of(fields: Mapping[str, Field], window: Window | None) -> list[str]:
    """The columns that are read, each once."""
    return list(dict.fromkeys([*fields, *([window.field] if window is not None else [])]))


@contextmanager
def opened(path: Path, name: str) -> Iterator[Any]:
    """The bytes of a file; pyarrow's complaints about them are refusals that quote nothing of them.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    try:
        with path.open("rb") as file:
            yield pa.CompressedInputStream(file, "gzip") if name.endswith(".gz") else file
    except (pa.ArrowException, UnicodeError, OSError) as error:
        raise unreadable(name, reason(str(error))) from None


def reason(text: str) -> str:
    """What pyarrow complains of, without the value."""
    place = text.partition(":")[0]
    if "conversion error" in text:
        return f"{place}: a value is not of the field's type"
    if "straddling" in text or "block size" in text:
        return f"a row is longer than {BLOCK_BYTES >> 20} MiB"
    if text.startswith("JSON parse error: Column("):
        return text.partition(" in row")[0].removeprefix("JSON parse error: ")
    return f"{place.strip()[:80]}: the file does not have the declared format"


def unreadable(name: str, why: str) -> ApiFailure:
    """A file that cannot be read as what it is said to be."""
    return ApiFailure("INVALID_ARGUMENT", f"Failed to read {name}: {why}.")


def refuse_missing(name: str, wanted: list[str], there: Any) -> None:
    """Say at once which columns are not there.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    if missing := [each for each in wanted if each not in there]:
        raise ApiFailure("INVALID_ARGUMENT", f"Column(s) not found in {name}: {', '.join(missing)}.")
