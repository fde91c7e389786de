"""Claims about every method of the table, whoever wrote its behaviour."""

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor

from emulator.wire.table import Method, load

INTERNAL = grpc.StatusCode.INTERNAL


def call(channel: grpc.Channel, method: Method, body: bytes) -> grpc.StatusCode:
    """Status of one raw call; a stream of requests is this one."""
    path = f"/{method.name}"
    try:
        if method.stream is None:
            channel.unary_unary(path)(body, timeout=20)
        else:
            list(channel.stream_stream(path)(iter([body]), timeout=20))
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


NUMBERS = (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_ENUM)


def filled(message, text: str, number: int, depth: int = 4):
    """A request with `text` in every string, `number` in every whole number and true in every flag, down to a depth."""
    for field in message.DESCRIPTOR.fields:
        if field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated:
            setattr(message, field.name, text)
        elif field.type == FieldDescriptor.TYPE_STRING:
            getattr(message, field.name).append(text)
        elif field.type == FieldDescriptor.TYPE_MESSAGE and not field.is_repeated and depth:
            filled(getattr(message, field.name), text, number, depth - 1)
        elif field.type in NUMBERS and not field.is_repeated:
            setattr(message, field.name, number)
        elif field.type == FieldDescriptor.TYPE_BOOL and not field.is_repeated:
            setattr(message, field.name, True)
    return message


def body(method, text: str, number: int) -> bytes:
    """A request; an empty one when there is nothing to fill in."""
    return filled(method.request(), text, number).SerializeToString() if text or number else b""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "/",
        "projects/p",
        "projects/p/locations/l",
        "projects/p/locations/l/things/t",
        "projects/-/things/-/a/b",
        pytest.param("projects/p/things/a\0b\r\n", id="control-characters"),
    ],
)
@pytest.mark.parametrize(
    "number", [0, pytest.param(-1, marks=pytest.mark.slow), pytest.param(2**31 - 1, marks=pytest.mark.slow)]
)
def test_no_request_crashes_a_behaviour(emulator, text, number):
    """Empty and wrong names and numbers get an answer or a refusal of the API, never INTERNAL."""
    with emulator.channel() as channel:
        crashed = [
            name for name, method in load().items() if call(channel, method, body(method, text, number)) == INTERNAL
        ]

    assert crashed == []
