"""Training data that requests are compared with: what is there of them, and what they lack for a spec. Pure."""

from __future__ import annotations

import csv
import io
import json
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core.parquet import SEVERAL, UnreadableError, read_footer
from reconciler.core.tables import type_of
from schemas.refusal import shown
from schemas.sections.model import ValueType
from schemas.spelling import closest

if TYPE_CHECKING:
    from schemas.sections.model import Feature, Model

SAMPLE_BYTES = 64 * 1024
"""How much of a file is looked at: its first lines."""
_UNPACKED_BYTES = 16 * SAMPLE_BYTES
_GZIP = b"\x1f\x8b"
_SHOWN = 10
_MOST_TOLD = 20
TEXT, NUMBERS, TRUTHS, NESTED, UNKNOWN = "text", "numbers", "booleans", "objects", ""
"""What a column of a file holds, as far as its first lines tell."""
_NUMBER_TYPES = frozenset({"INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC", NUMBERS})
_READ_BY_NOBODY = frozenset({"STRUCT", "JSON", NESTED, SEVERAL})
"""Source: comments of `ModelMonitoringSchema`: neither STRUCT nor JSON is a column."""
_SEVERAL = " REPEATED"
_FRACTIONS = frozenset({"FLOAT64", "NUMERIC", "BIGNUMERIC"})
_ORDINARY = {ValueType.NUMBER: "FLOAT64", ValueType.INTEGER: "INT64", ValueType.BOOLEAN: "BOOL"}
_WORDS = {ValueType.NUMBER: "a number", ValueType.INTEGER: "a whole number", ValueType.BOOLEAN: "a boolean"}


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is there of it.

    Args:
        what: As people call it: `BigQuery table acme.ml.training`.
        columns: What each column holds: a type of BigQuery's, or one of this module's words; empty where nobody knows.
            None where even the names are not known.
        empty: It is known to have no rows.
        version: Changes when the data do, as far as Google tells; of files their generation.
        by_case: Whether `Spend` and `spend` are two columns: to BigQuery they are one.
        partly: Rows that nobody looked at may have more columns.
        needs_condition: Of a table, no query reads it without a condition on its partitions.
    """

    what: str
    columns: Mapping[str, str] | None
    empty: bool = False
    version: str = ""
    by_case: bool = True
    partly: bool = False
    needs_condition: bool = False


def of_table(what: str, live: Mapping[str, Any]) -> Baseline:
    """Read what BigQuery tells of a table, or of a view, whose rows nobody has counted.

    Source:
        bigquery v2 `Table`: `numRows` is without the rows of the streaming buffer, and of a view or an external table
        it says nothing; `requirePartitionFilter`.
    """
    columns = {str(each["name"]): type_of(each).removesuffix(" REQUIRED") for each in _fields(live)}
    plain = live.get("type", "TABLE") in {"TABLE", "SNAPSHOT"}
    arriving = bool(live.get("streamingBuffer"))
    empty = plain and not arriving and str(live.get("numRows", "")) == "0"
    condition = live.get("requirePartitionFilter") is True
    return Baseline(what, columns or None, empty=empty, by_case=False, needs_condition=condition)


def _fields(live: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    found = live.get("schema", {}).get("fields", ())
    return found if isinstance(found, list) else ()


def of_csv(what: str, first: bytes, *, whole: bool) -> Baseline:
    """Read the header of a CSV file, and of the first rows whether a column has any number.

    Args:
        what: As people call it.
        first: The first bytes, packed or not.
        whole: There are no more.
    """
    text, whole = _unpacked(first, whole=whole)
    rows = list(_rows_of_csv(text, whole=whole))
    if not rows:
        return Baseline(what, None, empty=whole)
    header, rest = rows[0], rows[1:]
    columns = {name: _cells((row[at] for row in rest if at < len(row)), whole=whole) for at, name in enumerate(header)}
    return Baseline(what, columns, empty=whole and not rest)


def _rows_of_csv(text: str, *, whole: bool) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""))
    before: list[str] | None = None
    try:
        for row in reader:
            if before:
                yield before
            before = row
    except csv.Error:  # what else is wrong with it the monitor says
        return
    if before and whole:  # the last row of a part is cut off somewhere
        yield before


def _cells(cells: Iterable[str], *, whole: bool) -> str:
    """Say that a column holds text, where no cell is a number; a column of numbers may be one of codes.

    One word alone, again and again, may be how the data say that nothing is known: numbers come further down.
    """
    given = {cell.strip() for cell in cells if cell.strip()}
    if not given or any(map(_is_number, given)):
        return UNKNOWN
    return TEXT if whole or len(given) > 1 else UNKNOWN


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def of_json_lines(what: str, first: bytes, *, whole: bool) -> Baseline:
    """Read the keys of the first lines of a JSON Lines file; arguments as of `of_csv`."""
    text, whole = _unpacked(first, whole=whole)
    lines = [line for line in text.splitlines(keepends=True) if line.strip()]
    values: dict[str, list[Any]] = {}
    for line in lines if whole else lines[:-1]:
        for name, value in _parsed(line).items():
            values.setdefault(name, []).append(value)
    columns = {name: _held(found) for name, found in values.items()}
    return Baseline(what, columns or None, empty=whole and not lines, partly=not whole)


def _parsed(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):  # what is wrong with it the monitor says
        return {}
    return found if isinstance(found, dict) else {}


def _held(values: Iterable[Any]) -> str:
    """Say what values are; those of several sorts are taken for the first of these."""
    found = {_word(value) for value in values}
    return next((word for word in (NUMBERS, TRUTHS, TEXT, NESTED) if word in found), UNKNOWN)


def _word(value: Any) -> str:
    words = ((bool, TRUTHS), (int, NUMBERS), (float, NUMBERS), (str, TEXT), (dict, NESTED))
    return next((word for sort, word in words if isinstance(value, sort)), UNKNOWN)


def of_parquet(what: str, footer: bytes, *, whole: bool) -> Baseline:
    """Read the columns of a Parquet file, as BigQuery loads them.

    Args:
        what: As people call it.
        footer: Of the file, perhaps without its end.
        whole: There are no other files.
    """
    try:
        found = read_footer(footer)
    except UnreadableError:  # loading it tells what is wrong with it
        return Baseline(what, None)
    empty = whole and not found.rows
    return Baseline(what, found.columns, empty=empty, by_case=False, partly=not whole)


def _unpacked(first: bytes, *, whole: bool) -> tuple[str, bool]:
    """Give the text of a file's first bytes, and whether that is all of it."""
    if first.startswith(_GZIP):
        unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            first = unpacking.decompress(first, _UNPACKED_BYTES)
        except zlib.error:
            return "", False
        whole = whole and unpacking.eof and not unpacking.unused_data
    return first.decode("utf-8-sig", errors="replace"), whole


