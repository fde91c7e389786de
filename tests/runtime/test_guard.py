"""What a stranger may cost, in virtual time: slow, silent and oversized requests, and unread answers."""

import asyncio

import pytest

from runtime.http.guard import IDLE_S, MAX_HEAD_BYTES, MAX_HEADERS, MAX_OPEN, READ_S, SWEEP_S, WRITE_S
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


@pytest.mark.parametrize(
    ("since", "bound_s"),
    [("reading_since", READ_S), ("writing_since", WRITE_S), ("idle_since", IDLE_S)],
)
def test_the_last_moment_is_in_time(since, bound_s):
    """A bound is passed when more than its time has passed, and what is not going on has none."""

    async def act(connection):
        connection.reading_since = connection.writing_since = connection.idle_since = 0.0
        assert not connection.overdue(1e9)
        setattr(connection, since, 1024.0)  # sums with it are exact
        assert not connection.overdue(1024.0 + bound_s)
        assert connection.overdue(1024.0 + bound_s + 0.001)

    connected(act)


def test_a_request_at_the_last_moment_of_an_idle_connection():
    """The timer of uvicorn for idle connections does not end one that is working."""

    async def slow(_scope, _receive, send):
        await asyncio.sleep(5)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def act(connection):
        connection.data_received(GET)
        await asyncio.sleep(5 + 74)
        connection.data_received(GET)
        await asyncio.sleep(6)

        assert connection.transport.written.count(b"HTTP/1.1 200 ") == 2
        assert connection.transport.closed_at is None

    connected(act, slow)


