"""An ordinary request: there and back, both ways as it comes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from emulator.processes import pages
from emulator.processes.passage import Passage, open_to
from emulator.processes.pool import BusyError, UnavailableError
from emulator.processes.upstream import BrokenError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    from emulator.processes.instance import Instance
    from emulator.processes.pages import Page
    from emulator.processes.pool import Pool
    from emulator.processes.upstream import Upstream

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PATIENCE_S = 0.05
"""An answer that takes longer is worth a look whether the caller is still there; a task for each request is not."""
CLIENT_CLOSED = 499
"""What a request counts as whose caller left before the answer began."""


class Exchange(Passage):
    """One request on its way to an instance, and the answer on its way back."""

    def __init__(
        self,
        pool: Pool,
        scope: Mapping[str, Any],
        headers: Mapping[bytes, bytes],
        receive: Receive,
        send: Send,
        *,
        private: bool,
    ) -> None:
        super().__init__(pool, scope, headers, private=private)
        self._receive = receive
        self._send = send
        self._sent_all = True
        self._started = False
        self._gone = False
        self._watch: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Carry out the exchange; every failure becomes the front end's own answer."""
        try:
            instance = await self._reach()
        except BusyError:
            await answer(self._send, pages.RATE_EXCEEDED)
            return
        except UnavailableError:
            await answer(self._send, pages.SERVICE_UNAVAILABLE)
            return
        timer = asyncio.get_running_loop().call_later(instance.revision.timeout_s, self._time_out)
        try:
            await self._forward(instance)
        except (BrokenError, OSError):
            await self._fail()
        finally:
            timer.cancel()
            if self._watch is not None:
                self._watch.cancel()
            self._leave(instance)

    async def _forward(self, instance: Instance) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            return
        if not message.get("more_body", False):
            await self._forward_whole(instance, message.get("body", b""))
            return
        connection = await self._begin(instance, message.get("body", b""), whole=False)
        self._sent_all = False
        upload = asyncio.create_task(self._upload(connection))
        try:
            await self._return(connection)
        finally:
            upload.cancel()
            if not self._sent_all:
                connection.close()  # half a request was sent: nothing else may follow on it
            with suppress(BrokenError, asyncio.CancelledError):
                await upload

    async def _forward_whole(self, instance: Instance, body: bytes) -> None:
        impatient = asyncio.get_running_loop().call_later(PATIENCE_S, self._watch_caller)
        try:
            connection = await self._begin(instance, body, whole=True)
        finally:
            impatient.cancel()
        await self._return(connection)

    async def _begin(self, instance: Instance, body: bytes, *, whole: bool) -> Upstream:
        """Send head and first part of the body; on a kept connection that turns out to be closed, once more."""
        bodiless = self._scope["method"] == "HEAD"
        while (connection := self._connection) is not None:
            try:
                connection.send(self._lines(instance), body, whole=whole, bodiless=bodiless)
                if whole:
                    await connection.head()
            except BrokenError as error:
                if error.began or connection.exchanges == 1 or self._timed_out or self._gone:
                    raise
                self._connection = await open_to(instance)
            else:
                return connection
        raise BrokenError(began=False)

    async def _upload(self, connection: Upstream) -> None:
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._hang_up()
                return
            body, more = message.get("body", b""), message.get("more_body", False)
            if body:
                await connection.write(body)
        await connection.finish()
        self._sent_all = True
        await self._until_hangup()

    async def _return(self, connection: Upstream) -> None:
        await connection.head()
        self._started = True
        head = {"type": "http.response.start", "status": connection.status, "headers": self._returned(connection)}
        trailers = self._scope["http_version"] == "2"  # HTTP/1.1 callers of ours get none
        await self._send({**head, "trailers": True, "ends": connection.at_end} if trailers else head)
        if connection.complete:
            body = await connection.chunk()
            # Before the caller has it all: what it does next is not ahead of this, nor is a clock that it moves on.
            self._over()
            self._count(connection.status)
            await self._send({"type": "http.response.body", "body": body})
            if trailers:
                await self._send({"type": "http.response.trailers", "headers": connection.trailers})
            return
        if self._sent_all:
            self._watch_caller()
        try:
            await self._stream(connection)
        finally:
            self._count(connection.status)
        if trailers:
            await self._send({"type": "http.response.trailers", "headers": connection.trailers})

    async def _stream(self, connection: Upstream) -> None:
        """Pass on each part as it comes, at the caller's pace."""
        more = True
        while more:
            data = await connection.chunk()
            more = not connection.at_end
            if not more:
                self._over()
            await self._send({"type": "http.response.body", "body": data, "more_body": more})

    def _watch_caller(self) -> None:
        """A caller that goes away ends its request, or a container would work, and a stream go on, for nobody."""
        if self._watch is None:
            self._watch = asyncio.create_task(self._until_hangup())

    async def _until_hangup(self) -> None:
        if (await self._receive())["type"] == "http.disconnect":
            self._hang_up()

    def _hang_up(self) -> None:
        self._gone = True
        if self._connection is not None:
            self._connection.close()

    async def _fail(self) -> None:
        """Answer for the instance; an answer already begun can only be cut."""
        if self._started:
            return  # the server closes the caller's connection over an unfinished answer
        if self._gone:
            self._count(CLIENT_CLOSED)
            return
        page = pages.UPSTREAM_TIMEOUT if self._timed_out else pages.UPSTREAM_RESET
        self._count(page.status)
        await answer(self._send, page)


async def answer(send: Send, page: Page) -> None:
    """Send one of the front end's own answers."""
    headers = [(b"content-type", page.content_type), (b"content-length", str(len(page.body)).encode())]
    headers += [*page.headers, (b"server", b"Google Frontend")]
    await send({"type": "http.response.start", "status": page.status, "headers": headers})
    await send({"type": "http.response.body", "body": page.body})
