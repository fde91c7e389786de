"""HTTP as bytes on a socket: what a client may send, and what comes back, with the wire path and without it."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

BODY = json.dumps({"instances": [[5.1, 3.5, 1.4, 0.2]]}).encode()
SETOSA = b'{"predictions":["setosa"]}'


@pytest.fixture(scope="module", params=["wire", "fastapi"])
def server(request, serve, specs):
    """The minimal example, behind both front doors."""
    return serve(specs / "iris" / "model", *(["--no-wire"] if request.param == "fastapi" else []))


@contextmanager
def connected(server) -> Iterator[socket.socket]:
    """Open a connection to a server."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        yield connection


def post(body=BODY, version="1.1", path="/predict", headers="") -> bytes:
    """Write a request."""
    return f"POST {path} HTTP/{version}\r\nHost: x\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def answers(connection: socket.socket, count: int) -> list[tuple[int, dict[str, str], bytes]]:
    """Read so many answers; each is status, headers, body."""
    found, buffer = [], b""
    while len(found) < count:
        head, separator, rest = buffer.partition(b"\r\n\r\n")
        headers = dict(re.findall(r"^([^:\r\n]+): ([^\r\n]*)", head.decode().lower(), re.MULTILINE))
        length = int(headers.get("content-length", 0))
        if separator and len(rest) >= length:
            status = int(head.split()[1])
            buffer = rest if status == 100 else rest[length:]
            found.append((status, headers, b"" if status == 100 else rest[:length]))
            continue
        data = connection.recv(65536)
        assert data, f"closed after {len(found)} of {count} answers: {buffer!r}"
        buffer += data
    return found


def is_closed(connection: socket.socket) -> bool:
    """Whether the server closes the connection, and sends nothing more before."""
    connection.settimeout(10)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_keep_alive(server):
    """One connection serves many requests, one after the other."""
    with connected(server) as connection:
        for _ in range(5):
            connection.sendall(post())
            assert answers(connection, 1)[0][::2] == (200, SETOSA)


def test_pipelining_keeps_the_order(server):
    """Requests sent at once, to predictions and to other routes, are answered in their order."""
    get = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    with connected(server) as connection:
        connection.sendall(post() + get + post() + post(b"{") + get + post())

        found = answers(connection, 6)

    assert [status for status, _, _ in found] == [200, 200, 200, 400, 200, 200]
    assert [body for _, _, body in found if body in {SETOSA, b"alive"}] == [SETOSA, b"alive", SETOSA, b"alive", SETOSA]


def test_a_body_in_pieces(server):
    """A request may arrive byte by byte."""
    with connected(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in post():
            connection.sendall(bytes([byte]))

        assert answers(connection, 1)[0][::2] == (200, SETOSA)


def test_chunked_bodies(server):
    """A body of unknown length comes in chunks, with extensions and trailers."""
    half = len(BODY) // 2
    chunks = b"%x;ext=1\r\n%b\r\n%x\r\n%b\r\n0\r\nX-Trailer: 1\r\n\r\n" % (
        half,
        BODY[:half],
        len(BODY) - half,
        BODY[half:],
    )
    with connected(server) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + post())

        found = answers(connection, 2)

    assert [answer[::2] for answer in found] == [(200, SETOSA)] * 2


def test_expect_100_continue(server):
    """A client that asks first is told to go on, and a body too long is refused before it is sent."""
    with connected(server) as connection:
        head, _, body = post(headers="Expect: 100-continue\r\n").partition(b"\r\n\r\n")
        connection.sendall(head + b"\r\n\r\n")
        assert answers(connection, 1)[0][0] == 100
        connection.sendall(body)
        assert answers(connection, 1)[0][::2] == (200, SETOSA)
    with connected(server) as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"
        )
        assert answers(connection, 1)[0][0] == 413


def test_a_chunked_body_beyond_the_bound(server):
    """A body that grows beyond the bound is refused while it is still coming, and the connection ends."""
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with connected(server) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        sender = threading.Thread(target=send_until_refused, args=(connection, chunk, 200))
        sender.start()
        status = answers(connection, 1)[0][0]
        sender.join()

    assert status == 413


