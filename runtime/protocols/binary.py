"""Tensors as bytes: little-endian, row-major; text as a four-byte length before each element.

Source: extension_binary_data.md of the Open Inference Protocol; its gRPC form uses the same bytes.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

import numpy as np

from runtime.data.answers import Refused
from runtime.data.tensors import NUMPY_TYPES, Array

if TYPE_CHECKING:
    from collections.abc import Sequence

_LENGTH = struct.Struct("<I")


def unpack(name: str, datatype: str, shape: Sequence[int], data: memoryview) -> Array:
    """Read a tensor.

    Args:
        name: For messages.
        datatype: A known one.
        shape: Its sizes, none below 0.
        data: Its bytes, and no others.

    Raises:
        Refused: The bytes do not fill the shape, or are no text.
    """
    count = math.prod(shape)
    if datatype == "BYTES":
        return _texts(name, count, data).reshape(shape)
    dtype = NUMPY_TYPES[datatype].newbyteorder("<")
    if len(data) != count * dtype.itemsize:
        raise Refused(
            400, f"input {name!r}: {len(data)} bytes, {datatype} {list(shape)} takes {count * dtype.itemsize}"
        )
    if datatype == "BOOL":
        return np.frombuffer(data, np.uint8).astype(bool).reshape(shape)
    return np.frombuffer(data, dtype).astype(NUMPY_TYPES[datatype], copy=False).reshape(shape)


def _texts(name: str, count: int, data: memoryview) -> Array:
    if count * _LENGTH.size > len(data):
        raise Refused(400, f"input {name!r}: {len(data)} bytes are too few for {count} elements")
    found = np.empty(count, object)
    offset = 0
    for index in range(count):
        end = offset + _LENGTH.size
        length = _LENGTH.unpack_from(data, offset)[0] if end <= len(data) else len(data)
        if end + length > len(data):
            raise Refused(400, f"input {name!r}: element {index} reaches beyond the tensor")
        found[index] = _text(name, index, data[end : end + length])
        offset = end + length
    if offset != len(data):
        raise Refused(400, f"input {name!r}: {len(data) - offset} bytes are left after {count} elements")
    return found


def _text(name: str, index: int, data: memoryview) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise Refused(400, f"input {name!r}: element {index} is no UTF-8") from error


def pack(array: Array) -> bytes:
    """Write a tensor; text becomes UTF-8 with its length before each element, bytes stay as they are."""
    if array.dtype.kind not in "OSU":
        return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    pieces = []
    for value in array.reshape(-1).tolist():
        raw = value if isinstance(value, bytes) else str(value).encode()
        pieces += [_LENGTH.pack(len(raw)), raw]
    return b"".join(pieces)
