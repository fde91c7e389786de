"""Plain JSON: `{"instances": [[…], …]}` in, `{"predictions": […]}` out.

Instances are rows (lists in feature order, or objects by feature name) or one object of columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from runtime.data.answers import Answer, Refused
from runtime.data.features import InvalidInput, Schema, wrong
from runtime.data.outputs import plain
from runtime.protocols import Query
from runtime.protocols.json_bodies import read
from runtime.protocols.numbers import Numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runtime.data.answers import Request
    from runtime.data.features import Layout
    from runtime.data.models import Loaded
    from runtime.data.outputs import Outputs

_FLOATS = frozenset({"FP32", "FP64"})


class Anything(msgspec.Struct, forbid_unknown_fields=True):
    """Every other case; the schema looks at each value."""

    instances: Any
    parameters: dict[str, Any] | None = None
    signature_name: str | None = None  # sent by clients of KServe's first protocol; there is one signature


_anything = msgspec.json.Decoder(Anything).decode
_encode = msgspec.json.Encoder(enc_hook=plain).encode


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the protocols that take `instances` differ: in what surrounds the predictions, and in their errors."""

    suffix: bytes
    error: Callable[[Refused], Mapping[str, object]]


def _plain_error(refused: Refused) -> dict[str, object]:
    return {"error": refused.message, **({"problems": refused.details} if refused.details else {})}


def _google_error(refused: Refused) -> dict[str, object]:
    """Google's own shape of errors, which Vertex AI passes on."""
    status = _GOOGLE_STATUS.get(refused.status, "INTERNAL")
    return {"error": {"code": refused.status, "message": refused.message, "status": status}}


_GOOGLE_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}

PLAIN = Dialect(b"}", _plain_error)
KSERVE = Dialect(b"}", lambda refused: {"error": refused.message})
VERTEX = Dialect(b"}", _google_error)


def vertex(deployed: str) -> Dialect:
    """Give Vertex AI's dialect; answers name the deployed model, where it has an id."""
    return Dialect(b',"deployedModelId":' + _encode(deployed) + b"}", _google_error) if deployed else VERTEX


class PlainCodec:
    """Rows in, predictions out, for one model in one dialect."""

    def __init__(self, loaded: Loaded, max_rows: int, dialect: Dialect) -> None:
        if loaded.layout is None:
            raise ValueError("this model takes tensors of a free shape: it speaks Open Inference Protocol only")
        self._layout = loaded.layout
        self._schema: Schema = loaded.layout.schema
        self._output, self._column = loaded.prediction.output, loaded.prediction.column
        self._outputs = (loaded.prediction.output,)
        self._max_rows = max_rows
        self._dialect = dialect
        self._numbers, self._into = _numbers(loaded.layout)

    def decode(self, request: Request) -> Query:
        """Read rows: quickly where every value is right, else value by value, to say which is not.

        Raises:
            Refused: 400, no JSON of this form; 413, too many rows; 422, against the schema, with its problems.
        """
        rows = None if self._numbers is None else self._numbers.read(request.body)
        if rows is None or len(rows) == 0:
            return self._decode_slowly(request.body)
        self._check_count(len(rows))
        return Query({self._into: rows}, len(rows), self._outputs, self._outputs)

    def _decode_slowly(self, body: bytes) -> Query:
        asked = read(_anything, body, 'the body is no JSON object with "instances"')
        instances = asked.instances
        try:
            if isinstance(instances, list):
                self._check_count(len(instances))
            columns = self._schema.columns(instances)
            rows = len(next(iter(columns.values()), ()))
            self._check_count(rows)
            return Query(self._layout.arrays(columns), rows, self._outputs, parameters=asked.parameters)
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

    def encode(self, query: Query, outputs: Outputs, start: int, stop: int) -> Answer:
        """Write the predictions. NaN and infinity, which JSON lacks, become null."""
        del query
        values = outputs.values(self._output, self._column)[start:stop]
        return Answer(200, b'{"predictions":' + _encode(values) + self._dialect.suffix)

    def error(self, refused: Refused) -> Answer:
        """Write an error in the dialect's shape."""
        return refusal(refused, self._dialect)


def _numbers(layout: Layout) -> tuple[Numbers | None, str]:
    """Give the quick reader, for models that take one table of numbers, and the name of the table."""
    into = layout.matrix_input
    if into is None or into.datatype not in _FLOATS or not layout.schema.numeric:
        return None, ""
    return Numbers(layout.schema, into.dtype), into.name


def refusal(refused: Refused, dialect: Dialect = PLAIN) -> Answer:
    """Write an error in the dialect's shape."""
    return Answer(refused.status, _encode(dialect.error(refused)), headers=refused.headers)
