"""Tensors by the names of the Open Inference Protocol: datatype, shape, and what a loaded model is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Array = np.ndarray[Any, Any]

# Rows of checked numbers that are no array yet: making one array per call of the model costs less than one per request.
RowList = list[tuple[float, ...]]

# Dimensions of a table of rows and columns.
MATRIX = 2

# Datatype of the protocol -> numpy. BYTES holds strings and is an object array here.
NUMPY_TYPES: Mapping[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(object),
}
_NAMES = {dtype: name for name, dtype in NUMPY_TYPES.items()}

# The largest 32-bit float.
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers that a datatype holds, both ends included. Whole numbers are exact, as floats would round them."""

    low: float
    high: float
    datatype: str = ""

    def problem(self) -> str:
        """Say of a number that it is none of them."""
        return f"does not fit {self.datatype}" if self.datatype else "is too large"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output. A free dimension is -1; the first one is the batch.

    `limit` is the largest magnitude that the model takes, where that is less than what the datatype holds.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    limit: float = math.inf

    @property
    def dtype(self) -> np.dtype[Any]:
        """The numpy type that holds it."""
        return NUMPY_TYPES[self.datatype]

    @property
    def range(self) -> Range:
        """The numbers that go into it; a table of objects takes whatever is below its limit."""
        if self.dtype.kind in "iu":
            ends = np.iinfo(self.dtype)
            return Range(int(ends.min), int(ends.max), self.datatype)
        largest = float(np.finfo(self.dtype).max) if self.dtype.kind == "f" else math.inf
        return Range(-largest, largest, self.datatype) if largest < self.limit else Range(-self.limit, self.limit)


class Model(Protocol):
    """A loaded model. `predict` may be called from several threads at once."""

    platform: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    # Whether rows of several requests may be joined along the first dimension.
    batchable: bool
    # Calls that it takes beside each other where it is batchable: more than one keeps a device at work.
    calls_at_once: int

    def predict(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Compute the named outputs; inputs have the types and ranks of `inputs`."""
        ...


def datatype_of(array: Array) -> str:
    """Name the datatype of an array; text of any kind is BYTES."""
    return _NAMES.get(array.dtype, "BYTES")


def joined(parts: Sequence[Array | RowList], dtype: np.dtype[Any] | None) -> Array:
    """Put rows of several requests under each other.

    Args:
        parts: Of one shape behind the first dimension.
        dtype: What becomes of numbers that are no array yet.
    """
    if all(isinstance(part, list) for part in parts):
        return np.array(list(chain.from_iterable(parts)) if len(parts) > 1 else parts[0], dtype)
    arrays = [np.asarray(part, dtype) if isinstance(part, list) else part for part in parts]
    return np.concatenate(arrays) if len(arrays) > 1 else arrays[0]


def row_shape(part: Array | RowList) -> tuple[int, ...]:
    """Give the shape of one row."""
    return (len(part[0]),) if isinstance(part, list) else part.shape[1:]