def test_an_application_waits_for_who_does_not_read():
    """While answers are not read the application cannot send, so that they pile up nowhere."""
    sent: list[int] = []

    async def stream(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(10):
            await send({"type": "http.response.body", "body": b"x", "more_body": number < 9})
            sent.append(number)
            await asyncio.sleep(1)

    async def act(connection):
        connection.data_received(GET)
        await asyncio.sleep(2.5)
        connection.pause_writing()
        await asyncio.sleep(20)
        before = len(sent)
        connection.resume_writing()
        await asyncio.sleep(20)

        assert before < 5
        assert len(sent) == 10

    connected(act, stream)


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
    """A refused head closes the connection, a moment later so that the refusal can be read; no application sees it."""
    asked: list[str] = []

    async def note(scope, receive, send):
        asked.append(scope["path"])
        await echo(scope, receive, send)

    async def act(connection):
        connection.data_received(head)
        await asyncio.sleep(2 * SWEEP_S)

        assert connection.transport.written.split(b" ")[1] == status
        assert connection.transport.closed_at == (None if status == b"200" else SWEEP_S)
        assert asked == (["/"] if status == b"200" else [])

    connected(act, note)


@pytest.mark.parametrize(("more", "status"), [(0, None), (1, b"431")], ids=["as-large-as-may-be", "a-byte-more"])
def test_an_unfinished_head_has_a_bound(more, status):
    """It is refused as soon as it is too large, whether or not it has an end."""

    async def act(connection):
        begun = b"GET / HTTP/1.1\r\nX: "
        connection.data_received(begun)
        connection.data_received(b"a" * (MAX_HEAD_BYTES - len(begun) + more))

        written = connection.transport.written
        assert written == b"" if status is None else written.split(b" ")[1] == status

    connected(act)


def test_every_head_is_counted_for_itself():
    """Many requests, whose heads would be too large together, come in pieces over one connection."""

    async def act(connection):
        for _ in range(5):
            connection.data_received(b"GET / HTTP/1.1\r\nX: ")
            connection.data_received(b"a" * (MAX_HEAD_BYTES // 3))
            connection.data_received(b"\r\n\r\n")
            await asyncio.sleep(0.01)

        assert connection.transport.written.count(b"HTTP/1.1 200 ") == 5

    connected(act)


def test_a_body_is_no_head():
    """It may be larger than a head, also in pieces."""

    async def act(connection):
        connection.data_received(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (4 * MAX_HEAD_BYTES))
        for _ in range(8):
            connection.data_received(b"a" * (MAX_HEAD_BYTES // 2))
        await asyncio.sleep(0.01)

        assert connection.transport.written.endswith(b"a" * 4 * MAX_HEAD_BYTES)

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
        assert connection.transport.closed_at < SWEEP_S

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


def test_an_application_hears_of_a_body_that_breaks_off():
    """It does not wait for the rest, the client is told why, and nobody answers twice."""
    heard: list[str] = []

    async def read(_scope, receive, send):
        while (message := await receive())["type"] == "http.request" and message.get("more_body"):
            heard.append("part")
        heard.append(message["type"])
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def act(connection):
        connection.data_received(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        await asyncio.sleep(0.01)
        connection.data_received(b"zz\r\n")
        await asyncio.sleep(0.01)
        assert heard[-1] == "http.disconnect"
        await asyncio.sleep(2 * SWEEP_S)

        assert connection.transport.written.startswith(b"HTTP/1.1 400 ")
        assert connection.transport.written.count(b"HTTP/1.1") == 1
        assert connection.transport.closed_at == SWEEP_S + 0.01

    connected(act, read)


H2C = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
WEBSOCKET = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAA\r\nSec-WebSocket-Version: 13\r\n"


@pytest.mark.parametrize("offer", [H2C, WEBSOCKET], ids=["h2c", "websocket"])
def test_an_offered_upgrade_is_declined(offer):
    """What is left is the same request without the offer; the next ones are read as ever."""
    seen: list[list[bytes]] = []

    async def note(scope, receive, send):
        seen.append([name for name, _ in scope["headers"]])
        assert (scope["method"], scope["path"], scope["http_version"]) == ("POST", "/a", "1.1")
        await echo(scope, receive, send)

    async def act(connection):
        head = f"POST /a HTTP/1.1\r\nHost: x\r\n{offer}X-Mine: 1\r\nContent-Length: 4\r\n\r\n".encode()
        connection.data_received(head + b"abcd" + head + b"ef")
        connection.data_received(b"gh")
        await asyncio.sleep(1)

        assert connection.transport.written.count(b"HTTP/1.1 200 ") == 2
        assert b"abcd" in connection.transport.written
        assert connection.transport.written.endswith(b"efgh")
        assert connection.transport.closed_at is None

    connected(act, note)
    for names in seen:
        assert not {b"upgrade", b"connection", b"http2-settings"} & set(names)
        assert {b"host", b"x-mine", b"content-length"} <= set(names)


CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(b"0\r\nX: " + b"y" * 1000, id="a-trailer-without-end"),
        pytest.param(b"0\r\n" + b"X: y\r\n" * 200, id="trailers-without-end"),
        pytest.param(b"1" + b";a=b" * 250, id="an-extension-of-a-chunk-without-end"),
        pytest.param(b"0" * 1000, id="a-size-without-end"),
    ],
)
@pytest.mark.parametrize("body", [b"", b"2\r\n{}\r\n"], ids=["no-body", "body"])
def test_what_stands_around_a_body_has_a_bound(piece, body):
    """Trailers, and lines of chunks, are refused when they are as large as no head may be, whether they end or not."""

    async def act(connection):
        connection.data_received(CHUNKED + body)
        connection.data_received(piece)
        sent = 0
        while not connection.transport.written and sent < 4 * MAX_HEAD_BYTES:
            more = piece.partition(b"\r\n")[2] or piece[1:]
            connection.data_received(more)
            sent += len(more)
        await asyncio.sleep(2 * SWEEP_S)

        assert connection.transport.written.split(b" ")[1] in {b"431", b"400"}
        assert sent <= MAX_HEAD_BYTES + 2000
        assert connection.transport.closed_at is not None

    connected(act)


def test_chunks_of_a_byte_are_no_attack():
    """A client that streams byte by byte sends six times its body, in pieces of any size."""

    async def act(connection):
        chunks = b"1\r\na\r\n" * 40_000
        connection.data_received(CHUNKED)
        for start in range(0, len(chunks), 64 * 1024 + 1):
            connection.data_received(chunks[start : start + 64 * 1024 + 1])
        connection.data_received(b"0\r\nX-Sum: 1\r\n\r\n" + GET)
        await asyncio.sleep(0.1)

        assert connection.transport.written.count(b"HTTP/1.1 200 ") == 2
        assert connection.transport.written.count(b"a") == 40_000

    connected(act)


def test_a_head_behind_other_requests_is_counted_for_itself():
    """A piece may hold many requests and the beginning of one more: that is no large head."""

    async def act(connection):
        connection.data_received(GET * 800 + b"POST / HTTP/1.1\r\nX: ")
        connection.data_received(b"y\r\nContent-Length: 50000\r\n\r\n" + b"a" * 50_000 + GET[:-2])
        connection.data_received(b"\r\n")
        await asyncio.sleep(1)

        assert connection.transport.written.count(b"HTTP/1.1 200 ") == 802

    connected(act)


@pytest.mark.parametrize("last", [b"", b"X-Api-Key: a\r\n", b"X-A: b\r\nX-Api-Key: a\r\n"])
def test_a_trailer_is_no_header(last):
    """What comes behind a body is not taken for what came before it, neither of this request nor of the next."""
    seen: list[set[bytes]] = []

    async def note(scope, receive, send):
        await echo(scope, receive, send)
        seen.append({name for name, _ in scope["headers"]})

    async def act(connection):
        connection.data_received(CHUNKED + b"1\r\na\r\n0\r\n" + last + b"\r\n" + GET)
        await asyncio.sleep(1)

        assert seen == [{b"host", b"transfer-encoding"}, {b"host"}]

    connected(act, note)


TWICE = b"Host: a\r\nHost: b\r\n"


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n" + TWICE, b"400", id="two-hosts"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n", b"400", id="two-equal-hosts"),
        pytest.param(b"GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: upgrade\r\n" + TWICE, b"400", id="upgrade"),
        pytest.param(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", b"400", id="chunks-in-1.0"),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n", b"400", id="no-chunks"),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n", b"400", id="chunks-not-last"),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n", b"501", id="coded-and-chunked"),
        pytest.param(
            b"POST / HTTP/1.1\r\nTransfer-Encoding: GZip\r\nTransfer-Encoding: Chunked\r\n", b"501", id="coded-in-two"
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: upgrade\r\nTransfer-Encoding: gzip, chunked\r\n",
            b"501",
            id="coded-behind-an-upgrade",
        ),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n", b"400", id="no-such-encoding"),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n", b"400", id="space-before-colon"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 0\r\n", b"400", id="two-lengths"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: +0\r\n", b"400", id="length-with-sign"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 30 + b"\r\n", b"400", id="length-beyond-counting"),
        pytest.param(b"GET / HTTP/2.0\r\n", b"400", id="http-2"),
        pytest.param(b"GET / HTTP/0.9\r\n", b"400", id="http-0.9"),
        pytest.param(b"GET / HTTP/1.2\r\n", b"400", id="http-1.2"),
        pytest.param(b"GET / HTTP/1.1\r\nX: a\x00b\r\n", b"400", id="nul"),
        pytest.param(b"GET / HTTP/1.1\nHost: x\n", b"400", id="bare-line-feeds"),
        pytest.param(b"GET /\xff HTTP/1.1\r\n", b"400", id="path-that-is-no-text"),
        pytest.param(b"PRI * HTTP/2.0\r\n", b"400", id="http-2-preface"),
        pytest.param(b"GET / HTTP/1.0\r\nHost: x\r\n", b"200", id="http-1.0"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\nX: b\r\n", b"200", id="two-of-another-header"),
    ],
)
def test_a_head_means_one_thing(head, answer):
    """What a proxy before us might read in another way is refused, and nothing behind it is a request."""

    async def act(connection):
        connection.data_received(head + b"\r\n" + GET)
        await asyncio.sleep(2 * SWEEP_S)

        assert connection.transport.written.split(b" ")[1] == answer
        if answer != b"200":
            assert connection.transport.written.count(b"HTTP/1.1 ") == 1
            assert connection.transport.closed_at == SWEEP_S

    connected(act)


