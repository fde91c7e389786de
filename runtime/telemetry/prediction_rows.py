"""Rows of the prediction log: a request and its answer as flat records, whose keys are the columns of a table.

The values are what was asked and what was answered, without the features that must not be logged. A number that is
none, and one that is infinite, become null: JSON has no word for them, and a table's column of numbers takes no text.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import orjson

from runtime.data.outputs import WrongRows, plain
from runtime.data.tensors import Array
from runtime.telemetry.seldom import Seldom

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from runtime.configuration.settings import Feature
    from runtime.data.models import Loaded
    from runtime.data.seen import Seen

ABOUT = ("request_id", "logging_time", "service", "model", "model_version", "revision", "latency_ms", "row_index")
"""Columns of every record, before those of the features and that of the prediction."""
PREDICTION = "prediction"
"""Column of a prediction that has no name; its values are as the model gave them."""
SINGLE = 4
"""Bytes of a number of single precision."""
encode = msgspec.json.Encoder(enc_hook=plain).encode


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
        self.seldom = Seldom()
        self._width = len(ABOUT) + len(self._names)
        last = (predicted.name if predicted else "") or PREDICTION
        self._about = (service, self.model, loaded.part.version, revision)
        self._record = _record([*ABOUT, *(columns.get(name, name) for name in self._names), last])

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
        rows, done = self._rows(parts), 0
        selection, record, read = self._loaded.prediction, self._record, self._read_prediction
        service, model, version, revision = self._about
        found: list[list[bytes]] = []
        for part in parts:
            seen, start, count = part.seen, part.start, part.stop - part.start
            outputs, call = seen.outputs, seen.call
            made: list[bytes] = []
            found.append(made)
            if outputs is None or call is None or selection.output not in outputs.arrays:
                done += count
                continue
            first = call.start + start
            predictions = outputs.values_of(selection.output, selection.column, first, first + count)
            if len(predictions) != count:
                raise WrongRows(f"{count} rows have {len(predictions)} predictions")
            identity, at = seen.request.id, datetime.fromtimestamp(part.at, UTC)
            latency_ms = int((seen.ended - seen.started) * 1e6 + 0.5) / 1000
            for place, value in enumerate(predictions, start):
                last = value if read is None else read(_python(value))
                row = rows[done]
                done += 1
                # By position: what is unpacked with others becomes a list first.
                made.append(
                    encode(record(identity, at, service, model, version, revision, latency_ms, place, *row, last))
                )
        return found

    def _rows(self, parts: Sequence[Part]) -> Sequence[Sequence[Any]]:
        """Give the features of all rows, as their columns take them."""
        layout = self._loaded.layout
        if layout is None or not self._names:
            return [()] * sum([part.stop - part.start for part in parts])
        if layout.matrix_input is None:
            return [row for part in parts for row in self._columns(part)]
        name, places = layout.matrix_input.name, self._places
        tables = [_chosen(p.seen.call.inputs[name][p.start : p.stop], places) for p in parts if p.seen.call]
        rows = _listed(tables)
        for place, read in self._readers:
            rows = [(*row[:place], read(row[place]), *row[place + 1 :]) for row in rows]
        return rows

    def _columns(self, part: Part) -> Iterable[Sequence[Any]]:
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


def _listed(tables: Sequence[Array | Sequence[Any]]) -> Sequence[Sequence[Any]]:
    """Give the rows of tables: what came as JSON is Python's values already, what came in binary are matrices."""
    found: list[Sequence[Any]] = []
    # By the type's name: numpy has it that float64 equals None, and a table of it is no list.
    for alike, some in groupby(tables, lambda table: table.dtype.str if isinstance(table, np.ndarray) else ""):
        of_one_type = [*some]
        found += _values(np.concatenate(of_one_type)) if alike else chain.from_iterable(of_one_type)
    return found


def _values(array: Array) -> list[Any]:
    """Give an array as a list, with the numbers that a caller meant.

    Of 32 bits orjson writes the shortest decimal that becomes the same: 0.1 is 0.10000000149011612 otherwise, and a
    baseline that holds 0.1 would differ from it in every row. Numbers that are none become None.
    """
    if array.dtype.kind != "f" or array.dtype.itemsize > SINGLE:
        found: list[Any] = array.tolist()
        return found
    # Its order of columns is the only one that orjson has.
    shortest: list[Any] = orjson.loads(orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY))
    return shortest


def _column(array: Array, read: Callable[[Any], Any] | None) -> list[Any]:
    """Give the values of a feature."""
    values = _values(array)
    return values if read is None else [read(value) for value in values]


def _record(keys: Sequence[str]) -> Callable[..., Any]:
    """Give what makes a record of its values: a class of the model's, whose encoder has every key ready.

    A class has no key twice, and none with a quote: an object of such keys, which no table takes, costs more.
    """
    fields = {f"_{place}": key for place, key in enumerate(keys)}
    try:
        return msgspec.defstruct("Record", [(field, Any) for field in fields], rename=fields, gc=False)
    except ValueError:
        return lambda *values: dict(zip(keys, values, strict=True))


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
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
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
