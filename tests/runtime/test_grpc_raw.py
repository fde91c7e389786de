"""Messages of gRPC divided on the wire: what protobuf would read, byte by byte."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.grpc_v2.messages import MESSAGES
from runtime.grpc_v2.raw import MOST_FIELDS, TooManyFieldsError, divided

REQUEST = MESSAGES["ModelInferRequest"]
contents = st.binary(max_size=300)
pieces = st.sampled_from(
    [
        b"\x3a\x02ab",  # a tensor's bytes
        b"\x3a\x00",
        b"\xba\x00\x02cd",  # the same field, its tag longer than it need be
        b"\x3a\x82\x00ef",  # its length
        b"\x3a\x80\x80\x80\x80\x10",  # a length of 2**32
        b"\x3a\x05x",  # more than is there
        b"\x38\x01",  # the field's number, of another type
        b"\x3b\x3c",  # a group of it
        b"\x0a\x01m",  # a name
        b"\x0a\x01n",
        b"\x2a\x03\x0a\x01x",  # an input
        b"\x42\x01?",  # an unknown field
        b"\x40\x07",
        b"\x00",
        b"\x07",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    ]
)


def whole(body: bytes) -> Any:
    """Read by protobuf alone; None where it is no message."""
    try:
        return REQUEST.FromString(body)
    except DecodeError:
        return None


def in_parts(body: bytes) -> Any:
    """Read by protobuf and ours, and put together again."""
    described, raw = divided(body)
    found = whole(described)
    if found is not None and raw is not None:
        assert not found.raw_input_contents
        found.raw_input_contents.extend(map(bytes, raw))
    return found


@given(st.lists(pieces, max_size=6), st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_parts_say_what_the_whole_says(given: list[bytes], cut: int) -> None:
    """Whatever stands on the wire, whole or cut off: the same message, or none."""
    body = b"".join(given)
    body = body[: len(body) - cut]

    assert in_parts(body) == whole(body)


@given(st.lists(contents, min_size=1, max_size=3))
@settings(max_examples=50, deadline=None)
def test_bytes_of_tensors_stay_where_they_are(given: list[bytes]) -> None:
    """What clients write is divided, without a copy of a tensor."""
    message = REQUEST(model_name="m", id="1", inputs=[{"name": "x", "shape": [1]}], raw_input_contents=given)
    body = message.SerializeToString()

    described, raw = divided(body)

    assert raw is not None
    assert [piece.obj is body for piece in raw] == [True] * len(given)
    assert [bytes(piece) for piece in raw] == given
    assert len(described) < len(body)


@pytest.mark.parametrize("body", [b"", b"\x0a\x01m"])
def test_a_message_without_bytes_is_itself(body: bytes) -> None:
    """Nothing is taken out of it."""
    assert divided(body) == (body, [])


@pytest.mark.parametrize("piece", [b"\x3a\x00", b"\x2a\x00", b"\x42\x01?"], ids=["raw", "input", "unknown"])
def test_a_message_of_empty_tensors_is_given_up(piece: bytes) -> None:
    """Ten megabytes of them would have the event loop for a minute."""
    assert divided(piece * MOST_FIELDS)[1] is not None

    with pytest.raises(TooManyFieldsError):
        divided(piece * (MOST_FIELDS + 1))
