"""Requests as bytes at both front doors, in virtual time: what is refused, cut, kept in order and let out."""

import asyncio
import json
import re

import pytest

from runtime.http.guard import IDLE_S, MAX_OPEN, READ_S, SWEEP_S
from runtime.http.wire import MAX_PIPELINED
from runtime.serving.batching import SWEEP_S as LOOK_S
from tests.runtime import virtual_time
from tests.runtime.connections import doubling, front_door
from tests.runtime.queues import CALL_S, IN_THREAD, TABLE, Doubling, Queue

DOORS = ["wire", "fastapi"]


def post(*row: float, path: str = "/predict", headers: str = "", body: bytes | None = None) -> bytes:
    """Write a request for a row."""
    body = json.dumps({"instances": [row]}).encode() if body is None else body
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def answers(written: bytes) -> list[tuple[int, bytes]]:
    """Take apart what a server wrote: status and body of each answer."""
    found = []
    while written:
        head, _, rest = written.partition(b"\r\n\r\n")
        length = int((re.search(rb"content-length: (\d+)", head) or [0, 0])[1])
        found.append((int(head.split()[1]), rest[:length]))
        written = rest[length:]
    return found


def doubled(*row: float) -> tuple[int, bytes]:
    """The answer for a row."""
    return 200, json.dumps({"predictions": [[2.0 * value for value in row]]}, separators=(",", ":")).encode()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, id="tls-hello"),
        pytest.param(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, id="negative-length"),
        pytest.param(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\n", 400, id="length-no-number"),
        pytest.param(
            b"POST /predict HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", 400, id="two-lengths"
        ),
        pytest.param(
            b"POST /predict HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            id="length-and-chunked",
        ),
        pytest.param(
            b"POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, id="chunk-size-no-number"
        ),
        pytest.param(b"POST /predict HTTP/1.1\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", 431, id="head-too-large"),
        pytest.param(b"POST /predict HTTP/1.1\r\n" + b"X: a\r\n" * 200 + b"\r\n", 431, id="too-many-headers"),
        pytest.param(b"CONNECT example.com:80 HTTP/1.1\r\nHost: x\r\n\r\n", 405, id="connect"),
        pytest.param(b"POST /predict HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, id="two-hosts"),
        pytest.param(b"POST /predict HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, id="chunks-in-1.0"),
    ],
)
def test_what_is_no_request_is_refused_and_cut(door, request_bytes, status):
    """Malformed and oversized heads are refused, and nothing after them is read as a request."""

    async def work(loop):
        connection = front_door(loop, door).connect()
        connection.data_received(request_bytes + post(1, 2))
        await asyncio.sleep(2 * SWEEP_S)

        assert [found for found, _ in answers(connection.transport.written)] == [status]
        assert connection.transport.closed_at == SWEEP_S

    virtual_time.run(work)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("missing", [1, 5, len(post(1, 2)) - 1], ids=["a-byte", "some", "nearly-all"])
def test_a_slow_request_is_cut(door, missing):
    """A client that sends a part and then nothing is cut after the time a request may take, without an answer."""

    async def work(loop):
        connection = front_door(loop, door).connect()
        connection.data_received(post(1, 2)[:-missing])
        await asyncio.sleep(2 * READ_S)

        assert connection.transport.written == b""
        assert connection.transport.aborted
        assert READ_S <= connection.transport.closed_at <= READ_S + SWEEP_S

    virtual_time.run(work)


@pytest.mark.parametrize("door", DOORS)
def test_an_answer_that_does_not_come_is_504(door):
    """Whoever waits hears so at the deadline, and its connection serves the next request."""

    async def work(loop):
        queue = Queue(loop, IN_THREAD, Doubling(inputs=TABLE), call_s=None)
        connection = front_door(loop, door, doubling(loop, queue, timeout="30s")).connect()
        connection.data_received(post(1, 2))
        await asyncio.sleep(29.9)
        assert connection.transport.written == b""
        await asyncio.sleep(0.1 + 2 * LOOK_S)

        ((status, body),) = answers(connection.transport.written)
        assert (status, json.loads(body)["error"]) == (504, "no prediction within 30 s")
        assert connection.transport.closed_at is None

    virtual_time.run(work)


@pytest.mark.parametrize("door", DOORS)
def test_answers_keep_the_order_of_the_requests(door):
    """Requests sent at once, of models and of other routes, are answered as they were sent."""
    get = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"

    async def work(loop):
        connection = front_door(loop, door).connect()
        connection.data_received(post(1, 1) + get + post(2, 2) + post(body=b"{") + get + post(3, 3))
        await asyncio.sleep(1)

        found = answers(connection.transport.written)
        assert found[:3] == [doubled(1, 1), (200, b"alive"), doubled(2, 2)]
        assert found[3][0] == 400
        assert found[4:] == [(200, b"alive"), doubled(3, 3)]

    virtual_time.run(work)


def test_who_sends_without_reading_is_left_waiting():
    """Beyond so many open requests of one connection the rest stays in the socket; answers let them in again."""

    async def work(loop):
        queue = Queue(loop, IN_THREAD, Doubling(inputs=TABLE), max_rows=1000)
        connection = front_door(loop, "wire", doubling(loop, queue)).connect()
        connection.data_received(post(0, 0) * MAX_PIPELINED)
        assert connection.transport.reading
        connection.data_received(post(1, 1))
        assert not connection.transport.reading
        await asyncio.sleep(CALL_S * 3)

        assert connection.transport.reading
        assert answers(connection.transport.written) == [doubled(0, 0)] * MAX_PIPELINED + [doubled(1, 1)]

    virtual_time.run(work)


def test_whoever_hangs_up_is_not_predicted():
    """Requests of a connection that is gone cost no call of the model."""

    async def work(loop):
        queue = Queue(loop, IN_THREAD, Doubling(inputs=TABLE))
        door = front_door(loop, "wire", doubling(loop, queue))
        gone, here = door.connect(), door.connect()
        here.data_received(post(1, 1))
        await asyncio.sleep(CALL_S / 2)
        gone.data_received(post(2, 2) * 3)
        gone.transport.close()
        await asyncio.sleep(CALL_S * 3)

        assert queue.model.sizes == [1]
        assert answers(here.transport.written) == [doubled(1, 1)]

    virtual_time.run(work)


@pytest.mark.parametrize("door", DOORS)
def test_a_server_that_drains_answers_what_is_open_and_closes(door):
    """The answer of a request that was open says so, and the connection ends with it."""

    async def work(loop):
        queue = Queue(loop, IN_THREAD, Doubling(inputs=TABLE))
        service = doubling(loop, queue)
        connection = front_door(loop, door, service).connect()
        connection.data_received(post(1, 2))
        await asyncio.sleep(0)
        service.drain()
        connection.shutdown()
        assert connection.transport.closed_at is None
        await asyncio.sleep(CALL_S * 2)

        assert answers(connection.transport.written) == [doubled(1, 2)]
        assert connection.transport.closed_at == pytest.approx(CALL_S, abs=0.01)

    virtual_time.run(work)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("body", [b"", b'{"instances": [[1, 2]]}'], ids=["no-body", "body"])
def test_an_offered_upgrade_leaves_an_ordinary_request(door, body):
    """It is answered once, in its place among the others."""
    offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"

    async def work(loop):
        connection = front_door(loop, door).connect()
        connection.data_received(post(headers=offer, body=body) + post(3, 4))
        await asyncio.sleep(1)

        first, second = answers(connection.transport.written)
        assert first == doubled(1, 2) if body else first[0] == 400
        assert second == doubled(3, 4)

    virtual_time.run(work)


def test_an_answered_connection_is_idle_from_then_on():
    """The time of an idle connection begins with its last answer."""

    async def work(loop):
        connection = front_door(loop, "wire").connect()
        await asyncio.sleep(IDLE_S / 2)
        connection.data_received(post(1, 2))
        await asyncio.sleep(IDLE_S - 1)
        assert connection.transport.closed_at is None
        await asyncio.sleep(3)

        assert connection.transport.aborted
        assert connection.transport.closed_at == pytest.approx(1.5 * IDLE_S + 0.5, abs=0.6)

    virtual_time.run(work)


def test_a_connection_that_works_is_not_idle():
    """A request whose answer takes longer than an idle connection may live is answered."""

    async def work(loop):
        queue = Queue(loop, IN_THREAD, Doubling(inputs=TABLE), call_s=IDLE_S * 2)
        connection = front_door(loop, "wire", doubling(loop, queue)).connect()
        connection.data_received(post(1, 2))
        await asyncio.sleep(IDLE_S * 2 + 1)

        assert answers(connection.transport.written) == [doubled(1, 2)]

    virtual_time.run(work)


CHUNKED = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"17\r\n" + b'{"instances": [[1, 2]]}' + b"\r\n"


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("piece", [b"0\r\nX: ", b"0\r\n", b"1;a="], ids=["trailer", "trailers", "extension"])
def test_nothing_around_a_body_grows_without_bound(door, piece):
    """A connection that sends trailers or extensions of a chunk without end is refused, and keeps little of them."""
    more = b"X: y\r\n" * 200 if piece == b"0\r\n" else b"y" * 1200

    async def work(loop):
        connection = front_door(loop, door).connect()
        connection.data_received(CHUNKED + CHUNKS + piece)
        for _ in range(1000):
            connection.data_received(more)
        await asyncio.sleep(2 * SWEEP_S)

        assert [found for found, _ in answers(connection.transport.written)] == [431]
        assert connection.transport.closed_at == SWEEP_S

    virtual_time.run(work)


@pytest.mark.parametrize("door", DOORS)
def test_a_key_in_a_trailer_opens_nothing(door):
    """What comes behind a body is no header, of this request or of the next."""

    async def work(loop):
        connection = front_door(loop, door, doubling(loop, api_keys="one")).connect()
        connection.data_received(CHUNKED + CHUNKS + b"0\r\nX-Api-Key: one\r\n\r\n" + post(1, 2))
        await asyncio.sleep(1)

        assert [found for found, _ in answers(connection.transport.written)] == [401, 401]

    virtual_time.run(work)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("at_once", [True, False], ids=["one-piece", "two-pieces"])
def test_a_length_may_have_zeros_before_it(door, at_once):
    """Also more of them than Python reads of a number."""
    body = b'{"instances": [[1, 2]]}'
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"0" * 5000 + b"%d\r\n\r\n" % len(body)

    async def work(loop):
        connection = front_door(loop, door).connect()
        for piece in [head + body] if at_once else [head + body[:4], body[4:]]:
            connection.data_received(piece)
        await asyncio.sleep(1)

        assert answers(connection.transport.written) == [doubled(1, 2)]

    virtual_time.run(work)


def test_predictions_at_once_have_a_bound():
    """Of a piece with thousands of requests so many are taken; those are answered, and the connection ends."""

    async def work(loop):
        queue = Queue(loop, IN_THREAD, Doubling(inputs=TABLE), max_rows=100_000)
        connection = front_door(loop, "wire", doubling(loop, queue, max_waiting=100_000)).connect()
        connection.data_received(post(1, 1) * (2 * MAX_OPEN))
        await asyncio.sleep(2 * SWEEP_S)

        assert answers(connection.transport.written) == [doubled(1, 1)] * MAX_OPEN
        assert connection.transport.closed_at == SWEEP_S

    virtual_time.run(work)