def lacks(
    baseline: Baseline, model: Model | None, by_logarithm: Collection[str] = frozenset()
) -> Iterator[tuple[str, str]]:
    """Say what is wrong with a baseline, each with what to do about it.

    Args:
        baseline: What is there.
        model: Whose features are compared.
        by_logarithm: Those of which the logarithm is compared.
    """
    if baseline.empty:
        yield f"{baseline.what} has no rows", "name the data that the model was trained on"
    if by_logarithm and baseline.needs_condition:
        hint = "name a view of it that has one, or a copy: logarithms are taken by a query of all its rows"
        yield f"{baseline.what} is read with a condition on its partitions alone", hint
    features = _compared(model)
    if baseline.columns is None or not features:
        return
    there = {_key(baseline, name): kind for name, kind in baseline.columns.items()}
    missing = [name for name in features if _key(baseline, name) not in there]
    if len(missing) == len(features):
        yield _none(baseline, missing)
        return
    missing = [name for name in missing if not (baseline.partly and features[name].nullable)]
    taken = {name: each for name, each in features.items() if name in by_logarithm}
    found = [*_missing(baseline, missing), *_wrong(baseline, there, features), *_lists(baseline, there, taken)]
    yield from found[:_MOST_TOLD]
    if len(found) > _MOST_TOLD:
        yield f"{baseline.what}: {len(found) - _MOST_TOLD} more columns are missing or of another type", ""


def _compared(model: Model | None) -> dict[str, Feature]:
    features = model.features if model else {}
    return {name: each for name, each in features.items() if each.log and each.monitor}


def _key(baseline: Baseline, name: str) -> str:
    return name if baseline.by_case else name.lower()


def _none(baseline: Baseline, missing: Sequence[str]) -> tuple[str, str]:
    """Say that it is other data, or a CSV file without a header."""
    names = ", ".join(map(shown, missing[:_SHOWN])) + (" …" if len(missing) > _SHOWN else "")
    summary = f"{baseline.what} has none of the columns that are compared: {names}"
    return summary, f"{_columns_there(baseline)}; of a CSV file the first line names the columns"


def _missing(baseline: Baseline, missing: Sequence[str]) -> Iterator[tuple[str, str]]:
    names = list(baseline.columns or ())
    for name in missing:
        meant = closest(name, names)
        near = f"is it `{meant}` there?" if meant and meant.isprintable() else _columns_there(baseline)
        hint = f"{near}; a feature with `monitor: false` is not compared"
        yield f"{baseline.what} has no column {shown(name)}", hint


def _columns_there(baseline: Baseline) -> str:
    names = [name for name in baseline.columns or () if name.isprintable()]
    more = " …" if len(names) > _SHOWN else ""
    return f"columns there: {', '.join(names[:_SHOWN]) or 'none'}{more}"


def _wrong(baseline: Baseline, there: Mapping[str, str], compared: Mapping[str, Feature]) -> Iterator[tuple[str, str]]:
    for name, feature in compared.items():
        kind = there.get(_key(baseline, name), UNKNOWN)
        if kind and not _fits(kind, feature.type):
            word = _WORDS.get(feature.type, "a label")
            hint = f"write it as {_ORDINARY.get(feature.type, 'STRING')}, or say in model.features what it is"
            yield f"{baseline.what} has {kind} in column {shown(name)}, which is {word} for the model", hint


def _lists(baseline: Baseline, there: Mapping[str, str], taken: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in taken:
        if there.get(_key(baseline, name), UNKNOWN).endswith(_SEVERAL):
            hint = "write a value per row, or take it out of monitoring.logarithmic"
            yield f"{baseline.what} has lists in column {shown(name)}, and of a list there is no logarithm", hint


def _fits(kind: str, wanted: ValueType) -> bool:
    """Tell whether a column can be compared with a feature. Codes that are whole numbers are labels, too."""
    if kind.endswith(_SEVERAL):  # nobody documents what becomes of a list where one value is awaited
        return True
    if wanted in {ValueType.NUMBER, ValueType.INTEGER}:
        return kind in _NUMBER_TYPES
    if kind in _READ_BY_NOBODY or kind in _FRACTIONS:
        return False
    return wanted is not ValueType.BOOLEAN or kind in {"BOOL", "STRING", TEXT, TRUTHS}
