"""Open Inference Protocol, version 2, over REST, with the binary tensor data extension.

Source: https://github.com/kserve/open-inference-protocol (inference_rest.md, extension_binary_data.md).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from runtime.data.answers import JSON, Answer, Refused
from runtime.data.features import InvalidInput, values_of
from runtime.data.outputs import as_text, plain
from runtime.data.tensors import MATRIX, NUMPY_TYPES, Array, TensorSpec, datatype_of
from runtime.protocols import Query
from runtime.protocols.binary import pack, unpack
from runtime.protocols.json_bodies import read
from runtime.protocols.json_tensors import numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runtime.configuration.settings import Feature
    from runtime.data.answers import Request
    from runtime.data.models import Loaded
    from runtime.data.outputs import Outputs

HEADER_LENGTH = b"inference-header-content-length"
MAX_DIGITS = 19  # of that header; int() refuses thousands of them with an error of its own
BINARY = b"application/octet-stream"
# More than any model here has; numpy itself fails at 65, with an error of its own.
MAX_DIMENSIONS = 8
# JSON bounds no number, and Python does not print one of thousands of digits, such as the product of several.
MAX_SIZE = 2**63
UNPROCESSABLE = 422

_encode = msgspec.json.Encoder(enc_hook=plain).encode


# What a client has not set some write as null, so that wherever a key may be left out it may be null.


class InputTensor(msgspec.Struct):
    """One tensor of a request; `data` is read once its datatype is known."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] | None = None
    data: msgspec.Raw = msgspec.Raw()  # empty when absent


class RequestedOutput(msgspec.Struct):
    """One output that is asked for."""

    name: str
    parameters: dict[str, Any] | None = None


class InferenceRequest(msgspec.Struct):
    """The JSON part of a request."""

    inputs: list[InputTensor]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[RequestedOutput] | None = None


class Wanted(msgspec.Struct, frozen=True):
    """How the answer is to look: its id, and which outputs go in binary."""

    id: str | None
    binary: tuple[str, ...]


_request = msgspec.json.Decoder(InferenceRequest).decode
_NUMBERS = msgspec.json.Decoder(list[float]).decode
_WHOLE = msgspec.json.Decoder(list[int]).decode
_FLAT: dict[str, Any] = {
    "BOOL": msgspec.json.Decoder(list[bool]).decode,
    "BYTES": msgspec.json.Decoder(list[str]).decode,
    **dict.fromkeys(("FP16", "FP32", "FP64"), _NUMBERS),
    **{f"{sign}INT{bits}": _WHOLE for sign in ("", "U") for bits in (8, 16, 32, 64)},
}
_nested = msgspec.json.Decoder(list[Any]).decode


