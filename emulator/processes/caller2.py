"""The caller's end of an HTTP/2 connection: each stream is a request of the application's (ASGI), with trailers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from h2 import events
from h2.exceptions import ProtocolError

from emulator.processes.http2 import Link

if TYPE_CHECKING:
    from collections.abc import Callable


class Stream:
    """One request: what came of it, and what is sent back."""

    def __init__(self, link: Link, number: int, *, ended: bool) -> None:
        self._link = link
        self._number = number
        self._parts: list[tuple[bytes, int]] = []
        self._ended = ended
        self._told_all = False
        self._news = asyncio.Event()
        self._gone = False
        self._finished = False
        self._trailers = False

    def feed(self, data: bytes, size: int) -> None:
        """A part of the body came; so much of the window it took."""
        self._parts.append((data, size))
        self._news.set()

    def end(self) -> None:
        """The body is whole."""
        self._ended = True
        self._news.set()

    def hang_up(self) -> None:
        """The caller is gone."""
        self._gone = True
        self._news.set()

    async def receive(self) -> dict[str, Any]:
        """Give the next part of the body, or say that the caller is gone (ASGI)."""
        while not self._gone and (self._told_all or not (self._parts or self._ended)):
            self._news.clear()
            await self._news.wait()
        if self._gone:
            return {"type": "http.disconnect"}
        body = b"".join(data for data, _ in self._parts)
        size = sum(size for _, size in self._parts)
        self._parts.clear()
        self._told_all = self._ended
        self._link.acknowledge(size, self._number)
        return {"type": "http.request", "body": body, "more_body": not self._ended}

    async def send(self, message: dict[str, Any]) -> None:
        """Send a part of the answer (ASGI). Nobody hears it who is gone."""
        if self._gone or self._finished:
            return
        try:
            await self._send(message)
        except (ConnectionError, ProtocolError):
            self.hang_up()

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._trailers = bool(message.get("trailers"))
            self._headers([(b":status", str(message["status"]).encode()), *message["headers"]], end=message.get("ends"))
        elif message["type"] == "http.response.trailers":
            if message["headers"]:
                self._headers(message["headers"], end=True)
            else:
                await self._link.send(self._number, b"", end=True)
                self._finished = True
        else:
            end = not message.get("more_body", False) and not self._trailers
            if message.get("body") or end:
                await self._link.send(self._number, message.get("body", b""), end=end)
            self._finished = end

    def _headers(self, headers: list[tuple[bytes, bytes]], *, end: bool | None) -> None:
        self._link.protocol.send_headers(self._number, headers, end_stream=bool(end))
        self._link.flush()
        self._finished = bool(end)

    def over(self) -> None:
        """The application is done: an answer that has no end is cut."""
        if not self._finished:
            self._link.reset(self._number)


class Http2Caller(asyncio.Protocol):
    """A caller's connection.

    Args:
        app: Answers requests.
        connections: The open ones, for whoever closes their address.
    """

    def __init__(self, app: Callable[..., Any], connections: set[Any]) -> None:
        self.server: tuple[str, int] = ("127.0.0.1", 0)
        self._app = app
        self._connections = connections
        self._link = Link(client=False)
        self._streams: dict[int, Stream] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: tuple[str, int] = ("127.0.0.1", 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        own, peer = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
        self.server, self._client = (str(own[0]), int(own[1])), (str(peer[0]), int(peer[1]))
        self._connections.add(self)
        self._link.begin(transport)

    def data_received(self, data: bytes) -> None:
        """Take what the caller sent."""
        for event in self._link.events(data):
            self._take(event)
        self._link.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone, with all its requests."""
        del exc
        self._connections.discard(self)
        self._link.lost()
        for stream in self._streams.values():
            stream.hang_up()

    def pause_writing(self) -> None:
        """The caller reads too slowly."""
        self._link.pause()

    def resume_writing(self) -> None:
        """It caught up."""
        self._link.resume()

    def shutdown(self) -> None:
        """The address is closed: take no more requests, and close once those that run are done."""
        self._link.protocol.close_connection()
        self._link.flush()
        if not self._streams:
            self._link.close()

    def _take(self, event: events.Event) -> None:
        stream = self._streams.get(getattr(event, "stream_id", None) or 0)
        if isinstance(event, events.RequestReceived):
            self._begin(event)
        elif isinstance(event, events.DataReceived) and stream is not None:
            stream.feed(event.data or b"", event.flow_controlled_length or 0)
        elif isinstance(event, events.StreamEnded) and stream is not None:
            stream.end()
        elif isinstance(event, events.StreamReset) and stream is not None:
            stream.hang_up()
        elif isinstance(event, events.ConnectionTerminated):
            self._link.close()

    def _begin(self, event: events.RequestReceived) -> None:
        number = event.stream_id or 0
        stream = self._streams[number] = Stream(self._link, number, ended=event.stream_ended is not None)
        headers = [(bytes(name), bytes(value)) for name, value in event.headers or []]
        task = asyncio.create_task(self._run(number, stream, self._scope(headers)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, number: int, stream: Stream, scope: dict[str, Any]) -> None:
        try:
            await self._app(scope, stream.receive, stream.send)
        finally:
            stream.over()
            del self._streams[number]

    def _scope(self, found: list[tuple[bytes, bytes]]) -> dict[str, Any]:
        told = {name: value for name, value in found if name.startswith(b":")}
        path, _, query = told[b":path"].partition(b"?")
        headers = [pair for pair in found if not pair[0].startswith(b":")]
        if b":authority" in told:
            headers.insert(0, (b"host", told[b":authority"]))
        described = {"raw_path": path, "path": unquote(path.decode("latin-1")), "query_string": query}
        ends = {"server": self.server, "client": self._client, "headers": headers}
        return {"type": "http", "http_version": "2", "method": told[b":method"].decode(), **described, **ends}
