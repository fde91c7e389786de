"""Rows of the prediction log: a request and its answer as flat records, whose keys are the columns of a table.

The values are what was asked and what was answered, without the features that must not be logged. A number that is
none, and one that is infinite, become null: JSON has no word for them, and a table's column of numbers takes no text.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import orjson

from runtime.data.outputs import plain
from runtime.data.tensors import Array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from runtime.configuration.settings import Feature
    from runtime.data.models import Loaded
    from runtime.data.seen import Seen

ABOUT = ("request_id", "logging_time", "service", "model", "model_version", "revision", "latency_ms", "row_index")
"""Columns of every record, before those of the features and that of the prediction."""
PREDICTION = "prediction"
"""Column of a prediction that has no name; its values are as the model gave them."""
NUMBERS = "fiu"
"""Kinds of arrays that are numbers and no truth values."""
encode, decode = msgspec.json.Encoder(enc_hook=plain).encode, msgspec.json.Decoder().decode


class Part(msgspec.Struct, frozen=True, gc=False):
    """Rows of a request: those from `start` to `stop`, and whether they are the last.

    `at` is seconds since 1970, `weight` about how many bytes the whole request holds while it waits.
    """

    at: float
    rows: Rows
    seen: Seen
    start: int
    stop: int
    weight: int = 0
    last: bool = True


class Rows:
    """Makes the records of one model: JSON objects whose keys are the columns.

    Args:
        loaded: The model.
        columns: Name of the column of each feature, where it is not the feature's.
        where: Service and revision on Cloud Run; empty elsewhere. A model may be called otherwise than its service.
    """

    def __init__(self, loaded: Loaded, columns: Mapping[str, str], where: tuple[str, str] = ("", "")) -> None:
        self._loaded = loaded
        features = loaded.layout.schema.features if loaded.layout else {}
        self._names = [name for name, feature in features.items() if feature.log]
        self._places = None if len(self._names) == len(features) else [list(features).index(n) for n in self._names]
        # Numbers are left to the encoder, which writes null for what is none: a call per value would cost most of this.
        self._readers = [
            (place, _reader(features[name]))
            for place, name in enumerate(self._names)
            if features[name].type != "number"
        ]
        predicted = loaded.part.settings.prediction
        self._read_prediction = _READERS[predicted.type] if predicted else None
        service, revision = where
        self.model = loaded.part.name
        self._width = len(ABOUT) + len(self._names)
        last = (predicted.name if predicted else "") or PREDICTION
        about = (service, self.model, loaded.part.version, revision)
        self._template = _template(about, [columns.get(name, name) for name in self._names], last)

    def width(self, seen: Seen) -> int:
        """Count the values that a row of a request is made of: those about it, its features, and its prediction's."""
        selection, outputs = self._loaded.prediction, seen.outputs
        if outputs is None or selection.output not in outputs.arrays:
            return self._width
        return self._width + outputs.columns(selection.output, selection.column)

    def records(self, parts: Sequence[Part]) -> list[list[bytes]]:
        """Give a record for each row of each part, all of this model.

        Raises:
            Exception: Some value has no form in JSON: whichever the encoder has for it.
        """
        cells = self._cells(parts)
        selection, template, read = self._loaded.prediction, self._template, self._read_prediction
        found: list[list[bytes]] = []
        done = 0
        for part in parts:
            seen, start, stop = part.seen, part.start, part.stop
            rows = cells[done : done + stop - start]
            done += stop - start
            outputs, call = seen.outputs, seen.call
            if outputs is None or call is None or selection.output not in outputs.arrays:
                found.append([])
                continue
            first = call.start
            predictions = outputs.values_of(selection.output, selection.column, first + start, first + stop)
            if read is not None:
                predictions = [read(_python(value)) for value in predictions]
            request, time = encode(seen.request.id), encode(datetime.fromtimestamp(part.at, UTC))
            latency = (seen.ended - seen.started) * 1000
            found.append(
                [
                    template % (request, time, latency, index, *row, encode(prediction))
                    for index, row, prediction in zip(range(start, stop), rows, predictions, strict=True)
                ]
            )
        return found

    def _cells(self, parts: Sequence[Part]) -> Sequence[Sequence[bytes]]:
        """Give the features of all rows as JSON."""
        layout = self._loaded.layout
        if layout is None or not self._names:
            return [()] * sum([part.stop - part.start for part in parts])
        if layout.matrix_input is None:
            return [row for part in parts for row in self._columns(part)]
        name = layout.matrix_input.name
        tables = [
            _chosen(part.seen.call.inputs[name][part.start : part.stop], self._places)
            for part in parts
            if part.seen.call
        ]
        rows = _numbers(tables)
        if rows is None:
            values = [row for table in tables for row in (table.tolist() if isinstance(table, np.ndarray) else table)]
            readers = dict(self._readers)
            return [[encode(readers.get(at, _same)(value)) for at, value in enumerate(row)] for row in values]
        for place, read in self._readers:
            for row in rows:
                row[place] = encode(read(decode(row[place])))
        return rows

    def _columns(self, part: Part) -> Iterable[Sequence[bytes]]:
        """Give the same of a request whose features come by name."""
        count, readers = part.stop - part.start, dict(self._readers)
        inputs = part.seen.call.inputs if part.seen.call else {}
        return zip(
            *(
                _column(np.asarray(inputs[name])[part.start : part.stop].reshape(count, -1)[:, 0], readers.get(place))
                for place, name in enumerate(self._names)
            ),
            strict=True,
        )


