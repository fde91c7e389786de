"""The proxy's HTTP/2 connection to an instance: one exchange at a time, as over HTTP/1.1; with trailers."""

from __future__ import annotations

import asyncio

from h2 import events
from h2.exceptions import ProtocolError

from emulator.processes.http2 import Link
from emulator.processes.upstream import BrokenError, Upstream


class Http2Connection(Upstream):
    """HTTP/2, by prior knowledge (`h2c`)."""

    def __init__(self) -> None:
        super().__init__()
        self._link = Link(client=True)
        self._stream = 0
        self._sending: asyncio.Task[None] | None = None

    def send(
        self,
        lines: list[bytes],
        body: bytes = b"",
        *,
        whole: bool = True,
        bodiless: bool = False,
        upgrade: bool = False,
    ) -> None:
        """Begin an exchange; see `Upstream.send`. Nothing is upgraded here."""
        del upgrade
        self._new_exchange(bodiless=bodiless)
        if self._closed:
            raise BrokenError(began=False)
        try:
            self._stream = self._link.protocol.get_next_available_stream_id()
            self._link.protocol.send_headers(self._stream, pairs(lines), end_stream=whole and not body)
        except ProtocolError:
            raise BrokenError(began=False) from None
        self._link.flush()
        if body:
            self._sending = asyncio.create_task(self._pass_on(body, end=whole))

    async def write(self, data: bytes) -> None:
        """Send a part of the request's body; see `Upstream.write`."""
        if self._sending is not None:
            await asyncio.shield(self._sending)
        try:
            await self._link.send(self._stream, data, end=False)
        except ConnectionError:
            raise BrokenError(began=self._began) from None

    async def finish(self) -> None:
        """End the request's body; see `Upstream.finish`."""
        if self._sending is not None:
            await asyncio.shield(self._sending)
        await self._pass_on(b"", end=True)

    async def _pass_on(self, body: bytes, *, end: bool) -> None:
        try:
            await self._link.send(self._stream, body, end=end)
        except ConnectionError:
            self._wake()  # who waits for the answer sees what became of it

    def _taken(self, size: int) -> None:
        self._link.acknowledge(size, self._stream)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        super().connection_made(transport)
        self._link.begin(transport)

    def data_received(self, data: bytes) -> None:
        """Take what the container sent."""
        for event in self._link.events(data):
            self._take(event)
        self._link.flush()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._link.lost()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The container reads too slowly."""
        self._link.pause()

    def resume_writing(self) -> None:
        """The container caught up."""
        self._link.resume()

    def _take(self, event: events.Event) -> None:
        if isinstance(event, events.ConnectionTerminated):
            self._keep = False
        if getattr(event, "stream_id", None) != self._stream:
            return
        if isinstance(event, events.ResponseReceived):
            found = [(bytes(name), bytes(value)) for name, value in event.headers or []]
            self.status = next(int(value) for name, value in found if name == b":status")
            self.headers = [pair for pair in found if not pair[0].startswith(b":")]
            self._began = self._head_ready = self._keep = True
        elif isinstance(event, events.DataReceived):
            data = event.data or b""
            self._keep_chunk(data)
            self._link.acknowledge((event.flow_controlled_length or 0) - len(data), self._stream)  # padding
        elif isinstance(event, events.TrailersReceived):
            self.trailers = [(bytes(name), bytes(value)) for name, value in event.headers or []]
        elif isinstance(event, events.StreamEnded):
            self.complete = True
            self.used_at = self.loop.time()
        elif isinstance(event, events.StreamReset) and not self.complete:
            self.close()


def pairs(lines: list[bytes]) -> list[tuple[bytes, bytes]]:
    """First line and headers of a request, as HTTP/2 has them; a gRPC server is told that trailers are read."""
    method, target, _ = lines[0].split(b" ", 2)
    split = (line.partition(b": ") for line in lines[1:])
    headers = [(name.lower(), value) for name, _, value in split]
    host = next((value for name, value in headers if name == b"host"), b"127.0.0.1")
    told = [(b":method", method), (b":scheme", b"http"), (b":authority", host), (b":path", target)]
    return [*told, *(pair for pair in headers if pair[0] != b"host"), (b"te", b"trailers")]
