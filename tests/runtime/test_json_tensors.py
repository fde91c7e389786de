"""A tensor's numbers out of JSON: the quick reader and the one that explains, one opinion."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runtime.data.answers import Refused
from runtime.data.tensors import NUMPY_TYPES
from runtime.protocols.json_tensors import MANY, numbers
from runtime.protocols.numbers import simdjson
from runtime.protocols.v2 import InputTensor, from_json

two_readers = pytest.mark.skipif(simdjson is None, reason="simdjson has no wheel for this Python: msgspec reads all")
DATATYPES = sorted(NUMPY_TYPES.keys() - {"BYTES"})
ENDS = [0, -0.0, -1, 0.5, 127, 128, 255, 256, 65504, 65520, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 1e39, 1e300]

values = st.sampled_from(ENDS) | st.integers(-3, 300) | st.floats(-20, 20)
things = values | st.none() | st.booleans() | st.sampled_from(["", "1", "[", "]", ","])
lists = st.recursive(things, lambda inner: st.lists(inner, max_size=3), max_leaves=8)


def large(text: bytes) -> bytes:
    """Make a text one for the quick reader, without changing what it says."""
    return text.replace(b"[", b"[" + b" " * MANY, 1)


def read(datatype: str, shape: list[int], text: bytes) -> Any:
    """Give the tensor, or that there is none."""
    try:
        return from_json(InputTensor("x", shape, datatype, None, msgspec.Raw(text)))
    except Refused as refused:
        return refused.status


def agree(datatype: str, shape: list[int], text: bytes) -> None:
    """Both readers take the same, as the same."""
    slow, quick = read(datatype, shape, text), read(datatype, shape, large(text))
    assert type(slow) is type(quick)
    np.testing.assert_array_equal(slow, quick, strict=isinstance(slow, np.ndarray))


@two_readers
@given(
    st.sampled_from(DATATYPES),
    st.lists(st.integers(1, 3), min_size=1, max_size=3),
    st.lists(values, min_size=27, max_size=27),
)
@settings(max_examples=100, deadline=None)
def test_tensors_are_read_alike(datatype: str, shape: list[int], given: list[Any]) -> None:
    """Flat or nested, whatever their numbers are: the same tensor, or refused by both."""
    flat = given[: math.prod(shape)]
    nested: Any = flat
    for size in reversed(shape[1:]):
        nested = [nested[place : place + size] for place in range(0, len(nested), size)]
    for form in (flat, nested):
        agree(datatype, shape, json.dumps(form).encode())


@pytest.mark.parametrize("many", [False, True], ids=["few", "many"])
@pytest.mark.parametrize("nested", [(1, 2, 3), (3, 1, 2), (3, 2, 1), (6, 1)])
def test_lists_nested_in_another_way_are_refused(nested: tuple[int, ...], *, many: bool) -> None:
    """As many numbers as there should be, and each of another row."""
    values: Any = np.arange(6.0).reshape(nested).tolist()
    text = json.dumps(values).encode()
    text = large(text) if many else text

    found = read("FP64", [2, 1, 3], text)

    assert found == 400


@two_readers
@given(st.sampled_from(DATATYPES), st.sampled_from([[2, 2], [4], [1, 4], [2, 1, 2], [0], [2, 0]]), st.lists(lists))
@example("FP32", [2, 2], [[1, 2, 3], [4]])  # as many numbers as there should be, at other places
@example("FP32", [2, 2], [[1, 2], 3, 4])
@example("FP32", [2, 2], [[[1, 2], [3, 4]]])
@example("FP32", [2, 1, 2], [[1, 2], [3, 4]])
@example("FP32", [2, 2], [["[", "]"], [3, 4]])
@example("INT64", [4], [1, 2.0, 3, 4])
@example("FP32", [4], [{"a": 1}, 2, 3, 4])
@settings(max_examples=150, deadline=None)
def test_what_is_no_tensor_is_refused_alike(datatype: str, shape: list[int], given: list[Any]) -> None:
    """Lists of other lengths, text, flags, null: what one reader refuses the other does not take."""
    agree(datatype, shape, json.dumps(given).encode())


@two_readers
@pytest.mark.parametrize("shape", [[2, 32, 32, 3], [6144]], ids=["nested", "flat"])
@pytest.mark.parametrize("datatype", ["FP32", "UINT8"])
def test_an_image_is_read_the_quick_way(datatype: str, shape: list[int]) -> None:
    """Without Python numbers, and as one that may be written to."""
    image = np.random.default_rng(0).integers(0, 255, shape).astype(NUMPY_TYPES[datatype])

    found = numbers(json.dumps(image.tolist()).encode(), image.dtype, shape)

    assert found is not None
    assert found.flags.writeable
    np.testing.assert_array_equal(found, image, strict=True)


def test_without_simdjson_every_tensor_is_read_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Python 3.14, for which it has no wheel."""
    monkeypatch.setattr("runtime.protocols.json_tensors.simdjson", None)

    np.testing.assert_array_equal(read("INT64", [2, 2], large(b"[[1, 2], [3, 4]]")), [[1, 2], [3, 4]])