class V2Codec:
    """The protocol for one version of one model."""

    def __init__(self, loaded: Loaded, max_rows: int) -> None:
        self._loaded = loaded
        self._max_rows = max_rows
        self._inputs = {spec.name: spec for spec in loaded.model.inputs}
        self._flags = _of_flags(loaded)
        self._outputs = tuple(spec.name for spec in loaded.model.outputs)
        part = loaded.part
        self._head = {"model_name": part.name, "model_version": part.version}

    def decode(self, request: Request) -> Query:
        """Read a request: JSON, or JSON with tensors behind it.

        Raises:
            Refused: 400, with what is wrong about which tensor; 413, too many rows.
        """
        head, tail = split(request)
        asked = parse(head)
        tensors = read_tensors(asked.inputs, tail)
        outputs = self.requested([output.name for output in asked.outputs or ()])
        return self.query(tensors, outputs, Wanted(asked.id, binary_outputs(asked, outputs)), asked.parameters or {})

    def requested(self, names: Sequence[str]) -> tuple[str, ...]:
        """Give the outputs to compute: those named, else all.

        Raises:
            Refused: The model has no such output.
        """
        for name in names:
            if name not in self._outputs:
                raise Refused(400, f"the model has no output {name!r}; it has {', '.join(self._outputs)}")
        return tuple(names) or self._outputs

    def query(
        self, tensors: Mapping[str, Array], outputs: tuple[str, ...], state: object, parameters: Mapping[str, Any]
    ) -> Query:
        """Make the model's inputs from the tensors of a request, whatever they came in.

        Raises:
            Refused: Not what the model takes.
        """
        by_feature = self._by_feature(tensors)
        inputs = by_feature if by_feature is not None else self._by_input(tensors)
        rows = {len(array) for array in inputs.values() if array.ndim}
        if len(rows) != 1:
            raise Refused(400, "the inputs must have the same first dimension")
        count = rows.pop()
        if count == 0:
            raise Refused(400, "the inputs have no rows")
        if count > self._max_rows:
            raise Refused(413, f"{count} rows; at most {self._max_rows} are taken at once")
        return Query(inputs, count, outputs, None, state, parameters)

    def _by_input(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        unknown = sorted(tensors.keys() - self._inputs.keys())
        missing = sorted(self._inputs.keys() - tensors.keys())
        if unknown or missing:
            what = f"no input {unknown[0]!r}" if unknown else f"input {missing[0]!r} is missing"
            raise Refused(400, f"{what}; the model takes {', '.join(self._inputs)}")
        inputs = {name: fitted(tensors[name], spec, flags=name in self._flags) for name, spec in self._inputs.items()}
        if self._loaded.layout is None:
            _check_whole(tensors)
        else:
            try:
                self._loaded.layout.check(inputs)
            except InvalidInput as error:
                raise Refused(400, str(error)) from error
        return inputs

    def _by_feature(self, tensors: Mapping[str, Array]) -> dict[str, Array] | None:
        """One tensor per feature, `[n]` or `[n, 1]` each, for a model that takes them side by side.

        Also for one that takes each by itself, where a tensor is left out, has null in it or is text for a category.
        """
        layout = self._loaded.layout
        if layout is None or not tensors or not tensors.keys() <= layout.schema.features.keys():
            return None
        if not self._is_by_feature(tensors, layout.schema.features):
            return None
        features = {name: feature for name, feature in layout.schema.features.items() if name in tensors}
        columns = {name: values_of(tensors[name], feature) for name, feature in features.items()}
        if len({len(column) for column in columns.values()}) != 1:
            raise Refused(400, "the features must have the same number of rows")
        try:
            return layout.arrays(layout.schema.columns(columns))
        except InvalidInput as error:
            raise Refused(400, str(error)) from error

    def _is_by_feature(self, tensors: Mapping[str, Array], features: Mapping[str, Feature]) -> bool:
        """Whether tensors are to be read as features: none of them is an input, or not as it is."""
        if not tensors.keys() <= self._inputs.keys():
            return True
        absent = [feature for name, feature in features.items() if name not in tensors]
        if absent or tensors.keys() != self._inputs.keys():
            return all(feature.nullable for feature in absent)
        return any(array.dtype.kind == "O" and self._inputs[name].dtype.kind != "O" for name, array in tensors.items())

    def encode(self, query: Query, outputs: Outputs, start: int, stop: int) -> Answer:
        """Write the outputs, those that were asked for so in binary."""
        wanted: Wanted = query.state
        described, tails = [], []
        for name in query.outputs:
            array = outputs.rows(name, start, stop)
            tensor: dict[str, Any] = {"name": name, "datatype": datatype_of(array), "shape": list(array.shape)}
            if name in wanted.binary:
                tails.append(pack(array))
                tensor["parameters"] = {"binary_data_size": len(tails[-1])}
            else:
                tensor["data"] = json_data(array)
            described.append(tensor)
        head = dict(self._head) if wanted.id is None else {**self._head, "id": wanted.id}
        body = _encode({**head, "outputs": described})
        if not tails:
            return Answer(200, body)
        headers = ((HEADER_LENGTH, str(len(body)).encode()),)
        return Answer(200, b"".join([body, *tails]), BINARY, headers)

    def error(self, refused: Refused) -> Answer:
        """Write an error in the protocol's shape."""
        return error(refused)


def error(refused: Refused) -> Answer:
    """Write an error in the protocol's shape. What does not fit a schema is 400 here, as the protocol has it."""
    status = 400 if refused.status == UNPROCESSABLE else refused.status
    return Answer(status, _encode({"error": refused.message}), JSON, refused.headers)


def split(request: Request) -> tuple[bytes, memoryview]:
    """Divide a body into its JSON part and the tensors behind it.

    Raises:
        Refused: The length in the header is no number, or beyond the body.
    """
    declared = request.header(HEADER_LENGTH)
    body = request.body
    if declared is None:
        return body, memoryview(b"")
    if not (declared.isascii() and declared.isdigit()) or len(declared) > MAX_DIGITS or int(declared) > len(body):
        raise Refused(400, "Inference-Header-Content-Length must be a number of bytes within the body")
    length = int(declared)
    return body[:length], memoryview(body)[length:]


def parse(head: bytes) -> InferenceRequest:
    """Read the JSON part.

    Raises:
        Refused: It is none, or not of the protocol's form.
    """
    return read(_request, head, "the body is no inference request")


def binary_outputs(asked: InferenceRequest, outputs: tuple[str, ...]) -> tuple[str, ...]:
    """Name the outputs that go in binary: each by its own parameter, else all by the request's."""
    every = (asked.parameters or {}).get("binary_data_output") is True
    own = {output.name: (output.parameters or {}).get("binary_data", every) for output in asked.outputs or ()}
    return tuple(name for name in outputs if own.get(name, every) is True)


def read_tensors(inputs: list[InputTensor], tail: memoryview) -> dict[str, Array]:
    """Read every tensor, from JSON or from the bytes behind it.

    Raises:
        Refused: Names repeat, or a tensor is not what its description says.
    """
    found: dict[str, Array] = {}
    offset = 0
    for tensor in inputs:
        if tensor.name in found:
            raise Refused(400, f"input {tensor.name!r} is there twice")
        size = (tensor.parameters or {}).get("binary_data_size")
        if size is None:
            found[tensor.name] = from_json(tensor)
            continue
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(tail) - offset:
            raise Refused(
                400, f"input {tensor.name!r}: binary_data_size is {size!r}, {len(tail) - offset} bytes are left"
            )
        check_shape(tensor.name, tensor.shape, tensor.datatype)
        found[tensor.name] = unpack(tensor.name, tensor.datatype, tensor.shape, tail[offset : offset + size])
        offset += size
    if offset != len(tail):
        raise Refused(400, f"{len(tail) - offset} bytes are left after the last tensor")
    return found


def check_shape(name: str, shape: list[int], datatype: str) -> None:
    """Refuse shapes and datatypes that no array here can have.

    Raises:
        Refused: One of them is wrong.
    """
    if datatype not in NUMPY_TYPES:
        raise Refused(400, f"input {name!r}: datatype {datatype[:20]!r} is none of {', '.join(NUMPY_TYPES)}")
    if len(shape) > MAX_DIMENSIONS or any(not 0 <= size < MAX_SIZE for size in shape):
        message = f"the shape must have at most {MAX_DIMENSIONS} sizes, none below 0 and each below 2**63"
        raise Refused(400, f"input {name!r}: {message}")


def from_json(tensor: InputTensor) -> Array:
    """Read a tensor's `data`, flat or nested in row-major order.

    Raises:
        Refused: It does not fit datatype or shape.
    """
    name = tensor.name
    check_shape(name, tensor.shape, tensor.datatype)
    if not tensor.data:
        raise Refused(400, f"input {name!r} has no data")
    if (tensor.parameters or {}).get("content_type") == "base64":
        raise Refused(400, f"input {name!r}: base64 is not taken; send the bytes with the binary extension")
    dtype = NUMPY_TYPES[tensor.datatype]
    found = numbers(tensor.data, dtype, tensor.shape)
    if found is not None:
        return found
    try:
        array = _array(_values(tensor), dtype)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError, ValueError, TypeError) as failure:
        raise Refused(400, f"input {name!r}: the data is not {tensor.datatype}: {failure}") from failure
    if len(array) != math.prod(tensor.shape):
        raise Refused(400, f"input {name!r}: {len(array)} values do not fill the shape {tensor.shape}")
    return array.reshape(tensor.shape)


