"""A connection that costs little, whoever is at its other end.

uvicorn leaves open what a server facing strangers must settle: what a connection sends beside bodies has no bound
(heads, trailers, extensions of chunks, requests at once), a client may send or read one byte a minute, two readers of a
head may take it for two different requests, and an `Upgrade` offer stops its parser at the end of the head.
`GuardedProtocol` settles them for every path; one sweep a second serves all connections, so a request pays a few
comparisons.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_HEAD_BYTES = 32 * 1024
MAX_HEADERS = 100
# Requests of one connection that may be open at once; a client with more has lost count, or means harm.
MAX_OPEN = 1000
# A chunk of one byte has about so many around it: its size and two ends of lines.
CHUNK_BYTES = 16
# From the first byte of a request to the last of its body; from the first unread byte of an answer to the last.
READ_S = 20.0
WRITE_S = 30.0
IDLE_S = 90.0
SWEEP_S = 1.0
# Headers that offer another protocol; without them the same request is an ordinary one.
UPGRADE_HEADERS = frozenset({b"upgrade", b"connection", b"http2-settings"})
VERSIONS = frozenset({"1.0", "1.1"})
# Of a refusal: its status, and what is told.
_TOO_LARGE = (b"431 Request Header Fields Too Large", b"the head of the request is too large")
_NO_REQUEST = (b"400 Bad Request", b"this is no HTTP request")
_CODED = (b"501 Not Implemented", b"of transfer codings only chunked is known")


class Flow(FlowControl):
    """uvicorn's flow control, which lets a connection be that is closed: uvloop raises where asyncio does nothing."""

    def pause_reading(self) -> None:
        """Leave what the client sends in the socket."""
        if not self._transport.is_closing():
            super().pause_reading()

    def resume_reading(self) -> None:
        """Read again what the client sends."""
        if not self._transport.is_closing():
            super().resume_reading()


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with bounds on heads, and on how slow a client may be.

    Everything it overrides is internal to uvicorn: pyproject.toml says which versions have it.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.url = b""
        self._in_head = False
        self._head_bytes = 0
        self._around_bytes = 0
        self.version = ""
        # of the piece that is being read: its bytes, those of bodies, heads that were begun in it or before it
        self._chunk_bytes = 0
        self.fed_body = 0
        self._heads = 0
        self._offered_upgrade = False
        self._lingering = False
        self._used = False
        # seconds of the loop's clock, 0 for "not now": a request is coming in, an answer is not read, nothing happens
        self.reading_since = 0.0
        self.writing_since = 0.0
        self.idle_since = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin a connection."""
        super().connection_made(transport)
        self.flow = Flow(transport)

    def data_received(self, data: bytes) -> None:
        """Parse, and count what belongs to no body."""
        if self._lingering:
            return
        self._chunk_bytes = len(data)
        self.fed_body = 0
        self._heads = 1 if self.reading_since else 0
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            self._without_upgrades(memoryview(data)[stop.args[0] :])
        except httptools.HttpParserError:
            self._reject(*_NO_REQUEST)
        if self.reading_since:
            self.unfinished(data)

    def unfinished(self, data: bytes) -> None:
        """Look at a request of which this was not the last part."""
        if self._in_head:
            # What came before this head in the same piece is not of it; where it began nobody tells.
            self._head_bytes += len(data) if self._heads == 1 else _size(self)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._reject(*_TOO_LARGE)
        elif self.fed_body < len(data):
            self._look_around_the_body(len(data) - self.fed_body)

    def _look_around_the_body(self, fed: int) -> None:
        """Count lines of chunks, and trailers: the parser keeps an unfinished one, however long it gets."""
        before = min(self._around_bytes, 0) if self.fed_body else self._around_bytes
        self._around_bytes = max(before + fed, 0)
        if self._around_bytes > MAX_HEAD_BYTES + CHUNK_BYTES * self.fed_body:
            self._reject(_TOO_LARGE[0], b"what stands around the body is too large")

    def on_message_begin(self) -> None:
        """Start the clock of one request."""
        super().on_message_begin()
        self.begin()

    def begin(self) -> None:
        """Note that a request has begun."""
        self._in_head = self._used = True
        self._head_bytes = 0
        self._heads += 1
        self.reading_since = self.loop.time()
        self.idle_since = 0.0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header. Trailers look the same; nobody here reads any, and as headers they could mean anything."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request to the application, unless its head is beyond bounds or offers an upgrade."""
        if self.head_is_fine():
            super().on_headers_complete()

    def head_is_fine(self) -> bool:
        """Whether the head may be acted on now."""
        self._in_head = False
        self._around_bytes = -self._chunk_bytes  # what else is in the piece with the head does not count
        if self.parser.should_upgrade():
            self._offered_upgrade = True
            return False
        # A head in one piece was not counted on the way, and only a piece beyond the bound can hold too large a one.
        if len(self.headers) > MAX_HEADERS or (self._chunk_bytes > MAX_HEAD_BYTES and _size(self) > MAX_HEAD_BYTES):
            self._reject(*_TOO_LARGE)
            return False
        self.version = self.parser.get_http_version()
        names = [name for name, _ in self.headers]
        if names.count(b"host") > 1 or (self.version != "1.1" and self._is_too_old(names)):
            self._reject(*_NO_REQUEST)
            return False
        if b"transfer-encoding" in names and self._is_coded():
            self._reject(*_CODED)
            return False
        if len(self.pipeline) >= MAX_OPEN:
            self._reject(b"429 Too Many Requests", b"too many requests of this connection are open")
            return False
        return not self.closing

    def _is_too_old(self, names: list[bytes]) -> bool:
        """Whether it is of no version that we speak, or of one that knows no chunks and has them."""
        return self.version not in VERSIONS or b"transfer-encoding" in names

    def _is_coded(self) -> bool:
        """Whether the body is coded, and then chunked: RFC 9112, 6.1. Other than chunked last, the parser refuses."""
        told = b",".join(value for name, value in self.headers if name == b"transfer-encoding")
        codings = [coding.strip().lower() for coding in told.split(b",") if coding.strip()]
        return len(codings) > 1 and codings[-1] == b"chunked"

    def on_body(self, body: bytes) -> None:
        """Give the application a part of the body."""
        self.fed_body += len(body)
        if self.cycle is not None and not self.closing:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the clock of one request."""
        self.reading_since = 0.0
        if not self._offered_upgrade and self.cycle is not None and not self.closing:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Start the clock of an idle connection."""
        self.begin_idle()
        super().on_response_complete()

    def begin_idle(self) -> None:
        """Note that nothing is going on."""
        self.idle_since = self.loop.time()

    def pause_writing(self) -> None:
        """Take no more requests from a client that does not read its answers."""
        super().pause_writing()
        self.writing_since = self.loop.time()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        """Read requests again: the client has read its answers."""
        super().resume_writing()
        self.writing_since = 0.0
        self.flow.resume_reading()

    @property
    def closing(self) -> bool:
        """Whether no further request of this connection will be answered."""
        return self._lingering or self.transport.is_closing()

    def linger(self) -> None:
        """Close soon. Closing at once resets a connection whose client still sends, and it never reads the answer."""
        self._lingering = True
        self.loop.call_later(SWEEP_S, self.transport.close)

    def overdue(self, now: float) -> bool:
        """Whether the client has been slower than anyone needs to be."""
        return (
            (self.reading_since > 0 and now - self.reading_since > READ_S)
            or (self.writing_since > 0 and now - self.writing_since > WRITE_S)
            or (self.idle_since > 0 and now - self.idle_since > IDLE_S)
        )

    def shutdown(self) -> None:
        """Close when idle. A connection that is new gets a moment: its request may be on its way."""
        if not self._used and self.loop.time() - self.idle_since < SWEEP_S:
            self.loop.call_later(SWEEP_S, super().shutdown)
            return
        super().shutdown()

    def _without_upgrades(self, rest: memoryview) -> None:
        """Serve requests as if no upgrade had been offered, as RFC 9110 section 7.8 lets a server do.

        Args:
            rest: What follows the first such head. There may be any number of others in it.
        """
        while not self.closing:
            self._offered_upgrade = False
            if self.parser.get_method() == b"CONNECT":
                self._reject(b"405 Method Not Allowed", b"this is no proxy")
                return
            head = self._head_without_upgrade()
            self.parser = httptools.HttpRequestParser(self)
            try:
                self.parser.feed_data(head)
                self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as stop:
                rest = rest[stop.args[0] :]
            except httptools.HttpParserError:
                self._reject(*_NO_REQUEST)
            else:
                return

    def _head_without_upgrade(self) -> bytes:
        kept = [b"%b: %b\r\n" % header for header in self.headers if header[0] not in UPGRADE_HEADERS]
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        return b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.url, version, b"".join(kept))

    def _reject(self, status: bytes, message: bytes) -> None:
        """Answer outside any application, and close. An answer on its way goes first, and is then the last one."""
        if self.closing:
            return
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            cycle.keep_alive = False
        else:
            if cycle is not None and not cycle.response_complete:  # its body broke off: nobody else will answer
                cycle.disconnected = True
                cycle.message_event.set()
            head = b"HTTP/1.1 %b\r\ncontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            self.transport.write(head % (status, len(message)) + message)
        self.linger()


def _size(connection: GuardedProtocol) -> int:
    return len(connection.url) + sum(len(name) + len(value) + 4 for name, value in connection.headers)


def sweep(connections: Iterable[object], loop: asyncio.AbstractEventLoop) -> None:
    """Cut overdue connections now and every second from now on."""
    now = loop.time()
    for connection in list(connections):
        if isinstance(connection, GuardedProtocol) and connection.overdue(now):
            connection.transport.abort()
    loop.call_later(SWEEP_S, sweep, connections, loop)