def send_until_refused(connection: socket.socket, chunk: bytes, times: int) -> None:
    """Keep sending, until the other side has had enough."""
    try:
        for _ in range(times):
            connection.sendall(chunk)
    except OSError:
        return


def test_http_1_0(server):
    """An old client gets its answer, and the connection is closed."""
    with connected(server) as connection:
        connection.sendall(post(version="1.0"))

        assert answers(connection, 1)[0][::2] == (200, SETOSA)
        assert is_closed(connection)


def test_connection_close(server):
    """A client that wants the connection closed gets it closed."""
    with connected(server) as connection:
        connection.sendall(post(headers="Connection: close\r\n"))

        status, headers, body = answers(connection, 1)[0]
        assert (status, body, headers["connection"]) == (200, SETOSA, "close")
        assert is_closed(connection)


def test_an_offered_upgrade_is_declined(server):
    """`Upgrade: h2c`, as curl offers it, leaves an ordinary request; so does an offer of a websocket."""
    h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    websocket = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAA\r\nSec-WebSocket-Version: 13\r\n"
    with connected(server) as connection:
        connection.sendall(post(headers=h2c) + post(headers=websocket) + post())

        found = answers(connection, 3)

    assert [answer[::2] for answer in found] == [(200, SETOSA)] * 3


@pytest.mark.parametrize("method", ["HEAD", "GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_on_the_predict_path(server, method):
    """Another method is 405 and leaves the connection usable; HEAD has no body."""
    with connected(server) as connection:
        connection.sendall(f"{method} /predict HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        if method == "HEAD":
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536)
            assert head.startswith(b"HTTP/1.1 405 ")
            assert head.endswith(b"\r\n\r\n")
        else:
            assert answers(connection, 1)[0][0] == 405
        connection.sendall(post())
        assert answers(connection, 1)[0][::2] == (200, SETOSA)


@pytest.mark.slow  # it waits for the connection to end, a second after the refusal
def test_a_refusal_can_be_read(server):
    """Who keeps sending reads why it was refused, before the connection ends; `test_doors` has the other refusals."""
    with connected(server) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nX: " + b"a" * 40_000 + b"\r\n\r\n" + post() * 1000)

        assert answers(connection, 1)[0][0] == 431
        assert is_closed(connection)


def test_a_bad_request_behind_a_good_one_does_not_overtake_it(server):
    """The good one is answered; what follows is cut."""
    with connected(server) as connection:
        connection.sendall(post() + b"nonsense\r\n\r\n")

        assert answers(connection, 1)[0][::2] == (200, SETOSA)


def test_request_ids_are_kept_or_made(server):
    """A sane id of the caller's comes back; one with foreign characters is replaced."""
    with connected(server) as connection:
        connection.sendall(post(headers="X-Request-Id: Abc-1\r\n"))
        assert answers(connection, 1)[0][1]["x-request-id"] == "abc-1"  # the helper lowers headers
        connection.sendall(post(headers='X-Request-Id: <script>"\r\n'))
        assert "<" not in answers(connection, 1)[0][1]["x-request-id"]


def test_a_client_that_hangs_up(server):
    """Clients that leave in the middle of a body, or before their answer, trouble nobody."""
    for cut in (10, len(post()) - 5, len(post())):
        for _ in range(20):
            with connected(server) as connection:
                connection.sendall(post()[:cut])

    assert server.post("/predict", {"instances": [[5.1, 3.5, 1.4, 0.2]]}).status_code == 200
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("flags", [[], ["--no-wire"]], ids=["wire", "fastapi"])
def test_a_thousand_idle_connections(start, specs, flags):
    """Who connects and says nothing holds up nobody else."""
    server = start(specs / "iris" / "model", *flags)
    with ExitStack() as idle:
        for _ in range(1000):
            idle.enter_context(connected(server))

        assert server.post("/predict", {"instances": [[5.1, 3.5, 1.4, 0.2]]}).status_code == 200