def _array(values: list[Any], dtype: np.dtype[Any]) -> Array:
    """Make an array; a number that is finite in JSON, as all are there, is so in the datatype too.

    With null in it, it is one of objects: what stands for nothing is the feature's to say.
    """
    if None in values:
        _array([value for value in values if value is not None], dtype)
        found = np.empty(len(values), object)
        found[:] = values
        return found
    with np.errstate(over="ignore"):
        array = np.array(values, dtype)
    if dtype.kind == "f" and not np.isfinite(array).all():
        first = int(np.argmin(np.isfinite(array)))
        raise ValueError(f"{values[first]!r} does not fit")
    return array


def _values(tensor: InputTensor) -> list[Any]:
    read = _FLAT[tensor.datatype]
    try:
        return list(read(tensor.data))
    except msgspec.ValidationError:
        flat = _flattened(_nested(tensor.data), tensor.shape)
        if None not in flat:
            return list(read(msgspec.json.encode(flat)))  # the same strict types as for flat data
        whole = iter(read(msgspec.json.encode([value for value in flat if value is not None])))
        return [None if value is None else next(whole) for value in flat]


def _flattened(values: list[Any], shape: Sequence[int]) -> list[Any]:
    """Take one level of nesting after the other off, as many as the shape has.

    Raises:
        ValueError: The lists have other lengths than the shape says: values would be those of other rows.
    """
    flat, lengths = values, [len(values)]
    for _ in shape[1:]:
        if not flat or not all(isinstance(value, list) for value in flat):
            break
        if len({len(value) for value in flat}) != 1:
            raise ValueError("the rows have different lengths")
        lengths.append(len(flat[0]))
        flat = [item for value in flat for item in value]
    # As many values as there should be: flat, or nested as they should be. Of others their number is said.
    if len(flat) == math.prod(shape) and len(lengths) > 1 and lengths != list(shape[: len(lengths)]):
        raise ValueError(f"its lists are of {lengths}, its shape is {list(shape)}")
    return flat


