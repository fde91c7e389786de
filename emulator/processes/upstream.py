"""The proxy's connection to an instance: one exchange at a time, streaming both ways; and HTTP/1.1 over it.

Written on asyncio and httptools directly because this is the path of every request: a general HTTP client costs
several times more per request than everything else here together. HTTP/2 is in `upstream2`.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Self, cast

import httptools

HIGH_WATER = 256 * 1024  # bytes kept for a slow caller before the container has to wait
MAX_UNUSED_S = 2.0  # shorter than the keep-alive of any usual server (uvicorn 5 s): no request meets a closing one
QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux; it holds for the next answer only
INFORMATIONAL = 200  # statuses below announce, they do not answer
SWITCHING = 101  # but this one, where it was asked for: what follows is no HTTP


class BrokenError(ConnectionError):
    """The instance closed the connection, or sent what is not HTTP.

    `began` tells whether anything of an answer had arrived: only without, the request may be sent again.
    """

    def __init__(self, *, began: bool) -> None:
        super().__init__("connection to the instance broke")
        self.began = began


class Upstream(asyncio.Protocol):
    """An open connection to an instance, whatever is spoken over it."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.used_at = self.loop.time()
        self.exchanges = 0
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.trailers: list[tuple[bytes, bytes]] = []
        self.complete = False
        self._transport: asyncio.Transport | None = None
        self._closed = False
        self._bodiless = False
        self._began = False
        self._head_ready = False
        self._keep = False
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._waiter: asyncio.Future[None] | None = None
        self._can_write: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect to an instance.

        Raises:
            OSError: Nothing listens.
        """
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(cls, "127.0.0.1", port)
        return protocol

    @property
    def reusable(self) -> bool:
        """Tell whether the next request may be sent on it."""
        return self.complete and self._keep and not self._closed

    @property
    def fresh(self) -> bool:
        """Tell whether it has been unused so briefly that the container will not just be closing it."""
        return not self._closed and self.loop.time() - self.used_at < MAX_UNUSED_S

    def send(
        self,
        lines: list[bytes],
        body: bytes = b"",
        *,
        whole: bool = True,
        bodiless: bool = False,
        upgrade: bool = False,
    ) -> None:
        """Begin an exchange.

        Args:
            lines: First line and headers of the request.
            body: Of the request, as far as it is known.
            whole: That is all of it; else `write` has the rest, and `finish` ends it.
            bodiless: The answer has no body whatever its headers say (HEAD).
            upgrade: The request asks for another protocol; once it has that, every byte is one of the answer's body.
        """
        raise NotImplementedError

    async def write(self, data: bytes) -> None:
        """Send a part of the request's body, at the container's pace.

        Raises:
            BrokenError: The connection is gone.
        """
        raise NotImplementedError

    async def finish(self) -> None:
        """End the request's body.

        Raises:
            BrokenError: The connection is gone.
        """
        raise NotImplementedError

    async def head(self) -> None:
        """Wait for status and headers of the answer.

        Raises:
            BrokenError: The connection broke before.
        """
        while not self._head_ready:
            if self._closed:
                raise BrokenError(began=self._began)
            await self._wait()

    async def chunk(self) -> bytes:
        """Give the next part of the answer's body; empty at its end.

        Raises:
            BrokenError: The connection broke before the end.
        """
        while not self._chunks and not self.complete:
            if self._closed:
                raise BrokenError(began=True)
            await self._wait()
        if not self._chunks:
            return b""
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._taken(self._buffered)
        self._buffered = 0
        return data

    @property
    def at_end(self) -> bool:
        """Tell whether the answer is complete and all of it was taken."""
        return self.complete and not self._chunks

    def close(self) -> None:
        """Close the connection now; whoever waits on it sees it broken."""
        if self._transport is not None:
            self._transport.abort()
        self._closed = True
        self._wake()

    def _new_exchange(self, *, bodiless: bool) -> None:
        self.exchanges += 1
        self.status = 0
        self.headers, self.trailers = [], []
        self.complete = False
        self._bodiless = bodiless
        self._began = self._head_ready = self._keep = False
        self._chunks.clear()
        self._buffered = 0

    def _taken(self, size: int) -> None:
        """So many bytes of the answer were taken: more may come."""

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        del exc
        self._closed = True
        self.resume_writing()
        self._wake()

    def pause_writing(self) -> None:
        """The container reads too slowly."""
        self._can_write = self.loop.create_future()

    def resume_writing(self) -> None:
        """The container caught up."""
        if self._can_write is not None and not self._can_write.done():
            self._can_write.set_result(None)
        self._can_write = None

    def _keep_chunk(self, data: bytes) -> None:
        self._chunks.append(data)
        self._buffered += len(data)

    def _write(self, data: bytes) -> None:
        if self._closed or self._transport is None:
            raise BrokenError(began=self._began)
        self._transport.write(data)

    async def _wait(self) -> None:
        self._waiter = self.loop.create_future()
        await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Connection(Upstream):
    """HTTP/1.1."""

    def __init__(self) -> None:
        super().__init__()
        self._may_upgrade = False
        self._upgraded = False
        self._chunked = False

    def send(
        self,
        lines: list[bytes],
        body: bytes = b"",
        *,
        whole: bool = True,
        bodiless: bool = False,
        upgrade: bool = False,
    ) -> None:
        """Begin an exchange; see `Upstream.send`."""
        self._new_exchange(bodiless=bodiless)
        self._may_upgrade = upgrade
        self._parser = httptools.HttpResponseParser(self)
        told = any(line[:15].lower() == b"content-length:" for line in lines)
        self._chunked = not whole and not told
        if self._chunked:
            lines.append(b"transfer-encoding: chunked")
        elif body and not told:
            lines.append(b"content-length: %d" % len(body))
        self._write(b"\r\n".join([*lines, b"", self._framed(body)]) if body else b"\r\n".join([*lines, b"", b""]))
        self._acknowledge_at_once()

    async def write(self, data: bytes) -> None:
        """Send a part of the request's body; see `Upstream.write`."""
        if self._can_write is not None:
            await asyncio.shield(self._can_write)
        self._write(self._framed(data))

    async def finish(self) -> None:
        """End the request's body; see `Upstream.finish`."""
        if self._chunked:
            self._write(b"0\r\n\r\n")

    def _framed(self, data: bytes) -> bytes:
        return b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data

    def _taken(self, size: int) -> None:
        del size
        if self._transport is not None and not self._closed:
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Parse what the container sent."""
        if self.complete:  # bytes nobody asked for
            self.close()
            return
        if self._upgraded:
            self.on_body(data)
            self._wake()
            return
        self._began = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._switch(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            if not self.complete:
                self.close()
        self._wake()

    def _switch(self, rest: bytes) -> None:
        """The container speaks another protocol from here on."""
        if not self._may_upgrade:
            self.close()
            return
        self._upgraded = self._head_ready = True
        self.status = SWITCHING
        if rest:
            self.on_body(rest)

    def eof_received(self) -> bool:
        """An answer without a length ends with the connection."""
        if self._head_ready and not self.complete and not self._has_length():
            self.complete = True
        return False

    # httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Take status and headers; an informational answer is not the one we wait for."""
        status = self._parser.get_status_code()
        if status < INFORMATIONAL:
            if status != SWITCHING:
                self.headers = []
            return
        self.status = status
        self._keep = self._parser.should_keep_alive()
        self._head_ready = True
        if self._bodiless:
            self.complete = True
            self._keep = False  # the parser still expects the body that the headers announce

    def on_body(self, data: bytes) -> None:
        """Keep a part of the body until it is asked for."""
        if self._bodiless:
            return
        self._keep_chunk(data)
        if self._buffered > HIGH_WATER and self._transport is not None:
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """The answer ends here, unless it was an informational one."""
        if self._head_ready:
            self.complete = True
            self.used_at = self.loop.time()

    def _acknowledge_at_once(self) -> None:
        """Spare a container that writes head and body apart the 40 ms its kernel would wait for our delayed ACK."""
        if QUICKACK is not None and self._transport is not None:
            self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)

    def _has_length(self) -> bool:
        return any(name in (b"content-length", b"transfer-encoding") for name, _ in self.headers)
