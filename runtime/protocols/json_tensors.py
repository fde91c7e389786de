"""A tensor's numbers out of JSON: the quick way, for large ones in which nothing is wrong.

simdjson writes all numbers into one buffer, where msgspec makes Python numbers first: an image takes a quarter of the
time. It takes no text, no null, no flags, and no fractions for whole numbers; what it does not look at is looked at
here. Nothing is explained: what is not taken is read again by msgspec, which says what is wrong. Where simdjson is not
installed, msgspec reads all. See docs/decisions/034.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runtime.data.tensors import Array

try:
    import simdjson
except ImportError:  # no wheel for this Python yet, or nobody wanted it: msgspec reads every body
    simdjson = None  # type: ignore[assignment]  # the name of a module stands for its absence

# Bytes from which this costs less than Python numbers.
MANY = 1024
# What a number may consist of, and what may stand between two: without it a tensor is its brackets and commas.
_NUMBERS = b"0123456789+-.eE \t\r\n"
_WIDEST: dict[str, Any] = {"f": ("d", np.float64), "i": ("i", np.int64), "u": ("u", np.uint64)}


def numbers(data: Any, dtype: np.dtype[Any], shape: Sequence[int]) -> Array | None:
    """Read a tensor, flat or nested as its shape is.

    Args:
        data: JSON of it, of any type with a buffer.
        dtype: Of its numbers.
        shape: Its sizes.

    Returns:
        The tensor; None where it must be read value by value.
    """
    text = memoryview(data)
    if simdjson is None or len(text) < MANY or dtype.kind not in _WIDEST or text[0] != ord("["):
        return None
    kind, widest = _WIDEST[dtype.kind]
    try:
        # A parser of its own: one that is kept holds memory for the largest tensor that it has read.
        found: Any = simdjson.Parser().parse(text)
        values: Array = np.frombuffer(found.as_buffer(of_type=kind), widest)
    except (ValueError, TypeError, RuntimeError):  # all that simdjson raises for a text
        return None
    if values.size != math.prod(shape) or not values.size or not _is_nested(text, shape):
        return None
    return _narrowed(values, dtype, shape)


def _is_nested(text: memoryview, shape: Sequence[int]) -> bool:
    """Whether as many numbers as a shape has stand in one list, or in lists of lists as the shape is.

    All values are numbers, so that brackets and commas are no text.
    """
    if np.count_nonzero(np.frombuffer(text, np.uint8) == ord("[")) == 1:
        return True
    return bytes(text).translate(None, _NUMBERS) == _brackets(shape)


def _brackets(shape: Sequence[int]) -> bytes:
    """Give what a nested tensor of a shape looks like without its numbers."""
    *outer, inner = shape
    found = b"[" + b"," * (inner - 1) + b"]"
    for size in reversed(outer):
        found = b"[" + b",".join([found] * size) + b"]"
    return found


def _narrowed(values: Array, dtype: np.dtype[Any], shape: Sequence[int]) -> Array | None:
    """Give numbers their type, all of which must fit; None where one does not."""
    if dtype.kind != "f":
        ends = np.iinfo(dtype)
        return values.astype(dtype).reshape(shape) if ends.min <= values.min() and values.max() <= ends.max else None
    with np.errstate(over="ignore"):
        found: Array = values.astype(dtype)
    return found.reshape(shape) if np.isfinite(found).all() else None
