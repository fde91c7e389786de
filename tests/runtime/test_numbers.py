"""Rows of numbers out of JSON: two quick readers, one opinion."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runtime.configuration.settings import Feature
from runtime.data.features import LARGEST, InvalidInput, Schema
from runtime.data.tensors import joined
from runtime.protocols.numbers import KEPT, MANY, Numbers, simdjson

DTYPE = np.dtype(np.float32)
SCHEMAS = {
    "free": Schema.unnamed(2),
    "bounded": Schema({"a": Feature("number", min=-1, max=10), "b": Feature("number", min=0)}),
    "wide": Schema.unnamed(30),
}
two_readers = pytest.mark.skipif(simdjson is None, reason="simdjson has no wheel for this Python: msgspec reads all")
READERS = {name: Numbers(schema, DTYPE) for name, schema in SCHEMAS.items()}

numbers = st.floats(-20, 20) | st.integers(-3, 12) | st.sampled_from([0.0, -0.0, LARGEST, LARGEST * 1.01, 1e308, 2**64])
things = numbers | st.none() | st.booleans() | st.sampled_from(["", "1", "[", "]"])
rows = st.lists(numbers, min_size=2, max_size=2) | st.lists(
    st.recursive(things, lambda inner: st.lists(inner, max_size=3)), max_size=4
)
bodies = st.lists(rows, max_size=5) | st.lists(st.lists(numbers, min_size=2, max_size=2), max_size=5)


def large(body: bytes) -> bytes:
    """Make a body one for the reader of many rows, without changing what it says."""
    return body + b" " * max(MANY - len(body), 0)


def table(read: Any) -> np.ndarray | None:
    """Give what was read as the model will see it."""
    return None if read is None or len(read) == 0 else joined([read], DTYPE)


def slowly(schema: Schema, instances: Any) -> np.ndarray | None:
    """Read as the schema does, value by value."""
    try:
        columns = schema.columns(instances)
    except InvalidInput:
        return None
    found = np.array([columns[name] for name in schema.names], np.float64).T.astype(DTYPE)
    return found if len(found) else None


@given(st.sampled_from(["free", "bounded"]), bodies, st.sampled_from([None, 1]))
@example("free", [[[], 1], [1, [2, 3]]], None)  # as many numbers as there should be, at other places
@example("free", [[1, 2, 3], [4]], None)
@example("free", [[[1], [2]]], None)
@example("bounded", [[1, -1]], None)
@settings(max_examples=150, deadline=None)
def test_readers_agree(name: str, instances: list[Any], indent: int | None) -> None:
    """Few rows or many, and value by value: the same rows are taken, as the same numbers."""
    body = json.dumps({"instances": instances}, indent=indent).encode()
    few, many = (table(READERS[name].read(given)) for given in (body, large(body)))
    slow = slowly(SCHEMAS[name], instances)
    np.testing.assert_array_equal(few, many)
    np.testing.assert_array_equal(few, slow)


@two_readers
@given(st.integers(0, 2**32 - 1), st.integers(8, 200))
@settings(max_examples=50, deadline=None)
def test_many_rows_keep_every_bit(seed: int, count: int) -> None:
    """A 32-bit float written as JSON is read as the same float, whatever its bits."""
    bits = np.random.default_rng(seed).integers(0, 2**32, (count, 30), dtype=np.uint32)
    instances = np.nan_to_num(bits.view(np.float32), nan=0.0, posinf=0.0, neginf=0.0).tolist()
    body = large(json.dumps({"instances": instances}).encode())
    read = READERS["wide"].read(body)
    assert isinstance(read, np.ndarray)
    np.testing.assert_array_equal(read, np.array(instances, DTYPE))


@two_readers
@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [[1, 2]], "instances": [[3, 4]]}',
        b'{"instances": [[1, 2]], "more": 1}',
        b'{"instances": [[1, 2]]} {}',
        b'\xef\xbb\xbf{"instances": [[1, 2]]}',
        b'{"instances": [[1, 2]',
        b'{"instances": [[1, NaN]]}',
        b'{"instances": [[1, 1e999]]}',
        b'{"instances": [[1, 02]]}',
        b'{"instances": [[1, 2],]}',
        b'{"instances": ' + b"[" * 5000,
        b'{"instances": [[1, "\xff"]]}',
        b"[[1, 2]]",
        b"12",
        b"",
    ],
)
def test_malformed_bodies_are_left_to_the_schema(body: bytes) -> None:
    """Neither reader takes what the other would not, and the next body is read as ever."""
    reader = Numbers(SCHEMAS["free"], DTYPE)
    np.testing.assert_array_equal(table(reader.read(body)), table(reader.read(large(body))))
    assert isinstance(reader.read(large(b'{"instances": [[1, 2]]}')), np.ndarray)


def test_parameters_do_not_stop_many_rows() -> None:
    """A body with other known fields is read, if not as quickly."""
    rows = [[float(i), 1.0] for i in range(400)]
    body = json.dumps({"instances": rows, "parameters": {"a": 1}}).encode()
    read = READERS["free"].read(body)
    assert read is not None
    np.testing.assert_array_equal(joined([read], DTYPE), np.array(rows, DTYPE))


def test_one_huge_body_is_read_too() -> None:
    """A body beyond what a parser may keep is read by one of its own."""
    rows = np.arange(KEPT // 4, dtype=float).reshape(-1, 2)
    body = json.dumps({"instances": rows.tolist()}).encode()
    assert len(body) > KEPT
    np.testing.assert_array_equal(READERS["free"].read(body), rows.astype(DTYPE))


@pytest.mark.parametrize("rows", [1, 100], ids=["few", "many"])
def test_without_simdjson_every_body_is_read_all_the_same(monkeypatch, rows: int) -> None:
    """As on Python 3.14, for which it has no wheel."""
    body = json.dumps({"instances": [[index + 0.25, index] for index in range(rows)]}, indent=1).encode()
    monkeypatch.setattr("runtime.protocols.numbers.simdjson", None)
    reader = Numbers(SCHEMAS["free"], DTYPE)

    np.testing.assert_array_equal(table(reader.read(body)), table(READERS["free"].read(body)))
    assert reader.read(body.replace(b"0.25", b"null", 1)) is None
