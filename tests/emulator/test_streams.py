"""Streamed calls on both wires, with behaviours of the tests' own."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import grpc
import httpx
import pytest
from google.rpc.status_pb2 import Status
from starlette.applications import Starlette
from starlette.routing import Route

from emulator import cloud, generate
from emulator.core.api import Api, Listed, Registry
from emulator.core.failures import ApiFailure
from emulator.core.faults import Rule
from emulator.wire import grpc_server
from emulator.wire.paths import Routes
from emulator.wire.rest_server import Rest
from emulator.wire.table import Binding, Method

TEXT = "google.rpc.status_pb2:Status"
API = Api("streams")
KINDS = {
    "Echo": "stream",
    "Count": "server-stream",
    "Join": "client-stream",
    "Absent": "stream",
    "Silent": "server-stream",
}
TABLE = {
    f"test.Streams/{name}": Method(
        f"test.Streams/{name}", TEXT, TEXT, (Binding("POST", f"/v1/{name.lower()}", "*"),), kind
    )
    for name, kind in KINDS.items()
}


@API.method("test.Streams/Echo")
def echo(_, requests, __):
    """Each message as it comes; the word "stop" is refused."""
    for request in requests:
        if request.message == "stop":
            raise ApiFailure("FAILED_PRECONDITION", "stopped")
        yield Status(message=request.message.upper())


@API.method("test.Streams/Count")
def count(_, request, __):
    """One message per letter."""
    return (Status(message=letter) for letter in request.message)


@API.method("test.Streams/Join")
def join(_, requests, __):
    """All in one."""
    return Status(message="".join(request.message for request in requests))


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A cloud that has just these methods."""
    monkeypatch.setitem(sys.modules, "streams_api", SimpleNamespace(API=API))
    made = cloud.build(tmp_path)
    made.add(Registry([Listed("streams_api", ("test.Streams/",))]))
    yield made
    made.operations.stop()
    made.store.close()


@pytest.fixture
def channel(world):
    """A gRPC client of it."""
    server, port = grpc_server.bind(world, TABLE, 0)
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as opened:
        yield opened
    server.stop(grace=None).wait()


def stub(channel, name):
    """A call that sends and reads `Status`."""
    kind = {"stream": "stream_stream", "server-stream": "unary_stream", "client-stream": "stream_unary"}[KINDS[name]]
    return getattr(channel, kind)(
        f"/test.Streams/{name}", lambda message: message.SerializeToString(), Status.FromString
    )


def texts(*values):
    return iter([Status(message=value) for value in values])


def test_answers_come_while_requests_are_sent(channel):
    """Both ways, one by one."""
    assert [each.message for each in stub(channel, "Echo")(texts("a", "b"))] == ["A", "B"]


def test_one_side_may_be_streamed(channel):
    """Answers only, requests only."""
    assert [each.message for each in stub(channel, "Count")(Status(message="xyz"))] == ["x", "y", "z"]
    assert stub(channel, "Join")(texts("a", "b")).message == "ab"


def test_a_stream_ends_with_the_status_of_its_failure(channel):
    """After the answers that came before it."""
    call = stub(channel, "Echo")(texts("a", "stop", "b"))

    assert next(call).message == "A"
    with pytest.raises(grpc.RpcError) as caught:
        next(call)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "stopped")


def test_a_streaming_method_without_behaviour_says_so(world, channel):
    """UNIMPLEMENTED with its name, counted as a call, open to faults like every other."""
    with pytest.raises(grpc.RpcError) as caught:
        list(stub(channel, "Absent")(texts("a")))
    assert (caught.value.code(), caught.value.details()) == (
        grpc.StatusCode.UNIMPLEMENTED,
        "test.Streams/Absent is not emulated.",
    )
    assert world.calls.counts() == [{"method": "test.Streams/Absent", "count": 1}]

    world.faults.replace([Rule.parse({"method": "*/Echo", "status": "UNAVAILABLE"})])
    with pytest.raises(grpc.RpcError) as caught:
        list(stub(channel, "Echo")(texts("a")))
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


async def post(app, *calls):
    """Send some bodies to some paths."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://emulator") as http:
        return [await http.post(path, json=body) for path, body in calls]


def test_over_rest_a_stream_is_an_array(world):
    """As Google's REST transports read it; a refusal is one error."""
    with ThreadPoolExecutor(2) as pool:
        rest = Rest(world, Routes(TABLE.values()), pool)
        app = Starlette(routes=[Route("/{path:path}", rest.answer, methods=["POST"])])
        counted, absent = asyncio.run(post(app, ("/v1/count", {"message": "xy"}), ("/v1/silent", {})))

    assert (counted.status_code, counted.json()) == (200, [{"message": "x"}, {"message": "y"}])
    assert (absent.status_code, absent.json()["error"]["status"]) == (501, "UNIMPLEMENTED")


def test_streaming_methods_are_in_the_table_and_marked():
    """The generator takes packages that stream: Pub/Sub's has one such method."""
    derived = dict(generate.methods_of("google.pubsub_v1"))

    assert {name: entry["stream"] for name, entry in derived.items() if "stream" in entry} == {
        "google.pubsub.v1.Subscriber/StreamingPull": "stream"
    }
