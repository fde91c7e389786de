"""Rows of the prediction log: a request and its answer as flat records, whose keys are the columns of a table.

The values are what was asked and what was answered, without the features that must not be logged. A number that is
none, and one that is infinite, become null: JSON has no word for them, and a table's column of numbers takes no text.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

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
_ROUGH, _EXACT = 6, 9  # digits: a decimal of 6 always survives 32 bits, and 9 tell all of 32 bits apart
_POWERS = 22  # up to this power of ten, 64 bits hold it exactly


class Rows:
    """Makes the records of one model: structs whose keys in JSON are the columns.

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
        self._about = (service, loaded.part.name, loaded.part.version, revision)
        last = (predicted.name if predicted else "") or PREDICTION
        self.model = loaded.part.name
        self._record = _record([*ABOUT, *(columns.get(name, name) for name in self._names), last])

    def tables(self, requests: Sequence[Seen]) -> list[Sequence[Any] | None]:
        """Give the rows of many requests as Python values, where they are matrices of numbers, else None for each.

        To find the shortest decimals takes some forty calls of numpy, whether for one row or for a thousand.
        """
        into = self._loaded.layout.matrix_input if self._loaded.layout else None
        found: list[Sequence[Any] | None] = [None] * len(requests)
        if into is None or not self._names:
            return found
        arrays = {place: seen.call.inputs[into.name] for place, seen in enumerate(requests) if seen.call}
        arrays = {place: array for place, array in arrays.items() if _is_table(array, into.shape[-1])}
        if arrays:
            values = iter(plain(np.concatenate([*arrays.values()])))
            for place, array in arrays.items():
                found[place] = [*islice(values, len(array))]
        return found

    def of(self, at: float, seen: Seen, table: Sequence[Any] | None = None) -> list[msgspec.Struct]:
        """Give one record per row of a request.

        Args:
            at: When it was answered, in seconds since 1970.
            seen: The request and its answer.
            table: Its rows, where `tables` has made them.
        """
        selection, outputs, call = self._loaded.prediction, seen.outputs, seen.call
        if outputs is None or call is None or selection.output not in outputs.arrays:
            return []
        predictions = outputs.values(selection.output, selection.column)[call.start : call.stop]
        if self._read_prediction is not None:
            predictions = [self._read_prediction(value) for value in predictions]
        rows = self._features(call.inputs, len(predictions), table)
        head = (seen.request.id, datetime.fromtimestamp(at, UTC), *self._about)
        latency, make = round((seen.ended - seen.started) * 1000, 3), self._record
        return [
            make(*head, latency, index, *row, value)
            for index, (row, value) in enumerate(zip(rows, predictions, strict=True))
        ]

    def _features(self, inputs: Mapping[str, Any], count: int, table: Sequence[Any] | None) -> Iterable[Sequence[Any]]:
        """Give what is kept of each row's features, in order."""
        layout = self._loaded.layout
        if layout is None or not self._names:
            return [()] * count
        into, places = layout.matrix_input, self._places
        if into is None:
            by_name = (plain(np.asarray(inputs[name]).reshape(count, -1)[:, 0]) for name in self._names)
            rows: Iterable[Sequence[Any]] = zip(*by_name, strict=True)
        else:
            table = plain(inputs[into.name]) if table is None else table
            rows = table if places is None else ([row[place] for place in places] for row in table)
        return map(self._read, rows) if self._readers else rows

    def _read(self, row: Sequence[Any]) -> Sequence[Any]:
        found = list(row)
        for place, read in self._readers:
            found[place] = read(found[place])
        return found


def _record(columns: Sequence[str]) -> type[msgspec.Struct]:
    """Make the type of a model's records: what is encoded fastest."""
    named = {f"column_{place}": column for place, column in enumerate(columns)}
    return msgspec.defstruct("Record", [(field, Any) for field in named], rename=named, gc=False)


def _is_table(values: object, width: int) -> bool:
    """Tell whether values are rows of so many 32-bit numbers: of these alone the shortest decimals are looked for."""
    return isinstance(values, np.ndarray) and values.dtype == np.float32 and values.shape[1:] == (width,)


def plain(values: Array | Sequence[Any]) -> Sequence[Any]:
    """Give Python values: of 32-bit numbers the shortest decimal, which is what a caller wrote."""
    if not isinstance(values, np.ndarray):
        return values
    found: Sequence[Any] = (shortest(values) if values.dtype == np.float32 else values).tolist()
    return found


def shortest(numbers: Array) -> Array:
    """Give 32-bit numbers as the 64-bit numbers with the fewest decimal digits that become them.

    0.1 is 0.10000000149011612 in 32 bits. A baseline that holds 0.1 would differ from it in every row.
    """
    wide = numbers.astype(np.float64)
    with np.errstate(all="ignore"):
        exponent = np.where(np.isfinite(wide) & (wide != 0), np.floor(np.log10(np.abs(wide))), 0.0)
        found = wide.copy()
        left = np.isfinite(wide) & (wide != np.rint(wide))
        for digits in range(_ROUGH, _EXACT + 1):
            if not left.any():
                break
            scale = np.clip(digits - 1 - exponent, -_POWERS, _POWERS)
            power = 10.0 ** np.abs(scale)
            rounded = np.where(scale >= 0, np.rint(wide * power) / power, np.rint(wide / power) * power)
            fits = left & (rounded.astype(np.float32) == numbers)
            found = np.where(fits, rounded, found)
            left &= ~fits
    return found


def _reader(feature: Feature) -> Callable[[Any], Any]:
    """Give what makes a value that its column takes, or null."""
    return _Category(feature.values) if feature.type == "category" else _READERS[feature.type]


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
