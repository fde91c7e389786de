"""What a stranger may cost, in virtual time: slow, silent and oversized requests, and unread answers."""

import asyncio

import pytest

from runtime.http.guard import IDLE_S, MAX_HEAD_BYTES, MAX_HEADERS, READ_S, SWEEP_S, WRITE_S
from tests.runtime import virtual_time
from tests.runtime.connections import Door

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


async def echo(_scope, receive, send) -> None:
    """Answer with the body."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def connected(act, app=echo) -> None:
    """Act on one connection, and once more on its end a long time later."""

    async def work(loop):
        await act(Door(loop, app).connect())

    virtual_time.run(work)


def swept(after_s: float):
    """About when a sweep sees that a bound is passed: within a second of it."""
    return pytest.approx(after_s + SWEEP_S / 2, abs=SWEEP_S / 2 + 0.01)


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(b"GET", id="method"),
        pytest.param(GET[:-2], id="head"),
        pytest.param(POST, id="no-body"),
        pytest.param(POST + b"abc", id="body"),
    ],
)
def test_a_request_that_does_not_come_to_its_end_is_cut(part):
    """From its first byte a request has as long as `READ_S`, whatever part of it is missing."""

    async def act(connection):
        await asyncio.sleep(5)
        connection.data_received(part)
        await asyncio.sleep(IDLE_S * 2)

        assert connection.transport.aborted
        assert connection.transport.closed_at == swept(5 + READ_S)

    connected(act)


def test_bytes_that_trickle_in_buy_no_time():
    """A byte a second does not begin the request anew."""

    async def act(connection):
        for byte in POST:
            if not connection.transport.is_closing():
                connection.data_received(bytes([byte]))
            await asyncio.sleep(1)

        assert connection.transport.closed_at == swept(READ_S)

    connected(act)


def test_a_request_that_comes_in_time_is_answered():
    """Just before the bound is in time, and the next request has its own time."""

    async def act(connection):
        for _ in range(3):
            connection.data_received(POST + b"ab")
            await asyncio.sleep(READ_S - SWEEP_S)
            connection.data_received(b"cd")
            await asyncio.sleep(0.01)

        assert connection.transport.written.count(b"abcd") == 3
        assert connection.transport.closed_at is None

    connected(act)


def test_an_answer_that_takes_long_is_not_the_clients_fault():
    """While the application works on a whole request nothing is overdue."""

    async def slow(_scope, _receive, send):
        await asyncio.sleep(IDLE_S * 3)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def act(connection):
        connection.data_received(GET)
        await asyncio.sleep(IDLE_S * 3 + 1)

        assert connection.transport.written.startswith(b"HTTP/1.1 200 ")

    connected(act, slow)


@pytest.mark.parametrize("requests", [0, 1], ids=["that-says-nothing", "after-an-answer"])
def test_an_idle_connection_is_let_go(requests):
    """Who says nothing for `IDLE_S` is cut; after an answer uvicorn's own keep-alive is sooner."""

    async def act(connection):
        for _ in range(requests):
            connection.data_received(GET)
        await asyncio.sleep(IDLE_S * 2)

        assert connection.transport.aborted == (requests == 0)
        assert connection.transport.closed_at == (swept(IDLE_S) if requests == 0 else pytest.approx(75, abs=1))

    connected(act)


def test_unread_answers_stop_the_reading():
    """Who does not read is not served either, and is cut after `WRITE_S`; who reads on in time is."""

    async def act(connection):
        connection.data_received(GET)
        await asyncio.sleep(1)
        connection.pause_writing()
        assert not connection.transport.reading
        await asyncio.sleep(WRITE_S - SWEEP_S)
        connection.resume_writing()
        assert connection.transport.reading
        await asyncio.sleep(10)
        assert connection.transport.closed_at is None
        connection.pause_writing()
        await asyncio.sleep(WRITE_S + 2 * SWEEP_S)

        assert connection.transport.aborted
        assert connection.transport.closed_at == swept(1 + WRITE_S - SWEEP_S + 10 + WRITE_S)

    connected(act)


def header(size: int) -> bytes:
    """A head of exactly so many bytes as they are counted: the path, and each header with its separators."""
    fixed = len(b"/") + len(b"host") + len(b"x") + 4 + len(b"x-long") + 4
    return b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * (size - fixed) + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param(header(MAX_HEAD_BYTES), b"200", id="as-large-as-may-be"),
        pytest.param(header(MAX_HEAD_BYTES + 1), b"431", id="a-byte-larger"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * MAX_HEADERS + b"\r\n", b"200", id="as-many-as-may-be"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * (MAX_HEADERS + 1) + b"\r\n", b"431", id="one-more"),
    ],
)
def test_a_head_has_bounds(head, status):
    """A refused head closes the connection, a moment later so that the refusal can be read."""

    async def act(connection):
        connection.data_received(head)
        await asyncio.sleep(2 * SWEEP_S)

        assert connection.transport.written.split(b" ")[1] == status
        assert connection.transport.closed_at == (None if status == b"200" else SWEEP_S)

    connected(act)


def test_a_head_in_pieces_has_the_same_bound():
    """Its pieces are counted as they come, and what comes behind the refusal is not read."""

    async def act(connection):
        connection.data_received(b"GET / HTTP/1.1\r\nX: ")
        for _ in range(MAX_HEAD_BYTES // 1024 + 2):
            connection.data_received(b"a" * 1024)
        connection.data_received(b"\r\n\r\n" + GET)
        await asyncio.sleep(2 * SWEEP_S)

        assert connection.transport.written.count(b"HTTP/1.1") == 1
        assert connection.transport.written.startswith(b"HTTP/1.1 431 ")
        assert connection.transport.closed_at == SWEEP_S

    connected(act)


def test_what_is_no_request_is_answered_first():
    """An answer on its way goes before the end, and is the last one."""

    async def act(connection):
        connection.data_received(GET + b"\x00nonsense\r\n\r\n")
        await asyncio.sleep(2 * SWEEP_S)

        assert connection.transport.written.startswith(b"HTTP/1.1 200 ")
        assert connection.transport.written.count(b"HTTP/1.1") == 1
        assert connection.transport.closed_at is not None

    connected(act)


@pytest.mark.parametrize(
    ("silent_s", "closed_s"),
    [
        pytest.param(0.0, SWEEP_S, id="just-connected"),
        pytest.param(SWEEP_S * 2, SWEEP_S * 2, id="silent-for-a-while"),
    ],
)
def test_a_server_that_ends_gives_a_new_connection_a_moment(silent_s, closed_s):
    """The request of who has just connected may be on its way; who was silent until now is let go."""

    async def act(connection):
        await asyncio.sleep(silent_s)
        connection.shutdown()
        await asyncio.sleep(SWEEP_S * 3)

        assert connection.transport.closed_at == pytest.approx(closed_s, abs=0.01)

    connected(act)


def test_a_server_that_ends_finishes_what_is_open():
    """The request that is on its way in when the server ends is answered before its connection closes."""

    async def act(connection):
        connection.data_received(POST + b"ab")
        connection.shutdown()
        connection.data_received(b"cd")
        await asyncio.sleep(0.1)

        assert connection.transport.written.endswith(b"abcd")
        assert connection.transport.closed_at is not None

    connected(act)
