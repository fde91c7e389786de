"""Streams and WebSockets through the front end: nothing is held back, and whoever goes away is gone."""

import asyncio
import socket

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.emulator_run.conftest import GOOD, HERE
from tests.emulator_run.test_instances import eventually

pytestmark = pytest.mark.slow


def websocket(url, path="socket", **headers):
    """Open one."""
    return connect(f"ws{url.removeprefix('http')}/{path}", additional_headers=headers, proxy=None)


def test_a_websocket_carries_messages_both_ways(bench):
    """Of any size, through Cloud Run's headers; the container hears of its end."""
    url = bench.serve((bench.revision("a"), 100))

    with websocket(url) as chat:
        seen = []
        for text in ("hello", "x" * 50_000, ""):
            chat.send(text)
            seen.append(chat.recv(timeout=20))
        headers = chat.response.headers

    assert seen == ["hello", "x" * 50_000, ""]
    assert (headers["x-seen-for"], headers["server"]) == ("127.0.0.1", "Google Frontend")
    assert eventually(lambda: "gone" in bench.plane.log("a"))


def test_a_websocket_to_a_private_service_needs_a_token(bench):
    """As any other request: 403 without one, and in with one."""
    url = bench.serve((bench.revision("a"), 100), public=False)

    with pytest.raises(InvalidStatus) as refused:
        websocket(url)
    with websocket(url, Authorization=f"Bearer {GOOD}") as chat:
        chat.send("in")
        assert chat.recv(timeout=20) == "in"

    assert refused.value.response.status_code == 403


def test_a_container_may_refuse_a_websocket(bench):
    """Its own answer reaches the caller, whole, and the connection is over."""
    url = bench.serve((bench.revision("a"), 100))

    with pytest.raises(InvalidStatus) as refused:
        websocket(url, "missing")

    assert refused.value.response.status_code == 404
    assert refused.value.response.headers["connection"] == "close"
    assert b"Not Found" in refused.value.response.body


def test_a_websocket_ends_with_the_request_timeout(bench):
    """However much goes over it; its slot is free then."""
    url = bench.serve((bench.revision("a", timeout_s=0.5, concurrency=1, max_instances=1), 100))

    def talk(chat):
        while True:
            chat.send("still here")
            chat.recv(timeout=20)

    with websocket(url) as chat, pytest.raises(ConnectionClosed):
        talk(chat)

    assert httpx.get(url, trust_env=False, timeout=20).status_code == 200


def test_a_stream_is_cut_by_the_request_timeout(bench, http):
    """What was sent arrived; the end is no end that could be taken for one."""
    url = bench.serve((bench.revision("a", timeout_s=0.5), 100))
    http.get(url)
    seen = []

    with (
        pytest.raises(httpx.RemoteProtocolError),
        http.stream("GET", f"{url}/stream", params={"n": 600, "s": 0.1}) as answer,
    ):
        seen += answer.iter_lines()

    assert answer.status_code == 200
    assert http.get(url).status_code == 200


@pytest.mark.parametrize("begun", ["", "1"], ids=["before-the-answer", "mid-stream"])
def test_a_caller_that_hangs_up_ends_its_request(bench, http, begun):
    """The container sees it, so that it does not work for nobody; the slot goes to the next request."""
    url = bench.serve((bench.revision("a", concurrency=1, max_instances=1), 100))
    pid = http.get(url).json()["pid"]

    with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), timeout=20) as caller:
        caller.sendall(f"GET /watched?begun={begun} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
        assert eventually(lambda: "watched" in bench.plane.log("a"))
        while begun and b"begun" not in caller.recv(4096):
            pass

    assert eventually(lambda: "gone" in bench.plane.log("a"))
    assert http.get(url).json()["pid"] == pid


def test_a_thousand_streams_are_open_at_once(bench):
    """All of them have begun at their callers before the container is told to go on with any."""
    count = 1000
    name = bench.revision("a", script=HERE / "barrier.py", concurrency=count + 1, max_instances=1)
    port = int(bench.serve((name, 100)).rsplit(":", 1)[1])

    async def begin(path):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n".encode())
        return reader, writer

    async def first():
        reader, writer = await begin("/")
        await reader.readuntil(b"data: first\n\n")
        return reader, writer

    async def rest(reader, writer):
        body = await reader.read()
        writer.close()
        return body

    async def everybody():
        begun = await asyncio.gather(*(first() for _ in range(count)))
        await rest(*await begin("/go"))
        return await asyncio.gather(*(rest(*each) for each in begun))

    bodies = asyncio.run(everybody())

    assert set(bodies) == {b"\r\nc\r\ndata: last\n\n\r\n0\r\n\r\n"}
    assert len(bodies) == count