def _chosen(table: Array | Sequence[Any], places: list[int] | None) -> Array | Sequence[Any]:
    """Give the columns that are logged, before anything is made of them: a table may have a thousand others."""
    if places is None:
        return table
    if isinstance(table, np.ndarray):
        return table.take(places, axis=1)
    return [[row[place] for place in places] for row in table]


def _numbers(tables: Sequence[Array | Sequence[Any]]) -> list[list[bytes]] | None:
    """Give rows of numbers as JSON; None where they hold something else.

    What came as JSON is Python's numbers, what came in binary are matrices. Of 32 bits orjson writes the shortest
    decimal that becomes the same, which is what a caller meant: 0.1 is 0.10000000149011612 otherwise, and a baseline
    that holds 0.1 would differ from it in every row.
    """
    found: list[list[bytes]] = []
    # By the type's name: numpy has it that float64 equals None, and a table of it is no list.
    for alike, some in groupby(tables, lambda table: table.dtype.str if isinstance(table, np.ndarray) else ""):
        if not alike:
            rows: Any = [row for table in some for row in table]
            text = encode(rows)
        elif np.dtype(alike).kind in NUMBERS:
            rows = np.ascontiguousarray(
                np.concatenate([*some])
            )  # which keeps the order of columns, of which orjson has none
            text = orjson.dumps(rows, option=orjson.OPT_SERIALIZE_NUMPY)
        else:
            return None
        if b'"' in text or text.count(b"[") != len(rows) + 1:  # text may hold anything; so may rows of lists
            return None
        if len(rows):
            found += [row.split(b",") for row in text[2:-2].split(b"],[")]
    return found


def _column(values: Array, read: Callable[[Any], Any] | None) -> list[bytes]:
    """Give the values of a feature as JSON."""
    if values.dtype.kind not in NUMBERS:
        return [encode((read or _same)(value)) for value in values.tolist()]
    if not len(values):
        return []
    cells = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
    return cells if read is None else [encode(read(decode(cell))) for cell in cells]


def _template(about: Sequence[str], features: Sequence[str], last: str) -> bytes:
    """Make what a record is formatted by: what is the same in all of them, and places for the rest."""

    def fixed(value: str) -> bytes:
        return encode(value).replace(b"%", b"%%")

    values = [b"%b", b"%b", *map(fixed, about), b"%.3f", b"%d", *[b"%b"] * len(features), b"%b"]
    keys = map(fixed, [*ABOUT, *features, last])
    return b"{" + b",".join(key + b":" + value for key, value in zip(keys, values, strict=True)) + b"}"


def _reader(feature: Feature) -> Callable[[Any], Any]:
    """Give what makes a value that its column takes, or null."""
    return _Category(feature.values) if feature.type == "category" else _READERS[feature.type]


def _python(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _same(value: Any) -> Any:
    return value


def _number(value: Any) -> Any:
    return value if isinstance(value, (int, float)) and math.isfinite(value) else None


def _integer(value: Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _boolean(value: Any) -> bool | None:
    return None if _number(value) is None else bool(value)


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


class _Category:
    """Gives a category as text. In a table of numbers it is its place among the categories."""

    def __init__(self, categories: Sequence[str]) -> None:
        self._categories = categories

    def __call__(self, value: Any) -> str | None:
        place = None if isinstance(value, (str, bytes)) else _integer(value)
        return self._categories[place] if place is not None and 0 <= place < len(self._categories) else _text(value)


_READERS: dict[str, Callable[[Any], Any]] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "category": _text,
    "string": _text,
}
