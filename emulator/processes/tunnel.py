"""WebSockets: a request that becomes a stream of bytes both ways, until one side ends it or its time is over.

Source: https://cloud.google.com/run/docs/triggering/websockets: a WebSocket is a request like any other, with a slot of
its instance, and ends with the request timeout.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from emulator.processes import pages
from emulator.processes.passage import Passage
from emulator.processes.pool import BusyError, UnavailableError
from emulator.processes.upstream import SWITCHING, BrokenError, Upstream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.processes.caller import Caller
    from emulator.processes.pool import Pool


class Tunnel(Passage):
    """A WebSocket between a caller and an instance."""

    def __init__(
        self, pool: Pool, scope: Mapping[str, Any], headers: Mapping[bytes, bytes], caller: Caller, *, private: bool
    ) -> None:
        super().__init__(pool, scope, headers, private=private)
        self._caller = caller

    async def run(self) -> None:
        """Carry it to its end; every failure before it began is the front end's own answer."""
        try:
            instance = await self._reach()
        except (BusyError, UnavailableError) as error:
            self._caller.refuse(pages.RATE_EXCEEDED if isinstance(error, BusyError) else pages.SERVICE_UNAVAILABLE)
            return
        if instance.revision.h2c:  # it would be asked for by an extended CONNECT, which few servers take
            self._leave(instance)
            self._caller.refuse(pages.UPSTREAM_RESET)
            return
        timer = asyncio.get_running_loop().call_later(instance.revision.timeout_s, self._time_out)
        try:
            if self._connection is not None:
                await self._open(self._connection, [*self._lines(instance), *self._asked()])
        except (BrokenError, OSError):
            page = pages.UPSTREAM_TIMEOUT if self._timed_out else pages.UPSTREAM_RESET
            self._count(page.status)
            self._caller.refuse(page)
        finally:
            timer.cancel()
            self._leave(instance)
            self._caller.close()

    def _asked(self) -> list[bytes]:
        return [b"connection: upgrade", b"upgrade: " + self._headers.get(b"upgrade", b"websocket")]

    async def _open(self, connection: Upstream, lines: list[bytes]) -> None:
        connection.send(lines, upgrade=True)
        await connection.head()
        headers = self._returned(connection)
        if connection.status != SWITCHING:
            headers = [pair for pair in headers if pair[0] != b"content-length"]
            self._caller.begin(connection.status, [*headers, (b"connection", b"close")])
            self._count(connection.status)
            await self._down(connection)
            return
        asked = next((value for name, value in connection.headers if name == b"upgrade"), b"websocket")
        self._caller.begin(SWITCHING, [*headers, (b"connection", b"upgrade"), (b"upgrade", asked)])
        up = asyncio.create_task(self._up(connection))
        try:
            await self._down(connection)
        finally:
            up.cancel()
            self._count(SWITCHING)

    async def _down(self, connection: Upstream) -> None:
        with suppress(BrokenError):  # it has begun: its end is the end
            while not connection.at_end and not self._caller.ended:
                await self._caller.send(await connection.chunk())

    async def _up(self, connection: Upstream) -> None:
        with suppress(BrokenError):
            while data := await self._caller.part():
                await connection.write(data)
        connection.close()
