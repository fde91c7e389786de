"""HTTP/1.1 as far as an API needs it, on asyncio's streams."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed"}
MOST_HEAD = 64 * 1024
LOOK_EVERY_S = 0.25
"""How often it is looked whether a caller is still there that is not being sent anything."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, whole."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, or one that streams server-sent events."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    events: AsyncGenerator[str] | None = None


Handler = Callable[[Request], Coroutine[Any, Any, Answer]]


def as_json(document: Any, status: int = 200) -> Answer:
    """A JSON answer."""
    return Answer(status, json.dumps(document).encode())


class Connection:
    """One connection: request after request."""

    def __init__(self, handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._handler = handler
        self._reader = reader
        self._writer = writer

    async def run(self) -> None:
        """Answer until the caller is gone."""
        try:
            while (request := await self._read()) is not None:
                await self._answer(request)
                if request.headers.get("connection", "").lower() == "close":
                    break
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
            pass
        finally:
            self._writer.close()

    async def _read(self) -> Request | None:
        head = await self._reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip().split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return Request(method, target.partition("?")[0], headers, await self._body(headers))

    async def _body(self, headers: dict[str, str]) -> bytes:
        if "chunked" not in headers.get("transfer-encoding", ""):
            return await self._reader.readexactly(int(headers.get("content-length", 0)))
        body = b""
        while size := int(await self._reader.readline(), 16):
            body += await self._reader.readexactly(size)
            await self._reader.readline()
        await self._reader.readline()
        return body

    async def _answer(self, request: Request) -> None:
        answer = await self._unless_gone(self._handler(request))
        if answer.events is None:
            self._begin(answer, f"content-length: {len(answer.body)}")
            self._writer.write(answer.body)
            await self._writer.drain()
            return
        self._begin(answer, "transfer-encoding: chunked\r\ncache-control: no-cache")
        await self._unless_gone(self._send(answer.events))

    async def _unless_gone(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something for the caller, and nothing more once it has hung up.

        Raises:
            ConnectionResetError: It has.
        """
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait({task}, timeout=LOOK_EVERY_S))[0]:
                if self._reader.at_eof():
                    raise ConnectionResetError
        finally:
            task.cancel()  # does nothing to what is done
            await asyncio.wait({task})
        return task.result()

    async def _send(self, events: AsyncGenerator[str]) -> None:
        """Send events as they come."""
        async with aclosing(events):
            async for event in events:
                data = f"data: {event}\n\n".encode()
                self._writer.write(b"%x\r\n%s\r\n" % (len(data), data))
                await self._writer.drain()
                if self._reader.at_eof():
                    raise ConnectionResetError
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    def _begin(self, answer: Answer, more: str) -> None:
        kind = answer.content_type
        head = f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, '')}\r\ncontent-type: {kind}\r\n{more}\r\n\r\n"
        self._writer.write(head.encode("latin-1"))
