"""HTTP/2 to callers and to containers: gRPC as it is, and each protocol before the other."""

import json
import sys

import grpc
import httpx
import pytest
from websockets.exceptions import InvalidStatus

from emulator.processes.model import Container, Probe, Program, Revision
from tests.emulator_run.conftest import GOOD, HERE, WHO
from tests.emulator_run.test_instances import eventually
from tests.emulator_run.test_streams import websocket

pytestmark = pytest.mark.slow
SCRIPT = HERE / "grpc_container.py"


@pytest.fixture
def served(bench):
    """A service of a gRPC container; gives how to open it and its port."""

    def program(place):
        return Program((sys.executable, str(SCRIPT)), HERE, {"PORT": str(place.port)})

    def serve(*, public=True, **more):
        main = Container("main", WHO, program, 8080, Probe("grpc", 8080, period_s=30, failure_threshold=4))
        bench.revisions["a"] = Revision("a", (main,), h2c=True, **more)
        return int(bench.serve(("a", 100), public=public).rsplit(":", 1)[1])

    return serve


def channel(port):
    """A gRPC client's."""
    unlimited = ("grpc.max_receive_message_length", -1)
    return grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0), unlimited])


def test_grpc_goes_through_as_it_is(served):
    """One answer with its trailers, a stream, both ways at once, large messages, an error with its words."""
    with channel(served()) as made:
        answer, call = made.unary_unary("/echo.Echo/Unary").with_call(b"hello", timeout=30)
        assert (answer, dict(call.trailing_metadata())["x-done"]) == (b"HELLO", "yes")

        assert list(made.unary_stream("/echo.Echo/Stream")(b"5", timeout=30)) == [b"0", b"1", b"2", b"3", b"4"]

        large = b"x" * 1_000_000
        assert made.unary_unary("/echo.Echo/Unary")(large, timeout=30) == large.upper()

        with pytest.raises(grpc.RpcError) as failed:
            made.unary_unary("/echo.Echo/Fail")(b"", timeout=30)
        assert (failed.value.code(), failed.value.details()) == (grpc.StatusCode.NOT_FOUND, "nobody is here")


def test_both_sides_of_a_stream_take_turns(served):
    """An answer to each message before the next one is sent: nothing waits for the end of the other side."""
    seen = []

    def talk():
        for word in (b"one", b"two", b"three"):
            yield word
            assert eventually(lambda word=word: seen and seen[-1] == word.upper())

    with channel(served()) as made:
        for answer in made.stream_stream("/echo.Echo/Chat")(talk(), timeout=60):
            seen.append(answer)  # noqa: PERF402 - `talk` looks at it meanwhile

    assert seen == [b"ONE", b"TWO", b"THREE"]


def test_who_cancels_a_stream_is_gone(served, bench):
    """The container is told."""
    with channel(served()) as made:
        call = made.unary_stream("/echo.Echo/Forever")(b"", timeout=60)
        assert next(call) == b"begun"
        call.cancel()

        assert eventually(lambda: "gone" in bench.plane.log("a"))


def test_a_private_service_asks_for_a_token_over_grpc(served):
    """And hands on Cloud Run's headers, without the token's signature."""
    with channel(served(public=False)) as made:
        call = made.unary_unary("/echo.Echo/Metadata")
        with pytest.raises(grpc.RpcError) as refused:
            call(b"", timeout=30)
        told = json.loads(call(b"", timeout=30, metadata=[("authorization", f"Bearer {GOOD}")]))

    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
    assert told["x-forwarded-for"] == "127.0.0.1"
    assert told["authorization"].endswith(".SIGNATURE_REMOVED_BY_GOOGLE")


def test_a_caller_of_http1_reaches_a_container_of_http2(served, http):
    """Its body arrives, and the answer's; a WebSocket has no way there."""
    port = served()
    framed, kind = b"\0\0\0\0\5", "application/grpc"

    answer = http.post(
        f"http://127.0.0.1:{port}/echo.Echo/Unary", content=framed + b"hello", headers={"content-type": kind}
    )

    assert (answer.status_code, answer.content) == (200, framed + b"HELLO")
    with pytest.raises(InvalidStatus) as refused:
        websocket(f"http://127.0.0.1:{port}")
    assert refused.value.response.status_code == 503


@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
@pytest.mark.parametrize("streamed", [False, True])
def test_bodies_of_http2_arrive_whole_both_ways(two, size, streamed):
    """Before a container of HTTP/1.1, with a length and without."""
    client, url = two
    body = b"0123456789" * (size // 10) + b"x" * (size % 10)

    answer = client.post(url, content=iter([body[: size // 2], body[size // 2 :]]) if streamed else body)

    assert (answer.http_version, answer.status_code) == ("HTTP/2", 200)
    assert answer.content == body


def test_requests_share_a_connection_of_http2(two):
    """Pages of the container and of the front end, HEAD, and a stream."""
    client, url = two

    assert client.get(url, params={"x": "1"}).json()["x"] == "1"
    assert client.get(url, headers={"host": "evil.example"}).status_code == 404
    assert client.head(url).headers["content-length"] != "0"
    with client.stream("GET", f"{url}/stream", params={"n": 3}) as answer:
        assert list(answer.iter_lines()) == ["0", "1", "2"]
    assert client.get(f"{url}/crash").status_code == 503


@pytest.fixture
def two(bench):
    """A client that speaks HTTP/2 alone, and the address of a container of HTTP/1.1."""
    with httpx.Client(http1=False, http2=True, trust_env=False, timeout=30) as client:
        yield client, bench.serve((bench.revision("a"), 100))
