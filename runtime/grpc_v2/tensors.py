"""Tensors of gRPC messages: typed contents or raw bytes, to arrays and back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.data.answers import Refused
from runtime.data.tensors import NUMPY_TYPES, Array, datatype_of
from runtime.protocols.binary import pack, unpack
from runtime.protocols.v2 import check_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runtime.data.outputs import Outputs

# Which field of the contents holds which datatype. FP16 has none: it only comes raw.
CONTENTS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def read(request: Any, raw: Sequence[memoryview | bytes]) -> dict[str, Array]:
    """Read every tensor of a request.

    Args:
        request: The message; what it has of raw contents itself is not looked at.
        raw: Raw contents.

    Raises:
        Refused: A tensor is not what its description says, or names repeat.
    """
    if raw and len(raw) != len(request.inputs):
        raise Refused(400, f"{len(raw)} raw contents for {len(request.inputs)} inputs")
    found: dict[str, Array] = {}
    for index, tensor in enumerate(request.inputs):
        if tensor.name in found:
            raise Refused(400, f"input {tensor.name!r} is there twice")
        shape = list(tensor.shape)
        check_shape(tensor.name, shape, tensor.datatype)
        if raw:
            found[tensor.name] = unpack(tensor.name, tensor.datatype, shape, memoryview(raw[index]))
        else:
            found[tensor.name] = _typed(tensor, shape)
    return found


def _typed(tensor: Any, shape: list[int]) -> Array:
    name, datatype = tensor.name, tensor.datatype
    if datatype not in CONTENTS:
        raise Refused(400, f"input {name!r}: {datatype} comes in raw_input_contents only")
    values = list(getattr(tensor.contents, CONTENTS[datatype]))
    if len(values) != math.prod(shape):
        raise Refused(400, f"input {name!r}: {len(values)} values do not fill the shape {shape}")
    try:
        if datatype == "BYTES":
            values = [value.decode() for value in values]
        return np.array(values, NUMPY_TYPES[datatype]).reshape(shape)
    except (UnicodeDecodeError, OverflowError) as error:
        raise Refused(400, f"input {name!r}: the data is not {datatype}: {error}") from error


def write(answer: Any, names: tuple[str, ...], outputs: Outputs, start: int, stop: int) -> None:
    """Write outputs into an answer, raw."""
    for name in names:
        array = outputs.rows(name, start, stop)
        answer.outputs.add(name=name, datatype=datatype_of(array), shape=array.shape)
        answer.raw_output_contents.append(pack(array))