def _check_whole(tensors: Mapping[str, Array]) -> None:
    """Refuse null for a model of which no features are known that could have it.

    Raises:
        Refused: A tensor has it.
    """
    for name, array in tensors.items():
        if array.dtype.kind == "O" and None in array.reshape(-1).tolist():
            raise Refused(400, f"input {name!r} has null, and the model has no feature that may be null")


def _of_flags(loaded: Loaded) -> frozenset[str]:
    """Name the inputs of numbers all of whose features are boolean: true and false may come as they are."""
    if loaded.layout is None:
        return frozenset()
    features, into = loaded.layout.schema.features, loaded.layout.matrix_input
    if into is not None:
        return frozenset({into.name} if all(feature.type == "boolean" for feature in features.values()) else ())
    return frozenset(name for name, feature in features.items() if feature.type == "boolean")


def fitted(array: Array, spec: TensorSpec, *, flags: bool = False) -> Array:
    """Give a tensor the datatype and rank of an input.

    Floats are converted to the model's precision and whole numbers to a type that holds them all; text never is, and
    true and false are no numbers.

    Args:
        array: As it came.
        spec: Of the input.
        flags: Whether what goes into it is true or false, whatever its datatype.

    Raises:
        Refused: It cannot be that input.
    """
    if array.dtype.kind == "O" and spec.dtype.kind == "f" and _is_numbers(array, flags=flags):
        array = array.astype(np.float64)  # null is NaN
    given, wanted = array.dtype, spec.dtype
    if given != wanted:
        both_floats = given.kind == wanted.kind == "f"
        safe = both_floats or np.can_cast(given, wanted, "safe")
        if given.kind == "O" or wanted.kind == "O" or not safe or (given.kind == "b" and not flags):
            raise Refused(400, f"input {spec.name!r} is {datatype_of(array)}, the model takes {spec.datatype}")
        array = _narrowed(array, spec)
    if len(spec.shape) == MATRIX and array.ndim == 1 and spec.shape[1] in (array.size, 1):
        array = array.reshape(-1, spec.shape[1])
    if array.ndim != len(spec.shape) or any(w not in (-1, h) for h, w in zip(array.shape, spec.shape, strict=True)):
        raise Refused(400, f"input {spec.name!r} has shape {list(array.shape)}, the model takes {list(spec.shape)}")
    return array


def _is_numbers(array: Array, *, flags: bool) -> bool:
    """Whether an array of objects is one of numbers and null, and not of text; nor of flags, unless they may be."""
    kinds = {type(value) for value in array.reshape(-1).tolist() if value is not None}
    return kinds <= ({bool, int, float} if flags else {int, float})


def _narrowed(array: Array, spec: TensorSpec) -> Array:
    """Convert to an input's datatype; what was infinite stays so, and nothing becomes it.

    Raises:
        Refused: A number is too large for it.
    """
    with np.errstate(over="ignore"):
        found: Array = array.astype(spec.dtype)
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        grown = np.isinf(found) & np.isfinite(array)
        if grown.any():
            raise Refused(400, f"input {spec.name!r}: {array[grown][0]} does not fit {spec.datatype}")
    return found


def json_data(array: Array) -> list[Any]:
    """Give the values of a tensor in row-major order. NaN and infinity, which JSON lacks, become null."""
    values: list[Any] = array.reshape(-1).tolist()
    return [str(as_text(value)) for value in values] if array.dtype.kind in "OSU" else values
