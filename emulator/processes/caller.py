"""The caller's end of a WebSocket."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from emulator.processes.upstream import HIGH_WATER

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from emulator.processes.pages import Page

    Upgrade = Callable[[Mapping[str, Any], "Caller"], Coroutine[Any, Any, None]]

REASONS = {101: b"Switching Protocols", 401: b"Unauthorized", 403: b"Forbidden", 404: b"Not Found"}


class Caller(asyncio.Protocol):
    """The caller's end, from the moment that it asks for a WebSocket; uvicorn hands its connection over.

    Its first bytes are the request's head, as uvicorn writes it again.
    """

    def __init__(self, upgrade: Upgrade) -> None:
        self.ended = False
        self._upgrade = upgrade
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Future[None] | None = None
        self._parts: deque[bytes] = deque()
        self._buffered = 0
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection over."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take the head, and everything after it."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._upgrade(self._scope(data), self))
            return
        self._parts.append(data)
        self._buffered += len(data)
        self._news.set()
        if self._buffered > HIGH_WATER and self._transport is not None:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone."""
        del exc
        self.ended = True
        self._news.set()
        self._writable.set()

    def pause_writing(self) -> None:
        """The caller reads too slowly."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It caught up."""
        self._writable.set()

    async def part(self) -> bytes:
        """Give what the caller sent next; empty once it is gone."""
        while not self._parts and not self.ended:
            self._news.clear()
            await self._news.wait()
        data = b"".join(self._parts)
        self._parts.clear()
        self._buffered = 0
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        return data

    async def send(self, data: bytes) -> None:
        """Send, at the caller's pace."""
        await self._writable.wait()
        if self._transport is not None and not self.ended:
            self._transport.write(data)

    def begin(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Send the head of an answer."""
        lines = [b"HTTP/1.1 %d %s" % (status, REASONS.get(status, b"")), *(b"%s: %s" % pair for pair in headers)]
        if self._transport is not None and not self.ended:
            self._transport.write(b"\r\n".join([*lines, b"", b""]))

    def refuse(self, page: Page) -> None:
        """Answer with a page, and that is all."""
        headers = [(b"content-type", page.content_type), (b"content-length", b"%d" % len(page.body)), *page.headers]
        self.begin(page.status, [*headers, (b"server", b"Google Frontend"), (b"connection", b"close")])
        if self._transport is not None and not self.ended:
            self._transport.write(page.body)
        self.close()

    def close(self) -> None:
        """Close the connection, once everything is sent."""
        if self._transport is not None:
            self._transport.close()

    def _scope(self, head: bytes) -> dict[str, Any]:
        first, *lines = head.rstrip(b"\r\n").split(b"\r\n")
        method, target, _ = first.split(b" ", 2)
        path, _, query = target.partition(b"?")
        described = {"raw_path": path, "path": unquote(path.decode("latin-1")), "query_string": query}
        ends = {"server": self._name("sockname"), "client": self._name("peername")}
        headers = [(name.lower(), value) for name, _, value in (line.partition(b": ") for line in lines)]
        return {"http_version": "1.1", "method": method.decode(), "headers": headers, **described, **ends}

    def _name(self, which: str) -> tuple[str, int]:
        found = self._transport.get_extra_info(which) if self._transport is not None else None
        return (str(found[0]), int(found[1])) if found else ("127.0.0.1", 0)
