"""Plain JSON: `{"instances": [[…], …]}` in, `{"predictions": […]}` out.

Instances are rows (lists in feature order, or objects by feature name) or one object of columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from runtime.answers import Answer, Refused
from runtime.features import InvalidInput, Schema, wrong
from runtime.protocols import Query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runtime.catalog import Loaded
    from runtime.tensors import Array

_FLOATS = frozenset({"FP32", "FP64"})


class Rows(msgspec.Struct):
    """The common case: rows of numbers. msgspec refuses text, booleans and null where a number belongs."""

    instances: list[list[float]]


class Anything(msgspec.Struct):
    """Every other case; the schema looks at each value."""

    instances: Any


_rows = msgspec.json.Decoder(Rows).decode
_anything = msgspec.json.Decoder(Anything).decode
_encode = msgspec.json.Encoder().encode


class PlainCodec:
    """Plain JSON for one model. Errors are `{"error": …, "problems": [{"row", "feature", "message"}]}`."""

    def __init__(self, loaded: Loaded, max_rows: int) -> None:
        if loaded.layout is None:
            raise ValueError("this model takes tensors of a free shape: it speaks Open Inference Protocol only")
        self._layout = loaded.layout
        self._schema: Schema = loaded.layout.schema
        self._prediction = loaded.prediction
        self._outputs = (loaded.prediction.output,)
        self._max_rows = max_rows
        into = loaded.layout.matrix_input
        self._fast = into if into is not None and into.datatype in _FLOATS and self._schema.numeric else None

    def decode(self, body: bytes) -> Query:
        """Read a body."""
        if self._fast is not None:
            try:
                rows = _rows(body).instances
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                rows = []
            if 0 < len(rows) <= self._max_rows:
                matrix = self._schema.matrix(rows, self._fast.dtype)
                if matrix is not None:
                    return Query({self._fast.name: matrix}, len(rows), self._outputs)
        return self._decode_slowly(body)

    def _decode_slowly(self, body: bytes) -> Query:
        instances = parse(body)
        try:
            if isinstance(instances, list):
                self._check_count(len(instances))
            columns = self._schema.columns(instances)
            rows = len(next(iter(columns.values()), ()))
            self._check_count(rows)
            return Query(self._layout.arrays(columns), rows, self._outputs)
        except InvalidInput as error:
            details: tuple[dict[str, object], ...] = tuple(
                {"row": p.row, "feature": p.feature, "message": p.message} for p in error.problems
            )
            raise Refused(422, str(error), details=details) from error

    def _check_count(self, rows: int) -> None:
        if rows == 0:
            raise wrong("instances is empty")
        if rows > self._max_rows:
            raise Refused(413, f"{rows} rows; at most {self._max_rows} are taken at once")

    def encode(self, query: Query, outputs: Mapping[str, Array]) -> Answer:
        """Write the predictions. NaN and infinity, which JSON lacks, become null."""
        del query
        return Answer(200, b'{"predictions":' + _encode(self._prediction.of(outputs).tolist()) + b"}")

    def error(self, refused: Refused) -> Answer:
        """Write an error."""
        return refusal(refused)


def refusal(refused: Refused) -> Answer:
    """Write an error in plain JSON's shape."""
    body: dict[str, object] = {"error": refused.message}
    if refused.details:
        body["problems"] = refused.details
    return Answer(refused.status, _encode(body), headers=refused.headers)


def parse(body: bytes) -> Any:
    """Read the instances of a body.

    Raises:
        Refused: 400, it is no JSON object with `instances`.
    """
    try:
        return _anything(body).instances
    except RecursionError as error:
        raise Refused(400, "the body is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(400, f'the body is no JSON object with "instances": {error}') from error