UPGRADE = b"GET /u HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"


@pytest.mark.parametrize("more", [GET, b"\x00", b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", UPGRADE[:-3]])
def test_any_number_of_upgrades_may_be_offered(more):
    """Each is declined without the one before it being remembered; what follows is read as ever."""

    async def act(connection):
        connection.data_received(UPGRADE * 900 + more)
        await asyncio.sleep(0.9)

        assert connection.transport.written.count(b"HTTP/1.1 200 ") >= 1
        if more == GET:
            assert connection.transport.written.count(b"HTTP/1.1 200 ") == 901

    connected(act)


@pytest.mark.parametrize("request_bytes", [GET, UPGRADE], ids=["plain", "upgrade"])
def test_requests_at_once_have_a_bound(request_bytes):
    """One piece may hold thousands of requests: so many are taken, and then the connection ends."""
    asked: list[str] = []

    async def note(scope, receive, send):
        asked.append(scope["path"])
        await echo(scope, receive, send)

    async def act(connection):
        connection.data_received(request_bytes * (3 * MAX_OPEN))
        assert len(connection.pipeline) <= MAX_OPEN
        await asyncio.sleep(2 * SWEEP_S)

        assert 0 < len(asked) <= MAX_OPEN + 1
        assert connection.transport.closed_at is not None

    connected(act, note)


@pytest.mark.parametrize("how", ["close", "abort"])
def test_an_application_may_read_on_after_the_end(how):
    """Who waits for a body while its connection ends hears that it ended, and nothing is raised."""
    heard: list[str] = []

    async def late(_scope, receive, _send):
        await receive()
        connection.flow.pause_reading()
        getattr(connection.transport, how)()
        heard.append((await receive())["type"])

    async def act(opened):
        nonlocal connection
        connection = opened
        connection.data_received(POST + b"a")
        await asyncio.sleep(0.1)

        assert heard == ["http.disconnect"]
        assert b" 500 " not in connection.transport.written

    connection = None
    connected(act, late)
