"""Listening sockets on the loopback interface, served by uvicorn's HTTP protocol without uvicorn's server.

One protocol configuration serves any number of sockets: the application sees the port in `scope["server"]`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from emulator.processes.caller import Caller
from emulator.processes.ports import bound

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.processes.caller import Upgrade

KEEP_ALIVE_S = 620  # longer than any client's, as Google's front end: the client closes first
BACKLOG = 2048
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client of HTTP/2 sends first: RFC 9113, section 3.4."""


class Listeners:
    """The open sockets of one application, by port.

    Args:
        app: Answers requests.
        upgrade: Carries WebSockets; without it, what asks for one is a request like any other, and there is no HTTP/2.
    """

    def __init__(self, app: Callable[..., Any], upgrade: Upgrade | None = None) -> None:
        def caller(**_: Any) -> Caller:
            return Caller(upgrade)  # type: ignore[arg-type]  # made only where there is one

        self._config = Config(
            app,
            http="httptools",
            ws="none" if upgrade is None else caller,  # type: ignore[arg-type]  # uvicorn calls it, whatever it is
            loop="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        self._config.load()
        self._state = ServerState()
        self._servers: dict[int, asyncio.Server] = {}

    async def open(self, wanted: int = 0) -> int:
        """Listen on a port and tell which: `wanted` where it is free, else any."""
        listening = bound(wanted)
        listening.setblocking(False)  # noqa: FBT003 - the standard library's signature
        port = int(listening.getsockname()[1])
        loop = asyncio.get_running_loop()
        self._servers[port] = await loop.create_server(self._protocol, sock=listening, backlog=BACKLOG)
        return port

    def close(self, port: int) -> None:
        """Stop listening on a port. Open connections are closed as they fall idle."""
        server = self._servers.pop(port, None)
        if server is not None:
            server.close()
        for connection in list(self._state.connections):
            if getattr(connection, "server", (None, None))[1] == port:
                connection.shutdown()

    def close_all(self) -> None:
        """Stop listening everywhere; open connections are closed as they fall idle."""
        for port in list(self._servers):
            self.close(port)

    def _protocol(self) -> asyncio.Protocol:
        if self._config.ws_protocol_class is None:
            return self._http1()
        return Door(self._http1, self._http2, self._state.connections)

    def _http1(self) -> asyncio.Protocol:
        return HttpToolsProtocol(config=self._config, server_state=self._state, app_state={})

    def _http2(self) -> asyncio.Protocol:
        from emulator.processes.caller2 import Http2Caller  # noqa: PLC0415 - few callers speak it

        return Http2Caller(self._config.loaded_app, self._state.connections)


class Door(asyncio.Protocol):
    """A connection until its first bytes say what is spoken over it: HTTP/2 by prior knowledge begins in its way."""

    def __init__(
        self, http1: Callable[[], asyncio.Protocol], http2: Callable[[], asyncio.Protocol], connections: set[Any]
    ) -> None:
        self.server: tuple[str, int] | None = None
        self._http1 = http1
        self._http2 = http2
        self._connections = connections
        self._transport: asyncio.BaseTransport | None = None
        self._first = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = transport
        self.server = transport.get_extra_info("sockname")
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone before it said anything."""
        del exc
        self._connections.discard(self)

    def shutdown(self) -> None:
        """The address is closed."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Wait for as much as is needed, and hand over."""
        self._first += data
        if len(self._first) < len(PREFACE) and PREFACE.startswith(self._first):
            return
        protocol = self._http2() if self._first.startswith(PREFACE) else self._http1()
        self._connections.discard(self)
        if self._transport is not None:
            self._transport.set_protocol(protocol)
            protocol.connection_made(self._transport)
            protocol.data_received(self._first)
