"""Files that are loaded, as rows: CSV and lines of JSON, packed or not.

Source: cloud.google.com/bigquery/docs/loading-data-cloud-storage-csv and -json.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from emulator.apis.bigquery import errors
from emulator.apis.bigquery.schema import Field

GZIP = b"\x1f\x8b"
MOST_LINE = 100 * 1024 * 1024
csv.field_size_limit(MOST_LINE)


@dataclass(frozen=True, slots=True)
class Options:
    """How files are to be read: the part of `JobConfigurationLoad` that says so."""

    delimiter: str = ","
    quote: str = '"'
    skip: int = 0
    null: str | None = None
    jagged: bool = False
    unknown: bool = False
    encoding: str = "utf-8"

    @classmethod
    def of(cls, given: dict[str, Any]) -> Options:
        """Of a job's configuration.

        Raises:
            BigQueryError: A value is refused.
        """
        delimiter = {"\\t": "\t", "tab": "\t"}.get(
            str(given.get("fieldDelimiter") or ","), given.get("fieldDelimiter") or ","
        )
        quote = '"' if given.get("quote") is None else str(given["quote"])
        if len(delimiter) != 1 or len(quote) > 1:
            raise errors.invalid("fieldDelimiter and quote must be single characters")
        names = {"UTF-8": "utf-8", "ISO-8859-1": "latin-1", "UTF8": "utf-8"}
        encoding = str(given.get("encoding") or "UTF-8").upper()
        if encoding not in names:
            raise errors.unimplemented(f"the encoding {encoding}")
        return cls(
            delimiter, quote, int(given.get("skipLeadingRows") or 0), given.get("nullMarker"),
            bool(given.get("allowJaggedRows")), bool(given.get("ignoreUnknownValues")), names[encoding],
        )  # fmt: skip


class BadLine(ValueError):
    """A line that cannot be read. The text says why."""


def opened(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked where it is packed."""
    with path.open("rb") as file:
        packed = file.read(2) == GZIP
    return cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb")


def lines_of_csv(path: Path, options: Options) -> Iterator[list[str]]:
    """The lines of a CSV file, as cells.

    Raises:
        BadLine: What follows is no CSV.
    """
    with opened(path) as file, io.TextIOWrapper(file, encoding=options.encoding, newline="") as text:
        reader = csv.reader(
            text,
            delimiter=options.delimiter,
            quotechar=options.quote or None,
            quoting=csv.QUOTE_MINIMAL if options.quote else csv.QUOTE_NONE,
        )
        try:
            yield from (line for line in reader if line)
        except (csv.Error, UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
            raise BadLine(f"Error while reading data, error message: {error}") from error


def row_of_csv(line: list[str], fields: tuple[Field, ...], options: Options) -> dict[str, Any]:
    """A line as values by column; what is empty is NULL, but for text.

    Raises:
        BadLine: It has too many cells, or too few.
    """
    if len(line) > len(fields) and not options.unknown:
        raise BadLine(f"Too many values in line. Found {len(line)} column(s) while expected {len(fields)}.")
    if len(line) < len(fields) and not options.jagged:
        raise BadLine(f"CSV table references column position {len(line)}, but line contains only {len(line)} columns.")
    return {field.name: value_of_csv(cell, field, options) for cell, field in zip(line, fields, strict=False)}


def value_of_csv(cell: str, field: Field, options: Options) -> Any:
    """A cell; NULL where it says so."""
    if options.null is not None and cell == options.null:
        return None
    if not cell and options.null is None and field.kind not in ("STRING", "BYTES"):
        return None
    return cell


def lines_of_json(path: Path) -> Iterator[bytes]:
    """The lines of a file that are not empty.

    Raises:
        BadLine: It is packed, and broken.
    """
    with opened(path) as file:
        try:
            while line := file.readline(MOST_LINE):
                if line.strip():
                    yield line
        except (OSError, EOFError, zlib.error) as error:
            raise BadLine(f"Error while reading data, error message: {error}") from error


def row_of_json(line: bytes) -> dict[str, Any]:
    """A line as an object.

    Raises:
        BadLine: It is none.
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadLine(f"Parser terminated before end of string: {error}") from None
    if not isinstance(found, dict):
        raise BadLine("JSON parsing error: an object is needed")
    return found
